/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Hints about changed secrets from an SQS queue, which a thread of its own polls. */

#include "backend/wire.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/source.h"

struct queue;

/* `wire` is borrowed and must outlive the queue. Starts nothing yet. Returns 0, or a negative errno with the error
 * filled (an unusable URL or endpoint). */
int queue_new(struct wire *wire, const char *url, struct queue **ret_queue, struct error *ret_error);

/* Ends the thread, at once even in the midst of a long poll. NULL is accepted. */
void queue_free(struct queue *queue);
DEFINE_CLEANUP(struct queue, queue_free)
#define _cleanup_queue_ _cleanup_(queue_freep)

/* A descriptor that is readable when hints wait. The first call starts the thread; so it is to be made when the process
 * does not fork any more, nor change its environment. One thread. */
int queue_fd(struct queue *queue);

/* Calls `each` for all hints that wait. When it returns they count as acted on, and their messages are deleted. The
 * same thread as queue_fd(). */
void queue_drain(struct queue *queue, source_change_cb each, void *context);

/* Whether the queue can be read: asks it once, on the calling thread, with that thread's `http`. Takes nothing out of
 * it; but SQS counts the look as a delivery of the message that it may have seen. Returns 0, or a negative errno with
 * the error filled. */
int queue_try(struct queue *queue, struct http *http, uint64_t deadline_ns, struct error *ret_error);

/* Any thread. */
void queue_status(const struct queue *queue, struct push_status *ret_status);
