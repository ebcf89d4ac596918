/* SPDX-License-Identifier: BSD-3-Clause */
/* plx-doctor: findings about this machine, each with the command to run next. Looks only; changes
 * nothing, opens no device, starts no EAL. */
#ifndef DOCTOR_DOCTOR_H
#define DOCTOR_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app.h"

enum verdict {
    VERDICT_OK,   /* as good as it gets */
    VERDICT_NOTE, /* works, could be better */
    VERDICT_NO,   /* does not work here, or not for this user */
};

struct finding {
    const char *section; /* "machine", "nics", "wires"; static */
    char name[64];       /* what it is about: "hugepages", "tap:NAME" */
    enum verdict verdict;
    char says[320];
    char next[320]; /* a command, or "" */
};

struct report {
    struct finding *list;
    unsigned n, room;
    bool out_of_memory;
};

/* Adds one. says and next are formatted by finding_says and finding_next. The pointer is good until the next
 * call. */
struct finding *report_add(struct report *r, const char *section, const char *name, enum verdict verdict);
void finding_says(struct finding *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void finding_next(struct finding *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void report_print(const struct report *r);
void report_print_json(const struct report *r);
void report_free(struct report *r);

/* What several checks need to know, found once. */
struct machine {
    const char *sudo; /* "sudo " or "" */
    bool root;
    bool net_admin, net_raw; /* capabilities, effective */
    bool bpf;                /* CAP_BPF or CAP_SYS_ADMIN */
    bool iommu;
    bool vfio;               /* vfio-pci is loaded or at hand */
    bool noiommu;            /* vfio without IOMMU is switched on */
    bool uio;                /* uio_pci_generic is loaded or at hand */
    unsigned free_hugepages; /* of any size */
    unsigned dpdk_nics;      /* bound to a driver that DPDK can use */
    unsigned nics;
};

void machine_examine(struct machine *m, struct report *r);
void nics_examine(struct machine *m, struct report *r);
void wires_examine(const struct machine *m, struct report *r);

/* sysfs.c: small files. */
/* The first line without its newline; false when it cannot be read. */
bool file_line(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Decimal or 0x...; `otherwise` when it cannot be read. */
uint64_t file_number(uint64_t otherwise, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The last part of what a symbolic link points to; false when there is none. */
bool link_name(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
bool path_exists(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Entries of a directory but . and .., 0 when there is none. */
unsigned dir_count(const char *path);

/* pmd.c: DPDK's drivers as installed. */
/* Is librte_net_NAME there? */
bool pmd_installed(const char *name);
/* The name of the driver for a PCI device, "net_ixgbe"; false when there is none. */
bool pmd_for_pci(uint16_t vendor, uint16_t device, char *name, size_t size);

#endif
