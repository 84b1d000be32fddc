/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/parse.h"

#define UNTOUCHED 4711

struct row {
    const char *text;
    int result;
    uint64_t value; /* of a good one */
};

#define GOOD(text, value) \
    {                     \
        text, 0, (value)  \
    }
#define BAD(text)                \
    {                            \
        text, -EINVAL, UNTOUCHED \
    }
#define RANGE(text)              \
    {                            \
        text, -ERANGE, UNTOUCHED \
    }

/* Seconds since 1970. */
#define S(seconds) (UINT64_C(seconds) * NS_PER_SEC)

static void check(const struct row *row, int result, uint64_t value)
{
    if (result != row->result || value != row->value)
        fail_msg("\"%s\": %d with %ju, expected %d with %ju", row->text, result, (uintmax_t)value, row->result,
                 (uintmax_t)row->value);
}

static void uint_is_digits_within_bounds(void **state)
{
    static const struct row rows[] = {
        GOOD("10", 10),
        GOOD("20", 20),
        GOOD("0015", 15),
        RANGE("9"),
        RANGE("21"),
        RANGE("0"),
        RANGE("18446744073709551615"),
        RANGE("18446744073709551616"),
        RANGE("18446744073709551626"),
        RANGE("184467440737095516150"),
        BAD(""),
        BAD(" "),
        BAD(" 15"),
        BAD("15 "),
        BAD("15\n"),
        BAD("+15"),
        BAD("-15"),
        BAD("0x0f"),
        BAD("1e1"),
        BAD("15s"),
        BAD("1 5"),
        BAD("15."),
        BAD("\xd9\xa1"),
        BAD("f"),
        BAD("1:"),
        BAD("1/"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t value = UNTOUCHED;
        int r = parse_uint(rows[i].text, 10, 20, &value);
        check(&rows[i], r, value);
    }
}

static void uint_knows_all_64_bits(void **state)
{
    uint64_t value = UNTOUCHED;
    (void)state;
    assert_int_equal(parse_uint("18446744073709551615", 0, UINT64_MAX, &value), 0);
    assert_true(value == UINT64_MAX);
    assert_int_equal(parse_uint("18446744073709551616", 0, UINT64_MAX, &value), -ERANGE);
    assert_int_equal(parse_uint("0", 0, 0, &value), 0);
    assert_true(value == 0);
}

static void octal_is_digits_below_8(void **state)
{
    static const struct row rows[] = {
        GOOD("0", 0),
        GOOD("400", 0400),
        GOOD("0444", 0444),
        GOOD("777", 0777),
        GOOD("00000000777", 0777),
        RANGE("1000"),
        RANGE("40000000000"),
        RANGE("7777777777777777777777777"),
        BAD(""),
        BAD("8"),
        BAD("0448"),
        BAD("0o400"),
        BAD("u=r"),
        BAD("-400"),
        BAD("400 "),
        BAD("+4"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint32_t value = UNTOUCHED;
        int r = parse_octal(rows[i].text, 0777, &value);
        check(&rows[i], r, value);
    }
}

static void duration_has_a_unit_or_is_seconds(void **state)
{
    static const struct row rows[] = {
        GOOD("0", 0),
        GOOD("0ms", 0),
        GOOD("300", 300 * NS_PER_SEC),
        GOOD("300s", 300 * NS_PER_SEC),
        GOOD("500ms", 500 * NS_PER_MS),
        GOOD("1500ms", 1500 * NS_PER_MS),
        GOOD("5m", 300 * NS_PER_SEC),
        GOOD("1h", 3600 * NS_PER_SEC),
        GOOD("24h", 86400 * NS_PER_SEC),
        GOOD("4611686018", UINT64_C(4611686018) * NS_PER_SEC), /* UINT64_MAX / 4 is 4611686018.427387903 s */
        GOOD("4611686018427ms", UINT64_C(4611686018427) * NS_PER_MS),
        RANGE("4611686019"),
        RANGE("4611686018428ms"),
        RANGE("1281024h"),
        RANGE("18446744073709551615"),
        RANGE("18446744073709551616ms"),
        RANGE("20496382305h"), /* wraps to a small number in 64 bits */
        BAD(""),
        BAD("s"),
        BAD("ms"),
        BAD("1.5s"),
        BAD("-1s"),
        BAD("+1s"),
        BAD("1 s"),
        BAD(" 1s"),
        BAD("1s "),
        BAD("1S"),
        BAD("1M"),
        BAD("1d"),
        BAD("1us"),
        BAD("1sec"),
        BAD("1m30s"),
        BAD("1mss"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t value = UNTOUCHED;
        int r = parse_duration(rows[i].text, &value);
        check(&rows[i], r, value);
    }
}

static void size_has_a_unit_or_is_bytes(void **state)
{
    static const struct row rows[] = {
        GOOD("0", 0),
        GOOD("33554432", 33554432),
        GOOD("512K", 512 * 1024),
        GOOD("32M", 32 * 1024 * 1024),
        GOOD("1G", 1024 * 1024 * 1024),
        GOOD("4611686018427387903", UINT64_MAX / 4),
        GOOD("4294967295G", UINT64_C(4294967295) << 30),
        RANGE("4611686018427387904"),
        RANGE("4294967296G"),
        RANGE("17179869185G"), /* wraps to 1G in 64 bits */
        BAD(""),
        BAD("K"),
        BAD("1k"),
        BAD("1KB"),
        BAD("1KiB"),
        BAD("1T"),
        BAD("1.5M"),
        BAD("1 M"),
        BAD("-1"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t value = UNTOUCHED;
        int r = parse_size(rows[i].text, &value);
        check(&rows[i], r, value);
    }
}

static void bool_is_one_of_eight_words(void **state)
{
    static const char *const yes[] = {"true", "TRUE", "True", "1", "yes", "Yes", "on", "ON"};
    static const char *const no[] = {"false", "FALSE", "fAlse", "0", "no", "NO", "off", "Off"};
    static const char *const neither[] = {"",  " ",   "2",     "00",    "01",    "t", "y",
                                          "n", "tru", "truee", " true", "true ", "-1"};
    bool value;
    (void)state;
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        value = false;
        assert_int_equal(parse_bool(yes[i], &value), 0);
        assert_true(value);
    }
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
        value = true;
        assert_int_equal(parse_bool(no[i], &value), 0);
        assert_false(value);
    }
    for (size_t i = 0; i < sizeof(neither) / sizeof(neither[0]); i++) {
        value = true;
        assert_int_equal(parse_bool(neither[i], &value), -EINVAL);
        assert_true(value);
        value = false;
        assert_int_equal(parse_bool(neither[i], &value), -EINVAL);
        assert_false(value);
    }
}

static void timestamp_is_an_instant_of_rfc_3339(void **state)
{
    static const struct row rows[] = {
        GOOD("1970-01-01T00:00:00Z", 0),
        GOOD("2026-11-21T00:24:35Z", S(1795220675)),
        GOOD("2026-11-21T00:24:35.236828Z", S(1795220675) + 236828000),
        GOOD("2026-11-21t00:24:35.5z", S(1795220675) + 500000000),
        GOOD("2026-11-21 00:24:35Z", S(1795220675)),
        GOOD("2026-11-21T00:24:35UTC", S(1795220675)),
        GOOD("2026-11-21T00:24:35.1234567891Z", S(1795220675) + 123456789),
        GOOD("2026-11-21T01:24:35+01:00", S(1795220675)),
        GOOD("2026-11-20T18:54:35.25-05:30", S(1795220675) + 250000000),
        GOOD("2024-02-29T00:00:00Z", S(1709164800)),
        GOOD("2016-12-31T23:59:60Z", S(1483228800)),
        GOOD("2016-12-31T22:59:60-01:00", S(1483228800)),
        GOOD("2500-01-01T00:00:00Z", S(16725225600)),
        GOOD("9999-12-31T23:59:59Z", CLOCK_NEVER_NS),
        BAD(""),
        BAD("2026-11-21"),
        BAD("2026-11-21T00:24Z"),
        BAD("2026-11-21T00:24:35"),
        BAD("2026-11-21T00:24:35 Z"),
        BAD("2026-11-21T00:24:35Zulu"),
        BAD("2026-11-21T00:24:35Z "),
        BAD(" 2026-11-21T00:24:35Z"),
        BAD("2026-11-21T00:24:35.Z"),
        BAD("2026-11-21T00:24:35+0100"),
        BAD("2026-11-21T00:24:35+24:00"),
        BAD("2026-11-21T00:24:35+01:60"),
        BAD("2026-11-21T00:24:35+01:00Z"),
        BAD("2026-00-21T00:24:35Z"),
        BAD("2026-13-21T00:24:35Z"),
        BAD("2026-11-00T00:24:35Z"),
        BAD("2026-11-31T00:24:35Z"),
        BAD("2023-02-29T00:00:00Z"),
        BAD("2026-11-21T24:00:00Z"),
        BAD("2026-11-21T00:60:00Z"),
        BAD("2026-11-21T00:00:61Z"),
        BAD("26-11-21T00:24:35Z"),
        BAD("+026-11-21T00:24:35Z"),
        BAD("1969-12-31T23:59:59Z"),
        BAD("1970-01-01T00:00:00+00:01"),
        BAD("1795220675"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t value = UNTOUCHED;
        int r = parse_timestamp(rows[i].text, &value);
        check(&rows[i], r, value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uint_is_digits_within_bounds),
        cmocka_unit_test(uint_knows_all_64_bits),
        cmocka_unit_test(octal_is_digits_below_8),
        cmocka_unit_test(duration_has_a_unit_or_is_seconds),
        cmocka_unit_test(size_has_a_unit_or_is_bytes),
        cmocka_unit_test(bool_is_one_of_eight_words),
        cmocka_unit_test(timestamp_is_an_instant_of_rfc_3339),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
