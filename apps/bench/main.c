/* SPDX-License-Identifier: BSD-3-Clause */
/* plx-bench: load on Pollux's stack, or on the kernel's, and what it measures. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <plx.h>

#include "bench/compare.h"
#include "bench/options.h"
#include "bench/result.h"
#include "bench/serve.h"

const char *const mode_name[MODES] = {"rr", "cps", "hold", "http", "stream", "udp", "serve", "compare"};

static int worker(void *arg)
{
    return load_run(&loads[config.calls->worker_id()]);
}

static int loads_make(void)
{
    uint32_t n = (uint32_t)config.calls->workers();

    loads = calloc(n, sizeof(*loads));
    for (uint32_t i = 0; loads != NULL && i < n; i++)
        if (load_init(&loads[i], i, n) != 0)
            return app_failed(config.app, "-c %u: no memory for so many connections", config.connections);
    return loads != NULL ? 0 : app_failed(config.app, "out of memory");
}

static int load_main(void)
{
    int rc = loads_make();

    if (rc == 0) {
        result_memory_before = result_memory(false);
        atomic_store(&bench_clock.ramping, (unsigned)config.calls->workers());
        plx_handle_signals();
        rc = config.calls->run(worker, NULL);
        if (rc < 0)
            rc = app_failed(config.app, "the workers did not start: %s", strerror(errno));
        else if (rc == 0)
            rc = result_report();
    }
    for (int i = 0; loads != NULL && i < config.calls->workers(); i++)
        load_free(&loads[i]);
    free(loads);
    return rc;
}

static int descriptors_check(void)
{
    uint64_t wanted = (uint64_t)config.connections + 64, limit;

    if (config.calls != &calls_kernel || config.mode == MODE_COMPARE)
        return 0;
    if (config.mode == MODE_SERVE) { /* as many as there may be */
        for (wanted = 1u << 20; wanted >= 1024 && calls_kernel_descriptors(wanted, &limit) != 0; wanted /= 2)
            ;
        return 0;
    }
    if (calls_kernel_descriptors(wanted, &limit) == 0)
        return 0;
    return app_failed(config.app,
                      "-c %u: the kernel allows this process %lu descriptors (ulimit -n, fs.nr_open)",
                      config.connections, limit);
}

int main(int argc, char **argv)
{
    int rc = options_start(argc, argv);

    if (rc == 0)
        rc = descriptors_check();
    if (rc != 0)
        return rc;
    switch (config.mode) {
    case MODE_COMPARE:
        rc = compare_files(options_file(0), options_file(1));
        break;
    case MODE_SERVE:
        rc = serve_main();
        break;
    default:
        rc = load_main();
        break;
    }
    if (options_use_wires())
        plx_fini();
    return rc;
}
