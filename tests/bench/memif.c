/* SPDX-License-Identifier: BSD-3-Clause */
/* memif with nothing on it, and with a client that is only just TCP: what the wire itself costs, and
 * what the server on it adds. Run under EAL; what stands after `--` is ours.
 *
 *     bench_memif EAL-ARGS -- server SOCKET            sends every frame back, its addresses swapped
 *     bench_memif EAL-ARGS -- bare SOCKET TIMES        frames of 130 B to that server and back
 *     bench_memif EAL-ARGS -- sink SOCKET              takes frames and frees them, one way
 *     bench_memif EAL-ARGS -- reader SOCKET            sums and copies their payload first, as a socket must
 *     bench_memif EAL-ARGS -- flood SOCKET TIMES SIZE  frames of SIZE bytes to one of these
 *     bench_memif EAL-ARGS -- tcp SOCKET TIMES [CONNS] 64 B requests over TCP to an echo server
 *     bench_memif EAL-ARGS -- bulk SOCKET TIMES        full segments over TCP to a server that reads them
 *
 * bulk, flood, reader and sink print "frames N rate FRAMES_PER_SECOND"; the other clients print "rtt MEDIAN
 * P99 MEAN" (one at a time), or "rate REQUESTS_PER_SECOND" (CONNS of them, each with one request under way).
 */
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "peer.h"
#include "samples.h"
#include "wire/checksum.h"

#define BURST      32
#define RING       1024
#define BUFFERS    8191
#define WARM_UP    1000
#define REQUEST    64
#define BARE_FRAME 130 /* as long as the TCP segment with its 64 B */
#define PATIENCE   5000000000u

static struct rte_mempool *pool;
static uint16_t port;
static volatile sig_atomic_t stop;

static void die(const char *what)
{
    fprintf(stderr, "bench_memif: %s\n", what);
    exit(1);
}

static void on_signal(int signal)
{
    stop = 1;
}

static void open_wire(const char *socket, bool server)
{
    char args[160];
    struct rte_eth_conf conf = {0};
    /* Zero copy works for clients whose memory is in files that can be shared: the driver sees to that. */
    snprintf(args, sizeof(args), "role=%s,socket=%s,socket-abstract=no,bsize=2048,rsize=10%s",
             server ? "server" : "client", socket,
             !server && rte_eal_has_hugepages() ? ",zero-copy=yes" : "");
    if (rte_eal_hotplug_add("vdev", "net_memif0", args) != 0 ||
        rte_eth_dev_get_port_by_name("net_memif0", &port) != 0)
        die("cannot make a memif");
    pool = rte_pktmbuf_pool_create("wire", BUFFERS, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    if (pool == NULL || rte_eth_dev_configure(port, 1, 1, &conf) != 0 ||
        rte_eth_rx_queue_setup(port, 0, RING, SOCKET_ID_ANY, NULL, pool) != 0 ||
        rte_eth_tx_queue_setup(port, 0, RING, SOCKET_ID_ANY, NULL) != 0 || rte_eth_dev_start(port) != 0)
        die("cannot start the memif");
}

static void wait_for_link(void)
{
    uint64_t start = clock_ns();
    struct rte_eth_link link;
    do {
        if (rte_eth_link_get_nowait(port, &link) != 0 || clock_ns() - start > PATIENCE)
            die("nobody at the other end");
    } while (link.link_status != RTE_ETH_LINK_UP);
}

static void send_all(struct rte_mbuf **pkts, uint16_t n)
{
    for (uint16_t sent = 0; sent < n && !stop;)
        sent += rte_eth_tx_burst(port, 0, pkts + sent, (uint16_t)(n - sent));
}

static struct rte_mbuf *buffer(uint16_t len)
{
    struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
    if (m == NULL)
        die("no buffer");
    m->data_len = len;
    m->pkt_len = len;
    return m;
}

/* ---- bare ---- */

static int serve(void)
{
    struct rte_mbuf *pkts[BURST];
    puts("ready");
    fflush(stdout);
    while (!stop) {
        uint16_t n = rte_eth_rx_burst(port, 0, pkts, BURST);
        for (uint16_t i = 0; i < n; i++) {
            struct rte_ether_hdr *h = rte_pktmbuf_mtod(pkts[i], struct rte_ether_hdr *);
            struct rte_ether_addr a = h->dst_addr;
            h->dst_addr = h->src_addr;
            h->src_addr = a;
        }
        send_all(pkts, n);
    }
    return 0;
}

/* One frame there and back. */
static void bare_trip(void)
{
    struct rte_mbuf *m = buffer(BARE_FRAME);
    memset(rte_pktmbuf_mtod(m, void *), 0, BARE_FRAME);
    send_all(&m, 1);
    uint64_t start = clock_ns();
    for (unsigned spins = 0; rte_eth_rx_burst(port, 0, &m, 1) == 0; spins++) {
        if ((spins & 0xfffff) == 0xfffff && clock_ns() - start > PATIENCE)
            die("no answer");
    }
    rte_pktmbuf_free(m);
}

static double bare_rate(unsigned times, unsigned window)
{
    struct rte_mbuf *pkts[BURST];
    unsigned done = 0, under_way = 0;
    uint64_t start = clock_ns();
    while (done < times) {
        uint16_t n = 0;
        for (; under_way < window && n < BURST; n++, under_way++)
            pkts[n] = buffer(BARE_FRAME);
        send_all(pkts, n);
        n = rte_eth_rx_burst(port, 0, pkts, BURST);
        rte_pktmbuf_free_bulk(pkts, n);
        under_way -= n;
        done += n;
        if (clock_ns() - start > 20 * (uint64_t)PATIENCE)
            die("frames were lost");
    }
    return times / ((double)(clock_ns() - start) / 1e9);
}

/* ---- one way ---- */

static void one_way_print(uint64_t frames, uint64_t from, uint64_t to)
{
    printf("frames %llu rate %.0f\n", (unsigned long long)frames,
           to > from ? (double)frames / ((double)(to - from) / 1e9) : 0);
}

/* What a socket does at least to each payload: add it up, and copy it to where the reader wants it. */
static void read_payload(const struct rte_mbuf *m)
{
    static uint8_t to[65536];
    static uint32_t at;
    static volatile uint16_t wanted __attribute__((unused)); /* or the sum is left out */
    uint32_t len = m->data_len > PEER_HEADERS ? m->data_len - PEER_HEADERS : 0;
    const uint8_t *payload = rte_pktmbuf_mtod_offset(m, const uint8_t *, PEER_HEADERS);

    wanted = checksum_finish(checksum_partial(payload, len));
    at = at + len <= sizeof(to) ? at : 0;
    memcpy(to + at, payload, len);
    at += len;
}

static int sink(bool read)
{
    struct rte_mbuf *pkts[BURST];
    uint64_t frames = 0, from = 0, to = 0;
    puts("ready");
    fflush(stdout);
    while (!stop) {
        uint16_t n = rte_eth_rx_burst(port, 0, pkts, BURST);
        if (n == 0)
            continue;
        to = clock_ns();
        from = from == 0 ? to : from;
        frames += n;
        for (uint16_t i = 0; i < n && read; i++)
            read_payload(pkts[i]);
        rte_pktmbuf_free_bulk(pkts, n);
    }
    one_way_print(frames, from, to);
    return 0;
}

/* As little as a sender can do: take a buffer, copy a frame into it. */
static int flood(unsigned times, uint16_t size)
{
    static uint8_t frame[2048];
    struct rte_mbuf *pkts[BURST];
    wait_for_link();
    uint64_t start = clock_ns();
    for (unsigned done = 0; done < times && !stop; done += BURST) {
        if (rte_pktmbuf_alloc_bulk(pool, pkts, BURST) != 0)
            die("no buffers");
        for (unsigned i = 0; i < BURST; i++) {
            memcpy(rte_pktmbuf_mtod(pkts[i], void *), frame, size);
            pkts[i]->data_len = size;
            pkts[i]->pkt_len = size;
        }
        send_all(pkts, BURST);
    }
    one_way_print(times, start, clock_ns());
    /* The driver of the other side does not survive a client that leaves frames behind. */
    struct timespec drain = {.tv_nsec = 300000000};
    nanosleep(&drain, NULL);
    return 0;
}

/* ---- TCP ---- */

static struct peer peer;
static uint32_t replies; /* complete ones since the client began */

static void put_segment(struct rte_mbuf **out, uint16_t *n, uint32_t i, uint8_t flags, uint16_t payload)
{
    struct rte_mbuf *m = buffer(0);
    uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
    memset(frame + PEER_HEADERS, 'x', payload);
    m->data_len = peer_segment(&peer, i, flags, payload, frame);
    m->pkt_len = m->data_len;
    out[(*n)++] = m;
}

/* What came in, and what is due on it: room for as many answers as there are packets. */
static uint16_t tcp_answer(const struct rte_mbuf *m, struct rte_mbuf **out)
{
    const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
    uint16_t n = 0;
    uint32_t i;
    if (!peer_input(&peer, frame, m->data_len, &i)) {
        uint8_t answer[64];
        uint16_t len = peer_arp_reply(&peer, frame, m->data_len, answer);
        if (len != 0) {
            out[n] = buffer(len);
            memcpy(rte_pktmbuf_mtod(out[n], void *), answer, len);
            n++;
        } else {
            peer_arp_learn(&peer, frame, m->data_len);
        }
        return n;
    }
    struct peer_conn *c = &peer.conn[i];
    if (c->flags & PEER_RST)
        die("the server has reset a connection");
    if (c->flags & PEER_SYN || c->received >= REQUEST) {
        replies += (c->flags & PEER_SYN) == 0;
        put_segment(out, &n, i, PEER_ACK | PEER_PSH, REQUEST);
        c->received = 0;
    }
    c->flags = 0;
    return n;
}

/* One burst in and its answers out. */
static void tcp_turn(void)
{
    struct rte_mbuf *in[BURST], *out[BURST];
    uint16_t n_out = 0, n = rte_eth_rx_burst(port, 0, in, BURST);
    for (uint16_t i = 0; i < n; i++)
        n_out += tcp_answer(in[i], out + n_out);
    rte_pktmbuf_free_bulk(in, n);
    send_all(out, n_out);
}

static void tcp_turns_until(uint32_t wanted)
{
    uint64_t start = clock_ns();
    for (unsigned spins = 0; replies < wanted; spins++) {
        tcp_turn();
        if ((spins & 0xfffff) == 0xfffff && clock_ns() - start > 20 * (uint64_t)PATIENCE)
            die("no reply");
    }
}

static void tcp_learn_server(void)
{
    static const uint8_t unknown[6];
    uint64_t start = clock_ns(), asked = 0;
    while (memcmp(peer.server_mac, unknown, 6) == 0) {
        if (clock_ns() - asked > 100000000u) {
            asked = clock_ns();
            struct rte_mbuf *m = buffer(0);
            m->data_len = peer_arp_request(&peer, rte_pktmbuf_mtod(m, uint8_t *));
            m->pkt_len = m->data_len;
            send_all(&m, 1);
        }
        tcp_turn();
        if (clock_ns() - start > PATIENCE)
            die("the server's address is unknown");
    }
}

static void tcp_connect(uint32_t conns)
{
    peer.mac[0] = 2;
    peer.mac[5] = 2;
    peer.checksum = true;
    peer.ts = (uint32_t)(clock_ns() / 1000000u);
    peer.n = conns;
    peer.conn = calloc(conns, sizeof(*peer.conn));
    tcp_learn_server();
    for (uint32_t i = 0; i < conns; i++) {
        struct rte_mbuf *m;
        uint16_t n = 0;
        peer.conn[i].snd_nxt = (uint32_t)clock_ns();
        put_segment(&m, &n, i, PEER_SYN, 0);
        send_all(&m, 1);
    }
}

/* ---- a stream ---- */

#define SEGMENT 1448

static uint32_t stream_una, stream_wnd; /* what the server has acknowledged, and lets come */

static void stream_acks(void)
{
    struct rte_mbuf *in[BURST], *out[BURST];
    uint16_t n_out = 0, n = rte_eth_rx_burst(port, 0, in, BURST);
    for (uint16_t i = 0; i < n; i++) {
        const uint8_t *frame = rte_pktmbuf_mtod(in[i], const uint8_t *);
        if (!peer_window(&peer, frame, in[i]->data_len, &stream_una, &stream_wnd))
            n_out += tcp_answer(in[i], out + n_out);
    }
    rte_pktmbuf_free_bulk(in, n);
    send_all(out, n_out);
}

/* As little as a sender of TCP can do: what flood does, and the sequence number and checksum changed. */
static int bulk(unsigned times)
{
    static uint8_t frame[PEER_FRAME_MAX];
    struct rte_mbuf *pkts[BURST];
    wait_for_link();
    tcp_connect(1);
    while (peer.conn[0].rcv_nxt == 0 && !stop)
        tcp_turn();
    stream_una = peer.conn[0].snd_nxt;
    uint16_t size = peer_segment(&peer, 0, PEER_ACK, SEGMENT, frame);
    uint32_t next = stream_una, end = next + times * SEGMENT;
    uint64_t start = clock_ns();
    for (unsigned spins = 0; stream_una != end && !stop; spins++) {
        uint16_t n = 0;
        for (; n < BURST && next != end && next + SEGMENT - stream_una <= stream_wnd; n++, next += SEGMENT) {
            pkts[n] = buffer(size);
            peer_segment_at(frame, next);
            memcpy(rte_pktmbuf_mtod(pkts[n], void *), frame, size);
        }
        send_all(pkts, n);
        stream_acks();
        if ((spins & 0xfffff) == 0xfffff && clock_ns() - start > 20 * (uint64_t)PATIENCE)
            die("the server has stopped reading");
    }
    one_way_print(times, start, clock_ns());
    return 0;
}

/* ---- measuring ---- */

static void measure_trips(unsigned times, bool tcp)
{
    uint32_t *ns = calloc(times, sizeof(*ns));
    for (unsigned i = 0; i < WARM_UP && !tcp; i++)
        bare_trip();
    for (unsigned i = 0; i < times; i++) {
        uint64_t start = clock_ns();
        if (tcp)
            tcp_turns_until(replies + 1);
        else
            bare_trip();
        ns[i] = (uint32_t)(clock_ns() - start);
    }
    samples_print(ns, times);
    free(ns);
}

static double tcp_rate(unsigned times)
{
    uint64_t start = clock_ns();
    tcp_turns_until(replies + times);
    return times / ((double)(clock_ns() - start) / 1e9);
}

static int measure(const char *what, unsigned times, unsigned conns)
{
    bool tcp = strcmp(what, "tcp") == 0;
    wait_for_link();
    if (tcp) {
        tcp_connect(conns > 0 ? conns : 1);
        tcp_turns_until(WARM_UP + (conns > 0 ? conns : 1));
    }
    if (conns > 0)
        printf("rate %.0f\n", tcp ? tcp_rate(times) : bare_rate(times, conns));
    else
        measure_trips(times, tcp);
    return 0;
}

int main(int argc, char **argv)
{
    int used = rte_eal_init(argc, argv);
    if (used < 0)
        die("EAL does not start");
    argc -= used;
    argv += used;
    if (argc < 3)
        die("usage: bench_memif EAL-ARGS -- server|sink|reader|bare|flood|tcp|bulk SOCKET [TIMES [CONNS or "
            "SIZE]]");
    struct sigaction sa = {.sa_handler = on_signal};
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGINT, &sa, NULL);
    const char *what = argv[1];
    bool reads = strcmp(what, "reader") == 0, sinks = reads || strcmp(what, "sink") == 0;
    bool serves = strcmp(what, "server") == 0;
    open_wire(argv[2], sinks || serves);
    unsigned times = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 100000;
    unsigned conns = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 0;
    int rc = sinks                        ? sink(reads)
             : serves                     ? serve()
             : strcmp(what, "bulk") == 0  ? bulk(times)
             : strcmp(what, "flood") == 0 ? flood(times, (uint16_t)(conns > 0 ? conns : 64))
                                          : measure(what, times, conns);
    fflush(stdout);
    rte_eth_dev_stop(port);
    rte_eth_dev_close(port);
    rte_eal_cleanup();
    return rc;
}
