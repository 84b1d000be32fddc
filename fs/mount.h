/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Attaching the FUSE session to the mountpoint; the essay is in mount.c. Main thread. */

#include <stdbool.h>

#include "base/error.h"

struct fuse_session;

struct mount {
    const char *mountpoint; /* borrowed */
    int clone_fd;           /* private writable handle for the announcer, or -1 */
    int mount_id;           /* as in /proc/self/mountinfo, or -1 */
    int mountinfo_fd;       /* polls with POLLPRI when the table of mounts changes, or -1 */
    bool by_helper;         /* mounted by fusermount3 */
};

/* Mounts `session` on the mountpoint, replacing a dead mount ("Transport endpoint is not connected") there. Returns 0,
 * or a negative errno with the error filled, saying what to do. */
int mount_attach(struct mount *mount, struct fuse_session *session, const char *mountpoint, struct error *ret_error);

/* Is it still mounted? Cheap; for the loop, when mountinfo_fd polls. */
bool mount_is_there(const struct mount *mount);

/* The mount that a path lies on, as in /proc/self/mountinfo, without asking its file system; or a negative errno. */
int mount_id_at(const char *path);

/* Detaches (lazily) what mount_attach() has mounted, unless somebody has mounted over it. May block on the mount
 * itself: not on the loop. */
void mount_detach(const struct mount *mount, struct fuse_session *session);

/* Detaches whatever dead FUSE mount stands at a path. Returns 1 if there was one, 0 if not, or a negative errno. */
int mount_clear_dead(const char *mountpoint);
