/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line of plx-bench, checked, into config and serve_config. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdbool.h>

/* As app_start. */
int options_start(int argc, char **argv);
/* Does the run need Pollux's wires? */
bool options_use_wires(void);
/* compare: the names of the two files. */
const char *options_file(int i);

#endif
