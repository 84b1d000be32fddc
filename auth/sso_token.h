/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The file in which `aws sso login` leaves a token (~/.aws/sso/cache), and the answers of IAM Identity Center. Pure;
 * any thread. Texts are kept in wiping buffers by the callers, and the slices point into them. */

#include "auth/credentials.h"
#include "auth/token_text.h"

struct sso_token {
    struct json_slice object;       /* all of it */
    struct json_slice access_token; /* a string, as those that follow */
    uint64_t expires_ns;            /* wall clock */
    /* For a new one; bytes are NULL where the file does not have them. */
    struct json_slice refresh_token, client_id, client_secret;
    uint64_t registration_expires_ns; /* of the client; 0 when unknown */
};

/* Returns 0, or -EBADMSG when it is not JSON or has no accessToken or expiresAt. */
int sso_token_parse(const char *text, size_t text_bytes, struct sso_token *ret_token);

/* Whether a new token can be asked for without a person. */
bool sso_token_is_refreshable(const struct sso_token *token, uint64_t now_ns);

/* Appends the body of CreateToken. Returns 0, -EFBIG or -ENOMEM. Source: the API reference of IAM Identity Center
 * OIDC, version 2019-06-10. */
int sso_token_request(const struct sso_token *token, struct buffer *ret_body);

/* Appends the file with what CreateToken has answered at `now_ns`. Returns 0, -EBADMSG (the answer), -EFBIG or
 * -ENOMEM. */
int sso_token_renew(const struct sso_token *token, const char *answer, size_t answer_bytes, uint64_t now_ns,
                    struct buffer *ret_text);

/* The answer of GetRoleCredentials. Returns 0, -EBADMSG or -ENOMEM. */
int sso_role_credentials(const char *answer, size_t answer_bytes, struct credentials **ret_credentials);
