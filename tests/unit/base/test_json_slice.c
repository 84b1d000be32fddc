/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/json_slice.h"

struct text {
    const char *bytes;
    size_t size;
};

/* With an explicit size, for NULs inside. */
#define T(literal)                   \
    {                                \
        literal, sizeof(literal) - 1 \
    }

static int check(const char *bytes, size_t size, struct json_slice *ret_value)
{
    /* A copy of exactly this size: a sanitizer sees any read beyond it. */
    char *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    int r = json_slice_check(copy, size, ret_value);
    if (r == 0)
        ret_value->bytes = bytes + (ret_value->bytes - copy);
    free(copy);
    return r;
}

static struct json_slice slice_of(const char *text)
{
    struct json_slice value;
    assert_int_equal(check(text, strlen(text), &value), 0);
    return value;
}

static void check_accepts_json(void **state)
{
    static const struct text good[] = {
        T("{}"),
        T("[]"),
        T("\"\""),
        T("0"),
        T("-0"),
        T("1.50"),
        T("1E400"),
        T("-1e-5"),
        T("1e+05"),
        T("0.0"),
        T("0e1"),
        T("123456789012345678901234567890"),
        T("true"),
        T("false"),
        T("null"),
        T(" \t\r\n1 \t\r\n"),
        T("{\"a\":1,\"a\":2}"),
        T("{ \"a\" : [ 1 , { } , [ ] ] , \"b\" : null }"),
        T("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
        T("\"\\u0000\\uD83D\\uDE00\\ud800\""),
        T("\"\x7f\""),
        T("\"\xc2\x80\xdf\xbf\""),
        T("\"\xe0\xa0\x80\xef\xbf\xbf\""),
        T("\"\xed\x9f\xbf\xee\x80\x80\""),
        T("\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""),
        T("{\"\":\"\"}"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct json_slice value;
        if (check(good[i].bytes, good[i].size, &value) != 0)
            fail_msg("refused: %s", good[i].bytes);
    }
}

static void assert_refused(const struct text *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct json_slice value;
        if (check(texts[i].bytes, texts[i].size, &value) != -EBADMSG)
            fail_msg("taken: %s", texts[i].bytes);
    }
}

static void check_refuses_what_json_c_takes_in_strict_mode(void **state)
{
    static const struct text bad[] = {T("NaN"),
                                      T("[NaN]"),
                                      T("Infinity"),
                                      T("-Infinity"),
                                      T("{'a':1}"),
                                      T("00"),
                                      T("-01"),
                                      T("1."),
                                      T("1.e5"),
                                      T("\"a\x01\""),
                                      T("\"a\nb\""),
                                      T("\"a\tb\""),
                                      T("{\"a\x01\":1}"),
                                      T("\"\xc0\x80\""),
                                      T("\"\xed\xa0\x80\""),
                                      T("\"\xf4\x90\x80\x80\""),
                                      T("\"\xe0\x80\x80\""),
                                      T("[1.]")};
    (void)state;
    assert_refused(bad, sizeof(bad) / sizeof(bad[0]));
}

static void check_refuses_what_is_not_json(void **state)
{
    static const struct text bad[] = {T(""),
                                      T(" "),
                                      T("\0"),
                                      T("{}\0"),
                                      T("1\0"),
                                      T("[1,\0 2]"),
                                      T("\"a\0b\""),
                                      T("/*x*/1"),
                                      T("[1/**/]"),
                                      T("//\n1"),
                                      T("'a'"),
                                      T("[1,]"),
                                      T("{\"a\":1,}"),
                                      T("[,1]"),
                                      T("{,}"),
                                      T("[1 2]"),
                                      T("{\"a\" 1}"),
                                      T("{\"a\":1 \"b\":2}"),
                                      T("{\"a\"}"),
                                      T("{\"a\":}"),
                                      T("{1:1}"),
                                      T("{a:1}"),
                                      T("01"),
                                      T("[01]"),
                                      T(".5"),
                                      T("+1"),
                                      T("-"),
                                      T("1e"),
                                      T("1e+"),
                                      T("0x1"),
                                      T("1-2"),
                                      T("1.2.3"),
                                      T("--1"),
                                      T("TRUE"),
                                      T("Null"),
                                      T("tru"),
                                      T("truee"),
                                      T("nul"),
                                      T("nan"),
                                      T("]"),
                                      T("[}"),
                                      T("{]"),
                                      T("["),
                                      T("{"),
                                      T("{\"a\""),
                                      T("{\"a\":1"),
                                      T("[1"),
                                      T("\"abc"),
                                      T("\"\\"),
                                      T("\"\\\""),
                                      T("\"\\x41\""),
                                      T("\"\\v\""),
                                      T("\"\\0\""),
                                      T("\"\\'\""),
                                      T("\"\\u12\""),
                                      T("\"\\u12g4\""),
                                      T("\"\\u"),
                                      T("\"\\U0041\""),
                                      T("\"\xff\""),
                                      T("\"\x80\""),
                                      T("\"\xc3\""),
                                      T("\"\xc3"),
                                      T("\"\xe2\x82\""),
                                      T("\"\xf0\x9f\x98\""),
                                      T("\"\xf5\x80\x80\x80\""),
                                      T("[\xff]"),
                                      T("\xff"),
                                      T("[1]\xff"),
                                      T("\xef\xbb\xbf{}"),
                                      T("\v1"),
                                      T("[\f1]"),
                                      T("[ \xa0 1]"),
                                      T("1 2"),
                                      T("{} x"),
                                      T("{}{}")};
    (void)state;
    assert_refused(bad, sizeof(bad) / sizeof(bad[0]));
}

static void check_bounds_the_depth(void **state)
{
    char text[4 * JSON_SLICE_MAX_DEPTH];
    struct json_slice value;
    (void)state;

    for (size_t depth = JSON_SLICE_MAX_DEPTH; depth <= JSON_SLICE_MAX_DEPTH + 1; depth++) {
        for (size_t i = 0; i < depth; i++) {
            text[i] = '[';
            text[2 * depth - 1 - i] = ']';
        }
        assert_int_equal(json_slice_check(text, 2 * depth, &value), depth <= JSON_SLICE_MAX_DEPTH ? 0 : -EBADMSG);
    }
    assert_int_equal(json_slice_check_depth("1", 1, 0, &value), 0);
    assert_int_equal(json_slice_check_depth("[]", 2, 0, &value), -EBADMSG);
    assert_int_equal(json_slice_check_depth("[[],[],{}]", 10, 2, &value), 0);
}

static void check_returns_the_value_without_space(void **state)
{
    struct json_slice value = slice_of(" \n[ 1 ]\t");
    (void)state;
    assert_int_equal(value.size_bytes, 5);
    assert_memory_equal(value.bytes, "[ 1 ]", 5);
}

static void type_is_told_by_the_first_byte(void **state)
{
    (void)state;
    assert_int_equal(json_slice_type(slice_of("{}")), JSON_OBJECT);
    assert_int_equal(json_slice_type(slice_of("[]")), JSON_ARRAY);
    assert_int_equal(json_slice_type(slice_of("\"\"")), JSON_STRING);
    assert_int_equal(json_slice_type(slice_of("-1")), JSON_NUMBER);
    assert_int_equal(json_slice_type(slice_of("true")), JSON_WORD);
    assert_int_equal(json_slice_type(slice_of("false")), JSON_WORD);
    assert_int_equal(json_slice_type(slice_of("null")), JSON_WORD);
}

static void members_keep_their_text_and_order(void **state)
{
    static const struct {
        const char *key, *value;
    } expected[] = {
        {"\"n\"", "123456789012345678901234567890"}, {"\"d\"", "1.50"},      {"\"z\"", "-0"},        {"\"e\"", "1E400"},
        {"\"a\"", "[ 1, {\"x\":\",}\"} ]"},          {"\"n\"", "\"\\\"}\""}, {"\"\\u0041\"", "{ }"},
    };
    struct json_slice object = slice_of("{ \"n\" : 123456789012345678901234567890, \"d\":1.50,\"z\":-0 ,\"e\":1E400,"
                                        "\"a\":[ 1, {\"x\":\",}\"} ], \"n\":\"\\\"}\", \"\\u0041\":{ } }");
    struct json_slice key, value;
    size_t position = 0;
    (void)state;

    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        assert_int_equal(json_slice_next_member(object, &position, &key, &value), 1);
        assert_int_equal(key.size_bytes, strlen(expected[i].key));
        assert_memory_equal(key.bytes, expected[i].key, key.size_bytes);
        assert_int_equal(value.size_bytes, strlen(expected[i].value));
        assert_memory_equal(value.bytes, expected[i].value, value.size_bytes);
    }
    assert_int_equal(json_slice_next_member(object, &position, &key, &value), 0);
    assert_int_equal(json_slice_next_member(object, &position, &key, &value), 0);
}

static void empty_object_and_other_types_have_no_members(void **state)
{
    static const char *const texts[] = {"{}", "{ \n }", "[1]", "\"{\"", "1", "null"};
    struct json_slice key, value;
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        size_t position = 0;
        assert_int_equal(json_slice_next_member(slice_of(texts[i]), &position, &key, &value), 0);
    }
}

static void decode_gives_the_bytes(void **state)
{
    static const struct {
        const char *json;
        struct text bytes;
    } cases[] = {
        {"\"\"", T("")},
        {"\"plain\"", T("plain")},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", T("\"\\/\b\f\n\r\t")},
        {"\"a\\u0000b\"", T("a\0b")},
        {"\"\\u0041\\u00e9\\u20AC\"", T("A\xc3\xa9\xe2\x82\xac")},
        {"\"\\uD83D\\uDE00\"", T("\xf0\x9f\x98\x80")},
        {"\"\\udbff\\udfff\"", T("\xf4\x8f\xbf\xbf")},
        {"\"\xc3\xa9\"", T("\xc3\xa9")},
        {"\"\\ud800\"", T("\xef\xbf\xbd")},
        {"\"\\udc00x\"", T("\xef\xbf\xbdx")},
        {"\"\\ud800\\u0041\"", T("\xef\xbf\xbd"
                                 "A")},
        {"\"\\ud800\\n\"", T("\xef\xbf\xbd\n")},
        {"\"\\ud800\\ud83d\\ude00\"", T("\xef\xbf\xbd\xf0\x9f\x98\x80")},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct json_slice string = slice_of(cases[i].json);
        size_t size = 0, told = 0;
        _cleanup_free_ char *output = malloc(string.size_bytes);
        assert_non_null(output);
        assert_int_equal(json_slice_decode(string, NULL, &told), 0);
        assert_int_equal(json_slice_decode(string, output, &size), 0);
        assert_int_equal(size, cases[i].bytes.size);
        assert_int_equal(told, size);
        assert_memory_equal(output, cases[i].bytes.bytes, size);
    }
}

static void decode_refuses_what_is_not_a_string(void **state)
{
    static const char *const texts[] = {"", "\"", "1", "\"a\"b", "\"a\"\"", "\"\\q\"", "\"\\u00\"", "[\"a\"]"};
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        size_t size;
        struct json_slice string = {texts[i], strlen(texts[i])};
        assert_int_equal(json_slice_decode(string, NULL, &size), -EBADMSG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_accepts_json),
        cmocka_unit_test(check_refuses_what_json_c_takes_in_strict_mode),
        cmocka_unit_test(check_refuses_what_is_not_json),
        cmocka_unit_test(check_bounds_the_depth),
        cmocka_unit_test(check_returns_the_value_without_space),
        cmocka_unit_test(type_is_told_by_the_first_byte),
        cmocka_unit_test(members_keep_their_text_and_order),
        cmocka_unit_test(empty_object_and_other_types_have_no_members),
        cmocka_unit_test(decode_gives_the_bytes),
        cmocka_unit_test(decode_refuses_what_is_not_a_string),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
