/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/sockopts.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "tcp/congestion.h"
#include "tcp/info.h"
#include "tcp/options.h"
#include "tcp/output.h"
#include "tcp/rcv_queue.h"
#include "tcp/rtt.h"
#include "tcp/snd_room.h"
#include "tcp/tcp_private.h"
#include "tcp/timers.h"

#define KEEP_MAX_S  32767
#define KEEPCNT_MAX 127
#ifndef TCP_RTO_MAX_MS
#define TCP_RTO_MAX_MS 44 /* Linux 6.15 */
#endif
#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE 51 /* Linux 6.3 */
#endif
#define MAXSEG_MIN          88
#define MAXSEG_MAX          32767
#define RCVBUF_MIN          2304u /* Linux's SOCK_MIN_RCVBUF and SOCK_MIN_SNDBUF */
#define SNDBUF_MIN          4608u
#define CONGESTION_NAME_MAX 16

/* ---- shared sets ---- */

static struct tcp_opts *opts_at(const struct tcp *t, uint32_t index)
{
    return (struct tcp_opts *)slab_at(&t->opts, index);
}

int opts_init(struct tcp *t)
{
    const struct tunables *tun = t->ctx->tun;
    t->default_opts = slab_alloc(&t->opts);
    if (t->default_opts == 0)
        return -ENOMEM;
    *opts_at(t, t->default_opts) = (struct tcp_opts){
        .holders = 1,
        .keepidle = tun->tcp_keepalive_time_s,
        .keepintvl = tun->tcp_keepalive_intvl_s,
        .keepcnt = (uint8_t)tun->tcp_keepalive_probes,
        .rcvlowat = 1,
        .mtu_discover = IP_PMTUDISC_WANT,
    };
    return 0;
}

uint32_t opts_hold(struct tcp *t, uint32_t index)
{
    opts_at(t, index)->holders++;
    return index;
}

void opts_drop(struct tcp *t, uint32_t index)
{
    if (--opts_at(t, index)->holders == 0)
        slab_free(&t->opts, index);
}

const struct tcp_opts *opts_of(const struct tcp *t, const struct tcb *tcb)
{
    return opts_at(t, tcb->opts);
}

/* A set of tcb's own, to be changed. NULL without memory. */
static struct tcp_opts *opts_own(struct tcp *t, struct tcb *tcb)
{
    struct tcp_opts *o = opts_at(t, tcb->opts);
    if (o->holders == 1)
        return o;
    uint32_t i = slab_alloc(&t->opts);
    if (i == 0) {
        count(&t->ctx->counters, CNT_TCP_NO_MEMORY);
        return NULL;
    }
    *opts_at(t, i) = *o;
    opts_at(t, i)->holders = 1;
    opts_drop(t, tcb->opts);
    tcb->opts = i;
    return opts_at(t, i);
}

uint32_t opts_syn_retries(const struct tcp *t, const struct tcb *tcb)
{
    uint8_t own = opts_of(t, tcb)->syn_retries;
    return own != 0 ? own : t->ctx->tun->tcp_syn_retries;
}

uint32_t opts_fin_timeout_s(const struct tcp *t, const struct tcb *tcb)
{
    int32_t own = opts_of(t, tcb)->linger2_s;
    return own > 0 ? (uint32_t)own : t->ctx->tun->tcp_fin_timeout_s;
}

uint32_t opts_rto_max_us(const struct tcp *t, const struct tcb *tcb)
{
    uint32_t own = opts_of(t, tcb)->rto_max_ms;
    return (own != 0 ? own : t->ctx->tun->tcp_rto_max_ms) * USEC_PER_MSEC;
}

void opts_port_range(const struct tcp *t, const struct tcb *tcb, uint16_t *min, uint16_t *max)
{
    const struct tcp_opts *o = opts_of(t, tcb);
    const struct tunables *tun = t->ctx->tun;
    uint16_t lo = (uint16_t)tun->ip_local_port_min, hi = (uint16_t)tun->ip_local_port_max;
    *min = o->port_min >= lo && o->port_min <= hi ? o->port_min : lo;
    *max = o->port_max >= lo && o->port_max <= hi ? o->port_max : hi;
}

/* ---- setting ---- */

static int get_int(const void *val, socklen_t len, int *out)
{
    if (len < sizeof(int))
        return -EINVAL;
    memcpy(out, val, sizeof(int));
    return 0;
}

static void set_flag(struct tcb *tcb, uint32_t flag, bool on)
{
    tcb->flags = on ? tcb->flags | flag : tcb->flags & ~flag;
}

/* socket(7): the kernel doubles the value; what is set is no longer tuned. */
static uint32_t buffer_size(int v, uint32_t min, uint32_t max)
{
    uint32_t want = v < 0 ? 0 : (uint32_t)v;
    if (want > max)
        want = max;
    return RTE_MAX(want * 2, min);
}

static int set_linger(struct tcp *t, struct tcb *tcb, const void *val, socklen_t len)
{
    struct linger l;
    if (len < sizeof l)
        return -EINVAL;
    memcpy(&l, val, sizeof l);
    if (l.l_onoff != 0) {
        struct tcp_opts *o = opts_own(t, tcb);
        if (o == NULL)
            return -ENOMEM;
        o->linger_s = l.l_linger;
    }
    set_flag(tcb, TCB_LINGER, l.l_onoff != 0);
    return 0;
}

static int set_socket(struct tcp *t, struct tcb *tcb, int name, const void *val, socklen_t len)
{
    int v, rc;
    if (name == SO_LINGER)
        return set_linger(t, tcb, val, len);
    rc = get_int(val, len, &v);
    if (rc != 0)
        return rc;
    switch (name) {
    case SO_RCVBUF:
        tcb->rcvbuf = buffer_size(v, RCVBUF_MIN, t->ctx->tun->tcp_rmem.max);
        set_flag(tcb, TCB_RCVBUF_LOCKED, true);
        return 0;
    case SO_SNDBUF:
        tcb->sndbuf = buffer_size(v, SNDBUF_MIN, t->ctx->tun->tcp_wmem.max);
        set_flag(tcb, TCB_SNDBUF_LOCKED, true);
        return 0;
    case SO_KEEPALIVE:
        set_flag(tcb, TCB_KEEPALIVE, v != 0);
        timers_keepalive(t, tcb);
        return 0;
    case SO_OOBINLINE:
        set_flag(tcb, TCB_OOBINLINE, v != 0);
        return 0;
    case SO_RCVLOWAT: {
        struct tcp_opts *o = opts_own(t, tcb);
        if (o == NULL)
            return -ENOMEM;
        o->rcvlowat = v < 0 ? INT32_MAX : v == 0 ? 1 : (uint32_t)v;
        return 0;
    }
    default:
        return -ENOPROTOOPT;
    }
}

/* In which SYN-ACK time-outs (1, 3, 7, ... s) does a time span end? */
static uint8_t seconds_to_timeouts(int seconds)
{
    uint8_t n = 0;
    for (int64_t passed = 0, next = 1; passed < seconds && n < SYN_QUEUE_LEVELS - 1; n++, next *= 2)
        passed += next;
    return n;
}

static int timeouts_to_seconds(uint8_t n)
{
    return n == 0 ? 0 : (1 << n) - 1;
}

/* tcp(7): bounds the window that is announced; as on Linux to half of SOCK_MIN_RCVBUF at least. */
static int set_window_clamp(struct tcb *tcb, struct tcp_opts *o, int v)
{
    if (v < 0 || (v == 0 && tcb->state != TCP_S_CLOSED))
        return -EINVAL;
    o->window_clamp = v == 0 ? 0 : RTE_MAX((uint32_t)v, RCVBUF_MIN / 2);
    if (v != 0 && tcb->rcv_ssthresh > o->window_clamp)
        tcb->rcv_ssthresh = o->window_clamp;
    return 0;
}

static int set_rare(struct tcp *t, struct tcb *tcb, int name, int v)
{
    struct tcp_opts *o = opts_own(t, tcb);
    if (o == NULL)
        return -ENOMEM;
    switch (name) {
    case TCP_MAXSEG:
        if (v != 0 && (v < MAXSEG_MIN || v > MAXSEG_MAX))
            return -EINVAL;
        o->maxseg = (uint16_t)v;
        return 0;
    case TCP_KEEPIDLE:
        if (v < 1 || v > KEEP_MAX_S)
            return -EINVAL;
        o->keepidle = (uint32_t)v;
        timers_keepalive(t, tcb);
        return 0;
    case TCP_KEEPINTVL:
        if (v < 1 || v > KEEP_MAX_S)
            return -EINVAL;
        o->keepintvl = (uint32_t)v;
        return 0;
    case TCP_KEEPCNT:
        if (v < 1 || v > KEEPCNT_MAX)
            return -EINVAL;
        o->keepcnt = (uint8_t)v;
        return 0;
    case TCP_SYNCNT:
        if (v < 1 || v > KEEPCNT_MAX)
            return -EINVAL;
        o->syn_retries = (uint8_t)v;
        return 0;
    case TCP_LINGER2:
        o->linger2_s = v < 0 ? -1 : v > 120 ? 120 : v;
        return 0;
    case TCP_USER_TIMEOUT:
        if (v < 0)
            return -EINVAL;
        o->user_timeout_ms = (uint32_t)v;
        return 0;
    case TCP_RTO_MAX_MS:
        if (v < (int)(RTT_RTO_MAX_LEAST_US / USEC_PER_MSEC) || v > (int)(RTT_RTO_MAX_US / USEC_PER_MSEC))
            return -EINVAL;
        o->rto_max_ms = (uint32_t)v;
        return 0;
    case TCP_NOTSENT_LOWAT: /* as on Linux a signed number below 0 is a large one */
        o->notsent_lowat = (uint32_t)v;
        snd_room_lowat_changed(t, tcb);
        return 0;
    case TCP_DEFER_ACCEPT:
        o->defer_accept = seconds_to_timeouts(v);
        return 0;
    case TCP_WINDOW_CLAMP:
        return set_window_clamp(tcb, o, v);
    default:
        return -ENOPROTOOPT;
    }
}

static int set_congestion(struct tcp *t, struct tcb *tcb, const char *name, socklen_t len)
{
    int i = congestion_find(name, strnlen(name, len));
    if (i < 0)
        return i;
    congestion_choose(t, tcb, (uint8_t)i);
    return 0;
}

static int set_quickack(struct tcp *t, struct tcb *tcb, int v)
{
    if (v == 0) {
        tcb->flags |= TCB_PINGPONG;
        return 0;
    }
    tcb->flags &= ~TCB_PINGPONG;
    options_quick_acks(t, tcb);
    if ((tcb->timers & TIMER_DELACK_ANY) != 0) {
        tcb->flags |= TCB_ACK_NOW;
        tcb_touch(t, tcb);
    }
    return 0;
}

/* tcp(7): TCP_NODELAY flushes what is waiting, once, even under TCP_CORK. */
static void flush_held(struct tcp *t, struct tcb *tcb)
{
    uint32_t cork = tcb->flags & TCB_CORK;
    tcb->flags &= ~(TCB_CORK | TCB_MORE);
    output_run(t, tcb);
    tcb->flags |= cork;
}

static int set_tcp(struct tcp *t, struct tcb *tcb, int name, const void *val, socklen_t len)
{
    int v, rc;
    if (name == TCP_CONGESTION)
        return set_congestion(t, tcb, val, len);
    rc = get_int(val, len, &v);
    if (rc != 0)
        return rc;
    switch (name) {
    case TCP_NODELAY:
        set_flag(tcb, TCB_NODELAY, v != 0);
        if (v != 0)
            flush_held(t, tcb);
        break;
    case TCP_CORK:
        set_flag(tcb, TCB_CORK, v != 0);
        break;
    case TCP_QUICKACK:
        return set_quickack(t, tcb, v);
    default:
        return set_rare(t, tcb, name, v);
    }
    tcb_touch(t, tcb); /* what was held back may go now */
    return 0;
}

static int set_recverr(struct tcp *t, struct tcb *tcb, bool on)
{
    struct tcp_opts *o = opts_own(t, tcb);
    if (o == NULL)
        return -ENOMEM;
    o->recverr = on;
    return 0;
}

static int set_freebind(struct tcp *t, struct tcb *tcb, bool on)
{
    struct tcp_opts *o = opts_own(t, tcb);
    if (o == NULL)
        return -ENOMEM;
    o->freebind = on;
    return 0;
}

/* ip(7): the last port in the upper half, the first in the lower; 0 in either: no bound, nor is one that
 * lies outside the tunable's range. */
static int set_port_range(struct tcp *t, struct tcb *tcb, uint32_t range)
{
    uint16_t lo = (uint16_t)range, hi = (uint16_t)(range >> 16);
    if (lo != 0 && hi != 0 && lo > hi)
        return -EINVAL;
    struct tcp_opts *o = opts_own(t, tcb);
    if (o == NULL)
        return -ENOMEM;
    o->port_min = lo;
    o->port_max = hi;
    return 0;
}

/* ip(7): DONT sends without DF; WANT and DO are one thing here, for a segment is cut to the path's MTU. */
static int set_mtu_discover(struct tcp *t, struct tcb *tcb, int v)
{
    if (v != IP_PMTUDISC_DONT && v != IP_PMTUDISC_WANT && v != IP_PMTUDISC_DO)
        return -EINVAL;
    struct tcp_opts *o = opts_own(t, tcb);
    if (o == NULL)
        return -ENOMEM;
    o->mtu_discover = (uint8_t)v;
    tcb->path.valid = false; /* transmit_path looks at it */
    return 0;
}

/* RFC9293-MUST-48, RFC9293-MUST-49, RFC9293-SHLD-21, RFC9293-SHLD-22 */
static int set_ip(struct tcp *t, struct tcb *tcb, int name, const void *val, socklen_t len)
{
    int v = 0;
    if (len == 1)
        v = *(const uint8_t *)val; /* ip(7) takes a byte as well */
    else if (get_int(val, len, &v) != 0)
        return -EINVAL;
    switch (name) {
    case IP_TTL:
        if (v < 1 || v > 255)
            return -EINVAL;
        tcb->ttl = (uint8_t)v;
        return 0;
    case IP_RECVERR:
        return set_recverr(t, tcb, v != 0);
    case IP_FREEBIND:
        return set_freebind(t, tcb, v != 0);
    case IP_LOCAL_PORT_RANGE:
        return len < sizeof v ? -EINVAL : set_port_range(t, tcb, (uint32_t)v);
    case IP_MTU_DISCOVER:
        return set_mtu_discover(t, tcb, v);
    case IP_TOS:
        tcb->tos = (uint8_t)(v & ~3); /* the ECN bits are ours */
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

int tcp_setopt(struct tcp *t, struct tcb *tcb, int level, int name, const void *val, socklen_t len)
{
    switch (level) {
    case SOL_SOCKET:
        return set_socket(t, tcb, name, val, len);
    case IPPROTO_TCP:
        return set_tcp(t, tcb, name, val, len);
    case IPPROTO_IP:
        return set_ip(t, tcb, name, val, len);
    default:
        return -ENOPROTOOPT;
    }
}

/* ---- reading ---- */

static int put_bytes(const void *src, size_t n, void *val, socklen_t *len)
{
    if (*len > n)
        *len = (socklen_t)n;
    memcpy(val, src, *len);
    return 0;
}

static int put_int(int v, void *val, socklen_t *len)
{
    return put_bytes(&v, sizeof v, val, len);
}

static int get_socket(struct tcp *t, const struct tcb *tcb, int name, void *val, socklen_t *len)
{
    switch (name) {
    case SO_RCVBUF:
        return put_int((int)tcb->rcvbuf, val, len);
    case SO_SNDBUF:
        return put_int((int)tcb->sndbuf, val, len);
    case SO_KEEPALIVE:
        return put_int(tcb_is(tcb, TCB_KEEPALIVE), val, len);
    case SO_OOBINLINE:
        return put_int(tcb_is(tcb, TCB_OOBINLINE), val, len);
    case SO_RCVLOWAT:
        return put_int((int)opts_of(t, tcb)->rcvlowat, val, len);
    case SO_LINGER: {
        struct linger l = {tcb_is(tcb, TCB_LINGER), opts_of(t, tcb)->linger_s};
        return put_bytes(&l, sizeof l, val, len);
    }
    default:
        return -ENOPROTOOPT;
    }
}

static int get_maxseg(const struct tcp *t, const struct tcb *tcb)
{
    if (!tcb_synchronized(tcb) && opts_of(t, tcb)->maxseg != 0)
        return opts_of(t, tcb)->maxseg;
    return tcb->snd_mss;
}

static int get_tcp(struct tcp *t, const struct tcb *tcb, int name, void *val, socklen_t *len)
{
    const struct tcp_opts *o = opts_of(t, tcb);
    switch (name) {
    case TCP_NODELAY:
        return put_int(tcb_is(tcb, TCB_NODELAY), val, len);
    case TCP_CORK:
        return put_int(tcb_is(tcb, TCB_CORK), val, len);
    case TCP_QUICKACK:
        return put_int(!tcb_is(tcb, TCB_PINGPONG), val, len);
    case TCP_MAXSEG:
        return put_int(get_maxseg(t, tcb), val, len);
    case TCP_KEEPIDLE:
        return put_int((int)o->keepidle, val, len);
    case TCP_KEEPINTVL:
        return put_int((int)o->keepintvl, val, len);
    case TCP_KEEPCNT:
        return put_int(o->keepcnt, val, len);
    case TCP_SYNCNT:
        return put_int((int)opts_syn_retries(t, tcb), val, len);
    case TCP_LINGER2:
        return put_int(o->linger2_s < 0 ? -1 : (int)opts_fin_timeout_s(t, tcb), val, len);
    case TCP_USER_TIMEOUT:
        return put_int((int)o->user_timeout_ms, val, len);
    case TCP_RTO_MAX_MS:
        return put_int((int)(opts_rto_max_us(t, tcb) / USEC_PER_MSEC), val, len);
    case TCP_NOTSENT_LOWAT:
        return put_int((int)o->notsent_lowat, val, len);
    case TCP_DEFER_ACCEPT:
        return put_int(timeouts_to_seconds(o->defer_accept), val, len);
    case TCP_CONGESTION: {
        char buf[CONGESTION_NAME_MAX] = {0};
        strncpy(buf, congestion_of(tcb)->name, sizeof buf - 1);
        return put_bytes(buf, sizeof buf, val, len);
    }
    case TCP_INFO:
        info_get(t, tcb, val, len);
        return 0;
    case TCP_WINDOW_CLAMP:
        return put_int((int)o->window_clamp, val, len);
    default:
        return -ENOPROTOOPT;
    }
}

static int get_ip(struct tcp *t, const struct tcb *tcb, int name, void *val, socklen_t *len)
{
    const struct tcp_opts *o = opts_of(t, tcb);
    switch (name) {
    case IP_TTL:
        return put_int(tcb->ttl, val, len);
    case IP_TOS:
        return put_int(tcb->tos, val, len);
    case IP_RECVERR:
        return put_int(o->recverr, val, len);
    case IP_FREEBIND:
        return put_int(o->freebind, val, len);
    case IP_MTU_DISCOVER:
        return put_int(o->mtu_discover, val, len);
    case IP_LOCAL_PORT_RANGE:
        return put_int((int)((uint32_t)o->port_max << 16 | o->port_min), val, len);
    default:
        return -ENOPROTOOPT;
    }
}

int tcp_getopt(struct tcp *t, struct tcb *tcb, int level, int name, void *val, socklen_t *len)
{
    switch (level) {
    case SOL_SOCKET:
        return get_socket(t, tcb, name, val, len);
    case IPPROTO_TCP:
        return get_tcp(t, tcb, name, val, len);
    case IPPROTO_IP:
        return get_ip(t, tcb, name, val, len);
    default:
        return -ENOPROTOOPT;
    }
}
