/* SPDX-License-Identifier: Apache-2.0 */

/* AWS Sign-In: `aws login` leaves credentials that are good for 15 minutes, with a refresh token that is good for hours
 * and is replaced at each use. Sources: the API reference of AWS Sign-In, and "Login credential provider" in the
 * reference guide of the AWS SDKs. */
#include "auth/profile_sources.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/call.h"
#include "auth/dpop.h"
#include "auth/json_call.h"
#include "auth/login_token.h"
#include "auth/token_file.h"
#include "base/clock.h"
#include "base/slice_text.h"

#define REFRESH_WINDOW_NS (UINT64_C(5) * 60 * NS_PER_SEC)

/* One fetch. */
struct login {
    const struct profile_source *source;
    struct http *http;
    uint64_t deadline_ns;
    char *path; /* of the tokens */
};

static void login_clear(struct login *login)
{
    free(login->path);
}

static int ask_for_login(const struct login *login, enum error_kind kind, const char *what, struct error *ret_error)
{
    return error_set(ret_error, kind, "%s (%s); run: aws login --profile %s", what, login->path, login->source->name);
}

static uint64_t token_expiry(const struct buffer *text)
{
    struct login_token token;
    return login_token_parse(text->bytes, text->size_bytes, &token, NULL) == 0 ? token.expires_ns : 0;
}

static int parse(const struct login *login, const struct buffer *text, struct login_token *ret_token,
                 struct error *ret_error)
{
    const char *missing = "";
    char what[64] = "the file is no JSON object";
    if (login_token_parse(text->bytes, text->size_bytes, ret_token, &missing) == 0)
        return 0;
    if (*missing)
        (void)snprintf(what, sizeof(what), "%s is missing in the file", missing);
    return ask_for_login(login, ERROR_NO_CREDENTIALS, what, ret_error);
}

/* What an answer of CreateOAuth2Token other than 200 means. */
static int explain(const struct login *login, const struct json_call *call, const struct http_answer *answer,
                   struct error *ret_error)
{
    const char *message = "the credentials of aws login are not renewed";
    enum login_denial denial = login_token_denial(answer->body.bytes, answer->body.size_bytes);
    if (denial == LOGIN_DENIED_SESSION)
        message = "the session of aws login is over";
    else if (denial == LOGIN_DENIED_PERMISSIONS)
        message = "who has signed in lacks the permission signin:CreateOAuth2Token";
    return json_call_error(call, login->http, answer->status, ERROR_EXPIRED_CREDENTIALS, message, ret_error);
}

struct prover {
    const char *key_pem;
    const char *url;
    struct signing_clock *clock;
    bool bad_key;
};

/* A proof is good for one request. */
static int add_proof(void *context, struct buffer *ret_line)
{
    struct prover *prover = context;
    uint64_t now_ns = clock_wall_ns() + (uint64_t)atomic_load(&prover->clock->offset_ns);
    int r = buffer_append_text(ret_line, "DPoP: ");
    if (r == 0)
        r = dpop_proof(prover->key_pem, prover->url, now_ns, ret_line);
    prover->bad_key = r == -EBADMSG;
    return r;
}

/* CreateOAuth2Token; see struct token_refresh. */
static int renew_token(void *context, const struct buffer *text, uint64_t deadline_ns, struct buffer *ret_text,
                       struct error *ret_error)
{
    const struct login *login = context;
    const struct provider_context *providers = login->source->context;
    _cleanup_free_ char *endpoint = NULL, *url = NULL;
    _cleanup_secret_ struct secret *key = NULL;
    _cleanup_(http_answer_clear) struct http_answer answer = {0};
    _cleanup_buffer_ struct buffer body;
    struct login_token token;

    buffer_init(&body, TOKEN_TEXT_MAX_BYTES);
    int r = parse(login, text, &token, ret_error);
    if (r == 0)
        r = endpoint_find(providers->endpoints, "signin", providers->region, &endpoint, ret_error);
    if (r < 0)
        return r;
    if (asprintf(&url, "%s/v1/token", endpoint) < 0 || slice_to_secret(token.dpop_key, &key) < 0 ||
        login_token_request(&token, &body) < 0)
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");
    struct prover prover = {.key_pem = secret_bytes(key), .url = url, .clock = providers->clock};
    const struct json_call call = {
        .method = "POST", .url = url, .body = &body, .add_header = add_proof, .context = &prover};
    r = json_call_perform(&call, providers, login->http, deadline_ns, &answer, ret_error);
    if (prover.bad_key)
        return ask_for_login(login, ERROR_EXPIRED_CREDENTIALS, "dpopKey in the file is no key on the curve P-256",
                             ret_error);
    if (r < 0)
        return r;
    if (answer.status != 200)
        return explain(login, &call, &answer, ret_error);
    r = login_token_renew(&token, answer.body.bytes, answer.body.size_bytes, clock_wall_ns(), ret_text);
    return r < 0 ? json_call_error(&call, login->http, answer.status, ERROR_BAD_ANSWER,
                                   "there are no credentials in it", ret_error)
                 : 0;
}

/* What a refresh that failed means, when the credentials that there were have expired. */
static int expired(const struct login *login, int result, const struct error *refused, struct error *ret_error)
{
    _cleanup_free_ char *what = NULL;
    bool definite = refused->kind == ERROR_EXPIRED_CREDENTIALS || refused->kind == ERROR_NO_CREDENTIALS;
    if (!definite) {
        *ret_error = *refused; /* no answer: it may come yet */
        return result;
    }
    if (asprintf(&what, "the credentials of aws login have expired: %.240s", refused->message) < 0)
        what = NULL;
    return ask_for_login(login, ERROR_EXPIRED_CREDENTIALS, what ? what : "expired", ret_error);
}

int credentials_login_fetch(const struct profile_source *source, struct http *http, uint64_t deadline_ns,
                            struct credentials **ret_credentials, struct error *ret_error)
{
    const struct environment *environment = source->context->environment;
    const char *directory = environment_get(environment, "AWS_LOGIN_CACHE_DIRECTORY");
    _cleanup_(login_clear) struct login login = {.source = source, .http = http, .deadline_ns = deadline_ns};
    _cleanup_buffer_ struct buffer text = {0};
    uint64_t now_ns = clock_wall_ns();
    struct login_token token = {0};

    int r = token_file_path(environment, directory ? directory : "~/.aws/login/cache", "SHA256",
                            config_value(source->profile, "login_session"), &login.path, ret_error);
    if (r < 0)
        return r;
    r = token_file_read(login.path, &text);
    if (r < 0)
        return ask_for_login(&login, ERROR_NO_CREDENTIALS,
                             r == -ENOENT ? "aws login has left no credentials" : "the file cannot be read", ret_error);
    r = parse(&login, &text, &token, ret_error);
    if (r == 0 && token.expires_ns <= now_ns + REFRESH_WINDOW_NS) {
        const struct token_refresh refresh = {
            .path = login.path,
            .http = http,
            .deadline_ns = deadline_ns,
            .fresh_ns = now_ns + REFRESH_WINDOW_NS,
            .expiry = token_expiry,
            .renew = renew_token,
            .context = &login,
        };
        struct error refused = {.kind = ERROR_NONE};
        int refreshed = token_file_refresh(&refresh, &text, &refused);
        r = parse(&login, &text, &token, ret_error);
        if (r == 0 && refreshed < 0 && token.expires_ns <= clock_wall_ns())
            r = expired(&login, refreshed, &refused, ret_error);
    }
    if (r < 0)
        return r;
    r = login_token_credentials(&token, ret_credentials);
    if (r == -EBADMSG)
        return ask_for_login(&login, ERROR_NO_CREDENTIALS, "accessToken in the file holds no credentials", ret_error);
    return r < 0 ? error_set(ret_error, ERROR_INTERNAL, "out of memory") : 0;
}
