/* SPDX-License-Identifier: BSD-3-Clause */
/* The files below the root, and a cache of them in memory that is sent without a copy. Each worker has its
 * own. */
#ifndef HTTPD_FILES_H
#define HTTPD_FILES_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "httpd/decide.h"

struct file {
    uint64_t size;
    time_t modified;
    char etag[ETAG_LEN];
    struct plx_region *region; /* the bytes; NULL: they have to be read from fd */
    int fd;                    /* -1 when there is a region, or no byte */

    /* files.c */
    uint32_t refs;
    uint64_t checked;           /* when it was last compared with what is on disk */
    struct file *next;          /* in its bucket */
    struct file *newer, *older; /* by use */
    char *name;
};

#define FILES_BUCKETS 4096

struct files {
    int root;
    uint64_t room, used; /* bytes that may be kept, that are */
    uint64_t loaded, evicted;
    struct file *bucket[FILES_BUCKETS];
    struct file *newest, *oldest;
};

/* 0 or -errno. room: bytes of the cache. */
int files_open(struct files *f, const char *root, uint64_t room);
void files_close(struct files *f);

#define FILES_FOLDER (-1)

/* The regular file of that name (relative to the root, without ".."), with a reference for the caller. 0;
 * FILES_FOLDER; or a status: 403 (not allowed, not a regular file, or a symbolic link that leads out of the
 * root), 404, 500, 503 (out of descriptors or memory). */
int files_get(struct files *f, const char *name, uint64_t now, struct file **out);
void files_put(struct file *file);
/* A folder for reading its entries, or -1. */
int files_folder(struct files *f, const char *name);

#endif
