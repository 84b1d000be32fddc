/* SPDX-License-Identifier: Apache-2.0 */

/* What comes out of a queue: the input is an answer of SQS, and an event. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "backend/event.h"
#include "backend/queue_url.h"
#include "backend/secret_id.h"
#include "backend/sqs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static void decode_event(const char *text, size_t size_bytes)
{
    struct event_hint hint = {0};
    struct secret_id id;
    if (event_decode(text, size_bytes, &hint) < 0) {
        assert(!hint.id && !hint.version_id);
        return;
    }
    bool valid = secret_id_parse(hint.id, &id);
    assert(valid && (!hint.version_id || strlen(hint.version_id) <= 64));
    event_hint_clear(&hint);
}

static void decode_url(const char *text, size_t size_bytes)
{
    _cleanup_free_ char *copy = strndup(text, size_bytes);
    struct queue_url url = {0};
    char arn[64];
    if (!copy || queue_url_parse(copy, "here", &url, NULL) < 0)
        return;
    queue_url_arn(&url, "eu-west-1", arn, sizeof(arn));
    queue_url_clear(&url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    const char *text = (const char *)data;
    struct sqs_messages messages = {.count = 0};

    decode_event(text, size_bytes);
    decode_url(text, size_bytes);
    (void)sqs_decode_deleted(text, size_bytes, NULL);
    if (sqs_decode_messages(text, size_bytes, &messages, NULL) < 0)
        return 0;
    for (size_t i = 0; i < messages.count; i++) {
        if (messages.items[i].body)
            decode_event(messages.items[i].body, messages.items[i].body_bytes);
    }
    sqs_messages_clear(&messages);
    return 0;
}
