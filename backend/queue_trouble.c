/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/queue_trouble.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"

/* A message of AWS is cut to this, so that our advice finds room behind it. */
#define MAX_REASON_BYTES ((size_t)240)

#define MIN_PAUSE_NS NS_PER_SEC
#define MAX_PAUSE_NS (60 * NS_PER_SEC)

/* In front of the queue's ARN, or NULL. */
static const char *advice_for(enum error_kind kind)
{
    switch ((int)kind) {
    case ERROR_ACCESS_DENIED:
        return "; allow sqs:ReceiveMessage and sqs:DeleteMessage on ";
    case ERROR_KMS_DENIED:
        return "; allow kms:Decrypt on the key of ";
    case ERROR_NOT_FOUND:
        return "; check URL, region and account of ";
    default:
        return NULL;
    }
}

void queue_trouble_explain(const struct error *error, const struct queue_url *url, const char *region,
                           struct error *ret_error)
{
    const struct error said = *error;
    const char *advice = advice_for(said.kind);
    char arn[256] = "";
    size_t size = strlen(said.message);
    if (advice && size > MAX_REASON_BYTES)
        size = MAX_REASON_BYTES;
    if (advice && size > 0 && said.message[size - 1] == '.')
        size--;
    if (advice)
        queue_url_arn(url, region, arn, sizeof(arn));
    (void)error_set(ret_error, said.kind, "%.*s%s%s", (int)size, said.message, advice ? advice : "", arn);
    memcpy(ret_error->code, said.code, sizeof(said.code));
    memcpy(ret_error->request_id, said.request_id, sizeof(said.request_id));
}

static void complain(enum queue_operation operation, const struct error *error, const struct queue_url *url,
                     const char *region, const char *endpoint)
{
    struct error explained;
    queue_trouble_explain(error, url, region, &explained);
    log_warning("cannot %s the events queue, changes are seen by polling meanwhile: %s (%s, request id %s): %s "
                "(queue %s, endpoint %s)",
                operation == QUEUE_RECEIVE ? "read" : "delete from", error_kind_name(error->kind),
                error->code[0] ? error->code : "no code", error->request_id[0] ? error->request_id : "none",
                explained.message, url->text, endpoint);
}

/* What may be over at the next attempt. */
static bool is_passing(enum error_kind kind)
{
    return kind == ERROR_TIMEOUT || kind == ERROR_UNREACHABLE || kind == ERROR_SERVER || kind == ERROR_THROTTLED;
}

void queue_trouble_fail(struct queue_trouble *trouble, enum queue_operation operation, const struct error *error,
                        const struct queue_url *url, const char *region, const char *endpoint)
{
    if (trouble->failures++ == 0 && is_passing(error->kind))
        return;
    if (trouble->causes[operation].kind == error->kind && strcmp(trouble->causes[operation].code, error->code) == 0)
        return;
    trouble->causes[operation].kind = error->kind;
    memcpy(trouble->causes[operation].code, error->code, sizeof(error->code));
    complain(operation, error, url, region, endpoint);
}

void queue_trouble_succeed(struct queue_trouble *trouble, enum queue_operation operation)
{
    if (trouble->causes[operation].kind != ERROR_NONE)
        log_info("the events queue can be %s again", operation == QUEUE_RECEIVE ? "read" : "deleted from");
    trouble->causes[operation].kind = ERROR_NONE;
    trouble->causes[operation].code[0] = '\0';
    if (!queue_trouble_is_known(trouble))
        trouble->failures = 0;
}

bool queue_trouble_is_known(const struct queue_trouble *trouble)
{
    for (int i = 0; i < QUEUE_OPERATION_COUNT; i++) {
        if (trouble->causes[i].kind != ERROR_NONE)
            return true;
    }
    return false;
}

uint64_t queue_trouble_pause_ns(const struct queue_trouble *trouble)
{
    if (trouble->failures == 0)
        return 0;
    uint64_t pause_ns = trouble->failures > 6 ? MAX_PAUSE_NS : MIN_PAUSE_NS << (trouble->failures - 1);
    return clock_jitter_ns(pause_ns);
}
