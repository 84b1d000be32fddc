/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/base64.h"
#include "backend/secretsmanager_decode.h"
#include "base/buffer.h"
#include "base/clock.h"

#define IDENTITY "\"ARN\":\"arn:a\",\"Name\":\"n\",\"VersionId\":\"v\""

static struct value *decode(const char *body)
{
    struct value *value = NULL;
    struct error error;
    if (secretsmanager_decode_value(body, strlen(body), &value, &error) < 0)
        fail_msg("%s: %s", body, error.message);
    return value;
}

static void value_of_text(void **state)
{
    _cleanup_value_ struct value *value =
        decode("{\"ARN\":\"arn:aws:secretsmanager:eu-west-1:1:secret:prod/db-AbCdEf\",\"Name\":\"prod/db\","
               "\"VersionId\":\"01234567-89ab-4def-8123-456789abcdef\",\"SecretString\":\"{\\\"a\\\": 1.50}\","
               "\"VersionStages\":[\"AWSCURRENT\",\"blue\"],\"CreatedDate\":1.523477145713E9,\"New\":{\"x\":[1]}}");
    (void)state;
    assert_string_equal(value->arn, "arn:aws:secretsmanager:eu-west-1:1:secret:prod/db-AbCdEf");
    assert_string_equal(value->name, "prod/db");
    assert_string_equal(value->version_id, "01234567-89ab-4def-8123-456789abcdef");
    assert_int_equal(value->stage_count, 2);
    assert_string_equal(value->stages[1], "blue");
    assert_int_equal(value->created_ns, UINT64_C(1523477145713) * NS_PER_MS);
    assert_false(value->binary);
    assert_string_equal(secret_bytes(value->bytes), "{\"a\": 1.50}");
}

static void value_of_bytes(void **state)
{
    _cleanup_value_ struct value *value =
        decode("{" IDENTITY ",\"SecretString\":null,\"SecretBinary\":\"AP\\/+\",\"VersionStages\":null}");
    (void)state;
    assert_true(value->binary);
    assert_int_equal(secret_size_bytes(value->bytes), 3);
    assert_memory_equal(secret_bytes(value->bytes), "\x00\xff\xfe", 3);
    assert_int_equal(value->stage_count, 0);
    assert_int_equal(value->created_ns, 0);
}

static void value_keeps_every_byte(void **state)
{
    _cleanup_value_ struct value *value = decode("{" IDENTITY ",\"SecretString\":\"a\\u0000b\\n\"}");
    _cleanup_value_ struct value *empty = decode("{" IDENTITY ",\"SecretString\":\"\"}");
    (void)state;
    assert_int_equal(secret_size_bytes(value->bytes), 4);
    assert_memory_equal(secret_bytes(value->bytes), "a\0b\n", 4);
    assert_int_equal(secret_size_bytes(empty->bytes), 0);
    assert_false(empty->binary);
}

static void optional_members_of_wrong_types_are_passed_over(void **state)
{
    static const char *const texts[] = {
        "\"VersionStages\":{},\"CreatedDate\":\"2026\"",
        "\"VersionStages\":\"AWSCURRENT\",\"CreatedDate\":null",
        "\"VersionStages\":[1,null,[],{},\"\"],\"CreatedDate\":-1",
        "\"VersionStages\":7,\"CreatedDate\":1E400",
        "\"CreatedDate\":1000000000000000000000000000000000000000000000000000000000000000000000",
        "\"CreatedDate\":[1]",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char body[256];
        (void)snprintf(body, sizeof(body), "{%s,%s,\"SecretString\":\"s\"}", IDENTITY, texts[i]);
        _cleanup_value_ struct value *value = decode(body);
        assert_int_equal(value->stage_count, 0);
        assert_int_equal(value->created_ns, 0);
    }
}

static void stages_are_bounded(void **state)
{
    _cleanup_buffer_ struct buffer body;
    (void)state;
    buffer_init(&body, 4096);
    assert_int_equal(buffer_append_text(&body, "{" IDENTITY ",\"SecretString\":\"s\",\"VersionStages\":[\"s0\""), 0);
    for (int i = 1; i < 100; i++)
        assert_int_equal(buffer_printf(&body, ",\"s%d\"", i), 0);
    assert_int_equal(buffer_append_text(&body, "]}"), 0);
    _cleanup_value_ struct value *value = decode(body.bytes);
    assert_int_equal(value->stage_count, VALUE_MAX_STAGES);
}

static void what_is_not_a_value_is_a_bad_answer(void **state)
{
    static const char *const texts[] = {
        "",
        "null",
        "[]",
        "\"x\"",
        "{}",
        "<html></html>",
        "{" IDENTITY "}",
        "{" IDENTITY ",\"SecretString\":\"x\"",
        "{" IDENTITY ",\"SecretString\":7}",
        "{" IDENTITY ",\"SecretString\":{\"a\":1}}",
        "{" IDENTITY ",\"SecretString\":null,\"SecretBinary\":null}",
        "{" IDENTITY ",\"SecretBinary\":\"AP\"}",
        "{" IDENTITY ",\"SecretBinary\":\"A===\"}",
        "{" IDENTITY ",\"SecretBinary\":[]}",
        "{\"ARN\":null,\"Name\":\"n\",\"VersionId\":\"v\",\"SecretString\":\"s\"}",
        "{\"ARN\":\"a\",\"Name\":\"\",\"VersionId\":\"v\",\"SecretString\":\"s\"}",
        "{\"ARN\":\"a\",\"Name\":\"n\\u0000m\",\"VersionId\":\"v\",\"SecretString\":\"s\"}",
        "{\"ARN\":\"a\",\"Name\":\"n\",\"VersionId\":7,\"SecretString\":\"s\"}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct value *value = NULL;
        struct error error = {.kind = ERROR_NONE};
        if (secretsmanager_decode_value(texts[i], strlen(texts[i]), &value, &error) >= 0)
            fail_msg("taken: %s", texts[i]);
        assert_int_equal(error.kind, ERROR_BAD_ANSWER);
        assert_null(value);
    }
}

static int collect(void *context, const char *name)
{
    struct buffer *names = context;
    return strcmp(name, "stop") == 0 ? -ECANCELED : buffer_printf(names, "%s;", name);
}

static void page_gives_names_and_token(void **state)
{
    static const struct {
        const char *body, *names, *token;
    } cases[] = {
        {"{\"SecretList\":[{\"Name\":\"a\",\"ARN\":\"x\"},{\"Name\":\"b/c\"}],\"NextToken\":\"t\"}", "a;b/c;", "t"},
        {"{\"SecretList\":[],\"NextToken\":\"t\"}", "", "t"},
        {"{\"SecretList\":[],\"NextToken\":null}", "", NULL},
        {"{\"SecretList\":[],\"NextToken\":\"\"}", "", NULL},
        {"{\"SecretList\":[],\"NextToken\":7}", "", NULL},
        {"{\"SecretList\":[null,1,{},{\"Name\":null},{\"Name\":[]},{\"Name\":\"\"},{\"Name\":\"z\"}]}", "z;", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_buffer_ struct buffer names;
        _cleanup_free_ char *token = NULL;
        buffer_init(&names, 1024);
        assert_int_equal(buffer_append_text(&names, ""), 0);
        assert_int_equal(
            secretsmanager_decode_page(cases[i].body, strlen(cases[i].body), collect, &names, &token, NULL), 0);
        assert_string_equal(names.bytes, cases[i].names);
        assert_int_equal(token == NULL, cases[i].token == NULL);
        if (token)
            assert_string_equal(token, cases[i].token);
    }
}

static void what_is_not_a_page_is_a_bad_answer(void **state)
{
    static const char *const texts[] = {"",      "null", "{}", "[]", "{\"SecretList\":null}", "{\"SecretList\":{}}",
                                        "<html>"};
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char *token = NULL;
        struct error error = {.kind = ERROR_NONE};
        assert_true(secretsmanager_decode_page(texts[i], strlen(texts[i]), collect, NULL, &token, &error) < 0);
        assert_int_equal(error.kind, ERROR_BAD_ANSWER);
    }
}

static void callback_ends_the_page(void **state)
{
    static const char body[] =
        "{\"SecretList\":[{\"Name\":\"a\"},{\"Name\":\"stop\"},{\"Name\":\"b\"}],\"NextToken\":\"t\"}";
    _cleanup_buffer_ struct buffer names;
    char *token = NULL;
    (void)state;
    buffer_init(&names, 1024);
    assert_int_equal(secretsmanager_decode_page(body, strlen(body), collect, &names, &token, NULL), -ECANCELED);
    assert_string_equal(names.bytes, "a;");
    assert_null(token);
}

static void base64_is_strict(void **state)
{
    static const struct {
        const char *text, *bytes;
    } good[] = {{"", ""}, {"Zg==", "f"}, {"Zm8=", "fo"}, {"Zm9v", "foo"}, {"Zm9vYg==", "foob"}, {"Zm9vYmFy", "foobar"}};
    static const char *const bad[] = {"Z",    "Zg",   "Zg=",  "Zg===", "Zh==", "Zm9=",     "Zm9v\n", " Zm9",
                                      "Z=9v", "====", "=Zm9", "Zm9-",  "Zm9_", "Zg==Zg==", "Zm\x80v"};
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        char output[16];
        size_t size = 99, told = 99;
        assert_int_equal(base64_decode(good[i].text, strlen(good[i].text), NULL, &told), 0);
        assert_int_equal(base64_decode(good[i].text, strlen(good[i].text), output, &size), 0);
        assert_int_equal(size, strlen(good[i].bytes));
        assert_int_equal(told, size);
        assert_memory_equal(output, good[i].bytes, size);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        size_t size;
        if (base64_decode(bad[i], strlen(bad[i]), NULL, &size) != -EBADMSG)
            fail_msg("taken: %s", bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(value_of_text),
        cmocka_unit_test(value_of_bytes),
        cmocka_unit_test(value_keeps_every_byte),
        cmocka_unit_test(optional_members_of_wrong_types_are_passed_over),
        cmocka_unit_test(stages_are_bounded),
        cmocka_unit_test(what_is_not_a_value_is_a_bad_answer),
        cmocka_unit_test(page_gives_names_and_token),
        cmocka_unit_test(what_is_not_a_page_is_a_bad_answer),
        cmocka_unit_test(callback_ends_the_page),
        cmocka_unit_test(base64_is_strict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
