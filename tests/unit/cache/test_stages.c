/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cache/stages.h"

/* "AWSCURRENT=v1 -=v0 " with '-' for no stage and '?' after what is doubtful. */
static void assert_stages(const struct stages *stages, const char *expected)
{
    char text[512] = "";
    size_t size = 0;
    for (size_t i = 0; i < stages->count; i++) {
        const struct stage *stage = &stages->entries[i];
        size += (size_t)snprintf(text + size, sizeof(text) - size, "%s=%s%s ", stage->name ? stage->name : "-",
                                 stage->version_id, stage->doubtful ? "?" : "");
    }
    assert_string_equal(text, expected);
}

/* The current value, with up to three stages. */
static int put_current(struct stages *stages, const char *version_id, const char *a, const char *b, const char *c)
{
    const char *const names[] = {a, b, c};
    _cleanup_value_ struct value *value = value_new();
    assert_non_null(value);
    value->version_id = strdup(version_id);
    for (size_t i = 0; i < 3; i++)
        if (names[i])
            value->stages[value->stage_count++] = strdup(names[i]);
    return stages_put_current(stages, value);
}

static void listing_is_taken_in(void **state)
{
    _cleanup_stages_ struct stages stages = {0};
    (void)state;
    assert_null(stages_find(&stages, "AWSCURRENT"));
    assert_false(stages_has_version(&stages, "v1"));
    assert_int_equal(stages_put(&stages, "v1", "AWSCURRENT"), 1);
    assert_int_equal(stages_put(&stages, "v1", "blue"), 1);
    assert_int_equal(stages_put(&stages, "v0", NULL), 1);
    assert_int_equal(stages_put(&stages, "v0", NULL), 0);
    assert_int_equal(stages_put(&stages, "v1", NULL), 0);
    assert_int_equal(stages_put(&stages, "v1", "blue"), 0);
    assert_stages(&stages, "AWSCURRENT=v1 blue=v1 -=v0 ");
    assert_string_equal(stages_find(&stages, "blue"), "v1");
    assert_null(stages_find(&stages, "BLUE"));
    assert_null(stages_find(&stages, ""));
    assert_true(stages_has_version(&stages, "v0"));
    assert_false(stages_has_version(&stages, "v"));
}

static void moved_stage_leaves_its_version_behind(void **state)
{
    _cleanup_stages_ struct stages stages = {0};
    (void)state;
    (void)stages_put(&stages, "v1", "blue");
    assert_int_equal(stages_put(&stages, "v2", "blue"), 1);
    assert_stages(&stages, "blue=v2 -=v1 ");
    assert_int_equal(stages_put(&stages, "v1", "blue"), 1);
    assert_string_equal(stages_find(&stages, "blue"), "v1");
    assert_true(stages_has_version(&stages, "v2"));
}

static void current_value_tells_its_stages(void **state)
{
    _cleanup_stages_ struct stages stages = {0};
    (void)state;
    assert_int_equal(put_current(&stages, "v1", "AWSCURRENT", "blue", NULL), 1);
    assert_stages(&stages, "AWSCURRENT=v1 blue=v1 ");
    assert_int_equal(put_current(&stages, "v1", "AWSCURRENT", "blue", NULL), 0);
    assert_int_equal(put_current(&stages, "v1", "AWSCURRENT", "green", NULL), 1); /* blue is gone */
    assert_null(stages_find(&stages, "blue"));
    assert_string_equal(stages_find(&stages, "green"), "v1");
    assert_true(stages_has_version(&stages, "v1"));
}

static void other_stages_are_doubtful_after_a_rotation(void **state)
{
    _cleanup_stages_ struct stages stages = {0};
    (void)state;
    (void)stages_put(&stages, "v1", "AWSCURRENT");
    (void)stages_put(&stages, "v0", "AWSPREVIOUS");
    (void)stages_put(&stages, "v2", "AWSPENDING");
    assert_string_equal(stages_find_certain(&stages, "AWSPREVIOUS"), "v0");
    assert_int_equal(put_current(&stages, "v2", "AWSCURRENT", "AWSPENDING", NULL), 1);
    assert_string_equal(stages_find_certain(&stages, "AWSCURRENT"), "v2");
    assert_string_equal(stages_find_certain(&stages, "AWSPENDING"), "v2");
    assert_null(stages_find_certain(&stages, "AWSPREVIOUS"));
    assert_string_equal(stages_find(&stages, "AWSPREVIOUS"), "v0");
    assert_true(stages_has_version(&stages, "v1"));

    assert_int_equal(stages_put(&stages, "v1", "AWSPREVIOUS"), 1); /* asked again */
    assert_string_equal(stages_find_certain(&stages, "AWSPREVIOUS"), "v1");
    assert_int_equal(put_current(&stages, "v2", "AWSCURRENT", NULL, NULL), 1);
    assert_null(stages_find(&stages, "AWSPENDING"));
    assert_string_equal(stages_find_certain(&stages, "AWSPREVIOUS"), "v1"); /* no rotation, no doubt */
}

static void copy_is_the_same_and_its_own(void **state)
{
    _cleanup_stages_ struct stages stages = {0};
    _cleanup_stages_ struct stages copy = {0};
    (void)state;
    (void)stages_put(&stages, "v1", "AWSCURRENT");
    (void)stages_put(&stages, "v0", "AWSPREVIOUS");
    (void)stages_put(&stages, "v9", NULL);
    (void)put_current(&stages, "v2", "AWSCURRENT", NULL, NULL);
    assert_int_equal(stages_copy(&stages, &copy), 0);
    stages_clear(&stages);
    assert_int_equal(stages.count, 0);
    assert_stages(&copy, "AWSCURRENT=v2 AWSPREVIOUS=v0? -=v9? -=v1 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listing_is_taken_in),
        cmocka_unit_test(moved_stage_leaves_its_version_behind),
        cmocka_unit_test(current_value_tells_its_stages),
        cmocka_unit_test(other_stages_are_doubtful_after_a_rotation),
        cmocka_unit_test(copy_is_the_same_and_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
