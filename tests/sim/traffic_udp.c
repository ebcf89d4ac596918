/* SPDX-License-Identifier: BSD-3-Clause */
/* Datagrams of all sizes beside the streams: each says its number and length, and what arrives must be
 * whole and right; how many arrive is the wire's affair. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "posix/socket.h"
#include "support/segment.h"
#include "traffic.h"

#define UDP_MAX      20000
#define UDP_INTERVAL (37 * NSEC_PER_MSEC)

bool traffic_udp_start(struct traffic *t)
{
    for (unsigned side = 0; side < 2; side++) {
        struct engine *e = &t->host[side]->engine;
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(TRAFFIC_UDP_PORT)};
        t->udp[side] = sock_open(e, AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        if (sock_bind(e, t->udp[side], (struct sockaddr *)&a, sizeof(a)) != 0)
            return traffic_fail(t, "UDP cannot be bound");
    }
    return true;
}

static void datagram_send(struct traffic *t, unsigned side)
{
    static uint8_t buf[UDP_MAX + 8];
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(TRAFFIC_UDP_PORT),
                            .sin_addr.s_addr = t->host[1 - side]->addr};
    uint32_t number = t->datagrams_sent[side]++,
             n = 8 + world_below(&t->dice, 1u << (4 + world_below(&t->dice, 11)));
    n = n > UDP_MAX ? UDP_MAX : n;
    memcpy(buf, &number, 4);
    memcpy(buf + 4, &n, 4);
    for (uint32_t i = 8; i < n; i++)
        buf[i] = stream_byte(number * 2 + side, i);
    ssize_t rc = sock_sendto(&t->host[side]->engine, t->udp[side], buf, n, MSG_DONTWAIT,
                             (struct sockaddr *)&a, sizeof(a));
    if (rc != (ssize_t)n && rc != -ENOBUFS && rc != -EAGAIN && rc != -EHOSTUNREACH && rc != -ENOMEM)
        traffic_fail(t, "sendto of %u bytes: %zd", n, rc);
}

/* Two fragments, each with a bit turned over on the way, may add up to the right checksum: then nobody below
 * the application can tell. One flip in a packet cannot. */
static bool checksum_deceived(const struct traffic *t, uint8_t *buf, uint32_t n, uint32_t seed)
{
    uint16_t sum = inet_fold(inet_sum(0, buf, n));
    uint32_t mtu = t->sc->net.narrow_at != 0 ? t->sc->net.narrow_mtu : t->sc->mtu;
    if (t->sc->wire.corrupt == 0 || n + 28 <= mtu)
        return false;
    for (uint32_t i = 8; i < n; i++)
        buf[i] = stream_byte(seed, i);
    return inet_fold(inet_sum(0, buf, n)) == sum;
}

static unsigned datagram_receive(struct traffic *t, unsigned side)
{
    static uint8_t buf[UDP_MAX + 8];
    uint32_t number, n;
    ssize_t rc = sock_recv(&t->host[side]->engine, t->udp[side], buf, sizeof(buf), MSG_DONTWAIT);
    if (rc == -EAGAIN)
        return 0;
    if (rc < 0)
        return rc == -EHOSTUNREACH || rc == -ECONNREFUSED ? 1
                                                          : traffic_fail(t, "recv of a datagram: %zd", rc);
    memcpy(&number, buf, 4);
    memcpy(&n, buf + 4, 4);
    if (rc < 8 || n != (uint32_t)rc || number >= t->datagrams_sent[1 - side])
        return traffic_fail(t, "a datagram of %zd bytes that nobody sent", rc);
    for (uint32_t i = 8; i < n; i++)
        if (buf[i] != stream_byte(number * 2 + 1 - side, i) &&
            !checksum_deceived(t, buf, n, number * 2 + 1 - side))
            return traffic_fail(t, "byte %u of datagram %u is wrong", i, number);
    t->datagrams_received[side]++;
    return 1;
}

unsigned traffic_udp_turn(struct traffic *t, unsigned side)
{
    struct host *h = t->host[side];
    unsigned done = 0;
    while (!t->failed && datagram_receive(t, side) != 0)
        done++;
    if (t->datagrams_sent[side] >= t->sc->n_datagrams)
        return done;
    nsec_t due = t->begin + (t->datagrams_sent[side] + 1) * UDP_INTERVAL;
    if (t->w->now >= due) {
        datagram_send(t, side);
        return done + 1;
    }
    h->app_wake = RTE_MIN(h->app_wake, due);
    return done;
}
