/* SPDX-License-Identifier: BSD-3-Clause */
/* What every program does the same way: its own options, --help, --version, messages, exit codes. */
#ifndef APP_H
#define APP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum app_exit { APP_OK = 0, APP_FAILED = 1, APP_USAGE = 2 };

enum app_type {
    APP_FLAG,   /* bool: set to true */
    APP_NUMBER, /* uint32_t: decimal, min to max */
    APP_TEXT,   /* const char *: not empty, borrowed from argv */
    APP_CHOICE, /* uint32_t: index of the word in choices */
    APP_PORTS,  /* struct app_ports: "7" or "7000-7015" */
};

/* One port or a range of them; first 0: none. */
struct app_ports {
    uint16_t first, last;
};

struct app_option {
    char letter;       /* 0: none */
    const char *name;  /* without the dashes */
    const char *value; /* what --help calls it; NULL for a flag */
    const char *help;  /* '\n' starts another line */
    enum app_type type;
    void *out;           /* see app_type */
    uint32_t min, max;   /* APP_NUMBER */
    const char *choices; /* APP_CHOICE: "a|b|c" */
};

struct app {
    const char *name;                 /* "plx-echo" */
    const char *does;                 /* one line, for the head of --help */
    const char *synopsis;             /* behind the name, one form a line */
    const char *about;                /* paragraphs */
    const struct app_option *options; /* ends with a name of NULL */
    const char *notes;                /* examples, exit status, see also; may be NULL */
    bool wires;                       /* takes the common options (--dev, --ip, ...) */
    bool (*wants_wires)(void); /* asked after check(): shall plx_init run? NULL: always, with `wires` */
    /* What reads the common options out of argv and opens what they name, as plx_init would; its message,
     * its exit code. NULL: plx_init. */
    int (*init)(int *argc, char **argv);
};

/* All that comes before a program's own work: --help and --version (which exit 0), the program's own
 * options, check() on them and on its operands (what is no option), then plx_init (or app->init) for a
 * program with wires: a mistake is told before any wire is opened. 0, or the exit code after a message; then
 * nothing is left to clean up. */
int app_start(const struct app *app, int argc, char **argv, int (*check)(int n, char **operands));

/* The main part of a server: an object of `size` zeroed bytes for each of `workers` in *servers, SIGINT and
 * SIGTERM end it, `run` (plx_run, or what does the same on another stack) calls serve(NULL) on every worker,
 * totals() tells what was done after a clean end; then the objects are freed. An exit code, after a message.
 */
struct app_server {
    size_t size;
    int workers;
    int (*run)(int (*fn)(void *arg), void *arg);
    int (*serve)(void *arg);
    void (*totals)(void);
};
int app_serve(const struct app *app, const struct app_server *server, void **servers);
/* Called once by each worker of app_serve when it is ready: true for the last of them, who says so. */
bool app_all_ready(void);

/* One line on stderr, "NAME: ...". Returns the exit code that goes with it. */
int app_usage_error(const struct app *app, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int app_failed(const struct app *app, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Decimal digits only, no sign, no blanks, min to max. */
bool app_number(const char *text, uint32_t min, uint32_t max, uint32_t *out);
/* One port from 1 to 65535, or a range such as 7000-7015, from the option or operand `as`. 0, or APP_USAGE
 * after a message. */
int app_ports_read(const struct app *app, const char *as, const char *text, struct app_ports *out);
/* "7" or "7000 to 7015" into buf, which is returned. */
const char *app_ports_text(struct app_ports ports, char buf[16]);
/* "1.5 MiB" into buf, which is returned. */
const char *app_bytes(uint64_t n, char buf[32]);
/* Nanoseconds of the monotonic clock. */
uint64_t app_now(void);

#endif
