/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* AWS Secrets Manager as a source of secrets. */

#include <stddef.h>

#include "auth/session.h"
#include "base/error.h"
#include "base/source.h"

struct secretsmanager_options {
    /* Filters of ListSecrets, each "KEY=VALUE"; the values of equal keys are alternatives. */
    const char *const *filters;
    size_t filter_count;

    /* URL of an SQS queue that gets the events of Secrets Manager, or NULL. */
    const char *events_queue;
};

/* `session` is taken, even on failure; the options are not kept. Makes no request and no thread: that of the queue
 * begins with the first change_fd(). Returns 0, or a negative errno with the error filled (an unusable filter, endpoint
 * or queue). */
int secretsmanager_source_new(struct aws_session *session, const struct secretsmanager_options *options,
                              struct source **ret_source, struct error *ret_error);

/* queue_try() on the queue of such a source. */
int secretsmanager_try_queue(struct source *source, struct http *http, uint64_t deadline_ns, struct error *ret_error);
