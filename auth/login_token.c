/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/login_token.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/slice_text.h"

#define MAX_LIFE_SECONDS (UINT64_C(24) * 3600)

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

int login_token_parse(const char *text, size_t text_bytes, struct login_token *ret_token, const char **ret_missing)
{
    struct login_token token = {0};
    struct json_slice expires;
    const struct token_member members[] = {{"accessToken", &token.access_token},
                                           {"refreshToken", &token.refresh_token},
                                           {"clientId", &token.client_id},
                                           {"dpopKey", &token.dpop_key}};
    const struct token_member inner[] = {{"expiresAt", &expires}};
    const char *missing = NULL;

    if (json_slice_check(text, text_bytes, &token.object) < 0 ||
        token_text_find(token.object, members, COUNT(members)) < 0)
        missing = "";
    else if (token_text_find(token.access_token, inner, COUNT(inner)) < 0)
        missing = "accessToken";
    for (size_t i = 1; !missing && i < COUNT(members); i++)
        if (!token_text_is_string(*members[i].value))
            missing = members[i].name;
    if (!missing && (token.expires_ns = token_text_time(expires)) == 0)
        missing = "expiresAt";
    if (missing) {
        if (ret_missing)
            *ret_missing = missing;
        return -EBADMSG;
    }
    *ret_token = token;
    return 0;
}

int login_token_credentials(const struct login_token *token, struct credentials **ret_credentials)
{
    struct json_slice id, key, session;
    const struct token_member members[] = {{"accessKeyId", &id}, {"secretAccessKey", &key}, {"sessionToken", &session}};
    _cleanup_secret_ struct secret *id_text = NULL, *key_text = NULL, *session_text = NULL;
    int r;

    if ((r = token_text_find(token->access_token, members, COUNT(members))) < 0 ||
        (r = token_text_secret(id, &id_text)) < 0 || (r = token_text_secret(key, &key_text)) < 0 ||
        (r = token_text_secret(session, &session_text)) < 0)
        return r;
    r = credentials_new(secret_bytes(id_text), secret_bytes(key_text), secret_bytes(session_text), token->expires_ns,
                        "login", ret_credentials);
    return r == -EINVAL ? -EBADMSG : r;
}

int login_token_request(const struct login_token *token, struct buffer *ret_body)
{
    const struct token_change members[] = {
        {"clientId", token->client_id},
        {"refreshToken", token->refresh_token},
        {"grantType", {"\"refresh_token\"", strlen("\"refresh_token\"")}},
    };
    return token_text_rewrite((struct json_slice){"{}", 2}, members, COUNT(members), ret_body);
}

int login_token_renew(const struct login_token *token, const char *answer, size_t answer_bytes, uint64_t now_ns,
                      struct buffer *ret_text)
{
    struct json_slice object, access_token, expires_in, refresh_token, id, key, session;
    const struct token_member outer[] = {
        {"accessToken", &access_token}, {"expiresIn", &expires_in}, {"refreshToken", &refresh_token}};
    const struct token_member inner[] = {{"accessKeyId", &id}, {"secretAccessKey", &key}, {"sessionToken", &session}};
    char expires[TOKEN_TEXT_TIME_BYTES];
    _cleanup_buffer_ struct buffer access;
    uint64_t seconds;

    buffer_init(&access, TOKEN_TEXT_MAX_BYTES);
    if (json_slice_check(answer, answer_bytes, &object) < 0 || token_text_find(object, outer, COUNT(outer)) < 0 ||
        token_text_find(access_token, inner, COUNT(inner)) < 0 || !token_text_is_string(id) ||
        !token_text_is_string(key) || !token_text_is_string(session) || !token_text_is_string(refresh_token) ||
        token_text_number(expires_in, MAX_LIFE_SECONDS, &seconds) < 0)
        return -EBADMSG;

    token_text_format_time(now_ns + seconds * NS_PER_SEC, expires);
    const struct token_change inner_changes[] = {{"accessKeyId", id},
                                                 {"secretAccessKey", key},
                                                 {"sessionToken", session},
                                                 {"expiresAt", {expires, strlen(expires)}}};
    int r = token_text_rewrite(token->access_token, inner_changes, COUNT(inner_changes), &access);
    if (r < 0)
        return r;
    const struct token_change changes[] = {{"accessToken", {access.bytes, access.size_bytes}},
                                           {"refreshToken", refresh_token}};
    return token_text_rewrite(token->object, changes, COUNT(changes), ret_text);
}

enum login_denial login_token_denial(const char *answer, size_t answer_bytes)
{
    struct json_slice object, error;
    const struct token_member members[] = {{"error", &error}};
    if (json_slice_check(answer, answer_bytes, &object) < 0 || token_text_find(object, members, COUNT(members)) < 0 ||
        !token_text_is_string(error))
        return LOGIN_DENIED;
    if (slice_equals(error, "TOKEN_EXPIRED") || slice_equals(error, "USER_CREDENTIALS_CHANGED"))
        return LOGIN_DENIED_SESSION;
    return slice_equals(error, "INSUFFICIENT_PERMISSIONS") ? LOGIN_DENIED_PERMISSIONS : LOGIN_DENIED;
}
