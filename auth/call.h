/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One call of an AWS service, a POST to its endpoint: signed, sent, judged, and retried until its deadline. Blocking,
 * any thread; threads share the bucket of retries and the clock. */

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/credentials.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/http.h"
#include "base/retry.h"

/* How far the clock of AWS is from ours, as its answers have shown: one for all services. Starts as zero. */
struct signing_clock {
    atomic_int_fast64_t offset_ns; /* theirs minus ours */
};

struct aws_call {
    const char *service;      /* in endpoint names and signatures, "secretsmanager" */
    const char *region;       /* that is asked and signed for */
    const char *url;          /* "https://host" */
    const char *target;       /* "secretsmanager.GetSecretValue"; NULL outside the AWS JSON protocols */
    const char *content_type; /* or NULL */
    const char *body;         /* not copied; may be NULL */
    size_t body_bytes;
    size_t max_answer_bytes;
    uint64_t attempt_timeout_ns; /* longest that one attempt may take; 0: 10 s */
    unsigned max_attempts;       /* including the first */
    const char *ca_bundle;       /* or NULL */
    struct retry_bucket *bucket;
    struct signing_clock *clock;
    atomic_uint_fast64_t *sent; /* counts attempts; or NULL */
};

/* Signs with `credentials`, or not at all where they are NULL. Each attempt is signed anew, and once more with the
 * server's time where a refusal shows that ours is wrong. Returns 0 with the body of a 2xx answer (to be cleared by the
 * caller), or a negative errno with the error filled. */
int aws_call_perform(const struct aws_call *call, const struct credentials *credentials, struct http *http,
                     uint64_t deadline_ns, struct buffer *ret_body, struct error *ret_error);
