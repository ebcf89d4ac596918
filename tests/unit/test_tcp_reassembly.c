/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp_rig.h"

#include <string.h>

#include "tcp/rcv_queue.h"
#include "tcp/reassembly.h"

#define STREAM 40000u

struct fixture {
    struct rig r;
    struct tcb *tcb;
    uint32_t base; /* peer's number of stream byte 0 */
};

static struct fixture f;

static void setup(void)
{
    rig_init(&f.r);
    memcpy(f.r.peer_opt, (uint8_t[]){2, 4, 0x05, 0xb4, 4, 2, 1, 1}, 8); /* MSS, SACK-permitted */
    f.r.n_peer_opt = 8;
    f.tcb = rig_connected(&f.r);
    f.base = f.r.peer_seq;
}

static void piece(uint32_t off, uint32_t len)
{
    uint8_t bytes[1460];
    for (uint32_t i = 0; i < len; i++)
        bytes[i] = stream_byte(3, off + i);
    rig_in_at(&f.r, SEG_ACK, f.base + off, bytes, len);
}

static void read_and_compare(uint32_t *at)
{
    uint8_t bytes[4096];
    ssize_t n;
    while ((n = rig_recv(&f.r, f.tcb, bytes, sizeof(bytes))) > 0)
        for (ssize_t i = 0; i < n; i++, (*at)++)
            assert_int_equal(bytes[i], stream_byte(3, *at));
    assert_int_equal(n, -EAGAIN);
}

static void drain_output(void)
{
    struct segment s;
    while (rig_out(&f.r, &s))
        ;
}

/* RFC9293-3.10.7.4, seventh: whatever the order, the overlaps and the repetitions, the stream is
 * the stream; and what is charged is given back. */
static void any_order_gives_the_stream(void **state)
{
    uint64_t seed = test_random_seed();
    setup();
    uint32_t read = 0;
    uint64_t pinned = f.r.tcp.pinned;
    while (read < STREAM) {
        uint32_t ahead = (uint32_t)(test_rand(&seed) % 24000);
        uint32_t back = read < 3000 ? read : 3000;
        uint32_t off = read - back + (uint32_t)(test_rand(&seed) % (ahead + back + 1));
        uint32_t len = 1 + (uint32_t)(test_rand(&seed) % (test_rand(&seed) % 4 == 0 ? 1460 : 40));
        if (test_rand(&seed) % 3 == 0)
            off = read;
        if (off + len > STREAM)
            len = off < STREAM ? STREAM - off : 0;
        if (len > 0)
            piece(off, len);
        if (test_rand(&seed) % 5 == 0)
            read_and_compare(&read);
        drain_output();
    }
    assert_int_equal(f.r.tcp.pinned, pinned);
    assert_false(reassembly_has_hole(&f.r.tcp, f.tcb));
    rig_fini(&f.r);
}

static unsigned sack_blocks(const struct segment *s, uint32_t block[8])
{
    for (unsigned i = 0; i + 1 < s->n_opt; i += s->opt[i] == 1 ? 1u : s->opt[i + 1]) {
        if (s->opt[i] == 1)
            continue;
        if (s->opt[i] != 5)
            continue;
        unsigned n = (s->opt[i + 1] - 2u) / 4;
        for (unsigned k = 0; k < n; k++) {
            uint32_t v;
            memcpy(&v, s->opt + i + 2 + 4 * k, 4);
            block[k] = ntohl(v) - f.base;
        }
        return n / 2;
    }
    return 0;
}

/* RFC2018-4: the first block names the most recent segment; earlier ones follow, at most four. */
static void most_recent_block_comes_first(void **state)
{
    uint32_t b[8];
    struct segment s;
    setup();
    for (uint32_t i = 0; i < 5; i++) {
        piece(1000 + 1000 * i, 100);
        s = rig_expect(&f.r, SEG_ACK);
        assert_int_equal(s.ack, f.base);
    }
    assert_int_equal(sack_blocks(&s, b), 4);
    assert_int_equal(b[0], 5000);
    assert_int_equal(b[2], 4000);
    assert_int_equal(b[4], 3000);
    assert_int_equal(b[6], 2000);
    piece(3100, 50); /* an older one grows: it comes first now */
    s = rig_expect(&f.r, SEG_ACK);
    assert_int_equal(sack_blocks(&s, b), 4);
    assert_int_equal(b[0], 3000);
    assert_int_equal(b[1], 3150);
    rig_fini(&f.r);
}

/* RFC2883-4: what came twice is reported once, before the other blocks. */
static void duplicate_is_reported_once(void **state)
{
    uint32_t b[8];
    setup();
    piece(0, 100);
    rig_expect(&f.r, SEG_ACK);
    piece(500, 100);
    rig_expect(&f.r, SEG_ACK);
    piece(0, 100);
    struct segment s = rig_expect(&f.r, SEG_ACK);
    assert_int_equal(sack_blocks(&s, b), 2);
    assert_int_equal(b[0], 0);
    assert_int_equal(b[1], 100);
    assert_int_equal(b[2], 500);
    piece(700, 10);
    s = rig_expect(&f.r, SEG_ACK);
    assert_int_equal(sack_blocks(&s, b), 2);
    assert_int_equal(b[0], 700);
    rig_fini(&f.r);
}

/* Every second byte, backwards and forwards: memory stays within SO_RCVBUF, and the stream still comes. */
static void every_second_byte_is_bounded(void **state)
{
    uint32_t read = 0;
    setup();
    for (uint32_t off = 30001; off > 1; off -= 2)
        piece(off, 1);
    assert_true(f.tcb->rcvq_charge <= f.tcb->rcvbuf + 4096);
    drain_output();
    for (uint32_t off = 0; off < 30000; off += 1000) {
        piece(off, 1000);
        read_and_compare(&read);
    }
    assert_int_equal(read >= 30000, true);
    drain_output();
    rig_fini(&f.r);
}

/* Ranges that a look-up passes at most: what every step of reassembly costs. */
static unsigned tree_depth(uint32_t root)
{
    const struct range *r = slab_at(&f.r.tcp.ranges, root);
    if (root == 0)
        return 0;
    unsigned left = tree_depth(r->left), right = tree_depth(r->right);
    return 1 + (left > right ? left : right);
}

/* One-byte holes in the order that `next` tells, so many that no more are kept. */
static void check_depth(uint32_t (*next)(uint32_t i))
{
    setup();
    f.tcb->rcvbuf = 16u << 20; /* so that only the bound on ranges counts */
    for (uint32_t i = 0; i < REASSEMBLY_RANGES_MAX; i++)
        piece(1 + 2 * next(i), 1);
    const struct assembly *a = slab_at(&f.r.tcp.assemblies, f.tcb->ooo);
    assert_int_equal(a->n, REASSEMBLY_RANGES_MAX);
    piece(1 + 2 * REASSEMBLY_RANGES_MAX + 2, 1);
    assert_int_equal(a->n, REASSEMBLY_RANGES_MAX); /* one more is refused */
    /* Of 1024 random keys a treap is 22 deep on average; 40 would be a fluke of one in many millions. */
    assert_true(tree_depth(a->root) <= 40);
    drain_output();
    rig_fini(&f.r);
}

static uint32_t ascending(uint32_t i)
{
    return i;
}

static uint32_t descending(uint32_t i)
{
    return REASSEMBLY_RANGES_MAX - i;
}

static uint32_t from_the_middle(uint32_t i)
{
    uint32_t middle = REASSEMBLY_RANGES_MAX / 2;
    return (i & 1) != 0 ? middle + 1 + i / 2 : middle - i / 2;
}

static uint32_t bit_reversed(uint32_t i)
{
    uint32_t r = 0;
    for (unsigned k = 0; k < 10; k++)
        r |= (i >> k & 1) << (9 - k);
    return r;
}

/* Whatever order a peer chooses for its holes, a step costs O(log n): counted in steps, not in time. */
static void no_pattern_makes_it_deep(void **state)
{
    check_depth(ascending);
    check_depth(descending);
    check_depth(from_the_middle);
    check_depth(bit_reversed);
}

/* Dropping what is out of order gives the memory back (close with a hole). */
static void purge_gives_everything_back(void **state)
{
    setup();
    for (uint32_t i = 0; i < 20; i++)
        piece(100 + 200 * i, 50);
    drain_output();
    tcp_abort(&f.r.tcp, f.tcb);
    drain_output();
    assert_int_equal(f.r.tcp.pinned, 0);
    assert_int_equal(f.r.tcp.ranges.in_use, 0);
    assert_int_equal(f.r.tcp.assemblies.in_use, 0);
    rig_fini(&f.r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_gives_the_stream),  cmocka_unit_test(most_recent_block_comes_first),
        cmocka_unit_test(duplicate_is_reported_once),  cmocka_unit_test(every_second_byte_is_bounded),
        cmocka_unit_test(purge_gives_everything_back), cmocka_unit_test(no_pattern_makes_it_deep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
