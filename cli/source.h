/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Makes what the options ask for. Main thread, before others exist. Each returns 0, or a negative errno with the error
 * filled. */

#include "auth/session.h"
#include "base/error.h"
#include "base/source.h"
#include "cli/options.h"

int source_open_session(const struct options *options, struct aws_session **ret_session, struct error *ret_error);

/* AWS Secrets Manager; the session is taken, even on failure. */
int source_open_with(struct aws_session *session, const struct options *options, struct source **ret_source,
                     struct error *ret_error);

/* The local file or AWS Secrets Manager. */
int source_open(const struct options *options, struct source **ret_source, struct error *ret_error);
