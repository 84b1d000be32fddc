/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "backend/secret_id.h"
#include "backend/secretsmanager_request.h"

#define UUID "01234567-89ab-4def-8123-456789abcdef"

static void ids_of_secrets_are_taken_apart(void **state)
{
    static const struct {
        const char *id, *partition, *region, *account, *name;
    } cases[] = {
        {"prod/db", "", "", "", "prod/db"},
        {"rds!db-1", "", "", "", "rds!db-1"},
        {"/_+=.@-!x9", "", "", "", "/_+=.@-!x9"},
        {"arn", "", "", "", "arn"},
        {"arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf", "aws", "eu-west-1", "123456789012",
         "prod/db-AbCdEf"},
        {"arn:aws-us-gov:secretsmanager:us-gov-west-1:1:secret:a", "aws-us-gov", "us-gov-west-1", "1", "a"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct secret_id id;
        assert_true(secret_id_parse(cases[i].id, &id));
        assert_string_equal(id.partition, cases[i].partition);
        assert_string_equal(id.region, cases[i].region);
        assert_string_equal(id.account, cases[i].account);
        assert_string_equal(id.name, cases[i].name);
    }
}

static void what_aws_cannot_have_is_refused(void **state)
{
    static const char *const ids[] = {
        "",
        "a b",
        "a\n",
        "a:b",
        "a\"b",
        "a\\b",
        "\xc3\xa9",
        "a*",
        "a%2Fb",
        "arn:",
        "arn:aws",
        "arn:aws:secretsmanager:eu-west-1:1:secret:",
        "arn:aws:secretsmanager:eu-west-1:1:secret:a:key::",
        "arn:aws:secretsmanager:evil.example/:1:secret:a",
        "arn:aws:secretsmanager:EU:1:secret:a",
        "arn:aws:secretsmanager::1:secret:a",
        "arn:aws:secretsmanager:eu-west-1:x:secret:a",
        "arn:aws:secretsmanager:eu-west-1:12345678901234567890:secret:a",
        "arn:aws:ssm:eu-west-1:1:parameter/a",
        "arn:aws:secretsmanager:eu-west-1-and-a-very-long-tail-that-does-not-fit-into-a-label-of-dns:1:secret:a",
    };
    char longest[2050];
    struct secret_id id;
    (void)state;

    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        if (secret_id_parse(ids[i], &id))
            fail_msg("taken: %s", ids[i]);
    }
    for (size_t i = 0; i < sizeof(longest); i++)
        longest[i] = i < 2049 ? 'a' : '\0';
    assert_false(secret_id_parse(longest, &id));
    assert_true(secret_id_parse(longest + 1, &id));
}

static void pattern_admits_one_secret(void **state)
{
    static const struct {
        const char *id, *region, *pattern;
    } cases[] = {
        {"prod/db", "eu-west-1", "arn:aws:secretsmanager:eu-west-1:*:secret:prod/db-??????"},
        {"my-passwd", "cn-north-1", "arn:aws-cn:secretsmanager:cn-north-1:*:secret:my-passwd-??????"},
        {"arn:aws:secretsmanager:us-east-2:12:secret:prod/db-AbCdEf", "eu-west-1",
         "arn:aws:secretsmanager:us-east-2:12:secret:prod/db-??????"},
        {"arn:aws:secretsmanager:us-east-2:12:secret:prod/db", "eu-west-1",
         "arn:aws:secretsmanager:us-east-2:12:secret:prod/db-??????"},
        {"arn:aws:secretsmanager:us-east-2:12:secret:-AbCdEf", "eu-west-1",
         "arn:aws:secretsmanager:us-east-2:12:secret:-AbCdEf-??????"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct secret_id id;
        char pattern[256], cut[16];
        assert_true(secret_id_parse(cases[i].id, &id));
        secret_id_pattern(&id, cases[i].region, pattern, sizeof(pattern));
        assert_string_equal(pattern, cases[i].pattern);
        secret_id_pattern(&id, cases[i].region, cut, sizeof(cut));
        assert_int_equal(strlen(cut), sizeof(cut) - 1);
    }
}

static void stage_and_version_have_bounds(void **state)
{
    struct secret_id id;
    (void)state;
    assert_true(secretsmanager_request_parse(&(struct value_request){.id = "a", .stage = "blue"}, &id));
    assert_false(secretsmanager_request_parse(&(struct value_request){.id = "a", .stage = ""}, &id));
    assert_true(secretsmanager_request_parse(&(struct value_request){.id = "a", .version_id = UUID}, &id));
    assert_false(secretsmanager_request_parse(&(struct value_request){.id = "a", .version_id = "short"}, &id));
    assert_false(secretsmanager_request_parse(&(struct value_request){.id = "a", .version_id = UUID UUID}, &id));
}

static void get_names_its_version(void **state)
{
    static const struct {
        struct value_request request;
        const char *text;
    } cases[] = {
        {{.id = "a/b"}, "{\"SecretId\":\"a/b\",\"VersionStage\":\"AWSCURRENT\"}"},
        {{.id = "a", .stage = "AWSPREVIOUS"}, "{\"SecretId\":\"a\",\"VersionStage\":\"AWSPREVIOUS\"}"},
        {{.id = "a", .version_id = UUID}, "{\"SecretId\":\"a\",\"VersionId\":\"" UUID "\"}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_json_ struct json *parameters = NULL;
        assert_int_equal(secretsmanager_get_parameters(&cases[i].request, &parameters), 0);
        assert_string_equal(json_format(parameters, false), cases[i].text);
    }
}

static void list_joins_filters_and_prefixes(void **state)
{
    static const char *const filters[] = {"tag-key=Team", "name=prod", "tag-key=!Old=x"};
    static const char *const prefixes[] = {"a/", "b/"};
    _cleanup_free_ char *text = NULL, *none = NULL;
    _cleanup_json_ struct json *with = NULL, *without = NULL;
    (void)state;

    assert_int_equal(secretsmanager_parse_filters(filters, 3, &text, NULL), 0);
    assert_int_equal(secretsmanager_list_parameters(text, prefixes, 2, "t", &with), 0);
    assert_string_equal(
        json_format(with, false),
        "{\"MaxResults\":100,\"NextToken\":\"t\",\"Filters\":["
        "{\"Key\":\"tag-key\",\"Values\":[\"Team\",\"!Old=x\"]},{\"Key\":\"name\",\"Values\":[\"prod\"]},"
        "{\"Key\":\"name\",\"Values\":[\"a/\",\"b/\"]}]}");
    assert_int_equal(secretsmanager_parse_filters(NULL, 0, &none, NULL), 0);
    assert_int_equal(secretsmanager_list_parameters(none, NULL, 0, NULL, &without), 0);
    assert_string_equal(json_format(without, false), "{\"MaxResults\":100}");
}

static void unusable_filters_are_refused(void **state)
{
    static const char *const bad[] = {"", "=", "name", "name=", "=x", "nome=x", "Name=x", " name=x"};
    static const char *const many[] = {"name=1", "name=2", "name=3", "name=4",  "name=5", "name=6",
                                       "name=7", "name=8", "name=9", "name=10", "name=11"};
    struct error error;
    char *text = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_true(secretsmanager_parse_filters(&bad[i], 1, &text, &error) < 0);
        assert_int_equal(error.kind, ERROR_BAD_REQUEST);
        assert_non_null(strstr(error.message, bad[i]));
    }
    assert_true(secretsmanager_parse_filters(many, 11, &text, &error) < 0);
    assert_int_equal(error.kind, ERROR_BAD_REQUEST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_of_secrets_are_taken_apart), cmocka_unit_test(what_aws_cannot_have_is_refused),
        cmocka_unit_test(pattern_admits_one_secret),      cmocka_unit_test(stage_and_version_have_bounds),
        cmocka_unit_test(get_names_its_version),          cmocka_unit_test(list_joins_filters_and_prefixes),
        cmocka_unit_test(unusable_filters_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
