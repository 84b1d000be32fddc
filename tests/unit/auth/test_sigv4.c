/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/sigv4.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"

#define TIME_NS (UINT64_C(1767323045) * NS_PER_SEC) /* 2026-01-02T03:04:05Z */
#define TOKEN "AQoDYXdzEXAMPLEtoken//////////wEaDExample+Session/Token=="
#define SECRET_ID "{\"SecretId\":\"prod/db\",\"VersionStage\":\"AWSCURRENT\"}"
#define JSON_1_1 "application/x-amz-json-1.1"

/* Known answers, made with botocore's SigV4Auth. */
static const struct {
    const char *about;
    const char *token;
    const char *host;
    const char *service;
    const char *content_type;
    const char *target;
    const char *body;
    const char *signed_headers;
    const char *signature;
} vectors[] = {
    {"A: no token", NULL, "secretsmanager.eu-west-1.amazonaws.com", "secretsmanager", JSON_1_1,
     "secretsmanager.GetSecretValue", SECRET_ID, "content-type;host;x-amz-date;x-amz-target",
     "73d9f41c7fbf6dfa9412417a6faee7116964eaab870223dbe287a351548f6e3e"},
    {"B: token", TOKEN, "secretsmanager.eu-west-1.amazonaws.com", "secretsmanager", JSON_1_1,
     "secretsmanager.GetSecretValue", SECRET_ID, "content-type;host;x-amz-date;x-amz-security-token;x-amz-target",
     "c2b12fcdf2e6f9ec7de0b85a8faaecb7a0a18cf52a328a434286aa4c38a123bf"},
    {"C: host with a port", NULL, "127.0.0.1:5000", "secretsmanager", JSON_1_1, "secretsmanager.GetSecretValue",
     SECRET_ID, "content-type;host;x-amz-date;x-amz-target",
     "4dc55ea8714dce0edc51ea64d084be50b120247ee9ea68e70cde37cf4905968a"},
    {"D: SQS", NULL, "sqs.eu-west-1.amazonaws.com", "sqs", "application/x-amz-json-1.0", "AmazonSQS.ReceiveMessage",
     "{\"QueueUrl\":\"https://sqs.eu-west-1.amazonaws.com/123456789012/q\",\"WaitTimeSeconds\":20}",
     "content-type;host;x-amz-date;x-amz-target", "6cc3e0cc7558c8e4d348b54628fe9c05181c823cd4cc7025cef8ead157b11fbf"},
    {"E: STS", NULL, "sts.eu-west-1.amazonaws.com", "sts", "application/x-www-form-urlencoded; charset=utf-8", NULL,
     "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fr1&RoleSessionName=sess",
     "content-type;host;x-amz-date", "785e9da1c8f99ed1964293a1bedf2dee13299cbaf45a93261f891d65f77ecf51"},
};

static struct credentials *make_credentials(const char *token)
{
    struct credentials *credentials = NULL;
    assert_int_equal(credentials_new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token, CLOCK_NEVER_NS,
                                     "test", &credentials),
                     0);
    return credentials;
}

static void authorize(const char *token, const struct sigv4_request *request, struct buffer *ret_text)
{
    _cleanup_credentials_ struct credentials *credentials = make_credentials(token);
    assert_int_equal(sigv4_authorize(request, credentials, ret_text), 0);
}

static void test_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        const struct sigv4_header headers[] = {
            {"x-amz-target", vectors[i].target},
            {"content-type", vectors[i].content_type},
        };
        const size_t skipped = vectors[i].target ? 0 : 1;
        const struct sigv4_request request = {
            .method = "POST",
            .host = vectors[i].host,
            .headers = headers + skipped,
            .header_count = 2 - skipped,
            .body = vectors[i].body,
            .body_bytes = strlen(vectors[i].body),
            .region = "eu-west-1",
            .service = vectors[i].service,
            .time_ns = TIME_NS,
        };
        _cleanup_buffer_ struct buffer expected, text;
        buffer_init(&expected, 1024);
        buffer_init(&text, 1024);
        assert_int_equal(buffer_printf(&expected,
                                       "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/eu-west-1/%s/aws4_request, "
                                       "SignedHeaders=%s, Signature=%s",
                                       vectors[i].service, vectors[i].signed_headers, vectors[i].signature),
                         0);
        authorize(vectors[i].token, &request, &text);
        if (strcmp(text.bytes, expected.bytes) != 0)
            fail_msg("%s: %s", vectors[i].about, text.bytes);
    }
}

static void test_date(void **state)
{
    (void)state;
    char date[SIGV4_DATE_BYTES];
    sigv4_date(TIME_NS, date);
    assert_string_equal(date, "20260102T030405Z");
    sigv4_date(TIME_NS + NS_PER_SEC - 1, date);
    assert_string_equal(date, "20260102T030405Z");
    sigv4_date(0, date);
    assert_string_equal(date, "19700101T000000Z");
}

/* The signature of a request that has nothing but these headers. */
static void sign_headers(const struct sigv4_header *headers, size_t count, struct buffer *ret_text)
{
    const struct sigv4_request request = {
        .method = "GET",
        .host = "h",
        .headers = headers,
        .header_count = count,
        .region = "r",
        .service = "s",
        .time_ns = TIME_NS,
    };
    authorize(NULL, &request, ret_text);
}

static void test_header_values(void **state)
{
    (void)state;
    static const struct {
        struct sigv4_header given[2], clean[2];
        size_t given_count, clean_count;
        const char *about;
    } pairs[] = {
        {{{"a", " \t b \t "}}, {{"a", "b"}}, 1, 1, "trimmed"},
        {{{"a", "b  c \t d"}}, {{"a", "b c d"}}, 1, 1, "runs of blanks"},
        {{{"a", "\"b  c\""}}, {{"a", "\"b c\""}}, 1, 1, "runs of blanks in quotes"},
        {{{"a", "b\r\n c"}}, {{"a", "b c"}}, 1, 1, "continuation line"},
        {{{"a", "   "}}, {{"a", ""}}, 1, 1, "nothing but blanks"},
        {{{"z", "1"}, {"a", "2"}}, {{"a", "2"}, {"z", "1"}}, 2, 2, "sorted"},
        {{{"a", "2"}, {"a", "1"}}, {{"a", "2,1"}}, 2, 1, "same name: joined in the order given"},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        _cleanup_buffer_ struct buffer given, clean;
        buffer_init(&given, 1024);
        buffer_init(&clean, 1024);
        sign_headers(pairs[i].given, pairs[i].given_count, &given);
        sign_headers(pairs[i].clean, pairs[i].clean_count, &clean);
        if (strcmp(given.bytes, clean.bytes) != 0)
            fail_msg("%s: %s and %s", pairs[i].about, given.bytes, clean.bytes);
    }
}

static void test_limits(void **state)
{
    (void)state;
    struct sigv4_header headers[31];
    for (size_t i = 0; i < 31; i++)
        headers[i] = (struct sigv4_header){"x-many", "v"};
    struct sigv4_request request = {
        .method = "GET",
        .host = "h",
        .headers = headers,
        .header_count = 30,
        .region = "r",
        .service = "s",
        .time_ns = TIME_NS,
    };
    _cleanup_credentials_ struct credentials *credentials = make_credentials(NULL);
    _cleanup_buffer_ struct buffer text, small;
    buffer_init(&text, 1024);
    buffer_init(&small, 10);
    assert_int_equal(sigv4_authorize(&request, credentials, &text), 0);
    assert_int_equal(sigv4_authorize(&request, credentials, &small), -EFBIG);
    request.header_count = 31;
    assert_int_equal(sigv4_authorize(&request, credentials, &text), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_date),
        cmocka_unit_test(test_header_values),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
