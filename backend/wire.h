/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One call of an AWS JSON service: signed, sent, judged, and retried until its deadline. Shared by all threads: the
 * only state that changes is the bucket of retries, a counter, and the correction of the clock. */

#include <stddef.h>
#include <stdint.h>

#include "auth/session.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/http.h"

struct wire;

struct wire_call {
    const char *service;      /* in endpoint names and signatures, "secretsmanager" */
    const char *region;       /* that is asked and signed for */
    const char *endpoint;     /* as aws_session_endpoint() gives it; NULL: that of service and region */
    const char *target;       /* "secretsmanager.GetSecretValue" */
    const char *content_type; /* "application/x-amz-json-1.1" */
    const char *body;         /* a JSON object */
    size_t max_answer_bytes;
    uint64_t attempt_timeout_ns; /* longest that one attempt may take; 0 = 10 s */
    unsigned max_attempts;       /* 0 = as the session has it */
};

/* `session` is taken, even on failure. Returns 0 or -ENOMEM. */
int wire_new(struct aws_session *session, struct wire **ret_wire);
void wire_free(struct wire *wire);
DEFINE_CLEANUP(struct wire, wire_free)
#define _cleanup_wire_ _cleanup_(wire_freep)

struct aws_session *wire_session(const struct wire *wire);

/* Number of attempts that have been sent. */
uint64_t wire_attempts(const struct wire *wire);

/* Returns 0 with the body of a 2xx answer (to be cleared by the caller), or a negative errno with the error filled.
 * Beyond the ordinary retries there is one with new credentials where AWS refuses the present ones, and one with the
 * server's time where ours is wrong. */
int wire_perform(struct wire *wire, struct http *http, const struct wire_call *call, uint64_t deadline_ns,
                 struct buffer *ret_body, struct error *ret_error);
