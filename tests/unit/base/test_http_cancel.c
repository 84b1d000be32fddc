/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/http.h"
#include "tests/unit/http_server.h"

#define DELAY_NS (100 * NS_PER_MS)

/* Cancels a little later. */
struct canceller {
    struct http *http;
    pthread_t thread;
    uint64_t start_ns;
};

static void *cancel(void *context)
{
    const struct canceller *canceller = context;
    const struct timespec delay = {.tv_nsec = DELAY_NS};
    (void)nanosleep(&delay, NULL);
    http_cancel(canceller->http);
    return NULL;
}

static void cancel_soon(struct canceller *canceller)
{
    assert_int_equal(http_new(&canceller->http), 0);
    canceller->start_ns = clock_monotonic_ns();
    assert_int_equal(pthread_create(&canceller->thread, NULL, cancel, canceller), 0);
}

static void assert_cancelled_in_time(const struct canceller *canceller)
{
    uint64_t took_ns = clock_monotonic_ns() - canceller->start_ns;
    assert_int_equal(pthread_join(canceller->thread, NULL), 0);
    assert_true(took_ns >= DELAY_NS && took_ns < DELAY_NS + 500 * NS_PER_MS);
}

static struct error perform(struct http *http, const char *url)
{
    struct http_request request = {
        .method = "POST",
        .url = url,
        .deadline_ns = clock_monotonic_ns() + 20 * NS_PER_SEC,
        .connect_timeout_ns = 20 * NS_PER_SEC,
        .max_answer_bytes = 1024,
    };
    struct http_answer answer;
    struct error error;
    assert_true(http_perform(http, &request, &answer, &error) < 0);
    return error;
}

static void exchange_under_way_ends_at_once(void **state)
{
    static const struct step silent[] = {{"", THEN_HANG, 0}};
    static const struct step half[] = {{"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf", THEN_HANG, 0}};
    static const struct step *const cases[] = {silent, half};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct canceller canceller = {0};
        struct server server;
        server_start(&server, cases[i], 1);
        cancel_soon(&canceller);
        struct error error = perform(canceller.http, server.url);
        assert_cancelled_in_time(&canceller);
        assert_int_equal(error.kind, ERROR_TIMEOUT);
        assert_non_null(strstr(error.message, "stopping"));
        http_free(canceller.http); /* lets the server go on */
        server_stop(&server);
        assert_int_equal(server.requests, 1);
    }
}

static void connecting_ends_at_once(void **state)
{
    struct canceller canceller = {0};
    (void)state;
    cancel_soon(&canceller);
    struct error error = perform(canceller.http, "http://192.0.2.1/"); /* an address that nobody has */
    if (error.kind == ERROR_UNREACHABLE) {                             /* and this machine knows it */
        assert_int_equal(pthread_join(canceller.thread, NULL), 0);
    } else {
        assert_cancelled_in_time(&canceller);
        assert_int_equal(error.kind, ERROR_TIMEOUT);
    }
    http_free(canceller.http);
}

static void later_exchanges_send_nothing(void **state)
{
    struct server server;
    struct http *http = NULL;
    (void)state;
    server_start(&server, NULL, 0);
    assert_int_equal(http_new(&http), 0);
    http_cancel(http);
    http_cancel(http);
    for (int i = 0; i < 2; i++)
        assert_int_equal(perform(http, server.url).kind, ERROR_TIMEOUT);
    http_free(http);
    server_stop(&server);
    assert_int_equal(server.connections, 0);
}

static void pause_is_cut_short(void **state)
{
    struct canceller canceller = {0};
    (void)state;
    cancel_soon(&canceller);
    assert_true(http_pause(canceller.http, 0));
    assert_true(http_pause(canceller.http, DELAY_NS / 10));
    assert_true(clock_monotonic_ns() - canceller.start_ns >= DELAY_NS / 10);
    assert_false(http_pause(canceller.http, 20 * NS_PER_SEC));
    assert_cancelled_in_time(&canceller);
    assert_false(http_pause(canceller.http, 20 * NS_PER_SEC));
    assert_false(http_pause(canceller.http, 0));
    http_free(canceller.http);
}

static int set_up(void **state)
{
    (void)state;
    return http_setup();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exchange_under_way_ends_at_once),
        cmocka_unit_test(connecting_ends_at_once),
        cmocka_unit_test(later_exchanges_send_nothing),
        cmocka_unit_test(pause_is_cut_short),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
