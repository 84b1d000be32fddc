/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/container_url.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

#define RELATIVE "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI="
#define FULL "AWS_CONTAINER_CREDENTIALS_FULL_URI="

/* Expected: the URL, or "!" and part of an error's text. */
static const struct {
    const char *about;
    const char *variables[2];
    const char *expected;
} rows[] = {
    {"nothing", {NULL}, "!AWS_CONTAINER_CREDENTIALS_*_URI are not set"},
    {"empty", {RELATIVE, FULL}, "!are not set"},
    {"relative", {RELATIVE "/v2/credentials/id"}, "http://169.254.170.2/v2/credentials/id"},
    {"relative with a query", {RELATIVE "/credentials?id=1"}, "http://169.254.170.2/credentials?id=1"},
    {"relative first", {RELATIVE "/a", FULL "http://127.0.0.1/b"}, "http://169.254.170.2/a"},
    {"relative is empty", {RELATIVE, FULL "http://127.0.0.1/b"}, "http://127.0.0.1/b"},
    {"relative without a slash", {RELATIVE "a"}, "!it must be a path that begins with /"},
    {"relative that leads elsewhere", {RELATIVE "@evil/"}, "!it must be a path that begins with /"},
    {"relative with a line break", {RELATIVE "/a\r\nX: y"}, "!AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is not usable"},
    {"bad relative does not fall back", {RELATIVE "a", FULL "http://127.0.0.1/"}, "!_RELATIVE_URI is not usable"},

    {"https, any host", {FULL "https://evil/a"}, "https://evil/a"},
    {"https, capitals", {FULL "HTTPS://evil:8443/a?b=c"}, "HTTPS://evil:8443/a?b=c"},
    {"loopback", {FULL "http://127.0.0.1/a"}, "http://127.0.0.1/a"},
    {"loopback, port", {FULL "http://127.0.0.1:8080/a"}, "http://127.0.0.1:8080/a"},
    {"all of 127/8", {FULL "http://127.255.255.254/a"}, "http://127.255.255.254/a"},
    {"loopback, IPv6", {FULL "http://[::1]:80/a"}, "http://[::1]:80/a"},
    {"ECS", {FULL "http://169.254.170.2/a"}, "http://169.254.170.2/a"},
    {"EKS", {FULL "http://169.254.170.23/v1/credentials"}, "http://169.254.170.23/v1/credentials"},
    {"EKS, IPv6", {FULL "http://[fd00:ec2::23]/v1/credentials"}, "http://[fd00:ec2::23]/v1/credentials"},
    {"EKS, IPv6 in full", {FULL "http://[FD00:0EC2:0:0:0:0:0:23]/"}, "http://[FD00:0EC2:0:0:0:0:0:23]/"},
    {"without a path", {FULL "http://127.0.0.1"}, "http://127.0.0.1"},
    {"query without a path", {FULL "http://127.0.0.1?a"}, "http://127.0.0.1?a"},
    {"localhost", {FULL "http://localhost/a"}, "http://localhost/a"},
    {"localhost, port", {FULL "http://LocalHost:80/a"}, "http://LocalHost:80/a"},

    {"http elsewhere", {FULL "http://203.0.113.7/a"}, "!must not be http:// on \"203.0.113.7\""},
    {"next to ECS", {FULL "http://169.254.170.3/a"}, "!must not be http:// on"},
    {"instance metadata", {FULL "http://169.254.169.254/a"}, "!must not be http:// on"},
    {"IPv6 elsewhere", {FULL "http://[2001:db8::1]/a"}, "!must not be http:// on \"2001:db8::1\""},
    {"next to EKS, IPv6", {FULL "http://[fd00:ec2::24]/a"}, "!must not be http:// on"},
    {"this host, any address", {FULL "http://0.0.0.0/a"}, "!must not be http:// on"},
    {"mapped", {FULL "http://[::ffff:203.0.113.7]/a"}, "!must not be http:// on"},
    {"a number", {FULL "http://3405803783/a"}, "!must not be http:// on"},
    {"less than an address", {FULL "http://127.1/a"}, "!must not be http:// on"},
    {"a name", {FULL "http://agent/a"}, "!must not be http:// on \"agent\""},
    {"like an address", {FULL "http://127.0.0.1.example/a"}, "!must not be http:// on"},
    {"like localhost", {FULL "http://localhost.example/a"}, "!must not be http:// on"},
    {"no scheme", {FULL "127.0.0.1/a"}, "!is not a usable URL"},
    {"other scheme", {FULL "file:///etc/passwd"}, "!is not a usable URL"},
    {"no host", {FULL "http:///a"}, "!is not a usable URL"},
    {"user", {FULL "http://127.0.0.1@203.0.113.7/a"}, "!is not a usable URL"},
    {"backslash", {FULL "http://127.0.0.1\\@203.0.113.7/a"}, "!is not a usable URL"},
    {"white space", {FULL "http://127.0.0.1/a b"}, "!is not a usable URL"},
    {"line break", {FULL "http://127.0.0.1/a\nb"}, "!is not a usable URL"},
    {"fragment", {FULL "http://127.0.0.1#@203.0.113.7/"}, "!is not a usable URL"},
    {"bad port", {FULL "http://127.0.0.1:x/"}, "!is not a usable URL"},
    {"open bracket", {FULL "http://[::1/a"}, "!is not a usable URL"},
    {"https with a user", {FULL "https://a:b@evil/"}, "!is not a usable URL"},
};

static bool is_good(size_t i)
{
    char *variables[3] = {(char *)(uintptr_t)rows[i].variables[0], (char *)(uintptr_t)rows[i].variables[1], NULL};
    _cleanup_environment_ struct environment *environment = NULL;
    _cleanup_free_ char *url = NULL;
    struct error error = {.kind = ERROR_NONE};
    const char *variable = NULL, *expected = rows[i].expected;
    assert_int_equal(environment_new(variables, &environment), 0);
    int r = container_url_find(environment, &url, &variable, &error);
    bool good = r == 0 ? strcmp(expected, url) == 0 : expected[0] == '!' && strstr(error.message, expected + 1);
    if (r == 0) {
        bool relative = strstr(rows[i].variables[0], RELATIVE "/") != NULL;
        good = good && strncmp(variable, relative ? RELATIVE : FULL, strlen(variable)) == 0;
    }
    good = good && (r == -ENODATA) == (strstr(expected, "not set") != NULL);
    if (!good)
        print_error("%s:\n  expected %s\n  got      %s\n", rows[i].about, expected, r == 0 ? url : error.message);
    return good;
}

static void test_urls(void **state)
{
    (void)state;
    size_t failures = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        failures += is_good(i) ? 0 : 1;
    assert_int_equal(failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_urls)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
