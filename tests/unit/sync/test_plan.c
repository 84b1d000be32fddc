/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sync/plan.h"

#define TEXT_MAX_BYTES 1024

/* A list from "d prod, f prod/key=bytes, l prod/link=target, f? doubtful". */
static void parse(char *text, struct entries *entries)
{
    *entries = (struct entries){0};
    for (char *rest = text, *word; (word = strsep(&rest, ",")) && word[0] != '\0';) {
        struct entry entry = {.kind = word[0] == 'd'   ? ENTRY_DIRECTORY
                                      : word[0] == 'f' ? ENTRY_FILE
                                                       : ENTRY_LINK,
                              .doubtful = word[1] == '?'};
        entry.path = strchr(word, ' ') + 1;
        char *content = strchr(word, '=');
        if (content)
            *content++ = '\0';
        _cleanup_secret_ struct secret *bytes = NULL;
        if (entry.kind == ENTRY_FILE) {
            entry.size_bytes = content ? strlen(content) : 0;
            assert_int_equal(secret_new(content ? content : "", entry.size_bytes, &bytes), 0);
            entry.bytes = bytes;
        } else
            entry.target = content;
        assert_int_equal(entries_add(entries, &entry), 0);
    }
    entries_sort(entries);
}

/* The steps as "+made =kept ~replaced ?checked -removed". */
static void assert_plan(const char *made_text, const char *wanted_text, const char *expected)
{
    static const char marks[] = {
        [STEP_REMOVE] = '-', [STEP_MAKE] = '+', [STEP_REPLACE] = '~', [STEP_CHECK] = '?', [STEP_KEEP] = '='};
    _cleanup_free_ char *made_copy = strdup(made_text);
    _cleanup_free_ char *wanted_copy = strdup(wanted_text);
    _cleanup_entries_ struct entries made;
    _cleanup_entries_ struct entries wanted;
    _cleanup_plan_ struct plan plan = {0};
    char text[TEXT_MAX_BYTES] = "";
    size_t bytes = 0;
    parse(made_copy, &made);
    parse(wanted_copy, &wanted);
    assert_int_equal(plan_new(&made, &wanted, &plan), 0);
    for (size_t i = 0; i < plan.count; i++) {
        const struct entry *entry = plan.steps[i].after ? plan.steps[i].after : plan.steps[i].before;
        bytes += (size_t)snprintf(text + bytes, sizeof(text) - bytes, "%s%c%s", i > 0 ? " " : "",
                                  marks[plan.steps[i].kind], entry->path);
    }
    assert_string_equal(text, expected);
}

static void from_nothing_and_to_nothing(void **state)
{
    (void)state;
    assert_plan("", "", "");
    assert_plan("", "d a,f a/b=1,d a/c,f a/c/d=2", "+a +a/b +a/c +a/c/d");
    assert_plan("d a,f a/b=1,d a/c,f a/c/d=2", "", "-a/c/d -a/c -a/b -a");
}

static void only_what_differs(void **state)
{
    (void)state;
    assert_plan("d a,f a/b=1,f a/c=2", "d a,f a/b=1,f a/c=3", "=a =a/b ~a/c");
    assert_plan("l a=x,l b=y", "l a=x,l b=z", "=a ~b");
    assert_plan("f a=1", "l a=x", "~a");
}

static void the_new_comes_before_the_old_goes(void **state)
{
    (void)state;
    assert_plan("d s,d s/1,f s/1/k=1,l s/data=1", "d s,d s/2,f s/2/k=2,l s/data=2",
                "=s +s/2 +s/2/k ~s/data -s/1/k -s/1");
}

static void what_is_in_the_way_goes_first(void **state)
{
    (void)state;
    assert_plan("d a,f a/b=1,d a/c,f a/c/d=1,f z=1", "f a=2", "-a/c/d -a/c -a/b -a +a -z");
    assert_plan("f a=1,f b=1", "d a,f a/b=1,f b=1", "-a +a +a/b =b");
}

static void what_is_doubtful_is_checked_or_left(void **state)
{
    (void)state;
    assert_plan("d? a,f? a/b,f? c", "d a,f a/b=1", "?a ?a/b -c");
    assert_plan("d? a,f? a/b,f? c", "d? a,f? a/b,f? c", "=a =a/b =c");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_nothing_and_to_nothing),         cmocka_unit_test(only_what_differs),
        cmocka_unit_test(the_new_comes_before_the_old_goes),   cmocka_unit_test(what_is_in_the_way_goes_first),
        cmocka_unit_test(what_is_doubtful_is_checked_or_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
