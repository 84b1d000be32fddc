/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/json.h"

#define DEPTH 32

static struct json *parse(const char *text)
{
    struct json *json = NULL;
    assert_int_equal(json_parse(text, strlen(text), DEPTH, &json), 0);
    return json;
}

static void parse_refuses_what_is_not_json(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        "NaN",
        "[Infinity]",
        "{'a':1}",
        "{\"a\":1,}",
        "[1,]",
        "// x\n{}",
        "/**/{}",
        "\"a\nb\"",
        "01",
        "[-01]",
        "1.",
        "TRUE",
        "Null",
        "{} {}",
        "{",
        "\"\xff\"",
        "\"\xed\xa0\x80\"",
        "{\"a\" 1}",
        "'a'",
        "\xef\xbb\xbf{}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct json *json = NULL;
        if (json_parse(bad[i], strlen(bad[i]), DEPTH, &json) != -EBADMSG || json)
            fail_msg("taken: %s", bad[i]);
    }
}

static void parse_reads_exactly_the_given_bytes(void **state)
{
    struct json *json = NULL;
    (void)state;
    assert_int_equal(json_parse("[1]garbage", 3, DEPTH, &json), 0);
    assert_int_equal(json_array_length(json), 1);
    json_free(json);
    assert_int_equal(json_parse("{}\0", 3, DEPTH, &json), -EBADMSG);
}

static void parse_takes_every_top_level_value(void **state)
{
    static const char *const good[] = {"0",     "-0",   "17", "1.5", "1E400", "123456789012345678901234567890",
                                       "\"a\"", "true", "[]", "{}",  " 7 "};
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        _cleanup_json_ struct json *json = parse(good[i]);
        assert_non_null(json);
    }
    assert_null(parse("null"));
}

static void parse_bounds_the_depth(void **state)
{
    struct json *json = NULL;
    (void)state;
    assert_int_equal(json_parse("[[1]]", 5, 1, &json), -EBADMSG);
    assert_int_equal(json_parse("[[1]]", 5, 2, &json), 0);
    json_free(json);
    assert_int_equal(json_parse("1", 1, 0, &json), 0);
    json_free(json);
    assert_int_equal(json_parse("{\"a\":{\"b\":[1]}}", 15, 3, &json), 0);
    json_free(json);
}

static void members_are_read_by_type(void **state)
{
    _cleanup_json_ struct json *json =
        parse("{\"t\":\"x\",\"i\":3,\"d\":1.523477145713E9,\"yes\":true,\"none\":null,\"list\":[1,\"two\",null],"
              "\"nul\":\"a\\u0000b\",\"dup\":1,\"dup\":2}");
    double number = 0;
    size_t size = 0;
    (void)state;

    assert_true(json_is_object(json));
    assert_string_equal(json_member_text(json, "t"), "x");
    assert_true(json_number(json_member(json, "i"), &number) && number > 2.9 && number < 3.1);
    assert_true(json_number(json_member(json, "d"), &number) && fabs(number - 1523477145.713) < 0.0001);
    assert_true(json_boolean(json_member(json, "yes")));
    assert_null(json_member(json, "none"));
    assert_int_equal(json_array_length(json_member(json, "list")), 3);
    assert_string_equal(json_text(json_array_at(json_member(json, "list"), 1), NULL), "two");
    assert_null(json_array_at(json_member(json, "list"), 2));
    assert_null(json_array_at(json_member(json, "list"), 3));
    assert_true(json_number(json_member(json, "dup"), &number) && number > 1.9);

    /* A NUL inside: the bytes are there, but not as a C string. */
    assert_memory_equal(json_text(json_member(json, "nul"), &size), "a\0b", 3);
    assert_int_equal(size, 3);
    assert_null(json_member_text(json, "nul"));
}

static void wrong_types_and_null_are_harmless(void **state)
{
    _cleanup_json_ struct json *json = parse("{\"t\":\"x\",\"l\":[]}");
    double number = 0;
    (void)state;

    assert_null(json_member(NULL, "a"));
    assert_null(json_member(json_member(json, "t"), "a"));
    assert_null(json_member_text(json, "l"));
    assert_null(json_text(NULL, NULL));
    assert_false(json_number(json_member(json, "t"), &number));
    assert_false(json_boolean(json_member(json, "t")));
    assert_false(json_is_object(NULL));
    assert_int_equal(json_array_length(json), 0);
    assert_null(json_array_at(json, 0));
    assert_int_equal(json_each_member(NULL, NULL, NULL), 0);
    assert_string_equal(json_format(NULL, false), "null");
    json_free(NULL);
}

static int collect(void *context, const char *key, struct json *value)
{
    struct buffer *keys = context;
    (void)value;
    assert_int_equal(buffer_append_text(keys, key), 0);
    return strcmp(key, "stop") == 0 ? -7 : 0;
}

static void each_member_comes_in_order_until_stopped(void **state)
{
    _cleanup_json_ struct json *all = parse("{\"b\":1,\"a\":2,\"c\":null}");
    _cleanup_json_ struct json *stopped = parse("{\"x\":1,\"stop\":2,\"y\":3}");
    _cleanup_buffer_ struct buffer keys;
    (void)state;

    buffer_init(&keys, 32);
    assert_int_equal(json_each_member(all, collect, &keys), 0);
    assert_int_equal(json_each_member(stopped, collect, &keys), -7);
    assert_string_equal(keys.bytes, "bacxstop");
}

static void format_writes_what_was_put(void **state)
{
    _cleanup_json_ struct json *json = json_new_object();
    struct json *list = json_new_array();
    (void)state;

    assert_int_equal(json_put_text(json, "t", "a/\"b\"\n\xc3\xa9"), 0);
    assert_int_equal(json_put_text(json, "absent", NULL), 0);
    assert_int_equal(json_put_text(json, "path", "/a\xff\033[m\xc3"), 0);
    assert_int_equal(json_put_int(json, "i", INT64_MIN), 0);
    assert_int_equal(json_put_double(json, "d", 0.1), 0);
    assert_int_equal(json_put_double(json, "nan", (double)NAN), 0);
    assert_int_equal(json_put_bool(json, "y", true), 0);
    assert_int_equal(json_append_text(list, "x"), 0);
    assert_int_equal(json_append(list, json_new_object()), 0);
    assert_int_equal(json_put(json, "l", list), 0);
    assert_string_equal(json_format(json, false),
                        "{\"t\":\"a/\\\"b\\\"\\n\xc3\xa9\",\"path\":\"/"
                        "a??[m?\",\"i\":-9223372036854775808,\"d\":0.1,\"nan\":null,\"y\":true,"
                        "\"l\":[\"x\",{}]}");
    assert_non_null(strchr(json_format(json, true), '\n'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_refuses_what_is_not_json),
        cmocka_unit_test(parse_reads_exactly_the_given_bytes),
        cmocka_unit_test(parse_takes_every_top_level_value),
        cmocka_unit_test(parse_bounds_the_depth),
        cmocka_unit_test(members_are_read_by_type),
        cmocka_unit_test(wrong_types_and_null_are_harmless),
        cmocka_unit_test(each_member_comes_in_order_until_stopped),
        cmocka_unit_test(format_writes_what_was_put),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
