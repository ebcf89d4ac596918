/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading HTTP/1.x answers (RFC 9112) as they come, in pieces of any size: where each one ends, and its
 * status. Nothing is kept but the line that is being read. */
#ifndef BENCH_HTTP_H
#define BENCH_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#define HTTP_LINE      256   /* what is longer is read on, and only its start looked at */
#define HTTP_HEAD_MOST 65536 /* bytes of all header lines of an answer */

enum http_state {
    HTTP_STATUS,
    HTTP_HEADER,
    HTTP_BODY,
    HTTP_CHUNK_SIZE,
    HTTP_CHUNK,
    HTTP_CHUNK_END,
    HTTP_TRAILER
};

/* All zero: before the first answer. */
struct http_reader {
    uint8_t state;  /* enum http_state */
    bool close;     /* the connection ends after this answer */
    bool until_end; /* the end of the connection ends the body */
    bool chunked, has_length;
    uint16_t status;
    uint16_t line_len;
    uint32_t head_len;
    uint64_t left; /* bytes of the body, or of the chunk */
    char line[HTTP_LINE];
};

enum http_result { HTTP_MORE, HTTP_DONE, HTTP_BAD };

/* Reads from `bytes`; *used says how many were taken. HTTP_DONE: an answer is complete (its status and close
 * are valid until the next call) and the rest belongs to the next one; HTTP_MORE: all were taken;
 * HTTP_BAD: this is no HTTP. An interim answer (1xx) is passed over. */
enum http_result http_read(struct http_reader *r, const char *bytes, uint32_t n, uint32_t *used);
/* The connection has ended: was that the end of an answer? */
bool http_end(const struct http_reader *r);

#endif
