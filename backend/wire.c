/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/wire.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "auth/sigv4.h"
#include "backend/aws_answer.h"
#include "base/clock.h"
#include "base/retry.h"

#define ATTEMPT_TIMEOUT_NS (10 * NS_PER_SEC)
#define MAX_LINE_BYTES 16384

/* A clock that differs by less is not why a signature was refused; one that differs by more is not believed. */
#define MIN_SKEW_NS ((int64_t)(4 * 60 * NS_PER_SEC))
#define MAX_SKEW_NS ((int64_t)(24 * 3600 * NS_PER_SEC))

struct wire {
    struct aws_session *session;
    struct retry_bucket *bucket;
    atomic_uint_fast64_t attempts;
    atomic_int_fast64_t clock_offset_ns; /* the servers' clock minus ours */
};

/* The header lines of one request. */
enum {
    LINE_HOST,
    LINE_CONTENT_TYPE,
    LINE_TARGET,
    LINE_DATE,
    LINE_AUTHORIZATION,
    LINE_INVOCATION,
    LINE_ATTEMPT,
    LINE_USER_AGENT,
    LINE_TOKEN, /* the last, for it may be missing */
    LINE_COUNT,
};

struct lines {
    struct buffer buffers[LINE_COUNT];
};

/* What stays the same over all attempts of a call. */
struct exchange {
    const struct wire_call *call;
    const char *url;
    char invocation[sizeof("01234567-89ab-4def-8123-456789abcdef")];
    struct retry retry;
    bool credentials_renewed;
    bool clock_corrected;
};

int wire_new(struct aws_session *session, struct wire **ret_wire)
{
    _cleanup_wire_ struct wire *wire = calloc(1, sizeof(*wire));
    if (!wire) {
        aws_session_free(session);
        return -ENOMEM;
    }
    wire->session = session;
    int r = retry_bucket_new(&wire->bucket);
    if (r < 0)
        return r;
    *ret_wire = STEAL(wire);
    return 0;
}

void wire_free(struct wire *wire)
{
    if (!wire)
        return;
    aws_session_free(wire->session);
    retry_bucket_free(wire->bucket);
    free(wire);
}

struct aws_session *wire_session(const struct wire *wire)
{
    return wire->session;
}

uint64_t wire_attempts(const struct wire *wire)
{
    return atomic_load(&wire->attempts);
}

static void lines_clear(struct lines *lines)
{
    for (size_t i = 0; i < LINE_COUNT; i++)
        buffer_clear(&lines->buffers[i]);
}

static void make_invocation_id(struct exchange *exchange)
{
    uint32_t random[4];
    arc4random_buf(random, sizeof(random));
    (void)snprintf(exchange->invocation, sizeof(exchange->invocation), "%08x-%04x-4%03x-8%03x-%04x%08x", random[0],
                   random[1] >> 16, random[1] & 0xfff, random[2] >> 20, random[2] & 0xffff, random[3]);
}

static int sign(const struct wire *wire, const struct exchange *exchange, const struct credentials *credentials,
                struct lines *lines)
{
    const struct wire_call *call = exchange->call;
    const struct sigv4_header headers[] = {{"content-type", call->content_type}, {"x-amz-target", call->target}};
    struct sigv4_request request = {
        .method = "POST",
        .host = strstr(exchange->url, "://") + 3,
        .headers = headers,
        .header_count = 2,
        .body = call->body,
        .body_bytes = strlen(call->body),
        .region = call->region,
        .service = call->service,
        .time_ns = clock_wall_ns() + (uint64_t)atomic_load(&wire->clock_offset_ns),
    };
    struct buffer *line = lines->buffers;
    char date[SIGV4_DATE_BYTES];
    int r;

    sigv4_date(request.time_ns, date);
    for (size_t i = 0; i < LINE_COUNT; i++)
        buffer_init(&line[i], MAX_LINE_BYTES);
    if ((r = buffer_printf(&line[LINE_HOST], "Host: %s", request.host)) < 0 ||
        (r = buffer_printf(&line[LINE_CONTENT_TYPE], "Content-Type: %s", call->content_type)) < 0 ||
        (r = buffer_printf(&line[LINE_TARGET], "X-Amz-Target: %s", call->target)) < 0 ||
        (r = buffer_printf(&line[LINE_DATE], "X-Amz-Date: %s", date)) < 0 ||
        (r = buffer_append_text(&line[LINE_AUTHORIZATION], "Authorization: ")) < 0 ||
        (r = sigv4_authorize(&request, credentials, &line[LINE_AUTHORIZATION])) < 0 ||
        /* Not signed: they may change on their way. */
        (r = buffer_printf(&line[LINE_INVOCATION], "amz-sdk-invocation-id: %s", exchange->invocation)) < 0 ||
        (r = buffer_printf(&line[LINE_ATTEMPT], "amz-sdk-request: attempt=%u; max=%u", exchange->retry.attempt,
                           exchange->retry.max_attempts)) < 0 ||
        (r = buffer_append_text(&line[LINE_USER_AGENT], "User-Agent: secretsfs/" SECRETSFS_VERSION)) < 0)
        return r;
    if (credentials->session_token)
        return buffer_printf(&line[LINE_TOKEN], "X-Amz-Security-Token: %s", secret_bytes(credentials->session_token));
    return 0;
}

static int send_signed(struct wire *wire, struct http *http, const struct exchange *exchange,
                       const struct credentials *credentials, uint64_t deadline_ns, struct http_answer *ret_answer,
                       struct error *ret_error)
{
    const struct wire_call *call = exchange->call;
    uint64_t timeout_ns = call->attempt_timeout_ns ? call->attempt_timeout_ns : ATTEMPT_TIMEOUT_NS;
    uint64_t attempt_deadline_ns = clock_monotonic_ns() + timeout_ns;
    _cleanup_(lines_clear) struct lines lines = {0};
    const char *headers[LINE_COUNT + 1] = {NULL};

    int r = sign(wire, exchange, credentials, &lines);
    if (r < 0)
        return error_set(ret_error, ERROR_INTERNAL, "the request cannot be signed: %s", strerror(-r));
    for (size_t i = 0; i < LINE_COUNT; i++)
        headers[i] = lines.buffers[i].bytes;

    struct http_request request = {
        .method = "POST",
        .url = exchange->url,
        .headers = headers,
        .body = call->body,
        .body_bytes = strlen(call->body),
        .deadline_ns = attempt_deadline_ns < deadline_ns ? attempt_deadline_ns : deadline_ns,
        .max_answer_bytes = call->max_answer_bytes,
        .ca_bundle = aws_session_ca_bundle(wire->session),
    };
    atomic_fetch_add(&wire->attempts, 1);
    return http_perform(http, &request, ret_answer, ret_error);
}

/* Signs and sends once. */
static int attempt(struct wire *wire, struct http *http, const struct exchange *exchange,
                   const struct credentials *credentials, uint64_t deadline_ns, struct buffer *ret_body,
                   struct error *ret_error)
{
    struct http_answer answer = {0};
    int r = send_signed(wire, http, exchange, credentials, deadline_ns, &answer, ret_error);
    if (r < 0)
        return r;
    if (answer.status / 100 == 2) {
        *ret_body = answer.body;
        return 0;
    }
    aws_answer_error(
        &(struct aws_answer){
            .status = answer.status,
            .error_type = http_header(http, "x-amzn-ErrorType"),
            .request_id = http_header(http, "x-amzn-RequestId"),
            .body = answer.body.bytes,
            .body_bytes = answer.body.size_bytes,
        },
        ret_error);
    http_answer_clear(&answer);
    return -EREMOTEIO;
}

/* The time is believed of a server that has proved who it is, and of one on this machine. */
static bool clock_is_believed(const char *url)
{
    return strncasecmp(url, "https://", 8) == 0 || strncmp(url, "http://127.", 11) == 0 ||
           strncmp(url, "http://[::1]", 12) == 0 || strncmp(url, "http://localhost", 16) == 0;
}

/* True when the last answer shows that our clock is wrong, and the offset has been set so that another signature
 * may be taken. */
static bool correct_clock(struct wire *wire, struct http *http, const char *url, const struct error *error)
{
    uint64_t server_ns;
    if (error->kind != ERROR_CLOCK_SKEW && error->kind != ERROR_BAD_CREDENTIALS)
        return false;
    if (!clock_is_believed(url) || aws_answer_date(http_header(http, "Date"), &server_ns) < 0)
        return false;
    int64_t offset_ns = (int64_t)(server_ns - clock_wall_ns());
    int64_t change_ns = offset_ns - atomic_load(&wire->clock_offset_ns);
    if (llabs(change_ns) < MIN_SKEW_NS || llabs(offset_ns) > MAX_SKEW_NS)
        return false;
    atomic_store(&wire->clock_offset_ns, offset_ns);
    return true;
}

/* False when the deadline comes first, or somebody cancels. */
static bool pause_until(struct http *http, uint64_t deadline_ns, uint64_t delay_ns)
{
    return clock_monotonic_ns() + delay_ns < deadline_ns && http_pause(http, delay_ns);
}

/* Whether another attempt makes sense; waits for its time. */
static bool try_again(struct wire *wire, struct http *http, struct exchange *exchange,
                      const struct credentials *refused, uint64_t deadline_ns, const struct error *error)
{
    uint64_t delay_ns = 0;

    if (!exchange->clock_corrected && correct_clock(wire, http, exchange->url, error)) {
        exchange->clock_corrected = true;
        return true;
    }
    if (!exchange->credentials_renewed &&
        (error->kind == ERROR_EXPIRED_CREDENTIALS || error->kind == ERROR_BAD_CREDENTIALS)) {
        exchange->credentials_renewed = true;
        aws_session_credentials_refused(wire->session, refused);
        return true;
    }
    int64_t hint_ms = aws_answer_retry_after(http_header(http, "x-amz-retry-after"));
    return retry_again(&exchange->retry, error->kind, hint_ms, &delay_ns) && pause_until(http, deadline_ns, delay_ns);
}

int wire_perform(struct wire *wire, struct http *http, const struct wire_call *call, uint64_t deadline_ns,
                 struct buffer *ret_body, struct error *ret_error)
{
    struct error error = {.kind = ERROR_NONE};
    _cleanup_free_ char *url = NULL;
    struct exchange exchange = {.call = call};

    int r = call->endpoint ? 0 : aws_session_endpoint(wire->session, call->service, call->region, &url, ret_error);
    if (r < 0)
        return r;
    exchange.url = call->endpoint ? call->endpoint : url;
    make_invocation_id(&exchange);
    unsigned max_attempts = call->max_attempts ? call->max_attempts : aws_session_max_attempts(wire->session);
    retry_begin(&exchange.retry, wire->bucket, max_attempts);
    for (;;) {
        _cleanup_credentials_ struct credentials *credentials = NULL;
        r = aws_session_credentials(wire->session, http, deadline_ns, &credentials, ret_error);
        if (r < 0)
            return r;
        if (attempt(wire, http, &exchange, credentials, deadline_ns, ret_body, &error) == 0) {
            retry_succeeded(&exchange.retry);
            return 0;
        }
        if (!try_again(wire, http, &exchange, credentials, deadline_ns, &error)) {
            r = error_set(NULL, error.kind, "%s", error.message); /* the number alone */
            if (ret_error)
                *ret_error = error;
            return r;
        }
    }
}
