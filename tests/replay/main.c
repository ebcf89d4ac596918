/* SPDX-License-Identifier: BSD-3-Clause */
/* plx-replay CASES FOLDER [NAME...]: replays the cases of the file, all or those named.
 * plx-replay --tolerances: each tolerance at its limit and beyond it. */
#include <stdio.h>
#include <string.h>

#include "replay.h"

static bool wanted(const char *name, char **names, int n)
{
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return n == 0;
}

static void print_tolerances(void)
{
    for (unsigned i = 0; i < tolerance_count; i++)
        printf("%s: %s\n", tolerance_table[i].name, tolerance_table[i].reason);
}

int main(int argc, char **argv)
{
    char line[512], why[600];
    unsigned passed = 0, failed = 0;
    if (argc == 2 && strcmp(argv[1], "--tolerances") == 0) {
        print_tolerances();
        return tolerances_check() ? 0 : 1;
    }
    FILE *f = argc >= 3 ? fopen(argv[1], "r") : NULL;
    if (f == NULL) {
        fprintf(stderr, "usage: plx-replay CASES FOLDER [NAME...] | plx-replay --tolerances\n");
        return 2;
    }
    while (fgets(line, sizeof(line), f) != NULL) {
        struct replay_case k;
        line[strcspn(line, "#\n")] = 0;
        if (line[strspn(line, " \t")] == 0)
            continue;
        bool ok = replay_case_parse(&k, line, argv[2], why, sizeof(why));
        if (!ok)
            printf("FAIL %s\n", why);
        if (ok && !wanted(k.name, argv + 3, argc - 3))
            continue;
        ok = ok && replay_run(&k);
        *(ok ? &passed : &failed) += 1;
    }
    fclose(f);
    printf("replay: %u passed, %u failed\n", passed, failed);
    return failed != 0 || passed == 0;
}
