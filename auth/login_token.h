/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The file in which `aws login` leaves credentials (~/.aws/login/cache), and the answer of AWS Sign-In. Pure; any
 * thread. Texts are kept in wiping buffers by the callers, and the slices point into them. */

#include "auth/credentials.h"
#include "auth/token_text.h"

struct login_token {
    struct json_slice object;                             /* all of it */
    struct json_slice access_token;                       /* the object with the credentials */
    uint64_t expires_ns;                                  /* of these; wall clock */
    struct json_slice refresh_token, client_id, dpop_key; /* strings */
};

/* Returns 0, or -EBADMSG with `ret_missing` (may be NULL) the name of the member that is missing or malformed; it is ""
 * where the text is no JSON object. */
int login_token_parse(const char *text, size_t text_bytes, struct login_token *ret_token, const char **ret_missing);

/* Returns 0, -EBADMSG or -ENOMEM. */
int login_token_credentials(const struct login_token *token, struct credentials **ret_credentials);

/* Appends the body of CreateOAuth2Token. Returns 0, -EFBIG or -ENOMEM. Source: the API reference of AWS Sign-In,
 * version 2023-01-01. */
int login_token_request(const struct login_token *token, struct buffer *ret_body);

/* Appends the file with what CreateOAuth2Token has answered at `now_ns`. Returns 0, -EBADMSG (the answer), -EFBIG or
 * -ENOMEM. */
int login_token_renew(const struct login_token *token, const char *answer, size_t answer_bytes, uint64_t now_ns,
                      struct buffer *ret_text);

/* Why CreateOAuth2Token refuses. */
enum login_denial {
    LOGIN_DENIED,             /* anything else */
    LOGIN_DENIED_SESSION,     /* over, or the password has changed: a person has to sign in */
    LOGIN_DENIED_PERMISSIONS, /* the identity may not ask for tokens */
};
enum login_denial login_token_denial(const char *answer, size_t answer_bytes);
