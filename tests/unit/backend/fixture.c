/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/backend/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/secretsmanager.h"

void fixture_set_up(struct fixture *fixture, const struct step *steps, size_t step_count, const char *events_queue)
{
    struct secretsmanager_options manager_options = {0};
    struct aws_session *session = NULL;
    struct error error;
    char queue[256];

    server_start(&fixture->server, steps, step_count);
    assert_int_equal(clearenv(), 0);
    (void)setenv("HOME", "/nonexistent", 1);
    (void)setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
    (void)setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    (void)setenv("AWS_SESSION_TOKEN", "token", 1);
    if (events_queue && events_queue[0] != '/')
        (void)setenv("AWS_ENDPOINT_URL_SQS", fixture->server.url, 1);
    if (events_queue) {
        bool path = events_queue[0] == '/'; /* the server's URL ends in one */
        (void)snprintf(queue, sizeof(queue), "%s%s", path ? fixture->server.url : "", events_queue + (path ? 1 : 0));
        manager_options.events_queue = queue;
    }
    struct aws_session_options options = {.region = "eu-west-1", .endpoint_url = fixture->server.url};
    if (aws_session_new(&options, &session, &error) < 0 ||
        secretsmanager_source_new(session, &manager_options, &fixture->source, &error) < 0)
        fail_msg("%s", error.message);
    assert_int_equal(http_new(&fixture->http), 0);
}

void fixture_tear_down(struct fixture *fixture)
{
    source_free(fixture->source); /* NULL is accepted */
    http_free(fixture->http);
    server_stop(&fixture->server);
}
