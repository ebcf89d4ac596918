/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/doctor.h"

static const char *const verdict_name[] = {"ok", "note", "no"};

struct finding *report_add(struct report *r, const char *section, const char *name, enum verdict verdict)
{
    static struct finding nowhere;

    if (r->n == r->room) {
        unsigned room = r->room == 0 ? 32 : r->room * 2;
        struct finding *list = realloc(r->list, room * sizeof(*list));
        if (list == NULL) {
            r->out_of_memory = true;
            return &nowhere;
        }
        r->list = list;
        r->room = room;
    }
    struct finding *f = &r->list[r->n++];
    *f = (struct finding){.section = section, .verdict = verdict};
    snprintf(f->name, sizeof(f->name), "%s", name);
    return f;
}

void finding_says(struct finding *f, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(f->says, sizeof(f->says), fmt, args);
    va_end(args);
}

void finding_next(struct finding *f, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(f->next, sizeof(f->next), fmt, args);
    va_end(args);
}

void report_print(const struct report *r)
{
    const char *section = "";

    for (unsigned i = 0; i < r->n; i++) {
        const struct finding *f = &r->list[i];
        if (strcmp(section, f->section) != 0) {
            printf("%s%s\n", i == 0 ? "" : "\n", f->section);
            section = f->section;
        }
        printf("  %-5s %-17s %s\n", verdict_name[f->verdict], f->name, f->says);
        if (f->next[0] != '\0')
            printf("  %-5s %-17s -> %s\n", "", "", f->next);
    }
}

static void print_json_string(const char *s)
{
    putchar('"');
    for (; *s != '\0'; s++) {
        if (*s == '"' || *s == '\\')
            printf("\\%c", *s);
        else if ((unsigned char)*s < ' ')
            printf("\\u%04x", *s);
        else
            putchar(*s);
    }
    putchar('"');
}

static void print_json_member(const char *key, const char *value, const char *tail)
{
    printf("\"%s\": ", key);
    print_json_string(value);
    fputs(tail, stdout);
}

void report_print_json(const struct report *r)
{
    printf("{\n  \"version\": \"%s\",\n  \"findings\": [\n", APP_VERSION);
    for (unsigned i = 0; i < r->n; i++) {
        const struct finding *f = &r->list[i];
        printf("    {");
        print_json_member("section", f->section, ", ");
        print_json_member("name", f->name, ", ");
        print_json_member("verdict", verdict_name[f->verdict], ", ");
        print_json_member("says", f->says, ", ");
        print_json_member("next", f->next, i + 1 < r->n ? "},\n" : "}\n");
    }
    printf("  ]\n}\n");
}

void report_free(struct report *r)
{
    free(r->list);
}
