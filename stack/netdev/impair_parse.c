/* SPDX-License-Identifier: BSD-3-Clause */
/* "loss=1%,delay=5ms,rate=100M,seed=7": strict, so that a typing error is no clean wire. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "netdev/impair.h"

#define IMPAIR_LIMIT_DEFAULT 10000
#define IMPAIR_LIMIT_MAX     1000000
#define IMPAIR_TIME_MAX      (60 * NSEC_PER_SEC)
#define IMPAIR_RATE_MIN      1000.0 /* bit/s */
#define IMPAIR_RATE_MAX      1000000000000.0

struct unit {
    const char *suffix;
    double factor;
};

static const struct unit units_percent[] = {{"%", 0.01}, {NULL, 0}};
static const struct unit units_time[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {NULL, 0}};
static const struct unit units_rate[] = {{"K", 1e3}, {"M", 1e6}, {"G", 1e9}, {"", 1}, {NULL, 0}};

static const struct {
    const char *key;
    const char *allowed;
} keys[] = {
    {"loss", "0% to 100%"},
    {"dup", "0% to 100%"},
    {"reorder", "0% to 100%"},
    {"corrupt", "0% to 100%"},
    {"delay", "0 to 60 s with its unit, as in 5ms (ns, us, ms, s)"},
    {"jitter", "0 to 60 s with its unit, as in 1ms, and not above delay"},
    {"rate", "1K to 1000G bit/s, as in 100M (K, M, G)"},
    {"limit", "1 to 1000000 packets"},
    {"seed", "a number"},
};

enum {
    KEY_LOSS,
    KEY_DUP,
    KEY_REORDER,
    KEY_CORRUPT,
    KEY_DELAY,
    KEY_JITTER,
    KEY_RATE,
    KEY_LIMIT,
    KEY_SEED,
    KEYS
};

/* Digits with an optional fraction, then exactly one of the suffixes. No sign, no exponent, no
 * dependence on the locale. */
static bool parse_number(const char *s, const struct unit *units, double *out)
{
    double v = 0, scale = 1;
    const char *start = s;

    for (; *s >= '0' && *s <= '9'; s++)
        v = v * 10 + (*s - '0');
    if (s == start)
        return false;
    if (*s == '.') {
        const char *point = s++;
        for (; *s >= '0' && *s <= '9'; s++)
            v += (*s - '0') * (scale /= 10);
        if (s == point + 1)
            return false;
    }
    for (; units->suffix != NULL; units++) {
        if (strcmp(s, units->suffix) == 0) {
            *out = v * units->factor;
            return true;
        }
    }
    return false;
}

static bool parse_u64(const char *s, uint64_t *out)
{
    uint64_t v = 0;
    if (*s == '\0')
        return false;
    for (; *s != '\0'; s++) {
        unsigned digit = (unsigned char)*s - '0';
        if (digit > 9 || __builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, digit, &v))
            return false;
    }
    *out = v;
    return true;
}

static bool set_probability(double *p, const char *value)
{
    return parse_number(value, units_percent, p) && *p <= 1.0;
}

static bool set_time(nsec_t *t, const char *value)
{
    double ns;
    if (strcmp(value, "0") == 0) {
        *t = 0;
        return true;
    }
    if (!parse_number(value, units_time, &ns) || ns > (double)IMPAIR_TIME_MAX)
        return false;
    *t = (nsec_t)(ns + 0.5);
    return true;
}

static bool set_rate(uint64_t *bps, const char *value)
{
    double v;
    if (!parse_number(value, units_rate, &v) || v < IMPAIR_RATE_MIN || v > IMPAIR_RATE_MAX)
        return false;
    *bps = (uint64_t)v;
    return true;
}

static bool set_limit(uint32_t *limit, const char *value)
{
    uint64_t v;
    if (!parse_u64(value, &v) || v < 1 || v > IMPAIR_LIMIT_MAX)
        return false;
    *limit = (uint32_t)v;
    return true;
}

static bool impair_set(struct impair_config *cfg, unsigned key, const char *value)
{
    switch (key) {
    case KEY_LOSS:
        return set_probability(&cfg->loss, value);
    case KEY_DUP:
        return set_probability(&cfg->dup, value);
    case KEY_REORDER:
        return set_probability(&cfg->reorder, value);
    case KEY_CORRUPT:
        return set_probability(&cfg->corrupt, value);
    case KEY_DELAY:
        return set_time(&cfg->delay, value);
    case KEY_JITTER:
        return set_time(&cfg->jitter, value);
    case KEY_RATE:
        return set_rate(&cfg->rate_bps, value);
    case KEY_LIMIT:
        return set_limit(&cfg->limit, value);
    default:
        return parse_u64(value, &cfg->seed);
    }
}

static int fail(char *why, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static int fail(char *why, size_t size, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, size, fmt, ap);
    va_end(ap);
    return -EINVAL;
}

/* One "key=value"; `seen` has a bit per key. */
static int parse_item(struct impair_config *cfg, char *item, unsigned *seen, char *why, size_t size)
{
    char *value = strchr(item, '=');
    unsigned key = 0;

    if (value != NULL)
        *value++ = '\0';
    while (key < KEYS && strcmp(item, keys[key].key) != 0)
        key++;
    if (key == KEYS)
        return fail(why, size,
                    "'%s' is none of loss, dup, reorder, corrupt, delay, jitter, rate, limit, seed", item);
    if (value == NULL)
        return fail(why, size, "%s needs a value: %s=VALUE, %s", item, item, keys[key].allowed);
    if (*seen & 1u << key)
        return fail(why, size, "%s is given twice", item);
    *seen |= 1u << key;
    if (!impair_set(cfg, key, value))
        return fail(why, size, "%s=%s: must be %s", item, value, keys[key].allowed);
    return 0;
}

int impair_parse(const char *text, struct impair_config *cfg, char *why, size_t size)
{
    char copy[256];
    unsigned seen = 0;

    memset(cfg, 0, sizeof(*cfg));
    cfg->limit = IMPAIR_LIMIT_DEFAULT;
    cfg->seed = 1;
    if (strlen(text) >= sizeof(copy))
        return fail(why, size, "longer than %zu characters", sizeof(copy) - 1);
    strcpy(copy, text);
    for (char *item = copy, *next; item != NULL; item = next) {
        next = strchr(item, ',');
        if (next != NULL)
            *next++ = '\0';
        int rc = parse_item(cfg, item, &seen, why, size);
        if (rc != 0)
            return rc;
    }
    if (cfg->jitter > cfg->delay)
        return fail(why, size, "jitter must not be above delay");
    return 0;
}
