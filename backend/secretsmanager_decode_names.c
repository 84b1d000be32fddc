/* SPDX-License-Identifier: Apache-2.0 */

/* The answers that hold no values: names of secrets, and their versions. */
#include "backend/secretsmanager_decode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

#define MAX_DEPTH 32

/* AWS keeps about a hundred versions, and 20 stages on all of them together. */
#define MAX_VERSIONS 1000
#define MAX_VERSION_ID_BYTES 64
#define MAX_STAGES_OF_VERSION 100
#define MAX_STAGE_BYTES 256

static int given_up(int r, struct error *error)
{
    (void)error_set(error, ERROR_INTERNAL, "the listing was given up: %s", strerror(-r));
    return r;
}

int secretsmanager_decode_page(const char *body, size_t body_bytes, source_name_cb each, void *context,
                               char **ret_next_token, struct error *ret_error)
{
    _cleanup_json_ struct json *page = NULL;
    int r = json_parse(body, body_bytes, MAX_DEPTH, &page);
    struct json *list = json_member(page, "SecretList");
    if (r < 0 || !json_is_array(list))
        return secretsmanager_bad_answer(r < 0 ? r : -EBADMSG, "ListSecrets", ret_error);

    for (size_t i = 0; i < json_array_length(list); i++) {
        const char *name = json_member_text(json_array_at(list, i), "Name");
        r = name && name[0] ? each(context, name) : 0;
        if (r < 0)
            return given_up(r, ret_error);
    }
    const char *token = json_member_text(page, "NextToken");
    char *copy = token && token[0] ? strdup(token) : NULL;
    if (token && token[0] && !copy)
        return secretsmanager_bad_answer(-ENOMEM, "ListSecrets", ret_error);
    *ret_next_token = copy;
    return 0;
}

struct version_walk {
    source_version_cb each;
    void *context;
    unsigned left;
};

/* Stops the walk with 1 where there are too many. */
static int take_version(void *context, const char *version_id, struct json *stages)
{
    struct version_walk *walk = context;
    bool has_stage = false;
    int r = 0;

    if (walk->left-- == 0)
        return 1;
    if (!version_id[0] || strlen(version_id) > MAX_VERSION_ID_BYTES)
        return 0;
    for (size_t i = 0; r == 0 && i < json_array_length(stages) && i < MAX_STAGES_OF_VERSION; i++) {
        size_t size = 0;
        const char *stage = json_text(json_array_at(stages, i), &size);
        if (!stage || size == 0 || size > MAX_STAGE_BYTES || strlen(stage) != size)
            continue;
        has_stage = true;
        r = walk->each(walk->context, version_id, stage);
    }
    return has_stage ? r : walk->each(walk->context, version_id, NULL);
}

int secretsmanager_decode_versions(const char *body, size_t body_bytes, source_version_cb each, void *context,
                                   struct error *ret_error)
{
    struct version_walk walk = {each, context, MAX_VERSIONS};
    _cleanup_json_ struct json *secret = NULL;
    double deleted;

    int r = json_parse(body, body_bytes, MAX_DEPTH, &secret);
    if (r == 0 && !json_member_text(secret, "ARN"))
        r = -EBADMSG;
    if (r < 0)
        return secretsmanager_bad_answer(r, "DescribeSecret", ret_error);
    if (json_number(json_member(secret, "DeletedDate"), &deleted))
        return error_set(ret_error, ERROR_DELETED, "the secret is marked for deletion");
    const struct json *versions = json_member(secret, "VersionIdsToStages");
    if (!versions)
        versions = json_member(secret, "SecretVersionsToStages");
    r = json_is_object(versions) ? json_each_member(versions, take_version, &walk) : 0;
    return r < 0 ? given_up(r, ret_error) : 0;
}
