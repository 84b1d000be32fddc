/* SPDX-License-Identifier: Apache-2.0 */

/* Credentials and region from metadata services, through a session. */
#include "auth/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/unit/auth/home.h"
#include "tests/unit/http_server.h"

/* What a server need not count the bytes of: the connection's end ends it. */
#define ANSWER(status, body) "HTTP/1.1 " status "\r\nConnection: close\r\n\r\n" body
#define OK(body)                              \
    {                                         \
        ANSWER("200 OK", body), THEN_CLOSE, 0 \
    }
#define FAILS(status, body)                 \
    {                                       \
        ANSWER(status, body), THEN_CLOSE, 0 \
    }
#define KEYS "{\"AccessKeyId\":\"MID\",\"SecretAccessKey\":\"MSECRET\",\"Token\":\"T\","
#define LATER "\"Expiration\":\"2038-01-01T00:00:00Z\"}"
#define TOKEN OK("TOKEN")
#define ROLE OK("role-1\nother")

enum service {
    CONTAINER,
    INSTANCE,
};

/* Expected: "provider id secret token when", or "!" and part of an error's text. */
static const struct {
    const char *about;
    enum service service;
    struct step steps[5];
    unsigned requests;
    const char *expected;
} answers[] = {
    {"container", CONTAINER, {OK(KEYS LATER)}, 1, "container MID MSECRET T later"},
    {"container, no expiry", CONTAINER, {OK(KEYS "\"x\":1}")}, 1, "container MID MSECRET T never"},
    {"container, server error",
     CONTAINER,
     {FAILS("503 Busy", ""), FAILS("500 Oops", ""), OK(KEYS LATER)},
     3,
     "container MID MSECRET T later"},
    {"container, throttled", CONTAINER, {FAILS("429 Slow", ""), OK(KEYS LATER)}, 2, "container MID MSECRET T later"},
    {"container, junk is tried again", CONTAINER, {OK("<html>"), OK(KEYS LATER)}, 2, "container MID MSECRET T later"},
    {"container, connection lost",
     CONTAINER,
     {{"", THEN_RESET, 0}, OK(KEYS LATER)},
     2,
     "container MID MSECRET T later"},
    {"container, three attempts",
     CONTAINER,
     {FAILS("500 a", ""), FAILS("500 b", ""), FAILS("500 c", ""), OK(KEYS LATER)},
     3,
     "!the container's credential service (AWS_CONTAINER_CREDENTIALS_FULL_URI) answers with HTTP 500; check"},
    {"container, refused",
     CONTAINER,
     {FAILS("400 Bad Request", "{\"code\":\"x\",\"message\":\"not\\nfound\"}")},
     1,
     "!answers with HTTP 400: not?found; check the role of the task (taskRoleArn), or the EKS Pod Identity"},
    {"container, redirect",
     CONTAINER,
     {{"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n", THEN_KEEP, 0}},
     1,
     "!answers with HTTP 302"},
    {"container, half an answer",
     CONTAINER,
     {OK("{\"AccessKeyId\":\"MID\"}"), OK("{}"), OK("{\"AccessKeyId\":\"MID\"}")},
     3,
     "!the answer has no SecretAccessKey"},
    {"container, too long",
     CONTAINER,
     {{ANSWER("200 OK", ""), THEN_CLOSE, 10001},
      {ANSWER("200 OK", ""), THEN_CLOSE, 10001},
      {ANSWER("200 OK", ""), THEN_CLOSE, 10001}},
     3,
     "!the answer is larger than 10000 bytes"},

    {"instance",
     INSTANCE,
     {TOKEN, ROLE, OK(KEYS "\"Code\":\"Success\"," LATER)},
     3,
     "instance metadata MID MSECRET T later"},
    {"instance, expired",
     INSTANCE,
     {TOKEN, ROLE, OK(KEYS "\"Expiration\":\"2020-01-01T00:00:00Z\"}")},
     3,
     "instance metadata MID MSECRET T extended"},
    {"instance, no role", INSTANCE, {TOKEN, FAILS("404 Not Found", "")}, 2, "!security-credentials/ does not exist"},
    {"instance, empty list", INSTANCE, {TOKEN, OK("")}, 2, "!the instance has no role: attach an instance profile"},
    {"instance, role that leads elsewhere", INSTANCE, {TOKEN, OK("../../x")}, 2, "!what is not the name of a role"},
    {"instance, HTML", INSTANCE, {TOKEN, OK("<html>")}, 2, "!what is not the name of a role"},
    {"instance, failed",
     INSTANCE,
     {TOKEN, ROLE, OK("{\"Code\":\"AssumeRoleUnauthorizedAccess\",\"Message\":\"EC2 cannot\"}")},
     3,
     "!no credentials for its role role-1 (AssumeRoleUnauthorizedAccess: EC2 cannot); check that the role"},
    {"instance, junk", INSTANCE, {TOKEN, ROLE, OK("{}")}, 3, "!role role-1: the answer has no AccessKeyId"},
    {"instance, version 1 alone", INSTANCE, {FAILS("404 Not Found", "")}, 1, "!/latest/api/token does not exist)"},
};

static void show(const struct credentials *credentials, char *text, size_t room_bytes)
{
    uint64_t now_ns = clock_wall_ns(), end_ns = credentials->expires_ns;
    bool extended = end_ns > now_ns + 9 * 60 * NS_PER_SEC && end_ns <= now_ns + 15 * 60 * NS_PER_SEC;
    const struct secret *token = credentials->session_token;
    (void)snprintf(text, room_bytes, "%s %s %s %s %s", credentials->provider, credentials->access_key_id,
                   secret_bytes(credentials->secret_access_key), token ? secret_bytes(token) : "-",
                   end_ns == CLOCK_NEVER_NS ? "never"
                   : extended               ? "extended"
                                            : "later");
}

static int fetch(struct aws_session *session, struct credentials **ret_credentials, struct error *ret_error)
{
    _cleanup_http_ struct http *http = NULL;
    assert_int_equal(http_new(&http), 0);
    return aws_session_credentials(session, http, clock_monotonic_ns() + 5 * NS_PER_SEC, ret_credentials, ret_error);
}

static size_t count_steps(const struct step *steps)
{
    size_t count = 0;
    while (count < 5 && steps[count].answer)
        count++;
    return count;
}

/* The URL has a path and a query that must not be shown. */
static void make_row(enum service service, const struct server *server, char variable[256], struct row *ret_row)
{
    if (service == CONTAINER)
        (void)snprintf(variable, 256, "AWS_CONTAINER_CREDENTIALS_FULL_URI=%ssecret-path?id=secret-id", server->url);
    else
        (void)snprintf(variable, 256, "AWS_EC2_METADATA_SERVICE_ENDPOINT=%s", server->url);
    *ret_row =
        (struct row){.variables = {variable, "AWS_CONTAINER_AUTHORIZATION_TOKEN=secret-token"}, .options.region = "r"};
}

static void test_answers(void **state)
{
    (void)state;
    size_t failures = 0;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        _cleanup_aws_session_ struct aws_session *session = NULL;
        _cleanup_credentials_ struct credentials *credentials = NULL;
        struct error error = {.kind = ERROR_NONE};
        struct server server;
        struct row row;
        char variable[256], got[1024];
        server_start(&server, answers[i].steps, count_steps(answers[i].steps));
        make_row(answers[i].service, &server, variable, &row);
        row.about = answers[i].about;
        row.expected = answers[i].expected;
        assert_int_equal(open_session(&row, &session, &error), 0);
        int r = fetch(session, &credentials, &error);
        server_stop(&server);
        if (r == 0)
            show(credentials, got, sizeof(got));
        else
            (void)snprintf(got, sizeof(got), "!%s", error.message);
        bool good = row_is_good(&row, r, got);
        if (server.requests != answers[i].requests || strstr(got, "secret-")) {
            print_error("%s: %u requests: %s\n", row.about, server.requests, got);
            good = false;
        }
        failures += good ? 0 : 1;
    }
    assert_int_equal(failures, 0);
}

static void test_request_to_container(void **state)
{
    (void)state;
    static const struct step steps[] = {OK(KEYS LATER), OK(KEYS LATER)};
    _cleanup_aws_session_ struct aws_session *session = NULL;
    _cleanup_credentials_ struct credentials *credentials = NULL, *newer = NULL;
    struct server server;
    struct row row;
    char variable[256];
    START(&server, steps);
    make_row(CONTAINER, &server, variable, &row);
    row.variables[2] = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=.aws/old"; /* any name that the home takes away */
    write_file(".aws/old", "token-1");
    assert_int_equal(open_session(&row, &session, NULL), 0);
    assert_int_equal(fetch(session, &credentials, NULL), 0);
    write_file(".aws/old", "token-2");
    assert_int_equal(chdir("/"), 0); /* as a daemon does once it is ready */
    aws_session_credentials_refused(session, credentials);
    assert_int_equal(fetch(session, &newer, NULL), 0);
    assert_int_equal(chdir(home), 0);
    server_stop(&server);
    assert_memory_equal(server.history, "GET /secret-path?id=secret-id HTTP/1.1\r\n", 40);
    assert_non_null(strstr(server.history, "\r\nAccept: application/json\r\n"));
    assert_non_null(strstr(server.history, "\r\nAuthorization: token-1\r\n"));
    assert_non_null(strstr(server.request, "\r\nAuthorization: token-2\r\n"));
}

/* Where nothing else tells the region. */
static void test_region(void **state)
{
    (void)state;
    static const struct {
        struct step steps[3];
        const char *expected;
    } regions[] = {
        {{TOKEN, OK("eu-north-1")}, "eu-north-1"},
        {{TOKEN, FAILS("404 Not Found", "")}, "!no AWS region is set: use --region, or set AWS_REGION, or region in"},
        {{TOKEN, OK("evil.com/")}, "!\"evil.com/\" (from instance metadata) is not an AWS region"},
        {{TOKEN, OK("")}, "!(from instance metadata) is not an AWS region"},
        {{{"", THEN_HANG, 0}}, "!--http-put-response-hop-limit 2"},
    };
    for (size_t i = 0; i < sizeof(regions) / sizeof(regions[0]); i++) {
        _cleanup_aws_session_ struct aws_session *session = NULL;
        struct error error = {.kind = ERROR_NONE};
        struct server server;
        struct row row;
        char variable[256];
        uint64_t begin_ns = clock_monotonic_ns();
        server_start(&server, regions[i].steps, count_steps(regions[i].steps));
        make_row(INSTANCE, &server, variable, &row);
        row.about = row.expected = regions[i].expected;
        row.options.region = NULL;
        int r = open_session(&row, &session, &error);
        server_stop(&server);
        assert_true(row_is_good(&row, r, r == 0 ? aws_session_region(session) : error.message));
        assert_true(clock_monotonic_ns() - begin_ns < 3 * NS_PER_SEC);
        if (r == 0)
            assert_string_equal(aws_session_region_origin(session), "instance metadata");
    }
}

/* One that is configured is not asked for. */
static void test_region_without_request(void **state)
{
    (void)state;
    static const struct step steps[] = {TOKEN};
    _cleanup_aws_session_ struct aws_session *session = NULL;
    struct server server;
    struct row row;
    char variable[256];
    START(&server, steps);
    make_row(INSTANCE, &server, variable, &row);
    assert_int_equal(open_session(&row, &session, NULL), 0);
    server_stop(&server);
    assert_int_equal(server.requests, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_request_to_container),
        cmocka_unit_test(test_region),
        cmocka_unit_test(test_region_without_request),
    };
    if (http_setup() < 0)
        return 1;
    return cmocka_run_group_tests(tests, make_home, remove_home);
}
