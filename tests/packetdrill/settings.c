/* SPDX-License-Identifier: BSD-3-Clause */
/* Where tunables come from under packetdrill: the defaults, then --so_flags, then what the script's own
 * commands have changed under /proc/sys/net/ipv4 since it began. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "rig.h"

static const char *const rig_keys[] = {"mtu", "local_ip"};

/* Linux's names for what is called otherwise here. */
static const char *const aliases[][2] = {
    {"tcp_min_tso_segs", "tcp_tso_max_segs"}, /* without pacing every burst is as small as Linux's least */
};

static const char *own_name(const char *key)
{
    for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
        if (strcmp(key, aliases[i][0]) == 0)
            return aliases[i][1];
    return key;
}

static const char *linux_name(const char *key)
{
    for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
        if (strcmp(key, aliases[i][1]) == 0)
            return aliases[i][0];
    return key;
}

static bool is_rig_key(const char *key)
{
    for (size_t i = 0; i < sizeof(rig_keys) / sizeof(rig_keys[0]); i++)
        if (strcmp(key, rig_keys[i]) == 0)
            return true;
    return false;
}

/* Calls fn for each key=value of the flags, in order. */
static void each_flag(const struct rig *r, void (*fn)(void *arg, const char *key, const char *value),
                      void *arg)
{
    char *copy = strdup(r->flags);
    char *save = NULL;
    for (char *item = strtok_r(copy, ",", &save); item != NULL; item = strtok_r(NULL, ",", &save)) {
        char *eq = strchr(item, '=');
        if (eq != NULL)
            *eq = '\0';
        fn(arg, item, eq != NULL ? eq + 1 : "1");
    }
    free(copy);
}

struct lookup {
    const char *key;
    char *buf;
    size_t size;
    bool found;
};

static void lookup_flag(void *arg, const char *key, const char *value)
{
    struct lookup *l = arg;
    if (strcmp(key, l->key) == 0) {
        snprintf(l->buf, l->size, "%s", value);
        l->found = true;
    }
}

const char *rig_flag(const struct rig *r, const char *key, char *buf, size_t size)
{
    struct lookup l = {key, buf, size, false};
    each_flag(r, lookup_flag, &l);
    return l.found ? buf : NULL;
}

static void apply_flag(void *arg, const char *key, const char *value)
{
    struct rig *r = arg;
    char why[160];
    if (!is_rig_key(key) && tunables_set(&r->tun, own_name(key), value, why, sizeof(why)) != 0)
        fprintf(stderr, "pollux: --so_flags: %s=%s: %s (ignored)\n", key, value, why);
}

/* The kernel's value of a tunable, as text, blanks between parts as ':'. */
static bool sysctl_read(const char *key, char *buf, size_t size)
{
    char path[128];
    snprintf(path, sizeof(path), "/proc/sys/net/ipv4/%s", key);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return false;
    bool ok = fgets(buf, (int)size, f) != NULL;
    fclose(f);
    if (!ok)
        return false;
    buf[strcspn(buf, "\n")] = '\0';
    for (char *p = buf; *p != '\0'; p++)
        if (*p == ' ' || *p == '\t')
            *p = ':';
    return true;
}

static uint64_t value_hash(const char *value)
{
    static const struct siphash_key key = {{1, 1}};
    return siphash(&key, value, strlen(value));
}

#define MAX_TUNABLES 256
static uint64_t start_hash[MAX_TUNABLES]; /* the kernel's values when the script began */

void rig_settings_init(struct rig *r)
{
    char value[128];
    each_flag(r, apply_flag, r);
    for (unsigned i = 0; tunable_table[i].name != NULL && i < MAX_TUNABLES; i++)
        start_hash[i] =
            sysctl_read(linux_name(tunable_table[i].name), value, sizeof(value)) ? value_hash(value) : 0;
}

void rig_settings_refresh(struct rig *r)
{
    char value[128], why[160];
    for (unsigned i = 0; tunable_table[i].name != NULL && i < MAX_TUNABLES; i++) {
        if (start_hash[i] == 0 || !sysctl_read(linux_name(tunable_table[i].name), value, sizeof(value)))
            continue;
        if (value_hash(value) != start_hash[i])
            tunables_set(&r->tun, tunable_table[i].name, value, why, sizeof(why));
    }
}
