/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers: their heads, and sending them. */
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <plx.h>
#include <plx_mbuf.h>

#include "httpd/mime.h"
#include "httpd/server.h"
#include "httpd/target.h"

#define PIECES_PER_TURN 16 /* of a large file; then the others have theirs */

struct head {
    int status;
    const char *type, *etag, *location;
    time_t modified;
    uint64_t length, from, size; /* of the body; of a part: where it begins, and of what */
    bool close;
};

static const char *reason(int status)
{
    static const struct {
        int status;
        const char *text;
    } reasons[] = {{200, "OK"},
                   {206, "Partial Content"},
                   {301, "Moved Permanently"},
                   {304, "Not Modified"},
                   {400, "Bad Request"},
                   {403, "Forbidden"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {408, "Request Timeout"},
                   {414, "URI Too Long"},
                   {416, "Range Not Satisfiable"},
                   {431, "Request Header Fields Too Large"},
                   {500, "Internal Server Error"},
                   {501, "Not Implemented"},
                   {503, "Service Unavailable"},
                   {505, "HTTP Version Not Supported"}};

    for (unsigned i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].text;
    return "Error";
}

/* ---- heads ---- */

static size_t head_write(struct server *s, const struct head *h, char *out, size_t room)
{
    char modified[DATE_LEN];
    time_t date = time(NULL);
    int n;

    if (date != s->date) {
        s->date = date;
        date_text(date, s->date_text);
    }
    n = snprintf(out, room, "HTTP/1.1 %d %s\r\nServer: plx-httpd\r\nDate: %s\r\n", h->status,
                 reason(h->status), s->date_text);
    if (h->status != 304) /* a length there would be that of another answer */
        n += snprintf(out + n, room - (size_t)n, "Content-Length: %" PRIu64 "\r\n", h->length);
    if (h->type != NULL)
        n += snprintf(out + n, room - (size_t)n, "Content-Type: %s\r\n", h->type);
    if (h->etag != NULL) {
        date_text(h->modified, modified);
        n += snprintf(out + n, room - (size_t)n, "Last-Modified: %s\r\nETag: %s\r\nAccept-Ranges: bytes\r\n",
                      modified, h->etag);
    }
    if (h->status == 206)
        n += snprintf(out + n, room - (size_t)n,
                      "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\n", h->from,
                      h->from + h->length - 1, h->size);
    if (h->status == 416)
        n += snprintf(out + n, room - (size_t)n, "Content-Range: bytes */%" PRIu64 "\r\n", h->size);
    if (h->status == 405)
        n += snprintf(out + n, room - (size_t)n, "Allow: GET, HEAD\r\n");
    if (h->location != NULL)
        n += snprintf(out + n, room - (size_t)n, "Location: %s\r\n", h->location);
    n += snprintf(out + n, room - (size_t)n, "Connection: %s\r\n\r\n", h->close ? "close" : "keep-alive");
    return (size_t)n;
}

/* ---- sending ---- */

/* Sends bytes; what is not taken is kept. False: c is gone. */
static bool bytes_send(struct server *s, struct client *c, const char *bytes, size_t len, int flags)
{
    ssize_t n = plx_send(c->fd, bytes, len, flags);

    if (n < 0 && errno != EAGAIN && errno != ENOBUFS) {
        s->totals.aborted++;
        server_drop(s, c, false);
        return false;
    }
    if (n > 0)
        s->totals.bytes += (uint64_t)n;
    else
        n = 0;
    if ((size_t)n == len)
        return true;
    c->out = malloc(len - (size_t)n);
    if (c->out == NULL) {
        server_drop(s, c, true);
        return false;
    }
    c->out_len = (uint32_t)(len - (size_t)n);
    c->out_off = 0;
    memcpy(c->out, bytes + n, c->out_len);
    return true;
}

/* The rest of what bytes_send kept. 1: all is sent, 0: not now, -1: c is gone. */
static int kept_send(struct server *s, struct client *c)
{
    ssize_t n = plx_send(c->fd, c->out + c->out_off, c->out_len - c->out_off, c->file != NULL ? MSG_MORE : 0);

    if (n < 0 && errno != EAGAIN && errno != ENOBUFS) {
        s->totals.aborted++;
        server_drop(s, c, false);
        return -1;
    }
    if (n <= 0)
        return 0;
    s->totals.bytes += (uint64_t)n;
    server_wait(s, c, WAIT_SEND);
    c->out_off += (uint32_t)n;
    if (c->out_off < c->out_len)
        return 0;
    free(c->out);
    c->out = NULL;
    c->out_len = 0;
    return 1;
}

/* A piece that makes whole segments, so that none but the last is short. */
static size_t piece_size(const struct client *c, uint64_t left)
{
    int mss = 0;
    socklen_t len = sizeof(mss);

    if (left <= PLX_REFER_MAX)
        return (size_t)left;
    if (plx_getsockopt(c->fd, IPPROTO_TCP, TCP_MAXSEG, &mss, &len) != 0 || mss <= 0)
        mss = 1448;
    return (size_t)(PLX_REFER_MAX / mss * mss);
}

/* From memory by reference, from disk by a copy. What was taken, or -1 with errno. */
static ssize_t piece_send(struct server *s, struct client *c)
{
    size_t size = piece_size(c, c->file_left);
    ssize_t n;

    if (c->file->region != NULL) {
        struct rte_mbuf *m = plx_region_refer(c->file->region, c->file_at, size);
        n = m != NULL ? plx_send_mbuf_take(c->fd, m, 0) : -1;
        s->totals.by_reference += n > 0 ? (uint64_t)n : 0;
        return n;
    }
    n = pread(c->file->fd, s->scratch, size, (off_t)c->file_at);
    if (n <= 0) { /* it has become shorter than was promised: the client must not take it for whole */
        errno = EIO;
        return -1;
    }
    return plx_send(c->fd, s->scratch, (size_t)n, 0);
}

/* 1: all is sent, 0: not now, -1: c is gone. */
static int file_send(struct server *s, struct client *c)
{
    for (int i = 0; i < PIECES_PER_TURN && c->file_left > 0; i++) {
        ssize_t n = piece_send(s, c);
        if (n < 0 && (errno == EAGAIN || errno == ENOBUFS))
            return 0;
        if (n < 0) {
            bool reset = errno == EIO;
            s->totals.aborted++;
            server_drop(s, c, reset);
            return -1;
        }
        s->totals.bytes += (uint64_t)n;
        c->file_at += (uint64_t)n;
        c->file_left -= (uint64_t)n;
        server_wait(s, c, WAIT_SEND);
    }
    if (c->file_left > 0)
        return 0;
    files_put(c->file);
    c->file = NULL;
    return 1;
}

bool answer_continue(struct server *s, struct client *c)
{
    int rc = c->out_len > 0 ? kept_send(s, c) : 1;

    if (rc > 0 && c->file != NULL)
        rc = file_send(s, c);
    return rc >= 0;
}

/* Head and body together; `body` may be NULL, and is the caller's. */
static bool answer_send(struct server *s, struct client *c, struct head *h, const char *body, size_t body_len,
                        bool with_body)
{
    c->last |= h->close;
    h->close = c->last;
    s->totals.status[h->status / 100]++;
    size_t n = head_write(s, h, s->scratch, SCRATCH);
    bool file_follows = with_body && body == NULL && c->file != NULL, alive;
    if (with_body && body != NULL) {
        char *all = n + body_len <= SCRATCH ? s->scratch : malloc(n + body_len);
        if (all == NULL) {
            server_drop(s, c, true);
            return false;
        }
        memmove(all, s->scratch, n);
        memcpy(all + n, body, body_len);
        alive = bytes_send(s, c, all, n + body_len, 0);
        if (all != s->scratch)
            free(all);
        return alive;
    }
    alive = bytes_send(s, c, s->scratch, n, file_follows ? MSG_MORE : 0);
    return alive && (!file_follows || c->out_len > 0 || answer_continue(s, c));
}

/* ---- what is answered ---- */

static bool answer_page(struct server *s, struct client *c, struct head *h, bool with_body)
{
    char page[256];
    int n = snprintf(page, sizeof(page), "<!DOCTYPE html>\n<title>%d %s</title>\n<h1>%d %s</h1>\n", h->status,
                     reason(h->status), h->status, reason(h->status));

    h->type = "text/html; charset=utf-8";
    h->length = (uint64_t)n;
    return answer_send(s, c, h, page, (size_t)n, with_body);
}

bool answer_error(struct server *s, struct client *c, int status)
{
    struct head h = {.status = status, .close = true};

    return answer_page(s, c, &h, true);
}

/* Takes file. */
static bool answer_file(struct server *s, struct client *c, const struct request *r, const char *name,
                        struct file *file)
{
    struct head h = {
        .type = mime_type(name), .etag = file->etag, .modified = file->modified, .size = file->size};
    struct decision d;
    bool with_body = r->method == METHOD_GET;

    decide(r, file->size, file->modified, file->etag, &d);
    h.status = d.status;
    h.length = d.bytes;
    h.from = d.from;
    if (d.status == 304)
        h.type = NULL;
    if (d.status == 416) {
        struct head none = {.status = 416, .size = file->size};
        files_put(file);
        return answer_page(s, c, &none, with_body);
    }
    if (!with_body || d.bytes == 0 || d.status == 304) {
        bool alive = answer_send(s, c, &h, NULL, 0, false);
        files_put(file);
        return alive;
    }
    if (file->region != NULL && d.bytes <= SMALL_FILE) {
        bool alive = answer_send(s, c, &h, (char *)plx_region_bytes(file->region) + d.from, d.bytes, true);
        files_put(file);
        return alive;
    }
    c->file = file;
    c->file_at = d.from;
    c->file_left = d.bytes;
    return answer_send(s, c, &h, NULL, 0, true);
}

/* "folder" without its slash: relative links on its page would lead elsewhere. */
static bool answer_moved(struct server *s, struct client *c, const struct request *r)
{
    char location[REQUEST_TARGET_MOST + 8];
    const char *path = r->path.at;
    size_t len = r->path.len;

    /* "//host" would lead to another server. */
    for (; len > 1 && path[1] == '/'; len--)
        path++;
    if (r->query.at != NULL)
        snprintf(location, sizeof(location), "%.*s/?%.*s", (int)len, path, (int)r->query.len, r->query.at);
    else
        snprintf(location, sizeof(location), "%.*s/", (int)len, path);
    struct head h = {.status = 301, .location = location};
    return answer_page(s, c, &h, r->method == METHOD_GET);
}

static bool answer_listing(struct server *s, struct client *c, const struct request *r, const char *name)
{
    struct head h = {.status = 200, .type = "text/html; charset=utf-8"};
    int folder = files_folder(&s->files, name);
    char title[TARGET_NAME_MOST + 2];
    size_t len = 0;

    snprintf(title, sizeof(title), "/%s", strcmp(name, ".") == 0 ? "" : name);
    char *page = folder >= 0 ? listing_make(folder, title, &len) : NULL;
    if (folder >= 0)
        close(folder);
    if (page == NULL) {
        struct head refused = {.status = 403};
        return answer_page(s, c, &refused, r->method == METHOD_GET);
    }
    h.length = len;
    bool alive = answer_send(s, c, &h, page, len, r->method == METHOD_GET);
    free(page);
    return alive;
}

static bool answer_folder(struct server *s, struct client *c, const struct request *r, const char *name)
{
    char index[2 * TARGET_NAME_MOST];
    struct file *file;

    snprintf(index, sizeof(index), "%s/%s", name, s->cfg->index);
    int status = files_get(&s->files, index, s->now, &file);
    if (status == 0)
        return answer_file(s, c, r, index, file);
    if (status == 404 || status == FILES_FOLDER) {
        int fd = files_folder(&s->files, name);
        status = fd >= 0 ? 403 : 404;
        if (fd >= 0)
            close(fd);
        if (fd >= 0 && s->cfg->list)
            return answer_listing(s, c, r, name);
    }
    struct head h = {.status = status};
    return answer_page(s, c, &h, r->method == METHOD_GET);
}

bool answer_request(struct server *s, struct client *c, const struct request *r)
{
    char name[TARGET_NAME_MOST];
    bool folder;
    struct file *file;
    int status = target_name(r->path, name, &folder);

    if (status == 0) {
        status = folder ? FILES_FOLDER : files_get(&s->files, name, s->now, &file);
        if (status == 0)
            return answer_file(s, c, r, name, file);
        if (status == FILES_FOLDER)
            return folder ? answer_folder(s, c, r, name) : answer_moved(s, c, r);
    }
    struct head h = {.status = status, .close = status == 400};
    return answer_page(s, c, &h, r->method == METHOD_GET);
}
