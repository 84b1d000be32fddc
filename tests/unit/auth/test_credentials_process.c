/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/profile_sources.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"

#define NS_PER_HOUR (3600 * NS_PER_SEC)
#define JSON(members) "echo '{" members "}'"
#define KEYS "\"AccessKeyId\": \"I\", \"SecretAccessKey\": \"SECRET\""
#define V1 "\"Version\": 1, "
#define PROGRAM "credential_process (echo ...) of profile \"p\" in "

/* What is tested, the command, and "id secret token", or "!" and part of the error's text. */
static const struct {
    const char *about, *command, *expected;
} cases[] = {
    {"keys", JSON(V1 KEYS), "I SECRET -"},
    {"token", JSON(V1 KEYS ", \"SessionToken\": \"T\""), "I SECRET T"},
    {"null for the token", JSON(V1 KEYS ", \"SessionToken\": null"), "I SECRET -"},
    {"expires", JSON(V1 KEYS ", \"Expiration\": \"2100-01-01T00:00:00Z\""), "I SECRET - expires"},
    {"expires, with an offset", JSON(V1 KEYS ", \"Expiration\": \"2100-01-01T00:00:00+02:00\""), "I SECRET - expires"},
    {"account id", JSON(V1 KEYS ", \"AccountId\": \"1\""), "I SECRET -"},
    {"names in other letters", JSON("\"version\": 1, \"accesskeyid\": \"I\", \"secretAccessKey\": \"S\""), "I S -"},
    {"spread over lines", "printf '\\n{\"Version\": 1,\\n" KEYS "\\n}\\n\\n'", "I SECRET -"},
    {"a shell's command", "false || A=I && " JSON(V1 KEYS) " | cat", "I SECRET -"},
    {"has expired", JSON(V1 KEYS ", \"Expiration\": \"2001-01-01T00:00:00Z\""),
     "!" PROGRAM "FILES printed credentials that have expired: does it keep them"},
    {"no time", JSON(V1 KEYS ", \"Expiration\": \"soon\""), "!Expiration in the answer is not a time"},
    {"no version", JSON(KEYS), "!" PROGRAM "FILES is not understood: the answer has no Version"},
    {"another version", JSON("\"Version\": 2, " KEYS), "!Version in the answer is not the number 1"},
    {"version as a text", JSON("\"Version\": \"1\", " KEYS), "!Version in the answer is not the number 1"},
    {"no id", JSON(V1 "\"SecretAccessKey\": \"SECRET\""), "!the answer has no AccessKeyId"},
    {"no secret", JSON(V1 "\"AccessKeyId\": \"I\""), "!the answer has no SecretAccessKey"},
    {"secret is a number", JSON(V1 "\"AccessKeyId\": \"I\", \"SecretAccessKey\": 1"), "!SecretAccessKey in the answer"},
    {"blank in the id", JSON(V1 "\"AccessKeyId\": \"I D\", \"SecretAccessKey\": \"SECRET\""), "!holds a blank or"},
    {"no object", "echo '[]'", "!the answer is not a JSON object"},
    {"no JSON", "echo SECRET", "!the answer is not a JSON object"},
    {"two objects", JSON(V1 KEYS) "; " JSON(V1 KEYS), "!the answer is not a JSON object"},
    {"nothing", "echo SECRET >&2", "!printed nothing to its standard output"},
    {"exit code", "echo SECRET; exit 3", "!" PROGRAM "FILES failed with exit code 3"},
    {"exit code, with keys", JSON(V1 KEYS) "; exit 1", "!failed with exit code 1"},
    {"exit code, with a reason", "echo SECRET >&2; exit 3", "!failed with exit code 3: run it by hand to see what it"},
    {"signal", "kill -KILL $$",
     "!credential_process (kill ...) of profile \"p\" in FILES was ended by signal 9 (Killed)"},
    {"no such program", "/no/such SECRET",
     "!credential_process (/no/such ...) of profile \"p\" in FILES cannot be run"},
    {"not executable", "/dev/null", "!cannot be run (exit code 126): give the full path"},
    {"too much", "head -c 100000 /dev/zero", "!was ended, because it printed more than 64 KiB"},
    {"quoted program", "\"/no such/program\" SECRET", "!credential_process (/no such/program ...) of"},
    {"program in single quotes", "'/no such/program' SECRET", "!credential_process (/no such/program ...) of"},
    {"value of a variable", "A=SECRET false", "!credential_process (A ...) of"},
    {"very long name",
     "/1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890",
     "!credential_process (/123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"
     "123456789 ...) of"},
};

struct world {
    struct environment *environment;
    struct config_files *files;
    struct provider_context context;
    struct config *config;
    struct command *running;
    struct profile_source source;
};

/* Builds a profile p with the command. */
static void set_up(struct world *world, const char *command)
{
    char text[1024];
    char *variables[] = {NULL};
    int size = snprintf(text, sizeof(text), "[profile p]\ncredential_process = %s\n", command);
    *world = (struct world){.running = NULL};
    assert_int_equal(environment_new(variables, &world->environment), 0);
    assert_int_equal(config_files_new(world->environment, &world->files), 0);
    world->context = (struct provider_context){.environment = world->environment, .files = world->files};
    assert_int_equal(config_new(&world->config), 0);
    assert_int_equal(config_parse(world->config, CONFIG_FILE_CONFIG, "config", text, (size_t)size, NULL), 0);
    world->source = (struct profile_source){
        .context = &world->context,
        .config = world->config,
        .profile = config_profile(world->config, "p"),
        .name = "p",
        .running = &world->running,
    };
}

static void tear_down(struct world *world)
{
    command_free(world->running);
    config_free(world->config);
    config_files_free(world->files);
    environment_free(world->environment);
}

static int fetch(struct world *world, uint64_t patience_ns, struct credentials **ret_credentials, struct error *error)
{
    return credentials_process_fetch(&world->source, NULL, clock_monotonic_ns() + patience_ns, ret_credentials, error);
}

/* The names of the files are cut out of a text. */
static void cut_files(char *text, const char *names)
{
    char *found = strstr(text, names);
    if (!found)
        return;
    memmove(found + strlen("FILES"), found + strlen(names), strlen(found + strlen(names)) + 1);
    memcpy(found, "FILES", strlen("FILES"));
}

static bool is_good(size_t i)
{
    _cleanup_(tear_down) struct world world;
    _cleanup_credentials_ struct credentials *credentials = NULL;
    struct error error = {.kind = ERROR_NONE};
    const char *expected = cases[i].expected;
    char got[1024];
    set_up(&world, cases[i].command);
    int r = fetch(&world, 20 * NS_PER_SEC, &credentials, &error);
    assert_null(world.running);
    if (r == 0) {
        (void)snprintf(got, sizeof(got), "%s %s %s%s", credentials->access_key_id,
                       secret_bytes(credentials->secret_access_key),
                       credentials->session_token ? secret_bytes(credentials->session_token) : "-",
                       credentials->expires_ns == CLOCK_NEVER_NS ? "" : " expires");
        assert_string_equal(credentials->provider, "profile (credential_process)");
    } else {
        (void)snprintf(got, sizeof(got), "!%s", error.message);
        cut_files(got, config_files_names(world.files));
        assert_null(strstr(got, "SECRET"));
        assert_true(error.kind == ERROR_NO_CREDENTIALS || error.kind == ERROR_EXPIRED_CREDENTIALS);
    }
    bool good = expected[0] == '!' ? got[0] == '!' && strstr(got, expected + 1) : strcmp(got, expected) == 0;
    if (!good)
        print_error("%s:\n  expected %s\n  got      %s\n", cases[i].about, expected, got);
    return good;
}

static void test_cases(void **state)
{
    (void)state;
    size_t failures = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        failures += is_good(i) ? 0 : 1;
    assert_int_equal(failures, 0);
}

static void test_a_slow_process_serves_the_next_fetch(void **state)
{
    (void)state;
    _cleanup_(tear_down) struct world world;
    _cleanup_credentials_ struct credentials *credentials = NULL;
    struct error error;
    set_up(&world, "sleep 0.2; " JSON(V1 KEYS));
    assert_true(fetch(&world, NS_PER_MS, &credentials, &error) < 0);
    assert_int_equal(error.kind, ERROR_TIMEOUT);
    assert_non_null(strstr(error.message, "has not ended yet"));
    const struct command *command = world.running;
    assert_true(fetch(&world, NS_PER_MS, &credentials, &error) < 0);
    assert_ptr_equal(world.running, command);
    assert_int_equal(fetch(&world, 20 * NS_PER_SEC, &credentials, &error), 0);
    assert_null(world.running);
}

static uint64_t ahead_ns; /* of the real clock */
uint64_t __real_clock_monotonic_ns(void);
uint64_t __wrap_clock_monotonic_ns(void);

uint64_t __wrap_clock_monotonic_ns(void)
{
    return __real_clock_monotonic_ns() + ahead_ns;
}

static void test_a_hung_process_is_ended(void **state)
{
    (void)state;
    _cleanup_(tear_down) struct world world;
    _cleanup_credentials_ struct credentials *credentials = NULL;
    struct error error;
    set_up(&world, "exec sleep 600");
    assert_true(fetch(&world, NS_PER_MS, &credentials, &error) < 0);
    assert_non_null(world.running);
    ahead_ns += 60 * NS_PER_SEC - NS_PER_SEC / 10;
    assert_true(fetch(&world, 20 * NS_PER_SEC, &credentials, &error) < 0);
    assert_int_equal(error.kind, ERROR_TIMEOUT);
    assert_non_null(strstr(error.message, "was ended, because it ran for 60 s"));
    assert_null(world.running);
}

/* What it printed an hour ago may have expired. */
static void test_an_old_process_is_started_again(void **state)
{
    (void)state;
    _cleanup_(tear_down) struct world world;
    _cleanup_credentials_ struct credentials *credentials = NULL;
    struct error error;
    set_up(&world, "sleep 0.05; " JSON(V1 KEYS));
    assert_true(fetch(&world, NS_PER_MS, &credentials, &error) < 0);
    ahead_ns += NS_PER_HOUR;
    assert_true(fetch(&world, NS_PER_MS, &credentials, &error) < 0);
    assert_true(clock_monotonic_ns() - command_started_ns(world.running) < 60 * NS_PER_SEC);
}

static void test_another_command_is_started_at_once(void **state)
{
    (void)state;
    _cleanup_(tear_down) struct world world;
    _cleanup_(tear_down) struct world edited;
    _cleanup_credentials_ struct credentials *credentials = NULL;
    struct error error;
    set_up(&world, "exec sleep 600");
    set_up(&edited, JSON(V1 KEYS));
    assert_true(fetch(&world, NS_PER_MS, &credentials, &error) < 0);
    world.source.profile = edited.source.profile;
    assert_int_equal(fetch(&world, 20 * NS_PER_SEC, &credentials, &error), 0);
}

/* Many may wait for credentials when a mount ends, and each would start it in turn. */
static void test_nothing_is_started_when_stopping(void **state)
{
    (void)state;
    char directory[] = "/tmp/secretsfs-test-process-XXXXXX", command[128], path[64];
    _cleanup_(tear_down) struct world world;
    _cleanup_credentials_ struct credentials *credentials = NULL;
    _cleanup_http_ struct http *http = NULL;
    struct error error;
    assert_non_null(mkdtemp(directory));
    (void)snprintf(path, sizeof(path), "%s/started", directory);
    (void)snprintf(command, sizeof(command), "mkdir %s; exec sleep 600", path);
    set_up(&world, command);
    assert_int_equal(http_setup(), 0);
    assert_int_equal(http_new(&http), 0);
    http_cancel(http);
    uint64_t deadline_ns = clock_monotonic_ns() + 20 * NS_PER_SEC;
    assert_true(credentials_process_fetch(&world.source, http, deadline_ns, &credentials, &error) < 0);
    assert_int_equal(error.kind, ERROR_TIMEOUT);
    assert_non_null(strstr(error.message, "is not run, because the program is stopping"));
    assert_null(world.running);
    assert_int_equal(rmdir(directory), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_a_slow_process_serves_the_next_fetch),
        cmocka_unit_test(test_a_hung_process_is_ended),
        cmocka_unit_test(test_an_old_process_is_started_again),
        cmocka_unit_test(test_another_command_is_started_at_once),
        cmocka_unit_test(test_nothing_is_started_when_stopping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
