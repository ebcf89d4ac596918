/* SPDX-License-Identifier: BSD-3-Clause */
/* Pollux: a TCP/IP stack in user space with the socket API. This header brings all of it but
 * plx_mbuf.h, which needs DPDK's headers. */
#ifndef PLX_H
#define PLX_H

#include <plx_epoll.h>
#include <plx_run.h>
#include <plx_socket.h>

#endif
