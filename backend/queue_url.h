/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The URL of an SQS queue, "https://sqs.eu-west-1.amazonaws.com/123456789012/name". Pure. */

#include "backend/secret_id.h"
#include "base/cleanup.h"
#include "base/error.h"

struct queue_url {
    char *text;                          /* as it was given; SQS wants it back in this form */
    char *origin;                        /* what stands before the path, as aws_session_endpoint() writes it */
    char region[SECRET_ID_REGION_BYTES]; /* "" where the host does not tell it */
};

/* `origin_of_text` says in errors where the text comes from. Returns 0 with a URL to be cleared, or a negative errno
 * with the error filled. */
int queue_url_parse(const char *text, const char *origin_of_text, struct queue_url *ret_url, struct error *ret_error);
void queue_url_clear(struct queue_url *url);

/* The Resource for an IAM policy that admits this queue, "arn:aws:sqs:REGION:ACCOUNT:NAME". Cut to fit. */
void queue_url_arn(const struct queue_url *url, const char *region, char *ret_arn, size_t arn_bytes);
