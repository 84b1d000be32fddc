/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cache/scope.h"

#define ARN "arn:aws:secretsmanager:eu-west-1:123456789012:secret:"
#define GOV "arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:"

static struct scope *scope_of(const char *const *texts)
{
    struct scope *scope = NULL;
    size_t count = 0;
    while (texts[count])
        count++;
    assert_int_equal(scope_new(texts, count, &scope, NULL), 0);
    return scope;
}

#define SCOPE(...) scope_of((const char *const[]){__VA_ARGS__, NULL})

static void without_secret_everything_is_allowed(void **state)
{
    static const char *const paths[] = {"a", "prod/db", "a//b", "arn"};
    _cleanup_scope_ struct scope *scope = scope_of((const char *const[]){NULL});
    const char *prefixes[10];
    (void)state;
    assert_true(scope_is_empty(scope));
    assert_false(scope_has_patterns(scope));
    assert_int_equal(scope_prefixes(scope, prefixes, 10), 0);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        _cleanup_free_ char *id = NULL;
        assert_true(scope_allows(scope, paths[i]));
        assert_int_equal(scope_id(scope, paths[i], &id), 0);
        assert_string_equal(id, paths[i]);
        assert_false(scope_is_pattern_base(scope, paths[i]));
        assert_false(scope_may_be_prefix(scope, paths[i]));
    }
    scope_free(NULL);
}

static void paths_are_asked_for_as_the_scope_says(void **state)
{
    static const struct {
        const char *texts[4];
        const char *path;
        const char *id; /* NULL: outside the scope */
    } rows[] = {
        /* names */
        {{"prod/db"}, "prod/db", "prod/db"},
        {{"prod/db"}, "prod", NULL},
        {{"prod/db"}, "prod/db/x", NULL},
        {{"prod/db"}, "prod/dbx", NULL},
        {{"prod/db"}, "x/prod/db", NULL},
        {{"prod/db"}, "", NULL},
        {{"/prod/db"}, "prod/db", "/prod/db"},
        {{"/prod/db"}, "/prod/db", NULL},
        {{"name-AbCdEf"}, "name-AbCdEf", "name-AbCdEf"},
        /* ARNs */
        {{ARN "prod/db-AbCdEf"}, "prod/db", ARN "prod/db-AbCdEf"},
        {{ARN "prod/db-AbCdEf"}, "prod/db-AbCdEf", NULL},
        {{ARN "prod/db-a1B2c3"}, "prod/db", ARN "prod/db-a1B2c3"},
        {{ARN "/prod/db-AbCdEf"}, "prod/db", ARN "/prod/db-AbCdEf"},
        {{ARN "prod/db"}, "prod/db", ARN "prod/db"},
        {{ARN "/prod/db"}, "prod/db", ARN "/prod/db"},
        {{ARN "prod/db-??????"}, "prod/db", ARN "prod/db"},
        {{ARN "/prod/db-??????"}, "prod/db", ARN "/prod/db"},
        {{ARN "db-AbCdE"}, "db-AbCdE", ARN "db-AbCdE"},
        {{ARN "db-AbCdEfg"}, "db-AbCdEfg", ARN "db-AbCdEfg"},
        {{ARN "db-AbC_Ef"}, "db-AbC_Ef", ARN "db-AbC_Ef"},
        {{ARN "x-AbCdEf"}, "x", ARN "x-AbCdEf"},
        {{ARN "-AbCdEf"}, "-AbCdEf", ARN "-AbCdEf"},
        {{GOV "db-AbCdEf"}, "db", GOV "db-AbCdEf"},
        /* patterns */
        {{"prod/*"}, "prod/db", "prod/db"},
        {{"prod/*"}, "prod/a/b/c", "prod/a/b/c"},
        {{"prod/*"}, "prod", NULL},
        {{"prod/*"}, "production/db", NULL},
        {{"/prod/*"}, "prod/db", "/prod/db"},
        {{"prod/*/*"}, "prod/a/b", "prod/a/b"},
        {{"prod/*/*"}, "prod/a", "prod/a"},
        {{ARN "prod/*"}, "prod/db", ARN "prod/db"},
        {{ARN "/prod/*"}, "prod/db", ARN "/prod/db"},
        {{GOV "a/b/*/*"}, "a/b/c", GOV "a/b/c"},
        /* the exact one wins, wherever it stands */
        {{"prod/*", ARN "prod/db-AbCdEf"}, "prod/db", ARN "prod/db-AbCdEf"},
        {{ARN "prod/db-AbCdEf", "prod/*"}, "prod/db", ARN "prod/db-AbCdEf"},
        {{ARN "prod/db-AbCdEf", "prod/*"}, "prod/api", "prod/api"},
        {{ARN "prod/*", "prod/*"}, "prod/db", ARN "prod/db"},
        {{"a", "/b", "c/*"}, "b", "/b"},
        {{"a", "/b", "c/*"}, "d", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_scope_ struct scope *scope = scope_of(rows[i].texts);
        _cleanup_free_ char *id = NULL;
        int r = scope_id(scope, rows[i].path, &id);
        if (r != (rows[i].id ? 0 : -ENOENT) || scope_allows(scope, rows[i].path) != (rows[i].id != NULL))
            fail_msg("row %zu: \"%s\" in \"%s\": %d", i, rows[i].path, rows[i].texts[0], r);
        if (rows[i].id)
            assert_string_equal(id, rows[i].id);
        else
            assert_null(id);
        assert_false(scope_is_empty(scope));
    }
}

static void directories_around_patterns_are_known(void **state)
{
    static const struct {
        const char *texts[3];
        const char *path;
        bool base;
        bool prefix;
    } rows[] = {
        {{"prod/*"}, "prod", true, false},
        {{"prod/*"}, "prod/a", false, true},
        {{"prod/*"}, "prod/a/b", false, false},
        {{"prod/*"}, "pro", false, false},
        {{"prod/*"}, "prod2", false, false},
        {{"/prod/*"}, "prod", true, false},
        {{"/prod/*"}, "prod/a", false, true},
        {{"prod/*/*"}, "prod", true, false},
        {{"prod/*/*"}, "prod/a", false, true},
        {{"prod/*/*"}, "prod/a/b", false, true},
        {{"prod/*/*"}, "prod/a/b/c", false, false},
        {{"a/b/*"}, "a", false, false},
        {{"a/b/*"}, "a/b", true, false},
        {{ARN "a/b/*/*/*"}, "a/b/1/2/3", false, true},
        {{ARN "a/b/*/*/*"}, "a/b/1/2/3/4", false, false},
        {{"a/b"}, "a/b", false, false},
        {{"a/b"}, "a/b/c", false, false},
        {{"x/*", "a/*/*"}, "a/b/c", false, true},
        {{"x/*", "a/*/*"}, "x/b/c", false, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_scope_ struct scope *scope = scope_of(rows[i].texts);
        if (scope_is_pattern_base(scope, rows[i].path) != rows[i].base ||
            scope_may_be_prefix(scope, rows[i].path) != rows[i].prefix)
            fail_msg("\"%s\" in \"%s\"", rows[i].path, rows[i].texts[0]);
    }
}

static void unusable_texts_are_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "/",
        "*",
        "/*",
        "//*",
        "prod*",
        "prod/*x",
        "prod/**",
        "prod/*/x",
        "*/x/*",
        "a?b",
        "?",
        "db-??????",
        "prod/?/*",
        "arn:",
        "arn:aws",
        "arn:aws:s3:::bucket",
        "arn:aws:secretsmanager:eu-west-1:123456789012",
        "arn:aws:secretsmanager:eu-west-1:123456789012:db",
        "arn:aws:secretsmanager:eu-west-1:123456789012:secrets:db",
        ARN,
        ARN "/",
        ARN "/*",
        ARN "*",
        ARN "prod/*-??????",
        ARN "prod/db*",
        ARN "d?-AbCdEf",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char *const list[] = {"good/*", texts[i], "good"};
        struct scope *scope = NULL;
        struct error error = {0};
        if (scope_new(list, 3, &scope, &error) != -EINVAL)
            fail_msg("taken: \"%s\"", texts[i]);
        assert_null(scope);
        assert_int_equal(error.kind, ERROR_BAD_REQUEST);
        assert_non_null(strstr(error.message, texts[i]));
        assert_int_equal(scope_new(list, 3, &scope, NULL), -EINVAL);
    }
}

static void names_are_secrets_and_directories_of_patterns(void **state)
{
    _cleanup_scope_ struct scope *scope =
        SCOPE("a", "/b/c", ARN "d-AbCdEf", "e/f/*", ARN "/g/*/*", "a", "e/f/x", ARN "h-??????");
    _cleanup_(names_builder_freep) struct names_builder *builder = NULL;
    _cleanup_names_ struct names *names = NULL;
    static const struct {
        const char *path;
        const char *name;
        enum name_kind kind;
    } rows[] = {
        {"a", "a", NAME_SECRET}, {"b/c", "/b/c", NAME_SECRET},    {"d", "d", NAME_SECRET}, {"e/f", "e/f", NAME_PREFIX},
        {"g", "g", NAME_PREFIX}, {"e/f/x", "e/f/x", NAME_SECRET}, {"h", "h", NAME_SECRET},
    };
    (void)state;
    assert_true(scope_has_patterns(scope));
    assert_int_equal(names_builder_new(&builder), 0);
    assert_int_equal(scope_add_names(scope, builder), 0);
    assert_int_equal(names_builder_finish(builder, &names), 0);
    assert_int_equal(names_count(names), sizeof(rows) / sizeof(rows[0]));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum name_kind kind;
        assert_string_equal(names_find(names, rows[i].path, &kind), rows[i].name);
        assert_int_equal(kind, rows[i].kind);
    }
    _cleanup_scope_ struct scope *exact = SCOPE("a", "/b/c", ARN "d-AbCdEf");
    assert_false(scope_has_patterns(exact));
}

static void prefixes_are_for_the_servers_filter(void **state)
{
    _cleanup_scope_ struct scope *scope = SCOPE("a/*", "/b/*/*", ARN "c-AbCdEf");
    const char *prefixes[3] = {NULL};
    (void)state;
    assert_int_equal(scope_prefixes(scope, prefixes, 3), 3);
    assert_string_equal(prefixes[0], "a");
    assert_string_equal(prefixes[1], "/b");
    assert_string_equal(prefixes[2], "c");
    assert_int_equal(scope_prefixes(scope, prefixes, 2), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_secret_everything_is_allowed),
        cmocka_unit_test(paths_are_asked_for_as_the_scope_says),
        cmocka_unit_test(directories_around_patterns_are_known),
        cmocka_unit_test(unusable_texts_are_refused),
        cmocka_unit_test(names_are_secrets_and_directories_of_patterns),
        cmocka_unit_test(prefixes_are_for_the_servers_filter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
