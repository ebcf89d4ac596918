/* SPDX-License-Identifier: BSD-3-Clause */
/* UDP echo (RFC 862). */
#include "echo/server.h"

#include <errno.h>

#include <plx.h>

#define DATAGRAMS_PER_EVENT 64 /* then the others have their turn */

void datagram_event(struct server *s, int fd)
{
    for (int i = 0; i < DATAGRAMS_PER_EVENT; i++) {
        struct sockaddr_in peer;
        socklen_t len = sizeof(peer);
        ssize_t n = plx_recvfrom(fd, s->scratch, SCRATCH_SIZE, 0, (struct sockaddr *)&peer, &len);

        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0)
            continue; /* an error left behind by an earlier datagram; it is taken now */
        s->totals.datagrams++;
        s->totals.bytes_in += (uint64_t)n;
        /* A datagram that cannot be sent at once is lost, as on any network. */
        ssize_t sent = plx_sendto(fd, s->scratch, (size_t)n, 0, (struct sockaddr *)&peer, len);
        if (sent < 0)
            s->totals.datagrams_dropped++;
        else
            s->totals.bytes_out += (uint64_t)sent;
    }
}
