/* SPDX-License-Identifier: BSD-3-Clause */
/* Dynamic right-sizing of the receive buffer: as long as the application keeps up, the buffer holds twice
 * what it read in the last round trip, up to the limit of tcp_rmem. SO_RCVBUF turns it off. */
#ifndef PLX_TCP_RCV_TUNING_H
#define PLX_TCP_RCV_TUNING_H

struct tcp;
struct tcb;

/* The connection is established: measuring begins. */
void rcv_tuning_start(struct tcp *t, struct tcb *tcb);
/* The application has read. */
void rcv_tuning_read(struct tcp *t, struct tcb *tcb);

#endif
