/* SPDX-License-Identifier: BSD-3-Clause */
/* A capture of what was sent and received, as pcapng (draft-ietf-opsawg-pcapng): written by whole blocks from
 * buffers of the workers', so that they do not mix. */
#ifndef PKTGEN_RECORD_H
#define PKTGEN_RECORD_H

#include <rte_mbuf.h>
#include <stdbool.h>
#include <stdint.h>

enum record_direction { RECORD_IN = 1, RECORD_OUT = 2 };

struct record;

/* For up to `workers` threads and the interfaces of plx_wire. NULL with errno. */
struct record *record_open(const char *path, uint16_t workers);
/* `time`: ns of the monotonic clock. False once writing has failed (record_close says why). Borrows m. */
bool record_frame(struct record *r, uint16_t worker, unsigned wire, const struct rte_mbuf *m,
                  enum record_direction direction, uint64_t time);
/* Frames written, or -1 with errno when any of it could not be. All workers have ended. */
int64_t record_close(struct record *r);

#endif
