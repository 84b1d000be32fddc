/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sync/entries.h"

#define TEXT_MAX_BYTES 1024

static void add(struct entries *entries, enum entry_kind kind, const char *path, bool doubtful)
{
    const struct entry entry = {.path = (char *)(uintptr_t)path, .kind = kind, .doubtful = doubtful};
    assert_int_equal(entries_add(entries, &entry), 0);
}

/* "d prod,f prod/key,f? other": doubtful ones with a question mark. */
static void assert_entries(const struct entries *entries, const char *expected)
{
    char text[TEXT_MAX_BYTES] = "";
    size_t bytes = 0;
    for (size_t i = 0; i < entries->count; i++)
        bytes +=
            (size_t)snprintf(text + bytes, sizeof(text) - bytes, "%s%c%s %s", i > 0 ? "," : "",
                             (char)entries->list[i].kind, entries->list[i].doubtful ? "?" : "", entries->list[i].path);
    assert_string_equal(text, expected);
}

static void a_directory_stands_right_before_what_is_in_it(void **state)
{
    (void)state;
    _cleanup_entries_ struct entries entries = {0};
    add(&entries, ENTRY_FILE, "a-b", false);
    add(&entries, ENTRY_FILE, "a/b/c", false);
    add(&entries, ENTRY_DIRECTORY, "a", false);
    add(&entries, ENTRY_FILE, "a/b!", false);
    add(&entries, ENTRY_DIRECTORY, "a/b", false);
    entries_sort(&entries);
    assert_entries(&entries, "d a,d a/b,f a/b/c,f a/b!,f a-b");
    assert_string_equal(entries_find(&entries, "a/b!")->path, "a/b!");
    assert_null(entries_find(&entries, "a/c"));
    assert_true(entry_is_below("a/b/c", "a"));
    assert_false(entry_is_below("a-b", "a"));
    assert_false(entry_is_below("a", "a"));
}

static void of_one_path_one_entry_stays(void **state)
{
    (void)state;
    _cleanup_entries_ struct entries entries = {0};
    add(&entries, ENTRY_FILE, "a", true);
    add(&entries, ENTRY_FILE, "a", false);
    add(&entries, ENTRY_FILE, "b", false);
    add(&entries, ENTRY_DIRECTORY, "b", true);
    add(&entries, ENTRY_FILE, "b/c", false);
    add(&entries, ENTRY_FILE, "a/lost", true);
    entries_sort(&entries);
    assert_entries(&entries, "f a,d? b,f b/c");
}

static void same_is_what_is_certain(void **state)
{
    (void)state;
    _cleanup_secret_ struct secret *bytes = NULL;
    assert_int_equal(secret_new("oneone", 6, &bytes), 0);
    struct entry first = {.kind = ENTRY_FILE, .bytes = bytes, .size_bytes = 3};
    struct entry second = {.kind = ENTRY_FILE, .bytes = bytes, .offset = 3, .size_bytes = 3};
    assert_true(entry_is_same(&first, &second));
    second.offset = 2;
    assert_false(entry_is_same(&first, &second));
    second = first;
    second.doubtful = true;
    assert_false(entry_is_same(&first, &second));
    const struct entry link = {.kind = ENTRY_LINK, .target = (char *)(uintptr_t) "x"};
    const struct entry other = {.kind = ENTRY_LINK, .target = (char *)(uintptr_t) "y"};
    assert_true(entry_is_same(&link, &link));
    assert_false(entry_is_same(&link, &other));
    assert_false(entry_is_same(&link, &first));
}

static void written_and_parsed(void **state)
{
    (void)state;
    _cleanup_entries_ struct entries entries = {0};
    _cleanup_entries_ struct entries parsed = {0};
    _cleanup_buffer_ struct buffer text;
    buffer_init(&text, TEXT_MAX_BYTES);
    add(&entries, ENTRY_DIRECTORY, "a", false);
    add(&entries, ENTRY_LINK, "a/..data", false);
    add(&entries, ENTRY_FILE, "a/with a\nline break", false);
    assert_int_equal(entries_write(&entries, &text), 0);
    assert_int_equal(entries_parse(text.bytes, text.size_bytes, &parsed), 0);
    assert_entries(&parsed, "d? a,l? a/..data,f? a/with a\nline break");
    for (size_t bytes = 1; bytes < text.size_bytes; bytes++) { /* cut short: whole entries, or nothing */
        _cleanup_entries_ struct entries cut = {0};
        int r = entries_parse(text.bytes, bytes, &cut);
        assert_int_equal(r, text.bytes[bytes - 1] == '\0' ? 0 : -EBADMSG);
    }
}

static void what_leads_out_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"f ..",   "f .",     "f ../a", "f a/../b", "f a/..", "f /a", "f a/",
                                      "f a//b", "f a/./b", "x a",    "fa",       "f ",     "f",    ""};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct entries parsed = {0};
        assert_int_equal(entries_parse(bad[i], strlen(bad[i]) + 1, &parsed), -EBADMSG);
    }
    static const char unsorted[] = "f b\0f a";
    static const char twice[] = "f a\0f a";
    char long_component[300] = "f ";
    memset(long_component + 2, 'x', sizeof(long_component) - 3);
    struct entries parsed = {0};
    assert_int_equal(entries_parse(unsorted, sizeof(unsorted), &parsed), -EBADMSG);
    assert_int_equal(entries_parse(twice, sizeof(twice), &parsed), -EBADMSG);
    assert_int_equal(entries_parse(long_component, sizeof(long_component), &parsed), -EBADMSG);
    assert_int_equal(entries_parse("", 0, &parsed), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_directory_stands_right_before_what_is_in_it),
        cmocka_unit_test(of_one_path_one_entry_stays),
        cmocka_unit_test(same_is_what_is_certain),
        cmocka_unit_test(written_and_parsed),
        cmocka_unit_test(what_leads_out_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
