/* SPDX-License-Identifier: BSD-3-Clause */
/* What the kernel's TUN and packet sockets have in common: frames travel with a virtio-net header that
 * says which checksum is unfilled and how large the segments of a frame without limits are; they are
 * received into several buffers at once. */
#ifndef PLX_NETDEV_VNET_H
#define PLX_NETDEV_VNET_H

#include <linux/virtio_net.h>
#include <rte_mbuf.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "netdev/netdev.h"

#define VNET_FRAME_MAX   (65535 + 18) /* what the kernel hands over at most: GSO, with a VLAN tag */
#define VNET_SEGS_MAX    64           /* buffers of a frame */
#define VNET_HEADERS_MAX 192

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

/* Room for one frame to be received. */
struct vnet_slot {
    struct virtio_net_hdr hdr;
    uint16_t want, have; /* buffers */
    uint16_t taken;      /* of the last frame: these are missing at the front */
    struct rte_mbuf *seg[VNET_SEGS_MAX];
    struct iovec iov[1 + VNET_SEGS_MAX]; /* [0] is hdr */
};

/* `frame_max` bytes in buffers of `pool`. 0 or -EINVAL when the pool's buffers are too small for it. */
int vnet_slot_init(struct vnet_slot *s, const struct rte_mempool *pool, uint32_t frame_max);
/* Replaces what was taken. With an empty pool there is less room than wanted, or none: false. */
bool vnet_slot_fill(struct vnet_slot *s, struct rte_mempool *pool);
/* Bytes of a frame that fit now. */
uint32_t vnet_slot_room(const struct vnet_slot *s);
/* The frame of `len` bytes that was read into the slot. */
struct rte_mbuf *vnet_slot_take(struct vnet_slot *s, uint32_t len);
void vnet_slot_fini(struct vnet_slot *s);

/* Marks a received frame: GOOD where the kernel vouches for the checksum, also where it has not been
 * filled, because the packet never left this machine's memory: nobody above may verify that one. A
 * frame that stands for several has RX_LRO and tso_segsz. */
void vnet_mark(struct rte_mbuf *m, const struct virtio_net_hdr *h);
/* Fills the checksum that the kernel left to us, so that the frame is as a wire carries it. False: the
 * header does not fit the frame. */
bool vnet_fill(struct rte_mbuf *m, const struct virtio_net_hdr *h);

/* A frame to be sent, as vectors. */
struct vnet_out {
    struct virtio_net_hdr hdr;
    uint16_t n;
    uint8_t headers[VNET_HEADERS_MAX]; /* a copy: the packet's own may be shared */
    struct iovec iov[2 + VNET_SEGS_MAX];
};

/* The vectors of m, checksum and segmentation requests translated from its RTE_MBUF_F_TX_* flags. m
 * stays as it is and must live until the vectors are used. False: it cannot be sent. */
bool vnet_out_build(struct vnet_out *o, struct rte_mbuf *m);

/* A copy in as few buffers of `pool` as it takes, for a packet in too many; NULL when it cannot be. */
struct rte_mbuf *vnet_compact(struct rte_mbuf *m, struct rte_mempool *pool);

/* An address for our end, the same at each start: of `name` in this network namespace on this host. */
void vnet_stable_mac(const char *name, uint8_t mac[6]);

#endif
