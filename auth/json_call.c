/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/json_call.h"

#include <errno.h>
#include <string.h>

#include "auth/token_text.h"
#include "base/clock.h"
#include "base/retry.h"

#define ATTEMPT_TIMEOUT_NS (5 * NS_PER_SEC)
#define MAX_HEADERS 8

int json_call_error(const struct json_call *call, struct http *http, int status, enum error_kind kind,
                    const char *message, struct error *ret_error)
{
    const char *host = strstr(call->url, "://");
    size_t origin_bytes = host ? (size_t)(host - call->url) + 3 + strcspn(host + 3, "/?") : strlen(call->url);
    const char *code = http_header(http, "x-amzn-ErrorType");
    const char *id = http_header(http, "x-amzn-RequestId");

    int r = error_set(ret_error, kind, "%.*s answers HTTP %d: %s", (int)origin_bytes, call->url, status, message);
    if (code)
        error_copy_text(ret_error->code, sizeof(ret_error->code), code, strcspn(code, ":"));
    if (id)
        error_copy_text(ret_error->request_id, sizeof(ret_error->request_id), id, strlen(id));
    return r;
}

static int attempt(const struct json_call *call, const struct provider_context *context, struct http *http,
                   uint64_t deadline_ns, struct http_answer *ret_answer, struct error *ret_error)
{
    const char *headers[MAX_HEADERS + 1] = {"Accept: application/json", "User-Agent: secretsfs/" SECRETSFS_VERSION};
    size_t count = 2;
    if (call->body)
        headers[count++] = "Content-Type: application/json";
    for (const char *const *line = call->headers; line && *line && count < MAX_HEADERS - 1; line++)
        headers[count++] = *line;
    _cleanup_buffer_ struct buffer made;
    buffer_init(&made, TOKEN_TEXT_MAX_BYTES);
    if (call->add_header && call->add_header(call->context, &made) < 0)
        return error_set(ret_error, ERROR_INTERNAL, "a header of the request cannot be made");
    if (call->add_header)
        headers[count++] = made.bytes;

    uint64_t attempt_deadline_ns = clock_monotonic_ns() + ATTEMPT_TIMEOUT_NS;
    struct http_request request = {
        .method = call->method,
        .url = call->url,
        .headers = headers,
        .body = call->body ? call->body->bytes : NULL,
        .body_bytes = call->body ? call->body->size_bytes : 0,
        .deadline_ns = attempt_deadline_ns < deadline_ns ? attempt_deadline_ns : deadline_ns,
        .max_answer_bytes = TOKEN_TEXT_MAX_BYTES,
        .ca_bundle = context->ca_bundle,
    };
    int r = http_perform(http, &request, ret_answer, ret_error);
    if (r < 0 || (ret_answer->status != 429 && ret_answer->status / 100 != 5))
        return r;
    r = json_call_error(call, http, ret_answer->status, ret_answer->status == 429 ? ERROR_THROTTLED : ERROR_SERVER,
                        ret_answer->status == 429 ? "too many requests" : "the service fails", ret_error);
    http_answer_clear(ret_answer);
    return r;
}

int json_call_perform(const struct json_call *call, const struct provider_context *context, struct http *http,
                      uint64_t deadline_ns, struct http_answer *ret_answer, struct error *ret_error)
{
    struct http_answer answer = {0};
    struct retry retry;
    uint64_t delay_ns = 0;

    retry_begin(&retry, context->bucket, context->max_attempts);
    for (;;) {
        int r = attempt(call, context, http, deadline_ns, &answer, ret_error);
        if (r == 0) {
            retry_succeeded(&retry);
            *ret_answer = answer;
            return 0;
        }
        if (!retry_again(&retry, ret_error->kind, -1, &delay_ns) || clock_monotonic_ns() + delay_ns >= deadline_ns ||
            !http_pause(http, delay_ns))
            return r;
    }
}
