/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/imds.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/unit/http_server.h"

#define TOKEN_ANSWER                                                                          \
    "HTTP/1.1 200 OK\r\nX-Aws-Ec2-Metadata-Token-Ttl-Seconds: 21600\r\nContent-Length: 5\r\n" \
    "\r\nTOKEN"
#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define EMPTY(status) "HTTP/1.1 " status "\r\nContent-Length: 0\r\n\r\n"

#define URL "AWS_EC2_METADATA_SERVICE_ENDPOINT="
#define MODE "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE="
#define PROFILE_URL "ec2_metadata_service_endpoint = "
#define PROFILE_MODE "ec2_metadata_service_endpoint_mode = "
#define IPV4 "http://169.254.169.254"
#define IPV6 "http://[fd00:ec2::254]"

/* Settings from variables and the text of a default profile. */
struct world {
    struct environment *environment;
    struct config *config;
    struct settings settings;
};

static void set_up(struct world *world, const char *const variables[2], const char *profile)
{
    char *copies[3] = {(char *)(uintptr_t)variables[0], (char *)(uintptr_t)variables[1], NULL};
    char text[256];
    int size = snprintf(text, sizeof(text), "[default]\n%s", profile ? profile : "");
    assert_int_equal(environment_new(copies, &world->environment), 0);
    assert_int_equal(config_new(&world->config), 0);
    assert_int_equal(config_parse(world->config, CONFIG_FILE_CONFIG, "f", text, (size_t)size, NULL), 0);
    world->settings =
        (struct settings){world->environment, world->config, "default", config_profile(world->config, "default")};
}

static void tear_down(struct world *world)
{
    environment_free(world->environment);
    config_free(world->config);
}

static const struct {
    const char *about;
    const char *variables[2];
    const char *profile;
    const char *expected; /* or "!" and part of an error's text */
} rows[] = {
    {"default", {NULL}, NULL, IPV4},
    {"IPv4", {MODE "IPv4"}, NULL, IPV4},
    {"IPv6", {MODE "IPv6"}, NULL, IPV6},
    {"mode in any case", {MODE "ipV6"}, NULL, IPV6},
    {"mode by profile", {NULL}, PROFILE_MODE "IPv6", IPV6},
    {"mode, variable first", {MODE "IPv4"}, PROFILE_MODE "IPv6", IPV4},
    {"empty mode", {MODE}, PROFILE_MODE "IPv6", IPV6},
    {"unknown mode", {MODE "IPv5"}, NULL, "!AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE must be IPv4 or IPv6, not \"IPv5\""},
    {"unknown mode by profile", {NULL}, PROFILE_MODE "x", "!ec2_metadata_service_endpoint_mode must be IPv4 or IPv6"},
    {"endpoint", {URL "http://127.0.0.1:1338/"}, NULL, "http://127.0.0.1:1338"},
    {"endpoint by profile", {NULL}, PROFILE_URL "http://[::1]", "http://[::1]"},
    {"endpoint, variable first", {URL "http://a"}, PROFILE_URL "http://b", "http://a"},
    {"endpoint before mode", {URL "http://a", MODE "IPv6"}, NULL, "http://a"},
    {"endpoint by profile before mode", {MODE "IPv6"}, PROFILE_URL "http://b", "http://b"},
    {"endpoint before unknown mode", {URL "http://a", MODE "x"}, NULL, "http://a"},
    {"malformed endpoint", {URL "127.0.0.1"}, NULL, "!AWS_EC2_METADATA_SERVICE_ENDPOINT is not a usable endpoint"},
    {"disabled", {"AWS_EC2_METADATA_DISABLED=true", URL "http://a"}, NULL, "!AWS_EC2_METADATA_DISABLED is true"},
    {"disabled in any case", {"AWS_EC2_METADATA_DISABLED=TRUE"}, NULL, "!AWS_EC2_METADATA_DISABLED is true"},
    {"not disabled", {"AWS_EC2_METADATA_DISABLED=false"}, NULL, IPV4},
    {"not disabled by a number", {"AWS_EC2_METADATA_DISABLED=1"}, NULL, IPV4},
};

static void test_endpoints(void **state)
{
    (void)state;
    size_t failures = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world world;
        struct error error = {.kind = ERROR_NONE};
        _cleanup_free_ char *url = NULL;
        const char *expected = rows[i].expected;
        set_up(&world, rows[i].variables, rows[i].profile);
        int r = imds_endpoint(&world.settings, &url, &error);
        bool good = r == 0 ? strcmp(url, expected) == 0 : expected[0] == '!' && strstr(error.message, expected + 1);
        good = good && (r == -ENODATA) == (strstr(expected, "is true") != NULL);
        if (!good)
            print_error("%s:\n  expected %s\n  got      %s\n", rows[i].about, expected, r == 0 ? url : error.message);
        failures += good ? 0 : 1;
        tear_down(&world);
    }
    assert_int_equal(failures, 0);
}

/* A service that plays `steps`, and what one call for /a (or several) makes of it. */
struct client {
    struct server server;
    struct world world;
    struct retry_bucket *bucket;
    struct imds *imds;
    struct http *http;
    struct buffer body;
    struct error error;
};

static void start(struct client *client, const struct step *steps, size_t count)
{
    char variable[128];
    *client = (struct client){.imds = NULL};
    server_start(&client->server, steps, count);
    (void)snprintf(variable, sizeof(variable), URL "%s", client->server.url);
    set_up(&client->world, (const char *const[2]){variable, NULL}, NULL);
    assert_int_equal(retry_bucket_new(&client->bucket), 0);
    assert_int_equal(imds_new(&client->world.settings, client->bucket, &client->imds), 0);
    assert_int_equal(http_new(&client->http), 0);
    buffer_init(&client->body, IMDS_MAX_ANSWER_BYTES);
}

static void stop(struct client *client)
{
    http_free(client->http);
    server_stop(&client->server);
    imds_free(client->imds);
    retry_bucket_free(client->bucket);
    tear_down(&client->world);
}

static int get(struct client *client)
{
    buffer_clear(&client->body);
    return imds_get(client->imds, client->http, "/a", clock_monotonic_ns() + 5 * NS_PER_SEC, &client->body,
                    &client->error);
}

#define PLAY(client, ...)                             \
    static const struct step steps[] = {__VA_ARGS__}; \
    struct client client;                             \
    start(&(client), steps, sizeof(steps) / sizeof(struct step))

static void test_token_is_kept(void **state)
{
    (void)state;
    PLAY(client, {TOKEN_ANSWER, THEN_KEEP, 0}, {HELLO, THEN_KEEP, 0}, {HELLO, THEN_KEEP, 0});
    for (int i = 0; i < 2; i++) {
        assert_int_equal(get(&client), 0);
        assert_string_equal(client.body.bytes, "hello");
    }
    buffer_clear(&client.body);
    stop(&client);
    assert_int_equal(client.server.requests, 3);
    assert_memory_equal(client.server.history, "PUT /latest/api/token HTTP/1.1\r\n", 32);
    assert_non_null(strcasestr(client.server.history, "\r\nX-aws-ec2-metadata-token-ttl-seconds: 21600\r\n"));
    assert_memory_equal(client.server.request, "GET /a HTTP/1.1\r\n", 17);
    assert_non_null(strcasestr(client.server.request, "\r\nX-aws-ec2-metadata-token: TOKEN\r\n"));
}

static void test_short_token_is_replaced(void **state)
{
    (void)state;
    static const char brief[] =
        "HTTP/1.1 200 OK\r\nX-Aws-Ec2-Metadata-Token-Ttl-Seconds: 60\r\nContent-Length: 1\r\n\r\nT";
    PLAY(client, {brief, THEN_KEEP, 0}, {HELLO, THEN_KEEP, 0}, {TOKEN_ANSWER, THEN_KEEP, 0}, {HELLO, THEN_KEEP, 0});
    assert_int_equal(get(&client), 0);
    assert_int_equal(get(&client), 0);
    buffer_clear(&client.body);
    stop(&client);
    assert_int_equal(client.server.requests, 4);
}

static void test_refused_token_is_replaced(void **state)
{
    (void)state;
    PLAY(client, {TOKEN_ANSWER, THEN_KEEP, 0}, {EMPTY("401 Unauthorized"), THEN_KEEP, 0},
         {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nNEW", THEN_KEEP, 0}, {HELLO, THEN_KEEP, 0});
    assert_int_equal(get(&client), 0);
    buffer_clear(&client.body);
    stop(&client);
    assert_non_null(strcasestr(client.server.request, "token: NEW\r\n"));
}

static void test_server_error_is_tried_again(void **state)
{
    (void)state;
    PLAY(client, {EMPTY("500 Oops"), THEN_KEEP, 0}, {TOKEN_ANSWER, THEN_KEEP, 0}, {EMPTY("503 Busy"), THEN_KEEP, 0},
         {HELLO, THEN_KEEP, 0});
    assert_int_equal(get(&client), 0);
    buffer_clear(&client.body);
    stop(&client);
    assert_int_equal(client.server.requests, 4);
}

static void test_three_attempts(void **state)
{
    (void)state;
    PLAY(client, {EMPTY("500 Oops"), THEN_KEEP, 0}, {EMPTY("500 Oops"), THEN_KEEP, 0},
         {EMPTY("500 Oops"), THEN_KEEP, 0}, {TOKEN_ANSWER, THEN_KEEP, 0});
    assert_true(get(&client) < 0);
    assert_int_equal(client.error.kind, ERROR_SERVER);
    assert_non_null(strstr(client.error.message, "/latest/api/token answers with HTTP 500"));
    stop(&client);
    assert_int_equal(client.server.requests, 3);
}

static void test_no_such_thing(void **state)
{
    (void)state;
    PLAY(client, {TOKEN_ANSWER, THEN_KEEP, 0}, {EMPTY("404 Not Found"), THEN_KEEP, 0},
         {EMPTY("400 Bad Request"), THEN_KEEP, 0}, {EMPTY("403 Forbidden"), THEN_KEEP, 0});
    assert_int_equal(get(&client), -ENODATA);
    assert_non_null(strstr(client.error.message, "/a does not exist"));
    assert_true(get(&client) < 0);
    assert_non_null(strstr(client.error.message, "/a answers with HTTP 400"));
    assert_int_equal(get(&client), -ENODATA);
    assert_non_null(strstr(client.error.message, "is switched off"));
    stop(&client);
    assert_int_equal(client.server.requests, 4);
}

static void test_hop_limit(void **state)
{
    (void)state;
    PLAY(client, {"", THEN_HANG, 0});
    uint64_t begin_ns = clock_monotonic_ns();
    assert_int_equal(get(&client), -ETIMEDOUT);
    assert_true(clock_monotonic_ns() - begin_ns < 4 * NS_PER_SEC);
    assert_non_null(strstr(client.error.message, "--http-put-response-hop-limit 2"));
    stop(&client);
    assert_int_equal(client.server.requests, 1);
}

static void test_nobody_there(void **state)
{
    (void)state;
    static const struct step steps[] = {{HELLO, THEN_KEEP, 0}};
    struct client client;
    start(&client, steps, 1);
    server_stop(&client.server);
    assert_int_equal(get(&client), -ENODATA);
    assert_non_null(strstr(client.error.message, "cannot be reached; is this an EC2 instance?"));
    START(&client.server, steps);
    stop(&client);
}

static void test_junk(void **state)
{
    (void)state;
    PLAY(client, {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na\nb", THEN_KEEP, 0},
         {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", THEN_KEEP, 0},
         {"HTTP/1.1 200 OK\r\nContent-Length: 10001\r\n\r\n", THEN_CLOSE, 10001}, {"junk\r\n\r\n", THEN_CLOSE, 0});
    for (int i = 0; i < 4; i++) {
        assert_int_equal(get(&client), -EBADMSG);
        assert_int_equal(client.error.kind, ERROR_BAD_ANSWER);
    }
    stop(&client);
    assert_int_equal(client.server.requests, 4);
}

/* Metadata must not leave the machine, whatever the proxy variables say. */
static void test_no_proxy(void **state)
{
    (void)state;
    PLAY(client, {TOKEN_ANSWER, THEN_KEEP, 0}, {HELLO, THEN_KEEP, 0});
    static const char *const names[] = {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_int_equal(setenv(names[i], "http://127.0.0.1:1", 1), 0);
    int r = get(&client);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_int_equal(unsetenv(names[i]), 0);
    assert_int_equal(r, 0);
    buffer_clear(&client.body);
    stop(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_endpoints),
        cmocka_unit_test(test_token_is_kept),
        cmocka_unit_test(test_short_token_is_replaced),
        cmocka_unit_test(test_refused_token_is_replaced),
        cmocka_unit_test(test_server_error_is_tried_again),
        cmocka_unit_test(test_three_attempts),
        cmocka_unit_test(test_no_such_thing),
        cmocka_unit_test(test_hop_limit),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_junk),
        cmocka_unit_test(test_no_proxy),
    };
    if (http_setup() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
