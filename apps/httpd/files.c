/* SPDX-License-Identifier: BSD-3-Clause */
#include "httpd/files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <plx_mbuf.h>

#define CHECK_AFTER 1000000000u /* ns for which what is in the cache is believed */

/* Below the root, whatever symbolic links there are: the kernel sees to that (openat2(2)). */
static int open_below(const struct files *f, const char *name, int flags)
{
    struct open_how how = {.flags = (uint64_t)(flags | O_RDONLY | O_CLOEXEC | O_NONBLOCK),
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};

    return (int)syscall(SYS_openat2, f->root, name, &how, sizeof(how));
}

int files_open(struct files *f, const char *root, uint64_t room)
{
    *f = (struct files){.room = room};
    f->root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (f->root < 0)
        return -errno;
    int fd = open_below(f, ".", O_DIRECTORY);
    if (fd < 0) {
        int err = errno;
        close(f->root);
        return -err;
    }
    close(fd);
    return 0;
}

int files_folder(struct files *f, const char *name)
{
    return open_below(f, name, O_DIRECTORY);
}

void files_put(struct file *file)
{
    if (file == NULL || --file->refs > 0)
        return;
    plx_region_free(file->region);
    if (file->fd >= 0)
        close(file->fd);
    free(file->name);
    free(file);
}

/* ---- the cache ---- */

static struct file **bucket_of(struct files *f, const char *name)
{
    uint32_t h = 2166136261u;

    for (; *name != '\0'; name++)
        h = (h ^ (uint8_t)*name) * 16777619u;
    return &f->bucket[h % FILES_BUCKETS];
}

static void use_unlink(struct files *f, struct file *file)
{
    *(file->newer != NULL ? &file->newer->older : &f->newest) = file->older;
    *(file->older != NULL ? &file->older->newer : &f->oldest) = file->newer;
    file->newer = file->older = NULL;
}

static void use_newest(struct files *f, struct file *file)
{
    file->older = f->newest;
    if (f->newest != NULL)
        f->newest->newer = file;
    else
        f->oldest = file;
    f->newest = file;
}

/* Who is sending it keeps it. */
static void cache_drop(struct files *f, struct file *file)
{
    struct file **link = bucket_of(f, file->name);

    while (*link != file)
        link = &(*link)->next;
    *link = file->next;
    use_unlink(f, file);
    f->used -= file->size;
    files_put(file);
}

static struct file *cache_find(struct files *f, const char *name)
{
    for (struct file *file = *bucket_of(f, name); file != NULL; file = file->next)
        if (strcmp(file->name, name) == 0)
            return file;
    return NULL;
}

static void cache_add(struct files *f, struct file *file)
{
    struct file **link = bucket_of(f, file->name);

    file->next = *link;
    *link = file;
    use_newest(f, file);
    f->used += file->size;
    file->refs++;
}

void files_close(struct files *f)
{
    while (f->newest != NULL)
        cache_drop(f, f->newest);
    close(f->root);
}

/* ---- reading ---- */

static int status_of(int err)
{
    switch (err) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
        return 404;
    case EACCES:
    case EPERM:
    case EXDEV: /* openat2: out of the root */
    case ELOOP:
    case ENXIO:
        return 403;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return 503;
    default:
        return 500;
    }
}

static void etag_make(const struct stat *st, char etag[ETAG_LEN])
{
    snprintf(etag, ETAG_LEN, "\"%lx-%lx-%lx\"", (unsigned long)st->st_mtim.tv_sec,
             (unsigned long)st->st_mtim.tv_nsec, (unsigned long)st->st_size);
}

/* The whole file into a region. False: not possible now; then it is sent from the descriptor. */
static bool file_load(struct files *f, struct file *file)
{
    while (f->oldest != NULL && f->used + file->size > f->room) {
        cache_drop(f, f->oldest);
        f->evicted++;
    }
    file->region = plx_region_alloc(file->size);
    if (file->region == NULL)
        return false;
    char *bytes = plx_region_bytes(file->region);
    for (uint64_t at = 0; at < file->size;) {
        ssize_t n = pread(file->fd, bytes + at, file->size - at, (off_t)at);
        if (n <= 0) { /* it has become shorter: who asks again gets what it is then */
            plx_region_free(file->region);
            file->region = NULL;
            return false;
        }
        at += (uint64_t)n;
    }
    close(file->fd);
    file->fd = -1;
    f->loaded++;
    return true;
}

static int file_open(struct files *f, const char *name, uint64_t now, struct file **out)
{
    struct stat st;
    struct file *file;
    int fd = open_below(f, name, 0);

    if (fd < 0)
        return status_of(errno);
    int status = fstat(fd, &st) != 0   ? 500
                 : S_ISDIR(st.st_mode) ? FILES_FOLDER
                 : S_ISREG(st.st_mode) ? 0
                                       : 403;
    if (status != 0) {
        close(fd);
        return status;
    }
    file = calloc(1, sizeof(*file));
    if (file == NULL || (file->name = strdup(name)) == NULL) {
        free(file);
        close(fd);
        return 503;
    }
    file->refs = 1;
    file->fd = fd;
    file->size = (uint64_t)st.st_size;
    file->modified = st.st_mtim.tv_sec;
    file->checked = now;
    etag_make(&st, file->etag);
    *out = file;
    if (file->size > 0 && file->size <= f->room && file_load(f, file))
        cache_add(f, file);
    return 0;
}

/* Is the one in the cache still what is on disk? */
static bool file_current(struct files *f, struct file *file, uint64_t now)
{
    struct stat st;
    char etag[ETAG_LEN];

    if (now - file->checked < CHECK_AFTER)
        return true;
    /* Opened, not only looked at: a link on the way may lead elsewhere by now. */
    int fd = open_below(f, file->name, 0);
    if (fd < 0)
        return false;
    bool same = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    close(fd);
    if (same)
        etag_make(&st, etag);
    file->checked = now;
    return same && strcmp(etag, file->etag) == 0;
}

int files_get(struct files *f, const char *name, uint64_t now, struct file **out)
{
    struct file *file = cache_find(f, name);

    if (file != NULL && file_current(f, file, now)) {
        use_unlink(f, file);
        use_newest(f, file);
        file->refs++;
        *out = file;
        return 0;
    }
    if (file != NULL)
        cache_drop(f, file);
    return file_open(f, name, now, out);
}
