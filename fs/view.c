/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/view.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"

int view_open(struct cache *cache, const char *id, const char *stage, const char *version_id, struct view **ret_view)
{
    _cleanup_cache_secret_ struct cache_secret *secret = NULL;
    int r = cache_secret_open(cache, id, stage, version_id, &secret);
    if (r < 0)
        return r;
    struct view *view = cache_secret_data(secret);
    if (!view) {
        view = calloc(1, sizeof(*view));
        if (!view)
            return -ENOMEM;
        cache_secret_set_data(secret, view);
        view->secret = STEAL(secret);
    }
    view->references++;
    *ret_view = view;
    return 0;
}

void view_unref(struct view *view)
{
    if (!view || --view->references > 0)
        return;
    tree_free(view->tree);
    cache_secret_set_data(view->secret, NULL);
    cache_secret_unref(view->secret);
    free(view);
}

struct view *view_of(const struct cache_secret *secret)
{
    return cache_secret_data(secret);
}

const struct tree *view_tree(struct view *view)
{
    const struct value *value = cache_secret_value(view->secret);
    if (view->tree || !value || tree_new(value, NULL, &view->tree) < 0)
        return view->tree;
    view->was_there = true;
    if (tree_skipped(view->tree) > 0)
        log_warning("secret \"%s\": %zu keys are longer than a directory entry (255 bytes) and are only in .raw",
                    cache_secret_id(view->secret), tree_skipped(view->tree));
    return view->tree;
}

void view_show(struct view *view, struct inode *inode)
{
    view->references++;
    inode->view = view;
    inode->sibling = view->shown;
    view->shown = inode;
}

void view_hide(struct inode *inode)
{
    struct view *view = inode->view;
    for (struct inode **link = &view->shown; *link; link = &(*link)->sibling)
        if (*link == inode) {
            *link = inode->sibling;
            break;
        }
    inode->view = NULL;
    inode->sibling = NULL;
    view_unref(view);
}

uint32_t view_node(const struct inode *directory, struct view **ret_view)
{
    if (directory->kind == INODE_OBJECT) {
        uint32_t parent = view_node(directory->parent, ret_view);
        if (parent == TREE_NONE)
            return TREE_NONE;
        const struct tree *tree = (*ret_view)->tree;
        uint32_t node = tree_find(tree, parent, directory->entry);
        return node != TREE_NONE && tree_node(tree, node)->directory ? node : TREE_NONE;
    }
    *ret_view = directory->view;
    return directory->view && view_tree(directory->view) ? TREE_ROOT : TREE_NONE;
}
