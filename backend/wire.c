/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/wire.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/retry.h"

struct wire {
    struct aws_session *session;
    struct retry_bucket *bucket;
    atomic_uint_fast64_t attempts;
};

int wire_new(struct aws_session *session, struct wire **ret_wire)
{
    _cleanup_wire_ struct wire *wire = calloc(1, sizeof(*wire));
    if (!wire) {
        aws_session_free(session);
        return -ENOMEM;
    }
    wire->session = session;
    int r = retry_bucket_new(&wire->bucket);
    if (r < 0)
        return r;
    *ret_wire = STEAL(wire);
    return 0;
}

void wire_free(struct wire *wire)
{
    if (!wire)
        return;
    aws_session_free(wire->session);
    retry_bucket_free(wire->bucket);
    free(wire);
}

struct aws_session *wire_session(const struct wire *wire)
{
    return wire->session;
}

uint64_t wire_attempts(const struct wire *wire)
{
    return atomic_load(&wire->attempts);
}

int wire_perform(struct wire *wire, struct http *http, const struct aws_call *call, uint64_t deadline_ns,
                 struct buffer *ret_body, struct error *ret_error)
{
    struct aws_call complete = *call;
    _cleanup_free_ char *url = NULL;
    struct error error = {.kind = ERROR_NONE};
    int r = 0;

    if (!call->url)
        r = aws_session_endpoint(wire->session, call->service, call->region, &url, ret_error);
    if (r < 0)
        return r;
    complete.url = call->url ? call->url : url;
    complete.max_attempts = call->max_attempts ? call->max_attempts : aws_session_max_attempts(wire->session);
    complete.ca_bundle = aws_session_ca_bundle(wire->session);
    complete.bucket = wire->bucket;
    complete.clock = aws_session_clock(wire->session);
    complete.sent = &wire->attempts;
    for (bool renewed = false;; renewed = true) {
        _cleanup_credentials_ struct credentials *credentials = NULL;
        r = aws_session_credentials(wire->session, http, deadline_ns, &credentials, &error);
        if (r < 0)
            break;
        r = aws_call_perform(&complete, credentials, http, deadline_ns, ret_body, &error);
        if (r == 0)
            return 0;
        if (renewed || (error.kind != ERROR_EXPIRED_CREDENTIALS && error.kind != ERROR_BAD_CREDENTIALS))
            break;
        aws_session_credentials_refused(wire->session, credentials);
    }
    if (ret_error)
        *ret_error = error;
    return r;
}
