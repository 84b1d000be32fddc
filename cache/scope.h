/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What `--secret` says exists: names, ARNs and patterns. Without any, everything may exist. Immutable after
 * it is built; loop thread, and fetchers while they list. */

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "cache/names.h"

struct scope;

/* `texts` are the arguments of --secret: a name, an ARN (full, without its suffix, or with `-??????` as in an IAM
 * policy), or either ending in one or more "/" "*" levels. Returns 0, or -EINVAL with the error filled. */
int scope_new(const char *const *texts, size_t count, struct scope **ret_scope, struct error *ret_error);
void scope_free(struct scope *scope);
DEFINE_CLEANUP(struct scope, scope_free)
#define _cleanup_scope_ _cleanup_(scope_freep)

/* True when no --secret was given. */
bool scope_is_empty(const struct scope *scope);

/* True when a pattern is among them, so that listing can tell more than is known already. */
bool scope_has_patterns(const struct scope *scope);

/* Adds the exact names, and the directories of the patterns. Returns 0 or a negative errno. */
int scope_add_names(const struct scope *scope, struct names_builder *builder);

/* True when a secret at this path lies within the scope. */
bool scope_allows(const struct scope *scope, const char *path);

/* How the secret at a path is asked for: a name, or an ARN where the scope has one. The caller frees the
 * text. Returns 0, -ENOENT when the path is outside the scope, or -ENOMEM. */
int scope_id(const struct scope *scope, const char *path, char **ret_id);

/* True when `path` is the directory of a pattern itself. */
bool scope_is_pattern_base(const struct scope *scope, const char *path);

/* True when `path` may be a directory between the directory of a pattern and an unlisted name: a pattern with n
 * stars allows n such levels (see docs/SEMANTICS.md). */
bool scope_may_be_prefix(const struct scope *scope, const char *path);

/* Prefixes of names for the server's own filter; none when the scope is empty or has more than `max`.
 * The texts belong to the scope. Returns their number. */
size_t scope_prefixes(const struct scope *scope, const char **ret_prefixes, size_t max);
