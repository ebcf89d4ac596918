/* SPDX-License-Identifier: BSD-3-Clause */
/* Who owns a flow: the hash that RSS computes, with the numbers of its specification. */
#include <rte_common.h>
#include <string.h>

#include "base/steer.h"
#include "support/context.h"

/* The key and the packets over TCP of the verification suite that Microsoft publishes for RSS. */
static const uint8_t key[STEER_KEY_BYTES] = {
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
    0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
    0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

static const struct {
    uint8_t dst[4], src[4];
    uint16_t dport, sport;
    uint32_t hash;
} known[] = {
    {{161, 142, 100, 80}, {66, 9, 149, 187}, 1766, 2794, 0x51ccc178},
    {{65, 69, 140, 83}, {199, 92, 111, 2}, 4739, 14230, 0xc626b0ea},
    {{12, 22, 207, 184}, {24, 19, 198, 95}, 38024, 12898, 0x5c2b394a},
    {{209, 142, 163, 6}, {38, 27, 205, 30}, 2217, 48228, 0xafc7327f},
    {{202, 188, 127, 2}, {153, 39, 163, 191}, 1303, 44251, 0x10e828a2},
};

/* The flow as it is known at this end, of a packet that arrives. */
static struct flow_key flow_of(unsigned i)
{
    uint32_t dst, src;
    memcpy(&dst, known[i].dst, 4);
    memcpy(&src, known[i].src, 4);
    return (struct flow_key){ip_addr_v4(dst), ip_addr_v4(src), known[i].dport, known[i].sport};
}

static void own_table_spreads_by_the_hash(void **state)
{
    uint8_t table[128];
    unsigned n[3] = {0};
    struct steer s;
    steer_init(&s, key, 3);
    steer_table(table, 128, 3, key);
    for (unsigned i = 0; i < 128; i++)
        n[table[i]]++;
    assert_int_equal(n[0], 43);
    assert_int_equal(n[1], 43);
    assert_int_equal(n[2], 42);
    for (unsigned i = 0; i < RTE_DIM(known); i++) {
        struct flow_key flow = flow_of(i);
        assert_int_equal(steer_owner(&s, &flow), table[known[i].hash % 128]);
    }
}

static void tables_of_devices_are_followed(void **state)
{
    static const uint16_t sizes[] = {64, 128, 512};
    uint8_t table[STEER_TABLE], other[STEER_KEY_BYTES] = {1, 2, 3};
    struct steer s;
    for (unsigned k = 0; k < RTE_DIM(sizes); k++) {
        for (unsigned i = 0; i < sizes[k]; i++)
            table[i] = (uint8_t)(i * 7 % 5);
        steer_init(&s, other, 5);
        steer_follow(&s, key, table, sizes[k]);
        for (unsigned i = 0; i < RTE_DIM(known); i++) {
            struct flow_key flow = flow_of(i);
            assert_int_equal(steer_owner(&s, &flow), table[known[i].hash % sizes[k]]);
        }
    }
}

/* Of 64 connections whose ports follow each other by `step`: how many come to the busiest worker. */
static unsigned busiest(const struct steer *s, unsigned step, uint16_t port)
{
    unsigned n[4] = {0}, most = 0;
    for (unsigned i = 0; i < 64; i++) {
        struct flow_key flow = flow_of(0);
        flow.rport = (uint16_t)(port + i * step);
        unsigned *worker = &n[steer_owner(s, &flow)];
        most = RTE_MAX(most, ++*worker);
    }
    return most;
}

/* Linux gives connections to one destination ports that follow each other by two. With plain random keys and
 * a table in rotation one key in 128 brought all of them to one of two workers. Here no draw is more than
 * five standard deviations off. */
static void keys_drawn_spread_ports_in_a_row(void **state)
{
    struct rng rng;
    rng_init(&rng, &(struct siphash_key){.k = {1, 2}});
    for (unsigned draw = 0; draw < 1000; draw++) {
        uint8_t drawn[STEER_KEY_BYTES];
        struct steer s;
        steer_key_draw(drawn, &rng);
        for (uint16_t n = 2; n <= 4; n++) {
            steer_init(&s, drawn, n);
            for (unsigned step = 1; step <= 2; step++) {
                unsigned most = busiest(&s, step, (uint16_t)(32768 + 30 * draw));
                if (most > 64u / n + 14)
                    fail_msg("draw %u: %u of 64 connections (ports by %u) on one of %u workers", draw, most,
                             step, n);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_table_spreads_by_the_hash),
        cmocka_unit_test(keys_drawn_spread_ports_in_a_row),
        cmocka_unit_test(tables_of_devices_are_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
