/* SPDX-License-Identifier: Apache-2.0 */

/* Read-only for all, writable for one.
 *
 * The kernel is told not to send OPEN, so the daemon could not refuse a writable descriptor, and a privileged process
 * could map a file shared and change the page cache under every reader. Hence the mount that everybody sees is
 * read-only in the VFS. But the announcer must be able to write (it makes events by truncating files to the size they
 * have), so the superblock stays writable, and the announcer gets a detached clone of the mount whose read-only flag is
 * cleared. The new mount API does this in five steps; nobody ever sees a writable mount at the mountpoint.
 *
 * The clone keeps the superblock alive when somebody else unmounts, so the loop watches /proc/self/mountinfo.
 *
 * Without privilege fusermount3 mounts. Then the mount is writable for the kernel, OPEN is answered and refuses
 * writers, and the announcer works through the mountpoint. */
#include "fs/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <limits.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "fs/device.h"

#define SOURCE_NAME "secretsfs"

static int read_mount_id(int mount_fd)
{
    char path[64];
    char line[128];
    int id = -ENOENT;
    (void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", mount_fd);
    _cleanup_fclose_ FILE *info = fopen(path, "re");
    while (info && fgets(line, sizeof(line), info))
        if (strncmp(line, "mnt_id:", 7) == 0)
            id = (int)strtol(line + 7, NULL, 10);
    return id;
}

int mount_id_at(const char *path)
{
    _cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);
    return fd < 0 ? -errno : read_mount_id(fd);
}

bool mount_is_there(const struct mount *mount)
{
    if (mount->mount_id < 0)
        return true;
    char *line = NULL;
    size_t size = 0;
    bool found = false;
    _cleanup_fclose_ FILE *table = fopen("/proc/self/mountinfo", "re");
    while (table && !found && getline(&line, &size, table) > 0)
        found = strtol(line, NULL, 10) == mount->mount_id;
    free(line);
    return found || !table;
}

static int set_text(int context, const char *key, const char *value)
{
    return fsconfig(context, FSCONFIG_SET_STRING, key, value, 0) < 0 ? -errno : 0;
}

static int configure(int context, int device)
{
    char number[16];
    char user[16];
    char group[16];
    (void)snprintf(number, sizeof(number), "%d", device);
    /* Our own: in a user namespace there may be no 0. */
    (void)snprintf(user, sizeof(user), "%u", geteuid());
    (void)snprintf(group, sizeof(group), "%u", getegid());
    const char *const settings[][2] = {{"fd", number},        {"rootmode", "40000"},        {"user_id", user},
                                       {"group_id", group},   {"source", SOURCE_NAME},      {"subtype", SOURCE_NAME},
                                       {"allow_other", NULL}, {"default_permissions", NULL}};
    for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++) {
        const char *key = settings[i][0];
        int r = settings[i][1] ? set_text(context, key, settings[i][1])
                               : (fsconfig(context, FSCONFIG_SET_FLAG, key, NULL, 0) < 0 ? -errno : 0);
        if (r < 0)
            return r;
    }
    return fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 ? -errno : 0;
}

/* The visible mount, read-only; and its writable clone. */
static int mount_both(const char *mountpoint, int context, struct mount *mount)
{
    const unsigned attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    struct mount_attr writable = {.attr_clr = MOUNT_ATTR_RDONLY};
    _cleanup_close_ int visible = fsmount(context, FSMOUNT_CLOEXEC, attributes);
    if (visible < 0 || move_mount(visible, "", AT_FDCWD, mountpoint, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return -errno;
    /* After that, because older kernels clone only what is attached. */
    _cleanup_close_ int clone = open_tree(visible, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (clone < 0 || mount_setattr(clone, "", AT_EMPTY_PATH, &writable, sizeof(writable)) < 0) {
        int r = -errno;
        (void)umount2(mountpoint, MNT_DETACH | UMOUNT_NOFOLLOW);
        return r;
    }
    mount->mount_id = read_mount_id(visible);
    mount->clone_fd = steal_fd(&clone);
    return 0;
}

static int attach_privileged(struct mount *mount, struct fuse_session *session)
{
    _cleanup_close_ int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (device < 0)
        return -errno;
    _cleanup_close_ int context = fsopen("fuse", FSOPEN_CLOEXEC);
    int r = context < 0 ? -errno : configure(context, device);
    if (r >= 0)
        r = mount_both(mount->mountpoint, context, mount);
    if (r < 0)
        return r;
    r = device_use(session, device);
    if (r < 0) {
        (void)umount2(mount->mountpoint, MNT_DETACH | UMOUNT_NOFOLLOW);
        (void)close(mount->clone_fd);
        mount->clone_fd = -1;
        return r;
    }
    (void)steal_fd(&device); /* it is the session's now */
    return 0;
}

/* Who could not mount without fusermount3 cannot unmount without it. */
static bool unmount_by_helper(const char *mountpoint)
{
    char *const arguments[] = {(char *)(uintptr_t) "fusermount3", (char *)(uintptr_t) "-quz", (char *)(uintptr_t) "--",
                               (char *)(uintptr_t)mountpoint, NULL};
    pid_t child;
    int status = 0;
    return posix_spawnp(&child, arguments[0], NULL, NULL, arguments, environ) == 0 &&
           waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* statvfs(), because the kernel answers stat() from its cache long after a daemon has died. */
int mount_clear_dead(const char *mountpoint)
{
    struct statvfs status;
    if (statvfs(mountpoint, &status) == 0)
        return 0;
    if (errno != ENOTCONN && errno != ECONNABORTED)
        return errno == ENOENT ? 0 : -errno;
    if (umount2(mountpoint, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
        return 1;
    int r = -errno;
    return r == -EPERM && unmount_by_helper(mountpoint) ? 1 : r;
}

static int check_mountpoint(const char *mountpoint, struct error *ret_error)
{
    struct stat status;
    char own[PATH_MAX];
    int r = mount_clear_dead(mountpoint);
    if (r > 0)
        log_info("replaced a dead mount at %s", mountpoint);
    if (r < 0)
        return error_set(ret_error, ERROR_INTERNAL, "%s: %s; a dead mount is cleared with: umount -l %s", mountpoint,
                         strerror(-r), mountpoint);
    if (stat(mountpoint, &status) < 0)
        return error_set(ret_error, ERROR_INTERNAL, "%s: %s; create it with: mkdir -p %s", mountpoint, strerror(errno),
                         mountpoint);
    if (snprintf(own, sizeof(own), "%s/.secretsfs", mountpoint) < (int)sizeof(own) && access(own, F_OK) == 0)
        return error_set(ret_error, ERROR_INTERNAL,
                         "%s is a secretsfs mount already; end it with: secretsfs unmount %s", mountpoint, mountpoint);
    if (!S_ISDIR(status.st_mode))
        return error_set(ret_error, ERROR_INTERNAL, "%s is not a directory", mountpoint);
    return 0;
}

static int explain(int r, const char *mountpoint, struct error *ret_error)
{
    if (access("/dev/fuse", F_OK) < 0)
        return error_set(ret_error, ERROR_INTERNAL,
                         "there is no /dev/fuse: load the module (modprobe fuse), or give the container the device "
                         "(--device /dev/fuse --cap-add SYS_ADMIN)");
    if (r == -EPERM || r == -EACCES)
        return error_set(
            ret_error, ERROR_INTERNAL,
            "not permitted to mount on %s: run as root, in a container with --device /dev/fuse --cap-add SYS_ADMIN, or "
            "install fusermount3 (package fuse3) and allow /dev/fuse",
            mountpoint);
    return error_set(ret_error, ERROR_INTERNAL, "cannot mount on %s: %s", mountpoint, strerror(-r));
}

int mount_attach(struct mount *mount, struct fuse_session *session, const char *mountpoint, struct error *ret_error)
{
    *mount = (struct mount){.mountpoint = mountpoint, .clone_fd = -1, .mount_id = -1, .mountinfo_fd = -1};
    int r = check_mountpoint(mountpoint, ret_error);
    if (r < 0)
        return r;
    r = attach_privileged(mount, session);
    if (r < 0) {
        log_debug("the new mount API cannot be used here (%s), asking fusermount3", strerror(-r));
        if (fuse_session_mount(session, mountpoint) != 0 || device_use(session, fuse_session_fd(session)) < 0)
            return explain(r, mountpoint, ret_error);
        mount->by_helper = true;
    }
    mount->mountinfo_fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    return 0;
}

void mount_detach(const struct mount *mount, struct fuse_session *session)
{
    if (mount->by_helper)
        fuse_session_unmount(session);
    else if (!mount_is_there(mount))
        return;
    else if (mount->mount_id >= 0 && mount_id_at(mount->mountpoint) != mount->mount_id)
        log_warning("something else is mounted on %s now: unmount both when that is over", mount->mountpoint);
    else if (umount2(mount->mountpoint, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
        log_warning("cannot unmount %s: %s", mount->mountpoint, strerror(errno));
}
