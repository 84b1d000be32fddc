/* SPDX-License-Identifier: Apache-2.0 */

/* Answers about many secrets, and about the versions of one. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "backend/secretsmanager_decode.h"
#include "base/buffer.h"

#define VALUE(name) \
    "{\"ARN\":\"arn:" name "\",\"Name\":\"" name "\",\"VersionId\":\"v\",\"SecretString\":\"of " name "\"}"

static void add_value(void *context, struct value *value)
{
    assert_int_equal(buffer_printf(context, "%s=%s;", value->name, secret_bytes(value->bytes)), 0);
    value_free(value);
}

static void add_error(void *context, const char *id, const struct error *error)
{
    assert_int_equal(buffer_printf(context, "%s:%s;", id, error_kind_name(error->kind)), 0);
}

static const struct secretsmanager_batch_ops ops = {add_value, add_error};

static void batch_gives_values_and_errors(void **state)
{
    static const struct {
        const char *body, *told, *token;
    } cases[] = {
        {"{\"SecretValues\":[" VALUE("a") "," VALUE(
             "b") "],\"Errors\":[{\"SecretId\":\"c\",\"ErrorCode\":"
                  "\"ResourceNotFoundException\",\"Message\":\"?\"}],\"NextToken\":\"t\"}",
         "a=of a;b=of b;c:not-found;", "t"},
        {"{\"Errors\":[{\"SecretId\":\"c\",\"ErrorCode\":\"AccessDeniedException\",\"Message\":\"no\"},"
         "{\"SecretId\":\"d\",\"ErrorCode\":\"InvalidRequestException\",\"Message\":\"marked for deletion\"},"
         "{\"SecretId\":\"e\",\"ErrorCode\":\"AccessDeniedException\",\"Message\":\"Access to KMS is not allowed\"},"
         "{\"SecretId\":\"f\",\"ErrorCode\":\"ThrottlingException\"},"
         "{\"SecretId\":\"g\",\"ErrorCode\":\"ns#InternalServiceError:http://x\",\"Message\":null},"
         "{\"SecretId\":\"h\",\"ErrorCode\":\"Other\"},{\"SecretId\":\"i\"},{\"ErrorCode\":\"x\"},null,7]}",
         "c:access-denied;d:marked-for-deletion;e:kms-denied;f:throttled;g:server-error;h:bad-request;i:bad-answer;",
         NULL},
        {"{\"SecretValues\":[null,7,{}," VALUE("a") ",{\"ARN\":\"arn:b\",\"Name\":\"b\",\"VersionId\":\"v\"},[]]}",
         "a=of a;", NULL},
        {"{\"SecretValues\":[],\"Errors\":[],\"NextToken\":\"t\"}", "", "t"},
        {" { \"SecretValues\" : [ " VALUE("a") " , " VALUE("b") " ] } ", "a=of a;b=of b;", NULL},
        {"{\"SecretValues\":null,\"Errors\":null,\"NextToken\":null}", "", NULL},
        {"{\"SecretValues\":{},\"Errors\":7,\"NextToken\":7}", "", NULL},
        {"{\"NextToken\":\"\"}", "", NULL},
        {"{}", "", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_buffer_ struct buffer told;
        _cleanup_free_ char *token = NULL;
        buffer_init(&told, 1024);
        assert_int_equal(buffer_append_text(&told, ""), 0);
        assert_int_equal(secretsmanager_decode_batch(cases[i].body, strlen(cases[i].body), &ops, &told, &token, NULL),
                         0);
        assert_string_equal(told.bytes, cases[i].told);
        assert_int_equal(token == NULL, cases[i].token == NULL);
        if (token)
            assert_string_equal(token, cases[i].token);
    }
}

static int add_version(void *context, const char *version_id, const char *stage)
{
    if (strcmp(version_id, "stop") == 0)
        return -ECANCELED;
    return buffer_printf(context, "%s=%s;", version_id, stage ? stage : "-");
}

static void versions_come_with_their_stages(void **state)
{
#define SECRET(rest) "{\"ARN\":\"arn:a\"," rest "}"
    static const struct {
        const char *body, *told;
    } cases[] = {
        {SECRET("\"VersionIdsToStages\":{\"v1\":[\"AWSPREVIOUS\"],\"v2\":[\"AWSCURRENT\",\"blue\"],\"v3\":[]}"),
         "v1=AWSPREVIOUS;v2=AWSCURRENT;v2=blue;v3=-;"},
        {SECRET("\"VersionIdsToStages\":null,\"SecretVersionsToStages\":{\"v1\":[\"AWSCURRENT\"]}"), "v1=AWSCURRENT;"},
        {SECRET("\"VersionIdsToStages\":{\"v1\":[]},\"SecretVersionsToStages\":{\"v2\":[]}"), "v1=-;"},
        {SECRET("\"VersionIdsToStages\":{\"v1\":null,\"v2\":7,\"v3\":[null,7,\"\",\"a\\u0000b\",\"x\"],\"\":[\"y\"]}"),
         "v1=-;v2=-;v3=x;"},
        {SECRET("\"VersionIdsToStages\":{\"01234567890123456789012345678901234567890123456789012345678901234\":[]}"),
         ""},
        {SECRET("\"VersionIdsToStages\":[]"), ""},
        {SECRET("\"VersionIdsToStages\":{}"), ""},
        {SECRET("\"DeletedDate\":null"), ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_buffer_ struct buffer told;
        buffer_init(&told, 1024);
        assert_int_equal(buffer_append_text(&told, ""), 0);
        assert_int_equal(secretsmanager_decode_versions(cases[i].body, strlen(cases[i].body), add_version, &told, NULL),
                         0);
        assert_string_equal(told.bytes, cases[i].told);
    }
}

static int count_version(void *context, const char *version_id, const char *stage)
{
    (void)version_id;
    (void)stage;
    ++*(unsigned *)context;
    return 0;
}

static void versions_are_bounded(void **state)
{
    _cleanup_buffer_ struct buffer body;
    unsigned count = 0;
    (void)state;
    buffer_init(&body, 65536);
    assert_int_equal(buffer_append_text(&body, "{\"ARN\":\"a\",\"VersionIdsToStages\":{\"v\":[]"), 0);
    for (int i = 0; i < 2000; i++)
        assert_int_equal(buffer_printf(&body, ",\"v%d\":[\"s%d\"]", i, i), 0);
    assert_int_equal(buffer_append_text(&body, "}}"), 0);
    assert_int_equal(secretsmanager_decode_versions(body.bytes, body.size_bytes, count_version, &count, NULL), 0);
    assert_int_equal(count, 1000);
}

static void callback_ends_the_versions(void **state)
{
    static const char body[] = "{\"ARN\":\"a\",\"VersionIdsToStages\":{\"v1\":[],\"stop\":[\"x\"],\"v2\":[]}}";
    _cleanup_buffer_ struct buffer told;
    struct error error;
    (void)state;
    buffer_init(&told, 1024);
    assert_int_equal(secretsmanager_decode_versions(body, strlen(body), add_version, &told, &error), -ECANCELED);
    assert_int_equal(error.kind, ERROR_INTERNAL);
    assert_string_equal(told.bytes, "v1=-;");
}

static void deleted_secret_has_no_versions(void **state)
{
    static const char body[] = "{\"ARN\":\"a\",\"DeletedDate\":1.5E9,\"VersionIdsToStages\":{\"v1\":[]}}";
    struct error error;
    (void)state;
    assert_true(secretsmanager_decode_versions(body, strlen(body), add_version, NULL, &error) < 0);
    assert_int_equal(error.kind, ERROR_DELETED);
}

static void what_is_not_an_answer_is_told(void **state)
{
    static const char *const texts[] = {"", "null", "[]", "\"x\"", "7", "<html>", "{\"ARN\":\"a\""};
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char *token = NULL;
        struct error error = {.kind = ERROR_NONE};
        assert_true(secretsmanager_decode_batch(texts[i], strlen(texts[i]), &ops, NULL, &token, &error) < 0);
        assert_int_equal(error.kind, ERROR_BAD_ANSWER);
        error.kind = ERROR_NONE;
        assert_true(secretsmanager_decode_versions(texts[i], strlen(texts[i]), add_version, NULL, &error) < 0);
        assert_int_equal(error.kind, ERROR_BAD_ANSWER);
    }
    assert_true(secretsmanager_decode_versions("{}", 2, add_version, NULL, NULL) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batch_gives_values_and_errors),  cmocka_unit_test(versions_come_with_their_stages),
        cmocka_unit_test(versions_are_bounded),           cmocka_unit_test(callback_ends_the_versions),
        cmocka_unit_test(deleted_secret_has_no_versions), cmocka_unit_test(what_is_not_an_answer_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
