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

/* What one answer of BatchGetSecretValue holds: values, to be taken over, and errors of single secrets, with the id
 * that was asked for. */
struct secretsmanager_batch_ops {
    void (*value)(void *context, struct value *value);
    void (*error)(void *context, const char *id, const struct error *error);
};

/* One page of BatchGetSecretValue, with the token of the next one as above. What is broken in itself is left out.
 * Returns 0, or a negative errno with the error filled, possibly after some calls. */
int secretsmanager_decode_batch(const char *body, size_t body_bytes, const struct secretsmanager_batch_ops *ops,
                                void *context, char **ret_next_token, struct error *ret_error);

/* The answer of DescribeSecret: calls `each` for every version and stage. Ids and stages longer than AWS has them, and
 * versions beyond the first thousand, are left out. Returns 0, what `each` returned, or a negative errno with the error
 * filled (ERROR_DELETED for a secret that is marked for deletion). */
int secretsmanager_decode_versions(const char *body, size_t body_bytes, source_version_cb each, void *context,
                                   struct error *ret_error);

/* Fills the error for an answer that cannot be used: -ENOMEM, or anything else for what is not an answer. */
int secretsmanager_bad_answer(int r, const char *operation, struct error *ret_error);
