/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* An HTTP server in a thread of the test, on a loopback port, which plays a list of steps: one step answers one request
 * with given bytes. A connection that the client closes does not use a step up. */

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

enum then {
    THEN_KEEP,
    THEN_CLOSE,
    THEN_RESET,
    THEN_HANG, /* until the client goes away */
};

struct step {
    const char *answer;
    enum then then;
    size_t padding_bytes; /* sent after the answer */
};

struct server {
    int listener;
    int connection;
    uint16_t port;
    char url[64];
    const struct step *steps;
    size_t step_count;
    pthread_t thread;
    /* Read by the test after server_stop(). */
    unsigned connections;
    unsigned requests;
    char request[4096];  /* the last one */
    const char *history; /* all of them, as far as they fit; until the next server starts */
};

void server_start(struct server *server, const struct step *steps, size_t step_count);
void server_stop(struct server *server);

#define START(server, steps) server_start(server, steps, sizeof(steps) / sizeof((steps)[0]))
