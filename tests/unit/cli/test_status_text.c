/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/status_text.h"
#include "cli/table.h"

static void expect(const char *json, size_t width, const char *expected)
{
    _cleanup_json_ struct json *status = NULL;
    _cleanup_buffer_ struct buffer buffer = {0};
    buffer_init(&buffer, 100000);
    assert_int_equal(json_parse(json, strlen(json), 16, &status), 0);
    assert_int_equal(status_text(status, width, &buffer), 0);
    assert_string_equal(buffer.bytes, expected);
}

static void test_all_of_it(void **state)
{
    (void)state;
    expect(
        "{\"version\": \"0.1.0\", \"source\": \"AWS\", \"mountpoint\": \"/secrets\", \"ready\": true,"
        "\"uptime_seconds\": 7384.5, \"calls\": {\"wire\": 2050, \"queue\": 50, \"get\": 12, \"batch\": 3,"
        "\"describe\": 1, \"list\": 4, \"failed\": 2}, \"push\": {\"state\": \"listening\", \"queue\": \"https://q\","
        "\"received\": 5, \"unrecognized\": 1}, \"names\": {\"state\": \"complete\", \"listed\": 9, \"skipped\": 0},"
        "\"secrets\": ["
        "{\"id\": \"prod/db\", \"version_id\": \"01234567-89ab\", \"age_seconds\": 12, \"next_check_seconds\": 61,"
        " \"in_use\": true, \"stale\": false, \"fetching\": false},"
        "{\"id\": \"prod/db\", \"asked_stage\": \"AWSPREVIOUS\", \"version_id\": \"x\", \"age_seconds\": 90061,"
        " \"in_use\": false, \"stale\": false},"
        "{\"id\": \"prod/api\", \"version_id\": \"f0\", \"age_seconds\": 400, \"in_use\": true, \"stale\": true,"
        " \"error\": {\"kind\": \"throttled\", \"code\": \"ThrottlingException\", \"message\": \"too fast\","
        " \"seconds_ago\": 3}},"
        "{\"id\": \"none\", \"in_use\": false, \"stale\": false, \"error\": {\"kind\": \"not-found\", \"code\": \"\","
        " \"message\": \"there is none\", \"seconds_ago\": 0}}], \"secrets_omitted\": 3}",
        TABLE_ANY_WIDTH,
        "mount     /secrets: up for 2h03m, version 0.1.0\n"
        "source    AWS\n"
        "names     complete, 9 known, 0 too long to show\n"
        "calls     12 get, 3 batch, 1 describe, 4 list, 2 failed; 2000 requests, about $0.0100\n"
        "queue     listening, 5 messages (1 not understood), 50 requests; https://q\n"
        "\n"
        "SECRET                 VERSION   AGE    NEXT   USED  STATE\n"
        "prod/db                01234567  12s    1m01s  yes   ok\n"
        "prod/db [AWSPREVIOUS]  x         1d01h  -      no    ok\n"
        "prod/api               f0        6m40s  -      yes   stale: throttled ThrottlingException\n"
        "none                   -         -      -      no    failed: not-found\n"
        "and 3 more\n"
        "\n"
        "prod/api, 3s ago: too fast\n"
        "\n"
        "none, 0s ago: there is none\n");
}

/* Nothing that it says is believed. */
static void test_another_shape(void **state)
{
    (void)state;
    expect("{\"version\": [], \"ready\": 1, \"uptime_seconds\": -1e300, \"calls\": 7, \"push\": \"x\","
           "\"names\": {\"listed\": \"many\"}, \"secrets\": [7, null, {\"id\": \"a\\u001b[1mb\", \"error\": 4,"
           "\"age_seconds\": 1e99}]}",
           60,
           "mount     : starting for 0s, version\n"
           "source\n"
           "names     , 0 known, 0 too long to show\n"
           "calls     0 get, 0 batch, 0 describe, 0 list, 0 failed; 0\n"
           "          requests, about $0.0000\n"
           "queue\n"
           "\n"
           "SECRET     VERSION  AGE  NEXT  USED  STATE\n"
           "           -        -    -     no    ok\n"
           "           -        -    -     no    ok\n"
           "a\\x1b[1mb  -        0s   -     no    failed:\n"
           "\n"
           "a\\x1b[1mb, 0s ago:\n");
}

static void test_nothing_read(void **state)
{
    (void)state;
    expect("{\"mountpoint\": \"/m\", \"secrets\": []}", TABLE_ANY_WIDTH,
           "mount     /m: starting for 0s, version\n"
           "source\n"
           "names     , 0 known, 0 too long to show\n"
           "calls     0 get, 0 batch, 0 describe, 0 list, 0 failed; 0 requests, about $0.0000\n"
           "queue\n"
           "\n"
           "No secret has been read yet.\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_of_it),
        cmocka_unit_test(test_another_shape),
        cmocka_unit_test(test_nothing_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
