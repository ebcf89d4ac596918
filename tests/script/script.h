/* SPDX-License-Identifier: BSD-3-Clause */
/* A packet script being run: one engine on a raw-IP wire, its peer played by the script's lines, in
 * virtual time. README.md describes the language. */
#ifndef TESTS_SCRIPT_SCRIPT_H
#define TESTS_SCRIPT_SCRIPT_H

#include "pattern.h"
#include "support/world.h"

#define SCRIPT_CONNS        64 /* 0 is the listener */
#define SCRIPT_STACK_ADDR   "10.0.0.2"
#define SCRIPT_PEER_ADDR    "10.0.0.1"
#define SCRIPT_LISTEN_PORT  80
#define SCRIPT_PASSIVE_PORT 40000       /* plus connection number: the peer's, when the stack listens */
#define SCRIPT_ACTIVE_PORT  7000        /* the same, when the stack connects */
#define SCRIPT_PEER_ISN     4294960000u /* most scripts cross zero */
#define SCRIPT_TEXT         240

struct script_line {
    unsigned number;
    char text[SCRIPT_TEXT];
};

/* One side by side row of the report. */
struct script_row {
    nsec_t at;
    unsigned line;
    bool bad;
    char left[SCRIPT_TEXT], right[SCRIPT_TEXT];
};

struct conversation {
    struct frame_of_reference ref;
    int fd; /* -1: none */
    bool active;
    uint16_t peer_port, stack_port;
    uint16_t peer_window;
    uint64_t written, read; /* by the application */
    uint64_t hole;          /* offset of a byte taken out of band, UINT64_MAX */
    uint32_t stack_seq_end; /* highest sequence number seen from the stack, absolute */
};

struct script {
    const char *path;
    struct script_line *line;
    unsigned n_lines;
    struct script_row *row;
    unsigned n_rows;
    struct world w;
    struct host *h;
    struct netdev *wire;
    struct conversation conn[SCRIPT_CONNS];
    nsec_t start, last; /* script time 0; time of the previous line */
    nsec_t due, slack;  /* of the line being run */
    uint16_t mtu;
    bool started, failed;
    char why[WORLD_WHY];
};

/* Reads the file and expands `given`. False: s->why. */
bool script_load(struct script *s, const char *path);
/* Runs it; frees the world. False: s->why, and rows tell the story. */
bool script_run(struct script *s);
void script_free(struct script *s);

/* -- between the files of the runner -- */

/* Marks the script failed, keeps the first reason. Always false. */
bool script_fail(struct script *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct script_row *script_row(struct script *s, nsec_t at, unsigned line);
/* "app[@N] VERB ..." after the word app; n the connection. */
bool script_app(struct script *s, unsigned n, const char *text);
/* "count NAME = N", "census ..." */
bool script_count(struct script *s, const char *text);
bool script_census(struct script *s, const char *text);
int script_errno(const char *name); /* positive, 0 when unknown */
const char *script_errno_name(int err, char *buf, size_t size);

#endif
