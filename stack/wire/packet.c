/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/packet.h"

#include <string.h>

#include "base/mbuf.h"
#include "wire/checksum.h"

bool pkt_transport_checksum_computed(const struct pkt *p)
{
    /* The field itself is summed too, so what comes out is the complement of all ones. */
    return checksum_transport(p->m, p->l4_off, &p->src, &p->dst, p->proto) == 0;
}

/* A head of our own in front of the chain, with the bytes of the first segment, which it replaces. */
static struct rte_mbuf *replace_head(struct rte_mbuf *m, struct rte_mempool *pool)
{
    struct rte_mbuf *head = rte_pktmbuf_alloc(pool);

    if (head == NULL)
        return NULL;
    if (rte_pktmbuf_tailroom(head) < m->data_len) {
        rte_pktmbuf_free(head);
        return NULL;
    }
    memcpy(rte_pktmbuf_mtod(head, void *), rte_pktmbuf_mtod(m, void *), m->data_len);
    head->ol_flags = m->ol_flags & ~(RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL);
    head->packet_type = m->packet_type;
    head->hash = m->hash;
    head->port = m->port;
    head->data_len = m->data_len;
    head->pkt_len = m->pkt_len;
    head->nb_segs = m->nb_segs;
    head->next = m->next;
    rte_pktmbuf_free_seg(m); /* forgets its next only if nobody else holds it */
    return head;
}

/* Moves the first bytes of the second segment behind those of the first. False: it is shared, so its
 * offset is not ours to move. */
static bool take_from_next(struct rte_mbuf *m, uint32_t want)
{
    struct rte_mbuf *next = m->next;
    uint16_t n = (uint16_t)RTE_MIN(want - m->data_len, next->data_len);

    if (n < next->data_len && rte_mbuf_refcnt_read(next) != 1)
        return false;
    memcpy(rte_pktmbuf_mtod_offset(m, uint8_t *, m->data_len), rte_pktmbuf_mtod(next, uint8_t *), n);
    m->data_len = (uint16_t)(m->data_len + n);
    if (n < next->data_len) {
        next->data_off = (uint16_t)(next->data_off + n);
        next->data_len = (uint16_t)(next->data_len - n);
        return true;
    }
    m->next = next->next;
    m->nb_segs--;
    rte_pktmbuf_free_seg(next);
    return true;
}

bool pkt_pull_slow(struct pkt *p, uint32_t len, struct rte_mempool *pool)
{
    uint32_t want = RTE_MIN(len, p->m->pkt_len);

    if (p->m->data_len >= want)
        return true;
    if (!mbuf_writable(p->m) || rte_pktmbuf_tailroom(p->m) < want - p->m->data_len) {
        struct rte_mbuf *head = replace_head(p->m, pool);
        if (head == NULL)
            return pkt_reject(p, CNT_DROP_NO_MBUF);
        p->m = head;
    }
    if (rte_pktmbuf_tailroom(p->m) < want - p->m->data_len)
        return pkt_reject(p, CNT_DROP_SCATTERED);
    while (p->m->data_len < want)
        if (!take_from_next(p->m, want))
            return pkt_reject(p, CNT_DROP_SCATTERED);
    return true;
}
