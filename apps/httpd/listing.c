/* SPDX-License-Identifier: BSD-3-Clause */
/* A folder as a page. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "httpd/server.h"

static void put_html(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            putc(*text, out);
        }
    }
}

static void put_link(FILE *out, const char *name)
{
    for (; *name != '\0'; name++) {
        unsigned char c = (unsigned char)*name;
        bool plain =
            (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || strchr("-._~", c) != NULL;
        fprintf(out, plain ? "%c" : "%%%02X", c);
    }
}

static int wanted(const struct dirent *e)
{
    return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
}

char *listing_make(int folder, const char *name, size_t *len)
{
    struct dirent **entry;
    char *page = NULL;
    int n = scandirat(folder, ".", &entry, wanted, alphasort);
    FILE *out = n >= 0 ? open_memstream(&page, len) : NULL;

    if (out != NULL) {
        fputs("<!DOCTYPE html>\n<meta charset=\"utf-8\">\n<title>", out);
        put_html(out, name);
        fputs("</title>\n<h1>", out);
        put_html(out, name);
        fputs("</h1>\n<ul>\n", out);
    }
    for (int i = 0; i < n; i++) {
        if (out != NULL) {
            const char *slash = entry[i]->d_type == DT_DIR ? "/" : "";
            fputs("<li><a href=\"./", out);
            put_link(out, entry[i]->d_name);
            fprintf(out, "%s\">", slash);
            put_html(out, entry[i]->d_name);
            fprintf(out, "%s</a>\n", slash);
        }
        free(entry[i]);
    }
    if (n >= 0)
        free(entry);
    if (out != NULL) {
        fputs("</ul>\n", out);
        fclose(out);
    }
    return page;
}
