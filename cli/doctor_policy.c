/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor_policy.h"

#include <stdio.h>
#include <string.h>

#include "auth/endpoint.h"
#include "backend/secret_id.h"

#define MAX_RESOURCE_BYTES 2304

/* Who has to grant it is for the user to know; hence no Principal. */
static struct json *statement(const char *const *actions, size_t action_count, const char *resource)
{
    _cleanup_json_ struct json *object = json_new_object();
    _cleanup_json_ struct json *list = action_count > 1 ? json_new_array() : NULL;
    if (!object || json_put_text(object, "Effect", "Allow") < 0)
        return NULL;
    for (size_t i = 0; list && i < action_count; i++)
        if (json_append_text(list, actions[i]) < 0)
            return NULL;
    int r = list ? json_put(object, "Action", STEAL(list)) : json_put_text(object, "Action", actions[0]);
    if (r < 0 || json_put_text(object, "Resource", resource) < 0)
        return NULL;
    return STEAL(object);
}

struct json *policy_for_all(const char *action)
{
    return statement(&action, 1, "*");
}

/* Whether an ARN has the six characters at its end that AWS adds to the name. */
static bool has_suffix(const struct secret_id *id)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    size_t size = strlen(id->name);
    return id->region[0] && size > 7 && id->name[size - 7] == '-' && strspn(id->name + size - 6, letters) == 6;
}

struct json *policy_for_secret(const char *action, const char *id, const struct policy_place *place)
{
    char resource[MAX_RESOURCE_BYTES];
    struct secret_id parsed;
    if (!secret_id_parse(id, &parsed))
        return NULL;
    if (has_suffix(&parsed))
        (void)snprintf(resource, sizeof(resource), "%s", id);
    else
        (void)snprintf(resource, sizeof(resource), "arn:%s:secretsmanager:%s:%s:secret:%s-??????",
                       parsed.region[0] ? parsed.partition : place->partition,
                       parsed.region[0] ? parsed.region : place->region,
                       parsed.region[0] ? parsed.account : place->account, parsed.name);
    return statement(&action, 1, resource);
}

struct json *policy_for_key(const char *id, const struct policy_place *place)
{
    static const char *const action = "kms:Decrypt";
    char resource[256];
    _cleanup_free_ char *endpoint = NULL;
    struct secret_id parsed;
    _cleanup_json_ struct json *condition = json_new_object();
    _cleanup_json_ struct json *equals = json_new_object();
    if (!condition || !equals || !secret_id_parse(id, &parsed))
        return NULL;
    bool is_arn = parsed.region[0] != '\0';
    const char *region = is_arn ? parsed.region : place->region;
    const char *partition = is_arn ? parsed.partition : place->partition;
    (void)snprintf(resource, sizeof(resource), "arn:%s:kms:%s:%s:key/KEY-ID", partition, region,
                   is_arn ? parsed.account : place->account);
    if (endpoint_for_region("secretsmanager", region, false, false, &endpoint) < 0)
        return NULL;
    _cleanup_json_ struct json *object = statement(&action, 1, resource);
    if (!object || json_put_text(equals, "kms:ViaService", endpoint + strlen("https://")) < 0 ||
        json_put(condition, "StringEquals", STEAL(equals)) < 0 || json_put(object, "Condition", STEAL(condition)) < 0)
        return NULL;
    return STEAL(object);
}

struct json *policy_for_queue(const char *queue_arn)
{
    static const char *const actions[] = {"sqs:ReceiveMessage", "sqs:DeleteMessage"};
    return statement(actions, 2, queue_arn);
}
