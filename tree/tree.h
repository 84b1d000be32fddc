/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What one version of a secret looks like as files and directories. Pure: a value in, an immutable tree out.
 *
 * A value that is a JSON object is a directory of its keys, nested objects to a depth of 32, each with its own
 * text as ".raw". Any other value is the file "value" and the same bytes as ".raw". */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/secret.h"
#include "base/source.h"
#include "tree/name.h"

#define TREE_MAX_DEPTH 32
#define TREE_ROOT 0U
#define TREE_NONE UINT32_MAX

struct tree_node {
    const char *entry; /* escaped name; "" for the root */
    uint32_t parent;
    bool directory;
    struct secret *bytes; /* of a file: where its bytes stand; the tree holds the reference */
    size_t offset;
    size_t size_bytes;
    uint64_t mtime_ns; /* CreatedDate of the version in which the bytes last changed */
};

struct tree;

/* `before` (or NULL) is the tree of the version before: files whose bytes are equal keep its mtime. Returns 0
 * or -ENOMEM; a value of any shape makes a tree. */
int tree_new(const struct value *value, const struct tree *before, struct tree **ret_tree);
void tree_free(struct tree *tree);
DEFINE_CLEANUP(struct tree, tree_free)

/* Node of an entry in a directory, or TREE_NONE. */
uint32_t tree_find(const struct tree *tree, uint32_t directory, const char *entry);
const struct tree_node *tree_node(const struct tree *tree, uint32_t node);

/* The nodes of a directory, sorted by entry, stand in a row. Returns how many. */
uint32_t tree_children(const struct tree *tree, uint32_t directory, uint32_t *ret_first);

/* Keys that are too long for a directory entry and are only in .raw. */
size_t tree_skipped(const struct tree *tree);

/* True when two nodes are both files with equal bytes. */
bool tree_same_bytes(const struct tree_node *a, const struct tree_node *b);
