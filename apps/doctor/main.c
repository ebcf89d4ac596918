/* SPDX-License-Identifier: BSD-3-Clause */
/* plx-doctor: what this machine can do, and what to run next. */
#include <stdio.h>

#include "doctor/doctor.h"

static bool json;

static const struct app_option options[] = {
    {0, "json", NULL, "the same as JSON, for programs", APP_FLAG, &json, 0, 0, NULL},
    {0},
};

static const struct app app = {
    .name = "plx-doctor",
    .does = "what Pollux can do on this machine, and what to run next",
    .synopsis = "[--json]",
    .about =
        "Looks at DPDK, hugepages, IOMMU, VFIO and the network devices, and says of each kind of wire\n"
        "(--dev) whether it would work here and for this user, and if not, why. An arrow is followed by\n"
        "the command to run next. It needs no privileges and changes nothing.",
    .options = options,
    .notes = "Verdicts\n"
             "  ok    works\n"
             "  note  works, with something to know\n"
             "  no    does not work, here or for this user\n"
             "\n"
             "Exit status\n"
             "  0  the machine was examined\n"
             "  1  it could not be\n"
             "  2  a wrong option",
};

static int check(int n, char **operands)
{
    return n == 0 ? 0 : app_usage_error(&app, "%s: takes no operands", operands[0]);
}

int main(int argc, char **argv)
{
    struct machine machine = {0};
    struct report report = {0};

    int rc = app_start(&app, argc, argv, check);
    if (rc != 0)
        return rc;
    machine_examine(&machine, &report);
    nics_examine(&machine, &report);
    wires_examine(&machine, &report);
    if (report.out_of_memory)
        rc = app_failed(&app, "out of memory");
    else if (json)
        report_print_json(&report);
    else
        report_print(&report);
    report_free(&report);
    return rc != 0 ? rc : fflush(stdout) == 0 ? APP_OK : APP_FAILED;
}
