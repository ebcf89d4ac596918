/* SPDX-License-Identifier: BSD-3-Clause */
#include <dirent.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor/doctor.h"

#define FORMAT_PATH(path, fmt)                                                                               \
    do {                                                                                                     \
        va_list args;                                                                                        \
        va_start(args, fmt);                                                                                 \
        vsnprintf(path, sizeof(path), fmt, args);                                                            \
        va_end(args);                                                                                        \
    } while (0)

static bool first_line(const char *path, char *buf, size_t size)
{
    FILE *f = fopen(path, "re");

    if (f == NULL)
        return false;
    bool ok = fgets(buf, (int)size, f) != NULL;
    fclose(f);
    if (ok)
        buf[strcspn(buf, "\n")] = '\0';
    return ok;
}

bool file_line(char *buf, size_t size, const char *fmt, ...)
{
    char path[PATH_MAX];

    FORMAT_PATH(path, fmt);
    return first_line(path, buf, size);
}

uint64_t file_number(uint64_t otherwise, const char *fmt, ...)
{
    char path[PATH_MAX], line[64], *end;

    FORMAT_PATH(path, fmt);
    if (!first_line(path, line, sizeof(line)))
        return otherwise;
    uint64_t n = strtoull(line, &end, 0);
    return end == line ? otherwise : n;
}

bool link_name(char *buf, size_t size, const char *fmt, ...)
{
    char path[PATH_MAX], target[PATH_MAX];

    FORMAT_PATH(path, fmt);
    ssize_t n = readlink(path, target, sizeof(target) - 1);
    if (n <= 0)
        return false;
    target[n] = '\0';
    const char *slash = strrchr(target, '/');
    snprintf(buf, size, "%s", slash != NULL ? slash + 1 : target);
    return true;
}

bool path_exists(const char *fmt, ...)
{
    char path[PATH_MAX];

    FORMAT_PATH(path, fmt);
    return access(path, F_OK) == 0;
}

unsigned dir_count(const char *path)
{
    DIR *d = opendir(path);
    unsigned n = 0;

    if (d == NULL)
        return 0;
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d))
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}
