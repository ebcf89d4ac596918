/* SPDX-License-Identifier: BSD-3-Clause */
/* plx-wire: a cable between two devices that can be as bad as one likes. It stands on the netdev room
 * alone: no address, no stack. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <plx_run.h>

#include "app.h"
#include "wire/wire.h"

static struct wire wire;
static struct options common;

static const struct app_option options[] = {
    {0, "stats", "SECONDS", "a line of rates in both directions so often", APP_NUMBER, &wire.stats_s, 1,
     86400, NULL},
    {0},
};

static int common_take(int *argc, char **argv);

static const struct app app = {
    .name = "plx-wire",
    .does = "joins two devices by a cable that loses, delays and reorders as asked",
    .synopsis = "--dev WIRE --dev WIRE [--impair WHAT] [--stats SECONDS]",
    .about = "Carries every frame from one device to the other, both ways. With --impair behind a --dev,\n"
             "what comes in and goes out there is lost, duplicated, reordered, corrupted, delayed and\n"
             "shaped on the way, by a seeded generator: a user-space netem for machines without one.\n"
             "Once both ends are open it prints a line that starts with \"plx: ready\".",
    .options = options,
    .notes =
        "A cable has no addresses: of the common options --ip, --gw and --route are refused here, and there\n"
        "is one worker. Offloads of both devices are off, for a cable carries bytes.\n"
        "\n"
        "Example: two network namespaces, 10 ms and 1 % apart\n"
        "  ip netns add left; ip netns add right\n"
        "  plx-wire --dev tap:wl --dev tap:wr --impair delay=5ms,loss=1%,seed=7 &\n"
        "  ip link set wl netns left; ip link set wr netns right\n"
        "\n"
        "Exit status\n"
        "  0  ended by SIGINT or SIGTERM\n"
        "  1  the environment refused: device, permission, memory\n"
        "  2  a wrong option or value",
    .init = common_take,
    .wires = true,
};

static int common_take(int *argc, char **argv)
{
    char why[OPTIONS_WHY];
    int err = options_parse(&common, argc, argv);

    if (err != 0)
        return err == -EINVAL ? app_usage_error(&app, "%s", common.why) : app_failed(&app, "%s", common.why);
    if (common.n_devs != WIRE_ENDS)
        return app_usage_error(&app, "--dev: a cable has two ends, %u given", common.n_devs);
    if (common.dev[0].n_ips + common.dev[1].n_ips > 0)
        return app_usage_error(&app, "--ip: a cable has no addresses");
    if (common.n_routes > 0)
        return app_usage_error(&app, "--gw, --route: a cable has no routes");
    if (common.workers != 1)
        return app_usage_error(&app, "--workers %u: a cable has one", common.workers);
    err = wire_open(&wire, &common, why, sizeof(why));
    if (err == -EINVAL)
        return app_usage_error(&app, "%s", why);
    return err == 0 ? 0 : app_failed(&app, "%s", why);
}

static int operands_check(int n, char **operands)
{
    if (n > 0)
        return app_usage_error(&app, "'%s': what is this? a device is given as --dev %s", operands[0],
                               operands[0]);
    return 0;
}

int main(int argc, char **argv)
{
    options_init(&common);
    int rc = app_start(&app, argc, argv, operands_check);
    if (rc != 0)
        return rc;

    plx_handle_signals();
    printf("plx: ready, %s <-> %s, %s\n", wire.end[0]->name, wire.end[1]->name, worker_eal_memory(wire.eal));
    fflush(stdout);
    int err = wire_run(&wire);
    wire_summary(&wire, stdout);
    wire_close(&wire);
    return err == 0 ? APP_OK : app_failed(&app, "%s", strerror(-err));
}
