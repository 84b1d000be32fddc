/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/imds.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "auth/endpoint.h"
#include "base/clock.h"
#include "base/parse.h"
#include "base/secret.h"

#define CONNECT_TIMEOUT_NS NS_PER_SEC
#define ATTEMPT_TIMEOUT_NS (2 * NS_PER_SEC) /* with connecting */
#define MAX_ATTEMPTS 3

#define TOKEN_PATH "/latest/api/token"
#define TOKEN_HEADER "X-aws-ec2-metadata-token: "
#define TTL_HEADER "X-aws-ec2-metadata-token-ttl-seconds"
#define TTL_SECONDS 21600
#define TTL_MARGIN_SECONDS 120
#define MAX_TOKEN_BYTES 1024

struct imds {
    const struct settings *settings;
    struct retry_bucket *bucket;
    char *url;             /* NULL before the first call */
    struct buffer token;   /* the header with the token, or empty; wipes itself */
    uint64_t token_end_ns; /* monotonic: get another from here on */
};

int imds_endpoint(const struct settings *settings, char **ret_url, struct error *ret_error)
{
    const char *disabled = settings_get(settings, "AWS_EC2_METADATA_DISABLED", NULL, NULL);
    if (disabled && strcasecmp(disabled, "true") == 0) {
        (void)error_set(ret_error, ERROR_NO_CREDENTIALS, "AWS_EC2_METADATA_DISABLED is true");
        return -ENODATA;
    }
    const char *origin;
    const char *url =
        settings_get(settings, "AWS_EC2_METADATA_SERVICE_ENDPOINT", "ec2_metadata_service_endpoint", &origin);
    if (url)
        return endpoint_check_url(url, origin, ret_url, ret_error);

    const char *mode =
        settings_get(settings, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ec2_metadata_service_endpoint_mode", &origin);
    bool ipv6 = mode && strcasecmp(mode, "IPv6") == 0;
    if (mode && !ipv6 && strcasecmp(mode, "IPv4") != 0)
        return error_set(ret_error, ERROR_BAD_REQUEST, "%s must be IPv4 or IPv6, not \"%s\"", origin, mode);
    char *copy = strdup(ipv6 ? "http://[fd00:ec2::254]" : "http://169.254.169.254");
    if (!copy)
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");
    *ret_url = copy;
    return 0;
}

int imds_new(const struct settings *settings, struct retry_bucket *bucket, struct imds **ret_imds)
{
    struct imds *imds = calloc(1, sizeof(*imds));
    if (!imds)
        return -ENOMEM;
    imds->settings = settings;
    imds->bucket = bucket;
    buffer_init(&imds->token, MAX_TOKEN_BYTES);
    *ret_imds = imds;
    return 0;
}

void imds_free(struct imds *imds)
{
    if (!imds)
        return;
    buffer_clear(&imds->token);
    free(imds->url);
    free(imds);
}

/* Why there was no answer. Nobody there means that this is no instance, and the next source may be asked; but a
 * service that takes the connection and then says nothing to a PUT is there. */
static int explain_failure(const struct imds *imds, struct http *http, bool put, struct error *error)
{
    struct error said = *error;
    bool silent = said.kind == ERROR_TIMEOUT;
    if (silent && put && http_connected(http))
        return error_set(error, ERROR_TIMEOUT,
                         "the instance metadata service at %s takes the connection but gives no token in time; in a "
                         "container the hop limit must be 2: aws ec2 modify-instance-metadata-options "
                         "--http-put-response-hop-limit 2 --instance-id ID",
                         imds->url);
    if (said.kind == ERROR_UNREACHABLE || (silent && !http_connected(http))) {
        (void)error_set(error, said.kind, "%s cannot be reached; is this an EC2 instance?", imds->url);
        return -ENODATA;
    }
    return error_set(error, said.kind, "the instance metadata service: %s", said.message);
}

static int explain_status(const struct imds *imds, int status, const char *path, struct error *ret_error)
{
    if (status == 404) {
        (void)error_set(ret_error, ERROR_NO_CREDENTIALS, "%s%s does not exist", imds->url, path);
        return -ENODATA;
    }
    if (status == 403) {
        (void)error_set(ret_error, ERROR_NO_CREDENTIALS, "%s is switched off for this instance (HTTP 403)", imds->url);
        return -ENODATA;
    }
    return error_set(ret_error, status / 100 == 5 ? ERROR_SERVER : ERROR_NO_CREDENTIALS, "%s%s answers with HTTP %d",
                     imds->url, path, status);
}

/* One request. Returns 0 with the answer, whatever its status. */
static int send_request(const struct imds *imds, struct http *http, const char *method, const char *path,
                        const char *header, uint64_t deadline_ns, struct http_answer *ret_answer,
                        struct error *ret_error)
{
    uint64_t attempt_deadline_ns = clock_monotonic_ns() + ATTEMPT_TIMEOUT_NS;
    const char *headers[] = {header, NULL};
    _cleanup_free_ char *url = NULL;
    if (asprintf(&url, "%s%s", imds->url, path) < 0) {
        url = NULL;
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");
    }
    const struct http_request request = {
        .method = method,
        .url = url,
        .headers = headers,
        .deadline_ns = attempt_deadline_ns < deadline_ns ? attempt_deadline_ns : deadline_ns,
        .connect_timeout_ns = CONNECT_TIMEOUT_NS,
        .max_answer_bytes = IMDS_MAX_ANSWER_BYTES,
        .direct = true,
    };
    int r = http_perform(http, &request, ret_answer, ret_error);
    return r < 0 ? explain_failure(imds, http, strcmp(method, "PUT") == 0, ret_error) : 0;
}

static bool is_token(const struct buffer *text)
{
    for (size_t i = 0; i < text->size_bytes; i++)
        if (text->bytes[i] <= ' ' || text->bytes[i] > '~')
            return false;
    return text->size_bytes > 0 && text->size_bytes < MAX_TOKEN_BYTES - strlen(TOKEN_HEADER);
}

static int get_token(struct imds *imds, struct http *http, uint64_t deadline_ns, struct error *ret_error)
{
    char header[sizeof(TTL_HEADER) + 16];
    struct http_answer answer = {.status = 0};
    (void)snprintf(header, sizeof(header), TTL_HEADER ": %d", TTL_SECONDS);
    uint64_t asked_ns = clock_monotonic_ns();
    int r = send_request(imds, http, "PUT", TOKEN_PATH, header, deadline_ns, &answer, ret_error);
    if (r < 0)
        return r;

    const char *ttl = http_header(http, TTL_HEADER);
    uint64_t seconds;
    if (!ttl || parse_uint(ttl, 0, TTL_SECONDS, &seconds) < 0)
        seconds = TTL_SECONDS;
    buffer_clear(&imds->token);
    if (answer.status != 200)
        r = explain_status(imds, answer.status, TOKEN_PATH, ret_error);
    else if (!is_token(&answer.body))
        r = error_set(ret_error, ERROR_BAD_ANSWER, "%s" TOKEN_PATH " answers with what is not a token", imds->url);
    else if (buffer_printf(&imds->token, TOKEN_HEADER "%s", answer.body.bytes) < 0)
        r = error_set(ret_error, ERROR_INTERNAL, "out of memory");
    else
        imds->token_end_ns = asked_ns + (seconds > TTL_MARGIN_SECONDS ? seconds - TTL_MARGIN_SECONDS : 0) * NS_PER_SEC;
    http_answer_clear(&answer);
    return r;
}

/* One attempt. `ret_unauthorized`: the token was refused. */
static int attempt(struct imds *imds, struct http *http, const char *path, uint64_t deadline_ns, struct buffer *body,
                   bool *ret_unauthorized, struct error *ret_error)
{
    struct http_answer answer = {.status = 0};
    int r = 0;
    *ret_unauthorized = false;
    if (!imds->token.size_bytes || clock_monotonic_ns() >= imds->token_end_ns)
        r = get_token(imds, http, deadline_ns, ret_error);
    if (r == 0)
        r = send_request(imds, http, "GET", path, imds->token.bytes, deadline_ns, &answer, ret_error);
    if (r < 0)
        return r;
    *ret_unauthorized = answer.status == 401;
    if (answer.status != 200)
        r = explain_status(imds, answer.status, path, ret_error);
    else if (buffer_append(body, answer.body.bytes, answer.body.size_bytes) < 0)
        r = error_set(ret_error, ERROR_BAD_ANSWER, "%s%s answers with too much", imds->url, path);
    http_answer_clear(&answer);
    return r;
}

int imds_get(struct imds *imds, struct http *http, const char *path, uint64_t deadline_ns, struct buffer *body,
             struct error *ret_error)
{
    struct error error = {.kind = ERROR_NONE};
    struct retry retry;
    uint64_t delay_ns = 0;
    bool unauthorized;

    int r = imds->url ? 0 : imds_endpoint(imds->settings, &imds->url, ret_error);
    if (r < 0)
        return r;
    retry_begin(&retry, imds->bucket, MAX_ATTEMPTS);
    for (;;) {
        r = attempt(imds, http, path, deadline_ns, body, &unauthorized, &error);
        if (r == 0) {
            retry_succeeded(&retry);
            return 0;
        }
        if (unauthorized)
            buffer_clear(&imds->token);
        bool again = (unauthorized || error.kind == ERROR_SERVER) && retry_again(&retry, ERROR_SERVER, -1, &delay_ns) &&
                     clock_monotonic_ns() + delay_ns < deadline_ns;
        if (!again || !http_pause(http, delay_ns)) {
            if (ret_error)
                *ret_error = error;
            return r;
        }
    }
}
