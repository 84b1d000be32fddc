/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A source of Secrets Manager before a scripted server. */

#include "base/http.h"
#include "base/source.h"
#include "tests/unit/http_server.h"

/* An answer of AWS; its body ends with the connection. */
#define ANSWER(status, headers, body) "HTTP/1.1 " status "\r\nx-amzn-RequestId: id-1\r\n" headers "\r\n" body
#define ERROR(code, message) ANSWER("400 Bad", "", "{\"__type\":\"" code "\",\"message\":\"" message "\"}")

struct fixture {
    struct server server;
    struct http *http;
    struct source *source;
};

/* Credentials and the region eu-west-1 are in the environment. `events_queue` may be NULL, or a path on the server, or
 * a whole URL that is asked for through AWS_ENDPOINT_URL_SQS. */
void fixture_set_up(struct fixture *fixture, const struct step *steps, size_t step_count, const char *events_queue);
void fixture_tear_down(struct fixture *fixture);

#define SET_UP(fixture, steps) fixture_set_up(fixture, steps, sizeof(steps) / sizeof((steps)[0]), NULL)
