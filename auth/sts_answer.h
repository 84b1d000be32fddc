/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The answers of STS, which are XML. Pure; no copy is left outside of wiping memory. Each returns 0, or a negative
 * errno with the error filled: ERROR_BAD_ANSWER and what is wrong with "the answer", without a word of it;
 * ERROR_INTERNAL. */

#include <stddef.h>

#include "auth/credentials.h"
#include "auth/sts.h"

/* Of AssumeRole and AssumeRoleWithWebIdentity. `provider` is static storage. */
int sts_answer_credentials(const char *text, size_t text_bytes, const char *provider,
                           struct credentials **ret_credentials, struct error *ret_error);

/* Of GetCallerIdentity. */
int sts_answer_identity(const char *text, size_t text_bytes, struct sts_identity *ret_identity,
                        struct error *ret_error);
