/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Text for a terminal: columns that are aligned, lines that fit, and nothing in them that a terminal would obey. Pure.
 * Functions that append return 0, or as buffer_append() does. */

#include <stddef.h>

#include "base/buffer.h"

#define TABLE_MAX_COLUMNS 8
#define TABLE_ANY_WIDTH 0 /* as wide as it gets */

/* Appends text in which everything but printable ASCII stands as "\xNN". */
int table_append_visible(struct buffer *buffer, const char *text);

/* Rows of cells, the first of which are the titles. */
struct table {
    size_t columns;
    char **cells;
    size_t count;
};

/* Adds a row; `cells` are copied and made visible. Returns 0 or -ENOMEM. */
int table_add(struct table *table, const char *const *cells);
void table_clear(struct table *table);
#define _cleanup_table_ _cleanup_(table_clear)

/* Where the width does not suffice the first column is shortened in its middle, then lines are cut. */
int table_print(const struct table *table, size_t width, struct buffer *buffer);

/* Appends a text in lines of at most `width`, all but the first indented. */
int table_print_wrapped(const char *text, size_t indent, size_t width, struct buffer *buffer);
