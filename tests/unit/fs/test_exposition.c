/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fs/exposition.h"

static void expect_sample(const char *label, const char *text, const char *label2, const char *text2, double value,
                          const char *expected)
{
    _cleanup_buffer_ struct buffer buffer = {0};
    buffer_init(&buffer, 1000);
    assert_int_equal(exposition_sample(&buffer, "m", label, text, label2, text2, value), 0);
    assert_string_equal(buffer.bytes, expected);
}

static void test_samples(void **state)
{
    (void)state;
    expect_sample(NULL, NULL, NULL, NULL, 1, "m 1\n");
    expect_sample("a", "x", NULL, NULL, 0.25, "m{a=\"x\"} 0.25\n");
    expect_sample("a", "x", "b", "y z", 3, "m{a=\"x\",b=\"y z\"} 3\n");
    expect_sample(NULL, NULL, NULL, NULL, 123456789012345, "m 123456789012345\n");
}

static void test_labels_are_escaped(void **state)
{
    (void)state;
    expect_sample("a", "", NULL, NULL, 1, "m{a=\"\"} 1\n");
    expect_sample("a", "\"", NULL, NULL, 1, "m{a=\"\\\"\"} 1\n");
    expect_sample("a", "\\", NULL, NULL, 1, "m{a=\"\\\\\"} 1\n");
    expect_sample("a", "one\ntwo\n", NULL, NULL, 1, "m{a=\"one\\ntwo\\n\"} 1\n");
    expect_sample("a", "\"} 7\nn{b=\"", "c", "\\\"", 1, "m{a=\"\\\"} 7\\nn{b=\\\"\",c=\"\\\\\\\"\"} 1\n");
    expect_sample("a", "t\xc3\xa4g\t{}", NULL, NULL, 1, "m{a=\"t\xc3\xa4g\t{}\"} 1\n");
}

static void test_a_metric_begins_with_its_help(void **state)
{
    (void)state;
    _cleanup_buffer_ struct buffer buffer = {0};
    buffer_init(&buffer, 1000);
    assert_int_equal(exposition_begin(&buffer, "a_total", METRIC_COUNTER, "All of a."), 0);
    assert_int_equal(exposition_begin(&buffer, "b", METRIC_GAUGE, "Now."), 0);
    assert_string_equal(buffer.bytes,
                        "# HELP a_total All of a.\n# TYPE a_total counter\n# HELP b Now.\n# TYPE b gauge\n");
}

static void test_what_does_not_fit_is_an_error(void **state)
{
    (void)state;
    _cleanup_buffer_ struct buffer buffer = {0};
    buffer_init(&buffer, 8);
    assert_int_equal(exposition_sample(&buffer, "m", "a", "a long text", NULL, NULL, 1), -EFBIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_labels_are_escaped),
        cmocka_unit_test(test_a_metric_begins_with_its_help),
        cmocka_unit_test(test_what_does_not_fit_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
