/* SPDX-License-Identifier: BSD-3-Clause */
/* Every tunable, one table, with Linux's sysctl names where Linux has one. Used by --set, --config,
 * PLX_OPTS and tests. */
#ifndef PLX_BASE_TUNABLES_H
#define PLX_BASE_TUNABLES_H

#include <stddef.h>
#include <stdint.h>

/* min, default and max of a socket buffer, bytes (tcp_rmem, tcp_wmem). */
struct tunable_triple {
    uint32_t min, def, max;
};

enum { IDLE_ADAPTIVE, IDLE_SPIN, IDLE_SLEEP };

struct tunables {
    /* wires */
    uint32_t offload;      /* 0: everything in software; 1: what the device has */
    uint32_t idle;         /* IDLE_* */
    uint32_t idle_spin_us; /* adaptive: poll on for so long before sleeping */
    uint32_t rx_ring, tx_ring, rx_buf;
    uint32_t tx_queue_len; /* packets */
    /* link and network */
    uint32_t arp_base_reachable_ms;
    uint32_t arp_max_entries;
    uint32_t arp_queue_len; /* packets queued per unresolved neighbour */
    uint32_t arp_mcast_solicit, arp_ucast_solicit, arp_retrans_ms;
    uint32_t ip_default_ttl;
    uint32_t ipfrag_time_s, ipfrag_high_thresh; /* bytes pinned by all reassemblies */
    uint32_t icmp_ratelimit_per_s;
    uint32_t ip_local_port_min, ip_local_port_max;
    /* udp */
    uint32_t udp_rmem_default; /* bytes pinned by a receive queue */
    /* tcp */
    struct tunable_triple tcp_rmem, tcp_wmem;
    uint32_t tcp_timestamps, tcp_sack, tcp_dsack, tcp_window_scaling, tcp_ecn;
    uint32_t tcp_syn_retries, tcp_synack_retries, tcp_retries2, tcp_orphan_retries;
    uint32_t tcp_rto_min_ms, tcp_rto_max_ms, tcp_delack_ms, tcp_quickack_segs;
    uint32_t tcp_initial_cwnd;
    uint32_t tcp_tso_max_segs;                   /* 0: what the device takes */
    uint32_t tcp_reordering, tcp_max_reordering; /* segments */
    uint32_t tcp_recovery;                       /* RACK_*, tcp/rack.h */
    uint32_t tcp_early_retrans, tcp_frto;
    uint32_t tcp_fin_timeout_s, tcp_timewait_s, tcp_max_tw_buckets;
    uint32_t tcp_keepalive_time_s, tcp_keepalive_intvl_s, tcp_keepalive_probes;
    uint32_t tcp_max_syn_backlog, somaxconn, tcp_max_connections;
    uint32_t tcp_mem_mb; /* cap of the worker on bytes pinned by receive queues, MiB */
    uint32_t tcp_invalid_ratelimit_ms, tcp_challenge_ack_limit, tcp_min_snd_mss;
    uint32_t tcp_tw_reuse, tcp_tw_reuse_delay_ms, tcp_max_orphans, tcp_info_max;
    uint32_t tcp_slow_start_after_idle, tcp_abort_on_overflow, tcp_syncookies;
    uint32_t tcp_congestion_control; /* index into tcp/congestion's list, and into the choices */
    uint32_t tcp_notsent_lowat;      /* bytes */
    uint32_t tcp_hystart, tcp_ecn_fallback;
};

struct tunable_desc {
    const char *name;
    const char *help; /* one line, with unit */
    /* TRIPLE is a struct tunable_triple, RANGE two uint32_t in a row, the others one. */
    enum { TUNABLE_U32, TUNABLE_BOOL, TUNABLE_TRIPLE, TUNABLE_RANGE, TUNABLE_CHOICE } type;
    size_t offset;
    uint32_t min, max;   /* allowed; TRIPLE, RANGE: of each part, and they ascend */
    const char *choices; /* "off|on", "adaptive|spin|sleep": index is the value */
    const char *def;     /* as text, as --set would take it */
};

/* Terminated by an entry whose name is NULL. */
extern const struct tunable_desc tunable_table[];

void tunables_init(struct tunables *t);
/* Sets by name; Linux's with its net.ipv4. or net.core. in front is accepted. 0; -ENOENT: no such key;
 * -EINVAL / -ERANGE: bad value. On failure `why` (size bytes) says in a clause what is allowed, e.g. "must be
 * 0 to 255" or, for ENOENT, the nearest name. */
int tunables_set(struct tunables *t, const char *key, const char *value, char *why, size_t size);
/* The value as text, as tunables_set would take it. 0 or -ENOENT. */
int tunables_get(const struct tunables *t, const char *key, char *buf, size_t size);

#endif
