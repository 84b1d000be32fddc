/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "fs/listing.h"

static void new_one_is_empty(void **state)
{
    _cleanup_listing_ struct listing *listing = NULL;
    (void)state;
    assert_int_equal(listing_new(&listing), 0);
    assert_int_equal(listing_count(listing), 0);
    listing_free(NULL);
}

static void entries_keep_their_place(void **state)
{
    static const mode_t types[] = {S_IFDIR, S_IFREG, S_IFLNK};
    const size_t count = 3000;
    _cleanup_listing_ struct listing *listing = NULL;
    (void)state;
    assert_int_equal(listing_new(&listing), 0);
    for (size_t i = 0; i < count; i++) {
        char entry[32];
        (void)snprintf(entry, sizeof(entry), "entry %zu", i * 7919 % count);
        assert_int_equal(listing_add(listing, entry, types[i % 3], i * 5), 0);
        assert_int_equal(listing_count(listing), i + 1);
    }
    for (size_t i = 0; i < count; i++) {
        char entry[32];
        mode_t type;
        uint64_t number;
        (void)snprintf(entry, sizeof(entry), "entry %zu", i * 7919 % count);
        assert_string_equal(listing_at(listing, i, &type, &number), entry);
        assert_int_equal(type, types[i % 3]);
        assert_int_equal(number, i * 5);
    }
}

static void entries_have_any_size(void **state)
{
    _cleanup_listing_ struct listing *listing = NULL;
    char text[2001];
    mode_t type;
    uint64_t number;
    (void)state;
    assert_int_equal(listing_new(&listing), 0);
    for (size_t size = 0; size < sizeof(text); size++) {
        for (size_t i = 0; i < size; i++)
            text[i] = (char)('a' + size % 26);
        text[size] = '\0';
        assert_int_equal(listing_add(listing, text, S_IFREG, UINT64_MAX), 0);
    }
    for (size_t size = 0; size < sizeof(text); size++) {
        const char *entry = listing_at(listing, size, &type, &number);
        assert_int_equal(strlen(entry), size);
        assert_true(size == 0 || (entry[0] == (char)('a' + size % 26) && entry[size - 1] == entry[0]));
        assert_true(number == UINT64_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_one_is_empty),
        cmocka_unit_test(entries_keep_their_place),
        cmocka_unit_test(entries_have_any_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
