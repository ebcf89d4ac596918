/* SPDX-License-Identifier: BSD-3-Clause */
/* The public calls of plx_mbuf.h. */
#include <plx_mbuf.h>

#include "base/mbuf.h"
#include "posix/calls.h"
#include "posix/socket.h"

struct rte_mbuf *plx_mbuf_alloc(void)
{
    struct engine *e = engine_current;
    struct rte_mbuf *m = e != NULL ? mbuf_alloc_data(&e->w->ctx) : NULL;
    if (m == NULL)
        errno = e == NULL ? EPERM : ENOBUFS;
    return m;
}

static struct rte_mbuf *recv_chain(int fd, size_t max, int flags, struct sockaddr *addr, socklen_t *alen)
{
    struct engine *e = engine_current;
    int err = EPERM;
    struct rte_mbuf *m = e != NULL ? sock_recv_mbuf(e, fd, max, flags, addr, alen, &err) : NULL;
    if (m == NULL)
        errno = err;
    return m;
}

struct rte_mbuf *plx_recv_mbuf(int fd, size_t max, int flags)
{
    return recv_chain(fd, max, flags, NULL, NULL);
}

struct rte_mbuf *plx_recvfrom_mbuf(int fd, int flags, struct sockaddr *addr, socklen_t *alen)
{
    return recv_chain(fd, SIZE_MAX, flags, addr, alen);
}

ssize_t plx_send_mbuf_take(int fd, struct rte_mbuf *m, int flags)
{
    return plx_sendto_mbuf_take(fd, m, flags, NULL, 0);
}

ssize_t plx_sendto_mbuf_take(int fd, struct rte_mbuf *m, int flags, const struct sockaddr *addr,
                             socklen_t alen)
{
    struct engine *e = engine_current;
    if (e == NULL)
        rte_pktmbuf_free(m);
    CALL(sock_send_mbuf_take(e, fd, m, flags, addr, alen));
}
