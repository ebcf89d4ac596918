/* SPDX-License-Identifier: BSD-3-Clause */
/* plx-script [-v] FILE.pkt...: runs packet scripts. One that fails prints both columns. */
#include <stdio.h>
#include <string.h>

#include "script.h"

static void print_rows(const struct script *s)
{
    int width = 20;
    for (unsigned i = 0; i < s->n_rows; i++) {
        int n = (int)strlen(s->row[i].left);
        if (n > width)
            width = n > 90 ? 90 : n;
    }
    printf("  %5s %10s  %-*s | %s\n", "line", "time", width, "expected", "got");
    for (unsigned i = 0; i < s->n_rows; i++) {
        const struct script_row *r = &s->row[i];
        printf("%c %5u %10.6f  %-*s | %s\n", r->bad ? '!' : ' ', r->line, (double)r->at / 1e9, width, r->left,
               r->right);
    }
}

int main(int argc, char **argv)
{
    unsigned passed = 0, failed = 0;
    bool verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
    if (argc < 2 + verbose) {
        fprintf(stderr, "usage: plx-script [-v] FILE.pkt...\n");
        return 2;
    }
    for (int i = 1 + verbose; i < argc; i++) {
        struct script s;
        bool ok = script_load(&s, argv[i]) && script_run(&s);
        if (!ok)
            printf("FAIL %s\n", s.why);
        if (!ok || verbose)
            print_rows(&s);
        if (ok && verbose)
            printf("ok   %s\n", argv[i]);
        *(ok ? &passed : &failed) += 1;
        script_free(&s);
    }
    printf("script: %u passed, %u failed\n", passed, failed);
    return failed != 0;
}
