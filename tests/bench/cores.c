/* SPDX-License-Identifier: BSD-3-Clause */
/* How far two cores are from each other: a word in a cache line goes from one to the other and back.
 *
 *     bench_cores ONE OTHER       prints "rtt MEDIAN P99 MEAN", microseconds
 *
 * What a virtual machine calls its cores lies now here, now there in the host; two that share a cache are
 * several times nearer than two that do not. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "samples.h"

#define SAMPLES 500u
#define TRIPS   200u /* in each */

static _Alignas(128) atomic_uint word;

static void pin(int core)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(core, &set);
    if (sched_setaffinity(0, sizeof(set), &set) != 0) {
        fprintf(stderr, "bench_cores: there is no core %d\n", core);
        exit(1);
    }
}

static void await(unsigned value)
{
    while (atomic_load_explicit(&word, memory_order_acquire) != value)
        ;
}

static void *answer(void *core)
{
    pin(*(int *)core);
    for (unsigned i = 0; i < SAMPLES * TRIPS; i++) {
        await(2 * i + 1);
        atomic_store_explicit(&word, 2 * i + 2, memory_order_release);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    static uint32_t ns[SAMPLES];
    pthread_t other;

    if (argc != 3) {
        fputs("usage: bench_cores ONE OTHER\n", stderr);
        return 2;
    }
    int one = atoi(argv[1]), two = atoi(argv[2]);
    pin(one);
    if (pthread_create(&other, NULL, answer, &two) != 0)
        return 1;
    for (unsigned s = 0, i = 0; s < SAMPLES; s++) {
        uint64_t start = clock_ns();
        for (unsigned trip = 0; trip < TRIPS; trip++, i++) {
            atomic_store_explicit(&word, 2 * i + 1, memory_order_release);
            await(2 * i + 2);
        }
        ns[s] = (uint32_t)((clock_ns() - start) / TRIPS);
    }
    pthread_join(other, NULL);
    samples_print(ns, SAMPLES);
    return 0;
}
