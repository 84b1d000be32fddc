/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Makes, changes and removes single entries below DIR. Somebody else may be able to write in DIR, and may even mean
 * harm: every path is walked one component at a time without following links, and never onto another file system.
 * Main thread. All return 0 or a negative errno; -EEXIST: something that is not ours is there. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "sync/entries.h"
#include "sync/place.h"

struct files {
    const struct place *place;
    int root_fd;       /* paths start here, borrowed */
    size_t skip_bytes; /* that much of each path is passed over */
    uid_t uid;
    gid_t gid;
    mode_t mode;  /* of files */
    char *folder; /* the directory opened last, or NULL */
    int folder_fd;
    uint64_t count; /* of what was put into new/ */
};

/* `place` is borrowed. */
void files_init(struct files *files, const struct place *place, uid_t uid, gid_t gid, mode_t mode);
void files_clear(struct files *files);

/* Is the name free? A directory that is there may be used as well, though it is not ours: 1. */
int files_look(struct files *files, const struct entry *entry);

/* A file or link is made in new/ and renamed, over the one that is there if `replace`. */
int files_make(struct files *files, const struct entry *entry, bool replace);

/* A directory with all that is in it (the `count` entries that follow) appears at once, or not at all. */
int files_make_whole(struct files *files, const struct entry *const *entries, size_t count);

/* Makes true what is there, by an earlier run or before somebody meddled with it. */
int files_check(struct files *files, const struct entry *entry);

/* What is no longer as it was made, or holds what is not ours, is left alone: 0 too. */
int files_remove(struct files *files, const struct entry *entry);

/* Writes a file of .secretsfs. */
int files_put_own(struct files *files, const char *entry, const void *bytes, size_t size_bytes, bool for_all);

/* Where a link leads, as a text of at most `size_bytes` with its NUL. */
int files_read_link(struct files *files, const char *path, char *ret_target, size_t size_bytes);
