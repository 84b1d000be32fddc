/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A call that carries a token instead of a signature: IAM Identity Center and AWS Sign-In. Blocking, on a fetcher
 * thread; retried within the deadline as by base/retry.h. */

#include "auth/providers.h"

struct json_call {
    const char *method;
    const char *url;
    const char *const *headers; /* NULL-terminated, or NULL */
    const struct buffer *body;  /* JSON, or NULL */
    /* Appends a header that is another one in each attempt. Returns 0 or a negative errno. NULL: there is none. */
    int (*add_header)(void *context, struct buffer *ret_line);
    void *context;
};

/* Performs the call. Returns 0 with an answer (to be cleared) of any status that another attempt would not change; or a
 * negative errno with the error filled: no answer, throttled (HTTP 429), or a failure of the server (5xx). */
int json_call_perform(const struct json_call *call, const struct provider_context *context, struct http *http,
                      uint64_t deadline_ns, struct http_answer *ret_answer, struct error *ret_error);

/* Fills an error about the answer of the last exchange: adds to the message where it came from and its status, and
 * takes over code and request id. The body is not shown: it may hold a token. Returns as error_set() does. */
int json_call_error(const struct json_call *call, struct http *http, int status, enum error_kind kind,
                    const char *message, struct error *ret_error);
