/* SPDX-License-Identifier: Apache-2.0 */

/* Which secrets are in DIR, and how they are. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/state.h"

/* --- which secrets --- */

static void item_free(struct item *item)
{
    if (!item)
        return;
    if (item->secret) {
        cache_secret_set_data(item->secret, NULL);
        cache_secret_unref(item->secret);
    }
    tree_free(item->tree);
    free(item->path);
    free(item->directory);
    free(item->data);
    free(item->previous);
    free(item);
}
DEFINE_CLEANUP(struct item, item_free)

/* "prod/.db" is at "prod/%2Edb". NULL: out of memory (names whose components do not fit are never listed). */
static char *directory_of(const char *path)
{
    char *directory = NULL;
    for (const char *component = path; component;) {
        char entry[NAME_MAX_BYTES + 1];
        size_t bytes = strcspn(component, "/");
        _cleanup_free_ char *parent = directory;
        if (name_escape(component, bytes, entry) < 0 ||
            asprintf(&directory, "%s%s%s", parent ? parent : "", parent ? "/" : "", entry) < 0)
            return NULL;
        component = component[bytes] == '/' ? component + bytes + 1 : NULL;
    }
    return directory;
}

static int item_new(struct sync *sync, const char *path, struct item **ret_item)
{
    _cleanup_free_ char *id = NULL;
    _cleanup_(item_freep) struct item *item = calloc(1, sizeof(*item));
    if (!item || !(item->path = strdup(path)) || !(item->directory = directory_of(path)))
        return -ENOMEM;
    int r = cache_path_id(sync->cache, path, &id);
    if (r >= 0)
        r = cache_secret_open(sync->cache, id, NULL, NULL, &item->secret);
    if (r < 0)
        return r;
    if (cache_secret_data(item->secret)) { /* another name of a secret that is there already */
        cache_secret_unref(STEAL(item->secret));
        return -EEXIST;
    }
    cache_secret_set_data(item->secret, item);
    *ret_item = STEAL(item);
    return 0;
}

static int compare_items(const void *a, const void *b)
{
    return strcmp((*(struct item *const *)a)->path, (*(struct item *const *)b)->path);
}

struct names_walk {
    struct sync *sync;
    size_t known; /* items that were there before */
    int result;
};

static void take_name(void *context, const char *path, bool added)
{
    struct names_walk *walk = context;
    struct sync *sync = walk->sync;
    const struct item key = {.path = (char *)(uintptr_t)path};
    const struct item *key_pointer = &key;
    enum name_kind kind;
    (void)added;
    if (walk->result < 0 || !names_find(cache_names(sync->cache), path, &kind) || kind != NAME_SECRET)
        return;
    struct item **known = walk->known > 0 ? bsearch((const void *)&key_pointer, (const void *)sync->items, walk->known,
                                                    sizeof(struct item *), compare_items)
                                          : NULL;
    if (known) {
        (*known)->listed = true;
        return;
    }
    struct item *item = NULL;
    struct item **items = reallocarray((void *)sync->items, sync->item_count + 1, sizeof(struct item *));
    if (items)
        sync->items = items;
    int r = items ? item_new(sync, path, &item) : -ENOMEM;
    if (r >= 0) {
        item->listed = true;
        sync->items[sync->item_count++] = item;
    }
    walk->result = r == -EEXIST ? 0 : r;
}

int items_update(struct sync *sync)
{
    struct names_walk walk = {sync, sync->item_count, 0};
    for (size_t i = 0; i < sync->item_count; i++)
        sync->items[i]->listed = false;
    names_diff(NULL, cache_names(sync->cache), take_name, &walk);
    if (walk.result < 0)
        return walk.result;
    size_t kept = 0;
    for (size_t i = 0; i < sync->item_count; i++) {
        if (sync->items[i]->listed)
            sync->items[kept++] = sync->items[i];
        else
            item_free(sync->items[i]);
    }
    sync->item_count = kept;
    if (kept > 0)
        qsort((void *)sync->items, kept, sizeof(struct item *), compare_items);
    cache_fetch_missing(sync->cache);
    return 0;
}

void items_free(struct sync *sync)
{
    for (size_t i = 0; i < sync->item_count; i++)
        item_free(sync->items[i]);
    free((void *)STEAL(sync->items));
    sync->item_count = 0;
}

/* --- how they are --- */

enum item_state item_state(const struct sync *sync, const struct item *item)
{
    const struct cache_secret *secret = item->secret;
    (void)sync;
    if (cache_secret_value(secret))
        return cache_secret_is_stale(secret) && !cache_secret_may_serve_stale(secret) ? ITEM_GONE : ITEM_THERE;
    return error_is_definite(cache_secret_error(secret)->kind) ? ITEM_GONE : ITEM_WAITING;
}

bool names_are_settled(const struct sync *sync)
{
    enum names_state state = cache_names_state(sync->cache);
    return state != NAMES_LISTING && state != NAMES_FAILED;
}
