/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fs/inode.h"

static int set_up(void **state)
{
    return inode_table_new((struct inode_table **)state);
}

static int tear_down(void **state)
{
    inode_table_free(*state);
    return 0;
}

static struct inode *root_of(const struct inode_table *table)
{
    return inode_find(table, INODE_ROOT);
}

static struct inode *make(struct inode_table *table, struct inode *parent, enum inode_kind kind, const char *entry)
{
    struct inode *inode = NULL;
    assert_int_equal(inode_new(table, kind, parent, entry, &inode), 0);
    return inode;
}

/* The same, and the kernel knows it. */
static struct inode *make_known(struct inode_table *table, struct inode *parent, enum inode_kind kind,
                                const char *entry)
{
    struct inode *inode = make(table, parent, kind, entry);
    inode->lookups = 1;
    return inode;
}

static void assert_path(const struct inode *inode, const char *expected)
{
    _cleanup_free_ char *path = inode_path(inode);
    if (expected)
        assert_string_equal(path, expected);
    else
        assert_null(path);
}

static void root_is_there_for_ever(void **state)
{
    struct inode_table *table = *state;
    struct inode *root = root_of(table);
    assert_non_null(root);
    assert_int_equal(root->number, INODE_ROOT);
    assert_int_equal(root->kind, INODE_NAMES);
    assert_null(root->parent);
    assert_true(root->named);
    assert_path(root, "");
    inode_forget(table, root, 1000);
    inode_settle(table, root);
    assert_ptr_equal(root_of(table), root);
    assert_int_equal(inode_count(table), 1);
    inode_table_free(NULL);
}

static void identity_is_parent_and_entry(void **state)
{
    struct inode_table *table = *state;
    struct inode *root = root_of(table);
    struct inode *a = make(table, root, INODE_NAMES, "a");
    struct inode *b = make(table, root, INODE_NAMES, "b");
    struct inode *ax = make(table, a, INODE_FILE, "x");
    struct inode *bx = make(table, b, INODE_OBJECT, "x");
    assert_ptr_equal(inode_child(table, root, "a"), a);
    assert_ptr_equal(inode_child(table, root, "b"), b);
    assert_ptr_equal(inode_child(table, a, "x"), ax);
    assert_ptr_equal(inode_child(table, b, "x"), bx);
    assert_null(inode_child(table, root, "x"));
    assert_null(inode_child(table, a, "X"));
    assert_null(inode_child(table, ax, "x"));
    assert_int_equal(a->children, 1);
    assert_int_equal(root->children, 2);
    assert_int_equal(bx->kind, INODE_OBJECT);
    assert_ptr_equal(bx->parent, b);
    assert_string_equal(bx->entry, "x");
    assert_true(bx->named);
    assert_int_equal(bx->lookups, 0);
    assert_path(bx, "b/x");
    struct inode *deep = make(table, bx, INODE_FILE, "with space");
    assert_path(deep, "b/x/with space");
    assert_int_equal(inode_count(table), 6);
}

static void numbers_are_found_and_never_used_again(void **state)
{
    struct inode_table *table = *state;
    uint64_t last = INODE_ROOT;
    for (int i = 0; i < 100; i++) {
        struct inode *inode = make_known(table, root_of(table), INODE_FILE, "same");
        assert_true(inode->number > last);
        last = inode->number;
        assert_ptr_equal(inode_find(table, last), inode);
        if (i % 2) {
            inode_detach(table, inode);
            assert_ptr_equal(inode_find(table, last), inode);
        }
        inode_forget(table, inode, 1);
        assert_null(inode_find(table, last));
    }
    assert_null(inode_find(table, 0));
    assert_null(inode_find(table, UINT64_MAX));
    assert_int_equal(inode_count(table), 1);
}

static void lookups_keep_an_inode(void **state)
{
    struct inode_table *table = *state;
    struct inode *inode = make(table, root_of(table), INODE_FILE, "f");
    inode->lookups = 3;
    inode_settle(table, inode);
    inode_forget(table, inode, 2);
    assert_int_equal(inode->lookups, 1);
    assert_ptr_equal(inode_child(table, root_of(table), "f"), inode);
    inode_forget(table, inode, 1);
    assert_null(inode_child(table, root_of(table), "f"));
    assert_int_equal(root_of(table)->children, 0);

    inode = make_known(table, root_of(table), INODE_FILE, "f");
    inode_forget(table, inode, UINT64_MAX); /* more than there are */
    assert_int_equal(inode_count(table), 1);

    inode_settle(table, make(table, root_of(table), INODE_FILE, "f")); /* never given to the kernel */
    assert_int_equal(inode_count(table), 1);
    inode_settle(table, NULL);
}

static void settling_goes_upwards(void **state)
{
    struct inode_table *table = *state;
    struct inode *a = make(table, root_of(table), INODE_NAMES, "a");
    struct inode *b = make(table, a, INODE_NAMES, "b");
    struct inode *c = make(table, b, INODE_OBJECT, "c");
    struct inode *d = make_known(table, c, INODE_FILE, "d");
    struct inode *other = make_known(table, b, INODE_FILE, "other");
    inode_settle(table, a); /* has children */
    inode_settle(table, c);
    assert_int_equal(inode_count(table), 6);

    inode_forget(table, d, 1); /* takes c along, but not b, which has another child */
    assert_int_equal(inode_count(table), 4);
    assert_null(inode_child(table, b, "c"));
    assert_int_equal(b->children, 1);

    a->lookups = 1;
    inode_forget(table, other, 1); /* takes b along, but not a, which the kernel knows */
    assert_int_equal(inode_count(table), 2);
    assert_int_equal(a->children, 0);
    inode_forget(table, a, 1);
    assert_int_equal(inode_count(table), 1);
}

static size_t detached_count(const struct inode *directory)
{
    size_t count = 0;
    for (const struct inode *inode = directory->detached; inode; inode = inode->next_detached)
        count++;
    return count;
}

static void detached_file_gives_its_name_up(void **state)
{
    struct inode_table *table = *state;
    struct inode *directory = make_known(table, root_of(table), INODE_NAMES, "d");
    struct inode *before = make_known(table, directory, INODE_FILE, "f");
    inode_detach(table, before);
    inode_detach(table, before); /* once is enough */
    assert_false(before->named);
    assert_null(inode_child(table, directory, "f"));
    assert_path(before, NULL);
    assert_ptr_equal(directory->detached, before);
    assert_null(before->next_detached);

    struct inode *after = make_known(table, directory, INODE_FILE, "f");
    assert_int_not_equal(after->number, before->number);
    assert_ptr_equal(inode_child(table, directory, "f"), after);
    assert_int_equal(directory->children, 2);

    inode_forget(table, before, 1);
    assert_null(directory->detached);
    assert_ptr_equal(inode_child(table, directory, "f"), after);
    assert_path(after, "d/f");
}

static void detached_files_leave_their_list_in_any_order(void **state)
{
    static const size_t orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    struct inode_table *table = *state;
    struct inode *directory = make_known(table, root_of(table), INODE_NAMES, "d");
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        struct inode *files[3];
        for (size_t k = 0; k < 3; k++) {
            files[k] = make_known(table, directory, INODE_FILE, "f");
            inode_detach(table, files[k]);
        }
        for (size_t k = 0; k < 3; k++) {
            assert_int_equal(detached_count(directory), 3 - k);
            inode_forget(table, files[orders[i][k]], 1);
        }
        assert_null(directory->detached);
        assert_int_equal(directory->children, 0);
    }
}

static void detached_directory_has_no_path(void **state)
{
    struct inode_table *table = *state;
    struct inode *directory = make_known(table, root_of(table), INODE_OBJECT, "d");
    struct inode *file = make_known(table, directory, INODE_FILE, "f");
    inode_detach(table, directory);
    assert_path(directory, NULL);
    assert_path(file, NULL);
    assert_null(root_of(table)->detached); /* that list is of files */
    assert_ptr_equal(inode_child(table, directory, "f"), file);
    inode_forget(table, directory, 1);
    assert_int_equal(inode_count(table), 3);
    inode_forget(table, file, 1);
    assert_int_equal(inode_count(table), 1);
    assert_int_equal(root_of(table)->children, 0);
}

static void rename_moves_the_name(void **state)
{
    struct inode_table *table = *state;
    struct inode *directory = make_known(table, root_of(table), INODE_VERSIONS, "d");
    struct inode *moved = make_known(table, directory, INODE_STAGE, "tmp");
    struct inode *held = make_known(table, directory, INODE_STAGE, "held");
    struct inode *unknown = make(table, directory, INODE_STAGE, "unknown");
    uint64_t unknown_number = unknown->number;

    assert_int_equal(inode_rename(table, moved, "free"), 0);
    assert_null(inode_child(table, directory, "tmp"));
    assert_ptr_equal(inode_child(table, directory, "free"), moved);
    assert_path(moved, "d/free");

    assert_int_equal(inode_rename(table, moved, "held"), 0);
    assert_ptr_equal(inode_child(table, directory, "held"), moved);
    assert_false(held->named);
    assert_ptr_equal(inode_find(table, held->number), held);

    assert_int_equal(inode_rename(table, moved, "unknown"), 0);
    assert_ptr_equal(inode_child(table, directory, "unknown"), moved);
    assert_null(inode_child(table, directory, "held"));
    assert_null(inode_find(table, unknown_number));
    assert_int_equal(directory->children, 2);
}

/* --- bytes --- */

static struct secret *new_secret(const char *text)
{
    struct secret *secret = NULL;
    assert_int_equal(secret_new(text, strlen(text), &secret), 0);
    return secret;
}

static bool is_wiped(const char *bytes, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

static void bytes_live_as_long_as_the_inode_shows_them(void **state)
{
    struct inode_table *table = *state;
    struct inode *file = make_known(table, root_of(table), INODE_FILE, "f");
    struct secret *first = new_secret("0123456789");
    struct secret *second = new_secret("abc");
    const char *first_bytes = secret_bytes(first);
    const char *second_bytes = secret_bytes(second);

    inode_set_bytes(file, first, 2, 5);
    secret_unref(first);
    assert_ptr_equal(file->bytes, first);
    assert_int_equal(file->offset, 2);
    assert_int_equal(file->size_bytes, 5);
    inode_set_bytes(file, first, 3, 4); /* the same secret again */
    assert_memory_equal(first_bytes, "0123456789", 10);

    inode_set_bytes(file, second, 0, 3);
    assert_true(is_wiped(first_bytes, 10));
    secret_unref(second);
    assert_memory_equal(second_bytes, "abc", 3);

    inode_set_bytes(file, NULL, 0, 0);
    assert_null(file->bytes);
    assert_int_equal(file->size_bytes, 3); /* st_size does not change under those who hold the file */
    assert_true(is_wiped(second_bytes, 3));
    inode_set_bytes(file, NULL, 0, 0);
}

static void forgotten_inode_gives_its_bytes_back(void **state)
{
    struct inode_table *table = *state;
    struct inode *file = make_known(table, root_of(table), INODE_FILE, "f");
    struct secret *secret = new_secret("secret");
    const char *bytes = secret_bytes(secret);
    inode_set_bytes(file, secret, 0, 6);
    secret_unref(secret);
    inode_detach(table, file);
    assert_memory_equal(bytes, "secret", 6);
    inode_forget(table, file, 1);
    assert_true(is_wiped(bytes, 6));
}

/* --- all of them --- */

static void count_one(void *context, struct inode *inode)
{
    unsigned *seen = context;
    seen[inode->number]++;
}

static void each_visits_every_inode_once(void **state)
{
    struct inode_table *table = *state;
    unsigned seen[64] = {0};
    struct inode *parent = root_of(table);
    for (int i = 0; i < 50; i++) {
        struct inode *inode = make_known(table, parent, i % 3 ? INODE_FILE : INODE_NAMES, i % 2 ? "odd" : "even");
        if (i % 3 == 1)
            inode_detach(table, inode);
        if (i % 3 == 0)
            parent = inode;
    }
    inode_each(table, count_one, seen);
    assert_int_equal(inode_count(table), 51);
    for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++)
        assert_int_equal(seen[i], i >= 1 && i <= 51);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(root_is_there_for_ever),
        TEST(identity_is_parent_and_entry),
        TEST(numbers_are_found_and_never_used_again),
        TEST(lookups_keep_an_inode),
        TEST(settling_goes_upwards),
        TEST(detached_file_gives_its_name_up),
        TEST(detached_files_leave_their_list_in_any_order),
        TEST(detached_directory_has_no_path),
        TEST(rename_moves_the_name),
        TEST(bytes_live_as_long_as_the_inode_shows_them),
        TEST(forgotten_inode_gives_its_bytes_back),
        TEST(each_visits_every_inode_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
