/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/secretsmanager.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/queue.h"
#include "backend/secretsmanager_decode.h"
#include "backend/secretsmanager_internal.h"
#include "backend/secretsmanager_request.h"
#include "backend/wire.h"

#define CONTENT_TYPE "application/x-amz-json-1.1"
#define MAX_VALUE_ANSWER_BYTES ((size_t)1024 * 1024)
#define MAX_PAGE_ANSWER_BYTES ((size_t)4 * 1024 * 1024)

const char *secretsmanager_region(const struct secretsmanager *manager)
{
    return aws_session_region(wire_session(manager->wire));
}

int secretsmanager_call(const struct secretsmanager *manager, struct http *http, const char *region, const char *target,
                        struct json *parameters, size_t max_answer_bytes, uint64_t deadline_ns, struct buffer *ret_body,
                        struct error *ret_error)
{
    struct aws_call call = {
        .service = SECRETSMANAGER_SERVICE,
        .region = region,
        .target = target,
        .content_type = CONTENT_TYPE,
        .body = json_format(parameters, false),
        .max_answer_bytes = max_answer_bytes,
    };
    if (!call.body)
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");
    call.body_bytes = strlen(call.body);
    return wire_perform(manager->wire, http, &call, deadline_ns, ret_body, ret_error);
}

int secretsmanager_get(struct source *source, struct http *http, const struct value_request *request,
                       uint64_t deadline_ns, struct value **ret_value, struct error *ret_error)
{
    const struct secretsmanager *manager = secretsmanager_of(source);
    _cleanup_json_ struct json *parameters = NULL;
    _cleanup_buffer_ struct buffer body = {0};
    struct secret_id id;
    struct error ignored = {.kind = ERROR_NONE};

    ret_error = ret_error ? ret_error : &ignored;
    if (!secretsmanager_request_parse(request, &id))
        return error_set(ret_error, ERROR_NOT_FOUND, "AWS cannot have a secret or version of this name");
    const char *region = id.region[0] ? id.region : secretsmanager_region(manager);
    if (secretsmanager_get_parameters(request, &parameters) < 0)
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");

    int r = secretsmanager_call(manager, http, region, "secretsmanager.GetSecretValue", parameters,
                                MAX_VALUE_ANSWER_BYTES, deadline_ns, &body, ret_error);
    if (r == 0)
        r = secretsmanager_decode_value(body.bytes, body.size_bytes, ret_value, ret_error);
    return r < 0 ? secretsmanager_explain(manager, "GetSecretValue", &id, region, ret_error) : 0;
}

/* All pages of one listing. */
static int list_pages(const struct secretsmanager *manager, struct http *http, const char *const *prefixes,
                      size_t prefix_count, uint64_t deadline_ns, source_name_cb each, void *context,
                      struct error *ret_error)
{
    _cleanup_free_ char *token = NULL;
    do {
        _cleanup_json_ struct json *parameters = NULL;
        _cleanup_buffer_ struct buffer body = {0};
        _cleanup_free_ char *next_token = NULL;

        if (secretsmanager_list_parameters(manager->filters, prefixes, prefix_count, token, &parameters) < 0)
            return error_set(ret_error, ERROR_INTERNAL, "out of memory");
        int r = secretsmanager_call(manager, http, secretsmanager_region(manager), "secretsmanager.ListSecrets",
                                    parameters, MAX_PAGE_ANSWER_BYTES, deadline_ns, &body, ret_error);
        if (r == 0)
            r = secretsmanager_decode_page(body.bytes, body.size_bytes, each, context, &next_token, ret_error);
        if (r < 0)
            return r;
        if (token && next_token && strcmp(token, next_token) == 0)
            return error_set(ret_error, ERROR_BAD_ANSWER, "ListSecrets answers with the same page again and again");
        free(token);
        token = STEAL(next_token);
    } while (token);
    return 0;
}

static int secretsmanager_list(struct source *source, struct http *http, const char *const *prefixes,
                               size_t prefix_count, uint64_t deadline_ns, source_name_cb each, void *context,
                               struct error *ret_error)
{
    const struct secretsmanager *manager = secretsmanager_of(source);
    struct error ignored = {.kind = ERROR_NONE};
    size_t done = 0;

    ret_error = ret_error ? ret_error : &ignored;
    /* One request takes so many prefixes; where there are more, there are more listings. */
    do {
        size_t count = prefix_count - done < FILTER_MAX_VALUES ? prefix_count - done : FILTER_MAX_VALUES;
        int r = list_pages(manager, http, prefixes + done, count, deadline_ns, each, context, ret_error);
        if (r < 0) {
            const char *advice = ret_error->kind == ERROR_ACCESS_DENIED
                                     ? "allow secretsmanager:ListSecrets on *, or name the secrets with --secret"
                                     : secretsmanager_common_advice(ret_error->kind);
            (void)secretsmanager_advise(ret_error, advice, secretsmanager_region(manager), manager->endpoint);
            return r;
        }
        done += count;
    } while (done < prefix_count);
    return 0;
}

static int secretsmanager_versions(struct source *source, struct http *http, const char *id, uint64_t deadline_ns,
                                   source_version_cb each, void *context, struct error *ret_error)
{
    const struct secretsmanager *manager = secretsmanager_of(source);
    const struct value_request request = {.id = id};
    _cleanup_json_ struct json *parameters = NULL;
    _cleanup_buffer_ struct buffer body = {0};
    struct secret_id parsed;
    struct error ignored;

    ret_error = ret_error ? ret_error : &ignored;
    if (!secretsmanager_request_parse(&request, &parsed))
        return error_set(ret_error, ERROR_NOT_FOUND, "AWS cannot have a secret of this name");
    const char *region = parsed.region[0] ? parsed.region : secretsmanager_region(manager);
    if (secretsmanager_describe_parameters(id, &parameters) < 0)
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");

    int r = secretsmanager_call(manager, http, region, "secretsmanager.DescribeSecret", parameters,
                                MAX_VALUE_ANSWER_BYTES, deadline_ns, &body, ret_error);
    if (r == 0)
        r = secretsmanager_decode_versions(body.bytes, body.size_bytes, each, context, ret_error);
    if (r < 0)
        (void)secretsmanager_explain(manager, "DescribeSecret", &parsed, region, ret_error);
    return r;
}

static int secretsmanager_change_fd(struct source *source)
{
    const struct secretsmanager *manager = secretsmanager_of(source);
    return manager->queue ? queue_fd(manager->queue) : -1;
}

static void secretsmanager_change_drain(struct source *source, source_change_cb each, void *context)
{
    struct secretsmanager *manager = secretsmanager_of(source);
    if (manager->queue)
        queue_drain(manager->queue, each, context);
}

static void secretsmanager_push_status(struct source *source, struct push_status *ret_status)
{
    const struct secretsmanager *manager = secretsmanager_of(source);
    *ret_status = (struct push_status){.state = "off"};
    if (manager->queue)
        queue_status(manager->queue, ret_status);
}

static const char *secretsmanager_describe(struct source *source)
{
    return secretsmanager_of(source)->description;
}

static uint64_t secretsmanager_call_count(struct source *source)
{
    return wire_attempts(secretsmanager_of(source)->wire);
}

static void secretsmanager_free(struct source *source)
{
    struct secretsmanager *manager = secretsmanager_of(source);
    queue_free(manager->queue); /* its thread uses the wire */
    wire_free(manager->wire);
    free(manager->filters);
    free(manager->endpoint);
    free(manager->description);
    free(manager);
}

static const struct source_ops ops = {
    .get = secretsmanager_get,
    .list = secretsmanager_list,
    .get_many = secretsmanager_get_many,
    .versions = secretsmanager_versions,
    .change_fd = secretsmanager_change_fd,
    .change_drain = secretsmanager_change_drain,
    .push_status = secretsmanager_push_status,
    .describe = secretsmanager_describe,
    .call_count = secretsmanager_call_count,
    .free = secretsmanager_free,
};

int secretsmanager_try_queue(struct source *source, struct http *http, uint64_t deadline_ns, struct error *ret_error)
{
    const struct secretsmanager *manager = secretsmanager_of(source);
    if (!manager->queue)
        return error_set(ret_error, ERROR_BAD_REQUEST, "there is no events queue");
    return queue_try(manager->queue, http, deadline_ns, ret_error);
}

int secretsmanager_source_new(struct aws_session *session, const struct secretsmanager_options *options,
                              struct source **ret_source, struct error *ret_error)
{
    struct secretsmanager *manager = calloc(1, sizeof(*manager));
    _cleanup_source_ struct source *source = manager ? &manager->source : NULL;
    if (!manager) {
        aws_session_free(session);
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");
    }
    manager->source.ops = &ops;
    if (wire_new(session, &manager->wire) < 0)
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");

    const char *region = secretsmanager_region(manager);
    int r = secretsmanager_parse_filters(options->filters, options->filter_count, &manager->filters, ret_error);
    if (r == 0)
        r = aws_session_endpoint(session, SECRETSMANAGER_SERVICE, region, &manager->endpoint, ret_error);
    if (r < 0)
        return r;
    if (asprintf(&manager->description, "AWS Secrets Manager (region %s, endpoint %s)", region, manager->endpoint) <
        0) {
        manager->description = NULL;
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");
    }
    if (options->events_queue)
        r = queue_new(manager->wire, options->events_queue, &manager->queue, ret_error);
    if (r < 0)
        return r;
    *ret_source = STEAL(source);
    return 0;
}
