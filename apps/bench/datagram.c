/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests as datagrams, which may be lost: each carries a number, and one that is not answered in time
 * frees its place. */
#include "bench/load.h"

#include <errno.h>
#include <string.h>

#define DATAGRAMS_PER_EVENT 64

static struct udp_slot *slot_of(struct load *l, const struct conn *c, uint64_t number)
{
    return &l->udp[(size_t)conn_index(l, c) * config.pipeline + number % config.pipeline];
}

int datagram_open(struct load *l, struct conn *c, uint64_t now)
{
    conn_open(l, c, now);
    if (c->state != CONN_CONNECTING)
        return -1;
    /* There is no handshake. */
    conn_watch(l, c, EPOLL_CTL_MOD, EPOLLIN);
    c->state = CONN_OPEN;
    l->connecting--;
    l->open++;
    if (!l->started)
        l->ramped++;
    return 0;
}

/* c->sent counts its datagrams: the number of the next one is one more. */
void datagram_request(struct load *l, struct conn *c, uint64_t due, uint64_t now)
{
    uint64_t number = 0;

    /* After a loss the places are not freed in the order in which they were taken. */
    for (uint32_t i = 0; i < config.pipeline; i++) {
        number = ++c->sent;
        if (number != 0 && slot_of(l, c, number)->number == 0)
            break;
    }
    *slot_of(l, c, number) = (struct udp_slot){.number = number, .due = due};
    c->outstanding++;
    l->in_flight++;
    memcpy(l->text[0].bytes, &number, sizeof(number));
    ssize_t n = l->calls->send(c->fd, l->text[0].bytes, config.size, 0);
    if (n < 0 && errno != EAGAIN && errno != ENOBUFS)
        load_fail(l, failure_of(errno, false), now); /* one that an earlier datagram brought back */
    struct interval *in = n > 0 ? load_interval(l, now, false) : NULL;
    if (in != NULL) {
        in->bytes_out += (uint64_t)n;
        l->bytes_out += (uint64_t)n;
    }
}

static void slot_free(struct load *l, struct conn *c, struct udp_slot *slot, uint64_t now)
{
    slot->number = 0;
    c->outstanding--;
    l->in_flight--;
    if (load_stops(now))
        return;
    if (config.rate != 0)
        load_offer(l, c);
    else
        datagram_request(l, c, now, now);
}

static void datagram_answer(struct load *l, struct conn *c, size_t n, uint64_t now)
{
    struct interval *in = load_interval(l, now, false);
    uint64_t number;

    if (in != NULL) {
        in->bytes_in += n;
        l->bytes_in += n;
    }
    memcpy(&number, l->buffer, sizeof(number));
    if (n != config.response || n < sizeof(number) || number == 0) {
        load_fail(l, FAIL_WRONG, now);
        return;
    }
    struct udp_slot *slot = slot_of(l, c, number);
    if (slot->number != number ||
        (config.verify &&
         memcmp(l->buffer + sizeof(number), l->text[0].bytes + sizeof(number), n - sizeof(number)) != 0)) {
        load_fail(l, slot->number != number ? FAIL_UNEXPECTED : FAIL_WRONG, now);
        return;
    }
    load_answered(l, slot->due, now);
    slot_free(l, c, slot, now);
}

void datagram_event(struct load *l, struct conn *c, uint64_t now)
{
    for (int i = 0; i < DATAGRAMS_PER_EVENT; i++) {
        ssize_t n = l->calls->recv(c->fd, l->buffer, LOAD_BUFFER, 0);

        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0)
            load_fail(l, failure_of(errno, false), now);
        else
            datagram_answer(l, c, (size_t)n, i == 0 ? now : app_now());
    }
}

void datagram_time_out(struct load *l, uint64_t now)
{
    uint64_t patience = config.timeout_s * NS_PER_S;

    for (uint32_t i = 0; i < l->n && l->in_flight > 0; i++) {
        struct conn *c = &l->conn[i];
        for (uint32_t k = 0; k < config.pipeline && c->outstanding > 0; k++) {
            struct udp_slot *slot = &l->udp[(size_t)i * config.pipeline + k];
            if (slot->number == 0 || now < slot->due || now - slot->due < patience)
                continue;
            load_fail(l, FAIL_LOST, now);
            slot_free(l, c, slot, now);
        }
    }
}
