/* SPDX-License-Identifier: Apache-2.0 */

/* Paths that are ARNs.
 *
 * A secret's name may contain '/', so the ARN in "/secrets/arn:…:secret:prod/db-AbCdEf/password" comes as several
 * components, one lookup each, and no lookup tells what follows. A component that ends like a full ARN ("-" and six
 * letters or digits) is asked for. Any other one may be a part of a name, or a whole ARN without its suffix: it is
 * taken for a directory, and the lookup below it decides: if the directory is a secret the entry is a key, else the
 * name goes on.
 *
 * The form of ECS task definitions, "…:secret:NAME-AbCdEf:json-key:version-stage:version-id" with all three colons, is
 * a file. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fs/state.h"
#include "tree/name.h"

#define ARN_COLONS 6 /* "arn:aws:secretsmanager:REGION:ACCOUNT:secret:" */

/* Does the first component begin with "arn:…:secretsmanager:…:secret:"? The name after it may begin with a slash,
 * and then nothing of it is in this component. */
static bool is_arn(const char *arn)
{
    static const char service[] = ":secretsmanager:";
    const char *p = arn;
    for (int i = 0; i < ARN_COLONS; i++) {
        p = strchr(p, ':');
        if (!p)
            return false;
        if (i == 1 && strncmp(p, service, sizeof(service) - 1) != 0)
            return false;
        p++;
    }
    return strncmp(p - strlen(":secret:"), ":secret:", strlen(":secret:")) == 0;
}

static bool has_suffix(const char *text)
{
    size_t bytes = strlen(text);
    if (bytes < 8 || text[bytes - 7] != '-')
        return false;
    for (const char *p = text + bytes - 6; *p != '\0'; p++)
        if (!isalnum((unsigned char)*p))
            return false;
    return true;
}

static unsigned count_colons(const char *text)
{
    unsigned colons = 0;
    for (; *text != '\0'; text++)
        colons += *text == ':';
    return colons;
}

int resolve_value_key(struct view *view, const char *key, struct found *ret_found)
{
    char entry[NAME_MAX_BYTES + 1];
    if (key[0] == '\0')
        return resolve_key(view, TREE_ROOT, ".raw", ret_found);
    if (name_escape(key, strlen(key), entry) < 0)
        return -ENOENT;
    int r = resolve_key(view, TREE_ROOT, entry, ret_found);
    /* A nested object is its text, as it is for ECS. */
    if (r >= 0 && ret_found->kind == INODE_OBJECT) {
        uint32_t node = tree_find(view_tree(view), TREE_ROOT, entry);
        return resolve_key(view, node, ".raw", ret_found);
    }
    return r;
}

/* `text` is "ARN:json-key:version-stage:version-id"; it is cut up in place. */
static int resolve_value_from(struct request *request, char *text, struct found *ret_found)
{
    char *fields[3];
    for (int i = 2; i >= 0; i--) {
        char *colon = strrchr(text, ':');
        if (!colon)
            return -ENOENT;
        *colon = '\0';
        fields[i] = colon + 1;
    }
    _cleanup_view_ struct view *view = NULL;
    const char *stage = fields[1][0] != '\0' ? fields[1] : NULL;
    const char *version_id = fields[2][0] != '\0' ? fields[2] : NULL;
    int r = view_open(request->fs->cache, text, stage, version_id, &view);
    if (r >= 0)
        r = want(request, view);
    if (r >= 0)
        r = resolve_value_key(view, fields[0], ret_found);
    if (r < 0)
        return r;
    ret_found->path = strdup(fields[0]);
    if (!ret_found->path)
        return -ENOMEM;
    ret_found->view = STEAL(view);
    return 0;
}

static int found_arn(struct found *ret_found, char *arn, struct view *view, uint64_t timeout_ns)
{
    *ret_found = (struct found){.kind = INODE_ARN, .path = arn, .view = view, .timeout_ns = timeout_ns};
    return 0;
}

/* The secret that this directory would be if its path were a whole ARN; opened on first use. */
static int want_directory(struct request *request, struct inode *directory)
{
    _cleanup_view_ struct view *view = NULL;
    if (directory->kind != INODE_ARN)
        return -ENOENT;
    if (!directory->view) {
        int r = view_open(request->fs->cache, directory->path, NULL, NULL, &view);
        if (r < 0)
            return r;
        view_show(view, directory);
    }
    return want(request, directory->view);
}

/* A component that looks like the end of a full ARN. */
static int find_secret(struct request *request, char **arn, struct found *ret_found)
{
    _cleanup_view_ struct view *view = NULL;
    int r = view_open(request->fs->cache, *arn, NULL, NULL, &view);
    if (r >= 0)
        r = want(request, view);
    if (r < 0)
        return r;
    uint64_t left_ns = cache_secret_left_ns(view->secret);
    return found_arn(ret_found, STEAL(*arn), STEAL(view), left_ns);
}

/* A no that may only mean: this is not the whole ARN yet. */
static bool is_no(int r)
{
    return r == -ENOENT || r == -EACCES;
}

/* The directory is a whole ARN by its looks: what is below a secret is a key and nothing else. Returns 1 when the name
 * may go on. */
static int resolve_below_full(struct request *request, struct inode *directory, const char *entry,
                              struct found *ret_found)
{
    int r = want_directory(request, directory);
    if (r >= 0)
        return resolve_key(directory->view, TREE_ROOT, entry, ret_found);
    bool may_go_on = has_suffix(entry) || strchr(entry, ':');
    return is_no(r) && may_go_on ? 1 : r;
}

/* `arn` is not a whole one, or nothing is found under it: a key of the directory, or a part of a name. */
static int resolve_part(struct request *request, struct inode *directory, const char *entry, char **arn,
                        struct found *ret_found)
{
    int r = want_directory(request, directory);
    if (r >= 0)
        return resolve_key(directory->view, TREE_ROOT, entry, ret_found);
    return is_no(r) ? found_arn(ret_found, STEAL(*arn), NULL, LONG_TIMEOUT_NS) : r;
}

int resolve_arn(struct request *request, struct inode *directory, const char *entry, struct found *ret_found)
{
    bool first = directory->kind != INODE_ARN;
    _cleanup_free_ char *arn = NULL;
    if (first && !is_arn(entry))
        return -ENOENT;
    if (asprintf(&arn, "%s%s%s", first ? "" : directory->path, first ? "" : "/", entry) < 0)
        return -ENOMEM;
    int r = !first && has_suffix(directory->path) ? resolve_below_full(request, directory, entry, ret_found) : 1;
    if (r <= 0)
        return r;
    unsigned extra_colons = count_colons(arn) - ARN_COLONS;
    if (extra_colons == 3)
        return resolve_value_from(request, arn, ret_found);
    if (extra_colons > 0)
        return -ENOENT;
    r = has_suffix(entry) ? find_secret(request, &arn, ret_found) : -ENOENT;
    return is_no(r) ? resolve_part(request, directory, entry, &arn, ret_found) : r;
}
