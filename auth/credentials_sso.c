/* SPDX-License-Identifier: Apache-2.0 */

/* AWS IAM Identity Center: the token of `aws sso login`, exchanged for credentials of a role. A token lasts for hours
 * and is renewed without a person where it belongs to an sso-session; the credentials last for an hour or so. Sources:
 * the API references of the IAM Identity Center portal and OIDC, and "IAM Identity Center credential provider" in the
 * reference guide of the AWS SDKs. */
#include "auth/profile_sources.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/json_call.h"
#include "auth/sso_token.h"
#include "auth/token_file.h"
#include "base/clock.h"

#define CACHE_DIRECTORY "~/.aws/sso/cache"
#define REFRESH_WINDOW_NS (UINT64_C(5) * 60 * NS_PER_SEC)

/* One fetch. */
struct sso {
    const struct profile_source *source;
    struct http *http;
    uint64_t deadline_ns;
    const char *session; /* name of the sso-session; NULL for the older form without */
    const char *start_url, *region, *account_id, *role_name;
    char *path; /* of the token */
};

static void sso_clear(struct sso *sso)
{
    free(sso->path);
}

/* A key of the profile, which the sso-session may have as well but not with another value. */
static int find_shared(const struct sso *sso, const struct config_section *session, const char *key,
                       const char **ret_value, struct error *ret_error)
{
    const char *in_profile = config_setting(sso->source->profile, key);
    const char *in_session = config_setting(session, key);
    if (in_profile && in_session && strcmp(in_profile, in_session) != 0)
        return error_set(
            ret_error, ERROR_BAD_REQUEST,
            "%s differs between profile \"%s\" (%s) and sso-session \"%s\" (%s): remove it from the profile", key,
            sso->source->name, in_profile, sso->session, in_session);
    *ret_value = in_session ? in_session : in_profile;
    return 0;
}

static int read_settings(struct sso *sso, struct error *ret_error)
{
    const struct profile_source *source = sso->source;
    const char *files = config_files_names(source->context->files);
    const struct config_section *session = NULL;
    const struct {
        const char *key;
        const char **value;
    } keys[] = {
        {"sso_start_url", &sso->start_url},
        {"sso_region", &sso->region},
        {"sso_account_id", &sso->account_id},
        {"sso_role_name", &sso->role_name},
    };

    sso->session = config_setting(source->profile, "sso_session");
    if (sso->session) {
        session = config_section(source->config, CONFIG_SSO_SESSION, sso->session);
        if (!session)
            return error_set(ret_error, ERROR_BAD_REQUEST,
                             "profile \"%s\" has sso_session = %s, but there is no section [sso-session %s] in %s",
                             source->name, sso->session, sso->session, files);
    }
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        int r = find_shared(sso, session, keys[i].key, keys[i].value, ret_error);
        if (r < 0)
            return r;
        if (!*keys[i].value)
            return error_set(ret_error, ERROR_BAD_REQUEST, "profile \"%s\" in %s is for SSO but has no %s%s",
                             source->name, files, keys[i].key, session && i < 2 ? ", nor has its sso-session" : "");
    }
    return endpoint_check_region(sso->region, "sso_region", ret_error);
}

/* Appends to an error what a person has to do. */
static int ask_for_login(const struct sso *sso, enum error_kind kind, const char *what, struct error *ret_error)
{
    return error_set(ret_error, kind, "%s (%s); run: aws sso login --profile %s", what, sso->path, sso->source->name);
}

static uint64_t token_expiry(const struct buffer *text)
{
    struct sso_token token;
    return sso_token_parse(text->bytes, text->size_bytes, &token) == 0 ? token.expires_ns : 0;
}

/* CreateToken; see struct token_refresh. */
static int renew_token(void *context, const struct buffer *text, uint64_t deadline_ns, struct buffer *ret_text,
                       struct error *ret_error)
{
    const struct sso *sso = context;
    const struct provider_context *providers = sso->source->context;
    _cleanup_free_ char *endpoint = NULL, *url = NULL;
    _cleanup_(http_answer_clear) struct http_answer answer = {0};
    _cleanup_buffer_ struct buffer body;
    struct sso_token token;

    buffer_init(&body, TOKEN_TEXT_MAX_BYTES);
    int r = endpoint_find(providers->endpoints, "oidc", sso->region, &endpoint, ret_error);
    if (r < 0)
        return r;
    if (sso_token_parse(text->bytes, text->size_bytes, &token) < 0 ||
        !sso_token_is_refreshable(&token, clock_wall_ns()))
        return ask_for_login(sso, ERROR_EXPIRED_CREDENTIALS, "the SSO token cannot be renewed", ret_error);
    if (sso_token_request(&token, &body) < 0 || asprintf(&url, "%s/token", endpoint) < 0)
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");

    const struct json_call call = {.method = "POST", .url = url, .body = &body};
    r = json_call_perform(&call, providers, sso->http, deadline_ns, &answer, ret_error);
    if (r < 0)
        return r;
    if (answer.status != 200)
        return json_call_error(&call, sso->http, answer.status, ERROR_EXPIRED_CREDENTIALS,
                               "the SSO token is not renewed", ret_error);
    r = sso_token_renew(&token, answer.body.bytes, answer.body.size_bytes, clock_wall_ns(), ret_text);
    return r < 0 ? json_call_error(&call, sso->http, answer.status, ERROR_BAD_ANSWER, "this is no token", ret_error)
                 : 0;
}

/* The token, renewed if it needs to be and can be. */
static int get_token(struct sso *sso, struct buffer *text, struct sso_token *ret_token, struct error *ret_error)
{
    uint64_t now_ns = clock_wall_ns();
    struct error refused = {.kind = ERROR_NONE};
    struct sso_token token;

    int r = token_file_read(sso->path, text);
    if (r < 0)
        return ask_for_login(sso, ERROR_NO_CREDENTIALS,
                             r == -ENOENT ? "there is no SSO token" : "the SSO token cannot be read", ret_error);
    if (sso_token_parse(text->bytes, text->size_bytes, &token) < 0)
        return ask_for_login(sso, ERROR_NO_CREDENTIALS, "the file holds no SSO token", ret_error);
    if (sso->session && token.expires_ns <= now_ns + REFRESH_WINDOW_NS && sso_token_is_refreshable(&token, now_ns)) {
        const struct token_refresh refresh = {
            .path = sso->path,
            .http = sso->http,
            .deadline_ns = sso->deadline_ns,
            .fresh_ns = now_ns + REFRESH_WINDOW_NS,
            .expiry = token_expiry,
            .renew = renew_token,
            .context = sso,
        };
        r = token_file_refresh(&refresh, text, &refused);
        if (sso_token_parse(text->bytes, text->size_bytes, &token) < 0)
            return ask_for_login(sso, ERROR_NO_CREDENTIALS, "the file holds no SSO token", ret_error);
    }
    if (token.expires_ns > clock_wall_ns()) {
        *ret_token = token;
        return 0;
    }
    if (refused.kind == ERROR_NONE || refused.kind == ERROR_EXPIRED_CREDENTIALS ||
        refused.kind == ERROR_NO_CREDENTIALS) {
        _cleanup_free_ char *what = NULL;
        if (asprintf(&what, "the SSO token has expired%s%.240s", refused.message[0] ? ": " : "", refused.message) < 0)
            what = NULL;
        return ask_for_login(sso, ERROR_EXPIRED_CREDENTIALS, what ? what : "the SSO token has expired", ret_error);
    }
    *ret_error = refused; /* no answer: it may come yet */
    return r;
}

/* Percent-encodes all but what may stand in a query as it is. */
static int append_encoded(struct buffer *url, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    int r = 0;
    for (; r == 0 && *text; text++)
        r = strchr(plain, *text) ? buffer_append(url, text, 1) : buffer_printf(url, "%%%02X", (unsigned char)*text);
    return r;
}

static int make_url(const struct sso *sso, struct buffer *ret_url, struct error *ret_error)
{
    _cleanup_free_ char *endpoint = NULL;
    int r = endpoint_find(sso->source->context->endpoints, "portal.sso", sso->region, &endpoint, ret_error);
    if (r < 0)
        return r;
    if (buffer_printf(ret_url, "%s/federation/credentials?role_name=", endpoint) < 0 ||
        append_encoded(ret_url, sso->role_name) < 0 || buffer_append_text(ret_url, "&account_id=") < 0 ||
        append_encoded(ret_url, sso->account_id) < 0)
        return error_set(ret_error, ERROR_BAD_REQUEST, "sso_role_name or sso_account_id of profile \"%s\" is too long",
                         sso->source->name);
    return 0;
}

/* What an answer of GetRoleCredentials other than 200 means. */
static int explain(const struct sso *sso, const struct json_call *call, int status, struct error *ret_error)
{
    char message[384];
    if (status == 401)
        (void)snprintf(message, sizeof(message),
                       "the SSO token is not valid any more (%s); run: aws sso login --profile %s", sso->path,
                       sso->source->name);
    else if (status == 403 || status == 404)
        (void)snprintf(message, sizeof(message),
                       "who has signed in may not use role %s in account %s (profile \"%s\"): have it assigned in IAM "
                       "Identity Center, or correct sso_role_name and sso_account_id",
                       sso->role_name, sso->account_id, sso->source->name);
    else
        (void)snprintf(message, sizeof(message),
                       "no credentials for role %s in account %s: check the sso_ keys of profile \"%s\"",
                       sso->role_name, sso->account_id, sso->source->name);
    enum error_kind kind = status == 401                    ? ERROR_EXPIRED_CREDENTIALS
                           : status == 403 || status == 404 ? ERROR_BAD_CREDENTIALS
                           : status == 400                  ? ERROR_BAD_REQUEST
                                                            : ERROR_BAD_ANSWER;
    return json_call_error(call, sso->http, status, kind, message, ret_error);
}

/* GetRoleCredentials. */
static int get_credentials(const struct sso *sso, const struct sso_token *token, struct credentials **ret_credentials,
                           struct error *ret_error)
{
    _cleanup_secret_ struct secret *bearer = NULL;
    _cleanup_buffer_ struct buffer url, line;
    _cleanup_(http_answer_clear) struct http_answer answer = {0};

    buffer_init(&url, 4096);
    buffer_init(&line, TOKEN_TEXT_MAX_BYTES);
    int r = make_url(sso, &url, ret_error);
    if (r < 0)
        return r;
    if (token_text_secret(token->access_token, &bearer) < 0)
        return ask_for_login(sso, ERROR_NO_CREDENTIALS, "the file holds no SSO token", ret_error);
    if (buffer_printf(&line, "x-amz-sso_bearer_token: %s", secret_bytes(bearer)) < 0)
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");

    const char *const headers[] = {line.bytes, NULL};
    const struct json_call call = {.method = "GET", .url = url.bytes, .headers = headers};
    r = json_call_perform(&call, sso->source->context, sso->http, sso->deadline_ns, &answer, ret_error);
    if (r < 0)
        return r;
    if (answer.status != 200)
        return explain(sso, &call, answer.status, ret_error);
    r = sso_role_credentials(answer.body.bytes, answer.body.size_bytes, ret_credentials);
    if (r == -EBADMSG)
        return json_call_error(&call, sso->http, answer.status, ERROR_BAD_ANSWER, "there are no credentials in it",
                               ret_error);
    return r < 0 ? error_set(ret_error, ERROR_INTERNAL, "out of memory") : 0;
}

int credentials_sso_fetch(const struct profile_source *source, struct http *http, uint64_t deadline_ns,
                          struct credentials **ret_credentials, struct error *ret_error)
{
    _cleanup_(sso_clear) struct sso sso = {.source = source, .http = http, .deadline_ns = deadline_ns};
    _cleanup_buffer_ struct buffer text = {0};
    struct sso_token token = {0};

    int r = read_settings(&sso, ret_error);
    if (r == 0)
        r = token_file_path(source->context->environment, CACHE_DIRECTORY, "SHA1",
                            sso.session ? sso.session : sso.start_url, &sso.path, ret_error);
    if (r == 0)
        r = get_token(&sso, &text, &token, ret_error);
    return r == 0 ? get_credentials(&sso, &token, ret_credentials, ret_error) : r;
}
