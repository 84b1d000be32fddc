/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What is wrong with a queue: logged once for each cause, with what to do, and once when it is over. One thread. */

#include <stdbool.h>
#include <stdint.h>

#include "backend/queue_url.h"
#include "base/error.h"

/* They fail apart from each other. */
enum queue_operation { QUEUE_RECEIVE, QUEUE_DELETE, QUEUE_OPERATION_COUNT };

/* All zero at first. */
struct queue_trouble {
    struct {
        enum error_kind kind; /* as it was logged; ERROR_NONE: nothing is wrong */
        char code[sizeof(((struct error *)0)->code)];
    } causes[QUEUE_OPERATION_COUNT];
    unsigned failures; /* in a row */
};

/* Notes a failure. A first one that may be over at the next attempt is not logged, and not known. */
void queue_trouble_fail(struct queue_trouble *trouble, enum queue_operation operation, const struct error *error,
                        const struct queue_url *url, const char *region, const char *endpoint);
void queue_trouble_succeed(struct queue_trouble *trouble, enum queue_operation operation);

/* Puts what to do behind what AWS says; code and request id stay. */
void queue_trouble_explain(const struct error *error, const struct queue_url *url, const char *region,
                           struct error *ret_error);

/* Whether something is wrong with one of the operations. */
bool queue_trouble_is_known(const struct queue_trouble *trouble);

/* How long to wait before the next attempt: 0, or 1 s to 60 s, twice as long after each failure, and jittered. */
uint64_t queue_trouble_pause_ns(const struct queue_trouble *trouble);
