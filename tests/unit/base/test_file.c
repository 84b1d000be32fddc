/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void test_whole_file(void **state)
{
    (void)state;
    char path[] = "/tmp/secretsfs-test-file-XXXXXX";
    static const char bytes[10000] = {'a', '\0', [9999] = 'z'};
    _cleanup_close_ int fd = mkstemp(path);
    _cleanup_buffer_ struct buffer content, small;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));

    buffer_init(&content, sizeof(bytes));
    assert_int_equal(file_read(path, &content), 0);
    assert_int_equal(content.size_bytes, sizeof(bytes));
    assert_memory_equal(content.bytes, bytes, sizeof(bytes));
    buffer_init(&small, sizeof(bytes) - 1);
    assert_int_equal(file_read(path, &small), -EFBIG);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(file_read(path, &content), -ENOENT);
}

static void test_what_is_not_a_file(void **state)
{
    (void)state;
    char directory[] = "/tmp/secretsfs-test-file-XXXXXX";
    _cleanup_buffer_ struct buffer content;
    buffer_init(&content, 100);
    assert_non_null(mkdtemp(directory));
    assert_int_equal(file_read(directory, &content), -EISDIR);
    assert_int_equal(chdir(directory), 0);
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_int_equal(file_read("fifo", &content), 0); /* nobody writes to it */
    assert_int_equal(unlink("fifo"), 0);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(directory), 0);
    assert_int_equal(file_read("/dev/zero", &content), -EFBIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_file),
        cmocka_unit_test(test_what_is_not_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
