/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Credentials as metadata services and credential processes write them:
 *     {"AccessKeyId": "...", "SecretAccessKey": "...", "Token": "...", "Expiration": "2026-11-21T00:24:35Z"}
 * Names count in any case, as in the SDKs. Pure; no copy is left outside of wiping memory. */

#include <stdbool.h>
#include <stddef.h>

#include "auth/credentials.h"

/* `token_name` is the name of the session token: "Token" or "SessionToken". Token and Expiration may be absent, null or
 * empty. `provider` is static storage. Returns 0, or a negative errno with the error filled: ERROR_BAD_ANSWER and what
 * is wrong with "the answer", without a word of it; ERROR_INTERNAL. */
int credentials_json_parse(const char *text, size_t text_bytes, const char *token_name, const char *provider,
                           struct credentials **ret_credentials, struct error *ret_error);

/* Checks that the object has the member `Version`, and that it is the number 1. Returns 0, or a negative errno with the
 * error filled, as above. */
int credentials_json_check_version(const char *text, size_t text_bytes, struct error *ret_error);

/* A text of the object that is no secret, as "Code" or "message" of an error, cut to fit and printable. Returns false
 * when there is none. */
bool credentials_json_text(const char *text, size_t text_bytes, const char *name, char *ret_text, size_t room_bytes);
