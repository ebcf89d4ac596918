/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HTTPD_MIME_H
#define HTTPD_MIME_H

/* The media type of a file by the end of its name; "application/octet-stream" for others. */
const char *mime_type(const char *name);

#endif
