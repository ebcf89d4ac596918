/* SPDX-License-Identifier: BSD-3-Clause */
/* What of a file a request gets: all of it, a part, nothing because it has it already. RFC9110-8.8,
 * 13 and 14. */
#ifndef HTTPD_DECIDE_H
#define HTTPD_DECIDE_H

#include <time.h>

#include "httpd/request.h"

#define ETAG_LEN 48
#define DATE_LEN 32

struct decision {
    int status;     /* 200, 206, 304, 416 */
    uint64_t from;  /* of the bytes that are sent */
    uint64_t bytes; /* how many; 0 with 304 and 416 */
};

void decide(const struct request *r, uint64_t size, time_t modified, const char *etag, struct decision *out);
/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC9110-5.6.7). */
void date_text(time_t t, char out[DATE_LEN]);
/* In each of the three forms that there have been. False: none of them. */
bool date_read(struct text t, time_t *out);

#endif
