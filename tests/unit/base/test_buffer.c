/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/cleanup.h"

/* The linker puts these in place of free() (--wrap). */
void __wrap_free(void *memory);
void __real_free(void *memory);

static struct {
    const char *watched;
    size_t size_bytes;
    bool freed;
    bool clean;
} watch;

void __wrap_free(void *memory)
{
    if (memory && memory == watch.watched) {
        watch.freed = true;
        watch.clean = true;
        for (size_t i = 0; i < watch.size_bytes; i++)
            watch.clean = watch.clean && watch.watched[i] == 0;
    }
    __real_free(memory);
}

static void watch_bytes_of(const struct buffer *buffer)
{
    watch.watched = buffer->bytes;
    watch.size_bytes = buffer->capacity_bytes;
    watch.freed = watch.clean = false;
}

static void assert_holds(const struct buffer *buffer, const char *bytes, size_t size_bytes)
{
    assert_int_equal(buffer->size_bytes, size_bytes);
    assert_memory_equal(buffer->bytes, bytes, size_bytes);
    assert_int_equal(buffer->bytes[size_bytes], '\0');
}

static void new_one_is_empty(void **state)
{
    struct buffer buffer;
    (void)state;
    buffer_init(&buffer, 7);
    assert_null(buffer.bytes);
    assert_int_equal(buffer.size_bytes, 0);
    assert_int_equal(buffer.max_bytes, 7);
    buffer_clear(&buffer);
    buffer_clear(NULL);
}

static void appends_in_order_and_ends_with_nul(void **state)
{
    _cleanup_buffer_ struct buffer buffer;
    (void)state;
    buffer_init(&buffer, 100);
    assert_int_equal(buffer_append(&buffer, "", 0), 0);
    assert_holds(&buffer, "", 0);
    assert_int_equal(buffer_append(&buffer, "a\0b", 3), 0);
    assert_int_equal(buffer_append(&buffer, NULL, 0), 0);
    assert_int_equal(buffer_append_text(&buffer, "text"), 0);
    assert_int_equal(buffer_append_text(&buffer, ""), 0);
    assert_int_equal(buffer_printf(&buffer, "<%d|%s>", -5, "x"), 0);
    assert_holds(&buffer, "a\0btext<-5|x>", 13);
}

static void grows_byte_by_byte_to_its_maximum(void **state)
{
    _cleanup_buffer_ struct buffer buffer;
    (void)state;
    buffer_init(&buffer, 5000);
    for (size_t i = 0; i < 5000; i++) {
        char byte = (char)('a' + i % 26);
        assert_int_equal(buffer_append(&buffer, &byte, 1), 0);
    }
    assert_int_equal(buffer.size_bytes, 5000);
    for (size_t i = 0; i < 5000; i++)
        assert_int_equal(buffer.bytes[i], 'a' + i % 26);
    assert_int_equal(buffer.bytes[5000], '\0');
    assert_int_equal(buffer_append(&buffer, "x", 1), -EFBIG);
    assert_int_equal(buffer_append(&buffer, "", 0), 0);
}

static void refuses_what_is_over_its_maximum_and_stays_as_it_was(void **state)
{
    static const size_t maxima[] = {0, 1, 5, 255, 256, 257};
    static const char text[] = "0123456789";
    (void)state;
    for (size_t i = 0; i < sizeof(maxima) / sizeof(maxima[0]); i++) {
        size_t max = maxima[i];
        _cleanup_buffer_ struct buffer buffer;
        buffer_init(&buffer, max);
        while (buffer.size_bytes < max)
            assert_int_equal(buffer_append(&buffer, text, max - buffer.size_bytes < 5 ? max - buffer.size_bytes : 5),
                             0);
        struct buffer before = buffer;
        assert_int_equal(buffer_append(&buffer, text, 1), -EFBIG);
        assert_int_equal(buffer_append(&buffer, text, SIZE_MAX), -EFBIG);
        assert_int_equal(buffer_append_text(&buffer, text), -EFBIG);
        assert_int_equal(buffer_printf(&buffer, "%s", text), -EFBIG);
        assert_memory_equal(&buffer, &before, sizeof(buffer));
        assert_int_equal(buffer_append(&buffer, text, 0), 0);
        assert_int_equal(buffer.size_bytes, max);
    }
}

static void clear_wipes_all_it_had_and_keeps_the_maximum(void **state)
{
    struct buffer buffer;
    (void)state;
    buffer_init(&buffer, 10);
    assert_int_equal(buffer_append_text(&buffer, "0123456789"), 0);
    watch_bytes_of(&buffer);
    buffer_clear(&buffer);
    assert_true(watch.freed && watch.clean);
    assert_null(buffer.bytes);
    assert_int_equal(buffer.size_bytes, 0);
    assert_int_equal(buffer_append_text(&buffer, "01234567890"), -EFBIG);
    assert_int_equal(buffer_append_text(&buffer, "again"), 0);
    assert_holds(&buffer, "again", 5);
    buffer_clear(&buffer);
}

static void growth_wipes_the_smaller_block(void **state)
{
    _cleanup_buffer_ struct buffer buffer;
    unsigned grown = 0;
    (void)state;
    buffer_init(&buffer, 100000);
    assert_int_equal(buffer_append_text(&buffer, "secret"), 0);
    while (grown < 5) {
        watch_bytes_of(&buffer);
        assert_int_equal(buffer_append_text(&buffer, "0123456789"), 0);
        if (buffer.bytes == watch.watched)
            continue;
        assert_true(watch.freed && watch.clean);
        grown++;
    }
    assert_memory_equal(buffer.bytes, "secret0123456789", 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_one_is_empty),
        cmocka_unit_test(appends_in_order_and_ends_with_nul),
        cmocka_unit_test(grows_byte_by_byte_to_its_maximum),
        cmocka_unit_test(refuses_what_is_over_its_maximum_and_stays_as_it_was),
        cmocka_unit_test(clear_wipes_all_it_had_and_keeps_the_maximum),
        cmocka_unit_test(growth_wipes_the_smaller_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
