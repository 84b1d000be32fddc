/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/mountpoint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/mountinfo.h"
#include "fs/mount.h"

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
    int r = mount_id_at(path);
    if (r >= 0)
        r = find_mount((uint64_t)r, &mount);
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
