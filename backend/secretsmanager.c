/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/secretsmanager.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/secretsmanager_decode.h"
#include "backend/secretsmanager_request.h"
#include "backend/wire.h"

#define SERVICE "secretsmanager"
#define CONTENT_TYPE "application/x-amz-json-1.1"
#define MAX_VALUE_ANSWER_BYTES ((size_t)1024 * 1024)
#define MAX_PAGE_ANSWER_BYTES ((size_t)4 * 1024 * 1024)

/* A message of AWS is cut to this, so that our advice finds room behind it. */
#define MAX_REASON_BYTES 200

struct secretsmanager {
    struct source source; /* first */
    struct wire *wire;
    char *filters; /* JSON text of what the user asked for */
    char *endpoint;
    char *description;
};

static struct secretsmanager *secretsmanager_of(struct source *source)
{
    return (struct secretsmanager *)source;
}

static const char *region_of(const struct secretsmanager *manager)
{
    return aws_session_region(wire_session(manager->wire));
}

/* Puts what to do behind what AWS says; code and request id stay. */
static int advise(struct error *error, const char *advice, const char *region, const char *endpoint)
{
    struct error said = *error;
    size_t size = strlen(said.message);
    bool cut = advice[0] && size > MAX_REASON_BYTES;

    if (cut)
        size = MAX_REASON_BYTES;
    else if (advice[0] && size > 0 && said.message[size - 1] == '.')
        size--;
    int r = error_set(error, said.kind, "%.*s%s%s%s (region %s, endpoint %s)", (int)size, said.message,
                      cut ? "..." : "", advice[0] ? "; " : "", advice, region, endpoint);
    memcpy(error->code, said.code, sizeof(error->code));
    memcpy(error->request_id, said.request_id, sizeof(error->request_id));
    return r;
}

/* What helps against failures that have nothing to do with the operation. */
static const char *common_advice(enum error_kind kind)
{
    switch ((int)kind) {
    case ERROR_BAD_CREDENTIALS:
        return "check access key, secret key and session token";
    case ERROR_EXPIRED_CREDENTIALS:
        return "renew the credentials";
    case ERROR_CLOCK_SKEW:
        return "set the clock of this machine";
    case ERROR_THROTTLED:
        return "call less often (--ttl, --poll) or ask for fewer secrets";
    default:
        return "";
    }
}

static int explain_get(const struct secretsmanager *manager, const struct secret_id *id, const char *region,
                       struct error *error)
{
    char pattern[256], advice[320] = "";
    _cleanup_free_ char *endpoint = NULL;

    switch ((int)error->kind) {
    case ERROR_ACCESS_DENIED:
        secret_id_pattern(id, region, pattern, sizeof(pattern));
        (void)snprintf(advice, sizeof(advice), "allow secretsmanager:GetSecretValue on %s", pattern);
        break;
    case ERROR_KMS_DENIED:
        (void)snprintf(advice, sizeof(advice), "allow kms:Decrypt on the secret's key and see that it is enabled");
        break;
    case ERROR_NOT_FOUND:
        (void)snprintf(advice, sizeof(advice), "check name, region and account");
        break;
    case ERROR_DELETED:
        (void)snprintf(advice, sizeof(advice), "secretsmanager:RestoreSecret brings it back");
        break;
    default:
        (void)snprintf(advice, sizeof(advice), "%s", common_advice(error->kind));
        break;
    }
    /* The other region of an ARN has an endpoint of its own. */
    (void)aws_session_endpoint(wire_session(manager->wire), SERVICE, region, &endpoint, NULL);
    return advise(error, advice, region, endpoint ? endpoint : manager->endpoint);
}

static int call(const struct secretsmanager *manager, struct http *http, const char *region, const char *target,
                struct json *parameters, size_t max_answer_bytes, uint64_t deadline_ns, struct buffer *ret_body,
                struct error *ret_error)
{
    struct wire_call call = {
        .service = SERVICE,
        .region = region,
        .target = target,
        .content_type = CONTENT_TYPE,
        .body = json_format(parameters, false),
        .max_answer_bytes = max_answer_bytes,
    };
    if (!call.body)
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");
    return wire_perform(manager->wire, http, &call, deadline_ns, ret_body, ret_error);
}

static int secretsmanager_get(struct source *source, struct http *http, const struct value_request *request,
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
    const char *region = id.region[0] ? id.region : region_of(manager);
    if (secretsmanager_get_parameters(request, &parameters) < 0)
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");

    int r = call(manager, http, region, "secretsmanager.GetSecretValue", parameters, MAX_VALUE_ANSWER_BYTES,
                 deadline_ns, &body, ret_error);
    if (r == 0)
        r = secretsmanager_decode_value(body.bytes, body.size_bytes, ret_value, ret_error);
    return r < 0 ? explain_get(manager, &id, region, ret_error) : 0;
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
        int r = call(manager, http, region_of(manager), "secretsmanager.ListSecrets", parameters, MAX_PAGE_ANSWER_BYTES,
                     deadline_ns, &body, ret_error);
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
                                     : common_advice(ret_error->kind);
            (void)advise(ret_error, advice, region_of(manager), manager->endpoint);
            return r;
        }
        done += count;
    } while (done < prefix_count);
    return 0;
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
    wire_free(manager->wire);
    free(manager->filters);
    free(manager->endpoint);
    free(manager->description);
    free(manager);
}

static const struct source_ops ops = {
    .get = secretsmanager_get,
    .list = secretsmanager_list,
    .describe = secretsmanager_describe,
    .call_count = secretsmanager_call_count,
    .free = secretsmanager_free,
};

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

    const char *region = region_of(manager);
    int r = secretsmanager_parse_filters(options->filters, options->filter_count, &manager->filters, ret_error);
    if (r == 0)
        r = aws_session_endpoint(session, SERVICE, region, &manager->endpoint, ret_error);
    if (r < 0)
        return r;
    if (asprintf(&manager->description, "AWS Secrets Manager (region %s, endpoint %s)", region, manager->endpoint) <
        0) {
        manager->description = NULL;
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");
    }
    *ret_source = STEAL(source);
    return 0;
}
