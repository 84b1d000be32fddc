/* SPDX-License-Identifier: Apache-2.0 */

/* What is wanted in DIR: for each secret that is known to exist its directory with the files of its tree.
 *
 * With --atomic a secret's directory looks as the kubelet makes its volumes:
 *
 *     ..2026_11_21_12_23_46.123456789/password
 *     ..data -> ..2026_11_21_12_23_46.123456789
 *     password -> ..data/password
 *
 * Each version that changes bytes has a directory of its own, which never changes; one rename of ..data changes over.
 * Who resolves ..data once and reads all keys from there has them of one version. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "sync/state.h"

#define DATA_ENTRY "..data"
/* So long a version's directory is kept for those who have just opened it. */
#define PREVIOUS_NS NS_PER_SEC

/* --- trees --- */

static bool is_same_directory(const struct tree *a, uint32_t a_node, const struct tree *b, uint32_t b_node)
{
    uint32_t a_first;
    uint32_t b_first;
    uint32_t count = tree_children(a, a_node, &a_first);
    if (tree_children(b, b_node, &b_first) != count)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        const struct tree_node *left = tree_node(a, a_first + i);
        const struct tree_node *right = tree_node(b, b_first + i);
        bool same = left->directory ? right->directory && is_same_directory(a, a_first + i, b, b_first + i)
                                    : tree_same_bytes(left, right);
        if (!same || strcmp(left->entry, right->entry) != 0)
            return false;
    }
    return true;
}

static char *new_data_entry(void)
{
    char *entry;
    char text[32];
    uint64_t now_ns = clock_wall_ns();
    time_t seconds = (time_t)(now_ns / NS_PER_SEC);
    struct tm parts;
    if (!gmtime_r(&seconds, &parts) || strftime(text, sizeof(text), "..%Y_%m_%d_%H_%M_%S", &parts) == 0 ||
        asprintf(&entry, "%s.%09u", text, (unsigned)(now_ns % NS_PER_SEC)) < 0)
        return NULL;
    return entry;
}

static bool is_made(const struct sync *sync, const struct item *item, const char *entry)
{
    _cleanup_free_ char *path = NULL;
    if (!entry || asprintf(&path, "%s/%s", item->directory, entry) < 0)
        return false;
    return entries_find(&sync->made, path) != NULL;
}

/* What ..data leads to, when that was made by an earlier run. */
static char *adopted_data(struct sync *sync, const struct item *item)
{
    char target[NAME_MAX_BYTES + 1];
    _cleanup_free_ char *path = NULL;
    if (!is_made(sync, item, DATA_ENTRY) || asprintf(&path, "%s/" DATA_ENTRY, item->directory) < 0 ||
        files_read_link(&sync->files, path, target, sizeof(target)) < 0)
        return NULL;
    return strchr(target, '/') || !is_made(sync, item, target) ? NULL : strdup(target);
}

static int turn_over(struct sync *sync, struct item *item, uint64_t now_ns)
{
    char *data = new_data_entry();
    char *before = item->data ? NULL : adopted_data(sync, item);
    if (!data) {
        free(before);
        return -ENOMEM;
    }
    if (item->data && is_made(sync, item, item->data))
        before = STEAL(item->data);
    if (before) {
        free(item->previous);
        item->previous = before;
    }
    item->previous_until_ns = now_ns + PREVIOUS_NS;
    free(item->data);
    item->data = data;
    return 0;
}

/* Makes the tree of the value that is there now. */
static int refresh(struct sync *sync, struct item *item, uint64_t now_ns)
{
    struct tree *before = item->tree;
    struct tree *tree;
    if (before && item->generation == cache_secret_generation(item->secret))
        return 0;
    int r = tree_new(cache_secret_value(item->secret), before, &tree);
    if (r < 0)
        return r;
    bool same = before && is_same_directory(before, TREE_ROOT, tree, TREE_ROOT);
    if (sync->options.atomic && !same)
        r = turn_over(sync, item, now_ns);
    if (r < 0) {
        tree_free(tree);
        return r;
    }
    if (tree_skipped(tree) > 0)
        log_warning("secret \"%s\": %zu keys are longer than a directory entry (255 bytes) and are only in .raw",
                    cache_secret_id(item->secret), tree_skipped(tree));
    tree_free(before);
    item->tree = tree;
    item->generation = cache_secret_generation(item->secret);
    return 0;
}

/* --- wants --- */

struct want {
    const struct sync *sync;
    const struct item *item;
    struct entries *wanted;
};

/* A secret whose name is a key of another takes the place of that key. */
static bool is_hidden(const struct want *want, const char *entry)
{
    const struct names *names = cache_names(want->sync->cache);
    char component[NAME_MAX_BYTES + 1];
    _cleanup_free_ char *path = NULL;
    size_t bytes;
    if (name_unescape(entry, component, &bytes) < 0 || strlen(component) != bytes || strchr(component, '/') ||
        asprintf(&path, "%s/%s", want->item->path, component) < 0)
        return false;
    return names_find(names, path, NULL) || names_has_below(names, path);
}

static int want_one(const struct want *want, enum entry_kind kind, char *path, const char *target,
                    const struct tree_node *node)
{
    struct entry entry = {.path = path, .kind = kind, .target = (char *)(uintptr_t)target, .owner = want->item};
    if (node && !node->directory) {
        entry.bytes = node->bytes;
        entry.offset = node->offset;
        entry.size_bytes = node->size_bytes;
        entry.mtime_ns = node->mtime_ns;
    }
    return path ? entries_add(want->wanted, &entry) : -ENOMEM;
}

static char *join(const char *directory, const char *entry)
{
    char *path;
    return directory && asprintf(&path, "%s/%s", directory, entry) >= 0 ? path : NULL;
}

/* All that is in one directory of the tree, at `directory`; `same` is where files with the same bytes may be. */
static int want_nodes(const struct want *want, uint32_t directory, const char *path, const char *same, bool visible)
{
    const struct tree *tree = want->item->tree;
    uint32_t first;
    uint32_t count = tree_children(tree, directory, &first);
    int r = 0;
    for (uint32_t i = 0; i < count && r >= 0; i++) {
        const struct tree_node *node = tree_node(tree, first + i);
        if (visible && directory == TREE_ROOT && is_hidden(want, node->entry))
            continue;
        _cleanup_free_ char *child = join(path, node->entry);
        _cleanup_free_ char *child_same = join(same, node->entry);
        r = want_one(want, node->directory ? ENTRY_DIRECTORY : ENTRY_FILE, child, node->directory ? NULL : child_same,
                     node);
        if (r >= 0 && node->directory)
            r = want_nodes(want, first + i, child, child_same, visible);
    }
    return r;
}

/* What stays as it is: an earlier version's directory, or what an earlier run has left (`only_doubtful`). `directory`
 * NULL: everywhere. */
static int want_made(const struct want *want, const char *directory, bool only_doubtful)
{
    const struct entries *made = &want->sync->made;
    int r = 0;
    for (size_t i = directory ? entries_first(made, directory) : 0; i < made->count && r >= 0; i++) {
        const struct entry *entry = &made->list[i];
        if (directory && strcmp(entry->path, directory) != 0 && !entry_is_below(entry->path, directory))
            break;
        if (only_doubtful && !entry->doubtful)
            continue;
        struct entry copy = *entry;
        copy.whole = false;
        copy.owner = want->item;
        r = entries_add(want->wanted, &copy);
    }
    return r;
}

static int want_links(const struct want *want)
{
    const struct tree *tree = want->item->tree;
    uint32_t first;
    uint32_t count = tree_children(tree, TREE_ROOT, &first);
    _cleanup_free_ char *data = join(want->item->directory, DATA_ENTRY);
    int r = want_one(want, ENTRY_LINK, data, want->item->data, NULL);
    for (uint32_t i = 0; i < count && r >= 0; i++) {
        const char *entry = tree_node(tree, first + i)->entry;
        if (is_hidden(want, entry))
            continue;
        _cleanup_free_ char *path = join(want->item->directory, entry);
        _cleanup_free_ char *target = join(DATA_ENTRY, entry);
        r = target ? want_one(want, ENTRY_LINK, path, target, NULL) : -ENOMEM;
    }
    return r;
}

static int want_atomic(const struct want *want, uint64_t now_ns)
{
    const struct item *item = want->item;
    _cleanup_free_ char *data = join(item->directory, item->data);
    _cleanup_free_ char *previous = item->previous ? join(item->directory, item->previous) : NULL;
    int r = want_one(want, ENTRY_DIRECTORY, data, NULL, NULL);
    if (r >= 0) {
        want->wanted->list[want->wanted->count - 1].whole = true;
        r = want_nodes(want, TREE_ROOT, data, previous, false);
    }
    if (r >= 0)
        r = want_links(want);
    if (r >= 0 && previous && now_ns < item->previous_until_ns)
        r = want_made(want, previous, false);
    return r;
}

/* The directory of an item and those above it. */
static int want_directories(const struct want *want)
{
    const char *directory = want->item->directory;
    int r = 0;
    for (const char *slash = directory; slash && r >= 0;) {
        slash = strchr(slash, '/');
        _cleanup_free_ char *path = slash ? strndup(directory, (size_t)(slash - directory)) : strdup(directory);
        r = want_one(want, ENTRY_DIRECTORY, path, NULL, NULL);
        if (r >= 0 && slash)
            want->wanted->list[want->wanted->count - 1].owner = NULL;
        slash = slash ? slash + 1 : NULL;
    }
    return r;
}

/* What an earlier run has left of an item, and the directories on the way to it. */
static int want_left(const struct want *want)
{
    size_t before = want->wanted->count;
    int r = want_made(want, want->item->directory, true);
    return r >= 0 && want->wanted->count > before ? want_directories(want) : r;
}

static uint64_t until_stale_ns(const struct sync *sync, const struct item *item)
{
    uint64_t age_ns = cache_secret_age_ns(item->secret);
    if (!cache_secret_is_stale(item->secret))
        return CLOCK_NEVER_NS;
    return age_ns < sync->options.max_stale_ns ? sync->options.max_stale_ns - age_ns + NS_PER_MS : NS_PER_MS;
}

static void sooner(uint64_t *at_ns, uint64_t candidate_ns)
{
    if (candidate_ns < *at_ns)
        *at_ns = candidate_ns;
}

static int want_item(struct sync *sync, struct item *item, uint64_t now_ns, struct entries *wanted, uint64_t *review_ns)
{
    const struct want want = {sync, item, wanted};
    switch (item_state(sync, item)) {
    case ITEM_WAITING:
        return now_ns - sync->started_ns < sync->options.max_stale_ns ? want_left(&want) : 0;
    case ITEM_THERE:
        break;
    case ITEM_GONE:
    default:
        return 0;
    }
    int r = refresh(sync, item, now_ns);
    if (r >= 0)
        r = want_directories(&want);
    if (r >= 0)
        r = sync->options.atomic ? want_atomic(&want, now_ns)
                                 : want_nodes(&want, TREE_ROOT, item->directory, NULL, true);
    uint64_t left_ns = until_stale_ns(sync, item);
    if (left_ns != CLOCK_NEVER_NS)
        sooner(review_ns, now_ns + left_ns);
    if (item->previous && now_ns < item->previous_until_ns)
        sooner(review_ns, item->previous_until_ns);
    return r;
}

int items_want(struct sync *sync, uint64_t now_ns, struct entries *wanted, uint64_t *ret_review_ns)
{
    uint64_t given_up_ns = sync->started_ns + sync->options.max_stale_ns;
    uint64_t review_ns = now_ns < given_up_ns ? given_up_ns : CLOCK_NEVER_NS;
    const struct want all = {sync, NULL, wanted};
    int r = 0;
    for (size_t i = 0; i < sync->item_count && r >= 0; i++)
        r = want_item(sync, sync->items[i], now_ns, wanted, &review_ns);
    if (r >= 0 && !names_are_settled(sync) && now_ns < given_up_ns)
        r = want_made(&all, NULL, true);
    if (r >= 0)
        *ret_review_ns = review_ns;
    return r;
}
