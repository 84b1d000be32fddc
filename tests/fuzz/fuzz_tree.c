/* SPDX-License-Identifier: Apache-2.0 */

/* Any bytes make a tree, and a sound one. The input is a value up to the first 0xff byte (which UTF-8 does not have),
 * then the value of the version after it. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_slice.h"
#include "tree/tree.h"

#define FIRST_NS 100
#define SECOND_NS 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static struct tree *new_tree(const char *bytes, size_t size_bytes, bool binary, uint64_t created_ns,
                             const struct tree *before)
{
    _cleanup_value_ struct value *value = value_new();
    struct tree *tree = NULL;
    if (!value || secret_new(bytes, size_bytes, &value->bytes) < 0)
        abort();
    value->binary = binary;
    value->created_ns = created_ns;
    int r = tree_new(value, before, &tree);
    assert(r == 0);
    return tree;
}

static struct json_slice bytes_of(const struct tree_node *node)
{
    assert(node->offset <= secret_size_bytes(node->bytes));
    assert(node->size_bytes <= secret_size_bytes(node->bytes) - node->offset);
    return (struct json_slice){secret_bytes(node->bytes) + node->offset, node->size_bytes};
}

static void check_entry(const struct tree_node *node)
{
    char component[NAME_MAX_BYTES + 1];
    size_t bytes;
    if (strcmp(node->entry, ".raw") == 0)
        return;
    int r = name_unescape(node->entry, component, &bytes);
    assert(r == 0);
}

static void check_raw(const struct tree *tree, uint32_t directory)
{
    struct json_slice object;
    uint32_t raw = tree_find(tree, directory, ".raw");
    assert(raw != TREE_NONE && !tree_node(tree, raw)->directory);
    struct json_slice text = bytes_of(tree_node(tree, raw));
    if (directory == TREE_ROOT)
        return;
    int r = json_slice_check(text.bytes, text.size_bytes, &object);
    assert(r == 0 && object.size_bytes == text.size_bytes && json_slice_type(object) == JSON_OBJECT);
}

static void check_directory(const struct tree *tree, uint32_t directory, unsigned depth)
{
    uint32_t first;
    uint32_t count = tree_children(tree, directory, &first);
    assert(depth <= TREE_MAX_DEPTH);
    check_raw(tree, directory);
    for (uint32_t i = first; i < first + count; i++) {
        const struct tree_node *node = tree_node(tree, i);
        assert(node->parent == directory && tree_find(tree, directory, node->entry) == i);
        assert(i == first || strcmp(tree_node(tree, i - 1)->entry, node->entry) < 0);
        check_entry(node);
        if (node->directory)
            check_directory(tree, i, depth + 1);
        else {
            (void)bytes_of(node);
            assert(node->mtime_ns == FIRST_NS || node->mtime_ns == SECOND_NS);
        }
    }
}

/* A file has the first date when it has the same bytes in both trees, and no other file has. */
static void check_times(const struct tree *before, uint32_t old, const struct tree *after, uint32_t new)
{
    uint32_t first;
    uint32_t count = tree_children(after, new, &first);
    for (uint32_t i = first; i < first + count; i++) {
        const struct tree_node *node = tree_node(after, i);
        uint32_t twin = old != TREE_NONE ? tree_find(before, old, node->entry) : TREE_NONE;
        if (twin != TREE_NONE && tree_node(before, twin)->directory != node->directory)
            twin = TREE_NONE;
        if (node->directory) {
            check_times(before, twin, after, i);
            continue;
        }
        bool same = twin != TREE_NONE && tree_same_bytes(node, tree_node(before, twin));
        assert(node->mtime_ns == (same ? FIRST_NS : SECOND_NS));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    const char *text = (const char *)data;
    const char *mark = size_bytes > 0 ? memchr(text, 0xff, size_bytes) : NULL;
    size_t first_bytes = mark ? (size_t)(mark - text) : size_bytes;
    const char *second = mark ? mark + 1 : text;
    size_t second_bytes = mark ? size_bytes - first_bytes - 1 : size_bytes;

    _cleanup_(tree_freep) struct tree *before = new_tree(text, first_bytes, false, FIRST_NS, NULL);
    _cleanup_(tree_freep) struct tree *after = new_tree(second, second_bytes, false, SECOND_NS, before);
    _cleanup_(tree_freep) struct tree *binary = new_tree(text, size_bytes, true, SECOND_NS, after);
    uint32_t first;

    check_directory(before, TREE_ROOT, 1);
    check_directory(after, TREE_ROOT, 1);
    check_times(before, TREE_ROOT, after, TREE_ROOT);
    uint32_t count = tree_children(binary, TREE_ROOT, &first);
    assert(count == 2 && tree_find(binary, TREE_ROOT, "value") != TREE_NONE);
    return 0;
}
