/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading a script: lines, comments, and the short form of a handshake. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script.h"

static bool add_line(struct script *s, unsigned number, const char *text)
{
    s->line = realloc(s->line, (s->n_lines + 1) * sizeof(*s->line));
    struct script_line *l = &s->line[s->n_lines++];
    l->number = number;
    return snprintf(l->text, sizeof(l->text), "%s", text) < (int)sizeof(l->text) ||
           script_fail(s, "line %u is too long", number);
}

struct handshake {
    bool active, sack, ts;
    int ws;
    unsigned conn, mss, window;
    char rtt[16];
};

static bool handshake_word(struct handshake *g, const char *word, char **save)
{
    if (strcmp(word, "active") == 0 || strcmp(word, "passive") == 0) {
        g->active = word[0] == 'a';
        return true;
    }
    if (strcmp(word, "sack") == 0 || strcmp(word, "ts") == 0) {
        *(word[0] == 's' ? &g->sack : &g->ts) = true;
        return true;
    }
    const char *value = strtok_r(NULL, " ", save);
    if (value == NULL)
        return false;
    if (strcmp(word, "mss") == 0)
        g->mss = (unsigned)atoi(value);
    else if (strcmp(word, "ws") == 0)
        g->ws = atoi(value);
    else if (strcmp(word, "win") == 0)
        g->window = (unsigned)atoi(value);
    else if (strcmp(word, "rtt") == 0)
        snprintf(g->rtt, sizeof(g->rtt), "%s", value);
    else
        return false;
    return true;
}

/* Options in the order in which Linux sends them. */
static void handshake_options(const struct handshake *g, char *out, size_t size)
{
    size_t n = (size_t)snprintf(out, size, "<mss %u", g->mss);
    if (g->ts)
        n += (size_t)snprintf(out + n, size - n,
                              g->sack ? ", sackOK, ts auto auto" : ", nop, nop, ts auto auto");
    else if (g->sack)
        n += (size_t)snprintf(out + n, size - n, ", nop, nop, sackOK");
    if (g->ws >= 0)
        n += (size_t)snprintf(out + n, size - n, ", nop, ws %d", g->ws);
    snprintf(out + n, size - n, ">");
}

/* given[@N] passive|active [mss N] [sack] [ts] [ws N] [win N] [rtt S] */
static bool expand_given(struct script *s, unsigned number, char *text)
{
    struct handshake g = {.ws = -1, .conn = 1, .mss = 1460, .window = 65535, .rtt = "0"};
    char opts[100], line[SCRIPT_TEXT], *save;
    if (text[5] == '@')
        g.conn = (unsigned)atoi(text + 6);
    strtok_r(text, " ", &save);
    for (char *word; (word = strtok_r(NULL, " ", &save)) != NULL;)
        if (!handshake_word(&g, word, &save))
            return script_fail(s, "%s:%u: given does not know %s", s->path, number, word);
    handshake_options(&g, opts, sizeof(opts));
    unsigned c = g.conn, scaled = g.ws > 0 ? g.window >> g.ws : g.window;
    const char *const passive[] = {">@%u SYN 0 win %u %s", "<@%u SYN ACK 0 ack 1 <*>",
                                   "+%s >@%u ACK 1 ack 1 win %u", "app@%u accept"};
    const char *const active[] = {"app@%u connect", "<@%u SYN 0 <*>", "+%s >@%u SYN ACK 0 ack 1 win %u %s",
                                  "<@%u ACK 1 ack 1"};
    unsigned window = g.window > 65535 ? 65535 : g.window;
    if (!g.active && c == 1)
        add_line(s, number, "app listen");
#define EMIT(...) (snprintf(line, sizeof(line), __VA_ARGS__), add_line(s, number, line))
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    if (g.active)
        return EMIT(active[0], c) && EMIT(active[1], c) && EMIT(active[2], g.rtt, c, window, opts) &&
               EMIT(active[3], c);
    return EMIT(passive[0], c, window, opts) && EMIT(passive[1], c) && EMIT(passive[2], g.rtt, c, scaled) &&
           EMIT(passive[3], c);
#pragma GCC diagnostic pop
#undef EMIT
}

bool script_load(struct script *s, const char *path)
{
    char buf[1024];
    memset(s, 0, sizeof(*s));
    s->path = path;
    s->mtu = 1500;
    FILE *f = fopen(path, "r");
    if (f == NULL)
        return script_fail(s, "%s: %s", path, strerror(errno));
    bool ok = true;
    for (unsigned number = 1; ok && fgets(buf, sizeof(buf), f) != NULL; number++) {
        char *text = buf;
        buf[strcspn(buf, "#\n")] = 0;
        while (isspace((unsigned char)*text))
            text++;
        for (size_t n = strlen(text); n != 0 && isspace((unsigned char)text[n - 1]); n--)
            text[n - 1] = 0;
        if (*text == 0)
            continue;
        ok = strncmp(text, "given", 5) == 0 ? expand_given(s, number, text) : add_line(s, number, text);
    }
    fclose(f);
    return ok;
}

void script_free(struct script *s)
{
    free(s->line);
    free(s->row);
}
