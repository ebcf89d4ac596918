/* SPDX-License-Identifier: BSD-3-Clause */
/* From the path of a request to the name of a file below the root. */
#ifndef HTTPD_TARGET_H
#define HTTPD_TARGET_H

#include "httpd/request.h"

#define TARGET_NAME_MOST 1024

/* Decodes %XX and takes "." and empty segments out: "/a/./b%20c//d" becomes "a/b c/d"; the root is ".".
 * *folder: it ended with a '/'. 0, or a status: 400 (no such encoding, a NUL), 403 (".." in any disguise:
 * nobody who asks politely sends one), 414. Symbolic links are the business of files.h. */
int target_name(struct text path, char name[TARGET_NAME_MOST], bool *folder);

#endif
