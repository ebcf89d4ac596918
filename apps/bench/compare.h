/* SPDX-License-Identifier: BSD-3-Clause */
/* `plx-bench compare`: two files of results against each other. */
#ifndef BENCH_COMPARE_H
#define BENCH_COMPARE_H

/* Prints the table. 0, or APP_FAILED after a message. */
int compare_files(const char *a, const char *b);

#endif
