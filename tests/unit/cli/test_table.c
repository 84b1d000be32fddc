/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/table.h"

static void expect_table(const char *const rows[][3], size_t count, size_t width, const char *expected)
{
    _cleanup_table_ struct table table = {.columns = 3};
    _cleanup_buffer_ struct buffer buffer = {0};
    buffer_init(&buffer, 100000);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(table_add(&table, rows[i]), 0);
    assert_int_equal(table_print(&table, width, &buffer), 0);
    assert_string_equal(buffer.bytes, expected);
}

static void test_columns_are_aligned(void **state)
{
    static const char *const rows[][3] = {{"NAME", "AGE", "STATE"}, {"prod/db", "1h02m", "ok"}, {"x", "3s", ""}};
    (void)state;
    expect_table(rows, 3, TABLE_ANY_WIDTH,
                 "NAME     AGE    STATE\n"
                 "prod/db  1h02m  ok\n"
                 "x        3s\n");
}

static void test_a_long_name_gives_way(void **state)
{
    static const char *const rows[][3] = {{"NAME", "AGE", "STATE"}, {"production/payments/database", "12s", "ok"}};
    (void)state;
    expect_table(rows, 2, 30,
                 "NAME                AGE  STATE\n"
                 "producti..database  12s  ok\n");
    /* Below that the ends of the lines are lost. */
    expect_table(rows, 2, 18,
                 "NAME          AGE\n"
                 "produ..abase  12s\n");
}

static void test_what_a_terminal_would_obey_is_visible(void **state)
{
    static const char *const rows[][3] = {{"a\033[2Jb", "\n\r\t", "\x7f\xc3\xa4\x9b"}};
    (void)state;
    expect_table(rows, 1, TABLE_ANY_WIDTH, "a\\x1b[2Jb  \\x0a\\x0d\\x09  \\x7f\\xc3\\xa4\\x9b\n");
}

static void test_a_cell_without_end(void **state)
{
    static char endless[100000];
    const char *const rows[][3] = {{endless, endless, "ok"}};
    _cleanup_table_ struct table table = {.columns = 3};
    _cleanup_buffer_ struct buffer buffer = {0};
    (void)state;
    (void)memset(endless, '\033', sizeof(endless) - 1);
    buffer_init(&buffer, 100000);
    assert_int_equal(table_add(&table, rows[0]), 0);
    assert_int_equal(table_print(&table, 80, &buffer), 0);
    assert_int_equal(buffer.size_bytes, 81);
}

static void expect_wrapped(const char *text, size_t width, const char *expected)
{
    _cleanup_buffer_ struct buffer buffer = {0};
    buffer_init(&buffer, 10000);
    assert_int_equal(table_print_wrapped(text, 2, width, &buffer), 0);
    assert_string_equal(buffer.bytes, expected);
}

static void test_wrapping(void **state)
{
    (void)state;
    expect_wrapped("one two three four five", TABLE_ANY_WIDTH, "one two three four five\n");
    expect_wrapped("one two three four five", 16, "one two three\n  four five\n");
    expect_wrapped("abcdefghijklmnopqrstuvwxyz", 16, "abcdefghijklmnop\n  qrstuvwxyz\n");
    expect_wrapped("narrow indeed", 5, "narro\nw\nindee\nd\n");
    expect_wrapped("", 16, "\n");
    expect_wrapped("a\nb", 16, "a\\x0ab\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns_are_aligned),
        cmocka_unit_test(test_a_long_name_gives_way),
        cmocka_unit_test(test_what_a_terminal_would_obey_is_visible),
        cmocka_unit_test(test_a_cell_without_end),
        cmocka_unit_test(test_wrapping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
