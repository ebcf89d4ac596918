/* SPDX-License-Identifier: BSD-3-Clause */
/* CUBIC's window (RFC 9438) and HyStart++ (RFC 9406), against references computed with floating point. */
#include <math.h>
#include <string.h>

#include "tcp/congestion.h"
#include "tcp/cubic.h"
#include "tcp/hystart.h"
#include "tcp_rig.h"

static struct rig r;

/* ---- arithmetic ---- */

static void root_is_the_floor_of_the_cube_root(void **state)
{
    static const uint64_t at[] = {0, 1, 7, 8, 9, 26, 27, 28, 999999999, 1000000000, 1000000001, UINT64_MAX};
    static const uint32_t root[] = {0, 1, 1, 2, 2, 2, 3, 3, 999, 1000, 1000, 2642245};
    for (unsigned i = 0; i < RTE_DIM(at); i++)
        assert_int_equal(cubic_root(at[i]), root[i]);
    for (uint64_t x = 1; x < 2642245; x += x / 3 + 1) {
        assert_int_equal(cubic_root(x * x * x), x);
        assert_int_equal(cubic_root(x * x * x - 1), x - 1);
    }
}

/* RFC9438-4.2 equation 2: K = cbrt((W_max - cwnd) / C), in ms. */
static void k_is_the_time_back_to_the_maximum(void **state)
{
    for (double below = 0.125; below < 1e6; below *= 1.7) {
        double k = cbrt(below / 0.4) * 1000;
        assert_true(fabs(cubic_k_ms((uint32_t)(below * 1024)) - k) <= 1 + k / 1000);
    }
}

/* RFC9438-4.2 equation 1: W_cubic(t) = C (t - K)^3 + W_max, before, at and after K. */
static void curve_follows_the_equation(void **state)
{
    for (double w_max = 10; w_max < 100000; w_max *= 3) {
        double k = cbrt(w_max * 0.3 / 0.4);
        for (double t = 0; t < 3 * k; t += k / 50) {
            double want = 0.4 * pow(t - k, 3) + w_max;
            uint64_t got = cubic_window((uint32_t)(w_max * 1024), (uint32_t)(k * 1000), (uint64_t)(t * 1000));
            assert_true(fabs((double)got / 1024 - want) <= 0.01 + want / 200);
        }
    }
    assert_int_equal(cubic_window(10 << CUBIC_Q, 100000, 0), 0); /* not below nothing */
    assert_true(cubic_window(10 << CUBIC_Q, 0, UINT32_MAX) < UINT64_C(1) << 33);
}

/* ---- the window of a connection ---- */

/* A connection whose window is `cwnd`, always full, with this round trip, in congestion avoidance. */
static struct tcb *avoiding(uint32_t cwnd, uint32_t rtt_ms)
{
    rig_init(&r);
    struct tcb *tcb = rig_connected(&r);
    tcb->cwnd = cwnd;
    tcb->srtt = rtt_ms * 1000 << 3;
    tcb->packets_out = cwnd;
    congestion_sent(&r.tcp, tcb, true);
    assert_non_null(congestion_state(&r.tcp, tcb));
    return tcb;
}

static void finish(struct tcb *tcb)
{
    tcb->packets_out = 0;
    rig_fini(&r);
}

/* One round trip: an ACK a segment, evenly spread. */
static void round_trip(struct tcb *tcb, uint32_t rtt_ms)
{
    struct cong_ack a = {.acked = 1, .rtt_us = rtt_ms * 1000};
    uint32_t n = tcb->cwnd;
    nsec_t begin = r.tc.ctx.now;
    for (uint32_t i = 1; i <= n; i++) {
        r.tc.ctx.now = begin + (nsec_t)rtt_ms * NSEC_PER_MSEC * i / n;
        congestion_on_ack(&r.tcp, tcb, &a);
        tcb->packets_out = tcb->cwnd;
        congestion_sent(&r.tcp, tcb, true);
    }
}

static void reduce(struct tcb *tcb)
{
    congestion_reduce(&r.tcp, tcb);
    congestion_reduced(&r.tcp, tcb);
}

/* RFC9438-4.6, RFC9438-4.4: from 0.7 of it up to W_max along the curve, a plateau there at K, and on. */
static void window_grows_along_the_curve(void **state)
{
    enum { RTT = 100 };
    struct tcb *tcb = avoiding(1000, RTT);
    reduce(tcb);
    assert_int_equal(tcb->cwnd, 700);
    double k = cbrt(300 / 0.4), t = 0;
    while (t < 2 * k) {
        round_trip(tcb, RTT);
        t += RTT / 1000.0;
        double want = 0.4 * pow(t - k, 3) + 1000; /* the target of a round trip ago was for now */
        assert_true(fabs(tcb->cwnd - want) <= 3 + want / 50);
    }
    assert_true(tcb->cwnd > 1200);
    finish(tcb);
}

/* RFC9438-4.7: who is reduced below his last maximum makes room: W_max is 0.85 of the window. */
static void fast_convergence_lowers_the_maximum(void **state)
{
    enum { RTT = 100 };
    struct tcb *tcb = avoiding(1000, RTT);
    reduce(tcb);
    reduce(tcb); /* 700, below 1000 */
    assert_int_equal(tcb->cwnd, 490);
    double k = cbrt((595 - 490) / 0.4);
    for (double t = 0; t < k; t += RTT / 1000.0)
        round_trip(tcb, RTT);
    assert_in_range(tcb->cwnd, 590, 600);
    finish(tcb);
}

/* RFC9438-4.3: where the curve is slow (small windows, short round trips) the window grows like Reno's that
 * is halved: 9/17 of a segment a round trip, and one above the window before the loss. */
static void small_windows_are_as_fast_as_reno(void **state)
{
    enum { RTT = 5 };
    struct tcb *tcb = avoiding(40, RTT);
    reduce(tcb);
    assert_int_equal(tcb->cwnd, 28);
    for (unsigned i = 0; i < 17; i++)
        round_trip(tcb, RTT);
    assert_in_range(tcb->cwnd, 36, 38);
    for (unsigned i = 0; i < 7; i++)
        round_trip(tcb, RTT);
    uint32_t before = tcb->cwnd;
    assert_in_range(before, 39, 42);
    for (unsigned i = 0; i < 20; i++)
        round_trip(tcb, RTT);
    assert_in_range(tcb->cwnd, before + 18, before + 21);
    finish(tcb);
}

/* RFC9438-4.4: no more than half as much again in a round trip, wherever the curve is. */
static void grows_by_half_in_a_round_trip_at_most(void **state)
{
    enum { RTT = 10000 }; /* the curve is at 178 then, and at 1,700 a round trip later */
    struct tcb *tcb = avoiding(100, RTT);
    reduce(tcb);
    for (unsigned i = 0; i < 8; i++) {
        uint32_t before = tcb->cwnd;
        round_trip(tcb, RTT);
        assert_true(tcb->cwnd <= before + before / 2 + 1);
    }
    assert_true(tcb->cwnd > 1500);
    finish(tcb);
}

/* RFC9438-4.8: after a time-out the curve begins where congestion avoidance does, with K = 0. */
static void timeout_begins_anew(void **state)
{
    enum { RTT = 100 };
    struct tcb *tcb = avoiding(1000, RTT);
    congestion_on_timeout(&r.tcp, tcb, true);
    assert_int_equal(tcb->cwnd, 1);
    assert_int_equal(tcb->ssthresh, 700);
    while (tcb->cwnd < 700)
        round_trip(tcb, RTT);
    double t = 0;
    for (unsigned i = 0; i < 50; i++) {
        round_trip(tcb, RTT);
        t += RTT / 1000.0;
    }
    double want = 0.4 * pow(t, 3) + 700;
    assert_true(fabs(tcb->cwnd - want) <= want / 20);
    finish(tcb);
}

/* RFC9438-4.9: a reduction that was a mistake leaves no trace: window, threshold, and the curve. */
static void undo_restores_the_curve(void **state)
{
    enum { RTT = 100 };
    struct tcb *tcb = avoiding(1000, RTT);
    reduce(tcb);
    for (unsigned i = 0; i < 20; i++)
        round_trip(tcb, RTT);
    uint32_t cwnd = tcb->cwnd, ssthresh = tcb->ssthresh;
    uint64_t priv[CONG_PRIVATE_WORDS];
    memcpy(priv, congestion_state(&r.tcp, tcb)->priv, sizeof(priv));
    congestion_reduce(&r.tcp, tcb);
    assert_true(tcb->ssthresh < cwnd);
    tcb->cwnd = 10;
    congestion_undo(&r.tcp, tcb, cwnd, ssthresh > cwnd ? ssthresh : cwnd);
    assert_int_equal(tcb->cwnd, cwnd);
    assert_int_equal(tcb->ssthresh, cwnd);
    /* the epoch goes on: by K the window is back at the maximum */
    double k = cbrt(300 / 0.4), t = 20 * RTT / 1000.0;
    for (; t < k / 2; t += RTT / 1000.0)
        round_trip(tcb, RTT);
    assert_in_range(tcb->cwnd, 955, 970); /* 0.4 (K / 2)^3 below; a new curve would be flat here */
    for (; t < k; t += RTT / 1000.0)
        round_trip(tcb, RTT);
    assert_in_range(tcb->cwnd, 985, 1005);
    finish(tcb);
}

/* RFC9438-5.8: the time in which the application does not fill the window does not count: after it the window
 * goes on where it was, and does not jump to where the curve would be by now. */
static void pause_does_not_earn_window(void **state)
{
    enum { RTT = 100 };
    struct tcb *tcb = avoiding(1000, RTT);
    r.tc.tun.tcp_slow_start_after_idle = 0;
    reduce(tcb);
    for (unsigned i = 0; i < 20; i++)
        round_trip(tcb, RTT);
    uint32_t before = tcb->cwnd;
    tcb->packets_out = 0;
    tcb->snd_una = tcb->snd_nxt;
    tcb->last_snd = tcp_msec(r.tc.ctx.now);
    r.tc.ctx.now += 60 * NSEC_PER_SEC;
    congestion_tx_start(&r.tcp, tcb);
    tcb->packets_out = tcb->cwnd;
    congestion_sent(&r.tcp, tcb, true);
    round_trip(tcb, RTT);
    assert_true(tcb->cwnd <= before + 30);
    finish(tcb);
}

/* A window that is not in use does not grow: RFC2861-3.1. */
static void unused_window_does_not_grow(void **state)
{
    struct tcb *tcb = avoiding(100, 100);
    struct cong_ack a = {.acked = 10, .rtt_us = 100000};
    tcb->ssthresh = 50;
    tcb->snd_una = tcb->snd_nxt;
    tcb->packets_out = 30;
    congestion_sent(&r.tcp, tcb, true);
    for (unsigned i = 0; i < 100; i++)
        congestion_on_ack(&r.tcp, tcb, &a);
    assert_int_equal(tcb->cwnd, 100);
    finish(tcb);
}

/* Short messages cost no memory: nothing is remembered before half of the initial window was in use. */
static void short_messages_have_no_state(void **state)
{
    rig_init(&r);
    struct tcb *tcb = rig_connected(&r);
    for (unsigned i = 0; i < 50; i++) {
        rig_send(&r, tcb, "request", 7);
        rig_expect(&r, SEG_PSH | SEG_ACK);
        rig_in(&r, SEG_ACK, NULL, 0);
    }
    assert_int_equal(tcb->cong_state, 0);
    assert_int_equal(r.tcp.congs.in_use, 0);
    rig_fini(&r);
}

/* ---- HyStart++ ---- */

static seq_t una;

/* A round of n samples, an ACK each. The phase at its end. */
static enum hystart_phase hystart_round(struct hystart *h, unsigned n, uint32_t rtt_us)
{
    enum hystart_phase p = HYSTART_SLOW_START;
    for (unsigned i = 0; i < n; i++) {
        una += 1000;
        p = hystart_on_ack(h, una, una + n * 1000, rtt_us);
    }
    return p;
}

/* RFC9406-4.2: a threshold of an eighth of the round trip, within 4 ms and 16 ms. */
static void hystart_threshold_is_clamped(void **state)
{
    static const struct {
        uint32_t base, quiet, loud;
    } at[] = {{1, 3900, 4001}, {16000, 19900, 20000}, {80000, 89900, 90000}, {400000, 415900, 416000}};
    for (unsigned i = 0; i < RTE_DIM(at); i++) {
        struct hystart h = {0};
        assert_int_equal(hystart_round(&h, 20, at[i].base), HYSTART_SLOW_START);
        assert_int_equal(hystart_round(&h, 20, at[i].quiet), HYSTART_SLOW_START);
        struct hystart g = {0};
        assert_int_equal(hystart_round(&g, 20, at[i].base), HYSTART_SLOW_START);
        assert_int_equal(hystart_round(&g, 20, at[i].loud), HYSTART_CSS);
    }
}

/* RFC9406-4.2: seven samples say nothing; and the least of a round counts, not the last. */
static void hystart_wants_eight_samples(void **state)
{
    struct hystart h = {0};
    hystart_round(&h, 20, 50000);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(hystart_round(&h, 7, 90000), HYSTART_SLOW_START);
    struct hystart g = {0};
    hystart_round(&g, 20, 50000);
    una += 1000;
    hystart_on_ack(&g, una, una + 20000, 50000); /* begins a round of twenty */
    assert_int_equal(hystart_round(&g, 19, 90000), HYSTART_SLOW_START);
}

/* RFC9406-4.2: a round in which the round trip is short again takes it back; five rounds end slow start. */
static void hystart_goes_back_or_ends(void **state)
{
    struct hystart h = {0};
    hystart_round(&h, 20, 50000);
    assert_int_equal(hystart_round(&h, 20, 70000), HYSTART_CSS);
    assert_int_equal(hystart_round(&h, 20, 60000), HYSTART_SLOW_START);
    assert_int_equal(hystart_round(&h, 20, 80000), HYSTART_CSS);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(hystart_round(&h, 20, 80000), HYSTART_CSS);
    una += 20000;
    assert_int_equal(hystart_on_ack(&h, una, una + 1000, 80000), HYSTART_DONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(root_is_the_floor_of_the_cube_root),
        cmocka_unit_test(k_is_the_time_back_to_the_maximum),
        cmocka_unit_test(curve_follows_the_equation),
        cmocka_unit_test(window_grows_along_the_curve),
        cmocka_unit_test(fast_convergence_lowers_the_maximum),
        cmocka_unit_test(small_windows_are_as_fast_as_reno),
        cmocka_unit_test(grows_by_half_in_a_round_trip_at_most),
        cmocka_unit_test(timeout_begins_anew),
        cmocka_unit_test(undo_restores_the_curve),
        cmocka_unit_test(pause_does_not_earn_window),
        cmocka_unit_test(unused_window_does_not_grow),
        cmocka_unit_test(short_messages_have_no_state),
        cmocka_unit_test(hystart_threshold_is_clamped),
        cmocka_unit_test(hystart_wants_eight_samples),
        cmocka_unit_test(hystart_goes_back_or_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
