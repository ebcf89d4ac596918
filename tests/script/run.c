/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script.h"
#include "support/wiretap.h"

#define SLACK_FIXED (2 * NSEC_PER_MSEC)

bool script_fail(struct script *s, const char *fmt, ...)
{
    if (!s->failed) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(s->why, sizeof(s->why), fmt, ap);
        va_end(ap);
    }
    s->failed = true;
    return false;
}

struct script_row *script_row(struct script *s, nsec_t at, unsigned line)
{
    s->row = realloc(s->row, (s->n_rows + 1) * sizeof(*s->row));
    struct script_row *r = &s->row[s->n_rows++];
    memset(r, 0, sizeof(*r));
    r->at = at - s->start;
    r->line = line;
    return r;
}

/* ---- the wire ---- */

static struct conversation *conversation_of(struct script *s, const struct segment *seg, unsigned *n)
{
    for (*n = 1; *n < SCRIPT_CONNS; ++*n) {
        struct conversation *c = &s->conn[*n];
        if (seg->dport == c->peer_port && (c->stack_port == 0 || seg->sport == c->stack_port))
            return c;
    }
    return NULL;
}

/* What a segment of the stack teaches about its numbers. */
static void conversation_learn(struct conversation *c, const struct segment *seg)
{
    uint32_t tsval, tsecr;
    if (seg->flags & SEG_SYN) {
        c->ref.stack_isn = seg->seq;
        c->ref.stack_isn_known = true;
        c->stack_port = seg->sport;
    }
    if (segment_timestamps(seg, &tsval, &tsecr)) {
        if (!c->ref.stack_ts_known) {
            c->ref.stack_ts_base = tsval;
            c->ref.stack_ts_known = true;
        }
        c->ref.stack_ts_last = tsval;
    }
    c->stack_seq_end = seg->seq + seg->len + ((seg->flags & SEG_SYN) != 0) + ((seg->flags & SEG_FIN) != 0);
}

static bool each_round(struct world *w, void *arg)
{
    struct script *s = arg;
    char why[WORLD_WHY];
    if (world_check(w, why) != NULL)
        return script_fail(s, "%s", why);
    return true;
}

static bool advance(struct script *s, nsec_t until)
{
    if (s->failed)
        return false;
    if (until < s->w.now)
        until = s->w.now;
    return world_run(&s->w, until, each_round, s) || script_fail(s, "the engine does not come to rest");
}

/* The next frame of the stack, at `until` the latest. NULL: none came. */
static struct wiretap_frame *next_frame(struct script *s, nsec_t until)
{
    for (;;) {
        if (!advance(s, s->w.now))
            return NULL;
        struct wiretap_frame *f = wiretap_take(s->wire);
        nsec_t next = world_next(&s->w);
        if (f != NULL)
            return f;
        if (next > until) {
            advance(s, until);
            return wiretap_take(s->wire);
        }
        s->w.now = next;
    }
}

/* The frame as text; its segment and conversation when it is one of ours. */
static struct conversation *describe(struct script *s, const struct wiretap_frame *f, struct segment *seg,
                                     unsigned *n, char *text, size_t size)
{
    const char *not_tcp = segment_parse(f->bytes, f->len, seg);
    struct conversation *c = not_tcp == NULL ? conversation_of(s, seg, n) : NULL;
    if (c == NULL) {
        snprintf(text, size, "%u bytes that are %s", f->len,
                 not_tcp != NULL ? not_tcp : "of no known connection");
        return NULL;
    }
    conversation_learn(c, seg);
    char body[SCRIPT_TEXT - 16]; /* room for the number in front */
    pattern_print(seg, &c->ref, true, body, sizeof(body));
    if (*n == 1)
        snprintf(text, size, "< %s", body);
    else
        snprintf(text, size, "<@%u %s", *n, body);
    return c;
}

/* Nothing may have been sent that no line expects. */
static bool nothing_left(struct script *s, unsigned line)
{
    struct wiretap_frame *f = wiretap_take(s->wire);
    if (f == NULL)
        return true;
    struct segment seg;
    unsigned n;
    struct script_row *r = script_row(s, f->at, line);
    describe(s, f, &seg, &n, r->right, sizeof(r->right));
    snprintf(r->left, sizeof(r->left), "(nothing)");
    r->bad = true;
    free(f);
    return script_fail(s, "the stack sent what no line expects");
}

/* ---- lines about segments ---- */

static const char *stream_wrong(const struct script *s, const struct conversation *c,
                                const struct segment *seg)
{
    uint32_t at = seg->seq - c->ref.stack_isn - 1, seed = (uint32_t)(c - s->conn) * 2 + 1;
    for (uint32_t i = 0; i < seg->len; i++)
        if ((int32_t)(at + i) >= 0 && at + i < c->written && seg->data[i] != stream_byte(seed, at + i))
            return "payload";
    return NULL;
}

static bool run_expect(struct script *s, unsigned line, unsigned n, const char *text)
{
    struct pattern p;
    const char *why = pattern_parse(text, &p);
    if (why != NULL)
        return script_fail(s, "%s", why);
    struct wiretap_frame *f = next_frame(s, s->due + s->slack);
    if (s->failed)
        return false;
    struct script_row *r = script_row(s, f != NULL ? f->at : s->w.now, line);
    if (n == 1)
        snprintf(r->left, sizeof(r->left), "< %s", text);
    else
        snprintf(r->left, sizeof(r->left), "<@%u %s", n, text);
    if (f == NULL) {
        r->bad = true;
        snprintf(r->right, sizeof(r->right), "(nothing by %.6f)",
                 (double)(s->due + s->slack - s->start) / 1e9);
        return script_fail(s, "an expected segment did not come");
    }
    struct segment seg;
    unsigned got_n;
    struct conversation *c = describe(s, f, &seg, &got_n, r->right, sizeof(r->right));
    if (c == NULL || got_n != n)
        why = "connection";
    else if (f->at + s->slack < s->due || f->at > s->due + s->slack)
        why = "time";
    else if ((why = pattern_mismatch(&p, &seg, &c->ref, (uint32_t)(s->slack / NSEC_PER_MSEC))) == NULL)
        why = stream_wrong(s, c, &seg);
    s->last = f->at;
    if (why == NULL && (seg.flags & SEG_SYN)) {
        uint32_t a, b;
        c->ref.ts_in_use = segment_timestamps(&seg, &a, &b) && (!c->active ? c->ref.ts_in_use : true);
    }
    free(f);
    if (why == NULL)
        return true;
    r->bad = true;
    if (strcmp(why, "time") == 0)
        snprintf(r->left + strlen(r->left), sizeof(r->left) - strlen(r->left), "  (at %.6f)",
                 (double)(s->due - s->start) / 1e9);
    return script_fail(s, "not as expected: %s", why);
}

static void segment_of(struct script *s, const struct conversation *c, const struct pattern *p,
                       struct segment *seg, uint8_t *data)
{
    uint32_t offset = p->seq - 1, seed = (uint32_t)(c - s->conn) * 2;
    *seg = (struct segment){
        .src = inet_addr(SCRIPT_PEER_ADDR),
        .dst = s->h->addr,
        .sport = c->peer_port,
        .dport = c->stack_port,
        .seq = c->ref.peer_isn + p->seq,
        .window = p->has_window ? (uint16_t)p->window : c->peer_window,
        .ack = p->has_ack ? c->ref.stack_isn + p->ack : 0,
        .urgent = (uint16_t)p->urgent,
        .flags = p->flags,
        .ttl = p->ttl >= 0 ? (uint8_t)p->ttl : 64,
        .tos = p->tos >= 0 ? (uint8_t)p->tos : 0,
        .df = !p->no_df,
        .bad_checksum = p->bad_checksum,
        .len = p->len,
        .data = data,
    };
    if (p->flags & SEG_SYN)
        offset++;
    for (uint32_t i = 0; i < p->len; i++)
        data[i] = stream_byte(seed, offset + i);
    seg->n_opt = pattern_encode_options(p, &c->ref, seg->opt);
}

static bool run_inject(struct script *s, unsigned line, unsigned n, const char *text)
{
    static uint8_t data[65536], packet[65536];
    struct conversation *c = &s->conn[n];
    struct pattern p;
    struct segment seg;
    uint32_t a, b;
    const char *why = pattern_parse(text, &p);
    if (why != NULL || p.len > 65000)
        return script_fail(s, "%s", why != NULL ? why : "too long");
    c->ref.peer_ts_now = 100000 + (uint32_t)((s->w.now - s->start) / NSEC_PER_MSEC);
    segment_of(s, c, &p, &seg, data);
    if (p.flags & SEG_SYN)
        c->ref.ts_in_use = segment_timestamps(&seg, &a, &b) && (!c->active ? true : c->ref.stack_ts_known);
    if (p.has_window || c->peer_window == 0)
        c->peer_window = seg.window;
    size_t size = segment_build(&seg, packet, sizeof(packet));
    if (size == 0 || !wiretap_inject(s->wire, packet, (uint32_t)size))
        return script_fail(s, "the segment cannot be put on the wire");
    struct script_row *r = script_row(s, s->w.now, line);
    char body[SCRIPT_TEXT - 8];
    pattern_print(&seg, &c->ref, false, body, sizeof(body));
    if (n == 1)
        snprintf(r->left, sizeof(r->left), "> %s", body);
    else
        snprintf(r->left, sizeof(r->left), ">@%u %s", n, body);
    return advance(s, s->w.now);
}

/* "TYPE CODE [mtu N] [seq N]": an error about the stack's segment with that sequence number. */
static bool run_icmp(struct script *s, unsigned line, unsigned n, const char *text)
{
    struct conversation *c = &s->conn[n];
    unsigned type, code, mtu = 0, seq = c->stack_seq_end - c->ref.stack_isn;
    if (sscanf(text, "%u %u", &type, &code) != 2)
        return script_fail(s, "icmp wants TYPE CODE");
    const char *at = strstr(text, "mtu ");
    if (at != NULL)
        mtu = (unsigned)atoi(at + 4);
    if ((at = strstr(text, "seq ")) != NULL)
        seq = (unsigned)atoi(at + 4);
    struct segment inner = {.src = s->h->addr,
                            .dst = inet_addr(SCRIPT_PEER_ADDR),
                            .sport = c->stack_port,
                            .dport = c->peer_port,
                            .seq = c->ref.stack_isn + seq,
                            .flags = SEG_ACK,
                            .df = true};
    uint8_t in[64], out[128] = {0x45, 0, 0, 56, 0, 0, 0, 0, 64, 1};
    segment_build(&inner, in, sizeof(in));
    in[2] = 1500 >> 8, in[3] = 1500 & 255; /* it was a full one */
    in[10] = in[11] = 0;
    uint16_t sum = inet_fold(inet_sum(0, in, 20));
    in[10] = (uint8_t)(sum >> 8), in[11] = (uint8_t)sum;
    memcpy(out + 12, &inner.dst, 4);
    memcpy(out + 16, &inner.src, 4);
    sum = inet_fold(inet_sum(0, out, 20));
    out[10] = (uint8_t)(sum >> 8), out[11] = (uint8_t)sum;
    out[20] = (uint8_t)type, out[21] = (uint8_t)code;
    out[26] = (uint8_t)(mtu >> 8), out[27] = (uint8_t)mtu;
    memcpy(out + 28, in, 28);
    sum = inet_fold(inet_sum(0, out + 20, 36));
    out[22] = (uint8_t)(sum >> 8), out[23] = (uint8_t)sum;
    struct script_row *r = script_row(s, s->w.now, line);
    snprintf(r->left, sizeof(r->left), "> icmp %s", text);
    return (wiretap_inject(s->wire, out, 56) || script_fail(s, "no room on the wire")) &&
           advance(s, s->w.now);
}

/* ---- the rest ---- */

static bool start(struct script *s)
{
    if (s->started)
        return true;
    s->started = true;
    s->wire = wiretap_create(NETDEV_LINK_NONE, s->mtu, NULL, s->h->rx_pool);
    if (!world_start(&s->w, s->h, s->wire, SCRIPT_STACK_ADDR, s->why))
        return script_fail(s, "%s", s->why);
    s->start = s->last = s->w.now;
    return advance(s, s->w.now);
}

/* "set NAME VALUE", "mtu N", "isn N": before everything else. */
static bool run_header(struct script *s, const char *text)
{
    char name[64], value[100], why[200];
    if (sscanf(text, "%63s %99s", name, value) != 2)
        return script_fail(s, "a setting lacks its value");
    if (strcmp(name, "mtu") == 0)
        s->mtu = (uint16_t)atoi(value);
    else if (strcmp(name, "isn") == 0)
        for (unsigned i = 0; i < SCRIPT_CONNS; i++)
            s->conn[i].ref.peer_isn = (uint32_t)strtoul(value, NULL, 0);
    else if (sscanf(text, "set %63s %99s", name, value) != 2 ||
             tunables_set(&s->h->tun, name, value, why, sizeof(why)) != 0)
        return script_fail(s, "cannot set: %s", text);
    return true;
}

/* "[+TIME[~SLACK]]": when this line is due. Returns what follows. */
static const char *read_time(struct script *s, const char *text)
{
    double delta = 0, slack = -1;
    if (*text == '+') {
        char *end;
        delta = strtod(text + 1, &end);
        if (*end == '~')
            slack = strtod(end + 1, &end);
        text = end + strspn(end, " \t");
    }
    s->due = s->last + (nsec_t)(delta * 1e9 + 0.5);
    s->slack = slack >= 0 ? (nsec_t)(slack * 1e9) : SLACK_FIXED + (nsec_t)(delta * 1e7);
    return text;
}

/* "WORD[@N] rest": N is 1 when not given. */
static bool word_is(const char *text, const char *word, unsigned *n, const char **rest)
{
    size_t len = strlen(word);
    if (strncmp(text, word, len) != 0 ||
        (text[len] != 0 && text[len] != '@' && !isspace((unsigned char)text[len])))
        return false;
    *n = 1;
    text += len;
    if (*text == '@')
        *n = (unsigned)strtoul(text + 1, (char **)&text, 10);
    *rest = text + strspn(text, " \t");
    return *n < SCRIPT_CONNS;
}

static bool run_line(struct script *s, const struct script_line *l)
{
    const char *rest, *text = l->text;
    unsigned n;
    if (!s->started && (word_is(text, "set", &n, &rest) || word_is(text, "mtu", &n, &rest) ||
                        word_is(text, "isn", &n, &rest)))
        return run_header(s, text);
    if (!start(s))
        return false;
    text = read_time(s, text);
    if (word_is(text, "<", &n, &rest))
        return run_expect(s, l->number, n, rest);
    if (!advance(s, s->due) || !nothing_left(s, l->number))
        return false;
    s->last = s->w.now;
    if (word_is(text, "> icmp", &n, &rest))
        return run_icmp(s, l->number, n, rest);
    if (word_is(text, ">", &n, &rest))
        return run_inject(s, l->number, n, rest);
    struct script_row *r = script_row(s, s->w.now, l->number);
    snprintf(r->left, sizeof(r->left), "%s", text);
    bool ok;
    if (word_is(text, "app", &n, &rest))
        ok = script_app(s, n, rest);
    else if (word_is(text, "count", &n, &rest))
        ok = script_count(s, rest);
    else if (word_is(text, "census", &n, &rest))
        ok = script_census(s, rest);
    else if (word_is(text, "quiet", &n, &rest))
        ok = true;
    else
        ok = script_fail(s, "a line starts with > < app count census quiet");
    return ok && advance(s, s->w.now);
}

bool script_run(struct script *s)
{
    char leak[WORLD_WHY];
    unsigned number = 0;
    world_init(&s->w, 1);
    s->h = world_add_host(&s->w);
    for (unsigned i = 0; i < SCRIPT_CONNS; i++) {
        s->conn[i].fd = -1;
        s->conn[i].hole = UINT64_MAX;
        s->conn[i].ref.peer_isn = SCRIPT_PEER_ISN;
        s->conn[i].peer_port = (uint16_t)(SCRIPT_PASSIVE_PORT + i);
        s->conn[i].stack_port = SCRIPT_LISTEN_PORT;
    }
    for (unsigned i = 0; i < s->n_lines && !s->failed; i++) {
        number = s->line[i].number;
        run_line(s, &s->line[i]);
    }
    if (!s->failed && advance(s, s->w.now))
        nothing_left(s, number);
    if (s->failed) {
        char reason[WORLD_WHY];
        memcpy(reason, s->why, sizeof(reason));
        snprintf(s->why, sizeof(s->why), "%s:%u: %.400s", s->path, number, reason);
    }
    if (world_fini(&s->w, false, leak) != NULL)
        script_fail(s, "%s: %.400s", s->path, leak);
    return !s->failed;
}
