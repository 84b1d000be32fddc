/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/sqs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/aws_answer.h"
#include "base/cleanup.h"

#define MAX_DEPTH 32
#define ID_BYTES sizeof("18446744073709551615")

void sqs_messages_clear(struct sqs_messages *messages)
{
    for (size_t i = 0; i < messages->count; i++) {
        free(messages->items[i].receipt);
        free(messages->items[i].body);
    }
    messages->count = 0;
}

int sqs_receive_parameters(const char *queue_url, struct json **ret_parameters)
{
    _cleanup_json_ struct json *parameters = json_new_object();
    if (!parameters || json_put_text(parameters, "QueueUrl", queue_url) < 0 ||
        json_put_int(parameters, "MaxNumberOfMessages", SQS_MAX_MESSAGES) < 0 ||
        json_put_int(parameters, "WaitTimeSeconds", SQS_WAIT_SECONDS) < 0)
        return -ENOMEM;
    *ret_parameters = STEAL(parameters);
    return 0;
}

int sqs_look_parameters(const char *queue_url, struct json **ret_parameters)
{
    _cleanup_json_ struct json *parameters = json_new_object();
    if (!parameters || json_put_text(parameters, "QueueUrl", queue_url) < 0 ||
        json_put_int(parameters, "MaxNumberOfMessages", 1) < 0 || json_put_int(parameters, "WaitTimeSeconds", 0) < 0 ||
        json_put_int(parameters, "VisibilityTimeout", 0) < 0)
        return -ENOMEM;
    *ret_parameters = STEAL(parameters);
    return 0;
}

int sqs_delete_parameters(const char *queue_url, const struct sqs_messages *messages, struct json **ret_parameters)
{
    _cleanup_json_ struct json *parameters = json_new_object();
    if (!parameters || json_put_text(parameters, "QueueUrl", queue_url) < 0 ||
        json_put(parameters, "Entries", json_new_array()) < 0)
        return -ENOMEM;
    struct json *entries = json_member(parameters, "Entries");
    for (size_t i = 0; i < messages->count; i++) {
        struct json *entry = json_new_object();
        char id[ID_BYTES];
        (void)snprintf(id, sizeof(id), "%zu", i);
        if (!entries || !entry || json_append(entries, entry) < 0 || json_put_text(entry, "Id", id) < 0 ||
            json_put_text(entry, "ReceiptHandle", messages->items[i].receipt) < 0)
            return -ENOMEM;
    }
    *ret_parameters = STEAL(parameters);
    return 0;
}

static int bad_answer(int r, const char *operation, struct error *error)
{
    if (r == -ENOMEM)
        return error_set(error, ERROR_INTERNAL, "out of memory for the answer to %s", operation);
    return error_set(error, ERROR_BAD_ANSWER,
                     "this is not an answer to %s: is something else answering in place of AWS?", operation);
}

static int parse_answer(const char *body, size_t body_bytes, const char *operation, struct json **ret_answer,
                        struct error *ret_error)
{
    _cleanup_json_ struct json *answer = NULL;
    int r = json_parse(body, body_bytes, MAX_DEPTH, &answer);
    if (r < 0 || !json_is_object(answer))
        return bad_answer(r < 0 ? r : -EBADMSG, operation, ret_error);
    *ret_answer = STEAL(answer);
    return 0;
}

static int add_message(struct sqs_messages *messages, const char *receipt, const char *body, size_t body_bytes)
{
    struct sqs_message *message = &messages->items[messages->count];
    *message = (struct sqs_message){.receipt = strdup(receipt)};
    if (!message->receipt)
        return -ENOMEM;
    messages->count++;
    if (!body)
        return 0;
    message->body = malloc(body_bytes + 1);
    if (!message->body)
        return -ENOMEM;
    memcpy(message->body, body, body_bytes + 1); /* with the NUL that json puts behind */
    message->body_bytes = body_bytes;
    return 0;
}

int sqs_decode_messages(const char *body, size_t body_bytes, struct sqs_messages *ret_messages, struct error *ret_error)
{
    _cleanup_json_ struct json *answer = NULL;
    struct sqs_messages messages = {.count = 0};

    int r = parse_answer(body, body_bytes, "ReceiveMessage", &answer, ret_error);
    const struct json *list = json_member(answer, "Messages");
    for (size_t i = 0; r == 0 && i < json_array_length(list) && messages.count < SQS_MAX_MESSAGES; i++) {
        const struct json *item = json_array_at(list, i);
        const char *receipt = json_member_text(item, "ReceiptHandle");
        size_t size = 0;
        const char *text = json_text(json_member(item, "Body"), &size);
        if (receipt && receipt[0] && add_message(&messages, receipt, text, size) < 0)
            r = bad_answer(-ENOMEM, "ReceiveMessage", ret_error);
    }
    if (r < 0)
        sqs_messages_clear(&messages);
    else
        *ret_messages = messages;
    return r;
}

int sqs_decode_deleted(const char *body, size_t body_bytes, struct error *ret_error)
{
    _cleanup_json_ struct json *answer = NULL;
    struct error error;

    int r = parse_answer(body, body_bytes, "DeleteMessageBatch", &answer, ret_error);
    const struct json *failed = json_member(answer, "Failed");
    if (r < 0 || json_array_length(failed) == 0)
        return r;
    const struct json *first = json_array_at(failed, 0);
    aws_answer_item_error(json_member_text(first, "Code"), json_member_text(first, "Message"), &error);
    if (ret_error)
        *ret_error = error;
    return -EREMOTEIO;
}
