/* SPDX-License-Identifier: BSD-3-Clause */
/* Zero copy: packets in and out as DPDK's mbufs. Rules as in plx_socket.h. A chain is what DPDK makes
 * of it: pkt_len and nb_segs right in its first segment; its data is payload alone. Functions that end
 * in _take own the chain from the call on, also when they fail. */
#ifndef PLX_MBUF_H
#define PLX_MBUF_H

#include <rte_mbuf.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <plx_api.h>

PLX_BEGIN_DECLS

/* An empty buffer of this worker's payload pool, with the headroom that sending it in place needs. The
 * caller owns it. NULL with ENOBUFS (pool empty, counted as drop.no_mbuf) or EPERM. */
PLX_API struct rte_mbuf *plx_mbuf_alloc(void);

/* TCP: up to max bytes of what recv would return, as a chain that the caller owns (rte_pktmbuf_free). UDP:
 * the next datagram, whole; max is ignored. Waits unless the socket is non-blocking or flags hold
 * MSG_DONTWAIT (the only one). Buffers pin receive memory until freed: do not hoard them. NULL with errno 0
 * at the end of the stream, else with recv's errno. */
PLX_API struct rte_mbuf *plx_recv_mbuf(int fd, size_t max, int flags);
/* The same for UDP, with the sender's address as in recvfrom. An empty datagram is a chain of length 0. */
PLX_API struct rte_mbuf *plx_recvfrom_mbuf(int fd, int flags, struct sockaddr *addr, socklen_t *alen);

/* TCP: the chain becomes the stream's next bytes: all or nothing; EAGAIN (non-blocking) when the send
 * buffer is full, and then the chain is gone, so watch EPOLLOUT first. UDP: the chain is one datagram. Takes
 * m. Do not write to its data afterwards, also not through another reference: it may be sent again. The
 * number of bytes, or send's errno; EINVAL for an empty chain (TCP) or a broken one. */
PLX_API ssize_t plx_send_mbuf_take(int fd, struct rte_mbuf *m, int flags);
/* UDP: to an address, as sendto. Takes m. */
PLX_API ssize_t plx_sendto_mbuf_take(int fd, struct rte_mbuf *m, int flags, const struct sockaddr *addr,
                                     socklen_t alen);

/* Memory of the program whose bytes can be sent again and again without being copied, as a web server's
 * files. */
struct plx_region;

/* size bytes (not 0), all zero: DPDK's memory when there are hugepages, so that any NIC can read it, else
 * ordinary pages. It belongs to the caller, who fills it before it is sent from. Not in the middle of a busy
 * loop: a large one takes its time. NULL with ENOMEM, EINVAL, or EPERM (no plx_init). Any thread. */
PLX_API struct plx_region *plx_region_alloc(size_t size);
PLX_API void *plx_region_bytes(struct plx_region *region);
/* The caller is done with it: it is freed once no packet refers to it any more. NULL is allowed. Any thread,
 * before plx_fini. */
PLX_API void plx_region_free(struct plx_region *region);

#define PLX_REFER_MAX 65280 /* bytes of a region in one buffer */

/* A buffer (or a chain of two) whose data are the bytes [off, off + len) of the region, len from 1 to
 * PLX_REFER_MAX: for plx_send_mbuf_take. Nothing is copied; the bytes must not change until the region is
 * freed. The caller owns it. NULL with ENOBUFS (no buffer, or no memory for the reference), EINVAL (outside)
 * or EPERM. */
PLX_API struct rte_mbuf *plx_region_refer(struct plx_region *region, size_t off, size_t len);

PLX_END_DECLS

#endif
