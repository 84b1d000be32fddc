/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/http.h"
#include "tests/unit/http_server.h"

#define OK_HELLO "HTTP/1.1 200 OK\r\nX-Amzn-RequestId: abc-123\r\nContent-Length: 5\r\n\r\nhello"

static struct http_request post_to(const char *url)
{
    return (struct http_request){
        .method = "POST",
        .url = url,
        .body = "{\"a\":1}",
        .body_bytes = 7,
        .deadline_ns = clock_monotonic_ns() + 5 * NS_PER_SEC,
        .max_answer_bytes = 1024,
    };
}

static int new_http(void **state)
{
    struct http *http = NULL;
    int r = http_new(&http);
    *state = http;
    return r;
}

static int free_http(void **state)
{
    http_free(*state);
    return 0;
}

static void answer_is_read_whole(void **state)
{
    static const struct step steps[] = {{OK_HELLO, THEN_KEEP, 0}};
    static const char *const headers[] = {"X-Test: yes", "Content-Type: text/x", NULL};
    struct server server;
    struct http_answer answer;
    struct error error;

    START(&server, steps);
    struct http_request request = post_to(server.url);
    request.headers = headers;
    assert_int_equal(http_perform(*state, &request, &answer, &error), 0);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.body.size_bytes, 5);
    assert_string_equal(answer.body.bytes, "hello");
    assert_string_equal(http_header(*state, "x-amzn-requestid"), "abc-123");
    assert_null(http_header(*state, "x-other"));
    http_answer_clear(&answer);
    server_stop(&server);

    assert_memory_equal(server.request, "POST / HTTP/1.1\r\n", 17);
    assert_non_null(strstr(server.request, "X-Test: yes\r\n"));
    assert_non_null(strstr(server.request, "Content-Type: text/x\r\n"));
    assert_non_null(strstr(server.request, "\r\n\r\n{\"a\":1}"));
    assert_null(strcasestr(server.request, "Expect:"));
}

static void get_and_put_need_no_body(void **state)
{
    static const struct step steps[] = {{OK_HELLO, THEN_KEEP, 0}, {OK_HELLO, THEN_KEEP, 0}};
    static const char *const methods[] = {"GET", "PUT"};
    for (size_t i = 0; i < 2; i++) {
        struct server server;
        struct http_answer answer;
        server_start(&server, steps, 1);
        struct http_request request = post_to(server.url);
        request.method = methods[i];
        request.body = NULL;
        request.body_bytes = 0;
        assert_int_equal(http_perform(*state, &request, &answer, NULL), 0);
        http_answer_clear(&answer);
        server_stop(&server);
        assert_memory_equal(server.request, methods[i], 3);
        assert_null(strcasestr(server.request, "Content-Type:"));
        if (i == 1)
            assert_non_null(strstr(server.request, "Content-Length: 0\r\n"));
    }
}

static void every_status_is_an_answer_and_redirects_are_not_followed(void **state)
{
    static const struct step steps[] = {
        {"HTTP/1.1 400 Bad\r\nContent-Length: 2\r\n\r\n{}", THEN_KEEP, 0},
        {"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", THEN_KEEP, 0},
        {"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", THEN_KEEP, 0},
    };
    static const int statuses[] = {400, 302, 503};
    struct server server;

    START(&server, steps);
    for (size_t i = 0; i < 3; i++) {
        struct http_answer answer;
        struct http_request request = post_to(server.url);
        assert_int_equal(http_perform(*state, &request, &answer, NULL), 0);
        assert_int_equal(answer.status, statuses[i]);
        http_answer_clear(&answer);
    }
    server_stop(&server);
    assert_int_equal(server.requests, 3);
}

static void connection_is_kept(void **state)
{
    static const struct step steps[] = {{OK_HELLO, THEN_KEEP, 0}, {OK_HELLO, THEN_KEEP, 0}, {OK_HELLO, THEN_KEEP, 0}};
    struct server server;

    START(&server, steps);
    for (int i = 0; i < 3; i++) {
        struct http_answer answer;
        struct http_request request = post_to(server.url);
        assert_int_equal(http_perform(*state, &request, &answer, NULL), 0);
        http_answer_clear(&answer);
    }
    server_stop(&server);
    assert_int_equal(server.requests, 3);
    assert_int_equal(server.connections, 1);
}

static void request_on_a_closed_kept_connection_is_repeated(void **state)
{
    /* Closed after an answer that promised to keep it; or only when the next request has been read. */
    static const struct step steps[] = {
        {OK_HELLO, THEN_CLOSE, 0}, {OK_HELLO, THEN_KEEP, 0}, {"", THEN_CLOSE, 0},
        {OK_HELLO, THEN_KEEP, 0},  {"", THEN_RESET, 0},      {OK_HELLO, THEN_KEEP, 0},
    };
    struct server server;

    START(&server, steps);
    for (int i = 0; i < 4; i++) {
        struct http_answer answer;
        struct http_request request = post_to(server.url);
        assert_int_equal(http_perform(*state, &request, &answer, NULL), 0);
        assert_int_equal(answer.body.size_bytes, 5);
        http_answer_clear(&answer);
    }
    server_stop(&server);
    assert_int_equal(server.requests, 6);
    assert_int_equal(server.connections, 4);
}

static void failures_have_their_kind(void **state)
{
    static const struct {
        const char *name;
        struct step step;
        enum error_kind kind;
    } cases[] = {
        {"truncated body", {"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf", THEN_CLOSE, 0}, ERROR_BAD_ANSWER},
        {"reset in the body", {"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf", THEN_RESET, 0}, ERROR_BAD_ANSWER},
        {"closed unanswered", {"", THEN_CLOSE, 0}, ERROR_UNREACHABLE},
        {"reset unanswered", {"", THEN_RESET, 0}, ERROR_UNREACHABLE},
        {"not HTTP", {"SSH-2.0-OpenSSH_9.2\r\n\r\n\r\n", THEN_CLOSE, 0}, ERROR_BAD_ANSWER},
        {"bad length", {"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", THEN_CLOSE, 0}, ERROR_BAD_ANSWER},
        {"bad chunks",
         {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", THEN_CLOSE, 0},
         ERROR_BAD_ANSWER},
        {"huge body", {"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n", THEN_CLOSE, 9000000}, ERROR_BAD_ANSWER},
        {"endless body", {"HTTP/1.1 200 OK\r\n\r\n", THEN_CLOSE, 9000000}, ERROR_BAD_ANSWER},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct server server;
        struct http_answer answer;
        struct error error;

        server_start(&server, &cases[i].step, 1);
        struct http_request request = post_to(server.url);
        int r = http_perform(*state, &request, &answer, &error);
        server_stop(&server);
        if (r >= 0 || error.kind != cases[i].kind)
            fail_msg("%s: %d, %s, %s", cases[i].name, r, error_kind_name(error.kind), error.message);
        assert_non_null(strstr(error.message, "http://127.0.0.1:"));
        assert_null(strstr(error.message, "half"));
    }
}

static void body_of_the_largest_size_is_taken(void **state)
{
    static const struct step steps[] = {{"HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\n", THEN_KEEP, 1024}};
    struct server server;
    struct http_answer answer;

    START(&server, steps);
    struct http_request request = post_to(server.url);
    assert_int_equal(http_perform(*state, &request, &answer, NULL), 0);
    assert_int_equal(answer.body.size_bytes, 1024);
    http_answer_clear(&answer);
    server_stop(&server);
}

static void deadline_ends_a_silent_exchange(void **state)
{
    static const struct step steps[] = {{"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf", THEN_HANG, 0}};
    struct server server;
    struct http_answer answer;
    struct error error;

    START(&server, steps);
    uint64_t start_ns = clock_monotonic_ns();
    struct http_request request = post_to(server.url);
    request.deadline_ns = start_ns + 200 * NS_PER_MS;
    assert_true(http_perform(*state, &request, &answer, &error) < 0);
    uint64_t took_ns = clock_monotonic_ns() - start_ns;
    server_stop(&server);
    assert_int_equal(error.kind, ERROR_TIMEOUT);
    assert_true(took_ns >= 190 * NS_PER_MS && took_ns < 2 * NS_PER_SEC);
}

static void deadline_in_the_past_sends_nothing(void **state)
{
    struct http_answer answer;
    struct error error;
    struct http_request request = post_to("http://127.0.0.1:1/");
    request.deadline_ns = clock_monotonic_ns() - 1;
    assert_true(http_perform(*state, &request, &answer, &error) < 0);
    assert_int_equal(error.kind, ERROR_TIMEOUT);
}

/* What was true of an exchange is not told of the next. */
static void exchange_before_is_forgotten(void **state)
{
    static const struct step steps[] = {{OK_HELLO, THEN_KEEP, 0}, {OK_HELLO, THEN_KEEP, 0}};
    struct server server;
    struct http_answer answer;
    struct error error;
    START(&server, steps);
    struct http_request request = post_to(server.url);
    for (int i = 0; i < 2; i++) { /* on a kept connection, too */
        assert_int_equal(http_perform(*state, &request, &answer, &error), 0);
        assert_true(http_connected(*state));
        http_answer_clear(&answer);
    }
    request.deadline_ns = clock_monotonic_ns();
    assert_true(http_perform(*state, &request, &answer, &error) < 0);
    assert_false(http_connected(*state));
    server_stop(&server);
}

static void unreachable_and_unusable_addresses_are_told(void **state)
{
    static const struct {
        const char *url;
        enum error_kind kind;
    } cases[] = {
        {"http://127.0.0.1:1/", ERROR_UNREACHABLE},
        {"http://does-not-exist.invalid/", ERROR_UNREACHABLE},
        {"http://[::bad/", ERROR_BAD_REQUEST},
        {"file:///etc/hostname", ERROR_BAD_ANSWER},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http_answer answer;
        struct error error;
        struct http_request request = post_to(cases[i].url);
        assert_true(http_perform(*state, &request, &answer, &error) < 0);
        assert_int_equal(error.kind, cases[i].kind);
    }
}

static void error_text_names_the_host_without_user_and_path(void **state)
{
    struct http_answer answer;
    struct error error;
    struct http_request request = post_to("http://user:hunter2@127.0.0.1:1/path?query=hunter3");
    assert_true(http_perform(*state, &request, &answer, &error) < 0);
    assert_non_null(strstr(error.message, "127.0.0.1:1: "));
    assert_null(strstr(error.message, "hunter"));
}

static void unusable_ca_bundle_is_a_tls_failure(void **state)
{
    struct server server;
    struct http_answer answer;
    struct error error;
    char url[32];

    server_start(&server, NULL, 0); /* connects, but is never spoken to */
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u/", (unsigned)server.port);
    struct http_request request = post_to(url);
    request.ca_bundle = "/nonexistent/ca.pem";
    assert_true(http_perform(*state, &request, &answer, &error) < 0);
    server_stop(&server);
    assert_int_equal(error.kind, ERROR_TLS);
    assert_non_null(strstr(error.message, "AWS_CA_BUNDLE"));
}

static void proxy_comes_from_the_environment_in_either_case(void **state)
{
    static const char *const names[] = {"http_proxy", "HTTP_PROXY"};
    static const struct step steps[] = {{OK_HELLO, THEN_CLOSE, 0}};

    for (size_t i = 0; i < 2; i++) {
        struct server server;
        struct http_answer answer;
        struct error error;

        START(&server, steps);
        assert_int_equal(setenv(names[i], server.url, 1), 0);
        struct http_request request = post_to("http://does-not-exist.invalid/");
        assert_int_equal(http_perform(*state, &request, &answer, NULL), 0);
        http_answer_clear(&answer);

        request.direct = true;
        assert_true(http_perform(*state, &request, &answer, &error) < 0);
        assert_int_equal(error.kind, ERROR_UNREACHABLE);

        request.direct = false;
        assert_int_equal(setenv("NO_PROXY", "does-not-exist.invalid", 1), 0);
        assert_true(http_perform(*state, &request, &answer, &error) < 0);
        assert_int_equal(error.kind, ERROR_UNREACHABLE);
        (void)unsetenv("NO_PROXY");
        (void)unsetenv(names[i]);
        server_stop(&server);
        assert_memory_equal(server.request, "POST http://does-not-exist.invalid/ HTTP/1.1\r\n", 46);
    }
}

static int set_up(void **state)
{
    static const char *const names[] = {"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY",
                                        "all_proxy",  "ALL_PROXY",  "no_proxy",    "NO_PROXY"};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        (void)unsetenv(names[i]);
    return http_setup();
}

#define WITH_HTTP(test) cmocka_unit_test_setup_teardown(test, new_http, free_http)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_HTTP(answer_is_read_whole),
        WITH_HTTP(get_and_put_need_no_body),
        WITH_HTTP(every_status_is_an_answer_and_redirects_are_not_followed),
        WITH_HTTP(connection_is_kept),
        WITH_HTTP(request_on_a_closed_kept_connection_is_repeated),
        WITH_HTTP(failures_have_their_kind),
        WITH_HTTP(body_of_the_largest_size_is_taken),
        WITH_HTTP(deadline_ends_a_silent_exchange),
        WITH_HTTP(deadline_in_the_past_sends_nothing),
        WITH_HTTP(exchange_before_is_forgotten),
        WITH_HTTP(unreachable_and_unusable_addresses_are_told),
        WITH_HTTP(error_text_names_the_host_without_user_and_path),
        WITH_HTTP(unusable_ca_bundle_is_a_tls_failure),
        WITH_HTTP(proxy_comes_from_the_environment_in_either_case),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
