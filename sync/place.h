/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* DIR: whether it may be written to, and what marks it as ours.
 *
 *     DIR/.secretsfs/           ours alone (root's or the user's who runs secretsfs); it marks DIR
 *         lock                  locked while a sync runs, which touches it every few seconds
 *         made                  what was made in DIR (see entries_write()), so that nothing else is ever removed
 *         new/                  where files are written before they are renamed to their place
 *         status.json
 *
 * Main thread. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/error.h"

#define PLACE_ENTRY ".secretsfs"

#define PLACE_TOUCH_SECONDS 10
#define PLACE_SILENT_SECONDS 30

struct place {
    int directory_fd; /* DIR */
    int own_fd;       /* DIR/.secretsfs */
    int new_fd;       /* DIR/.secretsfs/new */
    int lock_fd;
    dev_t device;
    bool on_disk;
};

/* Opens DIR, marks and locks it, and clears what a sync that crashed left half done. Refuses a directory that is not
 * ours and not empty and, unless `allow_disk`, one that is not in memory. Returns 0, or a negative errno with the
 * error filled. */
int place_open(const char *directory, bool allow_disk, struct place *ret_place, struct error *ret_error);

/* Lets go of DIR; with `remove` also of what marks it. */
void place_close(struct place *place, bool remove);

/* Reads a file of .secretsfs. Returns 0, or a negative errno: -ENOENT, -EFBIG. */
int place_read(const struct place *place, const char *entry, struct buffer *text);

/* Removes all that is in a directory, never following a link, and at last the directory itself. Only for directories
 * that are ours alone. Returns 0 or a negative errno. */
int place_remove_all(int parent_fd, const char *entry);

/* From any process: does a sync keep DIR now? Returns 0; -ENOENT when DIR was not made by one; -ESRCH when none runs;
 * -ESTALE when one runs and has been silent for PLACE_SILENT_SECONDS; -EACCES when DIR is another user's; or another
 * negative errno. */
int place_look(const char *directory);
