/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "backend/queue_url.h"
#include "backend/sqs.h"
#include "base/buffer.h"

static void url_tells_origin_region_and_arn(void **state)
{
    static const struct {
        const char *text, *origin, *region, *arn;
    } cases[] = {
        {"https://sqs.eu-central-1.amazonaws.com/123456789012/q", "https://sqs.eu-central-1.amazonaws.com",
         "eu-central-1", "arn:aws:sqs:eu-central-1:123456789012:q"},
        {"https://sqs.cn-north-1.amazonaws.com.cn/1/q.fifo", "https://sqs.cn-north-1.amazonaws.com.cn", "cn-north-1",
         "arn:aws-cn:sqs:cn-north-1:1:q.fifo"},
        {"https://sqs-fips.us-east-2.amazonaws.com/1/q", "https://sqs-fips.us-east-2.amazonaws.com", "us-east-2",
         "arn:aws:sqs:us-east-2:1:q"},
        {"https://sqs.us-east-2.api.aws/1/q", "https://sqs.us-east-2.api.aws", "us-east-2",
         "arn:aws:sqs:us-east-2:1:q"},
        {"https://vpce-0ab-1.sqs.us-east-2.vpce.amazonaws.com/1/q",
         "https://vpce-0ab-1.sqs.us-east-2.vpce.amazonaws.com", "us-east-2", "arn:aws:sqs:us-east-2:1:q"},
        {"https://us-east-2.queue.amazonaws.com/1/q", "https://us-east-2.queue.amazonaws.com", "us-east-2",
         "arn:aws:sqs:us-east-2:1:q"},
        {"http://sqs.us-east-2.localhost.localstack.cloud:4566/1/q",
         "http://sqs.us-east-2.localhost.localstack.cloud:4566", "us-east-2", "arn:aws:sqs:us-east-2:1:q"},
        {"http://localhost:4566/queue/us-east-2/1/q", "http://localhost:4566", "", "arn:aws:sqs:eu-west-1:1:q"},
        {"http://127.0.0.1:80/1/q", "http://127.0.0.1", "", "arn:aws:sqs:eu-west-1:1:q"},
        {"http://[::1]:5000/1/q", "http://[::1]:5000", "", "arn:aws:sqs:eu-west-1:1:q"},
        {"http://sqs.localhost:9324/1/q", "http://sqs.localhost:9324", "", "arn:aws:sqs:eu-west-1:1:q"},
        {"https://sqs/1/q", "https://sqs", "", "arn:aws:sqs:eu-west-1:1:q"},
        {"https://queue.amazonaws.com/1/q", "https://queue.amazonaws.com", "", "arn:aws:sqs:eu-west-1:1:q"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_(queue_url_clear) struct queue_url url = {0};
        struct error error;
        char arn[128];
        if (queue_url_parse(cases[i].text, "--events-queue", &url, &error) < 0)
            fail_msg("%s: %s", cases[i].text, error.message);
        queue_url_arn(&url, url.region[0] ? url.region : "eu-west-1", arn, sizeof(arn));
        assert_string_equal(url.text, cases[i].text);
        assert_string_equal(url.origin, cases[i].origin);
        assert_string_equal(url.region, cases[i].region);
        assert_string_equal(arn, cases[i].arn);
    }
}

static void what_is_not_a_url_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "q",
        "/1/q",
        "https://",
        "https:///1/q",
        "https://h",
        "https://h/",
        "https://h/q",
        "https://h/1/",
        "https://h//q",
        "https://h/1/q/",
        "https://h/1/q?a=b",
        "https://h/1/q\n",
        "https://h/1/q\"",
        "ftp://h/1/q",
        "arn:aws:sqs:eu-west-1:1:q",
        "https://user:hunter2@h/1/q",
        "https://h:0/1/q",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct queue_url url = {0};
        struct error error;
        if (queue_url_parse(texts[i], "--events-queue", &url, &error) >= 0)
            fail_msg("taken: %s", texts[i]);
        assert_int_equal(error.kind, ERROR_BAD_REQUEST);
        assert_non_null(strstr(error.message, "--events-queue"));
        assert_null(strstr(error.message, "hunter2"));
        assert_null(url.text);
    }
}

static void requests(void **state)
{
    static char first[] = "r\"1", second[] = "r2";
    const struct sqs_messages messages = {.items = {{.receipt = first}, {.receipt = second}}, .count = 2};
    _cleanup_json_ struct json *receive = NULL;
    _cleanup_json_ struct json *delete = NULL;
    (void)state;
    assert_int_equal(sqs_receive_parameters("http://h/1/q", &receive), 0);
    assert_string_equal(json_format(receive, false),
                        "{\"QueueUrl\":\"http://h/1/q\",\"MaxNumberOfMessages\":10,\"WaitTimeSeconds\":20}");
    assert_int_equal(sqs_delete_parameters("http://h/1/q", &messages, &delete), 0);
    assert_string_equal(json_format(delete, false),
                        "{\"QueueUrl\":\"http://h/1/q\",\"Entries\":[{\"Id\":\"0\",\"ReceiptHandle\":\"r\\\"1\"},"
                        "{\"Id\":\"1\",\"ReceiptHandle\":\"r2\"}]}");
}

static void messages_are_decoded(void **state)
{
    static const char body[] =
        "{\"Messages\":[{\"MessageId\":\"1\",\"ReceiptHandle\":\"a\",\"Body\":\"{\\\"x\\\":1}\"},"
        "{\"ReceiptHandle\":\"b\"},{\"ReceiptHandle\":\"c\",\"Body\":null},{\"Body\":\"lost\"},"
        "null,7,{\"ReceiptHandle\":\"\"},{\"ReceiptHandle\":\"d\",\"Body\":\"\"}]}";
    struct sqs_messages messages = {.count = 0};
    (void)state;
    assert_int_equal(sqs_decode_messages(body, strlen(body), &messages, NULL), 0);
    assert_int_equal(messages.count, 4);
    assert_string_equal(messages.items[0].receipt, "a");
    assert_string_equal(messages.items[0].body, "{\"x\":1}");
    assert_int_equal(messages.items[0].body_bytes, 7);
    assert_null(messages.items[1].body);
    assert_null(messages.items[2].body);
    assert_string_equal(messages.items[3].receipt, "d");
    assert_int_equal(messages.items[3].body_bytes, 0);
    sqs_messages_clear(&messages);
}

static void empty_answers_have_no_messages(void **state)
{
    static const char *const texts[] = {"{}", "{\"Messages\":null}", "{\"Messages\":[]}", "{\"Messages\":7}"};
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct sqs_messages messages = {.count = 7};
        assert_int_equal(sqs_decode_messages(texts[i], strlen(texts[i]), &messages, NULL), 0);
        assert_int_equal(messages.count, 0);
    }
}

static void messages_are_bounded(void **state)
{
    _cleanup_buffer_ struct buffer body;
    struct sqs_messages messages = {.count = 0};
    (void)state;
    buffer_init(&body, 4096);
    assert_int_equal(buffer_append_text(&body, "{\"Messages\":[{\"ReceiptHandle\":\"0\"}"), 0);
    for (int i = 1; i < 50; i++)
        assert_int_equal(buffer_printf(&body, ",{\"ReceiptHandle\":\"%d\"}", i), 0);
    assert_int_equal(buffer_append_text(&body, "]}"), 0);
    assert_int_equal(sqs_decode_messages(body.bytes, body.size_bytes, &messages, NULL), 0);
    assert_int_equal(messages.count, SQS_MAX_MESSAGES);
    sqs_messages_clear(&messages);
}

static void what_is_not_an_answer_is_told(void **state)
{
    static const char *const texts[] = {"", "null", "[]", "<html>", "{\"Messages\":["};
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct sqs_messages messages = {.count = 0};
        struct error error = {.kind = ERROR_NONE};
        assert_true(sqs_decode_messages(texts[i], strlen(texts[i]), &messages, &error) < 0);
        assert_int_equal(error.kind, ERROR_BAD_ANSWER);
        assert_true(sqs_decode_deleted(texts[i], strlen(texts[i]), &error) < 0);
        assert_int_equal(error.kind, ERROR_BAD_ANSWER);
    }
}

static void failed_deletions_are_told(void **state)
{
    static const struct {
        const char *body;
        enum error_kind kind;
    } cases[] = {
        {"{\"Successful\":[{\"Id\":\"0\"}]}", ERROR_NONE},
        {"{\"Successful\":[],\"Failed\":[]}", ERROR_NONE},
        {"{\"Failed\":null}", ERROR_NONE},
        {"{\"Failed\":[{\"Id\":\"0\",\"Code\":\"AccessDenied\",\"Message\":\"no\"}]}", ERROR_ACCESS_DENIED},
        {"{\"Failed\":[{\"Id\":\"0\",\"Code\":\"ReceiptHandleIsInvalid\"},7]}", ERROR_BAD_REQUEST},
        {"{\"Failed\":[7]}", ERROR_BAD_ANSWER},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error error = {.kind = ERROR_NONE};
        int r = sqs_decode_deleted(cases[i].body, strlen(cases[i].body), &error);
        assert_int_equal(r < 0, cases[i].kind != ERROR_NONE);
        assert_int_equal(error.kind, cases[i].kind);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(url_tells_origin_region_and_arn),
        cmocka_unit_test(what_is_not_a_url_is_refused),
        cmocka_unit_test(requests),
        cmocka_unit_test(messages_are_decoded),
        cmocka_unit_test(empty_answers_have_no_messages),
        cmocka_unit_test(messages_are_bounded),
        cmocka_unit_test(what_is_not_an_answer_is_told),
        cmocka_unit_test(failed_deletions_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
