/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/mountpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "cli/mountinfo.h"

char *mountpoint_absolute(const char *path)
{
    char *whole = realpath(path, NULL);
    if (whole || errno != ENOTCONN)
        return whole;
    _cleanup_free_ char *copy = strdup(path);
    if (!copy)
        return NULL;
    size_t bytes = strlen(copy);
    while (bytes > 1 && copy[bytes - 1] == '/')
        copy[--bytes] = '\0';
    char *slash = strrchr(copy, '/');
    const char *entry = slash ? slash + 1 : copy;
    if (slash)
        *slash = '\0';
    _cleanup_free_ char *parent = realpath(!slash ? "." : copy[0] != '\0' ? copy : "/", NULL);
    if (!parent || asprintf(&whole, "%s/%s", strcmp(parent, "/") == 0 ? "" : parent, entry) < 0)
        return NULL;
    return whole;
}

/* The mount that a path lies on, without asking its file system. */
static int read_mount_id(const char *path, uint64_t *ret_id)
{
    char name[64];
    char line[128];
    _cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    (void)snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
    _cleanup_fclose_ FILE *info = fopen(name, "re");
    while (info && fgets(line, sizeof(line), info)) {
        const char *number = line + strspn(line, "mnt_id:\t");
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "mnt_id:", 7) == 0)
            return parse_uint(number, 0, UINT64_MAX, ret_id);
    }
    return -ENOENT;
}

static int find_mount(uint64_t id, struct mountinfo *ret_mount)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t bytes;
    int r = -ENOENT;
    _cleanup_fclose_ FILE *table = fopen("/proc/self/mountinfo", "re");
    while (table && r < 0 && (bytes = getline(&line, &size, table)) > 0) {
        struct mountinfo mount;
        if (mountinfo_parse(line, (size_t)bytes, &mount) < 0 || mount.id != id)
            continue;
        *ret_mount = mount;
        r = 0;
    }
    free(line);
    return r;
}

int mountpoint_check_shared(const char *path, struct error *ret_error)
{
    struct mountinfo mount = {0};
    uint64_t id = 0;
    int r = read_mount_id(path, &id);
    if (r >= 0)
        r = find_mount(id, &mount);
    /* A dead mount of ours is about to be replaced: what counts is the one below it. */
    if (r >= 0 && strcmp(mount.type, "fuse.secretsfs") == 0 && strcmp(mount.mountpoint, path) == 0)
        r = find_mount(mount.parent_id, &mount);
    if (r < 0)
        return error_set(ret_error, ERROR_INTERNAL, "cannot find out whether %s is shared: %s", path, strerror(-r));
    if (mount.shared)
        return 0;
    return error_set(
        ret_error, ERROR_BAD_REQUEST,
        "%s lies on %s, which is not shared: no other container would see the mount. Mount in a folder that "
        "is shared: -v DIR:FOLDER:rshared (docker, podman), mountPropagation: Bidirectional (Kubernetes); on a "
        "host: mount --bind FOLDER FOLDER && mount --make-rshared FOLDER",
        path, mount.mountpoint);
}
