/* SPDX-License-Identifier: BSD-3-Clause */
/* struct sockaddr at the edge, struct ip_addr inside. */
#ifndef PLX_POSIX_SOCKADDR_H
#define PLX_POSIX_SOCKADDR_H

#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "base/addr.h"

/* 0, -EFAULT, -EINVAL (too short), -EAFNOSUPPORT. */
static inline int sockaddr_read(const struct sockaddr *sa, socklen_t len, struct ip_addr *addr,
                                uint16_t *port)
{
    struct sockaddr_in in;
    if (sa == NULL)
        return -EFAULT;
    if (len < sizeof(in))
        return -EINVAL;
    memcpy(&in, sa, sizeof(in));
    if (in.sin_family != AF_INET)
        return -EAFNOSUPPORT;
    *addr = ip_addr_v4(in.sin_addr.s_addr);
    *port = ntohs(in.sin_port);
    return 0;
}

/* As accept(2) and its kin hand out addresses: cut to the room there is, *len what it would have taken. */
static inline int sockaddr_write(struct sockaddr *sa, socklen_t *len, const struct ip_addr *addr,
                                 uint16_t port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    if (sa == NULL)
        return 0;
    if (len == NULL)
        return -EFAULT;
    if ((int)*len < 0)
        return -EINVAL;
    in.sin_addr.s_addr = addr->w[3];
    memcpy(sa, &in, *len < sizeof(in) ? *len : sizeof(in));
    *len = sizeof(in);
    return 0;
}

#endif
