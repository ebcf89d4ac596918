/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/reassembly.h"

#include <assert.h>

#include "base/mbuf.h"
#include "tcp/rcv_queue.h"
#include "tcp/tcp_private.h"

#define POOL_RESERVE 32u /* buffers; a burst */

static struct range *range_at(const struct tcp *t, uint32_t i)
{
    return (struct range *)slab_at(&t->ranges, i);
}

static struct assembly *assembly_at(const struct tcp *t, const struct tcb *tcb)
{
    return (struct assembly *)slab_at(&t->assemblies, tcb->ooo);
}

/* ---- those that hold data, for when the worker's memory is short ---- */

static struct assembly *holder_at(const struct tcp *t, uint32_t i)
{
    return (struct assembly *)slab_at(&t->assemblies, i);
}

static void holders_add(struct tcp *t, struct assembly *a)
{
    uint32_t i = slab_index(&t->assemblies, a);
    a->next = 0;
    a->prev = t->ooo_tail;
    if (t->ooo_tail != 0)
        holder_at(t, t->ooo_tail)->next = i;
    else
        t->ooo_head = i;
    t->ooo_tail = i;
}

static void holders_remove(struct tcp *t, struct assembly *a)
{
    if (a->prev != 0)
        holder_at(t, a->prev)->next = a->next;
    else
        t->ooo_head = a->next;
    if (a->next != 0)
        holder_at(t, a->next)->prev = a->prev;
    else
        t->ooo_tail = a->prev;
}

/* ---- the tree: a treap, heap-ordered by random priorities ---- */

/* Ranges before `at` into *lo, the others into *hi. */
static void tree_split(const struct tcp *t, uint32_t root, seq_t at, uint32_t *lo, uint32_t *hi)
{
    while (root != 0) {
        struct range *r = range_at(t, root);
        if (seq_lt(r->seq, at)) {
            *lo = root;
            lo = &r->right;
            root = r->right;
        } else {
            *hi = root;
            hi = &r->left;
            root = r->left;
        }
    }
    *lo = 0;
    *hi = 0;
}

/* All of lo lies before all of hi. */
static uint32_t tree_join(const struct tcp *t, uint32_t lo, uint32_t hi)
{
    uint32_t root = 0, *link = &root;
    while (lo != 0 && hi != 0) {
        if (range_at(t, lo)->priority > range_at(t, hi)->priority) {
            *link = lo;
            link = &range_at(t, lo)->right;
            lo = *link;
        } else {
            *link = hi;
            link = &range_at(t, hi)->left;
            hi = *link;
        }
    }
    *link = lo != 0 ? lo : hi;
    return root;
}

/* The last range that begins at or before `at`; 0: none. */
static uint32_t tree_at_or_before(const struct tcp *t, uint32_t root, seq_t at)
{
    uint32_t found = 0;
    while (root != 0) {
        struct range *r = range_at(t, root);
        if (seq_leq(r->seq, at)) {
            found = root;
            root = r->right;
        } else {
            root = r->left;
        }
    }
    return found;
}

/* The range farthest out, of a tree that has some. */
static uint32_t tree_last(const struct tcp *t, uint32_t root)
{
    while (range_at(t, root)->right != 0)
        root = range_at(t, root)->right;
    return root;
}

/* The first range that begins at or after `at`; 0: none. */
static uint32_t tree_at_or_after(const struct tcp *t, uint32_t root, seq_t at)
{
    uint32_t found = 0;
    while (root != 0) {
        struct range *r = range_at(t, root);
        if (seq_geq(r->seq, at)) {
            found = root;
            root = r->left;
        } else {
            root = r->right;
        }
    }
    return found;
}

static void tree_insert(struct tcp *t, struct assembly *a, uint32_t i)
{
    uint32_t lo, hi;
    tree_split(t, a->root, range_at(t, i)->seq, &lo, &hi);
    a->root = tree_join(t, tree_join(t, lo, i), hi);
    if (a->n++ == 0)
        holders_add(t, a);
}

static void tree_remove(struct tcp *t, struct assembly *a, uint32_t i)
{
    uint32_t lo, mid, hi;
    seq_t seq = range_at(t, i)->seq;
    tree_split(t, a->root, seq, &lo, &hi);
    tree_split(t, hi, seq + 1, &mid, &hi);
    assert(mid == i);
    a->root = tree_join(t, lo, hi);
    if (--a->n == 0)
        holders_remove(t, a);
}

/* ---- one connection's ---- */

static struct assembly *assembly_get(struct tcp *t, struct tcb *tcb)
{
    if (tcb->ooo != 0)
        return assembly_at(t, tcb);
    tcb->ooo = slab_alloc(&t->assemblies);
    if (tcb->ooo == 0) {
        count(&t->ctx->counters, CNT_TCP_NO_MEMORY);
        return NULL;
    }
    assembly_at(t, tcb)->tcb = tcb_index(t, tcb);
    return assembly_at(t, tcb);
}

static void assembly_put(struct tcp *t, struct tcb *tcb)
{
    struct assembly *a = assembly_at(t, tcb);
    if (a->root != 0 || a->has_dsack || a->has_fin)
        return;
    slab_free(&t->assemblies, tcb->ooo);
    tcb->ooo = 0;
}

static void range_drop(struct tcp *t, struct tcb *tcb, struct assembly *a, uint32_t i)
{
    struct range *r = range_at(t, i);
    tree_remove(t, a, i);
    rcv_queue_uncharge(t, tcb, r->charge);
    a->charge -= r->charge;
    rcv_chain_free(r->head);
    slab_free(&t->ranges, i);
}

bool reassembly_has_hole(const struct tcp *t, const struct tcb *tcb)
{
    return tcb->ooo != 0 && assembly_at(t, tcb)->root != 0;
}

void reassembly_purge(struct tcp *t, struct tcb *tcb)
{
    if (tcb->ooo == 0)
        return;
    struct assembly *a = assembly_at(t, tcb);
    while (a->root != 0)
        range_drop(t, tcb, a, a->root);
    a->has_dsack = a->has_fin = false;
    assembly_put(t, tcb);
}

void reassembly_duplicate(struct tcp *t, struct tcb *tcb, seq_t left, seq_t right)
{
    if (!tcb_is(tcb, TCB_SACK) || t->ctx->tun->tcp_dsack == 0)
        return;
    struct assembly *a = assembly_get(t, tcb);
    if (a == NULL)
        return;
    a->has_dsack = true;
    a->dsack = (struct sack_block){left, right};
}

void reassembly_fin(struct tcp *t, struct tcb *tcb, seq_t fin)
{
    struct assembly *a = assembly_get(t, tcb);
    if (a == NULL)
        return;
    a->has_fin = true;
    a->fin = fin;
}

bool reassembly_fin_due(const struct tcp *t, const struct tcb *tcb)
{
    return tcb->ooo != 0 && assembly_at(t, tcb)->has_fin && assembly_at(t, tcb)->fin == tcb->rcv_nxt;
}

bool reassembly_right_edge(const struct tcp *t, const struct tcb *tcb, seq_t *edge)
{
    if (!reassembly_has_hole(t, tcb))
        return false;
    *edge = range_at(t, tree_last(t, assembly_at(t, tcb)->root))->end;
    return true;
}

bool reassembly_shed(struct tcp *t, struct tcb *tcb)
{
    if (!reassembly_has_hole(t, tcb))
        return false;
    struct assembly *a = assembly_at(t, tcb);
    range_drop(t, tcb, a, tree_last(t, a->root));
    count(&t->ctx->counters, CNT_TCP_OOO_SHED);
    assembly_put(t, tcb);
    return true;
}

bool reassembly_shed_any(struct tcp *t)
{
    return t->ooo_head != 0 && reassembly_shed(t, tcb_at(t, holder_at(t, t->ooo_head)->tcb));
}

/* ---- SACK blocks ---- */

/* The range that holds `at` has changed last. */
static void recent_note(const struct tcp *t, struct assembly *a, seq_t at)
{
    uint32_t i = tree_at_or_before(t, a->root, at);
    const struct range *r = range_at(t, i);
    seq_t kept[REASSEMBLY_RECENT];
    uint8_t n = 0;
    kept[n++] = at;
    for (uint8_t k = 0; k < a->n_recent && n < REASSEMBLY_RECENT; k++)
        if (!seq_in(a->recent[k], r->seq, r->end))
            kept[n++] = a->recent[k];
    for (uint8_t k = 0; k < n; k++)
        a->recent[k] = kept[k];
    a->n_recent = n;
}

unsigned reassembly_sack_blocks(struct tcp *t, struct tcb *tcb, struct sack_block *out, unsigned max)
{
    unsigned n = 0;
    if (tcb->ooo == 0)
        return 0;
    struct assembly *a = assembly_at(t, tcb);
    if (a->has_dsack && n < max) {
        out[n++] = a->dsack;
        a->has_dsack = false;
    }
    unsigned first = n;
    for (uint8_t k = 0; k < a->n_recent && n < max; k++) {
        uint32_t i = tree_at_or_before(t, a->root, a->recent[k]);
        if (i == 0 || seq_geq(a->recent[k], range_at(t, i)->end))
            continue; /* delivered or shed meanwhile */
        struct sack_block b = {range_at(t, i)->seq, range_at(t, i)->end};
        bool known = false;
        for (unsigned j = first; j < n; j++)
            known = known || out[j].left == b.left;
        if (!known)
            out[n++] = b;
    }
    assembly_put(t, tcb);
    return n;
}

/* ---- data in ---- */

/* A segment on its way into the tree. */
struct piece {
    seq_t seq, end;
    struct rte_mbuf *m;
};

/* Cuts off what the range before it holds. False: all of it; m is freed. */
static bool piece_trim_front(struct tcp *t, struct tcb *tcb, uint32_t before, struct piece *p)
{
    if (before == 0 || seq_leq(range_at(t, before)->end, p->seq))
        return true;
    seq_t end = range_at(t, before)->end;
    reassembly_duplicate(t, tcb, p->seq, seq_min(end, p->end));
    if (seq_geq(end, p->end)) {
        rte_pktmbuf_free(p->m);
        return false;
    }
    p->m = mbuf_trim_front_take(p->m, end - p->seq);
    p->seq = end;
    return true;
}

/* Drops ranges that it covers, cuts its tail where one reaches further. */
static void piece_trim_back(struct tcp *t, struct tcb *tcb, struct assembly *a, struct piece *p)
{
    uint32_t i;
    while ((i = tree_at_or_after(t, a->root, p->seq)) != 0 && seq_lt(range_at(t, i)->seq, p->end)) {
        struct range *r = range_at(t, i);
        reassembly_duplicate(t, tcb, r->seq, seq_min(r->end, p->end));
        if (seq_gt(r->end, p->end)) {
            p->m = mbuf_trim_tail_take(p->m, p->end - r->seq);
            p->end = r->seq;
            return;
        }
        range_drop(t, tcb, a, i);
    }
}

static void range_add_charge(struct tcp *t, struct tcb *tcb, struct assembly *a, struct range *r,
                             uint32_t charge)
{
    r->charge += charge;
    a->charge += charge;
    rcv_queue_charge(t, tcb, charge);
}

/* If range i now touches the one after it, that one is absorbed. */
static void range_join_next(struct tcp *t, struct assembly *a, uint32_t i)
{
    struct range *r = range_at(t, i);
    uint32_t k = tree_at_or_after(t, a->root, r->end);
    if (k == 0 || range_at(t, k)->seq != r->end)
        return;
    struct range *next = range_at(t, k);
    tree_remove(t, a, k);
    r->tail->next = next->head;
    r->tail = next->tail;
    r->end = next->end;
    r->charge += next->charge;
    slab_free(&t->ranges, k);
}

/* Puts a piece that overlaps nothing where it belongs. Its range, or 0 without memory (m is freed). */
static uint32_t piece_place(struct tcp *t, struct tcb *tcb, struct assembly *a, uint32_t before,
                            struct piece *p)
{
    uint32_t i = before;
    if (before == 0 || range_at(t, before)->end != p->seq) {
        i = a->n < REASSEMBLY_RANGES_MAX ? slab_alloc(&t->ranges) : 0;
        if (i == 0) {
            rte_pktmbuf_free(p->m);
            return 0;
        }
        struct range *r = range_at(t, i);
        r->seq = r->end = p->seq;
        r->priority = rng_u32(&t->ctx->rng);
        tree_insert(t, a, i);
    }
    struct range *r = range_at(t, i);
    bool squeeze = tcb->rcvq_charge > tcb->rcvbuf / 2;
    range_add_charge(t, tcb, a, r, rcv_chain_append_take(&r->head, &r->tail, p->m, squeeze));
    r->end = p->end;
    range_join_next(t, a, i);
    return i;
}

/* Would the wire soon have no buffer left, not even for what fills the hole? Asked for out-of-order data
 * only: looking into a pool is not cheap. */
static bool pool_is_low(const struct rte_mbuf *m)
{
    return rte_mempool_avail_count(m->pool) < POOL_RESERVE;
}

/* Data nearer to rcv_nxt is worth more: makes room by shedding what lies farther out than seq. */
static bool reassembly_make_room(struct tcp *t, struct tcb *tcb, seq_t seq, const struct rte_mbuf *m)
{
    while (!rcv_queue_has_room(t, tcb, mbuf_charge(m)) || pool_is_low(m)) {
        uint32_t i = tcb->ooo != 0 ? tree_at_or_after(t, assembly_at(t, tcb)->root, seq) : 0;
        if (i == 0 || !reassembly_shed(t, tcb))
            return false;
    }
    return true;
}

bool reassembly_insert_take(struct tcp *t, struct tcb *tcb, seq_t seq, struct rte_mbuf *m, uint32_t bytes)
{
    struct piece p = {.seq = seq, .end = seq + bytes, .m = m};
    struct assembly *a = NULL;
    if (reassembly_make_room(t, tcb, seq, m))
        a = assembly_get(t, tcb);
    if (a == NULL) {
        rte_pktmbuf_free(m);
        count(&t->ctx->counters, CNT_DROP_TCP_RCVBUF);
        return false;
    }
    uint32_t before = tree_at_or_before(t, a->root, p.seq);
    if (piece_trim_front(t, tcb, before, &p)) {
        piece_trim_back(t, tcb, a, &p);
        if (piece_place(t, tcb, a, before, &p) == 0) {
            count(&t->ctx->counters, CNT_DROP_TCP_RCVBUF);
            assembly_put(t, tcb);
            return false;
        }
        count(&t->ctx->counters, CNT_TCP_OOO);
        recent_note(t, a, p.seq);
    } else {
        recent_note(t, a, seq);
    }
    return true;
}

void reassembly_deliver(struct tcp *t, struct tcb *tcb)
{
    if (tcb->ooo == 0)
        return;
    struct assembly *a = assembly_at(t, tcb);
    uint32_t i;
    while ((i = tree_at_or_before(t, a->root, tcb->rcv_nxt)) != 0) {
        struct range *r = range_at(t, i);
        if (seq_leq(r->end, tcb->rcv_nxt)) {
            reassembly_duplicate(t, tcb, r->seq, r->end);
            range_drop(t, tcb, a, i);
            continue;
        }
        uint32_t skip = tcb->rcv_nxt - r->seq;
        if (skip > 0)
            reassembly_duplicate(t, tcb, r->seq, tcb->rcv_nxt);
        uint32_t bytes = r->end - tcb->rcv_nxt;
        tree_remove(t, a, i);
        a->charge -= r->charge;
        while (skip >= r->head->data_len) { /* there is more than skip in the chain */
            struct rte_mbuf *seg = r->head;
            skip -= seg->data_len;
            r->head = seg->next;
            rcv_queue_uncharge(t, tcb, (uint32_t)sizeof *seg + seg->buf_len);
            rte_pktmbuf_free_seg(seg);
        }
        r->head->data_off = (uint16_t)(r->head->data_off + skip);
        r->head->data_len = (uint16_t)(r->head->data_len - skip);
        rcv_queue_append_charged_take(tcb, r->head, r->tail, bytes);
        slab_free(&t->ranges, i);
    }
    if (a->has_fin && seq_lt(a->fin, tcb->rcv_nxt))
        a->has_fin = false;
    assembly_put(t, tcb);
}
