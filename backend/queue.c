/* SPDX-License-Identifier: Apache-2.0 */

/* The thread asks SQS for messages (a long poll: the answer comes with the first message, or empty after 20 s), hands
 * the hints in them to the loop, waits until the loop has taken them, deletes the messages, and asks again. So a
 * message whose hint was lost, because the process ended, comes again, to this process or the next. There is never more
 * than one answer under way, which bounds memory however much is in the queue. Hints may be stale, doubled or in any
 * order: whoever gets one asks Secrets Manager. A queue that fails costs nothing but its promptness, for secrets are
 * polled all the same. */
#include "backend/queue.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "auth/endpoint.h"
#include "backend/event.h"
#include "backend/queue_trouble.h"
#include "backend/queue_url.h"
#include "backend/sqs.h"
#include "base/clock.h"
#include "base/log.h"

#define SERVICE "sqs"
#define CONTENT_TYPE "application/x-amz-json-1.0"
#define ORIGIN "--events-queue"
#define STACK_BYTES ((size_t)512 * 1024) /* as of the fetchers */
/* Ten messages of 1 MiB, which JSON may write with escapes. */
#define MAX_ANSWER_BYTES ((size_t)32 * 1024 * 1024)
#define RECEIVE_TIMEOUT_NS ((SQS_WAIT_SECONDS + 10) * NS_PER_SEC)
#define DELETE_TIMEOUT_NS (10 * NS_PER_SEC)

struct queue {
    struct wire *wire;
    struct http *http;
    struct queue_url url;
    char *endpoint;
    const char *region; /* in `url`, or of the session */
    int event_fd;
    bool started;
    pthread_t thread;
    atomic_bool failing;
    atomic_uint_fast64_t calls;
    atomic_uint_fast64_t received;
    atomic_uint_fast64_t unrecognized;

    /* Of the thread alone. */
    struct queue_trouble trouble;
    bool said_unrecognized;

    pthread_mutex_t lock; /* protects what follows */
    pthread_cond_t taken;
    bool stopping;
    struct event_hint hints[SQS_MAX_MESSAGES];
    size_t hint_count;
};

/* --- calls --- */

static bool is_stopping(struct queue *queue)
{
    return !http_pause(queue->http, 0);
}

static int call(struct queue *queue, struct http *http, const char *target, struct json *parameters,
                uint64_t timeout_ns, struct buffer *ret_body, struct error *ret_error)
{
    struct aws_call call = {
        .service = SERVICE,
        .region = queue->region,
        .url = queue->endpoint,
        .target = target,
        .content_type = CONTENT_TYPE,
        .body = json_format(parameters, false),
        .max_answer_bytes = MAX_ANSWER_BYTES,
        .attempt_timeout_ns = timeout_ns,
        .max_attempts = 1, /* the next round is the retry; those of Secrets Manager are not to be used up */
    };
    if (!call.body)
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");
    call.body_bytes = strlen(call.body);
    atomic_fetch_add(&queue->calls, 1);
    return wire_perform(queue->wire, http, &call, clock_monotonic_ns() + timeout_ns, ret_body, ret_error);
}

static int receive(struct queue *queue, struct sqs_messages *ret_messages, struct error *ret_error)
{
    _cleanup_json_ struct json *parameters = NULL;
    _cleanup_buffer_ struct buffer body = {0};
    if (sqs_receive_parameters(queue->url.text, &parameters) < 0)
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");
    int r = call(queue, queue->http, "AmazonSQS.ReceiveMessage", parameters, RECEIVE_TIMEOUT_NS, &body, ret_error);
    return r < 0 ? r : sqs_decode_messages(body.bytes, body.size_bytes, ret_messages, ret_error);
}

static int delete_all(struct queue *queue, const struct sqs_messages *messages, struct error *ret_error)
{
    _cleanup_json_ struct json *parameters = NULL;
    _cleanup_buffer_ struct buffer body = {0};
    if (sqs_delete_parameters(queue->url.text, messages, &parameters) < 0)
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");
    int r = call(queue, queue->http, "AmazonSQS.DeleteMessageBatch", parameters, DELETE_TIMEOUT_NS, &body, ret_error);
    return r < 0 ? r : sqs_decode_deleted(body.bytes, body.size_bytes, ret_error);
}

int queue_try(struct queue *queue, struct http *http, uint64_t deadline_ns, struct error *ret_error)
{
    _cleanup_json_ struct json *parameters = NULL;
    _cleanup_buffer_ struct buffer body = {0};
    _cleanup_(sqs_messages_clear) struct sqs_messages messages = {.count = 0};
    uint64_t now_ns = clock_monotonic_ns();
    struct error error = {.kind = ERROR_NONE};

    if (sqs_look_parameters(queue->url.text, &parameters) < 0)
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");
    int r = call(queue, http, "AmazonSQS.ReceiveMessage", parameters, deadline_ns > now_ns ? deadline_ns - now_ns : 1,
                 &body, &error);
    if (r == 0)
        r = sqs_decode_messages(body.bytes, body.size_bytes, &messages, &error);
    if (r < 0 && ret_error)
        queue_trouble_explain(&error, &queue->url, queue->region, ret_error);
    return r;
}

/* --- hints --- */

/* A hint that memory does not suffice for becomes one about all secrets. */
static bool decode(struct queue *queue, const struct sqs_message *message, struct event_hint *ret_hint)
{
    int r = message->body ? event_decode(message->body, message->body_bytes, ret_hint) : -EBADMSG;
    atomic_fetch_add(&queue->received, 1);
    if (r == 0 || r == -ENOMEM)
        return true;
    atomic_fetch_add(&queue->unrecognized, 1);
    if (!queue->said_unrecognized)
        log_info("the events queue holds messages that tell of no change of a secret; they are deleted and not "
                 "mentioned again");
    queue->said_unrecognized = true;
    return false;
}

/* Hands hints to the loop and waits until it has taken them. Returns false when the queue is being freed. */
static bool hand_over(struct queue *queue, const struct sqs_messages *messages)
{
    struct event_hint hints[SQS_MAX_MESSAGES] = {0};
    size_t count = 0;
    uint64_t one = 1;

    for (size_t i = 0; i < messages->count; i++) {
        if (decode(queue, &messages->items[i], &hints[count]))
            count++;
    }
    (void)pthread_mutex_lock(&queue->lock);
    memcpy(queue->hints, hints, sizeof(hints));
    queue->hint_count = count;
    if (count > 0)
        (void)!write(queue->event_fd, &one, sizeof(one));
    while (queue->hint_count > 0 && !queue->stopping)
        (void)pthread_cond_wait(&queue->taken, &queue->lock);
    bool taken = queue->hint_count == 0;
    (void)pthread_mutex_unlock(&queue->lock);
    return taken;
}

void queue_drain(struct queue *queue, source_change_cb each, void *context)
{
    uint64_t ignored;
    (void)pthread_mutex_lock(&queue->lock);
    (void)!read(queue->event_fd, &ignored, sizeof(ignored));
    size_t count = queue->hint_count;
    (void)pthread_mutex_unlock(&queue->lock);
    if (count == 0)
        return;

    /* While there are hints they are not the thread's. */
    for (size_t i = 0; i < count; i++) {
        each(context, queue->hints[i].id, queue->hints[i].version_id);
        event_hint_clear(&queue->hints[i]);
    }
    (void)pthread_mutex_lock(&queue->lock);
    queue->hint_count = 0;
    (void)pthread_cond_signal(&queue->taken);
    (void)pthread_mutex_unlock(&queue->lock);
}

/* --- the thread --- */

/* Notes how an operation went. Returns false when the queue is being freed. */
static bool note(struct queue *queue, enum queue_operation operation, int r, const struct error *error)
{
    if (is_stopping(queue))
        return false;
    if (r < 0)
        queue_trouble_fail(&queue->trouble, operation, error, &queue->url, queue->region, queue->endpoint);
    else
        queue_trouble_succeed(&queue->trouble, operation);
    atomic_store(&queue->failing, queue_trouble_is_known(&queue->trouble));
    return true;
}

/* One round. Returns false when the queue is being freed. */
static bool poll_once(struct queue *queue)
{
    _cleanup_(sqs_messages_clear) struct sqs_messages messages = {.count = 0};
    struct error error = {.kind = ERROR_NONE};

    int r = receive(queue, &messages, &error);
    if (!note(queue, QUEUE_RECEIVE, r, &error))
        return false;
    if (messages.count == 0)
        return true;
    if (!hand_over(queue, &messages))
        return false;
    r = delete_all(queue, &messages, &error);
    return note(queue, QUEUE_DELETE, r, &error);
}

static void *poll_queue(void *context)
{
    struct queue *queue = context;
    while (http_pause(queue->http, queue_trouble_pause_ns(&queue->trouble)) && poll_once(queue))
        ;
    return NULL;
}

/* The thread takes no signals: they belong to the loop's signalfd. */
static int start(struct queue *queue)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(&queue->thread, &attributes, poll_queue, queue);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    return -r;
}

int queue_fd(struct queue *queue)
{
    if (!queue->started) {
        int r = start(queue);
        queue->started = r == 0;
        atomic_store(&queue->failing, r < 0);
        if (r < 0)
            log_warning("cannot start a thread for the events queue: %s", strerror(-r));
    }
    return queue->event_fd;
}

void queue_status(const struct queue *queue, struct push_status *ret_status)
{
    *ret_status = (struct push_status){
        .state = atomic_load(&queue->failing) ? "failing" : "listening",
        .queue = queue->url.text,
        .calls = atomic_load(&queue->calls),
        .received = atomic_load(&queue->received),
        .unrecognized = atomic_load(&queue->unrecognized),
    };
}

/* A custom endpoint; else, where the URL has the plain name of AWS, what the session makes of it (FIPS, dual stack);
 * else what stands in the URL: a VPC endpoint, a stand-in for AWS. */
static int find_endpoint(struct queue *queue, struct error *ret_error)
{
    const struct aws_session *session = wire_session(queue->wire);
    _cleanup_free_ char *plain = NULL;

    int r = aws_session_custom_endpoint(session, SERVICE, &queue->endpoint, ret_error);
    if (r < 0 || queue->endpoint)
        return r;
    if (endpoint_for_region(SERVICE, queue->region, false, false, &plain) < 0)
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");
    if (strcmp(plain, queue->url.origin) == 0)
        return aws_session_endpoint(session, SERVICE, queue->region, &queue->endpoint, ret_error);
    queue->endpoint = strdup(queue->url.origin);
    return queue->endpoint ? 0 : error_set(ret_error, ERROR_INTERNAL, "out of memory");
}

int queue_new(struct wire *wire, const char *url, struct queue **ret_queue, struct error *ret_error)
{
    _cleanup_queue_ struct queue *queue = calloc(1, sizeof(*queue));
    if (!queue)
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");
    (void)pthread_mutex_init(&queue->lock, NULL);
    (void)pthread_cond_init(&queue->taken, NULL);
    queue->wire = wire;
    queue->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (queue->event_fd < 0 || http_new(&queue->http) < 0)
        return error_set(ret_error, ERROR_INTERNAL, "no memory or descriptors left");
    int r = queue_url_parse(url, ORIGIN, &queue->url, ret_error);
    if (r < 0)
        return r;
    queue->region = queue->url.region[0] ? queue->url.region : aws_session_region(wire_session(wire));
    r = find_endpoint(queue, ret_error);
    if (r == 0)
        *ret_queue = STEAL(queue);
    return r;
}

void queue_free(struct queue *queue)
{
    if (!queue)
        return;
    if (queue->started) {
        (void)pthread_mutex_lock(&queue->lock);
        queue->stopping = true;
        (void)pthread_cond_signal(&queue->taken);
        (void)pthread_mutex_unlock(&queue->lock);
        http_cancel(queue->http);
        (void)pthread_join(queue->thread, NULL);
    }
    for (size_t i = 0; i < queue->hint_count; i++)
        event_hint_clear(&queue->hints[i]);
    http_free(queue->http);
    if (queue->event_fd >= 0)
        (void)close(queue->event_fd);
    queue_url_clear(&queue->url);
    free(queue->endpoint);
    (void)pthread_cond_destroy(&queue->taken);
    (void)pthread_mutex_destroy(&queue->lock);
    free(queue);
}
