/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/providers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "auth/container_url.h"
#include "auth/credentials_json.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/retry.h"

#define MAX_ANSWER_BYTES 10000
#define MAX_TOKEN_BYTES 20000
#define CONNECT_TIMEOUT_NS (2 * NS_PER_SEC)
#define ATTEMPT_TIMEOUT_NS (5 * NS_PER_SEC)
#define MAX_ATTEMPTS 3

#define TOKEN_HEADER "Authorization: "
#define TOKEN_FILE_VARIABLE "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
#define TOKEN_VARIABLE "AWS_CONTAINER_AUTHORIZATION_TOKEN"

struct container_provider {
    struct credentials_provider base;
    const struct provider_context *context;
};

/* What is asked for. The URL's path is a secret of a kind (on ECS whoever knows it gets the keys): never shown. */
struct asked {
    char *url;
    const char *variable;  /* that the URL came from */
    struct buffer headers; /* the Authorization line, or empty */
};

static void asked_clear(struct asked *asked)
{
    free(asked->url);
    buffer_clear(&asked->headers);
}

/* Appends the token as it stands. It is read at each call, because EKS replaces it. */
static int append_token(const struct environment *environment, struct buffer *line, struct error *ret_error)
{
    const char *file = environment_get(environment, TOKEN_FILE_VARIABLE);
    const char *token = environment_get(environment, TOKEN_VARIABLE);
    const char *variable = file ? TOKEN_FILE_VARIABLE : TOKEN_VARIABLE;
    if (!file && !token)
        return 0;
    _cleanup_free_ char *path = NULL;
    int r = buffer_append_text(line, TOKEN_HEADER);
    if (r == 0 && file)
        r = environment_path(environment, file, &path);
    if (r == 0)
        r = path ? file_read(path, line) : buffer_append_text(line, token);
    if (r == -ENOMEM)
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");
    if (r < 0 && file)
        return error_set(ret_error, ERROR_NO_CREDENTIALS, "the authorization token cannot be read: %s (from %s): %s",
                         file, variable, strerror(-r));
    bool good = r == 0 && line->size_bytes > strlen(TOKEN_HEADER);
    for (size_t i = 0; i < line->size_bytes; i++)
        good = good && line->bytes[i] >= ' ' && line->bytes[i] <= '~';
    if (!good)
        return error_set(ret_error, ERROR_NO_CREDENTIALS,
                         "the authorization token from %s%s%s cannot be sent: it is empty or too long, or holds a line "
                         "break or another control character",
                         variable, file ? ", " : "", file ? file : "");
    return 0;
}

/* Kind and words for an answer that is not 200. */
static int explain_status(const struct http_answer *answer, const struct asked *asked, struct error *ret_error)
{
    char said[200] = "";
    int status = answer->status;
    enum error_kind kind = status == 429 ? ERROR_THROTTLED : status / 100 == 5 ? ERROR_SERVER : ERROR_NO_CREDENTIALS;
    (void)credentials_json_text(answer->body.bytes, answer->body.size_bytes, "message", said, sizeof(said));
    return error_set(ret_error, kind,
                     "the container's credential service (%s) answers with HTTP %d%s%s; check the role of the task "
                     "(taskRoleArn), or the EKS Pod Identity association",
                     asked->variable, status, said[0] ? ": " : "", said);
}

/* The HTTP module's own words would send people to DNS and proxies. */
static void explain_failure(const struct asked *asked, struct error *error)
{
    struct error said = *error;
    if (said.kind == ERROR_TIMEOUT || said.kind == ERROR_UNREACHABLE)
        (void)error_set(error, said.kind,
                        "the container's credential service (%s) %s; check that the ECS agent or the EKS Pod Identity "
                        "agent runs, and that its address can be reached from here",
                        asked->variable, said.kind == ERROR_TIMEOUT ? "gives no answer in time" : "cannot be reached");
    else
        (void)error_set(error, said.kind, "the container's credential service (%s): %s", asked->variable, said.message);
}

static int attempt(const struct container_provider *provider, struct http *http, const struct asked *asked,
                   uint64_t deadline_ns, struct credentials **ret_credentials, struct error *ret_error)
{
    uint64_t attempt_deadline_ns = clock_monotonic_ns() + ATTEMPT_TIMEOUT_NS;
    const char *headers[] = {"Accept: application/json", asked->headers.bytes, NULL};
    const struct http_request request = {
        .method = "GET",
        .url = asked->url,
        .headers = headers,
        .deadline_ns = attempt_deadline_ns < deadline_ns ? attempt_deadline_ns : deadline_ns,
        .connect_timeout_ns = CONNECT_TIMEOUT_NS,
        .max_answer_bytes = MAX_ANSWER_BYTES,
        .ca_bundle = provider->context->ca_bundle,
        .direct = true,
    };
    struct http_answer answer;
    int r = http_perform(http, &request, &answer, ret_error);
    if (r == 0 && answer.status != 200) {
        r = explain_status(&answer, asked, ret_error);
        http_answer_clear(&answer);
        return r;
    }
    if (r == 0) {
        r = credentials_json_parse(answer.body.bytes, answer.body.size_bytes, "Token", provider->base.ops->name,
                                   ret_credentials, ret_error);
        http_answer_clear(&answer);
    }
    if (r < 0)
        explain_failure(asked, ret_error);
    return r;
}

static int container_fetch(struct credentials_provider *base, struct http *http, uint64_t deadline_ns,
                           struct credentials **ret_credentials, struct error *ret_error)
{
    const struct container_provider *provider = (const struct container_provider *)base;
    _cleanup_(asked_clear) struct asked asked = {.url = NULL};
    struct retry retry;
    uint64_t delay_ns;

    buffer_init(&asked.headers, MAX_TOKEN_BYTES);
    int r = container_url_find(provider->context->environment, &asked.url, &asked.variable, ret_error);
    if (r == 0)
        r = append_token(provider->context->environment, &asked.headers, ret_error);
    if (r < 0)
        return r;
    retry_begin(&retry, provider->context->bucket, MAX_ATTEMPTS);
    for (;;) {
        r = attempt(provider, http, &asked, deadline_ns, ret_credentials, ret_error);
        if (r == 0)
            retry_succeeded(&retry);
        if (r == 0 || !retry_again(&retry, ret_error->kind, -1, &delay_ns) ||
            clock_monotonic_ns() + delay_ns >= deadline_ns || !http_pause(http, delay_ns))
            return r;
    }
}

static void container_provider_free(struct credentials_provider *base)
{
    free(base);
}

int credentials_container_new(const struct provider_context *context, struct credentials_provider **ret_provider)
{
    static const struct credentials_provider_ops ops = {
        .name = "container",
        .fetch = container_fetch,
        .free = container_provider_free,
    };
    struct container_provider *provider = calloc(1, sizeof(*provider));
    if (!provider)
        return -ENOMEM;
    provider->base.ops = &ops;
    provider->context = context;
    *ret_provider = &provider->base;
    return 0;
}
