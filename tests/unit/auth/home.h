/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* For tests of sessions: a home directory of its own, which is the working directory too, and an environment that
 * holds nothing but what a test says; and that there is no instance metadata, unless the test has some of its own.
 * Included after cmocka.h. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/session.h"

struct row {
    const char *about;
    const char *variables[6]; /* besides HOME */
    const char *config;       /* ~/.aws/config; NULL: no such file */
    const char *credentials;  /* ~/.aws/credentials */
    struct aws_session_options options;
    const char *expected; /* in the test's own form, or "!" and part of an error's text */
};

static char home[] = "/tmp/secretsfs-test-session-XXXXXX";

static void write_file(const char *name, const char *text)
{
    (void)unlink(name);
    if (!text)
        return;
    _cleanup_fclose_ FILE *file = fopen(name, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
}

static void set_variables(const char *const *variables, size_t count)
{
    assert_int_equal(clearenv(), 0);
    assert_int_equal(setenv("HOME", home, 1), 0);
    assert_int_equal(setenv("AWS_EC2_METADATA_DISABLED", "true", 1), 0);
    for (size_t i = 0; i < count && variables[i]; i++) {
        _cleanup_free_ char *name = strdup(variables[i]);
        assert_non_null(name);
        char *equals = strchr(name, '=');
        assert_non_null(equals);
        *equals = '\0';
        assert_int_equal(setenv(name, equals + 1, 1), 0);
        if (strcmp(name, "AWS_EC2_METADATA_SERVICE_ENDPOINT") == 0)
            assert_int_equal(unsetenv("AWS_EC2_METADATA_DISABLED"), 0);
    }
}

static int open_session(const struct row *row, struct aws_session **ret_session, struct error *ret_error)
{
    set_variables(row->variables, sizeof(row->variables) / sizeof(row->variables[0]));
    write_file(".aws/config", row->config);
    write_file(".aws/credentials", row->credentials);
    return aws_session_new(&row->options, ret_session, ret_error);
}

/* Compares with the row's expectation; prints what is wrong and returns false. */
static bool row_is_good(const struct row *row, int result, const char *got)
{
    const char *expected = row->expected;
    bool good = result < 0 ? expected[0] == '!' && strstr(got, expected + 1) : strcmp(got, expected) == 0;
    if (!good)
        print_error("%s:\n  expected %s\n  got      %s\n", row->about, expected, got);
    return good;
}

static int make_home(void **state)
{
    (void)state;
    return mkdtemp(home) && chdir(home) == 0 && mkdir(".aws", 0700) == 0 ? 0 : -1;
}

static int remove_home(void **state)
{
    (void)state;
    (void)unlink(".aws/config");
    (void)unlink(".aws/credentials");
    (void)unlink(".aws/old");
    return rmdir(".aws") == 0 && chdir("/") == 0 && rmdir(home) == 0 ? 0 : -1;
}
