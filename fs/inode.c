/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/inode.h"

#include <errno.h>
#include <search.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fs/listing.h"
#include "fs/view.h"

struct inode_table {
    void *by_number; /* tsearch trees */
    void *by_name;   /* the named ones */
    uint64_t last_number;
    size_t count;
    struct inode *root;
};

static int compare_numbers(const void *a, const void *b)
{
    uint64_t left = ((const struct inode *)a)->number;
    uint64_t right = ((const struct inode *)b)->number;
    return left < right ? -1 : left > right;
}

static int compare_names(const void *a, const void *b)
{
    const struct inode *left = a;
    const struct inode *right = b;
    if (left->parent != right->parent)
        return (uintptr_t)left->parent < (uintptr_t)right->parent ? -1 : 1;
    return strcmp(left->entry, right->entry);
}

struct inode *inode_find(const struct inode_table *table, uint64_t number)
{
    struct inode key = {.number = number};
    struct inode **found = tfind(&key, &table->by_number, compare_numbers);
    return found ? *found : NULL;
}

struct inode *inode_child(const struct inode_table *table, const struct inode *parent, const char *entry)
{
    struct inode key = {.parent = (struct inode *)(uintptr_t)parent, .entry = (char *)(uintptr_t)entry};
    struct inode **found = tfind(&key, &table->by_name, compare_names);
    return found ? *found : NULL;
}

static void inode_free(struct inode *inode)
{
    if (inode->view)
        view_hide(inode);
    listing_free(inode->listing);
    secret_unref(inode->bytes);
    free(inode->entry);
    free(inode->path);
    free(inode);
}

int inode_new(struct inode_table *table, enum inode_kind kind, struct inode *parent, const char *entry,
              struct inode **ret_inode)
{
    struct inode *inode = calloc(1, sizeof(*inode));
    if (!inode)
        return -ENOMEM;
    inode->number = ++table->last_number;
    inode->kind = kind;
    inode->parent = parent;
    inode->named = true;
    inode->entry = strdup(entry);
    if (!inode->entry || !tsearch(inode, &table->by_number, compare_numbers)) {
        inode_free(inode);
        return -ENOMEM;
    }
    if (!tsearch(inode, &table->by_name, compare_names)) {
        (void)tdelete(inode, &table->by_number, compare_numbers);
        inode_free(inode);
        return -ENOMEM;
    }
    if (parent)
        parent->children++;
    table->count++;
    *ret_inode = inode;
    return 0;
}

int inode_table_new(struct inode_table **ret_table)
{
    struct inode_table *table = calloc(1, sizeof(*table));
    if (!table)
        return -ENOMEM;
    int r = inode_new(table, INODE_NAMES, NULL, "", &table->root);
    if (r < 0) {
        inode_table_free(table);
        return r;
    }
    table->root->lookups = 1;
    *ret_table = table;
    return 0;
}

static void free_node(void *node)
{
    inode_free(node);
}

static void keep_node(void *node)
{
    (void)node;
}

void inode_table_free(struct inode_table *table)
{
    if (!table)
        return;
    tdestroy(table->by_name, keep_node);
    tdestroy(table->by_number, free_node);
    free(table);
}

void inode_set_bytes(struct inode *inode, struct secret *bytes, size_t offset, size_t size_bytes)
{
    struct secret *before = inode->bytes;
    inode->bytes = bytes ? secret_ref(bytes) : NULL;
    inode->offset = offset;
    inode->size_bytes = bytes ? size_bytes : inode->size_bytes;
    secret_unref(before);
}

void inode_detach(struct inode_table *table, struct inode *inode)
{
    if (!inode->named)
        return;
    (void)tdelete(inode, &table->by_name, compare_names);
    inode->named = false;
    if (inode->kind != INODE_FILE)
        return;
    inode->next_detached = inode->parent->detached;
    inode->parent->detached = inode;
}

int inode_rename(struct inode_table *table, struct inode *inode, const char *entry)
{
    char *copy = strdup(entry);
    struct inode *before = inode_child(table, inode->parent, entry);
    if (!copy)
        return -ENOMEM;
    if (before) {
        inode_detach(table, before);
        inode_settle(table, before);
    }
    (void)tdelete(inode, &table->by_name, compare_names);
    free(inode->entry);
    inode->entry = copy;
    if (!tsearch(inode, &table->by_name, compare_names)) {
        inode->named = false;
        return -ENOMEM;
    }
    return 0;
}

static void leave_detached(struct inode *inode)
{
    for (struct inode **link = &inode->parent->detached; *link; link = &(*link)->next_detached)
        if (*link == inode) {
            *link = inode->next_detached;
            return;
        }
}

void inode_settle(struct inode_table *table, struct inode *inode)
{
    while (inode && inode->lookups == 0 && inode->children == 0 && inode != table->root) {
        struct inode *parent = inode->parent;
        if (inode->named)
            (void)tdelete(inode, &table->by_name, compare_names);
        else if (inode->kind == INODE_FILE)
            leave_detached(inode);
        (void)tdelete(inode, &table->by_number, compare_numbers);
        table->count--;
        inode_free(inode);
        parent->children--;
        inode = parent;
    }
}

void inode_forget(struct inode_table *table, struct inode *inode, uint64_t count)
{
    inode->lookups -= count < inode->lookups ? count : inode->lookups;
    inode_settle(table, inode);
}

char *inode_path(const struct inode *inode)
{
    size_t bytes = 1;
    for (const struct inode *i = inode; i->parent; i = i->parent) {
        if (!i->named)
            return NULL;
        bytes += strlen(i->entry) + 1;
    }
    char *path = malloc(bytes);
    if (!path)
        return NULL;
    char *end = path + bytes - 1;
    *end = '\0';
    for (const struct inode *i = inode; i->parent; i = i->parent) {
        size_t length = strlen(i->entry);
        if (i != inode)
            *--end = '/';
        end -= length;
        memcpy(end, i->entry, length);
    }
    memmove(path, end, bytes - (size_t)(end - path));
    return path;
}

struct walk {
    void (*each)(void *context, struct inode *inode);
    void *context;
};

static void visit(const void *node, VISIT order, void *closure)
{
    const struct walk *walk = closure;
    if (order == postorder || order == leaf)
        walk->each(walk->context, *(struct inode *const *)node);
}

void inode_each(struct inode_table *table, void (*each)(void *context, struct inode *inode), void *context)
{
    struct walk walk = {each, context};
    twalk_r(table->by_number, visit, &walk);
}

size_t inode_count(const struct inode_table *table)
{
    return table->count;
}
