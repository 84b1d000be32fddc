/* SPDX-License-Identifier: Apache-2.0 */

/* What is at a name.
 *
 * A directory of names stands for a path P. P may be a secret (then its keys are here), a prefix of other secrets'
 * names (then their next components are here), or both. For an entry N the first of these wins:
 *
 *   1. P/N is known, as a secret or as a prefix (listed, or said by --secret);
 *   2. P is a secret and has the key N;
 *   3. P/N is a secret although nobody told us: GetSecretValue is asked;
 *   4. P/N lies so close below a pattern of --secret that it may be a directory on the way to an unlisted
 *      name: it is taken for one. Programs read files below secrets, so for them ENOENT comes one step later.
 *
 * Step 3 is left out below a readable secret (unless a pattern of --secret says that there are names), so that
 * looking for a key that does not exist costs no call. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fs/state.h"
#include "tree/name.h"

#define SECRET_NAME_MAX_BYTES 512

void found_clear(struct found *found)
{
    free(found->path);
    view_unref(found->view);
    *found = (struct found){0};
}

/* May a secret have this name? Others are not asked for. */
static bool is_secret_name(const char *name)
{
    if (strlen(name) > SECRET_NAME_MAX_BYTES)
        return false;
    for (const char *p = name; *p != '\0'; p++)
        if (!isalnum((unsigned char)*p) && !strchr("/_+=.@-!", *p))
            return false;
    return true;
}

/* Our own reserved names (".raw") begin with a dot, like no escaped component; a NUL is in no name. */
int names_path(const struct inode *directory, const char *entry, char **ret_path)
{
    char component[NAME_MAX_BYTES + 1];
    size_t bytes;
    if (name_unescape(entry, component, &bytes) < 0 || strlen(component) != bytes)
        return -EINVAL;
    const char *path = directory->path;
    return asprintf(ret_path, "%s%s%s", path ? path : "", path ? "/" : "", component) < 0 ? -ENOMEM : 0;
}

static int found_names(struct found *ret_found, char *path, bool is_secret, uint64_t timeout_ns)
{
    *ret_found = (struct found){.kind = INODE_NAMES, .path = path, .is_secret = is_secret, .timeout_ns = timeout_ns};
    return 0;
}

int resolve_key(struct view *view, uint32_t directory, const char *entry, struct found *ret_found)
{
    const struct tree *tree = view_tree(view);
    uint32_t node = tree ? tree_find(tree, directory, entry) : TREE_NONE;
    if (node == TREE_NONE)
        return tree ? -ENOENT : -ENOMEM;
    *ret_found = (struct found){
        .kind = tree_node(tree, node)->directory ? INODE_OBJECT : INODE_FILE,
        .node = *tree_node(tree, node),
        .timeout_ns = cache_secret_left_ns(view->secret),
    };
    return 0;
}

static bool is_known_secret(const struct fs *fs, const struct inode *directory)
{
    enum name_kind kind;
    if (directory->is_secret)
        return true;
    return directory->path && names_find(cache_names(fs->cache), directory->path, &kind) && kind == NAME_SECRET;
}

struct view *names_view(struct fs *fs, struct inode *directory)
{
    if (directory->view || !is_known_secret(fs, directory))
        return directory->view;
    _cleanup_view_ struct view *view = NULL;
    _cleanup_free_ char *id = NULL;
    if (cache_path_id(fs->cache, directory->path, &id) >= 0 && view_open(fs->cache, id, NULL, NULL, &view) >= 0)
        view_show(view, directory);
    return directory->view;
}

/* Step 2. Returns 1 when the directory is no readable secret. */
static int find_key(struct request *request, struct inode *directory, const char *entry, struct found *ret_found)
{
    struct view *view = names_view(request->fs, directory);
    if (!view)
        return 1;
    int r = want(request, view);
    return r < 0 ? r : resolve_key(view, TREE_ROOT, entry, ret_found);
}

/* Steps 3 and 4. */
static int find_unlisted(struct request *request, const char *path, struct found *ret_found)
{
    struct fs *fs = request->fs;
    const struct scope *scope = cache_scope(fs->cache);
    _cleanup_view_ struct view *view = NULL;
    if (!scope_allows(scope, path) || !is_secret_name(path))
        return -ENOENT;
    _cleanup_free_ char *id = NULL;
    int r = cache_path_id(fs->cache, path, &id);
    if (r >= 0)
        r = view_open(fs->cache, id, NULL, NULL, &view);
    if (r >= 0)
        r = want(request, view);
    bool may_be_prefix =
        scope_may_be_prefix(scope, path) || (scope_is_empty(scope) && cache_names_state(fs->cache) == NAMES_LISTING);
    bool absent = r == -ENOENT || r == -EACCES; /* a policy for what lies below denies what lies above */
    bool provisional = absent && may_be_prefix && !request->announcer;
    if (r < 0 && !provisional)
        return r;
    char *copy = strdup(path);
    if (!copy)
        return -ENOMEM;
    /* A directory that is only taken for one is asked about again soon. */
    return found_names(ret_found, copy, !provisional, provisional ? NS_PER_SEC : cache_secret_left_ns(view->secret));
}

/* ".versions" in the directory of a secret. */
static int find_versions(struct request *request, struct inode *directory, struct found *ret_found)
{
    struct view *view = directory->kind == INODE_NAMES ? names_view(request->fs, directory) : directory->view;
    int r = view ? want(request, view) : -ENOENT;
    if (r < 0)
        return r;
    view->references++;
    *ret_found = (struct found){.kind = INODE_VERSIONS, .view = view, .timeout_ns = LONG_TIMEOUT_NS};
    return 0;
}

static int resolve_names(struct request *request, struct inode *directory, const char *entry, struct found *ret_found)
{
    struct fs *fs = request->fs;
    const struct names *names = cache_names(fs->cache);
    _cleanup_free_ char *path = NULL;
    int r = names_path(directory, entry, &path);
    if (r == -ENOMEM)
        return r;
    bool is_component = r >= 0;
    if (is_component && (names_find(names, path, NULL) || names_has_below(names, path)))
        return found_names(ret_found, STEAL(path), false, LONG_TIMEOUT_NS);
    r = find_key(request, directory, entry, ret_found);
    if (r == -EINPROGRESS || r == 0 || !is_component)
        return r == 1 ? -ENOENT : r;
    bool has_pattern = directory->path && scope_is_pattern_base(cache_scope(fs->cache), directory->path);
    if (r < 0 && !has_pattern)
        return r;
    r = wait_for_names(request);
    return r < 0 ? r : find_unlisted(request, path, ret_found);
}

int resolve(struct request *request, struct inode *directory, const char *entry, struct found *ret_found)
{
    struct view *view = NULL;
    bool may_have_versions = directory->kind == INODE_NAMES || directory->kind == INODE_ARN;
    if (may_have_versions && strcmp(entry, VERSIONS_ENTRY) == 0)
        return find_versions(request, directory, ret_found);
    switch (directory->kind) {
    case INODE_NAMES:
        if (directory->number == INODE_ROOT && strncmp(entry, "arn:", 4) == 0)
            return resolve_arn(request, directory, entry, ret_found);
        return resolve_names(request, directory, entry, ret_found);
    case INODE_ARN:
        return resolve_arn(request, directory, entry, ret_found);
    case INODE_VERSIONS:
        return resolve_version(request, directory, entry, ret_found);
    case INODE_VERSION:
    case INODE_OBJECT: {
        const struct inode *top = directory;
        while (top->kind == INODE_OBJECT)
            top = top->parent;
        int r = top->view ? want(request, top->view) : -ENOENT;
        if (r < 0)
            return r;
        uint32_t node = view_node(directory, &view);
        return node == TREE_NONE ? -ENOENT : resolve_key(view, node, entry, ret_found);
    }
    case INODE_STAGE:
    case INODE_FILE:
    case INODE_SELF:
    case INODE_HANDLES:
    default:
        return -ENOTDIR;
    }
}
