/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The set of names that are known to exist: what ListSecrets told and what --secret says. Immutable once it
 * is built, compact (a region may hold 500,000 names), counted by reference (atomic), so that a fetcher can build
 * the next one while the loop serves from this one.
 *
 * A path is a name without its one leading slash. Names are kept in the order of their paths, with '/' before every
 * other byte, so that all names below a directory stand together and right after it. */

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

struct names;

enum name_kind {
    NAME_SECRET,
    NAME_PREFIX, /* the directory of a pattern: it exists, but there may be no secret of that name */
};

struct names_builder;

int names_builder_new(struct names_builder **ret_builder);
void names_builder_free(struct names_builder *builder);
DEFINE_CLEANUP(struct names_builder, names_builder_free)

/* Adds a name as AWS has it (a leading slash stays). Names whose path is empty, or with a component that does
 * not fit a directory entry, are left out and counted. Returns 0, -ENOMEM, or -EFBIG (over 500 MB of names). */
int names_builder_add(struct names_builder *builder, enum name_kind kind, const char *name);

/* Sorts, drops duplicates (of "/a" and "a" the one without the slash stays; a secret beats a prefix) and
 * empties the builder. */
int names_builder_finish(struct names_builder *builder, struct names **ret_names);

struct names *names_ref(struct names *names);
void names_unref(struct names *names);
DEFINE_CLEANUP(struct names, names_unref)
#define _cleanup_names_ _cleanup_(names_unrefp)

size_t names_count(const struct names *names);
size_t names_skipped(const struct names *names);

/* The name at a path exactly, as AWS has it (with its leading slash), or NULL. */
const char *names_find(const struct names *names, const char *path, enum name_kind *ret_kind);

/* True when a name lies below the directory `path` (NULL is the root; "" is the directory of an empty component). */
bool names_has_below(const struct names *names, const char *path);

/* Walks over the distinct first components below a directory: `*position` starts at 0 and is moved on.
 * Returns true with a component (not NUL-terminated, points into the set), or false at the end. */
bool names_next_child(const struct names *names, const char *path, size_t *position, const char **ret_component,
                      size_t *ret_bytes);

/* Calls `each` for every path that only one of the two sets holds. Either may be NULL. */
void names_diff(const struct names *before, const struct names *after,
                void (*each)(void *context, const char *path, bool added), void *context);
