/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "cli/doctor_target.h"

#define ARN "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf"

static const struct {
    const char *text;
    int result;
    const char *id, *key, *stage, *version_id; /* "": NULL */
} cases[] = {
    {"prod/db", 0, "prod/db", "", "", ""},
    {"/prod/db", 0, "/prod/db", "", "", ""},
    {"a:b", 0, "a:b", "", "", ""}, /* no name that AWS has, and for it to refuse */
    {"", 0, "", "", "", ""},
    {ARN, 0, ARN, "", "", ""},
    {"arn:aws:secretsmanager:r:1:secret:a", 0, "arn:aws:secretsmanager:r:1:secret:a", "", "", ""},
    {"arn:", 0, "arn:", "", "", ""},
    {"arn:aws", 0, "arn:aws", "", "", ""},
    {ARN ":password::", 0, ARN, "password", "", ""},
    {ARN "::AWSPREVIOUS:", 0, ARN, "", "AWSPREVIOUS", ""},
    {ARN ":::01234567", 0, ARN, "", "", "01234567"},
    {ARN ":k:AWSPREVIOUS:01234567", 0, ARN, "k", "AWSPREVIOUS", "01234567"},
    {ARN ":::", 0, ARN, "", "", ""},
    {ARN ":", -EINVAL, "", "", "", ""},
    {ARN ":password", -EINVAL, "", "", "", ""},
    {ARN ":password:", -EINVAL, "", "", "", ""},
    {ARN ":a:b:c:d", -EINVAL, "", "", "", ""},
};

static void assert_text(const char *got, const char *expected)
{
    assert_string_equal(got ? got : "", expected);
}

static void names_are_taken_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_doctor_target_ struct doctor_target target = {0};
        assert_int_equal(doctor_target_parse(cases[i].text, &target), cases[i].result);
        assert_text(target.id, cases[i].id);
        assert_text(target.key, cases[i].key);
        assert_text(target.stage, cases[i].stage);
        assert_text(target.version_id, cases[i].version_id);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names_are_taken_apart)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
