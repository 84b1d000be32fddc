/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/random.h"
#include "tree/name.h"

struct row {
    const char *component;
    size_t bytes;
    const char *entry;
};

/* With an explicit size, for NULs inside. */
#define ROW(component, entry)                   \
    {                                           \
        component, sizeof(component) - 1, entry \
    }

static const struct row rows[] = {
    ROW("DATABASE_URL", "DATABASE_URL"),
    ROW("", "%"),
    ROW(".", "%2E"),
    ROW("..", "%2E."),
    ROW("...", "%2E.."),
    ROW(".raw", "%2Eraw"),
    ROW(".versions", "%2Eversions"),
    ROW("a.b", "a.b"),
    ROW("a.", "a."),
    ROW("a..", "a.."),
    ROW("/", "%2F"),
    ROW("//", "%2F%2F"),
    ROW("/.", "%2F."),
    ROW("./", "%2E%2F"),
    ROW("a/b", "a%2Fb"),
    ROW("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"),
    ROW("%", "%25"),
    ROW("%%", "%25%25"),
    ROW("%2E", "%252E"),
    ROW("%2Fa", "%252Fa"),
    ROW("100%", "100%25"),
    ROW("\0", "%00"),
    ROW("a\0b", "a%00b"),
    ROW("\0.", "%00."),
    ROW(" ", " "),
    ROW("a\nb", "a\nb"),
    ROW("\xc3\xa4\xff", "\xc3\xa4\xff"),
    ROW("-rf *", "-rf *"),
    ROW("value", "value"),
};

static void each_component_has_one_entry(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char entry[NAME_MAX_BYTES + 1];
        char component[NAME_MAX_BYTES + 1];
        size_t bytes = SIZE_MAX;
        assert_int_equal(name_escape(rows[i].component, rows[i].bytes, entry), 0);
        assert_string_equal(entry, rows[i].entry);
        assert_int_equal(name_unescape(entry, component, &bytes), 0);
        assert_int_equal(bytes, rows[i].bytes);
        assert_memory_equal(component, rows[i].component, bytes + 1);
    }
}

static void entries_that_escape_never_makes_are_refused(void **state)
{
    static const char *const entries[] = {
        "",      ".",    "..",     ".raw", ".secretsfs", ".%2E", "%%",     "%2",   "%2e",    "%2f",
        "a%2Eb", "a%2E", "%2E%2E", "%41",  "%61b",       "%0",   "a%",     "%a",   "a/b",    "/",
        "%2G",   "%20",  "%-5",    "% ",   "%2F/",       "%%25", "%u002F", "%2 F", "%002E%",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        char component[NAME_MAX_BYTES + 1] = "untouched";
        size_t bytes = 4711;
        if (name_unescape(entries[i], component, &bytes) != -EINVAL)
            fail_msg("taken: \"%s\"", entries[i]);
        assert_string_equal(component, "untouched");
        assert_int_equal(bytes, 4711);
    }
}

static void entry_has_at_most_255_bytes(void **state)
{
    static const struct {
        char first, byte;
        size_t times;
        int result;
    } cases[] = {
        {'a', 'a', 254, 0},
        {'a', 'a', 255, -ENAMETOOLONG},
        {'.', 'a', 252, 0},
        {'.', 'a', 253, -ENAMETOOLONG},
        {'%', '%', 84, 0},
        {'%', '%', 85, -ENAMETOOLONG},
        {'\0', '\0', 84, 0},
        {'a', '/', 84, 0},
        {'a', '/', 85, -ENAMETOOLONG},
        {'.', '.', 252, 0},
        {'.', '.', 253, -ENAMETOOLONG},
        {'a', 'a', 1000, -ENAMETOOLONG},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char component[1001];
        char entry[NAME_MAX_BYTES + 1] = "untouched";
        for (size_t k = 0; k < cases[i].times; k++)
            component[k + 1] = cases[i].byte;
        component[0] = cases[i].first;
        assert_int_equal(name_escape(component, cases[i].times + 1, entry), cases[i].result);
        if (cases[i].result < 0)
            assert_string_equal(entry, "untouched");
    }
    char longest[NAME_MAX_BYTES + 2];
    char component[NAME_MAX_BYTES + 1];
    size_t bytes = 0;
    for (size_t i = 0; i <= NAME_MAX_BYTES; i++)
        longest[i] = 'a';
    longest[NAME_MAX_BYTES + 1] = '\0';
    assert_int_equal(name_unescape(longest, component, &bytes), -EINVAL);
    assert_int_equal(name_unescape(longest + 1, component, &bytes), 0);
    assert_int_equal(bytes, NAME_MAX_BYTES);
}

/* Bytes that matter come often. */
static size_t random_bytes(struct random *random, char *bytes, size_t max)
{
    static const char special[] = "./%\0E2F05";
    size_t size = random_below(random, max + 1);
    for (size_t i = 0; i < size; i++)
        bytes[i] = random_below(random, 2) ? special[random_below(random, sizeof(special) - 1)]
                                           : (char)random_below(random, 256);
    return size;
}

static void unescape_takes_escape_back(void **state)
{
    struct random random = random_new();
    (void)state;
    for (int i = 0; i < 100000; i++) {
        char component[300];
        char entry[NAME_MAX_BYTES + 1];
        char back[NAME_MAX_BYTES + 1];
        size_t back_bytes;
        size_t bytes = random_bytes(&random, component, random_below(&random, 10) ? 12 : sizeof(component));
        if (name_escape(component, bytes, entry) < 0) {
            assert_true(bytes > NAME_MAX_BYTES / 3);
            continue;
        }
        assert_in_range(strlen(entry), 1, NAME_MAX_BYTES);
        assert_null(strchr(entry, '/'));
        assert_int_not_equal(entry[0], '.');
        assert_int_equal(name_unescape(entry, back, &back_bytes), 0);
        assert_int_equal(back_bytes, bytes);
        assert_memory_equal(back, component, bytes);
    }
}

static void escape_takes_unescape_back(void **state)
{
    struct random random = random_new();
    unsigned taken = 0;
    (void)state;
    for (int i = 0; i < 100000; i++) {
        char entry[16];
        char component[NAME_MAX_BYTES + 1];
        char back[NAME_MAX_BYTES + 1];
        size_t bytes;
        entry[random_bytes(&random, entry, 8)] = '\0';
        if (name_unescape(entry, component, &bytes) < 0)
            continue;
        taken++;
        assert_int_equal(name_escape(component, bytes, back), 0);
        assert_string_equal(back, entry);
    }
    assert_true(taken > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_component_has_one_entry), cmocka_unit_test(entries_that_escape_never_makes_are_refused),
        cmocka_unit_test(entry_has_at_most_255_bytes),  cmocka_unit_test(unescape_takes_escape_back),
        cmocka_unit_test(escape_takes_unescape_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
