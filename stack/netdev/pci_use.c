/* SPDX-License-Identifier: BSD-3-Clause */
#include "netdev/pci_use.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define USE_PATH 512
#define USE_NAME 33 /* of a device of the kernel's: "uio1" */

enum pci_way pci_way(const char *driver)
{
    if (strcmp(driver, "vfio-pci") == 0)
        return PCI_WAY_VFIO;
    if (strcmp(driver, "uio_pci_generic") == 0 || strcmp(driver, "igb_uio") == 0)
        return PCI_WAY_UIO;
    if (strcmp(driver, "mlx4_core") == 0 || strcmp(driver, "mlx5_core") == 0)
        return PCI_WAY_BESIDE;
    return PCI_WAY_NONE;
}

/* ---- its file ---- */

const char *pci_use_line(const char *path, char line[PCI_LINE])
{
    FILE *f = fopen(path, "re");
    if (f == NULL || fgets(line, PCI_LINE, f) == NULL)
        line[0] = '\0';
    if (f != NULL)
        fclose(f);
    line[strcspn(line, "\n")] = '\0';
    return line;
}

/* The device that the kernel has made for it in a class, by the class's folder and the first letters of its
 * names: one has one. */
static bool class_device(const char *root, const char *addr, const char *folder, const char *stem,
                         char name[USE_NAME])
{
    char path[USE_PATH];
    struct dirent *e;
    bool found = false;

    snprintf(path, sizeof(path), "%s" PCI_DEVICES "/%s/%s", root, addr, folder);
    DIR *dir = opendir(path);
    while (dir != NULL && !found && (e = readdir(dir)) != NULL) {
        found = strncmp(e->d_name, stem, strlen(stem)) == 0;
        snprintf(name, USE_NAME, "%.32s", e->d_name);
    }
    if (dir != NULL)
        closedir(dir);
    return found;
}

static bool uio_file(const char *root, const char *addr, char file[PCI_FILE])
{
    char name[USE_NAME];

    if (!class_device(root, addr, "uio", "uio", name))
        return false;
    snprintf(file, PCI_FILE, "/dev/%s", name);
    return true;
}

/* Since Linux 6.6 a process may open the device instead of its group: one way or the other, never both. */
static bool vfio_device_file(const char *root, const char *addr, char file[PCI_FILE])
{
    char name[USE_NAME];

    if (!class_device(root, addr, "vfio-dev", "vfio", name))
        return false;
    snprintf(file, PCI_FILE, "/dev/vfio/devices/%s", name);
    return true;
}

/* Without an IOMMU, vfio makes up a group, whose file has a name that warns. */
static bool vfio_file(const char *root, const char *addr, char file[PCI_FILE])
{
    char path[USE_PATH], link[PCI_LINE], name[PCI_LINE];

    snprintf(path, sizeof(path), "%s" PCI_DEVICES "/%s/iommu_group", root, addr);
    ssize_t n = readlink(path, link, sizeof(link) - 1);
    if (n <= 0)
        return false;
    link[n] = '\0';
    const char *slash = strrchr(link, '/');
    snprintf(path, sizeof(path), "%s" PCI_DEVICES "/%s/iommu_group/name", root, addr);
    bool none = strcmp(pci_use_line(path, name), "vfio-noiommu") == 0;
    snprintf(file, PCI_FILE, "/dev/vfio/%s%.32s", none ? "noiommu-" : "", slash != NULL ? slash + 1 : link);
    return true;
}

bool pci_use_file(const char *root, const char *addr, char file[PCI_FILE])
{
    return uio_file(root, addr, file) || vfio_file(root, addr, file);
}

/* ---- who has it ---- */

/* Programs of ours hold a lock on the device's configuration space. 0: none does. */
static int lock_owner(const char *root, const char *addr)
{
    char path[USE_PATH], line[PCI_LINE];
    struct stat st;
    int found = 0;

    snprintf(path, sizeof(path), "%s" PCI_DEVICES "/%s/config", root, addr);
    if (stat(path, &st) != 0)
        return 0;
    snprintf(path, sizeof(path), "%s/proc/locks", root);
    FILE *f = fopen(path, "re");
    while (f != NULL && found == 0 && fgets(line, sizeof(line), f) != NULL) {
        unsigned major, minor;
        unsigned long inode;
        int pid;
        if (sscanf(line, "%*s FLOCK %*s %*s %d %x:%x:%lu", &pid, &major, &minor, &inode) == 4 &&
            inode == st.st_ino && makedev(major, minor) == st.st_dev && pid != getpid())
            found = pid;
    }
    if (f != NULL)
        fclose(f);
    return found;
}

static bool process_has(const char *root, int pid, const char *file)
{
    char path[USE_PATH], link[PCI_LINE];
    struct dirent *e;
    bool found = false;

    snprintf(path, sizeof(path), "%s/proc/%d/fd", root, pid);
    DIR *dir = opendir(path);
    while (dir != NULL && !found && (e = readdir(dir)) != NULL) {
        snprintf(path, sizeof(path), "%s/proc/%d/fd/%.32s", root, pid, e->d_name);
        ssize_t n = readlink(path, link, sizeof(link) - 1);
        link[n > 0 ? n : 0] = '\0';
        found = strcmp(link, file) == 0;
    }
    if (dir != NULL)
        closedir(dir);
    return found;
}

/* The process that has `file` open; 0: none. */
static int process_with(const char *root, const char *file)
{
    char path[USE_PATH];
    struct dirent *e;
    int found = 0;

    snprintf(path, sizeof(path), "%s/proc", root);
    DIR *dir = opendir(path);
    while (dir != NULL && found == 0 && (e = readdir(dir)) != NULL) {
        int pid = atoi(e->d_name);
        if (pid > 0 && pid != getpid() && process_has(root, pid, file))
            found = pid;
    }
    if (dir != NULL)
        closedir(dir);
    return found;
}

bool pci_use_find(const char *root, const char *addr, struct pci_user *user)
{
    char file[PCI_FILE], path[USE_PATH], line[PCI_LINE];

    user->pid = lock_owner(root, addr);
    if (user->pid == 0 && pci_use_file(root, addr, file))
        user->pid = process_with(root, file);
    if (user->pid == 0 && vfio_device_file(root, addr, file))
        user->pid = process_with(root, file);
    snprintf(path, sizeof(path), "%s/proc/%d/comm", root, user->pid);
    snprintf(user->name, sizeof(user->name), "%.15s", pci_use_line(path, line));
    return user->pid != 0;
}
