/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The secrets of the local backend with their versions: what AWS would make of each edit of the file. Pure; guarded by
 * its owner. */

#include <stddef.h>

#include "backend/local_file.h"
#include "base/source.h"

struct local_table;

int local_table_new(struct local_table **ret_table);
void local_table_free(struct local_table *table);
DEFINE_CLEANUP(struct local_table, local_table_free)
#define _cleanup_local_table_ _cleanup_(local_table_freep)

/* Takes over a new content. A value that differs becomes AWSCURRENT, and what it replaces AWSPREVIOUS; an equal one
 * keeps its version and time; what is not in the file any more is forgotten. Returns 0, or -ENOMEM with nothing
 * changed. */
int local_table_update(struct local_table *table, const struct local_file *file);

/* Returns 0, -ENOENT (no such secret, stage or version) or -ENOMEM. */
int local_table_get(const struct local_table *table, const struct value_request *request, struct value **ret_value);

size_t local_table_count(const struct local_table *table);
const char *local_table_name(const struct local_table *table, size_t index);
