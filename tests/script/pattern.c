/* SPDX-License-Identifier: BSD-3-Clause */
#include "pattern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct words {
    char buf[512];
    char *word[64];
    unsigned n, at;
};

static const char *words_split(struct words *w, const char *text)
{
    w->n = w->at = 0;
    if (strlen(text) >= sizeof(w->buf))
        return "line too long";
    strcpy(w->buf, text);
    for (char *save, *t = strtok_r(w->buf, " \t", &save); t != NULL; t = strtok_r(NULL, " \t", &save)) {
        if (w->n == 63)
            return "too many words";
        w->word[w->n++] = t;
    }
    w->word[w->n] = NULL;
    return NULL;
}

static bool number(const char *t, uint32_t *v)
{
    char *end;
    if (t == NULL || *t == 0)
        return false;
    long long x = strtoll(t, &end, 0);
    *v = (uint32_t)x;
    return *end == 0;
}

static uint8_t flag_bit(const char *t, size_t n)
{
    static const char *const name[8] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"};
    for (unsigned i = 0; i < 8; i++)
        if (n == 3 && strncmp(t, name[i], 3) == 0)
            return (uint8_t)(1u << i);
    return 0;
}

/* ---- options ---- */

static const char *item_values(struct opt_item *o, struct words *w, unsigned want)
{
    for (o->n = 0; o->n < want; o->n++) {
        const char *t = w->at < w->n ? w->word[w->at++] : NULL;
        if (t != NULL && strcmp(t, "*") == 0)
            o->any |= (uint16_t)(1u << o->n);
        else if (t != NULL && strcmp(t, "auto") == 0)
            o->mine |= (uint16_t)(1u << o->n);
        else if (!number(t, &o->v[o->n]))
            return "an option lacks a number";
    }
    return NULL;
}

static const char *item_sack(struct opt_item *o, struct words *w)
{
    for (o->n = 0; w->at < w->n && o->n < 8; w->at++) {
        char *colon = strchr(w->word[w->at], ':');
        if (colon == NULL)
            return "a SACK block is LEFT:RIGHT";
        *colon = 0;
        if (!number(w->word[w->at], &o->v[o->n]) || !number(colon + 1, &o->v[o->n + 1]))
            return "a SACK block is LEFT:RIGHT in numbers";
        o->n += 2;
    }
    return o->n != 0 ? NULL : "SACK without blocks";
}

static const char *item_raw(struct opt_item *o, const char *hex)
{
    unsigned byte;
    if (hex == NULL || strlen(hex) % 2 != 0 || strlen(hex) > 80)
        return "raw wants an even number of hex digits";
    for (o->n = 0; *hex != 0; hex += 2) {
        if (sscanf(hex, "%2x", &byte) != 1)
            return "raw wants hex digits";
        o->raw[o->n++] = (uint8_t)byte;
    }
    return NULL;
}

static const char *item_parse(struct opt_item *o, const char *text)
{
    struct words w;
    const char *why = words_split(&w, text);
    if (why != NULL || w.n == 0)
        return why != NULL ? why : "an empty option";
    memset(o, 0, sizeof(*o));
    const char *name = w.word[w.at++];
    if (strcmp(name, "nop") == 0)
        o->kind = OPT_NOP;
    else if (strcmp(name, "eol") == 0)
        o->kind = OPT_EOL;
    else if (strcmp(name, "sackOK") == 0)
        o->kind = OPT_SACKOK;
    else if (strcmp(name, "mss") == 0)
        o->kind = OPT_MSS, why = item_values(o, &w, 1);
    else if (strcmp(name, "ws") == 0)
        o->kind = OPT_WS, why = item_values(o, &w, 1);
    else if (strcmp(name, "ts") == 0)
        o->kind = OPT_TS, why = item_values(o, &w, 2);
    else if (strcmp(name, "sack") == 0)
        o->kind = OPT_SACK, why = item_sack(o, &w);
    else if (strcmp(name, "raw") == 0)
        o->kind = OPT_RAW, why = item_raw(o, w.at < w.n ? w.word[w.at++] : NULL);
    else
        return "an option is one of mss ws sackOK ts sack nop eol raw";
    return why != NULL ? why : w.at < w.n ? "too many values in an option" : NULL;
}

static const char *options_parse(char *text, struct pattern *p)
{
    if (strcmp(text, "*") == 0) {
        p->opts = OPTS_ANY;
        return NULL;
    }
    p->opts = OPTS_LIST;
    if (strspn(text, " ") == strlen(text))
        return NULL;
    for (char *save, *t = strtok_r(text, ",", &save); t != NULL; t = strtok_r(NULL, ",", &save)) {
        if (p->n_opt == 20)
            return "too many options";
        const char *why = item_parse(&p->opt[p->n_opt++], t);
        if (why != NULL)
            return why;
    }
    return NULL;
}

/* ---- the whole segment ---- */

/* "SEQ", "SEQ+LEN" or "SEQ+*". */
static bool range_parse(const char *t, struct pattern *p)
{
    char copy[64];
    snprintf(copy, sizeof(copy), "%s", t);
    char *plus = strchr(copy + 1, '+');
    if (plus == NULL)
        return number(copy, &p->seq);
    *plus = 0;
    p->any_len = strcmp(plus + 1, "*") == 0;
    return number(copy, &p->seq) && (p->any_len || number(plus + 1, &p->len));
}

static const char *attribute_parse(struct words *w, struct pattern *p)
{
    const char *name = w->word[w->at++];
    uint32_t v = 0;
    if (strcmp(name, "badsum") == 0) {
        p->bad_checksum = true;
        return NULL;
    }
    if (strcmp(name, "nodf") == 0) {
        p->no_df = true;
        return NULL;
    }
    if (!number(w->word[w->at], &v))
        return "expected a number after ack, win, urg, ttl or tos";
    w->at++;
    if (strcmp(name, "ack") == 0)
        p->has_ack = true, p->ack = v;
    else if (strcmp(name, "win") == 0)
        p->has_window = true, p->window = v;
    else if (strcmp(name, "urg") == 0)
        p->has_urgent = true, p->urgent = v;
    else if (strcmp(name, "ttl") == 0)
        p->ttl = (int)v;
    else if (strcmp(name, "tos") == 0)
        p->tos = (int)v;
    else
        return "unknown word; known are ack win urg ttl tos nodf badsum";
    return NULL;
}

const char *pattern_parse(const char *text, struct pattern *p)
{
    struct words w;
    char copy[512];
    memset(p, 0, sizeof(*p));
    p->ttl = p->tos = -1;
    if (strlen(text) >= sizeof(copy))
        return "line too long";
    strcpy(copy, text);
    char *open = strchr(copy, '<'), *close = open != NULL ? strchr(open, '>') : NULL;
    const char *why = NULL;
    if (open != NULL) {
        if (close == NULL)
            return "options lack their closing >";
        *close = 0;
        why = options_parse(open + 1, p);
        memset(open, ' ', (size_t)(close - open) + 1);
    }
    if (why != NULL || (why = words_split(&w, copy)) != NULL)
        return why;
    for (uint8_t bit; w.at < w.n; w.at++) {
        size_t n = strcspn(w.word[w.at], "?");
        if ((bit = flag_bit(w.word[w.at], n)) == 0)
            break;
        p->flags |= bit;
        if (w.word[w.at][n] == '?')
            p->flags_ignored |= bit;
    }
    if (strcmp(w.at < w.n ? w.word[w.at] : "", "-") == 0)
        w.at++;
    if (w.at == w.n || !range_parse(w.word[w.at++], p))
        return "expected FLAGS then SEQ or SEQ+LEN";
    while (why == NULL && w.at < w.n)
        why = attribute_parse(&w, p);
    if (why == NULL && (p->flags & SEG_ACK) && !p->has_ack)
        return "a segment with ACK needs `ack N`";
    return why;
}

static void put(uint8_t *out, unsigned *n, unsigned width, uint32_t v)
{
    while (width-- != 0 && *n < 40)
        out[(*n)++] = (uint8_t)(v >> (8 * width));
}

static void item_encode(const struct opt_item *o, const struct frame_of_reference *f, uint8_t *out,
                        unsigned *n)
{
    switch (o->kind) {
    case OPT_EOL:
    case OPT_NOP:
        put(out, n, 1, o->kind);
        break;
    case OPT_MSS:
        put(out, n, 4, 0x02040000 | (o->v[0] & 0xffff));
        break;
    case OPT_WS:
        put(out, n, 3, 0x030300 | (o->v[0] & 0xff));
        break;
    case OPT_SACKOK:
        put(out, n, 2, 0x0402);
        break;
    case OPT_TS:
        put(out, n, 2, 0x080a);
        put(out, n, 4, o->mine & 1 ? f->peer_ts_now : o->v[0]);
        put(out, n, 4,
            o->mine & 2         ? f->stack_ts_last
            : f->stack_ts_known ? f->stack_ts_base + o->v[1]
                                : o->v[1]);
        break;
    case OPT_SACK: /* the peer acknowledges the stack's data */
        put(out, n, 2, 0x0500 | (2 + 4u * o->n));
        for (unsigned i = 0; i < o->n; i++)
            put(out, n, 4, f->stack_isn + o->v[i]);
        break;
    case OPT_RAW:
        for (unsigned i = 0; i < o->n; i++)
            put(out, n, 1, o->raw[i]);
        break;
    }
}

uint8_t pattern_encode_options(const struct pattern *p, const struct frame_of_reference *f, uint8_t out[40])
{
    static const struct opt_item nop = {.kind = OPT_NOP}, ts = {.kind = OPT_TS, .mine = 3};
    unsigned n = 0;
    if (p->opts == OPTS_DEFAULT && f->ts_in_use && !(p->flags & SEG_SYN)) {
        item_encode(&nop, f, out, &n);
        item_encode(&nop, f, out, &n);
        item_encode(&ts, f, out, &n);
    }
    for (unsigned i = 0; i < p->n_opt; i++)
        item_encode(&p->opt[i], f, out, &n);
    return (uint8_t)n;
}

static uint32_t get(const uint8_t *p, unsigned width)
{
    uint32_t v = 0;
    while (width-- != 0)
        v = v << 8 | *p++;
    return v;
}

/* One option of a segment as an item with relative numbers. Bytes used, 0 at the end. */
static unsigned item_decode(const struct segment *s, unsigned at, const struct frame_of_reference *f,
                            bool from_stack, struct opt_item *o)
{
    const uint8_t *b = s->opt + at;
    unsigned left = s->n_opt - at, len = left >= 2 ? b[1] : 0;
    uint32_t acked_isn = from_stack ? f->peer_isn : f->stack_isn;
    memset(o, 0, sizeof(*o));
    if (left == 0)
        return 0;
    o->kind = b[0] <= 1 ? (enum opt_kind)b[0] : OPT_RAW;
    if (b[0] <= 1)
        return 1;
    if (len < 2 || len > left)
        len = left;
    o->n = (uint8_t)len;
    memcpy(o->raw, b, len);
    if (b[0] == 2 && len == 4) {
        o->kind = OPT_MSS, o->v[0] = get(b + 2, 2);
    } else if (b[0] == 3 && len == 3) {
        o->kind = OPT_WS, o->v[0] = b[2];
    } else if (b[0] == 4 && len == 2) {
        o->kind = OPT_SACKOK;
    } else if (b[0] == 8 && len == 10) {
        o->kind = OPT_TS;
        o->v[0] = get(b + 2, 4) - (from_stack ? f->stack_ts_base : 0);
        o->v[1] = get(b + 6, 4) - (from_stack || !f->stack_ts_known ? 0 : f->stack_ts_base);
    } else if (b[0] == 5 && len >= 10 && len <= 34 && len % 8 == 2) {
        o->kind = OPT_SACK;
        o->n = (uint8_t)((len - 2) / 4);
        for (unsigned i = 0; i < o->n; i++)
            o->v[i] = get(b + 2 + 4 * i, 4) - acked_isn;
    }
    return len;
}

static bool item_fits(const struct opt_item *want, const struct opt_item *got, uint32_t ts_slack)
{
    if (want->kind != got->kind)
        return false;
    unsigned n = want->kind == OPT_TS ? 2 : want->kind == OPT_MSS || want->kind == OPT_WS ? 1 : 0;
    if (want->kind == OPT_SACK && (n = want->n) != got->n)
        return false;
    if (want->kind == OPT_RAW)
        return want->n == got->n && memcmp(want->raw, got->raw, want->n) == 0;
    for (unsigned i = 0; i < n; i++) {
        uint32_t slack = want->kind == OPT_TS && i == 0 ? ts_slack : 0;
        if (!(want->any & 1u << i) && got->v[i] - want->v[i] + slack > 2 * slack)
            return false;
    }
    return true;
}

static bool options_fit(const struct pattern *p, const struct segment *s, const struct frame_of_reference *f,
                        uint32_t ts_slack)
{
    static const struct opt_item usual[3] = {
        {.kind = OPT_NOP}, {.kind = OPT_NOP}, {.kind = OPT_TS, .any = 3}};
    const struct opt_item *want = p->opt;
    unsigned n = p->n_opt, at = 0;
    struct opt_item got;
    if (p->opts == OPTS_ANY)
        return true;
    if (p->opts == OPTS_DEFAULT)
        want = usual, n = f->ts_in_use && !(p->flags & SEG_RST) ? 3 : 0;
    for (unsigned i = 0; i < n; i++) {
        unsigned used = item_decode(s, at, f, true, &got);
        if (used == 0 || !item_fits(&want[i], &got, ts_slack))
            return false;
        at += used;
    }
    return at == s->n_opt;
}

const char *pattern_mismatch(const struct pattern *p, const struct segment *s,
                             const struct frame_of_reference *f, uint32_t ts_slack)
{
    if (s->bad_checksum)
        return "a checksum is wrong";
    if (s->df == p->no_df)
        return s->df ? "DF is set" : "DF is not set";
    if ((p->flags ^ s->flags) & ~p->flags_ignored)
        return "flags";
    if (s->seq - f->stack_isn != p->seq)
        return "sequence number";
    if (!p->any_len && s->len != p->len)
        return "length";
    if (p->has_ack && (s->flags & SEG_ACK) && s->ack - f->peer_isn != p->ack)
        return "acknowledgment number";
    if (p->has_window && s->window != p->window)
        return "window";
    if (p->has_urgent ? s->urgent != p->urgent : s->urgent != 0)
        return "urgent pointer";
    if (p->ttl >= 0 ? s->ttl != p->ttl : s->ttl != 64)
        return "TTL";
    if (p->tos >= 0 && s->tos != p->tos)
        return "TOS";
    return options_fit(p, s, f, ts_slack) ? NULL : "options";
}

/* ---- printing ---- */

static size_t item_print(const struct opt_item *o, char *buf, size_t size)
{
    int n = 0;
    if (size == 0)
        return 0;
    switch (o->kind) {
    case OPT_EOL:
        return (size_t)snprintf(buf, size, "eol");
    case OPT_NOP:
        return (size_t)snprintf(buf, size, "nop");
    case OPT_MSS:
        return (size_t)snprintf(buf, size, "mss %u", o->v[0]);
    case OPT_WS:
        return (size_t)snprintf(buf, size, "ws %u", o->v[0]);
    case OPT_SACKOK:
        return (size_t)snprintf(buf, size, "sackOK");
    case OPT_TS:
        return (size_t)snprintf(buf, size, "ts %u %u", o->v[0], o->v[1]);
    case OPT_SACK:
        n = snprintf(buf, size, "sack");
        for (unsigned i = 0; i + 1 < o->n && (size_t)n < size; i += 2)
            n += snprintf(buf + n, size - (size_t)n, " %u:%u", o->v[i], o->v[i + 1]);
        return (size_t)n;
    case OPT_RAW:
        n = snprintf(buf, size, "raw ");
        for (unsigned i = 0; i < o->n && (size_t)n < size; i++)
            n += snprintf(buf + n, size - (size_t)n, "%02x", o->raw[i]);
        return (size_t)n;
    }
    return 0;
}

void pattern_print(const struct segment *s, const struct frame_of_reference *f, bool from_stack, char *buf,
                   size_t size)
{
    char flags[48];
    struct opt_item o;
    uint32_t seq_base = from_stack ? f->stack_isn : f->peer_isn,
             ack_base = from_stack ? f->peer_isn : f->stack_isn;
    size_t n = (size_t)snprintf(buf, size, "%s %u", segment_flags_text(s->flags, flags, sizeof(flags)),
                                s->seq - seq_base);
    if (s->len != 0 && n < size)
        n += (size_t)snprintf(buf + n, size - n, "+%u", s->len);
    if ((s->flags & SEG_ACK) && n < size)
        n += (size_t)snprintf(buf + n, size - n, " ack %u", s->ack - ack_base);
    if (n < size)
        n += (size_t)snprintf(buf + n, size - n, " win %u", s->window);
    if (s->urgent != 0 && n < size)
        n += (size_t)snprintf(buf + n, size - n, " urg %u", s->urgent);
    if (s->tos != 0 && n < size)
        n += (size_t)snprintf(buf + n, size - n, " tos %u", s->tos);
    for (unsigned at = 0, used; n < size && (used = item_decode(s, at, f, from_stack, &o)) != 0; at += used) {
        n += (size_t)snprintf(buf + n, size - n, "%s", at == 0 ? " <" : ", ");
        if (n < size)
            n += item_print(&o, buf + n, size - n);
    }
    if (s->n_opt != 0 && n < size)
        n += (size_t)snprintf(buf + n, size - n, ">");
    if (!s->df && n < size)
        n += (size_t)snprintf(buf + n, size - n, " nodf");
    if (s->bad_checksum && n < size)
        snprintf(buf + n, size - n, " badsum");
}
