/* SPDX-License-Identifier: BSD-3-Clause */
/* Counters and the summary: read from the workers as they run, without disturbing them. */
#include <errno.h>
#include <inttypes.h>
#include <plx_run.h>
#include <string.h>

#include "posix/runtime.h"

/* After the counters of the stack come those of the wires. */
static const struct {
    const char *name, *help;
    size_t offset;
} wire_counters[] = {
    {"drop.wire.rx_missed", "lost before us: a queue below was full",
     offsetof(struct netdev_stats, rx_missed)},
    {"drop.wire.rx_no_mbuf", "arrived, but the packet pool was empty",
     offsetof(struct netdev_stats, rx_no_mbuf)},
    {"drop.wire.rx_errors", "cut, damaged or too large", offsetof(struct netdev_stats, rx_errors)},
    {"drop.wire.tx_errors", "refused below after we sent", offsetof(struct netdev_stats, tx_errors)},
    {"drop.wire.cut_off", "bursts in whose middle the other side left",
     offsetof(struct netdev_stats, cut_off)},
};

#define N_WIRE_COUNTERS (sizeof(wire_counters) / sizeof(wire_counters[0]))

static uint64_t worker_value(uint16_t worker, enum counter id)
{
    return __atomic_load_n(&runtime.workers[worker].worker.ctx.counters.v[id], __ATOMIC_RELAXED);
}

static uint64_t stack_value(enum counter id)
{
    uint64_t sum = 0;
    for (uint16_t w = 0; w < runtime.n_workers; w++)
        sum += worker_value(w, id);
    return sum;
}

static uint64_t wire_value(size_t offset)
{
    struct netdev_stats s = {0};
    uint64_t v;
    if (runtime.eal == NULL)
        return 0;
    for (uint16_t i = 0; i < runtime.options.n_devs; i++)
        netdev_stats(worker_eal_netdev(runtime.eal, i), &s);
    memcpy(&v, (const char *)&s + offset, sizeof(v));
    return v;
}

int plx_counter(unsigned index, struct plx_counter *out)
{
    if (index < CNT_MAX) {
        *out = (struct plx_counter){counter_name((enum counter)index), counter_help((enum counter)index),
                                    stack_value((enum counter)index)};
        return 0;
    }
    index -= CNT_MAX;
    if (index < N_WIRE_COUNTERS) {
        *out = (struct plx_counter){wire_counters[index].name, wire_counters[index].help,
                                    wire_value(wire_counters[index].offset)};
        return 0;
    }
    errno = EINVAL;
    return -1;
}

uint64_t plx_counter_value(const char *name)
{
    struct plx_counter c;
    int saved = errno;
    for (unsigned i = 0; plx_counter(i, &c) == 0; i++)
        if (strcmp(c.name, name) == 0)
            return c.value;
    errno = saved;
    return 0;
}

/* Whether the wire spreads well shows here: what it brought to the wrong worker was handed over. */
static void summary_of_workers(FILE *out)
{
    for (uint16_t w = 0; w < runtime.n_workers && runtime.n_workers > 1; w++)
        fprintf(out,
                "plx: worker %u: connections: %" PRIu64 " accepted, %" PRIu64 " opened; packets: %" PRIu64
                " received, %" PRIu64 " handed over, %" PRIu64 " sent\n",
                w, worker_value(w, CNT_TCP_ACCEPTED), worker_value(w, CNT_SOCK_CONNECTED),
                worker_value(w, CNT_RX_PACKETS), worker_value(w, CNT_FORWARDED_TO_OWNER),
                worker_value(w, CNT_TX_PACKETS));
}

void plx_summary(FILE *out)
{
    struct plx_counter c;
    int saved = errno;
    bool any = false;
    fprintf(out,
            "plx: connections: %" PRIu64 " accepted, %" PRIu64 " opened; bytes: %" PRIu64
            " received, %" PRIu64 " sent; packets: %" PRIu64 " received, %" PRIu64 " sent\n",
            stack_value(CNT_TCP_ACCEPTED), stack_value(CNT_SOCK_CONNECTED),
            stack_value(CNT_TCP_BYTES_RECEIVED) + stack_value(CNT_UDP_BYTES_RECEIVED),
            stack_value(CNT_TCP_BYTES_SENT) + stack_value(CNT_UDP_BYTES_SENT), stack_value(CNT_RX_PACKETS),
            stack_value(CNT_TX_PACKETS));
    summary_of_workers(out);
    fputs("plx: drops:", out);
    for (unsigned i = 0; plx_counter(i, &c) == 0; i++)
        if (c.value > 0 && strncmp(c.name, "drop.", 5) == 0) {
            fprintf(out, "%s %s %" PRIu64, any ? "," : "", c.name + 5, c.value);
            any = true;
        }
    fputs(any ? "\n" : " none\n", out);
    errno = saved;
}
