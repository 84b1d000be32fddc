/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Requests to and answers of SQS, in its JSON protocol. Pure. */

#include <stddef.h>

#include "base/error.h"
#include "base/json.h"

#define SQS_MAX_MESSAGES 10
#define SQS_WAIT_SECONDS 20 /* the longest that SQS has */

struct sqs_message {
    char *receipt; /* never NULL */
    char *body;    /* NULL where there is none */
    size_t body_bytes;
};

/* The messages of one answer. */
struct sqs_messages {
    struct sqs_message items[SQS_MAX_MESSAGES];
    size_t count;
};

void sqs_messages_clear(struct sqs_messages *messages);

/* The parameters of ReceiveMessage. Returns 0 or -ENOMEM. */
int sqs_receive_parameters(const char *queue_url, struct json **ret_parameters);

/* The same for a look that waits for nothing and hides nothing: of one message at most, which stays visible. */
int sqs_look_parameters(const char *queue_url, struct json **ret_parameters);

/* The parameters of DeleteMessageBatch, for all of `messages`. Returns 0 or -ENOMEM. */
int sqs_delete_parameters(const char *queue_url, const struct sqs_messages *messages, struct json **ret_parameters);

/* The answer of ReceiveMessage: messages to be cleared, perhaps none. What has no receipt is left out. Returns 0, or a
 * negative errno with the error filled. */
int sqs_decode_messages(const char *body, size_t body_bytes, struct sqs_messages *ret_messages,
                        struct error *ret_error);

/* The answer of DeleteMessageBatch. Returns 0 when all is deleted, or a negative errno with the error filled from the
 * first of the failures. */
int sqs_decode_deleted(const char *body, size_t body_bytes, struct error *ret_error);
