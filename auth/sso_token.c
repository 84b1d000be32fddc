/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/sso_token.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/clock.h"

#define MAX_LIFE_SECONDS (UINT64_C(10) * 365 * 24 * 3600)
#define MAX_MS (UINT64_MAX / NS_PER_MS)

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

int sso_token_parse(const char *text, size_t text_bytes, struct sso_token *ret_token)
{
    struct sso_token token = {0};
    struct json_slice expires, registration;
    const struct token_member members[] = {
        {"accessToken", &token.access_token},   {"expiresAt", &expires},
        {"refreshToken", &token.refresh_token}, {"clientId", &token.client_id},
        {"clientSecret", &token.client_secret}, {"registrationExpiresAt", &registration},
    };
    if (json_slice_check(text, text_bytes, &token.object) < 0 ||
        token_text_find(token.object, members, COUNT(members)) < 0 || !token_text_is_string(token.access_token))
        return -EBADMSG;
    token.expires_ns = token_text_time(expires);
    token.registration_expires_ns = token_text_time(registration);
    if (token.expires_ns == 0)
        return -EBADMSG;
    *ret_token = token;
    return 0;
}

bool sso_token_is_refreshable(const struct sso_token *token, uint64_t now_ns)
{
    return token_text_is_string(token->refresh_token) && token_text_is_string(token->client_id) &&
           token_text_is_string(token->client_secret) && now_ns < token->registration_expires_ns;
}

int sso_token_request(const struct sso_token *token, struct buffer *ret_body)
{
    const struct token_change members[] = {
        {"clientId", token->client_id},
        {"clientSecret", token->client_secret},
        {"grantType", {"\"refresh_token\"", strlen("\"refresh_token\"")}},
        {"refreshToken", token->refresh_token},
    };
    return token_text_rewrite((struct json_slice){"{}", 2}, members, COUNT(members), ret_body);
}

int sso_token_renew(const struct sso_token *token, const char *answer, size_t answer_bytes, uint64_t now_ns,
                    struct buffer *ret_text)
{
    struct json_slice object, access_token, expires_in, refresh_token;
    const struct token_member members[] = {
        {"accessToken", &access_token}, {"expiresIn", &expires_in}, {"refreshToken", &refresh_token}};
    char expires[TOKEN_TEXT_TIME_BYTES];
    uint64_t seconds;

    if (json_slice_check(answer, answer_bytes, &object) < 0 || token_text_find(object, members, COUNT(members)) < 0 ||
        !token_text_is_string(access_token) || token_text_number(expires_in, MAX_LIFE_SECONDS, &seconds) < 0)
        return -EBADMSG;
    if (!token_text_is_string(refresh_token))
        refresh_token.bytes = NULL;
    token_text_format_time(now_ns + seconds * NS_PER_SEC, expires);
    const struct token_change changes[] = {
        {"accessToken", access_token},
        {"expiresAt", {expires, strlen(expires)}},
        {"refreshToken", refresh_token},
    };
    return token_text_rewrite(token->object, changes, COUNT(changes), ret_text);
}

int sso_role_credentials(const char *answer, size_t answer_bytes, struct credentials **ret_credentials)
{
    struct json_slice object, role, id, key, token, expiration;
    const struct token_member outer[] = {{"roleCredentials", &role}};
    const struct token_member inner[] = {
        {"accessKeyId", &id}, {"secretAccessKey", &key}, {"sessionToken", &token}, {"expiration", &expiration}};
    _cleanup_secret_ struct secret *id_text = NULL, *key_text = NULL, *token_text = NULL;
    uint64_t expires_ms;
    int r;

    if (json_slice_check(answer, answer_bytes, &object) < 0 || token_text_find(object, outer, COUNT(outer)) < 0 ||
        token_text_find(role, inner, COUNT(inner)) < 0 || token_text_number(expiration, MAX_MS, &expires_ms) < 0)
        return -EBADMSG;
    if ((r = token_text_secret(id, &id_text)) < 0 || (r = token_text_secret(key, &key_text)) < 0 ||
        (r = token_text_secret(token, &token_text)) < 0)
        return r;
    r = credentials_new(secret_bytes(id_text), secret_bytes(key_text), secret_bytes(token_text), expires_ms * NS_PER_MS,
                        "sso", ret_credentials);
    return r == -EINVAL ? -EBADMSG : r;
}
