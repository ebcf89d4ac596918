/* SPDX-License-Identifier: BSD-3-Clause */
/* Options from elsewhere than argv: the file of --config, read by rte_cfgfile, and PLX_OPTS. */
#include <ctype.h>
#include <errno.h>
#include <rte_cfgfile.h>
#include <stdlib.h>
#include <string.h>

#include "posix/options.h"

#define SECTION_GLOBAL "GLOBAL" /* rte_cfgfile's name for what stands before any section */
#define SECTION_SET    "set"

static int fail_in(struct options *o, const char *path, const char *what, int err)
{
    int n = snprintf(o->why, sizeof(o->why), "--config %.*s: ", OPTIONS_TEXT, path);
    snprintf(o->why + n, sizeof(o->why) - (size_t)n, "%.*s", OPTIONS_WHY - n - 1, what);
    return err;
}

static int entry_apply(struct options *o, const char *path, bool tunables, const struct rte_cfgfile_entry *e)
{
    char pair[CFG_NAME_LEN + CFG_VALUE_LEN + 1], what[OPTIONS_WHY];
    snprintf(pair, sizeof(pair), "%s=%s", e->name, e->value);
    int err = tunables ? options_set(o, "set", pair) : options_set(o, e->name, e->value);
    if (err == 0)
        return 0;
    memcpy(what, o->why, sizeof(what));
    return fail_in(o, path, what, err);
}

static int section_apply(struct options *o, const char *path, struct rte_cfgfile *cfg, int index)
{
    char name[CFG_NAME_LEN], what[CFG_NAME_LEN + 80];
    int n = rte_cfgfile_section_num_entries_by_index(cfg, name, index);
    bool tunables = strcmp(name, SECTION_SET) == 0;
    if (n <= 0)
        return 0;
    if (!tunables && strcmp(name, SECTION_GLOBAL) != 0) {
        snprintf(what, sizeof(what), "[%s]: there is no such section; [set] is the only one", name);
        return fail_in(o, path, what, -EINVAL);
    }
    struct rte_cfgfile_entry *entries = calloc((size_t)n, sizeof(*entries));
    if (entries == NULL)
        return fail_in(o, path, "out of memory", -ENOMEM);
    n = rte_cfgfile_section_entries_by_index(cfg, index, name, entries, n);
    int err = 0;
    for (int i = 0; i < n && err == 0; i++)
        err = entry_apply(o, path, tunables, &entries[i]);
    free(entries);
    return err;
}

/* rte_cfgfile skips a line that is none of its own, and cuts what is long. Here both are errors. */
static bool line_ok(const char *line)
{
    while (isspace((unsigned char)*line))
        line++;
    size_t len = strcspn(line, "#\n");
    const char *equals = memchr(line, '=', len);
    if (len == 0)
        return true;
    if (*line == '[')
        return memchr(line, ']', len) != NULL;
    return equals != NULL && equals != line && equals - line < CFG_NAME_LEN &&
           line + len - equals < CFG_VALUE_LEN;
}

/* What opening says, and whether every line is one: rte_cfgfile itself only says that it failed. */
static int file_check(struct options *o, const char *path)
{
    char line[CFG_NAME_LEN + 4 * CFG_VALUE_LEN], what[120];
    FILE *f = fopen(path, "r");
    int err = f == NULL ? errno : 0, number = 0;
    bool ok = true;
    errno = 0;
    while (f != NULL && ok && fgets(line, sizeof(line), f) != NULL) {
        number++;
        ok = (strchr(line, '\n') != NULL || feof(f)) && line_ok(line);
    }
    if (f != NULL && ferror(f))
        err = errno;
    if (f != NULL)
        fclose(f);
    if (err != 0)
        return fail_in(o, path, strerror(err), -err);
    snprintf(what, sizeof(what), "line %d: must be NAME = VALUE, a comment after #, or [set] before tunables",
             number);
    return ok ? 0 : fail_in(o, path, what, -EINVAL);
}

int options_load(struct options *o, const char *path)
{
    struct rte_cfgfile_parameters params = {.comment_character = '#'};
    int err = file_check(o, path);
    if (err != 0)
        return err;
    struct rte_cfgfile *cfg = rte_cfgfile_load_with_params(path, CFG_FLAG_GLOBAL_SECTION, &params);
    if (cfg == NULL)
        return fail_in(o, path, "must be lines of NAME = VALUE", -EINVAL);
    o->in_file = true;
    int sections = rte_cfgfile_num_sections(cfg, NULL, 0);
    for (int i = 0; i < sections && err == 0; i++)
        err = section_apply(o, path, cfg, i);
    o->in_file = false;
    rte_cfgfile_close(cfg);
    return err;
}

/* Cuts the next word out of *at in place; NULL at the end. Quotes keep blanks and go away. */
static char *next_word(char **at)
{
    char *in = *at, quote = '\0';
    while (isspace((unsigned char)*in))
        in++;
    if (*in == '\0')
        return NULL;
    char *word = in, *out = in;
    for (; *in != '\0' && (quote != '\0' || !isspace((unsigned char)*in)); in++) {
        if (quote == '\0' && (*in == '\'' || *in == '"'))
            quote = *in;
        else if (*in == quote)
            quote = '\0';
        else
            *out++ = *in;
    }
    *at = *in != '\0' ? in + 1 : in;
    *out = '\0';
    return word;
}

int options_parse_text(struct options *o, const char *text)
{
    enum { WORDS = 128 };
    char copy[4096], *argv[WORDS + 2] = {copy}, *at = copy;
    int argc = 1;
    if (strlen(text) >= sizeof(copy)) {
        snprintf(o->why, sizeof(o->why), "PLX_OPTS: at most %zu characters", sizeof(copy) - 1);
        return -EINVAL;
    }
    strcpy(copy, text);
    for (char *word; (word = next_word(&at)) != NULL && argc <= WORDS; argc++)
        argv[argc] = word;
    int err = options_parse(o, &argc, argv);
    if (err == 0 && argc > 1) {
        snprintf(o->why, sizeof(o->why), "PLX_OPTS: %.*s: there is no such option", OPTIONS_TEXT, argv[1]);
        err = -EINVAL;
    }
    return err;
}
