/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "auth/aws_answer.h"
#include "base/clock.h"

static struct error classify(int status, const char *error_type, const char *body)
{
    struct error error;
    aws_answer_error(
        &(struct aws_answer){
            .status = status,
            .error_type = error_type,
            .request_id = "id-1",
            .body = body,
            .body_bytes = strlen(body),
        },
        &error);
    return error;
}

static void kind_follows_the_code_whatever_the_status(void **state)
{
    static const struct {
        const char *code;
        const char *message;
        enum error_kind kind;
    } cases[] = {
        {"ResourceNotFoundException", "Secrets Manager can't find the specified secret.", ERROR_NOT_FOUND},
        {"InvalidRequestException",
         "You can't perform this operation on the secret because it was marked for deletion.", ERROR_DELETED},
        {"InvalidRequestException",
         "An error occurred (InvalidRequestException): You tried to perform the operation on a secret that's currently "
         "marked deleted.",
         ERROR_DELETED},
        {"InvalidRequestException", "You provided a VersionStage that is not associated to the provided VersionId.",
         ERROR_NOT_FOUND},
        {"InvalidRequestException", "Something new.", ERROR_BAD_REQUEST},
        {"AccessDeniedException", "User: x is not authorized to perform: secretsmanager:GetSecretValue",
         ERROR_ACCESS_DENIED},
        {"AccessDeniedException", "... on resource: arn:aws:secretsmanager:x:1:secret:KMS-key", ERROR_ACCESS_DENIED},
        {"AccessDeniedException", "Access to KMS is not allowed", ERROR_KMS_DENIED},
        {"AccessDeniedException", "x is not authorized to perform: kms:Decrypt on y", ERROR_KMS_DENIED},
        {"DecryptionFailure", "", ERROR_KMS_DENIED},
        {"UnrecognizedClientException", "The security token included in the request is invalid.",
         ERROR_BAD_CREDENTIALS},
        {"InvalidSignatureException", "The request signature we calculated does not match", ERROR_BAD_CREDENTIALS},
        {"InvalidSignatureException", "Signature expired: 2026 is now earlier than 2026", ERROR_CLOCK_SKEW},
        {"InvalidSignatureException", "Signature not yet current: 2026", ERROR_CLOCK_SKEW},
        {"RequestExpired", "", ERROR_CLOCK_SKEW},
        {"ExpiredTokenException", "", ERROR_EXPIRED_CREDENTIALS},
        {"ThrottlingException", "Rate exceeded", ERROR_THROTTLED},
        {"Throttling", "", ERROR_THROTTLED},
        {"RequestThrottledException", "", ERROR_THROTTLED},
        {"SomethingThrottled", "", ERROR_THROTTLED},
        {"TooManyRequestsException", "", ERROR_THROTTLED},
        {"InternalServiceError", "", ERROR_SERVER},
        {"ServiceUnavailable", "", ERROR_SERVER},
    };
    static const int statuses[] = {400, 403, 404, 500};
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t k = 0; k < sizeof(statuses) / sizeof(statuses[0]); k++) {
            char body[512];
            (void)snprintf(body, sizeof(body), "{\"__type\":\"%s\",\"message\":\"%s\"}", cases[i].code,
                           cases[i].message);
            struct error error = classify(statuses[k], NULL, body);
            if (error.kind != cases[i].kind)
                fail_msg("%s: %s", body, error_kind_name(error.kind));
            assert_string_equal(error.code, cases[i].code);
            assert_string_equal(error.message, cases[i].message[0] ? cases[i].message : cases[i].code);
            assert_string_equal(error.request_id, "id-1");
        }
    }
}

static void code_is_found_where_servers_put_it(void **state)
{
    static const struct {
        const char *header;
        const char *body;
        const char *code;
        const char *message;
    } cases[] = {
        {NULL, "{\"__type\":\"com.amazonaws.secretsmanager#AccessDeniedException\",\"Message\":\"m\"}",
         "AccessDeniedException", "m"},
        {NULL, "{\"__type\":\"AccessDeniedException:http://internal.amazon.com/coral#x\",\"message\":\"m\"}",
         "AccessDeniedException", "m"},
        {NULL, "{\"__type\":\"a#b#AccessDeniedException:http://x#y\",\"message\":null,\"Message\":\"m\"}",
         "AccessDeniedException", "m"},
        {"AccessDeniedException:http://internal.amazon.com/", "{\"message\":\"m\"}", "AccessDeniedException", "m"},
        {"Header", "{\"__type\":\"Body\",\"message\":\"m\"}", "Body", "m"},
        {"Header", "", "Header", "Header"},
        {NULL,
         "<ErrorResponse><Errors><Error><Code>SignatureDoesNotMatch</Code><Message>The request\nsignature</Message>"
         "</Error></Errors></ErrorResponse>",
         "SignatureDoesNotMatch", "The request?signature"},
        {NULL, "<Error><Code>AccessDenied</Code></Error>", "AccessDenied", "AccessDenied"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error error = classify(400, cases[i].header, cases[i].body);
        assert_string_equal(error.code, cases[i].code);
        assert_string_equal(error.message, cases[i].message);
    }
}

static void status_counts_where_the_code_is_unknown_or_missing(void **state)
{
    static const struct {
        int status;
        const char *body;
        enum error_kind kind;
    } cases[] = {
        {400, "{\"__type\":\"BrandNewException\",\"message\":\"m\"}", ERROR_BAD_REQUEST},
        {429, "{\"__type\":\"BrandNewException\"}", ERROR_THROTTLED},
        {500, "{\"__type\":\"BrandNewException\"}", ERROR_SERVER},
        {503, "<html>busy</html>", ERROR_SERVER},
        {500, "", ERROR_SERVER},
        {429, "", ERROR_THROTTLED},
        {403, "<html>the proxy says no</html>", ERROR_BAD_ANSWER},
        {302, "", ERROR_BAD_ANSWER},
        {400, "{\"__type\":17,\"message\":[]}", ERROR_BAD_ANSWER},
        {400, "{\"__type\":\"spaces are not a code\"}", ERROR_BAD_ANSWER},
        {400, "{\"__type\":\"#\"}", ERROR_BAD_ANSWER},
        {400, "{\"__type\":\"A\\u0000B\"}", ERROR_BAD_ANSWER},
        {400, "null", ERROR_BAD_ANSWER},
        {400, "<Code>", ERROR_BAD_ANSWER},
        {400, "<Code></Code>", ERROR_BAD_ANSWER},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error error = classify(cases[i].status, NULL, cases[i].body);
        if (error.kind != cases[i].kind)
            fail_msg("%d %s: %s", cases[i].status, cases[i].body, error_kind_name(error.kind));
        assert_true(error.message[0]);
    }
}

static void body_without_a_code_is_not_quoted(void **state)
{
    struct error error = classify(403, NULL, "<html>hunter2</html>");
    (void)state;
    assert_null(strstr(error.message, "hunter2"));
    error = classify(403, NULL, "{\"message\":\"hunter2\"}");
    assert_null(strstr(error.message, "hunter2"));
}

static void long_and_odd_texts_are_cut(void **state)
{
    char body[4096] = "{\"__type\":\"", code[200];
    struct error error;
    (void)state;

    for (size_t i = 0; i < sizeof(code); i++)
        code[i] = i + 1 < sizeof(code) ? 'A' : '\0';
    (void)snprintf(body, sizeof(body), "{\"__type\":\"%s\",\"message\":\"%s\"}", code, code);
    error = classify(400, NULL, body);
    assert_string_equal(error.code, "");
    (void)snprintf(body, sizeof(body), "{\"__type\":\"A\",\"message\":\"a\\u0000b\\n%s%s%s%s\"}", code, code, code,
                   code);
    error = classify(400, code, body);
    assert_memory_equal(error.message, "a?b?A", 5);
    assert_int_equal(strlen(error.message), sizeof(error.message) - 1);
}

static void date_is_parsed(void **state)
{
    static const char *const bad[] = {"",
                                      "yesterday",
                                      "Sun, 06 Nov 1994 08:49:37",
                                      "Sun, 06 Nov 1994 08:49:37 GMT+1",
                                      "784111777",
                                      "Thu, 01 Jan 1960 00:00:00 GMT",
                                      "Fri, 01 Jan 2300 00:00:00 GMT",
                                      "Fri, 31 Dec 9999 23:59:59 GMT"};
    uint64_t wall_ns = 0;
    (void)state;

    assert_int_equal(aws_answer_date("Sun, 06 Nov 1994 08:49:37 GMT", &wall_ns), 0);
    assert_int_equal(wall_ns, UINT64_C(784111777) * NS_PER_SEC);
    assert_true(aws_answer_date(NULL, &wall_ns) < 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_true(aws_answer_date(bad[i], &wall_ns) < 0);
}

static void retry_after_is_parsed(void **state)
{
    (void)state;
    assert_int_equal(aws_answer_retry_after("1500"), 1500);
    assert_int_equal(aws_answer_retry_after("0"), 0);
    assert_int_equal(aws_answer_retry_after(NULL), -1);
    assert_int_equal(aws_answer_retry_after(""), -1);
    assert_int_equal(aws_answer_retry_after("-5"), -1);
    assert_int_equal(aws_answer_retry_after("1.5"), -1);
    assert_int_equal(aws_answer_retry_after("99999999999999999999"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kind_follows_the_code_whatever_the_status),
        cmocka_unit_test(code_is_found_where_servers_put_it),
        cmocka_unit_test(status_counts_where_the_code_is_unknown_or_missing),
        cmocka_unit_test(body_without_a_code_is_not_quoted),
        cmocka_unit_test(long_and_odd_texts_are_cut),
        cmocka_unit_test(date_is_parsed),
        cmocka_unit_test(retry_after_is_parsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
