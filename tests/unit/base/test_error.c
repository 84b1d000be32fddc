/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"

static void each_kind_has_a_word_a_result_and_a_weight(void **state)
{
    static const struct {
        enum error_kind kind;
        const char *name;
        int result;
        bool definite;
    } rows[] = {
        {ERROR_NONE, "none", -EIO, false},
        {ERROR_NOT_FOUND, "not-found", -ENOENT, true},
        {ERROR_DELETED, "marked-for-deletion", -ENOENT, true},
        {ERROR_ACCESS_DENIED, "access-denied", -EACCES, true},
        {ERROR_KMS_DENIED, "kms-denied", -EACCES, true},
        {ERROR_BAD_CREDENTIALS, "bad-credentials", -EACCES, false},
        {ERROR_NO_CREDENTIALS, "no-credentials", -ENOKEY, false},
        {ERROR_EXPIRED_CREDENTIALS, "expired-credentials", -EKEYEXPIRED, false},
        {ERROR_CLOCK_SKEW, "clock-skew", -EIO, false},
        {ERROR_THROTTLED, "throttled", -EAGAIN, false},
        {ERROR_TIMEOUT, "timeout", -ETIMEDOUT, false},
        {ERROR_UNREACHABLE, "unreachable", -EHOSTUNREACH, false},
        {ERROR_TLS, "tls", -EPROTO, false},
        {ERROR_SERVER, "server-error", -EREMOTEIO, false},
        {ERROR_BAD_REQUEST, "bad-request", -EINVAL, false},
        {ERROR_BAD_ANSWER, "bad-answer", -EBADMSG, false},
        {ERROR_INTERNAL, "internal", -EIO, false},
    };
    (void)state;
    assert_int_equal(sizeof(rows) / sizeof(rows[0]), ERROR_KIND_COUNT);
    for (size_t i = 0; i < ERROR_KIND_COUNT; i++) {
        struct error error;
        assert_int_equal(rows[i].kind, i);
        assert_string_equal(error_kind_name(rows[i].kind), rows[i].name);
        assert_int_equal(error_is_definite(rows[i].kind), rows[i].definite);
        assert_int_equal(error_set(&error, rows[i].kind, "x"), rows[i].result);
        assert_int_equal(error_set(NULL, rows[i].kind, "x"), rows[i].result);
        assert_int_equal(error.kind, rows[i].kind);
    }
}

static void set_replaces_all_that_was_there(void **state)
{
    struct error error = {.kind = ERROR_TLS, .code = "Code", .request_id = "id", .message = "a longer message"};
    (void)state;
    assert_int_equal(error_set(&error, ERROR_NOT_FOUND, "%s has %d", "it", 7), -ENOENT);
    assert_int_equal(error.kind, ERROR_NOT_FOUND);
    assert_string_equal(error.code, "");
    assert_string_equal(error.request_id, "");
    assert_string_equal(error.message, "it has 7");
}

static void set_may_quote_its_own_message(void **state)
{
    struct error error;
    (void)state;
    (void)error_set(&error, ERROR_SERVER, "inner");
    (void)error_set(&error, ERROR_TIMEOUT, "outer: %s", error.message);
    assert_string_equal(error.message, "outer: inner");
}

static void message_is_cut_to_fit(void **state)
{
    char text[2000];
    struct error error;
    (void)state;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = i + 1 < sizeof(text) ? 'x' : '\0';
    (void)error_set(&error, ERROR_INTERNAL, "%s", text);
    assert_int_equal(strlen(error.message), sizeof(error.message) - 1);
    assert_memory_equal(error.message, text, sizeof(error.message) - 1);
}

static void untrusted_text_becomes_one_printable_line(void **state)
{
    static const struct {
        const char *text;
        size_t bytes;
        const char *field;
    } rows[] = {
        {"", 0, ""},
        {"plain", 5, "plain"},
        {"plain", 2, "pl"},
        {"1234567", 7, "1234567"},
        {"12345678", 8, "1234567"},
        {"a\nb\tc", 5, "a?b?c"},
        {"a\0b\x1f\x7f~", 6, "a?b??~"},
        {"\x1b[31m", 5, "?[31m"},
        {"\xc3\xa9\xe2\x82\xac", 5, "?????"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char field[9] = "........";
        error_copy_text(field, 8, rows[i].text, rows[i].bytes);
        assert_string_equal(field, rows[i].field);
    }
    struct error error;
    (void)error_set(&error, ERROR_BAD_ANSWER, "line 1\r\nline %d\x7f", 2);
    assert_string_equal(error.message, "line 1??line 2?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_has_a_word_a_result_and_a_weight),
        cmocka_unit_test(set_replaces_all_that_was_there),
        cmocka_unit_test(set_may_quote_its_own_message),
        cmocka_unit_test(message_is_cut_to_fit),
        cmocka_unit_test(untrusted_text_becomes_one_printable_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
