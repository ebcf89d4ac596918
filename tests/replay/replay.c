/* SPDX-License-Identifier: BSD-3-Clause */
#include "replay.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "support/wiretap.h"

#define AFTERWARDS (2 * NSEC_PER_MSEC) /* what still belongs to the last frame */

struct replay {
    const struct replay_case *k;
    struct capture cap;
    struct world w;
    struct host *h;
    struct netdev *wire;
    struct app app;
    nsec_t start;
    uint32_t addr;
    struct flow kernel[CAPTURE_FLOWS], pollux[CAPTURE_FLOWS];
    struct record_list want, got;
    unsigned inferred; /* frames up to here */
};

bool replay_case_parse(struct replay_case *k, const char *line, const char *folder, char *why, size_t size)
{
    char copy[500], *save;
    memset(k, 0, sizeof(*k));
    snprintf(copy, sizeof(copy), "%s", line);
    char *name = strtok_r(copy, " \t", &save);
    snprintf(k->name, sizeof(k->name), "%s", name);
    snprintf(k->path, sizeof(k->path), "%s/%s.pcap", folder, name);
    for (char *w; (w = strtok_r(NULL, " \t", &save)) != NULL;) {
        char *value = strtok_r(NULL, " \t", &save);
        if (value != NULL && strcmp(w, "as") == 0)
            snprintf(k->side, sizeof(k->side), "%s", value);
        else if (value != NULL && strcmp(w, "app") == 0 &&
                 (strcmp(value, "bulk") == 0 || strcmp(value, "infer") == 0))
            k->bulk = value[0] == 'b';
        else if (value != NULL && strcmp(w, "set") == 0 && k->n_set < 8)
            snprintf(k->set[k->n_set++], sizeof(k->set[0]), "%s", value);
        else {
            snprintf(why, size, "%s: `%s' is not one of: as ADDRESS, app infer|bulk, set NAME=VALUE", k->name,
                     w);
            return false;
        }
    }
    snprintf(why, size, "%s: says not whom to replace: as ADDRESS", k->name);
    return k->side[0] != 0;
}

static bool replay_fail(const struct replay *r, const char *why)
{
    printf("FAIL %s: %s\n", r->k->name, why);
    return false;
}

/* Sent by the replaced side? */
static bool from_us(const struct replay *r, const struct capture_frame *f)
{
    return f->len >= 14 && memcmp(f->bytes + 6, r->wire->caps.mac, 6) == 0;
}

static bool find_mac(const struct replay *r, uint8_t mac[6])
{
    for (unsigned i = 0; i < r->cap.n; i++) {
        const struct capture_frame *f = &r->cap.frame[i];
        bool ip = f->len >= 34 && f->bytes[12] == 8 && f->bytes[13] == 0,
             arp = f->len >= 42 && f->bytes[13] == 6;
        if ((ip && memcmp(f->bytes + 26, &r->addr, 4) == 0) ||
            (arp && memcmp(f->bytes + 28, &r->addr, 4) == 0)) {
            memcpy(mac, f->bytes + 6, 6);
            return true;
        }
    }
    return false;
}

static bool replay_start(struct replay *r)
{
    uint8_t mac[6];
    char why[WORLD_WHY], name[64];
    r->addr = inet_addr(r->k->side);
    if (!capture_read(&r->cap, r->k->path))
        return replay_fail(r, r->cap.why);
    if (!find_mac(r, mac))
        return replay_fail(r, "that address sends nothing in the capture");
    world_init(&r->w, 1);
    r->h = world_add_host(&r->w);
    r->h->quiet = true;
    for (unsigned i = 0; i < r->k->n_set; i++) {
        snprintf(name, sizeof(name), "%s", r->k->set[i]);
        char *value = strchr(name, '=');
        if (value == NULL)
            return replay_fail(r, "set wants NAME=VALUE");
        *value++ = 0;
        if (tunables_set(&r->h->tun, name, value, why, sizeof(why)) != 0)
            return replay_fail(r, why);
    }
    r->wire = wiretap_create(NETDEV_LINK_ETHER, 1500, mac, r->h->rx_pool);
    if (!world_start(&r->w, r->h, r->wire, r->k->side, why))
        return replay_fail(r, why);
    r->app.bulk = r->k->bulk;
    if (!app_prepare(&r->app, r->h, &r->cap, r->addr, why, sizeof(why)))
        return replay_fail(r, why);
    r->h->app = app_turn;
    r->h->app_arg = &r->app;
    r->start = r->w.now;
    return true;
}

static void replay_collect(struct replay *r)
{
    for (struct wiretap_frame *f; (f = wiretap_take(r->wire)) != NULL; free(f))
        record_make(record_list_add(&r->got), f->at - r->start, f->bytes, f->len, r->pollux);
}

static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The peer acknowledged what the kernel sent: make it acknowledge what Pollux sent. */
static void translate_options(struct segment *s, const struct flow *k, const struct flow *p)
{
    for (unsigned i = 0; i < s->n_opt && s->opt[i] != 0;) {
        unsigned len = s->opt[i] == 1 ? 1 : i + 1 < s->n_opt ? s->opt[i + 1] : 0;
        if (len == 0 || i + len > s->n_opt)
            return;
        uint32_t ecr = s->opt[i] == 8 && len == 10 ? get32(s->opt + i + 6) : 0;
        if (ecr != 0 && k->our_ts_known && p->our_ts_known)
            put32(s->opt + i + 6, ecr - k->our_ts + p->our_ts);
        for (unsigned at = i + 2; s->opt[i] == 5 && at + 4 <= i + len; at += 4)
            put32(s->opt + at, get32(s->opt + at) - k->our_isn + p->our_isn);
        i += len;
    }
}

static void replay_inject(struct replay *r, const struct capture_frame *f)
{
    static uint8_t frame[65536];
    struct segment s;
    const char *not_tcp = f->len > 34 && f->bytes[12] == 8 && f->bytes[13] == 0
                              ? segment_parse(f->bytes + 14, f->len - 14, &s)
                              : "";
    if (not_tcp != NULL) {
        wiretap_inject(r->wire, f->bytes, f->len);
        return;
    }
    int n = flow_find(r->kernel, s.dport, s.sport);
    if (n < 0 || n != flow_find(r->pollux, s.dport, s.sport))
        return;
    struct flow *k = &r->kernel[n], *p = &r->pollux[n];
    if (s.flags & SEG_SYN) {
        k->peer_isn = p->peer_isn = s.seq;
        k->peer_isn_known = p->peer_isn_known = true;
    }
    if ((s.flags & SEG_ACK) && k->our_isn_known && p->our_isn_known)
        s.ack += p->our_isn - k->our_isn;
    translate_options(&s, k, p);
    memcpy(frame, f->bytes, 14);
    size_t size = segment_build(&s, frame + 14, sizeof(frame) - 14);
    wiretap_inject(r->wire, frame, (uint32_t)size + 14);
}

/* What the application did is seen by frame i, once; or sooner, by the question that came before it: who has
 * that address? */
static void replay_infer(struct replay *r, unsigned i)
{
    const uint8_t *b = r->cap.frame[i].bytes;
    bool asks = b[12] == 8 && b[13] == 6 && (b[0] & 1) != 0;
    for (unsigned k = i + 1; asks && k < r->cap.n; k++)
        if (from_us(r, &r->cap.frame[k]) && r->cap.frame[k].bytes[13] == 0) {
            i = k;
            break;
        }
    if (i >= r->inferred)
        app_infer(&r->app, &r->cap, i);
    if (i >= r->inferred)
        r->inferred = i + 1;
}

static bool replay_frames(struct replay *r)
{
    for (unsigned i = 0; i < r->cap.n; i++) {
        const struct capture_frame *f = &r->cap.frame[i];
        if (!world_run(&r->w, r->start + f->at, NULL, NULL))
            return replay_fail(r, "one moment never ends");
        replay_collect(r);
        if (from_us(r, f)) {
            record_make(record_list_add(&r->want), f->at, f->bytes, f->len, r->kernel);
            replay_infer(r, i);
        } else {
            replay_inject(r, f);
        }
        if (!world_settle(&r->w))
            return replay_fail(r, "one moment never ends");
        replay_collect(r);
    }
    if (!world_run(&r->w, r->w.now + AFTERWARDS, NULL, NULL))
        return replay_fail(r, "one moment never ends");
    replay_collect(r);
    return true;
}

bool replay_run(const struct replay_case *k)
{
    static struct replay r;
    char leak[WORLD_WHY];
    memset(&r, 0, sizeof(r));
    r.k = k;
    bool ok = replay_start(&r) && replay_frames(&r);
    ok = ok && records_compare(&r.want, &r.got, &r.cap, k->name);
    if (world_fini(&r.w, false, leak) != NULL)
        ok = replay_fail(&r, leak);
    app_free(&r.app);
    record_list_free(&r.want);
    record_list_free(&r.got);
    capture_free(&r.cap);
    return ok;
}
