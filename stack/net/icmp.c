/* SPDX-License-Identifier: BSD-3-Clause */
/* ICMP for IPv4 (RFC 792, RFC1122-3.2.2). */
#include "net/icmp.h"

#include <errno.h>

#include "net/net_private.h"
#include "wire/icmp4.h"

#define ICMP_BURST             50u  /* errors at once; as Linux's icmp_msgs_burst */
#define ICMP_OUTPUT_HEADROOM   64u  /* what net_output_take wants */
#define IP_TOS_INTERNETCONTROL 0xc0 /* RFC1812-4.3.2.5 */

int icmp_error_errno(uint8_t type, uint8_t code, bool *hard)
{
    static const struct {
        uint8_t err;
        bool hard;
    } unreachable[] = {
        {ENETUNREACH, false},  /* 0 net */
        {EHOSTUNREACH, false}, /* 1 host */
        {ENOPROTOOPT, true},   /* 2 protocol */
        {ECONNREFUSED, true},  /* 3 port */
        {EMSGSIZE, true},      /* 4 fragmentation needed */
        {EOPNOTSUPP, false},   /* 5 source route failed */
        {ENETUNREACH, true},   /* 6 network unknown */
        {EHOSTDOWN, true},     /* 7 host unknown */
        {ENONET, true},        /* 8 source isolated */
        {ENETUNREACH, true},   /* 9 network prohibited */
        {EHOSTUNREACH, true},  /* 10 host prohibited */
        {ENETUNREACH, false},  /* 11 network, for this type of service */
        {EHOSTUNREACH, false}, /* 12 host, for this type of service */
        {EHOSTUNREACH, true},  /* 13 prohibited by filter */
        {EHOSTUNREACH, true},  /* 14 precedence violation */
        {EHOSTUNREACH, true},  /* 15 precedence cut off */
    };
    *hard = false;
    switch (type) {
    case ICMP4_UNREACHABLE:
        if (code >= RTE_DIM(unreachable))
            return EHOSTUNREACH;
        *hard = unreachable[code].hard;
        return unreachable[code].err;
    case ICMP4_TIME_EXCEEDED:
        return EHOSTUNREACH;
    case ICMP4_PARAMETER_PROBLEM:
        *hard = true;
        return EPROTO;
    default:
        return 0; /* source quench among them: RFC 6633 */
    }
}

/* ---- in ---- */

/* m whose data is the ICMP message, with room for headers in front, not shared. NULL: no buffers. */
static struct rte_mbuf *echo_own_take(struct net *n, struct rte_mbuf *m, uint16_t l4_off)
{
    if (mbuf_writable(m) && rte_pktmbuf_headroom(m) + l4_off >= ICMP_OUTPUT_HEADROOM) {
        rte_pktmbuf_adj(m, l4_off);
        return m;
    }
    struct rte_mbuf *copy = rte_pktmbuf_copy(m, n->ctx->data_pool, l4_off, UINT32_MAX);
    if (copy == NULL)
        count(&n->ctx->counters, CNT_DROP_NO_MBUF);
    rte_pktmbuf_free(m);
    return copy;
}

/* RFC1122-3.2.2.6: all of the data comes back, from the address that was asked. */
static enum verdict icmp_echo(struct net *n, struct pkt *p)
{
    struct net_path path;
    struct ip_send s = {.src = p->dst, .dst = p->src, .proto = IPPROTO_ICMP, .tos = p->tos, .csum_off = 0xff};
    s.ttl = (uint8_t)n->ctx->tun->ip_default_ttl;
    if (p->flags & (PKT_BROADCAST | PKT_MULTICAST)) /* may be ignored; Linux does */
        return pkt_drop(p, CNT_DROP_ICMP_BROADCAST);
    if (net_path_resolve(n, &path, &s.src, &s.dst, false) != 0)
        return pkt_drop(p, CNT_DROP_IP_NO_PATH);
    struct rte_mbuf *m = echo_own_take(n, p->m, p->l4_off);
    if (m == NULL)
        return VERDICT_DONE;
    icmp4_echo_reply(m, 0);
    count(&n->ctx->counters, CNT_ICMP_ECHO);
    net_output_take(n, &path, &s, m);
    return VERDICT_DONE;
}

static enum verdict icmp_error_input(struct net *n, struct pkt *p)
{
    if (p->flags & (PKT_BROADCAST | PKT_MULTICAST))
        return pkt_drop(p, CNT_DROP_ICMP_BROADCAST);
    if (!icmp4_error_parse(p))
        return VERDICT_DROP;
    if (!net_is_local(n, &p->icmp_error.src)) /* about a packet that we cannot have sent */
        return pkt_drop(p, CNT_DROP_ICMP_QUOTE);
    if (p->icmp_error.proto != IPPROTO_TCP && p->icmp_error.proto != IPPROTO_UDP)
        return pkt_drop(p, CNT_DROP_ICMP_IGNORED);
    return VERDICT_ICMP_ERROR;
}

/* RFC9293-MUST-55 */
enum verdict icmp_input(struct net *n, struct pkt *p)
{
    if (!icmp4_parse(p))
        return VERDICT_DROP;
    switch (icmp4_hdr(p)->type) {
    case ICMP4_ECHO_REQUEST:
        return icmp_echo(n, p);
    case ICMP4_UNREACHABLE:
    case ICMP4_TIME_EXCEEDED:
    case ICMP4_PARAMETER_PROBLEM:
        return icmp_error_input(n, p);
    default: /* source quench (RFC 6633), redirects (spoofed too easily), replies to what we never ask */
        return pkt_drop(p, CNT_DROP_ICMP_IGNORED);
    }
}

/* ---- errors out ---- */

void icmp_limit_init(struct net *n)
{
    n->icmp_limit.refilled = n->ctx->now;
    n->icmp_limit.tokens = RTE_MIN(n->ctx->tun->icmp_ratelimit_per_s, ICMP_BURST);
}

/* A token bucket: icmp_ratelimit_per_s, and ICMP_BURST at once. */
static bool icmp_may_send(struct net *n)
{
    struct icmp_limit *l = &n->icmp_limit;
    uint32_t rate = n->ctx->tun->icmp_ratelimit_per_s;
    if (rate == 0)
        return false;
    nsec_t per_token = RTE_MAX(NSEC_PER_SEC / rate, UINT64_C(1));
    uint64_t fresh = (n->ctx->now - l->refilled) / per_token;
    l->refilled += fresh * per_token;
    l->tokens = (uint32_t)RTE_MIN(l->tokens + fresh, (uint64_t)RTE_MIN(rate, ICMP_BURST));
    if (l->tokens == 0)
        return false;
    l->tokens--;
    return true;
}

/* RFC1122-3.2.2: never about an ICMP error, a group's packet or frame, a fragment other than the
 * first, or one whose source is no single host. */
static bool icmp_may_be_about(const struct pkt *p)
{
    if (p->flags & (PKT_BROADCAST | PKT_MULTICAST))
        return false;
    const struct ip4_hdr *h = ip4_hdr(p);
    if (ip4_fragment_offset(h) != 0)
        return false;
    if (p->proto == IPPROTO_ICMP) {
        const uint8_t *type = rte_pktmbuf_mtod_offset(p->m, const uint8_t *, p->l4_off);
        if (rte_pktmbuf_data_len(p->m) <= p->l4_off || icmp4_is_error(*type))
            return false;
    }
    return ip4_is_host(h->src) || ip4_is_loopback(h->src);
}

void net_send_icmp_error_borrow(struct net *n, const struct pkt *p, uint8_t type, uint8_t code)
{
    if (!icmp_may_be_about(p))
        return;
    if (!icmp_may_send(n)) {
        count(&n->ctx->counters, CNT_ICMP_ERRORS_LIMITED);
        return;
    }
    struct net_path path;
    struct ip_send s = {.src = p->dst, .dst = p->src, .proto = IPPROTO_ICMP, .csum_off = 0xff};
    s.ttl = (uint8_t)n->ctx->tun->ip_default_ttl;
    s.tos = IP_TOS_INTERNETCONTROL;
    if (net_path_resolve(n, &path, &s.src, &s.dst, false) != 0) {
        count(&n->ctx->counters, CNT_DROP_IP_NO_PATH);
        return;
    }
    struct rte_mbuf *m = mbuf_alloc_data(n->ctx);
    if (m == NULL)
        return;
    icmp4_error_emit(m, p, type, code, 0);
    if (net_output_take(n, &path, &s, m) == 0)
        count(&n->ctx->counters, CNT_ICMP_ERRORS_OUT);
}
