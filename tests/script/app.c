/* SPDX-License-Identifier: BSD-3-Clause */
/* The application's side of a script: socket calls, and looks at what they left behind. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "posix/socket.h"
#include "script.h"

/* ---- names ---- */

static const struct {
    const char *name;
    int value;
} errno_names[] = {
    {"EAGAIN", EAGAIN},
    {"EPIPE", EPIPE},
    {"ENOTCONN", ENOTCONN},
    {"ECONNRESET", ECONNRESET},
    {"EINVAL", EINVAL},
    {"ETIMEDOUT", ETIMEDOUT},
    {"ECONNREFUSED", ECONNREFUSED},
    {"EHOSTUNREACH", EHOSTUNREACH},
    {"EISCONN", EISCONN},
    {"EADDRNOTAVAIL", EADDRNOTAVAIL},
    {"ENETUNREACH", ENETUNREACH},
    {"EINPROGRESS", EINPROGRESS},
    {"EALREADY", EALREADY},
    {"EADDRINUSE", EADDRINUSE},
    {"ECONNABORTED", ECONNABORTED},
    {"EPROTO", EPROTO},
    {"ENOPROTOOPT", ENOPROTOOPT},
    {"EMSGSIZE", EMSGSIZE},
    {"ENOENT", ENOENT},
};

int script_errno(const char *name)
{
    for (unsigned i = 0; i < RTE_DIM(errno_names); i++)
        if (strcmp(errno_names[i].name, name) == 0)
            return errno_names[i].value;
    return 0;
}

const char *script_errno_name(int err, char *buf, size_t size)
{
    for (unsigned i = 0; i < RTE_DIM(errno_names); i++)
        if (errno_names[i].value == err)
            return errno_names[i].name;
    snprintf(buf, size, "errno %d", err);
    return buf;
}

static const struct {
    const char *name;
    int level, value;
} option_names[] = {
    {"TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY},
    {"TCP_CORK", IPPROTO_TCP, TCP_CORK},
    {"TCP_MAXSEG", IPPROTO_TCP, TCP_MAXSEG},
    {"TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE},
    {"TCP_KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL},
    {"TCP_KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT},
    {"TCP_QUICKACK", IPPROTO_TCP, TCP_QUICKACK},
    {"TCP_LINGER2", IPPROTO_TCP, TCP_LINGER2},
    {"TCP_USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT},
    {"TCP_NOTSENT_LOWAT", IPPROTO_TCP, TCP_NOTSENT_LOWAT},
    {"TCP_DEFER_ACCEPT", IPPROTO_TCP, TCP_DEFER_ACCEPT},
    {"TCP_SYNCNT", IPPROTO_TCP, TCP_SYNCNT},
    {"TCP_WINDOW_CLAMP", IPPROTO_TCP, TCP_WINDOW_CLAMP},
    {"TCP_RTO_MAX_MS", IPPROTO_TCP, 44}, /* Linux 6.15 */
    {"SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE},
    {"SO_RCVBUF", SOL_SOCKET, SO_RCVBUF},
    {"SO_SNDBUF", SOL_SOCKET, SO_SNDBUF},
    {"SO_OOBINLINE", SOL_SOCKET, SO_OOBINLINE},
    {"SO_ERROR", SOL_SOCKET, SO_ERROR},
    {"SO_RCVLOWAT", SOL_SOCKET, SO_RCVLOWAT},
    {"IP_TTL", IPPROTO_IP, IP_TTL},
    {"IP_RECVERR", IPPROTO_IP, IP_RECVERR},
    {"IP_TOS", IPPROTO_IP, IP_TOS},
    {"IP_MTU_DISCOVER", IPPROTO_IP, IP_MTU_DISCOVER},
};

static const struct {
    const char *name;
    uint32_t bit;
} event_names[] = {
    {"in", EPOLLIN},   {"out", EPOLLOUT},     {"err", EPOLLERR},
    {"hup", EPOLLHUP}, {"rdhup", EPOLLRDHUP}, {"pri", EPOLLPRI},
};

static const char *state_of(struct script *s, const struct conversation *c)
{
    static const char *const name[] = {"CLOSED",      "LISTEN",     "SYN-SENT",   "SYN-RECEIVED",
                                       "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT",
                                       "CLOSING",     "LAST-ACK",   "TIME-WAIT"};
    struct tcp *t = &s->h->worker.tcp;
    struct flow_key key = {ip_addr_v4(s->h->addr), ip_addr_v4(inet_addr(SCRIPT_PEER_ADDR)), c->stack_port,
                           c->peer_port};
    conn_ref ref = table_find(&t->table, &key, table_hash(&t->table, &key));
    switch (ref != 0 ? (int)conn_kind(ref) : 0) {
    case CONN_TCB:
        return name[tcb_at(t, conn_index(ref))->state];
    case CONN_HALF_OPEN:
        return name[TCP_S_SYN_RECEIVED];
    case CONN_TIME_WAIT:
        return name[TCP_S_TIME_WAIT];
    }
    return name[TCP_S_CLOSED];
}

/* ---- one call ---- */

struct call {
    struct script *s;
    struct conversation *c;
    unsigned n;    /* connection */
    char *arg[16]; /* words after the verb, before "=" */
    unsigned n_args;
    const char *want; /* after "=", or NULL */
    char got[64];
};

static void call_result(struct call *k, long long rc)
{
    char buf[32];
    if (rc < 0)
        snprintf(k->got, sizeof(k->got), "%s", script_errno_name((int)-rc, buf, sizeof(buf)));
    else
        snprintf(k->got, sizeof(k->got), "%lld", rc);
}

/* Compares with what the script wants; `usual` when it says nothing. */
static bool call_check(struct call *k, long long rc, const char *usual)
{
    call_result(k, rc);
    const char *want = k->want != NULL ? k->want : usual;
    struct script_row *r = &k->s->row[k->s->n_rows - 1];
    snprintf(r->right, sizeof(r->right), "= %s", k->got);
    if (want == NULL ? rc >= 0 : strcmp(want, k->got) == 0)
        return true;
    r->bad = true;
    return script_fail(k->s, "the call returned %s, expected %s", k->got, want != NULL ? want : "success");
}

static bool call_text(struct call *k, const char *got, const char *want)
{
    struct script_row *r = &k->s->row[k->s->n_rows - 1];
    snprintf(r->right, sizeof(r->right), "= %s", got);
    if (strcmp(got, want) == 0)
        return true;
    r->bad = true;
    return script_fail(k->s, "is %s, expected %s", got, want);
}

static int open_socket(struct script *s)
{
    return sock_open(&s->h->engine, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
}

static bool app_socket(struct call *k)
{
    k->c->fd = open_socket(k->s);
    return call_check(k, k->c->fd >= 0 ? 0 : k->c->fd, "0");
}

/* The socket of connection 0 listens. */
static bool app_listen(struct call *k)
{
    struct script *s = k->s;
    struct engine *e = &s->h->engine;
    struct conversation *l = &s->conn[0];
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(SCRIPT_LISTEN_PORT)};
    int one = 1, rc = 0;
    if (l->fd < 0) {
        l->fd = open_socket(s);
        sock_setopt(e, l->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        rc = sock_bind(e, l->fd, (struct sockaddr *)&a, sizeof(a));
    }
    if (rc == 0)
        rc = sock_listen(e, l->fd, k->n_args > 0 ? atoi(k->arg[0]) : 100);
    return call_check(k, rc, "0");
}

static bool app_accept(struct call *k)
{
    struct sockaddr_in a = {0};
    socklen_t len = sizeof(a);
    int fd = sock_accept(&k->s->h->engine, k->s->conn[0].fd, (struct sockaddr *)&a, &len, SOCK_NONBLOCK);
    if (fd >= 0)
        k->c->fd = fd;
    if (fd >= 0 && ntohs(a.sin_port) != k->c->peer_port)
        return script_fail(k->s, "accepted a connection from port %u, not %u", ntohs(a.sin_port),
                           k->c->peer_port);
    return call_check(k, fd >= 0 ? 0 : fd, "0");
}

static bool app_connect(struct call *k)
{
    struct conversation *c = k->c;
    if (!c->active)
        c->stack_port = 0;
    c->active = true;
    c->peer_port = (uint16_t)(SCRIPT_ACTIVE_PORT + k->n);
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(c->peer_port),
                            .sin_addr.s_addr = inet_addr(SCRIPT_PEER_ADDR)};
    if (c->fd < 0) {
        c->stack_port = 0;
        c->fd = open_socket(k->s);
    }
    return call_check(k, sock_connect(&k->s->h->engine, c->fd, (struct sockaddr *)&a, sizeof(a)),
                      "EINPROGRESS");
}

static bool has_word(const struct call *k, const char *word)
{
    for (unsigned i = 0; i < k->n_args; i++)
        if (strcmp(k->arg[i], word) == 0)
            return true;
    return false;
}

static bool app_send(struct call *k)
{
    static uint8_t buf[4 << 20];
    size_t n = k->n_args > 0 ? strtoul(k->arg[0], NULL, 0) : 0;
    if (n > sizeof(buf))
        return script_fail(k->s, "at most %zu bytes at once", sizeof(buf));
    for (size_t i = 0; i < n; i++)
        buf[i] = stream_byte(k->n * 2 + 1, k->c->written + i);
    int flags = (has_word(k, "more") ? MSG_MORE : 0) | (has_word(k, "oob") ? MSG_OOB : 0) |
                (has_word(k, "eor") ? MSG_EOR : 0);
    ssize_t rc = sock_send(&k->s->h->engine, k->c->fd, buf, n, flags);
    if (rc > 0)
        k->c->written += (uint64_t)rc;
    return call_check(k, rc, k->arg[0]);
}

static bool app_recv(struct call *k)
{
    static uint8_t buf[4 << 20];
    struct conversation *c = k->c;
    size_t n = k->n_args > 0 ? strtoul(k->arg[0], NULL, 0) : 0;
    if (n > sizeof(buf))
        return script_fail(k->s, "at most %zu bytes at once", sizeof(buf));
    bool oob = has_word(k, "oob"), peek = has_word(k, "peek");
    ssize_t rc = sock_recv(&k->s->h->engine, c->fd, buf, n, (oob ? MSG_OOB : 0) | (peek ? MSG_PEEK : 0));
    uint64_t at = oob ? c->hole : c->read;
    for (ssize_t i = 0; i < rc; i++, at++) {
        if (at == c->hole && !oob)
            at++;
        if (buf[i] != stream_byte(k->n * 2, at))
            return script_fail(k->s, "byte %llu of the stream is wrong", (unsigned long long)at);
    }
    if (!oob && !peek)
        c->read = at;
    return call_check(k, rc, k->arg[0]);
}

/* hole N: byte N of the stream is urgent and will not come in line. */
static bool app_hole(struct call *k)
{
    k->c->hole = k->n_args > 0 ? strtoull(k->arg[0], NULL, 0) : UINT64_MAX;
    return true;
}

static bool app_shutdown(struct call *k)
{
    int how = has_word(k, "rd") ? SHUT_RD : has_word(k, "rdwr") ? SHUT_RDWR : SHUT_WR;
    return call_check(k, sock_shutdown(&k->s->h->engine, k->c->fd, how), "0");
}

static bool app_close(struct call *k)
{
    int fd = k->c->fd;
    k->c->fd = -1;
    return call_check(k, sock_close(&k->s->h->engine, fd), "0");
}

static bool app_linger(struct call *k)
{
    struct linger l = {.l_onoff = 1, .l_linger = k->n_args > 0 ? atoi(k->arg[0]) : 0};
    return call_check(k, sock_setopt(&k->s->h->engine, k->c->fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)), "0");
}

/* TCP_CONGESTION, the one option that is a word. */
static bool app_congestion(struct call *k, bool set)
{
    struct engine *e = &k->s->h->engine;
    char name[16] = "";
    socklen_t len = sizeof(name);
    if (set) {
        const char *want = k->n_args > 1 ? k->arg[1] : "";
        return call_check(
            k, sock_setopt(e, k->c->fd, IPPROTO_TCP, TCP_CONGESTION, want, (socklen_t)strlen(want)), "0");
    }
    int rc = sock_getopt(e, k->c->fd, IPPROTO_TCP, TCP_CONGESTION, name, &len);
    return rc < 0 ? call_check(k, rc, NULL) : call_text(k, name, k->want != NULL ? k->want : "");
}

/* "set NAME VALUE", "get NAME = VALUE" */
static bool app_option(struct call *k, bool set)
{
    if (k->n_args > 0 && strcmp(k->arg[0], "TCP_CONGESTION") == 0)
        return app_congestion(k, set);
    struct engine *e = &k->s->h->engine;
    for (unsigned i = 0; k->n_args > 0 && i < RTE_DIM(option_names); i++) {
        if (strcmp(option_names[i].name, k->arg[0]) != 0)
            continue;
        int level = option_names[i].level, name = option_names[i].value,
            v = k->n_args > 1 ? atoi(k->arg[1]) : 0;
        socklen_t len = sizeof(v);
        if (set)
            return call_check(k, sock_setopt(e, k->c->fd, level, name, &v, sizeof(v)), "0");
        int rc = sock_getopt(e, k->c->fd, level, name, &v, &len);
        return call_check(k, rc < 0 ? rc : v, NULL);
    }
    return script_fail(k->s, "no such socket option here");
}

static bool app_set(struct call *k)
{
    return app_option(k, true);
}

static bool app_get(struct call *k)
{
    return app_option(k, false);
}

/* Fields of TCP_INFO; those that Linux's and the C library's headers call alike. */
#define INFO_FIELD(name)                                                                                     \
    {                                                                                                        \
#name, offsetof(struct tcp_info, tcpi_##name), sizeof(((struct tcp_info *)0)->tcpi_##name)           \
    }
static const struct {
    const char *name;
    size_t off, size;
} info_fields[] = {
    INFO_FIELD(state),
    INFO_FIELD(ca_state),
    INFO_FIELD(retransmits),
    INFO_FIELD(probes),
    INFO_FIELD(backoff),
    INFO_FIELD(options),
    INFO_FIELD(rto),
    INFO_FIELD(ato),
    INFO_FIELD(snd_mss),
    INFO_FIELD(rcv_mss),
    INFO_FIELD(unacked),
    INFO_FIELD(sacked),
    INFO_FIELD(lost),
    INFO_FIELD(retrans),
    INFO_FIELD(last_data_sent),
    INFO_FIELD(last_data_recv),
    INFO_FIELD(pmtu),
    INFO_FIELD(last_ack_recv),
    INFO_FIELD(rcv_ssthresh),
    INFO_FIELD(rtt),
    INFO_FIELD(rttvar),
    INFO_FIELD(snd_ssthresh),
    INFO_FIELD(snd_cwnd),
    INFO_FIELD(advmss),
    INFO_FIELD(reordering),
    INFO_FIELD(rcv_rtt),
    INFO_FIELD(rcv_space),
    INFO_FIELD(total_retrans),
    /* behind the end of the C library's structure; the places are linux/tcp.h's, for ever */
    {"bytes_acked", 120, 8},
    {"bytes_received", 128, 8},
    {"data_segs_out", 156, 4},
    {"busy_time", 168, 8},
    {"rwnd_limited", 176, 8},
    {"sndbuf_limited", 184, 8},
    {"delivered", 192, 4},
    {"delivered_ce", 196, 4},
    {"bytes_sent", 200, 8},
};
#define INFO_BYTES 280

/* "info FIELD = N": one field of TCP_INFO. */
static bool app_info(struct call *k)
{
    uint8_t bytes[INFO_BYTES] = {0};
    struct tcp_info info;
    socklen_t len = sizeof(bytes);
    int rc = sock_getopt(&k->s->h->engine, k->c->fd, IPPROTO_TCP, TCP_INFO, bytes, &len);
    memcpy(&info, bytes, sizeof(info));
    if (rc != 0 || k->n_args == 0)
        return script_fail(k->s, "TCP_INFO cannot be read");
    if (strcmp(k->arg[0], "snd_wscale") == 0 || strcmp(k->arg[0], "rcv_wscale") == 0)
        return call_check(k, k->arg[0][0] == 's' ? info.tcpi_snd_wscale : info.tcpi_rcv_wscale, NULL);
    for (unsigned i = 0; i < RTE_DIM(info_fields); i++) {
        uint32_t v;
        if (strcmp(info_fields[i].name, k->arg[0]) != 0)
            continue;
        if (info_fields[i].size == 1)
            v = bytes[info_fields[i].off];
        else
            memcpy(&v, bytes + info_fields[i].off, sizeof(v));
        return call_check(k, v, NULL);
    }
    return script_fail(k->s, "no such field of TCP_INFO here");
}

/* "error NAME": SO_ERROR, 0 for none. */
static bool app_error(struct call *k)
{
    int v = 0;
    char buf[32];
    socklen_t len = sizeof(v);
    int rc = sock_getopt(&k->s->h->engine, k->c->fd, SOL_SOCKET, SO_ERROR, &v, &len);
    if (rc != 0)
        return script_fail(k->s, "SO_ERROR cannot be read");
    return call_text(k, v == 0 ? "0" : script_errno_name(v, buf, sizeof(buf)),
                     k->n_args > 0 ? k->arg[0] : "0");
}

static bool app_state(struct call *k)
{
    return call_text(k, state_of(k->s, k->c), k->n_args > 0 ? k->arg[0] : "?");
}

/* "poll in out ...": exactly these; "poll" alone: none. */
static bool app_poll(struct call *k)
{
    struct file *f = fdtable_get(&k->s->h->engine.fds, k->c->fd);
    uint32_t level = f != NULL ? file_level(&k->s->h->engine, f, UINT32_MAX) : 0;
    char got[64] = "", want[64] = "";
    for (unsigned i = 0; i < RTE_DIM(event_names); i++) {
        const char *name = event_names[i].name;
        if (level & event_names[i].bit)
            snprintf(got + strlen(got), sizeof(got) - strlen(got), " %s", name);
        if (has_word(k, name))
            snprintf(want + strlen(want), sizeof(want) - strlen(want), " %s", name);
    }
    return call_text(k, got, want);
}

static const struct {
    const char *verb;
    bool (*call)(struct call *k);
    bool needs_fd;
} verbs[] = {
    {"socket", app_socket, false},   {"listen", app_listen, false},    {"accept", app_accept, false},
    {"connect", app_connect, false}, {"send", app_send, true},         {"recv", app_recv, true},
    {"hole", app_hole, false},       {"shutdown", app_shutdown, true}, {"close", app_close, true},
    {"linger", app_linger, true},    {"set", app_set, true},           {"get", app_get, true},
    {"info", app_info, true},        {"error", app_error, true},       {"state", app_state, false},
    {"poll", app_poll, true},
};

bool script_app(struct script *s, unsigned n, const char *text)
{
    char copy[SCRIPT_TEXT], *save;
    struct call k = {.s = s, .c = &s->conn[n], .n = n};
    snprintf(copy, sizeof(copy), "%s", text);
    char *verb = strtok_r(copy, " ", &save);
    for (char *w; (w = strtok_r(NULL, " ", &save)) != NULL;) {
        if (strcmp(w, "=") == 0)
            k.want = strtok_r(NULL, " ", &save);
        else if (k.n_args < 15)
            k.arg[k.n_args++] = w;
    }
    for (unsigned i = 0; verb != NULL && i < RTE_DIM(verbs); i++) {
        if (strcmp(verb, verbs[i].verb) != 0)
            continue;
        if (verbs[i].needs_fd && k.c->fd < 0)
            return script_fail(s, "connection %u has no socket", n);
        return verbs[i].call(&k);
    }
    return script_fail(s, "no such call: app %s", verb != NULL ? verb : "");
}

/* ---- what the engine says of itself ---- */

bool script_count(struct script *s, const char *text)
{
    char name[64];
    unsigned long long want;
    if (sscanf(text, "%63s = %llu", name, &want) != 2)
        return script_fail(s, "count wants NAME = N");
    for (unsigned i = 0; i < CNT_MAX; i++) {
        if (strcmp(counter_name((enum counter)i), name) != 0)
            continue;
        uint64_t got = s->h->worker.ctx.counters.v[i];
        snprintf(s->row[s->n_rows - 1].right, SCRIPT_TEXT, "= %llu", (unsigned long long)got);
        if (got == want)
            return true;
        s->row[s->n_rows - 1].bad = true;
        return script_fail(s, "the counter is %llu", (unsigned long long)got);
    }
    return script_fail(s, "no counter of that name");
}

/* "census tcbs 1 half-open 0 time-wait 0 listeners 1": those that are named. */
bool script_census(struct script *s, const char *text)
{
    struct tcp_census c;
    char copy[SCRIPT_TEXT], *save;
    tcp_census(&s->h->worker.tcp, &c);
    snprintf(s->row[s->n_rows - 1].right, SCRIPT_TEXT, "tcbs %u half-open %u time-wait %u listeners %u",
             c.tcbs, c.half_open, c.time_wait, c.listeners);
    snprintf(copy, sizeof(copy), "%s", text);
    for (char *w = strtok_r(copy, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save)) {
        const char *value = strtok_r(NULL, " ", &save);
        uint32_t got = strcmp(w, "tcbs") == 0        ? c.tcbs
                       : strcmp(w, "half-open") == 0 ? c.half_open
                       : strcmp(w, "time-wait") == 0 ? c.time_wait
                                                     : c.listeners;
        if (value != NULL && got == (uint32_t)atoi(value))
            continue;
        s->row[s->n_rows - 1].bad = true;
        return script_fail(s, "the census differs: %s", w);
    }
    return true;
}
