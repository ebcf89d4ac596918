/* SPDX-License-Identifier: BSD-3-Clause */
/* getsockopt(2), setsockopt(2). What concerns every socket is here; the rest is the transport's. */
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/time.h>

#include "posix/socket.h"

/* As Linux: the least that setting gives (SOCK_MIN_RCVBUF, SOCK_MIN_SNDBUF), and the most. */
#define UDP_RCVBUF_MIN 2304u
#define UDP_SNDBUF_MIN 4608u
#define UDP_BUFFER_MAX (64u << 20)

/* Options that are one bit of file.flags. */
static uint16_t flag_of(int name)
{
    switch (name) {
    case SO_REUSEADDR:
        return SOCK_F_REUSEADDR;
    case SO_REUSEPORT:
        return SOCK_F_REUSEPORT;
    case SO_BROADCAST:
        return SOCK_F_BROADCAST;
    case SO_KEEPALIVE:
        return SOCK_F_KEEPALIVE;
    default:
        return 0;
    }
}

static int read_int(const void *val, socklen_t len, int *out)
{
    if (len < sizeof(int))
        return -EINVAL;
    memcpy(out, val, sizeof(int));
    return 0;
}

/* Cut to the room there is, as Linux does. */
static int write_value(void *val, socklen_t *len, const void *from, size_t size)
{
    if (*len > size)
        *len = (socklen_t)size;
    memcpy(val, from, *len);
    return 0;
}

/* ---- set ---- */

static int set_timeout(uint32_t *out, const void *val, socklen_t len)
{
    struct timeval tv;
    if (len < sizeof(tv))
        return -EINVAL;
    memcpy(&tv, val, sizeof(tv));
    if (tv.tv_usec < 0 || tv.tv_usec >= USEC_PER_SEC)
        return -EDOM;
    uint64_t ms = 0;
    if (tv.tv_sec < 0) /* Linux: a negative time does not wait; the shortest there is here */
        ms = 1;
    else if ((uint64_t)tv.tv_sec < UINT32_MAX / 1000)
        ms = (uint64_t)tv.tv_sec * 1000 + ((uint64_t)tv.tv_usec + 999) / 1000;
    *out = (uint32_t)ms; /* 0, or more than 49 days: for ever */
    return 0;
}

static int set_linger(struct engine *e, struct sock *s, const void *val, socklen_t len)
{
    struct linger l;
    if (len < sizeof(l))
        return -EINVAL;
    memcpy(&l, val, sizeof(l));
    if (sock_is_tcp(s)) {
        int err = tcp_setopt(engine_tcp(e), s->tcb, SOL_SOCKET, SO_LINGER, val, len);
        if (err != 0)
            return err;
    }
    s->file.flags &= ~SOCK_F_LINGER;
    if (l.l_onoff != 0)
        s->file.flags |= SOCK_F_LINGER;
    s->linger_s = l.l_linger < 0 ? INT_MAX : (uint32_t)l.l_linger;
    return 0;
}

static int set_flag(struct engine *e, struct sock *s, int name, uint16_t flag, const void *val, socklen_t len)
{
    int v = 0;
    int err = read_int(val, len, &v);
    if (err == 0 && name == SO_KEEPALIVE && sock_is_tcp(s))
        err = tcp_setopt(engine_tcp(e), s->tcb, SOL_SOCKET, SO_KEEPALIVE, val, len);
    if (err == 0 && name == SO_BROADCAST && !sock_is_tcp(s))
        err = udp_setopt(engine_udp(e), s->udp, UDP_OPT_BROADCAST, v != 0);
    if (err != 0)
        return err;
    s->file.flags = v != 0 ? s->file.flags | flag : s->file.flags & ~flag;
    if ((flag & (SOCK_F_REUSEADDR | SOCK_F_REUSEPORT)) != 0 && sock_is_tcp(s))
        tcp_set_reuse(engine_tcp(e), s->tcb,
                      ((s->file.flags & SOCK_F_REUSEADDR) != 0 ? TCP_REUSEADDR : 0) |
                          ((s->file.flags & SOCK_F_REUSEPORT) != 0 ? TCP_REUSEPORT : 0));
    return 0;
}

/* SO_RCVBUF and SO_SNDBUF of a datagram socket: doubled and at least so large, as on Linux. */
static int set_udp_buffer(struct engine *e, struct sock *s, int name, const void *val, socklen_t len)
{
    int v = 0;
    int err = read_int(val, len, &v);
    if (err != 0)
        return err;
    uint32_t bytes = v < 0 ? UDP_BUFFER_MAX : (uint32_t)v;
    bytes = bytes > UDP_BUFFER_MAX / 2 ? UDP_BUFFER_MAX : bytes * 2;
    if (name == SO_RCVBUF)
        return udp_setopt(engine_udp(e), s->udp, UDP_OPT_RCVBUF,
                          bytes < UDP_RCVBUF_MIN ? UDP_RCVBUF_MIN : bytes);
    return udp_setopt(engine_udp(e), s->udp, UDP_OPT_SNDBUF, bytes < UDP_SNDBUF_MIN ? UDP_SNDBUF_MIN : bytes);
}

static int set_socket_level(struct engine *e, struct sock *s, int name, const void *val, socklen_t len)
{
    uint16_t flag = flag_of(name);
    if (flag != 0)
        return set_flag(e, s, name, flag, val, len);
    switch (name) {
    case SO_RCVTIMEO:
        return set_timeout(&s->rcvtimeo_ms, val, len);
    case SO_SNDTIMEO:
        return set_timeout(&s->sndtimeo_ms, val, len);
    case SO_LINGER:
        return set_linger(e, s, val, len);
    case SO_TYPE: /* read only */
    case SO_PROTOCOL:
    case SO_DOMAIN:
    case SO_ERROR:
    case SO_ACCEPTCONN:
        return -ENOPROTOOPT;
    case SO_RCVBUF:
    case SO_SNDBUF:
        if (!sock_is_tcp(s))
            return set_udp_buffer(e, s, name, val, len);
        break;
    }
    if (!sock_is_tcp(s))
        return -ENOPROTOOPT;
    int err = tcp_setopt(engine_tcp(e), s->tcb, SOL_SOCKET, name, val, len);
    if (err == 0 && name == SO_RCVLOWAT)
        s->file.flags |= SOCK_F_RCVLOWAT;
    return err;
}

/* ip(7): TTL and TOS of datagrams, IP_RECVERR, IP_FREEBIND and IP_MTU_DISCOVER. IP_TTL takes 1 to 255, and -1
 * for the default. */
static int set_udp_ip(struct engine *e, struct sock *s, int name, const void *val, socklen_t len)
{
    int v = 0;
    if (name != IP_TTL && name != IP_TOS && name != IP_RECVERR && name != IP_MTU_DISCOVER &&
        name != IP_FREEBIND)
        return -ENOPROTOOPT;
    if (len >= sizeof(int))
        memcpy(&v, val, sizeof(int));
    else if (len >= 1)
        v = *(const uint8_t *)val;
    else
        return -EINVAL;
    if (name == IP_TOS)
        return udp_setopt(engine_udp(e), s->udp, UDP_OPT_TOS, (uint8_t)v);
    if (name == IP_RECVERR)
        return udp_setopt(engine_udp(e), s->udp, UDP_OPT_RECVERR, v != 0);
    if (name == IP_FREEBIND)
        return udp_setopt(engine_udp(e), s->udp, UDP_OPT_FREEBIND, v != 0);
    if (name == IP_MTU_DISCOVER)
        return udp_setopt(engine_udp(e), s->udp, UDP_OPT_MTU_DISCOVER, (uint32_t)v);
    if (v == -1)
        v = (int)e->w->ctx.tun->ip_default_ttl;
    return v < 1 || v > 255 ? -EINVAL : udp_setopt(engine_udp(e), s->udp, UDP_OPT_TTL, (uint32_t)v);
}

/* tcp(7) */
static int set_inq(struct sock *s, const void *val, socklen_t len)
{
    int v = 0;
    int err = read_int(val, len, &v);
    if (err != 0 || v < 0 || v > 1)
        return -EINVAL;
    s->file.flags = v != 0 ? s->file.flags | SOCK_F_INQ : s->file.flags & ~SOCK_F_INQ;
    return 0;
}

/* ip(7): bind with port 0 sets the address alone, so that a port can serve connections to many peers. */
static int set_bind_no_port(struct sock *s, const void *val, socklen_t len)
{
    int v = 0;
    int err = read_int(val, len, &v);
    if (err == 0)
        s->file.flags = v != 0 ? s->file.flags | SOCK_F_BIND_NO_PORT : s->file.flags & ~SOCK_F_BIND_NO_PORT;
    return err;
}

int sock_setopt(struct engine *e, int fd, int level, int name, const void *val, socklen_t len)
{
    int err = 0;
    struct sock *s = sock_get(e, fd, &err);
    if (s == NULL)
        return err;
    if ((int)len < 0)
        return -EINVAL;
    if (val == NULL)
        return -EFAULT;
    if (level == SOL_SOCKET)
        return set_socket_level(e, s, name, val, len);
    if (sock_is_tcp(s) && level == IPPROTO_TCP && name == TCP_INQ)
        return set_inq(s, val, len);
    if (sock_is_tcp(s) && level == IPPROTO_IP && name == IP_BIND_ADDRESS_NO_PORT)
        return set_bind_no_port(s, val, len);
    if (sock_is_tcp(s) && (level == IPPROTO_TCP || level == IPPROTO_IP))
        return tcp_setopt(engine_tcp(e), s->tcb, level, name, val, len);
    if (!sock_is_tcp(s) && level == IPPROTO_IP)
        return set_udp_ip(e, s, name, val, len);
    return -ENOPROTOOPT;
}

/* ---- get ---- */

static int take_error(struct sock *s)
{
    int err = sock_is_tcp(s) ? tcp_take_error(s->tcb) : udp_take_error(s->udp);
    if (err != 0) /* whoever asked knows now how the connect ended */
        s->file.flags &= ~SOCK_F_CONNECTING;
    return err;
}

/* Options with an int that are known here. -ENOPROTOOPT: not one of them. */
static int get_own_int(struct sock *s, int name, int *out)
{
    uint16_t flag = flag_of(name);
    if (flag != 0) {
        *out = (s->file.flags & flag) != 0;
        return 0;
    }
    switch (name) {
    case SO_ERROR:
        *out = take_error(s);
        return 0;
    case SO_TYPE:
        *out = sock_is_tcp(s) ? SOCK_STREAM : SOCK_DGRAM;
        return 0;
    case SO_PROTOCOL:
        *out = sock_is_tcp(s) ? IPPROTO_TCP : IPPROTO_UDP;
        return 0;
    case SO_DOMAIN:
        *out = AF_INET;
        return 0;
    case SO_ACCEPTCONN:
        *out = sock_is_tcp(s) && tcp_is_listener(s->tcb);
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

static int get_timeout(uint32_t ms, void *val, socklen_t *len)
{
    const struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    return write_value(val, len, &tv, sizeof(tv));
}

static int get_udp_int(struct sock *s, int level, int name, int *out)
{
    if (level == SOL_SOCKET && name == SO_RCVBUF)
        *out = (int)udp_getopt(s->udp, UDP_OPT_RCVBUF);
    else if (level == SOL_SOCKET && name == SO_SNDBUF)
        *out = (int)udp_getopt(s->udp, UDP_OPT_SNDBUF);
    else if (level == SOL_SOCKET && name == SO_RCVLOWAT)
        *out = 1;
    else if (level == IPPROTO_IP && name == IP_TTL)
        *out = (int)udp_getopt(s->udp, UDP_OPT_TTL);
    else if (level == IPPROTO_IP && name == IP_TOS)
        *out = (int)udp_getopt(s->udp, UDP_OPT_TOS);
    else if (level == IPPROTO_IP && name == IP_RECVERR)
        *out = (int)udp_getopt(s->udp, UDP_OPT_RECVERR);
    else if (level == IPPROTO_IP && name == IP_FREEBIND)
        *out = (int)udp_getopt(s->udp, UDP_OPT_FREEBIND);
    else if (level == IPPROTO_IP && name == IP_MTU_DISCOVER)
        *out = (int)udp_getopt(s->udp, UDP_OPT_MTU_DISCOVER);
    else
        return -ENOPROTOOPT;
    return 0;
}

int sock_getopt(struct engine *e, int fd, int level, int name, void *val, socklen_t *len)
{
    int v = 0, err = 0;
    struct sock *s = sock_get(e, fd, &err);
    if (s == NULL)
        return err;
    if (val == NULL || len == NULL)
        return -EFAULT;
    if ((int)*len < 0)
        return -EINVAL;
    if (level == SOL_SOCKET) {
        if (get_own_int(s, name, &v) == 0)
            return write_value(val, len, &v, sizeof(v));
        if (name == SO_RCVTIMEO || name == SO_SNDTIMEO)
            return get_timeout(name == SO_RCVTIMEO ? s->rcvtimeo_ms : s->sndtimeo_ms, val, len);
        if (name == SO_LINGER) {
            const struct linger l = {.l_onoff = (s->file.flags & SOCK_F_LINGER) != 0,
                                     .l_linger = (int)s->linger_s};
            return write_value(val, len, &l, sizeof(l));
        }
    }
    if (sock_is_tcp(s) && level == IPPROTO_TCP && name == TCP_INQ) {
        v = (s->file.flags & SOCK_F_INQ) != 0;
        return write_value(val, len, &v, sizeof(v));
    }
    if (sock_is_tcp(s) && level == IPPROTO_IP && name == IP_BIND_ADDRESS_NO_PORT) {
        v = (s->file.flags & SOCK_F_BIND_NO_PORT) != 0;
        return write_value(val, len, &v, sizeof(v));
    }
    if (sock_is_tcp(s))
        return level == SOL_SOCKET || level == IPPROTO_TCP || level == IPPROTO_IP
                   ? tcp_getopt(engine_tcp(e), s->tcb, level, name, val, len)
                   : -ENOPROTOOPT;
    err = get_udp_int(s, level, name, &v);
    return err != 0 ? err : write_value(val, len, &v, sizeof(v));
}
