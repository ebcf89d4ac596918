/* SPDX-License-Identifier: BSD-3-Clause */
/* Which process has a NIC, as a made-up /proc and /sys say it. */
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "netdev/pci_use.h"
#include "support/context.h"

#define NIC    "0000:03:00.0"
#define DEVICE "/sys/bus/pci/devices/" NIC
#define ROOM   512

/* No process of the machine has such numbers. */
#define OURS    2000000001
#define FOREIGN 2000000002
#define IDLE    2000000003

static char root[64];

/* ---- the tree ---- */

/* The name below the root, its directories made. */
static const char *in_tree(char path[ROOM], const char *fmt, ...)
{
    va_list args;
    int n = snprintf(path, ROOM, "%s", root);
    va_start(args, fmt);
    vsnprintf(path + n, (size_t)(ROOM - n), fmt, args);
    va_end(args);
    for (char *p = path + n + 1; *p != '\0'; p++) {
        if (*p == '/') {
            *p = '\0';
            (void)mkdir(path, 0700);
            *p = '/';
        }
    }
    return path;
}

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static void process_add(int pid, const char *name, const char *opened)
{
    char path[ROOM];
    put(in_tree(path, "/proc/%d/comm", pid), name);
    assert_int_equal(symlink("/dev/null", in_tree(path, "/proc/%d/fd/0", pid)), 0);
    assert_int_equal(symlink(opened, in_tree(path, "/proc/%d/fd/17", pid)), 0);
}

static int tree_make(void **state)
{
    char path[ROOM];
    strcpy(root, "/tmp/plx-pci-XXXXXX");
    assert_non_null(mkdtemp(root));
    put(in_tree(path, DEVICE "/config"), "");
    process_add(IDLE, "sshd\n", "/dev/ptmx");
    return 0;
}

static int one_remove(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    return remove(path);
}

static int tree_remove(void **state)
{
    return nftw(root, one_remove, 8, FTW_DEPTH | FTW_PHYS);
}

/* The device in an IOMMU group, which vfio made up when it has a name. */
static void group_add(const char *name)
{
    char path[ROOM];
    if (name != NULL)
        put(in_tree(path, "/sys/kernel/iommu_groups/26/name"), name);
    assert_int_equal(symlink("../../../../kernel/iommu_groups/26", in_tree(path, DEVICE "/iommu_group")), 0);
}

static void uio_add(void)
{
    char path[ROOM];
    put(in_tree(path, DEVICE "/uio/uio1/name"), "uio_pci_generic\n");
}

/* A line of /proc/locks on the device's configuration space, or on a file that only has its inode. */
static void lock_add(int pid, unsigned other_device)
{
    char path[ROOM], line[ROOM];
    struct stat st;
    assert_int_equal(stat(in_tree(path, DEVICE "/config"), &st), 0);
    snprintf(
        line, sizeof(line),
        "1: POSIX  ADVISORY  WRITE 812 00:19:1043 0 EOF\n2: FLOCK  ADVISORY  WRITE %d %02x:%02x:%lu 0 EOF\n",
        pid, major(st.st_dev) + other_device, minor(st.st_dev), st.st_ino);
    put(in_tree(path, "/proc/locks"), line);
}

static void user_is(int pid, const char *name)
{
    struct pci_user user;
    assert_true(pci_use_find(root, NIC, &user));
    assert_int_equal(user.pid, pid);
    assert_string_equal(user.name, name);
}

static void nobody_has_it(void)
{
    struct pci_user user;
    assert_false(pci_use_find(root, NIC, &user));
}

static void file_is(const char *expected)
{
    char file[PCI_FILE];
    assert_true(pci_use_file(root, NIC, file));
    assert_string_equal(file, expected);
}

/* ---- the cases ---- */

static void no_driver_that_gives_it_away(void **state)
{
    char file[PCI_FILE];
    process_add(FOREIGN, "dpdk-testpmd\n", "/dev/uio1");
    assert_false(pci_use_file(root, NIC, file));
    nobody_has_it();
}

static void a_program_of_ours_by_its_lock(void **state)
{
    uio_add();
    lock_add(OURS, 0);
    process_add(OURS, "plx-echo\n", "/dev/null"); /* as another user sees it */
    user_is(OURS, "plx-echo");
}

static void an_inode_of_another_disk_is_another_file(void **state)
{
    uio_add();
    lock_add(OURS, 1);
    nobody_has_it();
}

/* The lock that this process has taken, on its way to the device, says nothing of others. */
static void this_process_is_no_other(void **state)
{
    uio_add();
    lock_add(getpid(), 0);
    process_add(getpid(), "test\n", "/dev/uio1");
    nobody_has_it();
    process_add(FOREIGN, "testpmd\n", "/dev/uio1");
    user_is(FOREIGN, "testpmd");
}

static void any_program_by_uio(void **state)
{
    uio_add();
    file_is("/dev/uio1");
    process_add(IDLE + 1, "spdk\n", "/dev/uio11"); /* of another device */
    nobody_has_it();
    process_add(FOREIGN, "dpdk-testpmd\n", "/dev/uio1");
    user_is(FOREIGN, "dpdk-testpmd");
}

static void any_program_by_vfio(void **state)
{
    group_add(NULL);
    file_is("/dev/vfio/26");
    nobody_has_it();
    process_add(FOREIGN, "qemu-system-x86\n", "/dev/vfio/26");
    user_is(FOREIGN, "qemu-system-x86");
}

/* QEMU with -object iommufd opens the device and not its group. */
static void any_program_by_the_device_of_vfio(void **state)
{
    char path[ROOM];
    group_add(NULL);
    put(in_tree(path, DEVICE "/vfio-dev/vfio3/dev"), "511:3\n");
    file_is("/dev/vfio/26");
    process_add(IDLE + 1, "spdk\n", "/dev/vfio/devices/vfio30"); /* another device */
    nobody_has_it();
    process_add(FOREIGN, "qemu-system-x86\n", "/dev/vfio/devices/vfio3");
    user_is(FOREIGN, "qemu-system-x86");
}

static void vfio_without_an_IOMMU_has_other_names(void **state)
{
    group_add("vfio-noiommu\n");
    file_is("/dev/vfio/noiommu-26");
    process_add(FOREIGN, "vpp_main\n", "/dev/vfio/noiommu-26");
    user_is(FOREIGN, "vpp_main");
}

/* Bound to uio behind an IOMMU: it has a group, but vfio does not have it. */
static void uio_behind_an_IOMMU(void **state)
{
    group_add(NULL);
    uio_add();
    file_is("/dev/uio1");
}

static void ways(void **state)
{
    assert_int_equal(pci_way(""), PCI_WAY_NONE);
    assert_int_equal(pci_way("ixgbe"), PCI_WAY_NONE);
    assert_int_equal(pci_way("vfio-pci"), PCI_WAY_VFIO);
    assert_int_equal(pci_way("uio_pci_generic"), PCI_WAY_UIO);
    assert_int_equal(pci_way("igb_uio"), PCI_WAY_UIO);
    assert_int_equal(pci_way("mlx5_core"), PCI_WAY_BESIDE);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, tree_make, tree_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(no_driver_that_gives_it_away),
        CASE(a_program_of_ours_by_its_lock),
        CASE(an_inode_of_another_disk_is_another_file),
        CASE(this_process_is_no_other),
        CASE(any_program_by_uio),
        CASE(any_program_by_vfio),
        CASE(any_program_by_the_device_of_vfio),
        CASE(vfio_without_an_IOMMU_has_other_names),
        CASE(uio_behind_an_IOMMU),
        cmocka_unit_test(ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
