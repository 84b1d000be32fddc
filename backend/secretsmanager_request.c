/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/secretsmanager_request.h"

#include <errno.h>
#include <string.h>

#define PAGE_NAMES 100
#define MIN_VERSION_ID_BYTES 32
#define MAX_VERSION_ID_BYTES 64
#define MAX_STAGE_BYTES 256
#define MAX_FILTER_VALUE_BYTES 512

bool secretsmanager_request_parse(const struct value_request *request, struct secret_id *ret_id)
{
    size_t stage_size = request->stage ? strlen(request->stage) : 1;
    size_t version_size = request->version_id ? strlen(request->version_id) : MIN_VERSION_ID_BYTES;

    return stage_size >= 1 && stage_size <= MAX_STAGE_BYTES && version_size >= MIN_VERSION_ID_BYTES &&
           version_size <= MAX_VERSION_ID_BYTES && secret_id_parse(request->id, ret_id);
}

int secretsmanager_get_parameters(const struct value_request *request, struct json **ret_parameters)
{
    _cleanup_json_ struct json *parameters = json_new_object();
    /* Neither means AWSCURRENT, which is said all the same: not every stand-in for AWS knows. */
    const char *stage = request->stage || request->version_id ? request->stage : "AWSCURRENT";

    if (!parameters || json_put_text(parameters, "SecretId", request->id) < 0 ||
        json_put_text(parameters, "VersionStage", stage) < 0 ||
        json_put_text(parameters, "VersionId", request->version_id) < 0)
        return -ENOMEM;
    *ret_parameters = STEAL(parameters);
    return 0;
}

static bool is_filter_key(const char *key)
{
    static const char *const keys[] = {"description",    "name",           "tag-key", "tag-value",
                                       "primary-region", "owning-service", "all"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strcmp(key, keys[i]) == 0)
            return true;
    }
    return false;
}

/* Adds {"Key": key, "Values": []}. NULL when out of memory. */
static struct json *add_filter(struct json *filters, const char *key)
{
    struct json *filter = json_new_object();
    if (!filter || json_append(filters, filter) < 0 || json_put_text(filter, "Key", key) < 0 ||
        json_put(filter, "Values", json_new_array()) < 0)
        return NULL;
    return filter;
}

static struct json *find_filter(const struct json *filters, const char *key)
{
    for (size_t i = 0; i < json_array_length(filters); i++) {
        if (strcmp(json_member_text(json_array_at(filters, i), "Key"), key) == 0)
            return json_array_at(filters, i);
    }
    return NULL;
}

static int add_user_filter(struct json *filters, const char *text, struct error *error)
{
    const char *equals = strchr(text, '=');
    _cleanup_free_ char *key = strndup(text, equals ? (size_t)(equals - text) : 0);

    if (!key)
        return error_set(error, ERROR_INTERNAL, "out of memory");
    if (!equals || !is_filter_key(key))
        return error_set(error, ERROR_BAD_REQUEST,
                         "filter \"%s\": give KEY=VALUE, where KEY is description, name, tag-key, tag-value, "
                         "primary-region, owning-service or all",
                         text);
    if (equals[1] == '\0' || strlen(equals + 1) > MAX_FILTER_VALUE_BYTES)
        return error_set(error, ERROR_BAD_REQUEST, "filter \"%s\": the value must have 1 to %d bytes", text,
                         MAX_FILTER_VALUE_BYTES);
    struct json *filter = find_filter(filters, key);
    if (!filter)
        filter = add_filter(filters, key);
    struct json *values = json_member(filter, "Values");
    if (!values || json_append_text(values, equals + 1) < 0)
        return error_set(error, ERROR_INTERNAL, "out of memory");
    if (json_array_length(values) > FILTER_MAX_VALUES)
        return error_set(error, ERROR_BAD_REQUEST, "AWS takes at most %d values of the filter %s", FILTER_MAX_VALUES,
                         key);
    return 0;
}

int secretsmanager_parse_filters(const char *const *filters, size_t filter_count, char **ret_filters,
                                 struct error *ret_error)
{
    _cleanup_json_ struct json *array = json_new_array();
    const char *text = NULL;
    char *copy;

    for (size_t i = 0; array && i < filter_count; i++) {
        int r = add_user_filter(array, filters[i], ret_error);
        if (r < 0)
            return r;
    }
    if (array)
        text = json_format(array, false);
    copy = text ? strdup(text) : NULL;
    if (!copy)
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");
    *ret_filters = copy;
    return 0;
}

int secretsmanager_list_parameters(const char *filters, const char *const *prefixes, size_t prefix_count,
                                   const char *next_token, struct json **ret_parameters)
{
    _cleanup_json_ struct json *parameters = json_new_object();
    _cleanup_json_ struct json *array = NULL;

    if (!parameters || json_parse(filters, strlen(filters), 4, &array) < 0)
        return -ENOMEM;
    /* A filter of its own: filters must all be met, values of one filter are alternatives. */
    struct json *values = prefix_count > 0 ? json_member(add_filter(array, "name"), "Values") : NULL;
    for (size_t i = 0; i < prefix_count; i++) {
        if (!values || json_append_text(values, prefixes[i]) < 0)
            return -ENOMEM;
    }
    if (json_put_int(parameters, "MaxResults", PAGE_NAMES) < 0 ||
        json_put_text(parameters, "NextToken", next_token) < 0)
        return -ENOMEM;
    if (json_array_length(array) > 0 && json_put(parameters, "Filters", STEAL(array)) < 0)
        return -ENOMEM;
    *ret_parameters = STEAL(parameters);
    return 0;
}

int secretsmanager_describe_parameters(const char *id, struct json **ret_parameters)
{
    _cleanup_json_ struct json *parameters = json_new_object();
    if (!parameters || json_put_text(parameters, "SecretId", id) < 0)
        return -ENOMEM;
    *ret_parameters = STEAL(parameters);
    return 0;
}

int secretsmanager_batch_parameters(const char *const *ids, size_t count, const char *next_token,
                                    struct json **ret_parameters)
{
    _cleanup_json_ struct json *parameters = json_new_object();
    struct json *list = json_new_array();

    if (!parameters || !list || json_put(parameters, "SecretIdList", list) < 0) {
        if (!parameters)
            json_free(list);
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        if (json_append_text(list, ids[i]) < 0)
            return -ENOMEM;
    }
    if (json_put_text(parameters, "NextToken", next_token) < 0)
        return -ENOMEM;
    *ret_parameters = STEAL(parameters);
    return 0;
}
