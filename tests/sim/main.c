/* SPDX-License-Identifier: BSD-3-Clause */
/* plx-sim: worlds from seeds, as many as the time allows.
 *   --seed S      the first world (default: from the clock; printed)
 *   --hours H     until so many virtual hours have passed, at most one in each world
 *   --wall S      until so many real seconds have passed (default 20)
 *   --world S     this world alone, told at length
 *   --pcap PREFIX every host's packets of that world, or of one that failed, in PREFIX0.pcap and so on
 *   --path WIRE   one transfer over a wire as --impair has it: --bytes N to the server (default 16M bytes),
 *                 --cong NAME, --seeds N from --seed on (default 1), --trace FILE of the last one
 *   --known       the known paths with their bounds on completion time
 *   --all         go on after a failure
 *   --faults LIST worlds with these faults only (default all; none; names in scenario.c)
 *   --twice       each world twice: the same seed must give the same bytes, on the slow path too */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "known.h"
#include "path.h"
#include "sim.h"

struct options {
    uint64_t seed, world;
    const char *faults; /* as given; NULL: all */
    double hours, wall;
    struct path_plan path;
    unsigned seeds;
    bool one, known, twice, all;
    struct sim_options sim;
};

struct total {
    unsigned worlds;
    double virtual_s;
    uint64_t bytes, packets, retransmissions;
};

static double wall_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* With captures the world is run once more, for only now is it known which one is worth them. */
static bool report_failure(const struct options *o, const struct scenario *sc, const struct sim_result *r)
{
    char text[1024];
    struct sim_result again;
    scenario_print(sc, text, sizeof(text));
    printf("FAIL world %llu: %s\n  %s\n  again: plx-sim --world %llu%s%s\n", (unsigned long long)sc->seed,
           r->why, text, (unsigned long long)sc->seed, o->faults != NULL ? " --faults " : "",
           o->faults != NULL ? o->faults : "");
    if (o->sim.pcap != NULL) {
        sim_run(sc, &o->sim, &again);
        printf("  captured: %s0.pcap to %s%u.pcap\n", o->sim.pcap, o->sim.pcap, sc->n_hosts - 1);
    }
    return false;
}

static bool run_world(const struct options *o, uint64_t seed, struct total *t)
{
    struct scenario sc;
    struct sim_result r, again;
    struct sim_options plain = o->sim;
    plain.pcap = NULL;
    scenario_draw(&sc, seed, o->sim.faults);
    sim_run(&sc, &plain, &r);
    t->worlds++;
    t->virtual_s += RTE_MIN((double)r.virtual_time / 1e9, 3600.0); /* days of idleness are no hours of work */
    t->bytes += r.bytes;
    t->packets += r.packets;
    t->retransmissions += r.retransmissions;
    if (!r.ok)
        return report_failure(o, &sc, &r);
    if (!o->twice)
        return true;
    struct sim_options other = plain;
    /* Where buffers run out, who needs fewer of them goes on longer: no reason to send the same. */
    other.slow_path = (seed & 1) && sc.pool_limit == 0;
    sim_run(&sc, &other, &again);
    if (again.fingerprint == r.fingerprint)
        return true;
    snprintf(r.why, sizeof(r.why), "the same world a second time%s sent other bytes",
             other.slow_path ? ", without header prediction," : "");
    return report_failure(o, &sc, &r);
}

static void progress(const struct total *t, double wall, const char *end)
{
    printf("sim: %u worlds, %.2f virtual hours in %.1f s, %.1f MB, %.2f M packets, %llu retransmitted%s",
           t->worlds, t->virtual_s / 3600, wall, (double)t->bytes / 1e6, (double)t->packets / 1e6,
           (unsigned long long)t->retransmissions, end);
    fflush(stdout);
}

static bool run_many(const struct options *o)
{
    struct total t = {0};
    double begin = wall_clock(), told = begin;
    bool ok = true;
    printf("sim: --seed %llu\n", (unsigned long long)o->seed);
    fflush(stdout);
    for (uint64_t i = 0; ok || o->all; i++) {
        ok = run_world(o, o->seed * 1000003 + i, &t) && ok;
        double now = wall_clock();
        if (o->hours > 0 ? t.virtual_s >= o->hours * 3600 : now - begin >= o->wall)
            break;
        if (now - told >= 5 && isatty(1)) {
            progress(&t, now - begin, "\r");
            told = now;
        }
    }
    progress(&t, wall_clock() - begin, "\n");
    return ok;
}

static bool run_one(const struct options *o)
{
    struct scenario sc;
    struct sim_result r;
    char text[1024];
    scenario_draw(&sc, o->world, o->sim.faults);
    scenario_print(&sc, text, sizeof(text));
    printf("world %llu: %s\n", (unsigned long long)o->world, text);
    sim_run(&sc, &o->sim, &r);
    printf("%s: traffic over after %.3f s, %.3f s in all; %llu bytes, %llu packets, %llu retransmitted, %llu "
           "rounds, "
           "fingerprint %016llx\n%s%s",
           r.ok ? "ok" : "FAIL", (double)r.traffic_time / 1e9, (double)r.virtual_time / 1e9,
           (unsigned long long)r.bytes, (unsigned long long)r.packets, (unsigned long long)r.retransmissions,
           (unsigned long long)r.rounds, (unsigned long long)r.fingerprint, r.why, r.ok ? "" : "\n");
    return r.ok;
}

/* A line a seed, for programs to read. */
static bool run_path(const struct options *o)
{
    bool ok = true;
    for (unsigned i = 0; i < o->seeds && ok; i++) {
        struct path_plan plan = o->path;
        struct scenario sc;
        struct sim_result r;
        char why[200];
        plan.seed = o->seed + i;
        if (!path_scenario(&plan, &sc, why, sizeof(why))) {
            fprintf(stderr, "plx-sim: --path: %s\n", why);
            return false;
        }
        sim_run(&sc, &o->sim, &r);
        ok = r.ok;
        printf("seed %llu %s %.3f s, %llu sent again%s%s\n", (unsigned long long)plan.seed,
               ok ? "took" : "FAIL", (double)r.traffic_time / 1e9, (unsigned long long)r.retransmissions,
               ok ? "" : ": ", r.why);
    }
    return ok;
}

static bool option_path(struct options *o, const char *name, const char *value)
{
    if (strcmp(name, "--path") == 0)
        o->path.wire = value;
    else if (strcmp(name, "--bytes") == 0)
        o->path.bytes[0] = (uint32_t)strtoul(value, NULL, 0);
    else if (strcmp(name, "--cong") == 0)
        o->path.cong = value;
    else if (strcmp(name, "--seeds") == 0)
        o->seeds = (unsigned)strtoul(value, NULL, 0);
    else if (strcmp(name, "--trace") == 0)
        o->sim.trace = value;
    else
        return false;
    return true;
}

static bool option_value(struct options *o, const char *name, const char *value)
{
    if (strcmp(name, "--seed") == 0)
        o->seed = strtoull(value, NULL, 0);
    else if (strcmp(name, "--world") == 0)
        o->one = true, o->world = strtoull(value, NULL, 0);
    else if (strcmp(name, "--hours") == 0)
        o->hours = atof(value);
    else if (strcmp(name, "--wall") == 0)
        o->wall = atof(value);
    else if (strcmp(name, "--faults") == 0)
        return scenario_faults(o->faults = value, &o->sim.faults);
    else if (strcmp(name, "--pcap") == 0)
        o->sim.pcap = value;
    else
        return option_path(o, name, value);
    return true;
}

static bool options_read(struct options *o, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--twice") == 0)
            o->twice = true;
        else if (strcmp(argv[i], "--all") == 0)
            o->all = true;
        else if (strcmp(argv[i], "--known") == 0)
            o->known = true;
        else if (strcmp(argv[i], "--slow-path") == 0)
            o->sim.slow_path = true;
        else if (i + 1 >= argc || !option_value(o, argv[i], argv[i + 1]))
            return false;
        else
            i++;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct options o = {.wall = 20, .sim.faults = FAULT_ALL, .seeds = 1, .path.bytes = {16u << 20}};
    if (getrandom(&o.seed, 3, 0) != 3)
        o.seed = (uint64_t)time(NULL);
    if (!options_read(&o, argc, argv)) {
        fprintf(
            stderr,
            "usage: plx-sim [--seed S] [--hours H | --wall SECONDS] [--world S] [--pcap PREFIX] [--known] "
            "[--path WIRE [--bytes N] [--cong NAME] [--seeds N] [--trace FILE]] "
            "[--faults LIST] [--twice] [--slow-path] [--all]\n");
        return 2;
    }
    bool ok = o.path.wire != NULL ? run_path(&o)
              : o.known           ? known_paths_run(&o.sim)
              : o.one             ? run_one(&o)
                                  : run_many(&o);
    return ok ? 0 : 1;
}
