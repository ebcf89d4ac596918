/* SPDX-License-Identifier: BSD-3-Clause */
/* DPDK's drivers as they lie on the disk. Each carries a string that begins with PMD_INFO_STRING= and
 * says, in JSON, its name and the PCI devices it drives as [vendor, device, subvendor, subdevice]. */
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_build_config.h>

#include "doctor/doctor.h"

#define MARK "PMD_INFO_STRING= "

bool pmd_installed(const char *name)
{
    return path_exists("%s/librte_net_%s.so", RTE_EAL_PMD_PATH, name);
}

/* One info string, `len` bytes without the mark. */
static bool info_matches(const char *info, size_t len, uint16_t vendor, uint16_t device, char *name,
                         size_t size)
{
    static const char name_key[] = "\"name\": \"", ids_key[] = "\"pci_ids\": [";
    char want[32];
    int n = snprintf(want, sizeof(want), "[%u, %u, ", vendor, device);

    const char *at = memmem(info, len, name_key, sizeof(name_key) - 1);
    const char *ids = memmem(info, len, ids_key, sizeof(ids_key) - 1);
    if (at == NULL || ids == NULL || memmem(ids, len - (size_t)(ids - info), want, (size_t)n) == NULL)
        return false;
    at += sizeof(name_key) - 1;
    snprintf(name, size, "%.*s", (int)strcspn(at, "\""), at);
    return true;
}

static bool file_matches(const char *bytes, size_t len, uint16_t vendor, uint16_t device, char *name,
                         size_t size)
{
    const char *end = bytes + len, *at = bytes;

    while ((at = memmem(at, (size_t)(end - at), MARK, sizeof(MARK) - 1)) != NULL) {
        at += sizeof(MARK) - 1;
        size_t n = strnlen(at, (size_t)(end - at));
        if (at + n < end && info_matches(at, n, vendor, device, name, size))
            return true;
    }
    return false;
}

static bool driver_matches(const char *path, uint16_t vendor, uint16_t device, char *name, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    bool found = false;

    if (fd < 0)
        return false;
    if (fstat(fd, &st) == 0 && st.st_size > 0) {
        void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map != MAP_FAILED) {
            found = file_matches(map, (size_t)st.st_size, vendor, device, name, size);
            munmap(map, (size_t)st.st_size);
        }
    }
    close(fd);
    return found;
}

bool pmd_for_pci(uint16_t vendor, uint16_t device, char *name, size_t size)
{
    bool found = false;
    glob_t g;

    if (glob(RTE_EAL_PMD_PATH "/librte_net_*.so", 0, NULL, &g) != 0)
        return false;
    for (size_t i = 0; i < g.gl_pathc && !found; i++)
        found = driver_matches(g.gl_pathv[i], vendor, device, name, size);
    globfree(&g);
    return found;
}
