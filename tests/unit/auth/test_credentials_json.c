/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/credentials_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"

#define ID "\"AccessKeyId\": \"I\""
#define KEY "\"SecretAccessKey\": \"K/+=\""

/* Expected: "id key token seconds", or "!" and part of an error's text. */
static const struct {
    const char *about, *text, *expected;
} rows[] = {
    {"all", "{" ID "," KEY ",\"Token\":\"T\",\"Expiration\":\"1970-01-01T01:00:00Z\"}", "I K/+= T 3600"},
    {"white space around", " \r\n\t{ " ID " ,\n " KEY " } \n", "I K/+= - never"},
    {"token and expiry are absent", "{" ID "," KEY "}", "I K/+= - never"},
    {"null", "{" ID "," KEY ",\"Token\":null,\"Expiration\":null}", "I K/+= - never"},
    {"empty", "{" ID "," KEY ",\"Token\":\"\",\"Expiration\":\"\"}", "I K/+= - never"},
    {"names in any case", "{\"accessKeyId\":\"I\",\"SECRETACCESSKEY\":\"K\",\"token\":\"T\"}", "I K T never"},
    {"escapes", "{\"AccessKeyId\":\"\\u0049\",\"SecretAccessKey\":\"a\\/b\"}", "I a/b - never"},
    {"others do not matter", "{\"Code\":\"Success\",\"a\":[{}]," ID "," KEY ",\"AccountId\":7}", "I K/+= - never"},
    {"the last one counts", "{\"AccessKeyId\":\"X\"," ID "," KEY "}", "I K/+= - never"},
    {"fraction and offset", "{" ID "," KEY ",\"Expiration\":\"1970-01-01T02:00:00.5+01:00\"}", "I K/+= - 3600"},
    {"token of another name", "{" ID "," KEY ",\"SessionToken\":\"T\"}", "I K/+= - never"},

    {"nothing", "", "!the answer is not a JSON object"},
    {"no JSON", "<html>", "!the answer is not a JSON object"},
    {"array", "[]", "!the answer is not a JSON object"},
    {"cut off", "{" ID "," KEY, "!the answer is not a JSON object"},
    {"more behind", "{" ID "," KEY "}}", "!the answer is not a JSON object"},
    {"not UTF-8", "{" ID "," KEY ",\"a\":\"\xff\"}", "!the answer is not a JSON object"},
    {"no id", "{" KEY "}", "!the answer has no AccessKeyId"},
    {"empty id", "{\"AccessKeyId\":\"\"," KEY "}", "!the answer has no AccessKeyId"},
    {"no key", "{" ID "}", "!the answer has no SecretAccessKey"},
    {"empty object", "{}", "!the answer has no AccessKeyId"},
    {"id is a number", "{\"AccessKeyId\":7," KEY "}", "!AccessKeyId in the answer is not a text"},
    {"token is an object", "{" ID "," KEY ",\"Token\":{}}", "!Token in the answer is not a text"},
    {"NUL in the key", "{" ID ",\"SecretAccessKey\":\"a\\u0000b\"}", "!SecretAccessKey in the answer is not a text"},
    {"line break in the token", "{" ID "," KEY ",\"Token\":\"a\\r\\nb\"}", "!holds a blank or a control character"},
    {"blank in the id", "{\"AccessKeyId\":\"a b\"," KEY "}", "!holds a blank or a control character"},
    {"expiry is not a time", "{" ID "," KEY ",\"Expiration\":\"soon\"}", "!Expiration in the answer is not a time"},
    {"expiry is a number", "{" ID "," KEY ",\"Expiration\":1}", "!Expiration in the answer is not a text"},
};

static void show(const struct credentials *credentials, char *text, size_t room_bytes)
{
    const struct secret *token = credentials->session_token;
    char seconds[32] = "never";
    if (credentials->expires_ns != CLOCK_NEVER_NS)
        (void)snprintf(seconds, sizeof(seconds), "%llu", (unsigned long long)(credentials->expires_ns / NS_PER_SEC));
    (void)snprintf(text, room_bytes, "%s %s %s %s", credentials->access_key_id,
                   secret_bytes(credentials->secret_access_key), token ? secret_bytes(token) : "-", seconds);
}

static void test_answers(void **state)
{
    (void)state;
    size_t failures = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_credentials_ struct credentials *credentials = NULL;
        struct error error = {.kind = ERROR_NONE};
        char got[1024];
        int r = credentials_json_parse(rows[i].text, strlen(rows[i].text), "Token", "test", &credentials, &error);
        if (r == 0)
            show(credentials, got, sizeof(got));
        else
            (void)snprintf(got, sizeof(got), "!%s", error.message);
        assert_int_equal(error.kind, r == 0 ? ERROR_NONE : ERROR_BAD_ANSWER);
        bool good = r == 0 ? strcmp(got, rows[i].expected) == 0
                           : rows[i].expected[0] == '!' && strstr(got, rows[i].expected + 1);
        if (!good)
            print_error("%s:\n  expected %s\n  got      %s\n", rows[i].about, rows[i].expected, got);
        failures += good ? 0 : 1;
    }
    assert_int_equal(failures, 0);
}

static void test_name_of_the_token(void **state)
{
    (void)state;
    static const char text[] = "{" ID "," KEY ",\"Token\":\"a\",\"SessionToken\":\"b\"}";
    _cleanup_credentials_ struct credentials *credentials = NULL;
    assert_int_equal(credentials_json_parse(text, strlen(text), "SessionToken", "test", &credentials, NULL), 0);
    assert_string_equal(secret_bytes(credentials->session_token), "b");
    assert_string_equal(credentials->provider, "test");
}

static void test_texts(void **state)
{
    (void)state;
    static const char text[] = "{\"Code\":\"Failed\\n\",\"n\":1}";
    char field[5] = "?";
    assert_true(credentials_json_text(text, strlen(text), "code", field, sizeof(field)));
    assert_string_equal(field, "Fail");
    assert_false(credentials_json_text(text, strlen(text), "n", field, sizeof(field)));
    assert_false(credentials_json_text(text, strlen(text), "Message", field, sizeof(field)));
    assert_false(credentials_json_text("[]", 2, "Code", field, sizeof(field)));
    char wide[16];
    assert_true(credentials_json_text(text, strlen(text), "Code", wide, sizeof(wide)));
    assert_string_equal(wide, "Failed?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_name_of_the_token),
        cmocka_unit_test(test_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
