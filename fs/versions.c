/* SPDX-License-Identifier: Apache-2.0 */

/* The directory ".versions" of a secret: its stages as symbolic links, its versions as directories.
 *
 * A version never changes, so who has entered its directory (through a stage's link, say) reads one consistent set of
 * keys for as long as it stays there. Versions are fetched when something in them is looked up. Which stages and
 * versions exist comes from DescribeSecret where that is permitted; any stage or version id is found by asking for its
 * value anyway. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "fs/listing.h"
#include "fs/state.h"
#include "tree/name.h"

#define VERSION_ID_MIN_BYTES 32
#define VERSION_ID_MAX_BYTES 64
#define STAGE_MAX_BYTES 256

static bool may_be_version_id(const char *text)
{
    size_t bytes = strlen(text);
    return bytes >= VERSION_ID_MIN_BYTES && bytes <= VERSION_ID_MAX_BYTES;
}

/* The view of one version or stage of the secret that the directory's parent shows. */
static int open_sibling(struct request *request, const struct inode *versions, const char *stage,
                        const char *version_id, struct view **ret_view)
{
    const char *id = cache_secret_id(versions->view->secret);
    return view_open(request->fs->cache, id, stage, version_id, ret_view);
}

static int found_version(struct found *ret_found, struct view *view)
{
    *ret_found = (struct found){.kind = INODE_VERSION, .view = view, .timeout_ns = LONG_TIMEOUT_NS};
    return 0;
}

static int found_stage(struct found *ret_found, const char *version_id, uint64_t timeout_ns)
{
    *ret_found = (struct found){.kind = INODE_STAGE, .path = strdup(version_id), .timeout_ns = timeout_ns};
    return ret_found->path ? 0 : -ENOMEM;
}

/* A version that nobody has told of. */
static int find_version(struct request *request, const struct inode *versions, const char *version_id,
                        struct found *ret_found)
{
    _cleanup_view_ struct view *view = NULL;
    bool known = stages_has_version(cache_stages(versions->view->secret), version_id);
    int r = open_sibling(request, versions, NULL, version_id, &view);
    if (r >= 0 && !known)
        r = want(request, view);
    return r < 0 ? r : found_version(ret_found, STEAL(view));
}

/* A stage: known, or asked for. */
static int find_stage(struct request *request, const struct inode *versions, const char *stage, struct found *ret_found)
{
    struct cache_secret *secret = versions->view->secret;
    const char *version_id = stages_find_certain(cache_stages(secret), stage);
    uint64_t left_ns = cache_secret_left_ns(secret);
    if (version_id)
        return found_stage(ret_found, version_id, left_ns);
    if (strlen(stage) > STAGE_MAX_BYTES)
        return -ENOENT;
    _cleanup_view_ struct view *view = NULL;
    int r = open_sibling(request, versions, stage, NULL, &view);
    if (r >= 0)
        r = want(request, view);
    if (r < 0)
        return r;
    version_id = cache_secret_value(view->secret)->version_id;
    cache_learn_stage(secret, stage, version_id);
    return found_stage(ret_found, version_id, left_ns);
}

int resolve_version(struct request *request, struct inode *versions, const char *entry, struct found *ret_found)
{
    char name[NAME_MAX_BYTES + 1];
    size_t bytes;
    if (name_unescape(entry, name, &bytes) < 0 || strlen(name) != bytes || bytes == 0)
        return -ENOENT;
    int r = want(request, versions->view);
    if (r < 0)
        return r;
    if (!stages_find(cache_stages(versions->view->secret), name) && may_be_version_id(name)) {
        r = find_version(request, versions, name, ret_found);
        if (r != -ENOENT && r != -EACCES)
            return r;
    }
    return find_stage(request, versions, name, ret_found);
}

int versions_ready(struct request *request, struct inode *versions)
{
    int r = want(request, versions->view);
    if (r < 0 || request->announcer)
        return r;
    if (cache_versions_need(versions->view->secret, request->arrived_ns) != CACHE_WAIT)
        return 0;
    return wait_for(request, versions->view);
}

/* Is this the first entry that names its version? One with several stages has several. */
static bool is_first(const struct stages *stages, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(stages->entries[i].version_id, stages->entries[index].version_id) == 0)
            return false;
    return true;
}

int versions_list(struct inode *versions, struct listing *listing)
{
    const struct stages *stages = cache_stages(versions->view->secret);
    char entry[NAME_MAX_BYTES + 1];
    int r = 0;
    for (size_t i = 0; i < stages->count && r >= 0; i++) {
        const char *stage = stages->entries[i].name;
        if (stage && name_escape(stage, strlen(stage), entry) >= 0)
            r = listing_add(listing, entry, S_IFLNK, 0);
        if (r >= 0 && is_first(stages, i))
            r = listing_add(listing, stages->entries[i].version_id, S_IFDIR, 0);
    }
    return r;
}
