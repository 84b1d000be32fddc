/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/sts.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/unit/http_server.h"

#define ROLE "arn:aws:iam::123456789012:role/r1"
#define TOKEN_FILE "token"

#define ANSWER(status, headers, body) "HTTP/1.1 " status "\r\n" headers "\r\n" body
#define CREDENTIALS                                                                        \
    "<R><Credentials><AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>k</SecretAccessKey>" \
    "<SessionToken>t</SessionToken><Expiration>2030-01-01T00:00:00Z</Expiration></Credentials></R>"
#define EXPIRES_NS (UINT64_C(1893456000) * NS_PER_SEC)
#define GOOD                                             \
    {                                                    \
        ANSWER("200 OK", "", CREDENTIALS), THEN_CLOSE, 0 \
    }
#define REFUSAL(status, code)                                                                                  \
    {                                                                                                          \
        ANSWER(status, "x-amzn-RequestId: id-1\r\n",                                                           \
               "<ErrorResponse><Error><Type>Sender</Type><Code>" code "</Code><Message>why.</Message></Error>" \
               "<RequestId>id-1</RequestId></ErrorResponse>"),                                                 \
            THEN_CLOSE, 0                                                                                      \
    }

/* All that STS calls need of a session. */
struct world {
    struct server server;
    struct environment *environment;
    struct settings settings;
    struct endpoint_rules endpoints;
    struct signing_clock clock;
    struct provider_context context;
    struct http *http;
    struct credentials *source;
};

static char directory[] = "/tmp/secretsfs-test-sts-XXXXXX";

static void world_set_up(struct world *world, const struct step *steps, size_t step_count)
{
    char variable[128];
    char *variables[] = {variable, NULL};
    *world = (struct world){0};
    server_start(&world->server, steps, step_count);
    (void)snprintf(variable, sizeof(variable), "AWS_ENDPOINT_URL_STS=%s", world->server.url);
    assert_int_equal(environment_new(variables, &world->environment), 0);
    world->settings.environment = world->environment;
    world->endpoints.settings = &world->settings;
    world->context = (struct provider_context){
        .environment = world->environment,
        .settings = &world->settings,
        .endpoints = &world->endpoints,
        .region = "eu-west-1",
        .max_attempts = 3,
        .clock = &world->clock,
    };
    assert_int_equal(retry_bucket_new(&world->context.bucket), 0);
    assert_int_equal(http_new(&world->http), 0);
    assert_int_equal(credentials_new("AKIDEXAMPLE", "secret", NULL, CLOCK_NEVER_NS, "environment", &world->source), 0);
}

#define SET_UP(world, steps) world_set_up(world, steps, sizeof(steps) / sizeof((steps)[0]))

static void world_tear_down(struct world *world, unsigned requests)
{
    credentials_unref(world->source);
    http_free(world->http);
    retry_bucket_free(world->context.bucket);
    environment_free(world->environment);
    server_stop(&world->server);
    assert_int_equal(world->server.requests, requests);
}

static uint64_t deadline(void)
{
    return clock_monotonic_ns() + 5 * NS_PER_SEC;
}

/* Assumes the role, signed, or by web identity; `*ret_error` has no kind when it went well. */
static struct credentials *assume(struct world *world, bool web_identity, struct error *ret_error)
{
    const struct sts_role role = {.role_arn = ROLE, .session_name = "sess"};
    struct credentials *credentials = NULL;
    *ret_error = (struct error){.kind = ERROR_NONE};
    int r = web_identity ? sts_assume_role_with_web_identity(&world->context, world->http, &role, TOKEN_FILE, "test",
                                                             deadline(), &credentials, ret_error)
                         : sts_assume_role(&world->context, world->http, world->source, &role, "test", deadline(),
                                           &credentials, ret_error);
    assert_true((r < 0) == (ret_error->kind != ERROR_NONE));
    return credentials;
}

static void write_token(const char *text, size_t size)
{
    _cleanup_fclose_ FILE *file = fopen(TOKEN_FILE, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
}

static void role_is_assumed_with_a_signed_form(void **state)
{
    static const struct step steps[] = {GOOD};
    struct world world;
    struct error error;
    (void)state;
    SET_UP(&world, steps);
    _cleanup_credentials_ struct credentials *credentials = assume(&world, false, &error);
    world_tear_down(&world, 1);
    assert_non_null(credentials);
    assert_string_equal(credentials->access_key_id, "ASIA1");
    assert_string_equal(credentials->provider, "test");
    assert_true(credentials->expires_ns == EXPIRES_NS);

    const char *request = world.server.request;
    assert_non_null(strstr(request, "POST / HTTP/1.1\r\n"));
    assert_non_null(strstr(request, "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n"));
    assert_non_null(strstr(request, "/eu-west-1/sts/aws4_request, SignedHeaders=content-type;host;x-amz-date, "));
    assert_null(strcasestr(request, "x-amz-target"));
    assert_string_equal(strstr(request, "\r\n\r\n") + 4,
                        "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fr1"
                        "&RoleSessionName=sess");
}

static void options_of_a_role_are_sent(void **state)
{
    static const struct step steps[] = {GOOD};
    const struct sts_role role = {.role_arn = ROLE, .external_id = "a b/c", .duration_seconds = 900};
    _cleanup_credentials_ struct credentials *credentials = NULL;
    struct world world;
    (void)state;
    SET_UP(&world, steps);
    assert_int_equal(
        sts_assume_role(&world.context, world.http, world.source, &role, "test", deadline(), &credentials, NULL), 0);
    world_tear_down(&world, 1);
    assert_non_null(strstr(world.server.request, "&RoleSessionName=secretsfs-1"));
    assert_non_null(strstr(world.server.request, "&ExternalId=a%20b%2Fc&DurationSeconds=900"));
}

static void web_identity_is_not_signed(void **state)
{
    static const struct step steps[] = {GOOD, GOOD};
    struct world world;
    struct error error;
    (void)state;
    SET_UP(&world, steps);
    write_token("head.body.sig\r\n", 15);
    _cleanup_credentials_ struct credentials *first = assume(&world, true, &error);
    write_token("second", 6); /* read at each call */
    _cleanup_credentials_ struct credentials *second = assume(&world, true, &error);
    world_tear_down(&world, 2);
    assert_non_null(first);
    assert_non_null(second);
    assert_null(strcasestr(world.server.history, "authorization"));
    assert_null(strcasestr(world.server.history, "x-amz-date"));
    assert_non_null(strstr(world.server.history, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn="));
    assert_non_null(strstr(world.server.history, "&WebIdentityToken=head.body.sigPOST"));
    assert_non_null(strstr(world.server.history, "&WebIdentityToken=second"));
}

static void unusable_token_files_cost_nothing(void **state)
{
    static char big[20001];
    static const struct {
        const char *text;
        size_t size;
        const char *message;
    } cases[] = {
        {NULL, 0, "cannot read the web identity token file " TOKEN_FILE ": No such file"},
        {"", 0, "the web identity token file " TOKEN_FILE " is empty"},
        {"\n", 1, "the web identity token file " TOKEN_FILE " is empty"},
        {"a\0b", 3, "the web identity token file " TOKEN_FILE " does not hold text"},
        {big, sizeof(big), "the web identity token in " TOKEN_FILE " is over 20000 bytes long"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = 'x';
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world world;
        struct error error;
        world_set_up(&world, NULL, 0);
        (void)unlink(TOKEN_FILE);
        if (cases[i].text)
            write_token(cases[i].text, cases[i].size);
        assert_null(assume(&world, true, &error));
        world_tear_down(&world, 0);
        assert_int_equal(error.kind, ERROR_NO_CREDENTIALS);
        if (!strstr(error.message, cases[i].message))
            fail_msg("%s", error.message);
    }
}

static void failures_say_what_to_do(void **state)
{
    static const struct {
        struct step step;
        bool web_identity;
        enum error_kind kind;
        const char *words[3];
    } cases[] = {
        {REFUSAL("403 F", "AccessDenied"), false, ERROR_NO_CREDENTIALS, {ROLE, "sts:AssumeRole ", "trust policy"}},
        {REFUSAL("403 F", "AccessDenied"), true, ERROR_NO_CREDENTIALS, {ROLE, "AssumeRoleWithWebIdentity", "subject"}},
        {REFUSAL("400 B", "ExpiredTokenException"), true, ERROR_EXPIRED_CREDENTIALS, {TOKEN_FILE, "renews", "why;"}},
        {REFUSAL("403 F", "ExpiredToken"), false, ERROR_EXPIRED_CREDENTIALS, {"of environment", "renew the", "why;"}},
        {REFUSAL("403 F", "InvalidClientTokenId"), false, ERROR_BAD_CREDENTIALS, {"of environment", "check the", ""}},
        {REFUSAL("400 B", "InvalidIdentityToken"), true, ERROR_BAD_CREDENTIALS, {TOKEN_FILE, "identity provider", ""}},
        {REFUSAL("403 F", "RegionDisabledException"), false, ERROR_BAD_REQUEST, {"activate", "region", ""}},
        {REFUSAL("400 B", "ValidationError"), false, ERROR_BAD_REQUEST, {ROLE, "why.", ""}},
        {{ANSWER("200 OK", "", "<html/>"), THEN_CLOSE, 0}, false, ERROR_BAD_ANSWER, {"AccessKeyId", "http://127.", ""}},
        {{ANSWER("403 F", "", "no"), THEN_CLOSE, 0}, false, ERROR_BAD_ANSWER, {"proxy", "http://127.", ""}},
    };
    (void)state;
    write_token("token", 5);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world world;
        struct error error;
        world_set_up(&world, &cases[i].step, 1);
        world.context.max_attempts = 1;
        assert_null(assume(&world, cases[i].web_identity, &error));
        world_tear_down(&world, 1);
        if (error.kind != cases[i].kind)
            fail_msg("%zu: %s: %s", i, error_kind_name(error.kind), error.message);
        for (size_t k = 0; k < 3; k++)
            if (!strstr(error.message, cases[i].words[k]))
                fail_msg("no \"%s\" in: %s", cases[i].words[k], error.message);
    }
}

static void passing_failures_are_retried(void **state)
{
    static const struct step steps[] = {
        REFUSAL("400 Bad", "IDPCommunicationError"),
        {ANSWER("503 Busy", "", "<html>busy</html>"), THEN_CLOSE, 0},
        GOOD,
    };
    struct world world;
    struct error error;
    (void)state;
    SET_UP(&world, steps);
    write_token("token", 5);
    _cleanup_credentials_ struct credentials *credentials = assume(&world, true, &error);
    world_tear_down(&world, 3);
    assert_non_null(credentials);
    assert_non_null(strstr(world.server.request, "amz-sdk-request: attempt=3; max=3"));
}

/* A refusal by a server whose clock is an hour ahead. */
static void refuse_an_hour_ahead(char *text, size_t text_bytes)
{
    char date[64];
    time_t now = (time_t)(clock_wall_ns() / NS_PER_SEC) + 3600;
    struct tm parts;
    assert_non_null(gmtime_r(&now, &parts));
    (void)strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    (void)snprintf(text, text_bytes,
                   "HTTP/1.1 403 No\r\nDate: %s\r\n\r\n<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code>"
                   "<Message>Signature not yet current</Message></Error></ErrorResponse>",
                   date);
}

/* What STS tells of its clock serves every signature, and the expiry is told by ours. */
static void wrong_clock_is_corrected_for_all(void **state)
{
    char refusal[512];
    struct world world;
    struct error error;
    (void)state;
    refuse_an_hour_ahead(refusal, sizeof(refusal));
    const struct step steps[] = {{refusal, THEN_CLOSE, 0}, GOOD};
    SET_UP(&world, steps);
    _cleanup_credentials_ struct credentials *credentials = assume(&world, false, &error);
    int64_t offset_ns = atomic_load(&world.clock.offset_ns);
    world_tear_down(&world, 2);
    assert_non_null(credentials);
    assert_true(offset_ns > (int64_t)(3590 * NS_PER_SEC) && offset_ns < (int64_t)(3610 * NS_PER_SEC));
    assert_true(credentials->expires_ns == EXPIRES_NS - (uint64_t)offset_ns);
}

/* Without TLS the time is believed of this machine alone, and not of a name that begins like it. */
static void clock_of_others_is_not_believed(void **state)
{
    static const char *const endpoints[] = {"http://localhost.example", "http://127.0.0.1.example"};
    char refusal[512];
    (void)state;
    refuse_an_hour_ahead(refusal, sizeof(refusal));
    for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
        const struct step steps[] = {{refusal, THEN_CLOSE, 0}};
        char variable[128];
        char *variables[] = {variable, NULL};
        struct world world;
        struct error error;
        SET_UP(&world, steps);
        environment_free(world.environment);
        (void)snprintf(variable, sizeof(variable), "AWS_ENDPOINT_URL_STS=%s", endpoints[i]);
        assert_int_equal(environment_new(variables, &world.environment), 0);
        world.settings.environment = world.environment;
        assert_int_equal(setenv("http_proxy", world.server.url, 1), 0);
        assert_null(assume(&world, false, &error));
        assert_int_equal(unsetenv("http_proxy"), 0);
        assert_int_equal(atomic_load(&world.clock.offset_ns), 0);
        world_tear_down(&world, 1);
    }
}

/* An expiry that no clock can tell is none that has been, nor one that never comes. */
static void strange_expiries_do_not_wrap(void **state)
{
    static const struct {
        const char *expiration;
        int64_t offset_ns;
        uint64_t expires_ns;
    } cases[] = {
        {"1970-01-01T00:00:01Z", (int64_t)(3600 * NS_PER_SEC), 0},
        {"2554-07-21T23:34:33Z", -(int64_t)(3600 * NS_PER_SEC), CLOCK_NEVER_NS},
        {"9999-01-01T00:00:00Z", (int64_t)(3600 * NS_PER_SEC), CLOCK_NEVER_NS},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char answer[512];
        const struct step steps[] = {{answer, THEN_CLOSE, 0}};
        struct world world;
        struct error error;
        (void)snprintf(answer, sizeof(answer),
                       ANSWER("200 OK", "",
                              "<R><Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>k</SecretAccessKey>"
                              "<SessionToken>t</SessionToken><Expiration>%s</Expiration></Credentials></R>"),
                       cases[i].expiration);
        SET_UP(&world, steps);
        atomic_store(&world.clock.offset_ns, cases[i].offset_ns);
        _cleanup_credentials_ struct credentials *credentials = assume(&world, false, &error);
        world_tear_down(&world, 1);
        assert_non_null(credentials);
        assert_true(credentials->expires_ns == cases[i].expires_ns);
    }
}

static void caller_is_identified(void **state)
{
    static const struct step steps[] = {
        {ANSWER("200 OK", "",
                "<R><GetCallerIdentityResult><Arn>arn:aws:iam::1:user/u</Arn><UserId>AIDA</UserId><Account>1</Account>"
                "</GetCallerIdentityResult></R>"),
         THEN_CLOSE, 0},
    };
    struct sts_identity identity;
    struct world world;
    (void)state;
    SET_UP(&world, steps);
    assert_int_equal(sts_get_caller_identity(&world.context, world.http, world.source, deadline(), &identity, NULL), 0);
    world_tear_down(&world, 1);
    assert_string_equal(identity.arn, "arn:aws:iam::1:user/u");
    assert_non_null(strstr(world.server.request, "\r\n\r\nAction=GetCallerIdentity&Version=2011-06-15"));
    assert_non_null(strstr(world.server.request, "/eu-west-1/sts/aws4_request"));
}

/* A provider whose keys are AKID1, AKID2, and so on. */
struct counting_provider {
    struct credentials_provider base;
    unsigned fetches;
};

static int counting_fetch(struct credentials_provider *base, struct http *http, uint64_t deadline_ns,
                          struct credentials **ret_credentials, struct error *ret_error)
{
    char id[16];
    (void)http;
    (void)deadline_ns;
    (void)ret_error;
    (void)snprintf(id, sizeof(id), "AKID%u", ++((struct counting_provider *)base)->fetches);
    return credentials_new(id, "secret", NULL, CLOCK_NEVER_NS, "counting", ret_credentials);
}

static void counting_free(struct credentials_provider *base)
{
    (void)base;
}

static void refused_source_of_a_role_is_renewed_once(void **state)
{
    static const struct credentials_provider_ops ops = {
        .name = "counting", .fetch = counting_fetch, .free = counting_free};
    static const struct step good[] = {GOOD, REFUSAL("403 F", "ExpiredToken"), GOOD};
    static const struct step bad[] = {REFUSAL("403 F", "InvalidClientTokenId"), REFUSAL("403 F", "ExpiredToken")};
    static const struct step denied[] = {REFUSAL("403 F", "AccessDenied")};
    static const struct {
        const struct step *steps;
        unsigned step_count, calls, fetches;
        enum error_kind kind;
    } cases[] = {
        {good, 3, 2, 2, ERROR_NONE},
        {bad, 2, 1, 2, ERROR_EXPIRED_CREDENTIALS},
        {denied, 1, 1, 1, ERROR_NO_CREDENTIALS},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct counting_provider source = {.base.ops = &ops};
        struct error error = {.kind = ERROR_NONE};
        struct credentials_provider *role;
        struct world world;
        world_set_up(&world, cases[i].steps, cases[i].step_count);
        assert_int_equal(credentials_role_new(&world.context, ROLE, NULL, &source.base, &role), 0);
        for (unsigned call = 0; call < cases[i].calls; call++) {
            _cleanup_credentials_ struct credentials *credentials = NULL;
            (void)role->ops->fetch(role, world.http, deadline(), &credentials, &error);
            assert_int_equal(credentials != NULL, cases[i].kind == ERROR_NONE);
        }
        credentials_provider_free(role);
        world_tear_down(&world, cases[i].step_count);
        assert_int_equal(source.fetches, cases[i].fetches);
        assert_true(cases[i].kind == ERROR_NONE || error.kind == cases[i].kind);
    }
}

static int set_up_all(void **state)
{
    (void)state;
    return mkdtemp(directory) && chdir(directory) == 0 ? http_setup() : -1;
}

static int tear_down_all(void **state)
{
    (void)state;
    (void)unlink(TOKEN_FILE);
    return chdir("/") == 0 && rmdir(directory) == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(role_is_assumed_with_a_signed_form),
        cmocka_unit_test(options_of_a_role_are_sent),
        cmocka_unit_test(web_identity_is_not_signed),
        cmocka_unit_test(unusable_token_files_cost_nothing),
        cmocka_unit_test(failures_say_what_to_do),
        cmocka_unit_test(passing_failures_are_retried),
        cmocka_unit_test(wrong_clock_is_corrected_for_all),
        cmocka_unit_test(clock_of_others_is_not_believed),
        cmocka_unit_test(strange_expiries_do_not_wrap),
        cmocka_unit_test(caller_is_identified),
        cmocka_unit_test(refused_source_of_a_role_is_renewed_once),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
