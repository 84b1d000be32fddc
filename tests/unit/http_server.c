/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/http_server.h"

#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static char history[32768];

static void remember(const char *request)
{
    size_t used = strlen(history), size = strlen(request);
    if (used + size < sizeof(history))
        memcpy(history + used, request, size + 1);
}

/* Reads one request, whose body is as long as Content-Length says. Returns false when the client has gone away. */
static bool read_request(struct server *server)
{
    size_t size = 0;
    for (;;) {
        ssize_t got = recv(server->connection, server->request + size, sizeof(server->request) - 1 - size, 0);
        if (got <= 0)
            return false;
        size += (size_t)got;
        server->request[size] = '\0';
        const char *end = strstr(server->request, "\r\n\r\n");
        if (!end)
            continue;
        const char *length = strcasestr(server->request, "\r\nContent-Length:");
        size_t body = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
        if (size >= (size_t)(end + 4 - server->request) + body)
            return true;
    }
}

static void finish(struct server *server, enum then then)
{
    static const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    struct pollfd gone = {.fd = server->connection, .events = POLLRDHUP};

    if (then == THEN_KEEP)
        return;
    if (then == THEN_HANG)
        (void)poll(&gone, 1, 10000);
    if (then == THEN_RESET)
        (void)setsockopt(server->connection, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    (void)close(server->connection);
    server->connection = -1;
}

static void send_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        bytes += sent;
        size -= (size_t)sent;
    }
}

static void *serve(void *context)
{
    struct server *server = context;
    static const char padding[65536];

    for (size_t i = 0; i < server->step_count;) {
        const struct step *step = &server->steps[i];
        if (server->connection < 0) {
            server->connection = accept(server->listener, NULL, NULL);
            if (server->connection < 0)
                break;
            server->connections++;
        }
        if (!read_request(server)) {
            finish(server, THEN_CLOSE);
            continue;
        }
        server->requests++;
        remember(server->request);
        send_all(server->connection, step->answer, strlen(step->answer));
        for (size_t left = step->padding_bytes; left > 0; left -= left < sizeof(padding) ? left : sizeof(padding))
            send_all(server->connection, padding, left < sizeof(padding) ? left : sizeof(padding));
        finish(server, step->then);
        i++;
    }
    return NULL;
}

void server_start(struct server *server, const struct step *steps, size_t step_count)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);

    history[0] = '\0';
    *server = (struct server){.connection = -1, .history = history, .steps = steps, .step_count = step_count};
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(server->listener >= 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(server->listener, 8), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &size), 0);
    server->port = ntohs(address.sin_port);
    (void)snprintf(server->url, sizeof(server->url), "http://127.0.0.1:%u/", (unsigned)server->port);
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

void server_stop(struct server *server)
{
    (void)shutdown(server->listener, SHUT_RDWR);
    (void)pthread_join(server->thread, NULL);
    if (server->connection >= 0)
        (void)close(server->connection);
    (void)close(server->listener);
}
