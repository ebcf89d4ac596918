/* SPDX-License-Identifier: BSD-3-Clause */
#include "pktgen/record.h"

#include <errno.h>
#include <fcntl.h>
#include <plx_frame.h>
#include <stdlib.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app.h"

#define BUFFER           (1u << 20)
#define BLOCK_SECTION    0x0a0d0d0au
#define BLOCK_IFACE      1u
#define BLOCK_PACKET     6u
#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define OPT_END          0
#define OPT_IF_NAME      2
#define OPT_IF_TSRESOL   9
#define OPT_EPB_FLAGS    2
#define LINK_ETHERNET    1
#define NANOSECONDS      9 /* 10^-9 */

struct buffer {
    uint8_t *data;
    uint32_t used;
    uint64_t frames;
};

struct record {
    int fd;
    atomic_int error;
    uint64_t to_real; /* what makes wall-clock time of the monotonic clock's */
    uint16_t n;
    struct buffer buffer[];
};

/* One write of whole blocks, so that those of other workers do not come between. */
static bool flush(struct record *r, struct buffer *b)
{
    for (uint32_t done = 0; done < b->used;) {
        ssize_t n = write(r->fd, b->data + done, b->used - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            atomic_store(&r->error, n < 0 ? errno : EIO);
            b->used = 0;
            return false;
        }
        done += (uint32_t)n;
    }
    b->used = 0;
    return true;
}

static uint8_t *put(uint8_t *at, const void *bytes, size_t n)
{
    memcpy(at, bytes, n);
    return at + n;
}

static uint8_t *put32(uint8_t *at, uint32_t v)
{
    return put(at, &v, sizeof(v));
}

static uint8_t *put_option(uint8_t *at, uint16_t code, const void *bytes, uint16_t len)
{
    static const uint8_t zero[4];

    at = put(at, &code, 2);
    at = put(at, &len, 2);
    at = put(at, bytes, len);
    return put(at, zero, (4 - len % 4) % 4);
}

/* The total length stands at both ends of a block. */
static uint8_t *end_block(uint8_t *start, uint8_t *at)
{
    uint32_t len = (uint32_t)(at - start) + 4;

    memcpy(start + 4, &len, 4);
    return put32(at, len);
}

static void put_head(struct buffer *b)
{
    uint8_t *start = b->data, *at = start;
    const int64_t unknown = -1;
    const uint16_t version[2] = {1, 0};
    const uint8_t resolution = NANOSECONDS;
    struct plx_wire w;

    at = put32(put32(at, BLOCK_SECTION), 0);
    at = put32(at, BYTE_ORDER_MAGIC);
    at = put(at, version, sizeof(version));
    at = put(at, &unknown, sizeof(unknown));
    at = end_block(start, at);
    for (unsigned i = 0; plx_wire(i, &w) == 0; i++) {
        start = at;
        at = put32(put32(at, BLOCK_IFACE), 0);
        at = put32(at, LINK_ETHERNET);
        at = put32(at, 0); /* whole frames */
        at = put_option(at, OPT_IF_NAME, w.name, (uint16_t)strlen(w.name));
        at = put_option(at, OPT_IF_TSRESOL, &resolution, 1);
        at = put_option(at, OPT_END, NULL, 0);
        at = end_block(start, at);
    }
    b->used = (uint32_t)(at - b->data);
}

struct record *record_open(const char *path, uint16_t workers)
{
    struct record *r = calloc(1, sizeof(*r) + workers * sizeof(r->buffer[0]));
    struct timespec real;
    bool ok = r != NULL;

    if (!ok)
        return NULL;
    r->n = workers;
    r->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
    ok = r->fd >= 0;
    for (uint16_t i = 0; ok && i < workers; i++) {
        r->buffer[i].data = malloc(BUFFER);
        ok = r->buffer[i].data != NULL;
    }
    if (ok) {
        clock_gettime(CLOCK_REALTIME, &real);
        r->to_real = (uint64_t)real.tv_sec * 1000000000u + (uint64_t)real.tv_nsec - app_now();
        put_head(&r->buffer[0]);
        ok = flush(r, &r->buffer[0]);
    }
    if (!ok) {
        int saved = errno;
        record_close(r);
        errno = saved;
        return NULL;
    }
    return r;
}

bool record_frame(struct record *r, uint16_t worker, unsigned wire, const struct rte_mbuf *m,
                  enum record_direction direction, uint64_t time)
{
    struct buffer *b = &r->buffer[worker];
    uint32_t padded = (m->pkt_len + 3) & ~3u, flags = direction;
    uint64_t ts = time + r->to_real;
    uint8_t *start, *at;

    if (atomic_load_explicit(&r->error, memory_order_relaxed) != 0)
        return false;
    if (b->used + padded + 64 > BUFFER && !flush(r, b))
        return false;
    start = b->data + b->used;
    at = put32(put32(start, BLOCK_PACKET), 0);
    at = put32(at, wire);
    at = put32(put32(at, (uint32_t)(ts >> 32)), (uint32_t)ts);
    at = put32(put32(at, m->pkt_len), m->pkt_len);
    for (const struct rte_mbuf *s = m; s != NULL; s = s->next)
        at = put(at, rte_pktmbuf_mtod(s, const void *), s->data_len);
    memset(at, 0, padded - m->pkt_len);
    at += padded - m->pkt_len;
    at = put_option(at, OPT_EPB_FLAGS, &flags, sizeof(flags));
    at = put_option(at, OPT_END, NULL, 0);
    at = end_block(start, at);
    b->used = (uint32_t)(at - b->data);
    b->frames++;
    return true;
}

int64_t record_close(struct record *r)
{
    int64_t frames = 0;

    if (r == NULL)
        return 0;
    for (uint16_t i = 0; i < r->n && r->fd >= 0; i++) {
        if (atomic_load(&r->error) == 0 && r->buffer[i].data != NULL)
            flush(r, &r->buffer[i]);
        frames += (int64_t)r->buffer[i].frames;
    }
    for (uint16_t i = 0; i < r->n; i++)
        free(r->buffer[i].data);
    int error = atomic_load(&r->error);
    if (r->fd >= 0 && close(r->fd) != 0 && error == 0)
        error = errno;
    free(r);
    errno = error;
    return error == 0 ? frames : -1;
}
