/* SPDX-License-Identifier: Apache-2.0 */

/* Retries, credentials, clocks and error texts, through the source, against a scripted server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth/sigv4.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "tests/unit/backend/fixture.h"

#define VALUE "{\"ARN\":\"arn:x\",\"Name\":\"n\",\"VersionId\":\"v\",\"SecretString\":\"s\"}"

#define GOOD                                       \
    {                                              \
        ANSWER("200 OK", "", VALUE), THEN_CLOSE, 0 \
    }

/* Asks for a secret and checks kind and number of attempts. */
static struct error get(struct fixture *fixture, const char *id, enum error_kind expected, unsigned attempts)
{
    _cleanup_value_ struct value *value = NULL;
    struct error error = {.kind = ERROR_NONE};
    uint64_t before = fixture->source->ops->call_count(fixture->source);
    int r = fixture->source->ops->get(fixture->source, fixture->http, &(struct value_request){.id = id},
                                      clock_monotonic_ns() + 5 * NS_PER_SEC, &value, &error);
    if (error.kind != expected || (r < 0) != (expected != ERROR_NONE))
        fail_msg("%d, %s: %s", r, error_kind_name(error.kind), error.message);
    assert_int_equal(fixture->source->ops->call_count(fixture->source) - before, attempts);
    return error;
}

static void request_has_its_headers(void **state)
{
    static const struct step steps[] = {GOOD};
    static const char *const lines[] = {
        "Content-Type: application/x-amz-json-1.1\r\n",
        "X-Amz-Target: secretsmanager.GetSecretValue\r\n",
        "X-Amz-Security-Token: token\r\n",
        "amz-sdk-request: attempt=1; max=3\r\n",
        "User-Agent: secretsfs/",
        "/eu-west-1/secretsmanager/aws4_request, SignedHeaders=",
        "=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, Signature=",
        "\r\n\r\n{\"SecretId\":\"prod/db\",\"VersionStage\":\"AWSCURRENT\"}",
    };
    struct fixture fixture;
    (void)state;
    SET_UP(&fixture, steps);
    (void)get(&fixture, "prod/db", ERROR_NONE, 1);
    fixture_tear_down(&fixture);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (!strstr(fixture.server.request, lines[i]))
            fail_msg("missing: %s", lines[i]);
    }
}

static void passing_failures_are_retried(void **state)
{
    static const struct step steps[] = {
        {ANSWER("500 Oops", "", "<html>"), THEN_CLOSE, 0},
        {"", THEN_CLOSE, 0},
        GOOD,
    };
    struct fixture fixture;
    (void)state;
    SET_UP(&fixture, steps);
    (void)get(&fixture, "a", ERROR_NONE, 3);
    fixture_tear_down(&fixture);
    assert_non_null(strstr(fixture.server.request, "amz-sdk-request: attempt=3; max=3\r\n"));
}

static void attempts_have_an_end(void **state)
{
    static const struct step steps[] = {
        {ERROR("InternalServiceError", "first"), THEN_CLOSE, 0},
        {ERROR("InternalServiceError", "second"), THEN_CLOSE, 0},
        {ERROR("InternalServiceError", "third"), THEN_CLOSE, 0},
    };
    struct fixture fixture;
    (void)state;
    SET_UP(&fixture, steps);
    struct error error = get(&fixture, "a", ERROR_SERVER, 3);
    assert_non_null(strstr(error.message, "third"));
    fixture_tear_down(&fixture);
}

static void definite_answers_are_not_retried_and_say_what_to_do(void **state)
{
    static const struct {
        struct step step;
        enum error_kind kind;
        const char *advice;
    } cases[] = {
        {{ERROR("AccessDeniedException", "no."), THEN_CLOSE, 0},
         ERROR_ACCESS_DENIED,
         "no; allow secretsmanager:GetSecretValue on arn:aws:secretsmanager:eu-west-1:*:secret:prod/db-?????? "
         "(region eu-west-1, endpoint http://127.0.0.1:"},
        {{ERROR("AccessDeniedException", "Access to KMS is not allowed"), THEN_CLOSE, 0},
         ERROR_KMS_DENIED,
         "kms:Decrypt"},
        {{ERROR("ResourceNotFoundException", "?"), THEN_CLOSE, 0}, ERROR_NOT_FOUND, "region eu-west-1"},
        {{ERROR("InvalidRequestException", "marked for deletion"), THEN_CLOSE, 0}, ERROR_DELETED, "RestoreSecret"},
        {{ANSWER("200 OK", "", "<html>"), THEN_CLOSE, 0}, ERROR_BAD_ANSWER, "region eu-west-1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture fixture;
        fixture_set_up(&fixture, &cases[i].step, 1, NULL);
        struct error error = get(&fixture, "prod/db", cases[i].kind, 1);
        if (!strstr(error.message, cases[i].advice))
            fail_msg("%s", error.message);
        if (cases[i].kind != ERROR_BAD_ANSWER)
            assert_string_equal(error.request_id, "id-1");
        fixture_tear_down(&fixture);
    }
}

static void long_reason_leaves_room_for_the_advice(void **state)
{
#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
    static const struct step steps[] = {
        {ERROR("AccessDeniedException", HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED), THEN_CLOSE, 0},
    };
    struct fixture fixture;
    (void)state;
    SET_UP(&fixture, steps);
    struct error error = get(&fixture, "prod/db", ERROR_ACCESS_DENIED, 1);
    assert_non_null(strstr(error.message, "9...; allow secretsmanager:GetSecretValue"));
    assert_int_equal(error.message[strlen(error.message) - 1], ')');
    fixture_tear_down(&fixture);
}

static void arn_is_asked_in_its_own_region(void **state)
{
    static const struct step steps[] = {GOOD};
    struct fixture fixture;
    (void)state;
    SET_UP(&fixture, steps);
    (void)get(&fixture, "arn:aws:secretsmanager:us-east-2:1:secret:a-AbCdEf", ERROR_NONE, 1);
    fixture_tear_down(&fixture);
    assert_non_null(strstr(fixture.server.request, "/us-east-2/secretsmanager/aws4_request"));
}

static void impossible_ids_cost_nothing(void **state)
{
    struct fixture fixture;
    (void)state;
    fixture_set_up(&fixture, NULL, 0, NULL);
    (void)get(&fixture, "not a name", ERROR_NOT_FOUND, 0);
    (void)get(&fixture, "arn:aws:secretsmanager:evil.example/:1:secret:a", ERROR_NOT_FOUND, 0);
    fixture_tear_down(&fixture);
}

static void refused_credentials_are_renewed_once(void **state)
{
    static const struct step good[] = {{ERROR("ExpiredTokenException", "x"), THEN_CLOSE, 0}, GOOD};
    static const struct step bad[] = {
        {ERROR("UnrecognizedClientException", "x"), THEN_CLOSE, 0},
        {ERROR("ExpiredTokenException", "x"), THEN_CLOSE, 0},
    };
    struct fixture fixture;
    (void)state;
    SET_UP(&fixture, good);
    (void)get(&fixture, "a", ERROR_NONE, 2);
    fixture_tear_down(&fixture);
    SET_UP(&fixture, bad);
    (void)get(&fixture, "a", ERROR_EXPIRED_CREDENTIALS, 2);
    fixture_tear_down(&fixture);
}

static void throttling_ends_before_the_deadline(void **state)
{
    static const struct step steps[] = {
        {ANSWER("400 Bad", "x-amz-retry-after: 9000\r\n", "{\"__type\":\"ThrottlingException\"}"), THEN_CLOSE, 0},
    };
    struct fixture fixture;
    (void)state;
    SET_UP(&fixture, steps);
    uint64_t start_ns = clock_monotonic_ns();
    (void)get(&fixture, "a", ERROR_THROTTLED, 1); /* the pause would be longer than what is left */
    assert_true(clock_monotonic_ns() - start_ns < NS_PER_SEC);
    fixture_tear_down(&fixture);
}

/* An answer that refuses the signature, from a server whose clock differs from ours. */
static void refuse_signature(char *text, size_t text_bytes, int64_t difference_s)
{
    char date[64];
    time_t now = (time_t)(clock_wall_ns() / NS_PER_SEC) + difference_s;
    struct tm parts;
    assert_non_null(gmtime_r(&now, &parts));
    (void)strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    (void)snprintf(text, text_bytes,
                   "HTTP/1.1 400 Bad\r\nDate: %s\r\n\r\n{\"__type\":\"InvalidSignatureException\",\"message\":\"x\"}",
                   date);
}

static void wrong_clock_is_corrected(void **state)
{
    static const struct {
        int64_t difference_s;
        enum error_kind kind;
    } cases[] = {
        {3600, ERROR_NONE},
        {-3600, ERROR_NONE},
        {60, ERROR_BAD_CREDENTIALS},        /* the clock is right, the key is wrong */
        {3 * 86400, ERROR_BAD_CREDENTIALS}, /* too much to be believed */
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char refusal[256], expected[SIGV4_DATE_BYTES];
        refuse_signature(refusal, sizeof(refusal), cases[i].difference_s);
        const struct step corrected[] = {{refusal, THEN_CLOSE, 0}, GOOD, GOOD};
        const struct step refused[] = {{refusal, THEN_CLOSE, 0}, {refusal, THEN_CLOSE, 0}};
        struct fixture fixture;

        if (cases[i].kind == ERROR_NONE) {
            SET_UP(&fixture, corrected);
            (void)get(&fixture, "a", ERROR_NONE, 2);
            (void)get(&fixture, "a", ERROR_NONE, 1); /* remembered */
            fixture_tear_down(&fixture);
            sigv4_date(clock_wall_ns() + (uint64_t)(cases[i].difference_s * (int64_t)NS_PER_SEC), expected);
            const char *sent = strstr(fixture.server.request, "X-Amz-Date: ");
            assert_non_null(sent);
            assert_memory_equal(sent + strlen("X-Amz-Date: "), expected, strlen("YYYYMMDDTHH"));
        } else {
            SET_UP(&fixture, refused);
            (void)get(&fixture, "a", cases[i].kind, 2);
            fixture_tear_down(&fixture);
        }
    }
}

static int collect(void *context, const char *name)
{
    return buffer_printf(context, "%s;", name);
}

static void list_goes_through_all_pages(void **state)
{
    static const struct step steps[] = {
        {ANSWER("200 OK", "", "{\"SecretList\":[{\"Name\":\"a\"}],\"NextToken\":\"t1\"}"), THEN_CLOSE, 0},
        {ANSWER("200 OK", "", "{\"SecretList\":[],\"NextToken\":\"t2\"}"), THEN_CLOSE, 0},
        {ANSWER("200 OK", "", "{\"SecretList\":[{\"Name\":\"b\"}]}"), THEN_CLOSE, 0},
    };
    static const char *const prefixes[] = {"a", "b"};
    _cleanup_buffer_ struct buffer names;
    struct fixture fixture;
    (void)state;

    buffer_init(&names, 100);
    SET_UP(&fixture, steps);
    assert_int_equal(fixture.source->ops->list(fixture.source, fixture.http, prefixes, 2,
                                               clock_monotonic_ns() + 5 * NS_PER_SEC, collect, &names, NULL),
                     0);
    fixture_tear_down(&fixture);
    assert_string_equal(names.bytes, "a;b;");
    assert_non_null(strstr(fixture.server.request, "\"NextToken\":\"t2\""));
    assert_non_null(strstr(fixture.server.request, "[{\"Key\":\"name\",\"Values\":[\"a\",\"b\"]}]"));
}

static void list_that_repeats_itself_is_given_up(void **state)
{
    static const struct step steps[] = {
        {ANSWER("200 OK", "", "{\"SecretList\":[],\"NextToken\":\"t\"}"), THEN_CLOSE, 0},
        {ANSWER("200 OK", "", "{\"SecretList\":[],\"NextToken\":\"t\"}"), THEN_CLOSE, 0},
    };
    struct fixture fixture;
    struct error error;
    (void)state;
    SET_UP(&fixture, steps);
    assert_true(fixture.source->ops->list(fixture.source, fixture.http, NULL, 0, clock_monotonic_ns() + 5 * NS_PER_SEC,
                                          collect, NULL, &error) < 0);
    assert_int_equal(error.kind, ERROR_BAD_ANSWER);
    fixture_tear_down(&fixture);
}

static void denied_list_says_what_to_do(void **state)
{
    static const struct step steps[] = {{ERROR("AccessDeniedException", "no"), THEN_CLOSE, 0}};
    struct fixture fixture;
    struct error error;
    (void)state;
    SET_UP(&fixture, steps);
    assert_true(fixture.source->ops->list(fixture.source, fixture.http, NULL, 0, clock_monotonic_ns() + 5 * NS_PER_SEC,
                                          collect, NULL, &error) < 0);
    assert_int_equal(error.kind, ERROR_ACCESS_DENIED);
    assert_non_null(strstr(error.message, "secretsmanager:ListSecrets"));
    assert_non_null(strstr(error.message, "--secret"));
    fixture_tear_down(&fixture);
}

static int set_up_all(void **state)
{
    (void)state;
    return http_setup();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_has_its_headers),
        cmocka_unit_test(passing_failures_are_retried),
        cmocka_unit_test(attempts_have_an_end),
        cmocka_unit_test(definite_answers_are_not_retried_and_say_what_to_do),
        cmocka_unit_test(long_reason_leaves_room_for_the_advice),
        cmocka_unit_test(arn_is_asked_in_its_own_region),
        cmocka_unit_test(impossible_ids_cost_nothing),
        cmocka_unit_test(refused_credentials_are_renewed_once),
        cmocka_unit_test(throttling_ends_before_the_deadline),
        cmocka_unit_test(wrong_clock_is_corrected),
        cmocka_unit_test(list_goes_through_all_pages),
        cmocka_unit_test(list_that_repeats_itself_is_given_up),
        cmocka_unit_test(denied_list_says_what_to_do),
    };
    return cmocka_run_group_tests(tests, set_up_all, NULL);
}
