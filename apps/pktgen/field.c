/* SPDX-License-Identifier: BSD-3-Clause */
#include "pktgen/field.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELD_TEXT 64 /* longest value */

static const char *const tcp_flags[] = {"fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"};

/* ---- single values ---- */

static bool number_parse(const char *text, uint64_t *value)
{
    uint64_t base = 10, n = 0;

    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        base = 16;
        text += 2;
    }
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        uint64_t digit = *text >= '0' && *text <= '9'   ? (uint64_t)(*text - '0')
                         : *text >= 'a' && *text <= 'f' ? (uint64_t)(*text - 'a') + 10
                         : *text >= 'A' && *text <= 'F' ? (uint64_t)(*text - 'A') + 10
                                                        : 99;
        if (digit >= base || n > (UINT64_MAX - digit) / base)
            return false;
        n = n * base + digit;
    }
    *value = n;
    return true;
}

static bool mac_parse(const char *text, uint64_t *value)
{
    uint64_t n = 0;

    for (int i = 0; i < 6; i++) {
        unsigned byte = 0;
        for (int k = 0; k < 2; k++, text++) {
            const char *digits = "0123456789abcdef";
            const char *at = *text != '\0' ? strchr(digits, *text | 0x20) : NULL;
            if (at == NULL)
                return false;
            byte = byte * 16 + (unsigned)(at - digits);
        }
        if (*text++ != (i < 5 ? ':' : '\0'))
            return false;
        n = n << 8 | byte;
    }
    *value = n;
    return true;
}

/* "syn+ack", or a number. */
static bool flags_parse(const char *text, uint64_t *value)
{
    uint64_t n = 0;

    if (number_parse(text, value))
        return *value <= 255;
    for (;;) {
        size_t len = strcspn(text, "+");
        unsigned i = 0;
        while (i < 8 && (strlen(tcp_flags[i]) != len || strncmp(tcp_flags[i], text, len) != 0))
            i++;
        if (i == 8 && (len != 4 || strncmp(text, "none", 4) != 0))
            return false;
        n |= i < 8 ? UINT64_C(1) << i : 0;
        if (text[len] == '\0')
            break;
        text += len + 1;
    }
    *value = n;
    return true;
}

static bool ip_parse(const char *text, uint64_t *value)
{
    struct in_addr a;

    if (inet_pton(AF_INET, text, &a) != 1)
        return false;
    *value = ntohl(a.s_addr);
    return true;
}

static void value_why(const struct field_type *type, char *why, size_t size)
{
    switch (type->kind) {
    case FIELD_NUMBER:
        snprintf(why, size, "a number from %llu to %llu", (unsigned long long)type->min,
                 (unsigned long long)type->max);
        break;
    case FIELD_IP:
        snprintf(why, size, "an IPv4 address such as 10.9.0.1");
        break;
    case FIELD_MAC:
        snprintf(why, size, "a link address such as 02:00:00:00:00:01");
        break;
    case FIELD_FLAGS:
        snprintf(why, size, "flags of TCP such as syn+ack (fin syn rst psh ack urg ece cwr none)");
        break;
    }
}

bool field_value_parse(const char *text, const struct field_type *type, uint64_t *value, char why[FIELD_WHY])
{
    bool ok = type->kind == FIELD_NUMBER ? number_parse(text, value)
              : type->kind == FIELD_IP   ? ip_parse(text, value)
              : type->kind == FIELD_MAC  ? mac_parse(text, value)
                                         : flags_parse(text, value);
    char what[FIELD_WHY - 8];

    if (ok && (type->kind != FIELD_NUMBER || (*value >= type->min && *value <= type->max)))
        return true;
    value_why(type, what, sizeof(what));
    snprintf(why, FIELD_WHY, "must be %s", what);
    return false;
}

/* ---- ranges and lists ---- */

struct field field_fixed(uint64_t value)
{
    return (struct field){.mode = FIELD_FIXED, .lo = value, .hi = value};
}

static bool refuse(const struct field_type *type, char why[FIELD_WHY])
{
    char one[160];

    value_why(type, one, sizeof(one));
    snprintf(why, FIELD_WHY,
             "must be %s; or a range LOW-HIGH[/STEP], %srandom:LOW-HIGH, random, or a list A,B,...", one,
             type->kind == FIELD_IP ? "PREFIX/LENGTH, " : "");
    return false;
}

/* [text, text + len) as one value. */
static bool part_parse(const char *text, size_t len, const struct field_type *type, uint64_t *value)
{
    char copy[FIELD_TEXT], why[FIELD_WHY];

    if (len == 0 || len >= sizeof(copy))
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    return field_value_parse(copy, type, value, why);
}

static bool prefix_parse(struct field *f, const char *text, const char *slash)
{
    const struct field_type address = {.kind = FIELD_IP};
    const struct field_type length = {.kind = FIELD_NUMBER, .min = 0, .max = 32};
    uint64_t bits, base;

    if (!part_parse(text, (size_t)(slash - text), &address, &base) ||
        !part_parse(slash + 1, strlen(slash + 1), &length, &bits))
        return false;
    uint64_t mask = (UINT64_C(1) << (32 - bits)) - 1;
    f->lo = base & ~mask;
    f->hi = base | mask;
    f->step = 1;
    return true;
}

/* LOW-HIGH[/STEP] or PREFIX/LENGTH into lo, hi and step. */
static bool range_parse(struct field *f, const char *text, const struct field_type *type, char why[FIELD_WHY])
{
    const struct field_type any = {.kind = FIELD_NUMBER, .min = 1, .max = UINT64_MAX};
    const char *dash = strchr(text, '-'), *slash = strchr(text, '/');

    if (dash == NULL && slash != NULL && type->kind == FIELD_IP)
        return prefix_parse(f, text, slash) || refuse(type, why);
    if (dash == NULL)
        return refuse(type, why);
    size_t high = slash != NULL ? (size_t)(slash - dash) - 1 : strlen(dash + 1);
    f->step = 1;
    if (!part_parse(text, (size_t)(dash - text), type, &f->lo) || !part_parse(dash + 1, high, type, &f->hi))
        return refuse(type, why);
    if (f->lo > f->hi) {
        snprintf(why, FIELD_WHY, "the range begins above its end");
        return false;
    }
    if (slash == NULL)
        return true;
    if (!part_parse(slash + 1, strlen(slash + 1), &any, &f->step) || f->step > f->hi - f->lo) {
        snprintf(why, FIELD_WHY, "the step behind / must be from 1 to %llu, the width of the range",
                 (unsigned long long)(f->hi - f->lo));
        return false;
    }
    return true;
}

static bool list_parse(struct field *f, const char *text, const struct field_type *type, char why[FIELD_WHY])
{
    uint32_t room = 1;

    for (const char *c = text; *c != '\0'; c++)
        room += *c == ',';
    f->list = calloc(room, sizeof(*f->list));
    if (f->list == NULL) {
        snprintf(why, FIELD_WHY, "out of memory");
        return false;
    }
    for (;;) {
        size_t len = strcspn(text, ",");
        if (!part_parse(text, len, type, &f->list[f->count])) {
            field_free(f);
            return refuse(type, why);
        }
        f->count++;
        if (text[len] == '\0')
            break;
        text += len + 1;
    }
    f->mode = FIELD_LIST;
    f->stride = 1 % f->count;
    return true;
}

static void whole_range(struct field *f, const struct field_type *type)
{
    f->lo = type->kind == FIELD_NUMBER ? type->min : 0;
    f->hi = type->kind == FIELD_NUMBER ? type->max
            : type->kind == FIELD_IP   ? UINT32_MAX
            : type->kind == FIELD_MAC  ? (UINT64_C(1) << 48) - 1
                                       : 255;
}

bool field_parse(struct field *f, const char *text, const struct field_type *type, char why[FIELD_WHY])
{
    uint64_t value;

    memset(f, 0, sizeof(*f));
    if (strcmp(text, "random") == 0) {
        f->mode = FIELD_RANDOM;
        whole_range(f, type);
        return true;
    }
    if (strncmp(text, "random:", 7) == 0) {
        f->mode = FIELD_RANDOM;
        return range_parse(f, text + 7, type, why);
    }
    if (strchr(text, ',') != NULL)
        return list_parse(f, text, type, why);
    if (part_parse(text, strlen(text), type, &value)) {
        *f = field_fixed(value);
        return true;
    }
    f->mode = FIELD_STEP;
    if (!range_parse(f, text, type, why))
        return false;
    f->count = (f->hi - f->lo) / f->step + 1;
    f->stride = 1 % f->count;
    return true;
}

void field_free(struct field *f)
{
    free(f->list);
    memset(f, 0, sizeof(*f));
}

bool field_copy(struct field *to, const struct field *from)
{
    *to = *from;
    if (from->list == NULL)
        return true;
    to->list = malloc(from->count * sizeof(*to->list));
    if (to->list == NULL)
        return false;
    memcpy(to->list, from->list, from->count * sizeof(*to->list));
    return true;
}

void field_split(struct field *f, uint32_t part, uint32_t parts, uint64_t seed)
{
    f->key = hash_mix(seed ^ (part + 1) * UINT64_C(0xd6e8feb86659fd93), UINT64_C(0x9e3779b97f4a7c15)) | 1;
    if (f->mode == FIELD_RANDOM) {
        f->at = 0;
    } else if (f->count > 0) { /* as if one walk were dealt out in turn */
        f->at = part % f->count;
        f->stride = parts % f->count;
    }
}

uint64_t field_first(const struct field *f)
{
    return f->mode == FIELD_LIST ? f->list[0] : f->lo;
}

static uint64_t list_extreme(const struct field *f, bool greatest)
{
    uint64_t value = f->list[0];

    for (uint64_t i = 1; i < f->count; i++)
        if (greatest ? f->list[i] > value : f->list[i] < value)
            value = f->list[i];
    return value;
}

uint64_t field_least(const struct field *f)
{
    return f->mode == FIELD_LIST ? list_extreme(f, false) : f->lo;
}

uint64_t field_greatest(const struct field *f)
{
    return f->mode == FIELD_LIST ? list_extreme(f, true) : f->hi;
}
