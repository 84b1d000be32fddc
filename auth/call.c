/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/call.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "auth/aws_answer.h"
#include "auth/sigv4.h"
#include "base/clock.h"

#define ATTEMPT_TIMEOUT_NS (10 * NS_PER_SEC)
#define MAX_LINE_BYTES 16384
#define MAX_LINES 9

/* A clock that differs by less is not why a signature was refused; one that differs by more is not believed. */
#define MIN_SKEW_NS ((int64_t)(4 * 60 * NS_PER_SEC))
#define MAX_SKEW_NS ((int64_t)(24 * 3600 * NS_PER_SEC))

/* The header lines of one request. */
struct lines {
    struct buffer buffers[MAX_LINES];
    size_t count;
    int result; /* of the first that could not be written */
};

/* What stays the same over all attempts of a call. */
struct exchange {
    const struct aws_call *call;
    const struct credentials *credentials;
    const char *host; /* as in the Host line: with the port where it is not the default */
    char invocation[sizeof("01234567-89ab-4def-8123-456789abcdef")];
    struct retry retry;
    bool clock_corrected;
};

static void lines_clear(struct lines *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        buffer_clear(&lines->buffers[i]);
}

static struct buffer *next_line(struct lines *lines)
{
    struct buffer *line = &lines->buffers[lines->count++];
    buffer_init(line, MAX_LINE_BYTES);
    return line;
}

/* "Name: value"; nothing where there is no value. */
static void add_line(struct lines *lines, const char *name, const char *value)
{
    if (value && lines->result == 0)
        lines->result = buffer_printf(next_line(lines), "%s: %s", name, value);
}

static void exchange_begin(struct exchange *exchange, const struct aws_call *call,
                           const struct credentials *credentials)
{
    uint32_t random[4];
    *exchange = (struct exchange){.call = call, .credentials = credentials, .host = strstr(call->url, "://") + 3};
    arc4random_buf(random, sizeof(random));
    (void)snprintf(exchange->invocation, sizeof(exchange->invocation), "%08x-%04x-4%03x-8%03x-%04x%08x", random[0],
                   random[1] >> 16, random[1] & 0xfff, random[2] >> 20, random[2] & 0xffff, random[3]);
    retry_begin(&exchange->retry, call->bucket, call->max_attempts);
}

static void add_signature(const struct exchange *exchange, struct lines *lines)
{
    const struct aws_call *call = exchange->call;
    const struct credentials *credentials = exchange->credentials;
    struct sigv4_header headers[2];
    struct sigv4_request request = {
        .method = "POST",
        .host = exchange->host,
        .headers = headers,
        .body = call->body,
        .body_bytes = call->body_bytes,
        .region = call->region,
        .service = call->service,
        .time_ns = clock_wall_ns() + (uint64_t)atomic_load(&call->clock->offset_ns),
    };
    char date[SIGV4_DATE_BYTES];

    if (call->content_type)
        headers[request.header_count++] = (struct sigv4_header){"content-type", call->content_type};
    if (call->target)
        headers[request.header_count++] = (struct sigv4_header){"x-amz-target", call->target};
    sigv4_date(request.time_ns, date);
    add_line(lines, "X-Amz-Date", date);
    if (credentials->session_token)
        add_line(lines, "X-Amz-Security-Token", secret_bytes(credentials->session_token));
    if (lines->result < 0)
        return;
    struct buffer *line = next_line(lines);
    lines->result = buffer_append_text(line, "Authorization: ");
    if (lines->result == 0)
        lines->result = sigv4_authorize(&request, credentials, line);
}

static int write_lines(const struct exchange *exchange, struct lines *lines)
{
    const struct aws_call *call = exchange->call;
    char numbers[64];

    (void)snprintf(numbers, sizeof(numbers), "attempt=%u; max=%u", exchange->retry.attempt,
                   exchange->retry.max_attempts);
    add_line(lines, "Host", exchange->host);
    add_line(lines, "Content-Type", call->content_type);
    add_line(lines, "X-Amz-Target", call->target);
    /* Not signed: they may change on their way. */
    add_line(lines, "amz-sdk-invocation-id", exchange->invocation);
    add_line(lines, "amz-sdk-request", numbers);
    add_line(lines, "User-Agent", "secretsfs/" SECRETSFS_VERSION);
    if (exchange->credentials)
        add_signature(exchange, lines);
    return lines->result;
}

static int send_once(const struct exchange *exchange, struct http *http, uint64_t deadline_ns,
                     struct http_answer *ret_answer, struct error *ret_error)
{
    const struct aws_call *call = exchange->call;
    uint64_t timeout_ns = call->attempt_timeout_ns ? call->attempt_timeout_ns : ATTEMPT_TIMEOUT_NS;
    uint64_t attempt_deadline_ns = clock_monotonic_ns() + timeout_ns;
    _cleanup_(lines_clear) struct lines lines = {.count = 0};
    const char *headers[MAX_LINES + 1] = {NULL};

    int r = write_lines(exchange, &lines);
    if (r < 0)
        return error_set(ret_error, ERROR_INTERNAL, "the request cannot be signed: %s", strerror(-r));
    for (size_t i = 0; i < lines.count; i++)
        headers[i] = lines.buffers[i].bytes;

    struct http_request request = {
        .method = "POST",
        .url = call->url,
        .headers = headers,
        .body = call->body,
        .body_bytes = call->body_bytes,
        .deadline_ns = attempt_deadline_ns < deadline_ns ? attempt_deadline_ns : deadline_ns,
        .max_answer_bytes = call->max_answer_bytes,
        .ca_bundle = call->ca_bundle,
    };
    if (call->sent)
        atomic_fetch_add(call->sent, 1);
    return http_perform(http, &request, ret_answer, ret_error);
}

/* Signs, sends and judges once. */
static int attempt(const struct exchange *exchange, struct http *http, uint64_t deadline_ns, struct buffer *ret_body,
                   struct error *ret_error)
{
    struct http_answer answer = {0};
    int r = send_once(exchange, http, deadline_ns, &answer, ret_error);
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
    static const char *const local[] = {"http://localhost", "http://[::1]", "http://127."};
    if (strncasecmp(url, "https://", strlen("https://")) == 0)
        return true;
    for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++) {
        const char *rest = url + strlen(local[i]);
        if (strncmp(url, local[i], strlen(local[i])) != 0)
            continue;
        rest += rest[-1] == '.' ? strspn(rest, "0123456789.") : 0;
        return strchr(":/", *rest) != NULL; /* or the end: not only the beginning of a name */
    }
    return false;
}

/* True when the last answer shows that our clock is wrong, and the offset has been set so that another signature
 * may be taken. */
static bool correct_clock(const struct aws_call *call, struct http *http, const struct error *error)
{
    uint64_t server_ns;
    if (error->kind != ERROR_CLOCK_SKEW && error->kind != ERROR_BAD_CREDENTIALS)
        return false;
    if (!clock_is_believed(call->url) || aws_answer_date(http_header(http, "Date"), &server_ns) < 0)
        return false;
    int64_t offset_ns = (int64_t)(server_ns - clock_wall_ns());
    if (llabs(offset_ns) > MAX_SKEW_NS || llabs(offset_ns - atomic_load(&call->clock->offset_ns)) < MIN_SKEW_NS)
        return false;
    atomic_store(&call->clock->offset_ns, offset_ns);
    return true;
}

/* Whether another attempt makes sense; waits for its time. False also when the deadline comes first, or somebody
 * cancels. */
static bool try_again(struct exchange *exchange, struct http *http, uint64_t deadline_ns, const struct error *error)
{
    uint64_t delay_ns = 0;

    if (exchange->credentials && !exchange->clock_corrected && correct_clock(exchange->call, http, error)) {
        exchange->clock_corrected = true;
        return true;
    }
    int64_t hint_ms = aws_answer_retry_after(http_header(http, "x-amz-retry-after"));
    return retry_again(&exchange->retry, error->kind, hint_ms, &delay_ns) &&
           clock_monotonic_ns() + delay_ns < deadline_ns && http_pause(http, delay_ns);
}

int aws_call_perform(const struct aws_call *call, const struct credentials *credentials, struct http *http,
                     uint64_t deadline_ns, struct buffer *ret_body, struct error *ret_error)
{
    struct error error = {.kind = ERROR_NONE};
    struct exchange exchange;

    exchange_begin(&exchange, call, credentials);
    while (attempt(&exchange, http, deadline_ns, ret_body, &error) < 0) {
        if (try_again(&exchange, http, deadline_ns, &error))
            continue;
        int r = error_set(NULL, error.kind, "%s", error.message); /* the number alone */
        if (ret_error)
            *ret_error = error;
        return r;
    }
    retry_succeeded(&exchange.retry);
    return 0;
}
