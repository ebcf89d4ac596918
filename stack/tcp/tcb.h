/* SPDX-License-Identifier: BSD-3-Clause */
/* The transmission control block (RFC9293-3.3.1): one socket's TCP, from CLOSED to CLOSED, and
 * listeners too. Half-open and TIME-WAIT connections have compact entries of their own (syn_queue.h,
 * time_wait.h). Lives in a slab; other structures name it by its index. What a segment in the
 * established state touches comes first. */
#ifndef PLX_TCP_TCB_H
#define PLX_TCP_TCB_H

#include <stddef.h>

#include "base/addr.h"
#include "base/endpoint.h"
#include "base/seq.h"
#include "base/wheel.h"
#include "net/net.h"

/* The states of RFC9293-3.3.2. TIME-WAIT is left as soon as it is entered: a compact entry
 * takes over, and the block stays CLOSED until the application lets go. SYN-RECEIVED is held by a block
 * only after a simultaneous open; passive opens wait in the SYN queue. */
enum tcp_state {
    TCP_S_CLOSED,
    TCP_S_LISTEN,
    TCP_S_SYN_SENT,
    TCP_S_SYN_RECEIVED,
    TCP_S_ESTABLISHED,
    TCP_S_FIN_WAIT_1,
    TCP_S_FIN_WAIT_2,
    TCP_S_CLOSE_WAIT,
    TCP_S_CLOSING,
    TCP_S_LAST_ACK,
    TCP_S_TIME_WAIT,
    TCP_N_STATES
};

/* Sender's view of the network's state; numbers as in linux/tcp.h (TCP_CA_*). */
enum recovery_state {
    RECOVERY_OPEN,     /* nothing dubious */
    RECOVERY_DISORDER, /* duplicate ACKs or SACKs, not yet enough to call it loss */
    RECOVERY_CWR,      /* window being reduced without loss (ECN) */
    RECOVERY_FAST,     /* fast recovery (RFC 6582, RFC 6675, RFC 8985) */
    RECOVERY_LOSS,     /* after a retransmission time-out */
};

/* What tcb.rexmt_at means. */
enum rexmt_kind {
    REXMT_NONE,
    REXMT_RTO,
    REXMT_PERSIST,
    REXMT_STARVED,
    REXMT_PROBE,   /* tail loss probe (tlp.h) */
    REXMT_REORDER, /* what was overtaken is lost when it has not come by then (rack.h) */
};

/* tcb.flags */
enum {
    TCB_ENDED = 1u << 0,      /* was a connection, and is CLOSED for good */
    TCB_BOUND_PORT = 1u << 1, /* the application chose the local port */
    TCB_IN_PORTS = 1u << 2,   /* linked in its port's list (ports.h) */
    TCB_PORT_CHILD = 1u << 3, /* only counted there: came in through a listener */
    TCB_IN_TABLE = 1u << 4,   /* the connection table refers to it */
    TCB_REUSEADDR = 1u << 5,
    TCB_REUSEPORT = 1u << 6,
    TCB_TS = 1u << 7,     /* timestamps agreed (RFC 7323) */
    TCB_SACK = 1u << 8,   /* SACK agreed (RFC 2018) */
    TCB_WSCALE = 1u << 9, /* window scaling agreed */
    TCB_NODELAY = 1u << 10,
    TCB_CORK = 1u << 11,
    TCB_KEEPALIVE = 1u << 12,
    TCB_OOBINLINE = 1u << 13,
    TCB_LINGER = 1u << 14,
    TCB_RCVBUF_LOCKED = 1u << 15, /* SO_RCVBUF was set: no auto-tuning */
    TCB_SNDBUF_LOCKED = 1u << 16,
    TCB_FIN_QUEUED = 1u << 17,      /* the application has closed its half: FIN follows write_seq */
    TCB_FIN_SENT = 1u << 18,        /* it takes the number snd_nxt - 1 */
    TCB_FIN_RCVD = 1u << 19,        /* rcv_nxt is past the peer's FIN */
    TCB_SHUT_RD = 1u << 20,         /* the application reads no more */
    TCB_ORPHAN = 1u << 21,          /* the socket has let go: freed when CLOSED */
    TCB_NO_SPACE = 1u << 22,        /* a send found no room, or no buffer: not writeable until it is told */
    TCB_ACK_NOW = 1u << 23,         /* an ACK is due whatever the delayed-ACK timer says */
    TCB_URG_OUT = 1u << 24,         /* snd_up is ahead of snd_una */
    TCB_URG_RCVD = 1u << 25,        /* urg_seq marks urgent data not yet passed by the reader */
    TCB_URG_VALID = 1u << 26,       /* urg_byte holds the byte at urg_seq */
    TCB_ACCEPTABLE = TCB_URG_VALID, /* of a listener: its accept queue is not empty */
    TCB_URG_READ = 1u << 27,        /* it has been read by MSG_OOB */
    TCB_PASSIVE = 1u << 28,         /* came in by a listener */
    TCB_PINGPONG = 1u << 29,        /* interactive: ACKs wait for the reply to ride on */
    TCB_CHILD = 1u << 30,           /* waits in an accept queue */
    TCB_MORE = 1u << 31,            /* MSG_MORE: more to come, the last partial segment waits */
};

/* In LISTEN, where the urgent pointer means nothing: the accept queue holds something. */
#define TCB_ACCEPT_READY TCB_URG_RCVD

/* tcb.touched */
enum { TCB_TOUCHED = 1, TCB_TOUCHED_DEAD = 2, TCB_FREED = 3 };

struct tcb {
    /* -- identity and what every segment touches -- */
    struct endpoint ep;    /* first */
    uint32_t touched_next; /* list of those that tcp_output has to look at; see tcb_touch */
    uint8_t state;         /* enum tcp_state; written by tcb_set_state alone */
    uint8_t touched;       /* on that list */
    uint8_t ack_owed;      /* segments that each want an ACK of their own (duplicates) */
    uint8_t quick_acks;    /* segments still to be acknowledged at once */
    uint32_t flags;

    seq_t rcv_nxt;
    seq_t rcv_wup;    /* rcv_nxt as last told to the peer */
    uint32_t rcv_wnd; /* window as last told, from rcv_wup */
    seq_t snd_una;
    seq_t snd_nxt;
    uint32_t snd_wnd; /* the peer's, scaled */
    seq_t snd_wl1, snd_wl2;
    uint32_t ts_recent; /* RFC 7323 TS.Recent */

    seq_t copied_seq;                       /* what the application has read up to */
    seq_t write_seq;                        /* end of what the application has written */
    struct rte_mbuf *rcvq_head, *rcvq_tail; /* in-order payload as one chain of segments */
    uint32_t rcvq_charge;                   /* bytes pinned by it and by reassembly */
    uint32_t rcvbuf;
    uint32_t rcv_ssthresh; /* what the window may grow to, for now */
    uint32_t ooo;          /* reassembly.h; 0: nothing out of order */

    uint32_t sndq_head, sndq_tail; /* records, oldest first; 0: none */
    uint32_t sndq_unsent;          /* first record never sent */
    uint32_t sndq_charge;
    uint32_t sndbuf;
    uint32_t max_wnd; /* largest the peer ever offered */

    uint32_t packets_out; /* records sent, not yet acknowledged */
    uint32_t sacked_out;  /* of those: SACKed, or duplicate ACKs seen where there is no SACK */
    uint32_t lost_out;    /* of those: thought lost */
    uint32_t retrans_out; /* of those: retransmitted since thought lost */

    uint32_t cwnd;             /* segments, as on Linux */
    uint32_t ssthresh;         /* segments */
    uint32_t cong_state;       /* congestion.h: there once the window was in use; 0: none */
    seq_t recover;             /* RFC 6582: recovery ends when this is acknowledged */
    uint32_t board;            /* recovery.h: there while something is dubious, or was; 0: none */
    uint8_t recovery;          /* enum recovery_state */
    uint8_t cong : 7;          /* congestion_table index */
    uint8_t notsent_lowat : 1; /* TCP_NOTSENT_LOWAT is in force: snd_room.h */
    uint8_t backoff;           /* doublings of rto, or of the persist interval */
    uint8_t retries;           /* time-outs in a row, or unanswered probes */
    uint16_t snd_mss;          /* payload bytes of a full segment, options of established state allowed for */
    uint16_t rcv_mss;          /* estimate of what the peer sends, for delayed ACKs and window updates */
    uint8_t snd_wscale, rcv_wscale;
    uint8_t ttl, tos;

    uint32_t srtt;    /* us, times 8; 0: no sample yet */
    uint32_t rttvar;  /* us, times 4 */
    uint32_t min_rtt; /* us, of some minutes (rtt.h); 0: no sample yet */

    uint8_t rexmt_kind;    /* enum rexmt_kind */
    uint8_t ka_probes : 7; /* keepalive probes without an answer */
    uint8_t rcv_waits : 1; /* rcv_wait.h: for memory to open its window */
    uint8_t timers;        /* TCB_TIMER_* in force; timers.h */
    uint8_t ecn;           /* ecn.h; 0: not agreed */
    uint32_t rexmt_at;     /* wheel ticks, low 32 bits */
    uint32_t delack_at;
    uint32_t slow_at;        /* keepalive, FIN-WAIT-2 */
    uint32_t retrans_since;  /* ms; first retransmission of what is now outstanding; 0: none */
    uint32_t last_rcv;       /* ms; last segment from the peer */
    uint32_t last_data_rcv;  /* ms; last of those with data */
    uint32_t last_snd;       /* ms; last data sent */
    uint32_t last_challenge; /* ms; last answer to what was out of window */

    struct flow_key flow;
    struct net_path path;
    struct wheel_node timer;

    uint32_t ts_offset;    /* added to our clock in TSval */
    uint32_t ts_recent_at; /* ms; when ts_recent was taken */
    uint16_t peer_mss;     /* MSS option of the peer */
    uint16_t error;        /* pending, positive errno */
    uint16_t soft_error;
    uint8_t urg_byte;
    uint8_t min_rtt_at; /* when min_rtt was measured; unit and wrap are rtt.c's business */
    seq_t urg_seq;      /* sequence number of the urgent byte (last byte, RFC 6093) */
    seq_t snd_up;       /* one past it, sending */
    seq_t snd_sml;      /* end of the last small segment sent (Minshall) */

    uint32_t opts; /* sockopts.h: what is rarely other than the default, shared */
    union {
        uint32_t listener; /* LISTEN: listener.h */
        uint32_t tally;    /* other states: tally.h; 0: none yet */
    };
    union {
        uint32_t port_next;   /* TCB_IN_PORTS */
        uint32_t accept_next; /* TCB_CHILD: came in by a listener, so it is in no port's list */
    };
    uint32_t port_prev;
    seq_t tuning_seq;      /* rcv_tuning.h: the reader's place when this round trip began */
    uint32_t tuning_at;    /* us; when it began */
    uint32_t tuning_bytes; /* the most that was read in one */
};

struct tcp;

static inline struct tcb *tcb_of_timer(struct wheel_node *n)
{
    return (struct tcb *)((char *)n - offsetof(struct tcb, timer));
}

static inline bool tcb_is(const struct tcb *tcb, uint32_t flag)
{
    return (tcb->flags & flag) != 0;
}

/* A block in CLOSED with the tunables' defaults; NULL when there is no room (counted). */
struct tcb *tcb_alloc(struct tcp *t);
/* Takes it out of every structure. Its memory goes when the round's output is done, so that who still
 * holds the pointer may see that it is CLOSED. */
void tcb_free(struct tcp *t, struct tcb *tcb);
/* The only writer of `state`; asserts that RFC9293-figure-5 has such an arrow. */
void tcb_set_state(struct tcp *t, struct tcb *tcb, enum tcp_state to);
const char *tcb_state_name(enum tcp_state s);
/* The connection is over: out of table and ports, queues emptied, CLOSED. `error` (positive errno, 0 for
 * an orderly end) becomes pending and the endpoint is told; an orphan is freed. */
void tcb_end(struct tcp *t, struct tcb *tcb, int error);
void tcb_notify(struct tcp *t, struct tcb *tcb, uint32_t events);
/* tcp_output shall look at it before the round ends. */
void tcb_touch(struct tcp *t, struct tcb *tcb);
/* The next touched one, taken off the list; NULL: none. */
struct tcb *tcb_take_touched(struct tcp *t);
/* Into the connection table. 0, -EADDRNOTAVAIL (the flow exists), -ENOMEM. */
int tcb_enter_table(struct tcp *t, struct tcb *tcb);
void tcb_leave_table(struct tcp *t, struct tcb *tcb);

/* States in which both sides know each other's sequence numbers (RFC 9293 "synchronized"). */
static inline bool tcb_synchronized(const struct tcb *tcb)
{
    return tcb->state >= TCP_S_ESTABLISHED;
}

/* May the application still add to the stream? */
static inline bool tcb_can_send(const struct tcb *tcb)
{
    return (tcb->state == TCP_S_ESTABLISHED || tcb->state == TCP_S_CLOSE_WAIT) &&
           !tcb_is(tcb, TCB_FIN_QUEUED);
}

#endif
