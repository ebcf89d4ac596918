/* SPDX-License-Identifier: BSD-3-Clause */
/* In place of libFuzzer where the compiler has none: runs every file named, or in the directories named,
 * and mutations of them for -max_total_time=SECONDS. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define INPUT_MAX 8192
#define FILES_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
    uint8_t *data;
    size_t size;
} inputs[FILES_MAX];
static unsigned n_inputs;

static void read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL || n_inputs == FILES_MAX) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(2);
    }
    inputs[n_inputs].data = malloc(INPUT_MAX);
    inputs[n_inputs].size = fread(inputs[n_inputs].data, 1, INPUT_MAX, f);
    n_inputs++;
    fclose(f);
}

static void read_path(const char *path)
{
    struct stat st;
    char name[1024];
    DIR *d = stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? opendir(path) : NULL;
    if (d == NULL) {
        read_file(path);
        return;
    }
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
        read_file(name);
    }
    closedir(d);
}

static uint32_t dice(uint64_t *s, uint32_t n)
{
    *s = *s * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((*s >> 33) % n);
}

static size_t mutate(uint8_t *p, size_t n, uint64_t *s)
{
    for (uint32_t i = 1 + dice(s, 6); i != 0 && n > 0; i--) {
        size_t at = dice(s, (uint32_t)n), other = dice(s, (uint32_t)n);
        switch (dice(s, 5)) {
        case 0:
            p[at] ^= (uint8_t)(1u << dice(s, 8));
            break;
        case 1:
            p[at] = (uint8_t)dice(s, 256);
            break;
        case 2:
            memmove(p + at, p + other, n - (at > other ? at : other));
            break;
        case 3:
            n = n > 8 && dice(s, 8) == 0 ? at + 1 : n;
            break;
        default:
            p[at] = p[other];
        }
    }
    return n;
}

int main(int argc, char **argv)
{
    static uint8_t buf[INPUT_MAX];
    unsigned seconds = 0;
    unsigned long runs = 0;
    for (int i = 1; i < argc; i++) {
        if (sscanf(argv[i], "-max_total_time=%u", &seconds) != 1 && argv[i][0] != '-')
            read_path(argv[i]);
    }
    for (unsigned i = 0; i < n_inputs; i++, runs++)
        LLVMFuzzerTestOneInput(inputs[i].data, inputs[i].size);
    uint64_t seed = (uint64_t)time(NULL);
    time_t end = time(NULL) + seconds;
    printf("fuzz: %u inputs run; mutations with seed %llu\n", n_inputs, (unsigned long long)seed);
    fflush(stdout);
    while (n_inputs != 0 && time(NULL) < end) {
        unsigned pick = dice(&seed, n_inputs);
        memcpy(buf, inputs[pick].data, inputs[pick].size);
        LLVMFuzzerTestOneInput(buf, mutate(buf, inputs[pick].size, &seed));
        runs++;
    }
    printf("fuzz: %lu runs\n", runs);
    return 0;
}
