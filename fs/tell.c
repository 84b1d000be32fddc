/* SPDX-License-Identifier: Apache-2.0 */

/* The announcements of one turn of the loop, on their way to the announcer. They are plain values, made while the
 * state is at hand; what the kernel does not know is not announced. */
#include <stdlib.h>
#include <string.h>

#include "fs/state.h"

void announce(struct fs *fs, enum announcement_kind kind, bool is_directory, const struct inode *directory,
              const char *entry, size_t size_bytes)
{
    if (directory->lookups == 0)
        return;
    char *path = inode_path(directory);
    struct announcement *a = path ? calloc(1, sizeof(*a)) : NULL;
    if (!a || !(a->entry = strdup(entry))) {
        free(path);
        free(a);
        return;
    }
    a->kind = kind;
    a->directory = is_directory;
    a->parent = directory->number;
    a->path = path;
    a->size_bytes = size_bytes;
    *fs->announcements_end = a;
    fs->announcements_end = &a->next;
}

void announce_link(struct fs *fs, const struct inode *directory, const char *entry, const char *target)
{
    struct announcement **end = fs->announcements_end;
    announce(fs, ANNOUNCE_LINKED, false, directory, entry, 0);
    if (*end)
        (*end)->target = strdup(target);
}

void announce_inode(struct fs *fs, enum announcement_kind kind, const struct inode *inode)
{
    struct announcement *a = inode->lookups > 0 ? calloc(1, sizeof(*a)) : NULL;
    if (!a)
        return;
    a->kind = kind;
    a->number = inode->number;
    a->size_bytes = inode->size_bytes;
    *fs->announcements_end = a;
    fs->announcements_end = &a->next;
}

void announcements_post(struct fs *fs)
{
    struct announcement *first = STEAL(fs->announcements);
    fs->announcements_end = &fs->announcements;
    if (fs->announcer && !fs->stopping)
        announcer_post(fs->announcer, first);
    else
        announcement_free_all(first);
}
