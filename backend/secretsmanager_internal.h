/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of the Secrets Manager source share. */

#include <stddef.h>
#include <stdint.h>

#include "backend/queue.h"
#include "backend/secret_id.h"
#include "backend/wire.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/json.h"
#include "base/source.h"

#define SECRETSMANAGER_SERVICE "secretsmanager"

struct secretsmanager {
    struct source source; /* first */
    struct wire *wire;
    struct queue *queue; /* or NULL */
    char *filters;       /* JSON text of what the user asked for */
    char *endpoint;
    char *description;
};

static inline struct secretsmanager *secretsmanager_of(struct source *source)
{
    return (struct secretsmanager *)source;
}

/* The region of the session, for ids that do not name one. */
const char *secretsmanager_region(const struct secretsmanager *manager);

/* One call. Returns 0 with the body of the answer, to be cleared, or a negative errno with the error filled. */
int secretsmanager_call(const struct secretsmanager *manager, struct http *http, const char *region, const char *target,
                        struct json *parameters, size_t max_answer_bytes, uint64_t deadline_ns, struct buffer *ret_body,
                        struct error *ret_error);

/* Puts what to do behind what AWS says, unless that is complete; code and request id stay. Returns the errno of the
 * kind, as error_set(). */
int secretsmanager_advise(struct error *error, const char *advice, const char *region, const char *endpoint);

/* What helps against failures that have nothing to do with the operation, or "". */
const char *secretsmanager_common_advice(enum error_kind kind);

/* Puts behind an error about one secret what to do, where `action` is what has to be permitted. */
int secretsmanager_explain(const struct secretsmanager *manager, const char *action, const struct secret_id *id,
                           const char *region, struct error *error);

/* Operations of struct source_ops. */
int secretsmanager_get(struct source *source, struct http *http, const struct value_request *request,
                       uint64_t deadline_ns, struct value **ret_value, struct error *ret_error);
int secretsmanager_get_many(struct source *source, struct http *http, const char *const *ids, size_t count,
                            uint64_t deadline_ns, source_value_cb each, void *context, struct error *ret_error);
