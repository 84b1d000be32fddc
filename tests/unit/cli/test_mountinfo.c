/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/mountinfo.h"

#define FUSE_LINE \
    "87 29 0:52 / /mnt/two\\040words\\134x ro,nosuid shared:44 master:3 - fuse.secretsfs secretsfs rw,user_id=0\n"

static void test_a_mount_of_ours(void **state)
{
    struct mountinfo mount;
    (void)state;
    assert_int_equal(mountinfo_parse(FUSE_LINE, strlen(FUSE_LINE), &mount), 0);
    assert_int_equal(mount.id, 87);
    assert_int_equal(mount.parent_id, 29);
    assert_string_equal(mount.mountpoint, "/mnt/two words\\x");
    assert_true(mount.shared);
    assert_string_equal(mount.type, "fuse.secretsfs");
}

static void test_optional_fields(void **state)
{
    static const struct {
        const char *line;
        bool shared;
    } lines[] = {
        {"1 0 8:1 / / rw - ext4 /dev/sda1 rw", false},
        {"1 0 8:1 / / rw shared:1 - ext4 /dev/sda1 rw", true},
        {"1 0 8:1 / / rw master:1 - ext4 /dev/sda1 rw", false},
        {"1 0 8:1 / / rw master:1 propagate_from:2 - ext4 /dev/sda1 rw", false},
        {"1 0 8:1 / / rw unbindable - ext4 shared:7 rw", false},
        {"1 0 8:1 / /shared:7 rw,shared:7 - ext4 /dev/sda1 rw", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        struct mountinfo mount;
        assert_int_equal(mountinfo_parse(lines[i].line, strlen(lines[i].line), &mount), 0);
        assert_int_equal(mount.shared, lines[i].shared);
    }
}

static void test_no_such_line(void **state)
{
    static const char *const lines[] = {
        "",
        "\n",
        "1 0 8:1 / / rw",
        "1 0 8:1 / / rw shared:1",
        "1 0 8:1 / / rw shared:1 -",
        "x 0 8:1 / / rw - ext4 /dev/sda1 rw",
        "1 -1 8:1 / / rw - ext4 /dev/sda1 rw",
        "99999999999999999999999 0 8:1 / / rw - ext4 /dev/sda1 rw",
    };
    static char longest[2 * PATH_MAX];
    struct mountinfo mount = {.id = 7};
    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
        assert_int_equal(mountinfo_parse(lines[i], strlen(lines[i]), &mount), -EBADMSG);
    (void)memset(longest, 'a', sizeof(longest));
    memcpy(longest, "1 0 8:1 / /", 11);
    assert_int_equal(mountinfo_parse(longest, sizeof(longest), &mount), -EBADMSG);
    assert_int_equal(mount.id, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_mount_of_ours),
        cmocka_unit_test(test_optional_fields),
        cmocka_unit_test(test_no_such_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
