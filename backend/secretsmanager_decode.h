/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The answers of Secrets Manager. Pure; any text may be passed: members may be missing, null or of a wrong type, and
 * unknown ones are passed over. */

#include <stddef.h>

#include "base/error.h"
#include "base/source.h"

/* The answer of GetSecretValue. The bytes of the secret go from `body` straight into protected memory. Returns 0, or a
 * negative errno with the error filled: ERROR_BAD_ANSWER (not JSON; no ARN, name, version or value; bad base64) or
 * ERROR_INTERNAL. */
int secretsmanager_decode_value(const char *body, size_t body_bytes, struct value **ret_value, struct error *ret_error);

/* One page of ListSecrets: calls `each` for every name, and returns the token of the next page, to be freed, or NULL
 * after the last one. Returns 0, what `each` returned, or a negative errno with the error filled. */
int secretsmanager_decode_page(const char *body, size_t body_bytes, source_name_cb each, void *context,
                               char **ret_next_token, struct error *ret_error);
