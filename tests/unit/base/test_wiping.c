/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/wiping.h"

#define SIZE ((size_t)300)

/* The linker puts these in place of free() (--wrap). */
void __wrap_free(void *memory);
void __real_free(void *memory);

static struct {
    const char *watched;
    bool freed;
    bool clean;
} watch;

void __wrap_free(void *memory)
{
    if (memory && memory == watch.watched) {
        watch.freed = true;
        watch.clean = true;
        for (size_t i = 0; i < SIZE; i++)
            watch.clean = watch.clean && watch.watched[i] == 0;
    }
    __real_free(memory);
}

/* A block of SIZE bytes full of 'x', which is watched from now on. */
static char *new_block(void)
{
    char *block = wiping_malloc(SIZE);
    assert_non_null(block);
    for (size_t i = 0; i < SIZE; i++)
        block[i] = 'x';
    watch.watched = block;
    watch.freed = watch.clean = false;
    return block;
}

static void free_wipes(void **state)
{
    (void)state;
    wiping_free(new_block());
    assert_true(watch.freed && watch.clean);
    wiping_free(NULL);
}

static void realloc_keeps_the_content_and_wipes_the_old_block(void **state)
{
    static const size_t sizes[] = {10, SIZE, 5000};
    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char *block = wiping_realloc(new_block(), sizes[i]);
        assert_non_null(block);
        assert_true(watch.freed && watch.clean);
        for (size_t k = 0; k < SIZE && k < sizes[i]; k++)
            assert_int_equal(block[k], 'x');
        wiping_free(block);
    }
    char *fresh = wiping_realloc(NULL, 1);
    assert_non_null(fresh);
    wiping_free(fresh);
}

static void others_are_as_usual(void **state)
{
    char *text = wiping_strdup("text"), *zeros = wiping_calloc(2, 2);
    (void)state;
    assert_string_equal(text, "text");
    assert_memory_equal(zeros, "\0\0\0\0", 4);
    wiping_free(text);
    wiping_free(zeros);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(free_wipes),
        cmocka_unit_test(realloc_keeps_the_content_and_wipes_the_old_block),
        cmocka_unit_test(others_are_as_usual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
