/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The only user of libcurl: one blocking HTTP exchange at a time over a connection that is kept.
 * A struct http belongs to one thread. TLS 1.2 or newer, certificate and host name verified; redirects are
 * never followed; the answer is read into a bounded wiping buffer; deadlines are absolute. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"

struct http;

struct http_request {
    const char *method; /* "GET", "POST", "PUT" */
    const char *url;
    const char *const *headers; /* NULL-terminated array of "Name: value" lines, or NULL */
    const void *body;           /* not copied; may be NULL */
    size_t body_bytes;
    uint64_t deadline_ns;        /* clock_monotonic_ns() at which the exchange is given up */
    uint64_t connect_timeout_ns; /* 0 = 3.1 s */
    size_t max_answer_bytes;
    const char *ca_bundle; /* PEM file in place of the system's store, or NULL */
    bool direct;           /* never through a proxy (metadata addresses) */
};

struct http_answer {
    int status;
    struct buffer body;
};

/* Process-wide set-up of libcurl; before threads exist. Returns 0 or a negative errno. */
int http_setup(void);

int http_new(struct http **ret_http);
void http_free(struct http *http);
DEFINE_CLEANUP(struct http, http_free)
#define _cleanup_http_ _cleanup_(http_freep)

/* Performs one exchange. Returns 0 once a whole answer of any status has been read (the caller clears it
 * with http_answer_clear()), or a negative errno with `ret_error` filled: ERROR_TIMEOUT, ERROR_UNREACHABLE,
 * ERROR_TLS, ERROR_BAD_ANSWER (not HTTP, truncated, over max_answer_bytes), ERROR_BAD_REQUEST (an unusable URL) or
 * ERROR_INTERNAL. An exchange that fails because a kept connection was closed by the server is repeated once on a new
 * connection. */
int http_perform(struct http *http, const struct http_request *request, struct http_answer *ret_answer,
                 struct error *ret_error);

/* Whether the last exchange got as far as a connection with the server; to tell a silent server from one that is not
 * there. */
bool http_connected(struct http *http);

/* The exchange under way and all later ones end at once with ERROR_TIMEOUT. For ever: to be followed by http_free().
 * Any thread, as long as `http` lives. */
void http_cancel(struct http *http);

/* Readable from http_cancel() on, for those who wait for something else than an exchange. */
int http_cancel_fd(const struct http *http);

/* Sleeps, between two exchanges. Returns false when it was cut short by http_cancel(). */
bool http_pause(struct http *http, uint64_t interval_ns);

void http_answer_clear(struct http_answer *answer);

/* Value of a header of the last answer, case-insensitive, or NULL; valid until the next http_perform(). */
const char *http_header(struct http *http, const char *name);
