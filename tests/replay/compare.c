/* SPDX-License-Identifier: BSD-3-Clause */
#include "compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIME_SLACK  (4 * NSEC_PER_MSEC)  /* scheduling of the machine that recorded */
#define TIME_SHARE  8                    /* or an eighth of what a timer ran: jiffies, RTT estimates */
#define ACK_DELAY   (50 * NSEC_PER_MSEC) /* delayed ACK, 40 ms, and scheduling */
#define TSVAL_SLACK 2                    /* milliseconds */

struct record *record_list_add(struct record_list *l)
{
    l->r = realloc(l->r, (l->n + 1) * sizeof(*l->r));
    return memset(&l->r[l->n++], 0, sizeof(*l->r));
}

void record_list_free(struct record_list *l)
{
    free(l->r);
}

/* ---- the table ---- */

static void edge_window(struct record *got, bool beyond)
{
    got->window = beyond ? 0 : (uint16_t)(got->window / 2);
}

static void edge_wscale(struct record *got, bool beyond)
{
    got->wscale = beyond ? -1 : got->wscale + 1;
}

static void edge_tsval(struct record *got, bool beyond)
{
    got->tsval += TSVAL_SLACK + beyond;
}

static void edge_time(struct record *got, bool beyond)
{
    got->at += TIME_SLACK + beyond;
    got->tsval += TIME_SLACK / NSEC_PER_MSEC;
}

static void edge_push(struct record *got, bool beyond)
{
    got->flags ^= SEG_PSH;
    if (beyond)
        got->flags ^= SEG_URG;
}

static void edge_ip_id(struct record *got, bool beyond)
{
    got->id ^= 0x1234;
    if (beyond)
        got->df = !got->df;
}

static void edge_isn(struct record *got, bool beyond)
{
    got->seq += beyond; /* numbers are relative already: an offset of one is one too many */
}

static void edge_quote(struct record *got, bool beyond)
{
    if (got->kind == RECORD_ICMP && got->n_body > 36) {
        got->n_body = beyond ? 35 : 36;
        got->body[2] ^= 1;
    } else if (beyond) {
        got->len++;
    }
}

const struct tolerance tolerance_table[] = {
    {"initial numbers",
     "sequence numbers and timestamps start at random (RFC 6528, RFC7323-7.1): all are relative", edge_isn},
    {"IP identification", "unpredictable by intent; means nothing with DF (RFC 6864)", edge_ip_id},
    {"window",
     "follows each stack's buffers and when its application reads; not zero where the kernel's is open",
     edge_window},
    {"window scale", "follows the largest receive buffer; offered when the kernel offers it", edge_wscale},
    {"timestamp value", "milliseconds of two clocks: 2 either way, beside the difference in time",
     edge_tsval},
    {"time", "4 ms, or an eighth of the time a timer ran: jiffies and scheduling of the recording machine",
     edge_time},
    {"PSH", "ends what the application wrote at once, which a capture does not show", edge_push},
    {"quotation",
     "an ICMP error quotes at least the header and 8 bytes (RFC 792); kernels quote more (RFC 1812)",
     edge_quote},
    {"number of ACKs",
     "ACKs that only advance may be fewer or more (quick-ACK heuristics), but not later than 50 ms after "
     "the kernel's; duplicates count exactly",
     NULL},
    {"window updates", "sent when the application reads, which a capture does not show", NULL},
    {"ARP probes",
     "unicast requests: when a neighbour is asked again is each stack's own matter; broadcasts count", NULL},
};
const unsigned tolerance_count = sizeof(tolerance_table) / sizeof(tolerance_table[0]);

/* ---- one frame ---- */

static nsec_t distance(nsec_t a, nsec_t b)
{
    return a > b ? a - b : b - a;
}

static const char *tcp_differs(const struct record *want, const struct record *got)
{
    uint8_t flags = want->flags ^ got->flags;
    if (flags & (uint8_t)(want->len != 0 ? ~SEG_PSH : 0xff))
        return "flags";
    if (want->seq != got->seq)
        return "sequence number";
    if (want->len != got->len)
        return "length";
    if (want->ack != got->ack)
        return "acknowledgment number";
    if ((want->window == 0) != (got->window == 0))
        return "window";
    if (want->urgent != got->urgent)
        return "urgent pointer";
    if ((want->wscale < 0) != (got->wscale < 0) || want->n_opt != got->n_opt ||
        memcmp(want->opt, got->opt, want->n_opt) != 0)
        return "options";
    uint32_t later = (uint32_t)(((int64_t)got->at - (int64_t)want->at) / (int64_t)NSEC_PER_MSEC);
    if (got->tsval - later - want->tsval + TSVAL_SLACK > 2 * TSVAL_SLACK)
        return "timestamp value";
    return want->tsecr != got->tsecr ? "timestamp echo" : NULL;
}

static const char *body_differs(const struct record *want, const struct record *got)
{
    bool error =
        want->kind == RECORD_ICMP && want->offset == 0 && (want->body[0] == 3 || want->body[0] == 11);
    if (want->offset != got->offset || want->more != got->more)
        return "fragmentation";
    if (!error)
        return want->n_body != got->n_body || want->body_sum != got->body_sum ? "contents" : NULL;
    if (got->n_body < 36 || got->n_body > want->n_body)
        return "quotation";
    /* Type, code and what is quoted; the checksum follows the length. */
    if (memcmp(want->body, got->body, 2) != 0 || memcmp(want->body + 4, got->body + 4, got->n_body - 4) != 0)
        return "contents";
    return NULL;
}

const char *record_differs(const struct record *want, const struct record *got, nsec_t gap)
{
    nsec_t slack = gap / TIME_SHARE > TIME_SLACK ? gap / TIME_SHARE : TIME_SLACK;
    if (want->kind != got->kind || want->flow != got->flow)
        return "protocol";
    if (got->broken)
        return "a checksum is wrong";
    if (want->ttl != got->ttl || want->tos != got->tos || (want->kind == RECORD_TCP && want->df != got->df))
        return "IP header";
    const char *what = want->kind == RECORD_TCP ? tcp_differs(want, got) : NULL;
    if (what == NULL)
        what = body_differs(want, got);
    return what == NULL && distance(want->at, got->at) > slack ? "time" : what;
}

/* ---- the whole conversation ---- */

/* What may be there or not (the last three of the table). */
static bool optional(const struct record_list *l, unsigned i)
{
    const struct record *r = &l->r[i];
    if (r->kind == RECORD_ARP)
        return r->body[7] == 1 && !(r->flags & 1);
    if (r->kind != RECORD_TCP || r->flags != SEG_ACK || r->len != 0)
        return false;
    for (unsigned k = i; k-- != 0;) {
        const struct record *before = &l->r[k];
        if (before->kind != RECORD_TCP || before->flow != r->flow || !(before->flags & SEG_ACK))
            continue;
        bool advances = (int32_t)(r->ack - before->ack) > 0;
        return advances || (!r->has_sack && before->window != r->window);
    }
    return !r->has_sack;
}

static nsec_t gap_before(const struct capture *c, nsec_t at)
{
    nsec_t last = 0;
    for (unsigned i = 0; i < c->n && c->frame[i].at < at; i++)
        last = c->frame[i].at;
    return at - last;
}

/* What the kernel acknowledged, Pollux has acknowledged not much later. */
static const struct record *acks_late(const struct record_list *want, const struct record_list *got)
{
    for (unsigned i = 0; i < want->n; i++) {
        const struct record *w = &want->r[i];
        if (w->kind != RECORD_TCP || !(w->flags & SEG_ACK) || (w->flags & SEG_RST))
            continue;
        bool acked = false;
        for (unsigned k = 0; k < got->n && !acked && got->r[k].at <= w->at + ACK_DELAY; k++)
            acked = got->r[k].kind == RECORD_TCP && got->r[k].flow == w->flow &&
                    (got->r[k].flags & SEG_ACK) && (int32_t)(got->r[k].ack - w->ack) >= 0;
        if (!acked)
            return w;
    }
    return NULL;
}

static void print_columns(const struct record_list *want, const struct record_list *got, unsigned wi,
                          unsigned gi)
{
    char left[200], right[200];
    unsigned from = wi < gi ? wi : gi;
    from = from > 12 ? from - 12 : 0;
    printf("    %-90s | Pollux\n", "kernel");
    for (unsigned i = from; i < from + 30 && (i < want->n || i < got->n); i++) {
        left[0] = right[0] = 0;
        if (i < want->n)
            record_print(&want->r[i], left, sizeof(left));
        if (i < got->n)
            record_print(&got->r[i], right, sizeof(right));
        printf("  %c %-90s |%c %s\n", i == wi ? '!' : ' ', left, i == gi ? '!' : ' ', right);
    }
}

bool records_compare(const struct record_list *want, const struct record_list *got, const struct capture *c,
                     const char *name)
{
    unsigned w = 0, g = 0;
    for (;;) {
        while (w < want->n && optional(want, w))
            w++;
        while (g < got->n && optional(got, g))
            g++;
        if (w == want->n && g == got->n)
            break;
        const char *what = w == want->n ? "Pollux sent more"
                           : g == got->n
                               ? "Pollux sent less"
                               : record_differs(&want->r[w], &got->r[g], gap_before(c, want->r[w].at));
        if (what != NULL) {
            printf("FAIL %s: %s\n", name, what);
            print_columns(want, got, w, g);
            return false;
        }
        w++;
        g++;
    }
    const struct record *late = acks_late(want, got);
    if (late != NULL) {
        char text[200];
        record_print(late, text, sizeof(text));
        printf("FAIL %s: not acknowledged within 50 ms of the kernel: %s\n", name, text);
        print_columns(want, got, (unsigned)(late - want->r), got->n);
        return false;
    }
    return true;
}

/* ---- the table itself ---- */

static const struct record samples[] = {
    {.kind = RECORD_TCP,
     .flags = SEG_SYN | SEG_ACK,
     .ttl = 64,
     .df = true,
     .ack = 1,
     .window = 65160,
     .wscale = 7,
     .has_ts = true,
     .n_opt = 20,
     .opt = {2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 0}},
    {.kind = RECORD_TCP,
     .flags = SEG_ACK,
     .ttl = 64,
     .df = true,
     .seq = 1,
     .ack = 1,
     .len = 100,
     .window = 500,
     .wscale = -1,
     .n_body = 100},
    {.kind = RECORD_ICMP, .ttl = 64, .n_body = 46, .body = {3, 3}, .window = 500, .wscale = 7},
};

static bool edge_holds(const struct tolerance *t, bool beyond)
{
    /* The first sample that the tolerance is about. */
    bool icmp = strcmp(t->name, "quotation") == 0, data = strcmp(t->name, "PSH") == 0;
    struct record want = samples[icmp ? 2 : data ? 1 : 0], got = want;
    t->edge(&got, beyond);
    const char *what = record_differs(&want, &got, 0);
    if ((what != NULL) == beyond)
        return true;
    printf("FAIL tolerance \"%s\", %s its limit: %s\n", t->name, beyond ? "beyond" : "at",
           what != NULL ? what : "accepted");
    return false;
}

/* The tolerances about frames that come or do not come, by small conversations. */
static bool list_holds(const char *name, const struct record *want, unsigned n_want, const struct record *got,
                       unsigned n_got, bool same)
{
    struct record_list w = {NULL, 0}, g = {NULL, 0};
    struct capture none = {.n = 0};
    for (unsigned i = 0; i < n_want; i++)
        *record_list_add(&w) = want[i];
    for (unsigned i = 0; i < n_got; i++)
        *record_list_add(&g) = got[i];
    printf("  (%s: %s expected)\n", name, same ? "no difference" : "a difference");
    bool ok = records_compare(&w, &g, &none, name) == same;
    if (!ok)
        printf("FAIL tolerance \"%s\"\n", name);
    record_list_free(&w);
    record_list_free(&g);
    return ok;
}

bool tolerances_check(void)
{
    bool ok = true;
    for (unsigned i = 0; i < tolerance_count; i++)
        if (tolerance_table[i].edge != NULL)
            ok = edge_holds(&tolerance_table[i], false) && edge_holds(&tolerance_table[i], true) && ok;
    struct record a = {.kind = RECORD_TCP,
                       .flags = SEG_ACK,
                       .ttl = 64,
                       .df = true,
                       .ack = 100,
                       .window = 9,
                       .wscale = -1,
                       .at = NSEC_PER_SEC};
    struct record b = a, late = a, update = a, probe = {.kind = RECORD_ARP, .n_body = 28, .body = {[7] = 1}},
                  broadcast = probe;
    b.ack = 200;
    late.ack = 200;
    late.at += ACK_DELAY;
    update.window = 20;
    broadcast.flags = 1;
    ok = list_holds("number of ACKs", (struct record[]){a, b}, 2, (struct record[]){a, late}, 2, true) && ok;
    late.at++;
    ok = list_holds("number of ACKs", (struct record[]){a, b}, 2, (struct record[]){a, late}, 2, false) && ok;
    ok = list_holds("number of ACKs", (struct record[]){a, a, b}, 3, (struct record[]){b}, 1, false) && ok;
    ok = list_holds("window updates", (struct record[]){a}, 1, (struct record[]){a, update}, 2, true) && ok;
    ok = list_holds("window updates", (struct record[]){a}, 1, (struct record[]){a, a}, 2, false) && ok;
    ok = list_holds("ARP probes", (struct record[]){a}, 1, (struct record[]){a, probe}, 2, true) && ok;
    ok = list_holds("ARP probes", (struct record[]){a}, 1, (struct record[]){a, broadcast}, 2, false) && ok;
    return ok;
}
