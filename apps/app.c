/* SPDX-License-Identifier: BSD-3-Clause */
#include "app.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <plx_run.h>

#define HELP_COLUMN 24

static int message(const struct app *app, const char *fmt, va_list args, const char *tail, int code)
{
    /* One write, so that lines of several processes do not mix. */
    char line[1024];
    int n = snprintf(line, sizeof(line), "%s: ", app->name);

    vsnprintf(line + n, sizeof(line) - n, fmt, args);
    fprintf(stderr, "%s%s\n", line, tail);
    return code;
}

int app_usage_error(const struct app *app, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    message(app, fmt, args, " (--help lists everything)", APP_USAGE);
    va_end(args);
    return APP_USAGE;
}

int app_failed(const struct app *app, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    message(app, fmt, args, "", APP_FAILED);
    va_end(args);
    return APP_FAILED;
}

bool app_number(const char *text, uint32_t min, uint32_t max, uint32_t *out)
{
    uint64_t n = 0;

    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        n = n * 10 + (uint64_t)(*text - '0');
        if (n > max)
            return false;
    }
    if (n < min)
        return false;
    *out = (uint32_t)n;
    return true;
}

static bool ports_of(const char *text, struct app_ports *out)
{
    char copy[16];
    uint32_t first, last;

    if (strlen(text) >= sizeof(copy))
        return false;
    strcpy(copy, text);
    char *dash = strchr(copy, '-');
    if (dash != NULL)
        *dash = '\0';
    if (!app_number(copy, 1, 65535, &first) || !app_number(dash != NULL ? dash + 1 : copy, 1, 65535, &last) ||
        first > last)
        return false;
    *out = (struct app_ports){(uint16_t)first, (uint16_t)last};
    return true;
}

int app_ports_read(const struct app *app, const char *as, const char *text, struct app_ports *out)
{
    if (ports_of(text, out))
        return 0;
    return app_usage_error(app, "%s %s: must be a port from 1 to 65535, or a range such as 7000-7015", as,
                           text);
}

const char *app_ports_text(struct app_ports ports, char buf[16])
{
    if (ports.first == ports.last)
        snprintf(buf, 16, "%u", ports.first);
    else
        snprintf(buf, 16, "%u to %u", ports.first, ports.last);
    return buf;
}

/* ---- help ---- */

static void print_lines(const char *text, int indent)
{
    while (*text != '\0') {
        size_t n = strcspn(text, "\n");
        printf("%*s%.*s\n", n > 0 ? indent : 0, "", (int)n, text);
        text += n + (text[n] == '\n');
    }
}

static void print_option(const struct app_option *o)
{
    char head[128];
    int n = snprintf(head, sizeof(head), "  ");

    if (o->letter != 0)
        n += snprintf(head + n, sizeof(head) - n, "-%c, ", o->letter);
    n += snprintf(head + n, sizeof(head) - n, "--%s", o->name);
    if (o->value != NULL)
        n += snprintf(head + n, sizeof(head) - n, " %s", o->value);

    const char *help = o->help;
    size_t first = strcspn(help, "\n");
    if (n < HELP_COLUMN - 1) {
        printf("%-*s%.*s\n", HELP_COLUMN, head, (int)first, help);
        help += first + (help[first] == '\n');
    } else {
        puts(head);
    }
    print_lines(help, HELP_COLUMN);
}

static void print_help(const struct app *app)
{
    printf("%s - %s\n\nUsage\n", app->name, app->does);
    for (const char *s = app->synopsis; *s != '\0';) {
        size_t n = strcspn(s, "\n");
        printf("  %s %.*s\n", app->name, (int)n, s);
        s += n + (s[n] == '\n');
    }
    putchar('\n');
    print_lines(app->about, 0);
    printf("\nOptions of %s\n", app->name);
    for (const struct app_option *o = app->options; o->name != NULL; o++)
        print_option(o);
    printf("%-*s%s\n%-*s%s\n", HELP_COLUMN, "  --help", "this page", HELP_COLUMN, "  --version",
           "the version");
    if (app->wires) {
        putchar('\n');
        fflush(stdout);
        plx_usage(stdout);
    }
    if (app->notes != NULL) {
        putchar('\n');
        print_lines(app->notes, 0);
    }
}

static void help_or_version(const struct app *app, int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            print_help(app);
            exit(fflush(stdout) == 0 ? APP_OK : APP_FAILED);
        }
        if (strcmp(argv[i], "--version") == 0) {
            printf("%s (Pollux) %s\n", app->name, APP_VERSION);
            exit(fflush(stdout) == 0 ? APP_OK : APP_FAILED);
        }
    }
}

/* ---- options ---- */

static const struct app_option *option_by_name(const struct app *app, const char *name, size_t len)
{
    for (const struct app_option *o = app->options; o->name != NULL; o++)
        if (strncmp(o->name, name, len) == 0 && o->name[len] == '\0')
            return o;
    return NULL;
}

static const struct app_option *option_by_letter(const struct app *app, char letter)
{
    for (const struct app_option *o = app->options; o->name != NULL; o++)
        if (o->letter == letter)
            return o;
    return NULL;
}

static bool choice_index(const char *choices, const char *word, uint32_t *index)
{
    size_t len = strlen(word);

    for (uint32_t i = 0;; i++) {
        size_t n = strcspn(choices, "|");
        if (n == len && strncmp(choices, word, n) == 0) {
            *index = i;
            return true;
        }
        if (choices[n] == '\0')
            return false;
        choices += n + 1;
    }
}

/* `as` is the option as the user wrote it: "--tcp" or "-p". */
static int option_set(const struct app *app, const struct app_option *o, const char *as, const char *value)
{
    switch (o->type) {
    case APP_FLAG:
        *(bool *)o->out = true;
        return 0;
    case APP_NUMBER:
        if (!app_number(value, o->min, o->max, o->out))
            return app_usage_error(app, "%s %s: %s must be a number from %u to %u", as, value, o->value,
                                   o->min, o->max);
        return 0;
    case APP_PORTS:
        return app_ports_read(app, as, value, o->out);
    case APP_TEXT:
        if (*value == '\0')
            return app_usage_error(app, "%s: %s must not be empty", as, o->value);
        *(const char **)o->out = value;
        return 0;
    case APP_CHOICE:
        if (!choice_index(o->choices, value, o->out))
            return app_usage_error(app, "%s %s: %s must be one of %s", as, value, o->value, o->choices);
        return 0;
    }
    return 0;
}

/* The words still to be read. */
struct words {
    int argc, next;
    char **argv;
    char *common;  /* plx_usage's text, which names the options that are plx_init's; NULL: none are */
    char wire[64]; /* the first of them that was given */
};

static int option_with_value(const struct app *app, struct words *w, const struct app_option *o,
                             const char *as, const char *inlined)
{
    if (o->type == APP_FLAG) {
        if (inlined != NULL)
            return app_usage_error(app, "%s=%s: this option takes no value", as, inlined);
        return option_set(app, o, as, NULL);
    }
    if (inlined == NULL) {
        if (w->next >= w->argc)
            return app_usage_error(app, "%s: %s is missing", as, o->value);
        inlined = w->argv[w->next++];
    }
    return option_set(app, o, as, inlined);
}

/* The help text is the one list of them that there is: "  --dev WIRE  ...". */
static bool option_is_common(const struct words *w, const char *as)
{
    size_t len = strlen(as);

    for (const char *at = w->common; at != NULL && (at = strstr(at, as)) != NULL; at += len)
        if (at[len] == ' ' && at > w->common && at[-1] == ' ')
            return true;
    return false;
}

static int parse_long(const struct app *app, struct words *w, const char *word)
{
    size_t len = strcspn(word + 2, "=");
    const struct app_option *o = option_by_name(app, word + 2, len);
    char as[64];

    snprintf(as, sizeof(as), "%.*s", (int)len + 2, word);
    if (o == NULL && option_is_common(w, as)) {
        if (w->wire[0] == '\0')
            memcpy(w->wire, as, sizeof(as));
        w->next += word[2 + len] == '\0'; /* each takes a value */
        return 0;
    }
    if (o == NULL)
        return app_usage_error(app, "%s: unknown option", as);
    return option_with_value(app, w, o, as, word[2 + len] == '=' ? word + 2 + len + 1 : NULL);
}

/* One word of letters, "-lvk" or "-w3" or "-lp 80". */
static int parse_letters(const struct app *app, struct words *w, const char *word)
{
    for (const char *c = word + 1; *c != '\0'; c++) {
        const struct app_option *o = option_by_letter(app, *c);
        char as[3] = {'-', *c, '\0'};

        if (o == NULL)
            return app_usage_error(app, "-%c: unknown option", *c);
        if (o->type != APP_FLAG)
            return option_with_value(app, w, o, as, c[1] != '\0' ? c + 1 : NULL);
        option_set(app, o, as, NULL);
    }
    return 0;
}

/* Sets the program's options and moves its operands to the front of w->argv, from 1 to *operands - 1. 0, or
 * APP_USAGE after a message. */
static int options_read(const struct app *app, struct words *w, int *operands)
{
    bool only_operands = false;

    *operands = 1;
    while (w->next < w->argc) {
        char *word = w->argv[w->next++];
        int rc = 0;

        if (only_operands || word[0] != '-' || word[1] == '\0')
            w->argv[(*operands)++] = word;
        else if (strcmp(word, "--") == 0)
            only_operands = true;
        else if (word[1] == '-')
            rc = parse_long(app, w, word);
        else
            rc = parse_letters(app, w, word);
        if (rc != 0)
            return rc;
    }
    w->argv[*operands] = NULL;
    return 0;
}

static char *common_options(void)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    if (f == NULL)
        return NULL;
    plx_usage(f);
    fclose(f);
    return text;
}

int app_start(const struct app *app, int argc, char **argv, int (*check)(int n, char **operands))
{
    size_t size = ((size_t)argc + 1) * sizeof(*argv);
    struct words w = {.argc = argc, .next = 1, .argv = malloc(size)};
    int operands, rc;

    help_or_version(app, argc, argv);
    if (w.argv == NULL || (app->wires && (w.common = common_options()) == NULL)) {
        free(w.argv);
        return app_failed(app, "out of memory");
    }
    memcpy(w.argv, argv, size); /* plx_init wants to see it as it is */
    rc = options_read(app, &w, &operands);
    if (rc == 0)
        rc = check(operands - 1, w.argv + 1);
    free(w.argv);
    free(w.common);
    bool wires = app->wires && (app->wants_wires == NULL || app->wants_wires());
    if (rc == 0 && app->wires && !wires && w.wire[0] != '\0')
        rc = app_usage_error(app, "%s: nothing here runs on Pollux's wires", w.wire);
    if (rc != 0 || !wires)
        return rc;
    if (app->init != NULL)
        return app->init(&argc, argv);
    return plx_init(&argc, argv) < 0 ? plx_exit_code(errno) : 0;
}

/* ---- a server's run ---- */

static atomic_int not_ready; /* workers */

int app_serve(const struct app *app, const struct app_server *server, void **servers)
{
    *servers = calloc((size_t)server->workers, server->size);
    if (*servers == NULL)
        return app_failed(app, "out of memory");
    atomic_store(&not_ready, server->workers);
    plx_handle_signals();
    int rc = server->run(server->serve, NULL);
    if (rc == 0)
        server->totals();
    else if (rc < 0)
        rc = app_failed(app, "the workers did not start: %s", strerror(errno));
    free(*servers);
    *servers = NULL;
    return rc;
}

bool app_all_ready(void)
{
    return atomic_fetch_sub(&not_ready, 1) == 1;
}

/* ---- small things ---- */

const char *app_bytes(uint64_t n, char buf[32])
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double x = (double)n / 1024;
    unsigned u = 0;

    if (n < 1024) {
        snprintf(buf, 32, "%u B", (unsigned)n);
        return buf;
    }
    for (; x >= 1024; u++)
        x /= 1024;
    snprintf(buf, 32, "%.1f %s", x, units[u]);
    return buf;
}

uint64_t app_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}
