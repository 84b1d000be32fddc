/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A list of directories, files and links below DIR, in the order of their paths: what is there, or what is wanted. '/'
 * sorts before every other byte, so a directory stands right before all that is in it. Pure; no thread of its own. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/secret.h"

enum entry_kind {
    ENTRY_DIRECTORY = 'd',
    ENTRY_FILE = 'f',
    ENTRY_LINK = 'l',
};

struct entry {
    char *path;
    enum entry_kind kind;
    bool doubtful;        /* it may be missing or other than it should be: look */
    bool whole;           /* a directory that appears together with all that is in it */
    char *target;         /* of a link; of a file: another that it is linked to if that has the same bytes, or NULL */
    struct secret *bytes; /* of a file, where they stand; may be NULL while doubtful */
    size_t offset;
    size_t size_bytes;
    uint64_t mtime_ns;
    const void *owner; /* the secret that it shows, or NULL; only compared */
};

struct entries {
    struct entry *list;
    size_t count;
    size_t capacity;
};

void entries_clear(struct entries *entries);
#define _cleanup_entries_ _cleanup_(entries_clear)

/* Adds a copy at the end (the bytes are shared). Returns 0 or -ENOMEM. */
int entries_add(struct entries *entries, const struct entry *entry);

/* Puts the list in order. Of several entries with one path one stays: a directory rather than another kind, then what
 * is certain rather than what is doubtful. What lies below a file or a link is dropped. */
void entries_sort(struct entries *entries);

/* In a list that is in order: the index of the first entry at or after a path, and the entry of a path or NULL. */
size_t entries_first(const struct entries *entries, const char *path);
const struct entry *entries_find(const struct entries *entries, const char *path);

/* < 0, 0, > 0, in the order of the list. */
int entry_compare(const char *path, const char *other);

/* Does a path lie below a directory? */
bool entry_is_below(const char *path, const char *directory);

/* True for two files that certainly have the same bytes, links with the same target, and directories. */
bool entry_is_same(const struct entry *a, const struct entry *b);

/* The paths and kinds as a text, "f prod/db/password" and a NUL for each, and the way back, where every entry is
 * doubtful. The text may have been tampered with: a path that could lead out of DIR, or is not in order, is -EBADMSG.
 * Both return 0 or a negative errno. */
int entries_write(const struct entries *entries, struct buffer *text);
int entries_parse(const char *text, size_t text_bytes, struct entries *ret_entries);
