/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth/xml.h"

/* What is found of Error/Code and of RequestId in any element. */
static int read_both(const char *text, size_t text_bytes, struct buffer *ret_code, struct buffer *ret_id)
{
    const struct xml_wanted wanted[] = {{"Error", "Code", ret_code}, {NULL, "RequestId", ret_id}};
    buffer_init(ret_code, 20);
    buffer_init(ret_id, 20);
    return xml_read(text, text_bytes, wanted, 2);
}

static void check_texts(const char *text, const char *expected_code, const char *expected_id)
{
    _cleanup_buffer_ struct buffer code = {0}, id = {0};
    int r = read_both(text, strlen(text), &code, &id);
    if (r < 0)
        fail_msg("%s: %d", text, r);
    assert_string_equal(code.bytes ? code.bytes : "", expected_code);
    assert_string_equal(id.bytes ? id.bytes : "", expected_id);
}

static void check_refused(const char *text, size_t text_bytes, int expected)
{
    _cleanup_buffer_ struct buffer code = {0}, id = {0};
    int r = read_both(text, text_bytes, &code, &id);
    if (r != expected)
        fail_msg("%.200s: %d, not %d", text, r, expected);
    assert_int_equal(code.size_bytes + id.size_bytes, 0);
}

static void texts_are_found_by_name_and_parent(void **state)
{
    (void)state;
    check_texts("<R><Error><Code>a</Code></Error><RequestId>i</RequestId></R>", "a", "i");
    check_texts("<?xml version=\"1.0\"?>\n<R xmlns=\"u\"><Es><Error x='1'><Code>a</Code></Error></Es></R>", "a", "");
    check_texts("<Error><Code>a</Code><RequestId>i</RequestId></Error>", "a", "i");
    check_texts("<R><Code>x</Code><E><Error><Code>a</Code><Code>b</Code></Error></E></R>", "a", "");
    check_texts("<R><Error><In><Code>x</Code></In></Error></R>", "", "");
    check_texts("<R><Error><Code>a<In>x</In>b</Code></Error></R>", "ab", "");
    check_texts("<R><Error><Code>a<RequestId>x</RequestId></Code></Error></R>", "a", "");
    check_texts("<R><Error><Code/></Error><Error><Code>b</Code></Error></R>", "", "");
    check_texts("<R><Error><Code>&lt;&#65;&amp;<![CDATA[<x>]]><!-- c --></Code></Error></R>", "<A&<x>", "");
    check_texts("<RequestId>i</RequestId>", "", "");
}

static void other_than_well_formed_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "{}",
        "text",
        "<R><Error><Code>a</Code></Error>",
        "<R><Error><Code>a</Code></Error></R><R/>",
        "<R><Error><Code>a</Error></Code></R>",
        "<R><Error><Code>&b;</Code></Error></R>",
        "<R><Error><Code>\xff</Code></Error></R>",
        "<!DOCTYPE html><html></html>",
        "<!DOCTYPE R [<!ENTITY b \"b\">]><R><Error><Code>&b;</Code></Error></R>",
        "<!DOCTYPE R SYSTEM \"file:///etc/passwd\"><R><Error><Code>a</Code></Error></R>",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        check_refused(texts[i], strlen(texts[i]), -EBADMSG);
    check_refused("<R>\0</R>", 8, -EBADMSG);
}

static void depth_and_sizes_are_bounded(void **state)
{
    char text[256];
    size_t at = 0;
    (void)state;
    for (int i = 0; i < 17; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "<a>");
    for (int i = 0; i < 17; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "</a>");
    check_refused(text, at, -EBADMSG);
    check_refused("<R><Error><Code>a longer text than there is room for</Code></Error></R>", 71, -EFBIG);

    char *long_text = malloc(XML_MAX_BYTES + 1);
    assert_non_null(long_text);
    memset(long_text, ' ', XML_MAX_BYTES + 1);
    memcpy(long_text, "<R/>", 4);
    check_refused(long_text, XML_MAX_BYTES + 1, -EFBIG);
    long_text[XML_MAX_BYTES] = '\0';
    check_texts(long_text, "", "");
    free(long_text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_found_by_name_and_parent),
        cmocka_unit_test(other_than_well_formed_is_refused),
        cmocka_unit_test(depth_and_sizes_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
