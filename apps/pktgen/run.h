/* SPDX-License-Identifier: BSD-3-Clause */
/* One run: what is asked for, and a lane for each worker that does it. Lanes share nothing but what is
 * atomic; the reporter reads their counts as they are. */
#ifndef PKTGEN_RUN_H
#define PKTGEN_RUN_H

#include <rte_mbuf.h>
#include <stdatomic.h>

#include "app.h"
#include "histogram.h"
#include "pktgen/frame.h"
#include "pktgen/inspect.h"
#include "pktgen/pacer.h"
#include "pktgen/record.h"
#include "pktgen/replay.h"
#include "pktgen/stream.h"
#include "pktgen/track.h"

#define RUN_BURST   32
#define RUN_TRACKS  1024 /* sources that a lane tells apart */
#define RUN_WIRES   4
#define RUN_NS      UINT64_C(1000000000)
#define RUN_FOREVER UINT64_MAX

struct run_config {
    const struct app *app;
    bool send, receive, echo;
    struct stream stream[STREAMS_MAX];
    int n_streams;
    struct replay_config replay; /* path NULL: none */
    bool recorded_pace;          /* replay as recorded, `speed` times as fast */
    double speed;
    struct rate rate;
    uint64_t count;    /* frames to send, or to receive without sending; RUN_FOREVER */
    uint64_t duration; /* ns of sending, or of receiving without sending; RUN_FOREVER */
    uint64_t linger;   /* ns that answers are waited for */
    uint64_t arp_wait; /* ns */
    uint64_t link_bps; /* --link-speed; 0: the wire's own */
    uint32_t group;    /* frames back to back */
    uint64_t seed;
    bool relaxed, per_queue, quiet;
    const char *record_path, *json_path;
};

struct lane_counts {
    uint64_t tx_frames, tx_bytes;
    uint64_t tx_waits;   /* turns at which the wire had no room */
    uint64_t tx_no_mbuf; /* and at which there was no buffer */
    uint64_t rx_frames, rx_bytes;
    uint64_t probes, own; /* of ours or others', undamaged; those of our own that came back */
    uint64_t damaged, control, other;
    uint64_t reflected, reflect_lost;
    uint64_t untracked; /* probes of more sources than can be told apart */
};

/* A frame that is ready and waits for the wire. */
struct lane_queue {
    struct rte_mbuf *m[RUN_BURST];
    uint32_t len[RUN_BURST];
    uint32_t each; /* all of them are so long, and `len` is not filled; 0: they differ */
    int n, sent;
    bool recorded; /* before the first attempt: what the wire has taken is no longer ours to read */
};

struct lane {
    struct lane_counts counts;
    struct run *run;
    uint16_t id;
    bool sending, done;
    uint64_t remaining;            /* frames still to be sent */
    uint64_t started, ended;       /* ns: first and last departure */
    uint64_t rx_started, rx_ended; /* ns: first and last arrival */
    uint64_t last_left, last_due;  /* of the latest frame */
    uint64_t probes_sent;          /* once sending has ended */
    struct pacer pacer;
    struct frame_maker *maker; /* one per stream */
    bool alike; /* one stream of frames that differ by their probes alone, unpaced: by bursts */
    struct rte_mbuf *stock[RUN_BURST];
    int n_stock;
    uint32_t turn; /* in the schedule */
    struct lane_queue queue;
    struct replay *replay;
    const uint8_t *held; /* the replay's next frame, not yet due */
    uint32_t held_len;
    uint64_t held_due;
    uint8_t *scratch; /* a frame larger than a buffer */
    struct inspect_known known;
    uint32_t n_tracks;
    struct track **track_of;         /* by source */
    struct track *track[RUN_TRACKS]; /* in the order they came */
    struct histogram one_way, round_trip, jitter;
} __attribute__((aligned(64)));

enum run_state { RUN_PREPARING, RUN_GOING, RUN_FAILED };

struct run {
    struct run_config *cfg;
    struct lane *lane; /* n */
    uint16_t n;
    unsigned tx_wire;
    int n_wires;
    struct plx_wire wire[RUN_WIRES];
    struct rate rate; /* in frames or bits */
    uint16_t source;  /* of the first lane's first stream */
    uint16_t n_sources;
    uint8_t *schedule; /* which stream has its turn */
    uint32_t n_schedule;
    struct record *record;
    atomic_int state;    /* enum run_state */
    atomic_int sending;  /* lanes that have not sent everything */
    atomic_ullong start; /* ns, of all schedules */
    atomic_int partial;  /* something was broken off: `why` */
    atomic_int interrupted;
    atomic_int slow; /* the wire did not keep up, and was not waited for */
    char why[REPLAY_WHY];
    uint64_t replay_cut, replay_large; /* frames of the capture that were left out */
};

/* Starts with everything at zero. 0, or an exit code after a message. */
int run_init(struct run *r, struct run_config *cfg);
void run_fini(struct run *r);
/* Sends and receives on all workers until all is done, or plx_stop. APP_OK, or APP_FAILED after a message. */
int run_go(struct run *r);

/* lane_tx.c */
/* The lane's part of what is to be sent. False: out of memory, or the capture cannot be opened; a message. */
bool lane_tx_init(struct lane *l);
void lane_tx_fini(struct lane *l);
/* Sends what is due. True when something was done. */
bool lane_tx_turn(struct lane *l, uint64_t now);
/* ns until the next frame is due; 0 when it is, or when frames wait for the wire. */
uint64_t lane_tx_idle(const struct lane *l, uint64_t now);

/* lane_rx.c */
bool lane_rx_init(struct lane *l);
void lane_rx_fini(struct lane *l);
/* Takes in a burst from every wire; true when something came. */
bool lane_rx_turn(struct lane *l);

/* Is it one of the numbers that this run sends under? */
static inline bool run_own_source(const struct run *r, uint16_t source)
{
    return (uint16_t)(source - r->source) < r->n_sources;
}

#endif
