/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/tunables.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* clang-format off */
#define ENTRY(name, help, type, field, lo, hi, choices, def) \
    {name, help, type, offsetof(struct tunables, field), lo, hi, choices, def}
/* clang-format on */
#define U32(field, lo, hi, def, help) ENTRY(#field, help, TUNABLE_U32, field, lo, hi, NULL, def)
/* Linux's name for it carries no unit, ours does. */
#define U32_AS(name, field, lo, hi, def, help) ENTRY(name, help, TUNABLE_U32, field, lo, hi, NULL, def)
#define BOOL(field, def, help)                 ENTRY(#field, help, TUNABLE_BOOL, field, 0, 1, "off|on", def)
#define CHOICE(field, choices, def, help)      ENTRY(#field, help, TUNABLE_CHOICE, field, 0, 0, choices, def)
#define TRIPLE(field, lo, hi, def, help)       ENTRY(#field, help, TUNABLE_TRIPLE, field, lo, hi, NULL, def)
#define RANGE(name, field, lo, hi, def, help)  ENTRY(name, help, TUNABLE_RANGE, field, lo, hi, NULL, def)

const struct tunable_desc tunable_table[] = {
    CHOICE(offload, "off|on", "on", "checksum and segmentation offloads of the device"),
    CHOICE(idle, "adaptive|spin|sleep", "adaptive", "what an idle worker does"),
    U32(idle_spin_us, 0, 1000000, "50", "adaptive: microseconds of polling before sleeping"),
    U32(rx_ring, 64, 32768, "1024", "receive descriptors per queue"),
    U32(tx_ring, 64, 32768, "1024", "transmit descriptors per queue"),
    U32(rx_buf, 2048, 16000, "2048", "bytes of a frame that fit one receive buffer"),
    U32(tx_queue_len, 0, 8192, "1000",
        "packets per queue of a wire that wait while it takes no more; 0: they are dropped"),

    U32_AS("arp_base_reachable_time_ms", arp_base_reachable_ms, 100, 86400000, "30000",
           "milliseconds a neighbour counts as reachable"),
    U32(arp_max_entries, 8, 65536, "1024", "neighbours remembered per interface"),
    U32(arp_queue_len, 1, 1024, "101", "packets queued per unresolved neighbour"),
    U32(arp_mcast_solicit, 1, 20, "3", "broadcast requests before a neighbour is given up"),
    U32(arp_ucast_solicit, 0, 20, "3", "unicast requests to a stale neighbour before broadcasting"),
    U32_AS("arp_retrans_time_ms", arp_retrans_ms, 10, 60000, "1000", "milliseconds between requests"),
    U32(ip_default_ttl, 1, 255, "64", "time to live of packets sent"),
    U32_AS("ipfrag_time", ipfrag_time_s, 1, 255, "30", "seconds to wait for missing fragments"),
    U32(ipfrag_high_thresh, 65536, 1u << 30, "4194304", "bytes pinned by all reassemblies"),
    U32_AS("icmp_msgs_per_sec", icmp_ratelimit_per_s, 0, 1000000, "1000", "ICMP errors sent per second"),
    RANGE("ip_local_port_range", ip_local_port_min, 1, 65535, "32768:60999",
          "ephemeral ports, first and last"),

    U32_AS("rmem_default", udp_rmem_default, 2048, 1u << 30, "212992", "bytes pinned by a UDP receive queue"),

    TRIPLE(tcp_rmem, 256, 1u << 30, "4096:131072:6291456", "receive buffer bytes: least, initial, most"),
    TRIPLE(tcp_wmem, 256, 1u << 30, "4096:16384:4194304", "send buffer bytes: least, initial, most"),
    U32(tcp_notsent_lowat, 1, 4294967295u, "4294967295",
        "bytes queued and not sent above which a socket is not writeable"),
    BOOL(tcp_timestamps, "on", "RFC 7323 timestamps"),
    BOOL(tcp_sack, "on", "RFC 2018 selective acknowledgements"),
    BOOL(tcp_dsack, "on", "RFC 2883 reports of duplicates"),
    BOOL(tcp_window_scaling, "on", "RFC 7323 window scale"),
    U32(tcp_ecn, 0, 2, "2", "RFC 3168: 0 never, 1 ask and answer, 2 answer only"),
    BOOL(tcp_ecn_fallback, "on", "a SYN that is sent again does not ask for ECN"),
    U32(tcp_syn_retries, 1, 127, "6", "SYNs sent again before ETIMEDOUT"),
    U32(tcp_synack_retries, 0, 255, "5", "SYN-ACKs sent again before a half-open connection is dropped"),
    U32(tcp_retries2, 1, 255, "15", "retransmission timeouts before ETIMEDOUT"),
    U32(tcp_orphan_retries, 0, 255, "0", "the same for a connection whose socket is closed; 0: 8"),
    U32(tcp_info_max, 0, 1u << 24, "65536",
        "connections per worker whose bytes, segments and times TCP_INFO tells, 72 B each; of others it says "
        "0"),
    U32(tcp_max_orphans, 0, 1u << 24, "65536", "connections without a socket per worker; one more is reset"),
    U32(tcp_rto_min_ms, 1, 120000, "200", "least retransmission timeout, milliseconds"),
    U32(tcp_rto_max_ms, 1000, 120000, "120000", "largest retransmission timeout, milliseconds"),
    U32(tcp_delack_ms, 0, 500, "40", "longest an acknowledgement waits, milliseconds"),
    U32(tcp_quickack_segs, 0, 64, "16", "segments acknowledged at once at the start"),
    U32(tcp_tso_max_segs, 0, 65535, "0",
        "most segments in one burst for the device to cut; 0: what it takes"),
    U32(tcp_initial_cwnd, 1, 1024, "10", "initial window, segments (RFC 6928)"),
    U32(tcp_reordering, 1, 300, "3", "segments that may overtake one before it is thought lost, at first"),
    U32(tcp_max_reordering, 1, 65535, "300", "the same, at most, on a path that reorders"),
    U32(tcp_recovery, 0, 7, "1",
        "bits: 1 RACK (else RFC 6675), 2 its window is fixed, 4 three SACKs do not close it"),
    U32(tcp_early_retrans, 0, 4, "3", "tail loss probes (RFC 8985): 3 and 4 on, others off"),
    U32(tcp_frto, 0, 2, "2", "F-RTO (RFC 5682) against spurious time-outs: 0 off"),
    U32_AS("tcp_fin_timeout", tcp_fin_timeout_s, 1, 3600, "60", "seconds an orphan stays in FIN-WAIT-2"),
    U32_AS("tcp_timewait", tcp_timewait_s, 1, 600, "60", "seconds of TIME-WAIT"),
    U32(tcp_tw_reuse, 0, 2, "1", "connect may take over from TIME-WAIT: 0 no, 1 yes, 2 on loopback"),
    U32_AS("tcp_tw_reuse_delay", tcp_tw_reuse_delay_ms, 1, 60000, "1000",
           "milliseconds of TIME-WAIT before that"),
    U32(tcp_max_tw_buckets, 0, 1u << 24, "262144", "TIME-WAIT entries per worker"),
    U32_AS("tcp_keepalive_time", tcp_keepalive_time_s, 1, 32767, "7200",
           "idle seconds before the first probe"),
    U32_AS("tcp_keepalive_intvl", tcp_keepalive_intvl_s, 1, 32767, "75", "seconds between probes"),
    U32(tcp_keepalive_probes, 1, 127, "9", "unanswered probes before ETIMEDOUT"),
    U32_AS("tcp_invalid_ratelimit", tcp_invalid_ratelimit_ms, 0, 60000, "500",
           "milliseconds between answers of a connection to invalid segments"),
    U32(tcp_challenge_ack_limit, 1, 1u << 24, "1000", "challenge ACKs per second, about (RFC 5961)"),
    U32(tcp_min_snd_mss, 48, 32767, "48", "least MSS that a peer is believed, bytes"),
    U32(tcp_max_syn_backlog, 1, 1u << 20, "4096", "half-open connections per listener"),
    U32(somaxconn, 1, 1u << 20, "4096", "most that listen's backlog may be"),
    U32(tcp_max_connections, 16, 1u << 24, "1048576", "control blocks per worker"),
    U32(tcp_mem_mb, 1, 1u << 20, "1024", "MiB pinned by all receive queues of a worker"),
    BOOL(tcp_slow_start_after_idle, "on", "shrink the window after an idle time (RFC 2861)"),
    BOOL(tcp_abort_on_overflow, "off", "reset connections that the accept queue has no room for"),
    U32(tcp_syncookies, 0, 2, "1", "SYN cookies: 0 never, 1 when the SYN queue is full, 2 always"),
    CHOICE(tcp_congestion_control, "cubic|reno", "cubic", "congestion control"),
    BOOL(tcp_hystart, "on", "RFC 9406 HyStart++ in the first slow start of cubic"),
    {.name = NULL},
};

/* Where Linux keeps it under another name. */
static const struct {
    const char *linux_name, *ours;
} aliases[] = {
    {"neigh.default.base_reachable_time_ms", "arp_base_reachable_time_ms"},
    {"neigh.default.gc_thresh3", "arp_max_entries"},
    {"neigh.default.unres_qlen", "arp_queue_len"},
    {"neigh.default.mcast_solicit", "arp_mcast_solicit"},
    {"neigh.default.ucast_solicit", "arp_ucast_solicit"},
    {"neigh.default.retrans_time_ms", "arp_retrans_time_ms"},
};

static bool has_prefix(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

static const char *canonical_key(const char *key)
{
    if (has_prefix(key, "net.ipv4."))
        key += strlen("net.ipv4.");
    else if (has_prefix(key, "net.core."))
        key += strlen("net.core.");
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (strcmp(key, aliases[i].linux_name) == 0)
            return aliases[i].ours;
    return key;
}

static const struct tunable_desc *find(const char *key)
{
    key = canonical_key(key);
    for (const struct tunable_desc *d = tunable_table; d->name != NULL; d++)
        if (strcmp(d->name, key) == 0)
            return d;
    return NULL;
}

/* Edits (insert, delete, replace) from a to b, both cut at 63 characters. */
static unsigned edit_distance(const char *a, const char *b)
{
    enum { LONGEST = 63 };
    unsigned row[LONGEST + 1];
    size_t la = strnlen(a, LONGEST), lb = strnlen(b, LONGEST);

    for (size_t j = 0; j <= lb; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= la; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= lb; j++) {
            unsigned replace = diagonal + (a[i - 1] != b[j - 1]);
            unsigned least = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = least < replace ? least : replace;
        }
    }
    return row[lb];
}

static int no_such_key(const char *key, char *why, size_t size)
{
    const struct tunable_desc *nearest = NULL;
    unsigned least = 0;

    key = canonical_key(key);
    for (const struct tunable_desc *d = tunable_table; d->name != NULL; d++) {
        unsigned n = edit_distance(key, d->name);
        if (nearest == NULL || n < least) {
            nearest = d;
            least = n;
        }
    }
    /* A third of the word mistyped is no slip any more. */
    if (least <= strlen(nearest->name) / 3)
        snprintf(why, size, "no such key; did you mean %s?", nearest->name);
    else
        snprintf(why, size, "no such key");
    return -ENOENT;
}

/* Decimal digits only, up to one of `ends` or the end. NULL: no number there, or above 2^32-1 (*big). */
static const char *parse_number(const char *s, const char *ends, uint32_t *out, bool *big)
{
    uint64_t v = 0;

    if (*s < '0' || *s > '9')
        return NULL;
    for (; *s >= '0' && *s <= '9'; s++) {
        v = v * 10 + (uint64_t)(*s - '0');
        if (v > UINT32_MAX) {
            *big = true;
            v = UINT32_MAX;
        }
    }
    if (*s != '\0' && strchr(ends, *s) == NULL)
        return NULL;
    *out = (uint32_t)v;
    return s;
}

/* n numbers with the separators that people and Linux put between them: "1:2:3", "1,2,3", "1 2 3". */
static int parse_numbers(const struct tunable_desc *d, const char *s, uint32_t *v, unsigned n)
{
    bool big = false;

    for (unsigned i = 0; i < n; i++) {
        const char *end = parse_number(s, i + 1 < n ? ":, \t" : "", &v[i], &big);
        if (end == NULL || (i + 1 < n && *end == '\0'))
            return -EINVAL;
        s = end + 1;
        if (*end == ' ' || *end == '\t')
            while (*s == ' ' || *s == '\t')
                s++;
    }
    for (unsigned i = 0; i < n; i++)
        if (big || v[i] < d->min || v[i] > d->max || (i > 0 && v[i] < v[i - 1]))
            return -ERANGE;
    return 0;
}

static int parse_choice(const char *choices, const char *value, uint32_t *out)
{
    uint32_t index = 0;

    for (const char *c = choices; c != NULL; index++) {
        const char *bar = strchr(c, '|');
        size_t len = bar != NULL ? (size_t)(bar - c) : strlen(c);
        if (strlen(value) == len && strncmp(c, value, len) == 0) {
            *out = index;
            return 0;
        }
        c = bar != NULL ? bar + 1 : NULL;
    }
    return -EINVAL;
}

static int parse_bool(const char *value, uint32_t *out)
{
    /* Linux's files say 0 and 1. */
    if (strcmp(value, "0") == 0 || strcmp(value, "1") == 0) {
        *out = (uint32_t)(value[0] - '0');
        return 0;
    }
    return parse_choice("off|on", value, out);
}

static int bad_value(const struct tunable_desc *d, char *why, size_t size, int err)
{
    switch (d->type) {
    case TUNABLE_U32:
        snprintf(why, size, "must be %u to %u", d->min, d->max);
        break;
    case TUNABLE_BOOL:
        snprintf(why, size, "must be off or on");
        break;
    case TUNABLE_TRIPLE:
        snprintf(why, size, "must be MIN:DEFAULT:MAX, ascending, each %u to %u", d->min, d->max);
        break;
    case TUNABLE_RANGE:
        snprintf(why, size, "must be FIRST:LAST, ascending, each %u to %u", d->min, d->max);
        break;
    case TUNABLE_CHOICE:
        snprintf(why, size, strchr(d->choices, '|') != NULL ? "must be one of %s" : "must be %s", d->choices);
        break;
    }
    return err;
}

static unsigned words_of(const struct tunable_desc *d)
{
    return d->type == TUNABLE_TRIPLE ? 3 : d->type == TUNABLE_RANGE ? 2 : 1;
}

int tunables_set(struct tunables *t, const char *key, const char *value, char *why, size_t size)
{
    const struct tunable_desc *d = find(key);
    uint32_t v[3];
    int err;

    if (d == NULL)
        return no_such_key(key, why, size);
    if (d->type == TUNABLE_CHOICE)
        err = parse_choice(d->choices, value, v);
    else if (d->type == TUNABLE_BOOL)
        err = parse_bool(value, v);
    else
        err = parse_numbers(d, value, v, words_of(d));
    if (err != 0)
        return bad_value(d, why, size, err);
    memcpy((char *)t + d->offset, v, words_of(d) * sizeof *v);
    return 0;
}

int tunables_get(const struct tunables *t, const char *key, char *buf, size_t size)
{
    const struct tunable_desc *d = find(key);
    uint32_t v[3];
    const char *c;

    if (d == NULL)
        return -ENOENT;
    memcpy(v, (const char *)t + d->offset, words_of(d) * sizeof *v);
    switch (d->type) {
    case TUNABLE_U32:
        snprintf(buf, size, "%u", v[0]);
        break;
    case TUNABLE_TRIPLE:
        snprintf(buf, size, "%u:%u:%u", v[0], v[1], v[2]);
        break;
    case TUNABLE_RANGE:
        snprintf(buf, size, "%u:%u", v[0], v[1]);
        break;
    case TUNABLE_BOOL:
    case TUNABLE_CHOICE:
        c = d->choices;
        for (uint32_t i = 0; i < v[0] && strchr(c, '|') != NULL; i++)
            c = strchr(c, '|') + 1;
        snprintf(buf, size, "%.*s", (int)strcspn(c, "|"), c);
        break;
    }
    return 0;
}

void tunables_init(struct tunables *t)
{
    char why[128];

    memset(t, 0, sizeof *t);
    for (const struct tunable_desc *d = tunable_table; d->name != NULL; d++)
        tunables_set(t, d->name, d->def, why, sizeof why); /* a test sees that each default is legal */
}
