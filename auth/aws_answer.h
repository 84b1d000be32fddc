/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What AWS says besides the payload: errors, dates, hints. In the JSON of Secrets Manager and SQS, and in
 * the XML of STS, which some servers (and stand-ins for AWS) send in front of the others as well. Pure; any thread. */

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct aws_answer {
    int status;
    const char *error_type; /* header x-amzn-ErrorType, or NULL */
    const char *request_id; /* header x-amzn-RequestId, or NULL */
    const char *body;
    size_t body_bytes;
};

/* What an answer of a status other than 2xx means. The kind follows the service's code; the HTTP status, which
 * Secrets Manager sets to 400 for nearly everything, counts only where there is no code or an unknown one. */
void aws_answer_error(const struct aws_answer *answer, struct error *ret_error);

/* The same for an error that stands within an answer of success; each text may be NULL. */
void aws_answer_item_error(const char *code, const char *message, struct error *ret_error);

/* The header Date, "Sun, 06 Nov 1994 08:49:37 GMT", as nanoseconds since 1970, which fit an int64_t. Returns 0 or
 * -EINVAL. */
int aws_answer_date(const char *text, uint64_t *ret_wall_ns);

/* The header x-amz-retry-after, in milliseconds; -1 where it is missing (NULL) or not a number. */
int64_t aws_answer_retry_after(const char *text);
