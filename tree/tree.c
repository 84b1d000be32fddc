/* SPDX-License-Identifier: Apache-2.0 */

/* Nodes are made directory by directory, breadth first: the queue of directories still to be read is the array of
 * nodes itself. So the children of a directory stand in a row, can be sorted in place, and are found by
 * binary search.
 *
 * Bytes are never copied where they stand as they are: .raw, numbers, words and arrays are slices of the
 * value itself. Only strings are decoded, all into one second secret, which cannot outgrow the value. */
#include "tree/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_slice.h"

/* A node while the tree is being made, and afterwards. */
struct node {
    struct tree_node public;
    uint32_t first_child;
    uint32_t child_count;
    unsigned depth;
    struct json_slice object; /* of a directory */
};

struct tree {
    struct node *nodes;
    uint32_t count;
    uint32_t capacity;
    size_t skipped;
    struct secret *raw;
    struct secret *decoded;
    size_t decoded_bytes;
};

static int add_node(struct tree *tree, uint32_t parent, const char *entry, struct node **ret_node)
{
    if (tree->count == tree->capacity) {
        uint32_t capacity = tree->capacity > 0 ? tree->capacity * 2 : 16;
        struct node *nodes = reallocarray(tree->nodes, capacity, sizeof(*nodes));
        if (!nodes)
            return -ENOMEM;
        tree->nodes = nodes;
        tree->capacity = capacity;
    }
    char *copy = strdup(entry);
    if (!copy)
        return -ENOMEM;
    struct node *node = &tree->nodes[tree->count++];
    *node = (struct node){.public = {.entry = copy, .parent = parent}};
    *ret_node = node;
    return 0;
}

static void set_slice(const struct tree *tree, struct node *node, struct json_slice slice)
{
    node->public.bytes = tree->raw;
    node->public.offset = (size_t)(slice.bytes - secret_bytes(tree->raw));
    node->public.size_bytes = slice.size_bytes;
}

static int add_file(struct tree *tree, uint32_t parent, const char *entry, struct json_slice slice)
{
    struct node *node;
    int r = add_node(tree, parent, entry, &node);
    if (r >= 0)
        set_slice(tree, node, slice);
    return r;
}

static int set_string(struct tree *tree, struct node *node, struct json_slice string)
{
    size_t bytes;
    int r = json_slice_decode(string, (char *)secret_fill(tree->decoded) + tree->decoded_bytes, &bytes);
    if (r < 0)
        return r;
    node->public.bytes = tree->decoded;
    node->public.offset = tree->decoded_bytes;
    node->public.size_bytes = bytes;
    tree->decoded_bytes += bytes;
    return 0;
}

static int add_member(struct tree *tree, uint32_t directory, struct json_slice key, struct json_slice value)
{
    _cleanup_free_ char *component = malloc(key.size_bytes);
    char entry[NAME_MAX_BYTES + 1];
    size_t bytes;
    if (!component)
        return -ENOMEM;
    int r = json_slice_decode(key, component, &bytes);
    if (r < 0)
        return r;
    if (name_escape(component, bytes, entry) < 0) {
        tree->skipped++;
        return 0;
    }
    unsigned depth = tree->nodes[directory].depth;
    struct node *node;
    r = add_node(tree, directory, entry, &node);
    if (r < 0)
        return r;
    node->depth = depth + 1;
    if (json_slice_type(value) == JSON_STRING)
        return set_string(tree, node, value);
    if (json_slice_type(value) == JSON_OBJECT && depth + 1 < TREE_MAX_DEPTH) {
        node->public.directory = true;
        node->object = value;
    } else
        set_slice(tree, node, value);
    return 0;
}

static int compare_nodes(const void *a, const void *b)
{
    return strcmp(((const struct node *)a)->public.entry, ((const struct node *)b)->public.entry);
}

/* Of equal keys the last one wins, so the place in the text breaks the tie; qsort() is not stable. */
static int compare_entry_then_place(const void *a, const void *b)
{
    int order = compare_nodes(a, b);
    const struct node *left = a;
    const struct node *right = b;
    return order != 0 ? order : (left->child_count > right->child_count) - (left->child_count < right->child_count);
}

static void sort_children(struct tree *tree, uint32_t first)
{
    struct node *nodes = tree->nodes + first;
    uint32_t count = tree->count - first;
    for (uint32_t i = 0; i < count; i++)
        nodes[i].child_count = i; /* unused until the node's own children are read: its place in the text */
    qsort(nodes, count, sizeof(*nodes), compare_entry_then_place);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (i + 1 < count && strcmp(nodes[i].public.entry, nodes[i + 1].public.entry) == 0)
            free((char *)(uintptr_t)nodes[i].public.entry);
        else
            nodes[kept++] = nodes[i];
    }
    for (uint32_t i = 0; i < kept; i++)
        nodes[i].child_count = 0;
    tree->count = first + kept;
}

/* Reads the object of a directory node; the nodes may move in memory meanwhile. */
static int read_directory(struct tree *tree, uint32_t directory)
{
    struct json_slice object = tree->nodes[directory].object;
    struct json_slice key;
    struct json_slice value;
    uint32_t first = tree->count;
    int r = add_file(tree, directory, ".raw", object);
    size_t position = 0;
    while (r >= 0 && json_slice_next_member(object, &position, &key, &value) > 0)
        r = add_member(tree, directory, key, value);
    if (r < 0)
        return r;
    sort_children(tree, first);
    tree->nodes[directory].first_child = first;
    tree->nodes[directory].child_count = tree->count - first;
    return 0;
}

static int read_object(struct tree *tree, struct json_slice object)
{
    int r = secret_alloc(object.size_bytes, &tree->decoded);
    if (r < 0)
        return r;
    tree->nodes[TREE_ROOT].object = object;
    for (uint32_t i = 0; i < tree->count; i++) {
        if (!tree->nodes[i].public.directory)
            continue;
        r = read_directory(tree, i);
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_plain(struct tree *tree)
{
    struct json_slice whole = {secret_bytes(tree->raw), secret_size_bytes(tree->raw)};
    tree->nodes[TREE_ROOT].first_child = tree->count;
    int r = add_file(tree, TREE_ROOT, ".raw", whole);
    if (r >= 0)
        r = add_file(tree, TREE_ROOT, "value", whole);
    tree->nodes[TREE_ROOT].child_count = tree->count - tree->nodes[TREE_ROOT].first_child;
    return r;
}

/* The root's .raw is the whole value with any white space around the object. */
static void widen_root_raw(struct tree *tree)
{
    uint32_t raw = tree_find(tree, TREE_ROOT, ".raw");
    set_slice(tree, &tree->nodes[raw], (struct json_slice){secret_bytes(tree->raw), secret_size_bytes(tree->raw)});
}

/* Gives files their times; walks both trees in step. */
static void date_files(struct tree *tree, uint32_t directory, const struct tree *before, uint32_t before_directory,
                       uint64_t created_ns)
{
    for (uint32_t i = 0; i < tree->nodes[directory].child_count; i++) {
        uint32_t index = tree->nodes[directory].first_child + i;
        struct tree_node *node = &tree->nodes[index].public;
        uint32_t twin = before ? tree_find(before, before_directory, node->entry) : TREE_NONE;
        const struct tree_node *old = twin != TREE_NONE ? tree_node(before, twin) : NULL;
        node->mtime_ns = created_ns;
        if (node->directory)
            date_files(tree, index, old && old->directory ? before : NULL, twin, created_ns);
        else if (old && tree_same_bytes(node, old))
            node->mtime_ns = old->mtime_ns;
    }
}

int tree_new(const struct value *value, const struct tree *before, struct tree **ret_tree)
{
    _cleanup_(tree_freep) struct tree *tree = calloc(1, sizeof(*tree));
    struct json_slice object = {0};
    struct node *root;
    if (!tree)
        return -ENOMEM;
    tree->raw = secret_ref(value->bytes);
    int r = add_node(tree, TREE_NONE, "", &root);
    if (r < 0)
        return r;
    root->public.directory = true;

    r = value->binary ? -EBADMSG : json_slice_check(secret_bytes(tree->raw), secret_size_bytes(tree->raw), &object);
    if (r == -ENOMEM)
        return r;
    if (r >= 0 && json_slice_type(object) == JSON_OBJECT) {
        r = read_object(tree, object);
        if (r >= 0)
            widen_root_raw(tree);
    } else
        r = read_plain(tree);
    if (r < 0)
        return r;
    date_files(tree, TREE_ROOT, before, TREE_ROOT, value->created_ns);
    *ret_tree = STEAL(tree);
    return 0;
}

void tree_free(struct tree *tree)
{
    if (!tree)
        return;
    for (uint32_t i = 0; i < tree->count; i++)
        free((char *)(uintptr_t)tree->nodes[i].public.entry);
    free(tree->nodes);
    secret_unref(tree->raw);
    secret_unref(tree->decoded);
    free(tree);
}

uint32_t tree_find(const struct tree *tree, uint32_t directory, const char *entry)
{
    const struct node *node = &tree->nodes[directory];
    struct node key = {.public = {.entry = entry}};
    if (node->child_count == 0)
        return TREE_NONE;
    const struct node *found =
        bsearch(&key, tree->nodes + node->first_child, node->child_count, sizeof(key), compare_nodes);
    return found ? (uint32_t)(found - tree->nodes) : TREE_NONE;
}

const struct tree_node *tree_node(const struct tree *tree, uint32_t node)
{
    return &tree->nodes[node].public;
}

uint32_t tree_children(const struct tree *tree, uint32_t directory, uint32_t *ret_first)
{
    *ret_first = tree->nodes[directory].first_child;
    return tree->nodes[directory].child_count;
}

size_t tree_skipped(const struct tree *tree)
{
    return tree->skipped;
}

bool tree_same_bytes(const struct tree_node *a, const struct tree_node *b)
{
    return !a->directory && !b->directory && a->size_bytes == b->size_bytes &&
           memcmp(secret_bytes(a->bytes) + a->offset, secret_bytes(b->bytes) + b->offset, a->size_bytes) == 0;
}
