/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/command.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"

#define LONG_NS (20 * NS_PER_SEC)

static struct command *started(const char *text)
{
    struct command *command = NULL;
    assert_int_equal(command_start(text, &command), 0);
    assert_string_equal(command_text(command), text);
    return command;
}

/* Runs it to its end. */
static struct command *ended(const char *text)
{
    struct command *command = started(text);
    assert_int_equal(command_wait(command, -1, clock_monotonic_ns() + LONG_NS), 0);
    return command;
}

static const char *output_of(const struct command *command)
{
    const struct buffer *output = command_output(command);
    return output->bytes ? output->bytes : "";
}

static void test_output(void **state)
{
    (void)state;
    static const struct {
        const char *text, *output;
        int exit_code, signal;
        uint64_t error_bytes;
    } cases[] = {
        {"echo hello", "hello\n", 0, 0, 0},
        {"printf '%s|' 'a b' \"c d\"", "a b|c d|", 0, 0, 0},
        {"echo a | tr a b; exit 3", "b\n", 3, 0, 0},
        {"echo hidden >&2; exit 1", "", 1, 0, 7},
        {"/no/such/program", "", 127, 0, UINT64_MAX},
        {"kill -TERM $$", "", -1, SIGTERM, 0},
        {"cat", "", 0, 0, 0}, /* its standard input is empty */
        {"exec >&- 2>&-; sleep 0.05", "", 0, 0, 0},
        {"sleep 2 & echo hello", "hello\n", 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_command_ struct command *command = ended(cases[i].text);
        assert_string_equal(output_of(command), cases[i].output);
        assert_int_equal(command_exit_code(command), cases[i].exit_code);
        assert_int_equal(command_signal(command), cases[i].signal);
        if (cases[i].error_bytes != UINT64_MAX)
            assert_int_equal(command_error_bytes(command), cases[i].error_bytes);
    }
}

static void test_much_output(void **state)
{
    (void)state;
    _cleanup_command_ struct command *fits = ended("head -c 65536 /dev/zero");
    assert_int_equal(command_output(fits)->size_bytes, COMMAND_MAX_OUTPUT_BYTES);
    _cleanup_command_ struct command *too_much = started("head -c 65537 /dev/zero; sleep 600");
    assert_int_equal(command_wait(too_much, -1, clock_monotonic_ns() + LONG_NS), -EFBIG);
    _cleanup_command_ struct command *noisy = started("yes hidden >&2");
    assert_int_equal(command_wait(noisy, -1, clock_monotonic_ns() + NS_PER_SEC / 20), -ETIMEDOUT);
}

/* As the daemon is: signals blocked and ignored, descriptors that nobody has marked, keys in the environment. */
static void test_what_a_command_gets(void **state)
{
    (void)state;
    sigset_t all, before;
    (void)sigfillset(&all);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &all, &before), 0);
    void (*handler)(int) = signal(SIGPIPE, SIG_IGN);
    int leaked_fd = open("/dev/null", O_RDONLY); /* NOLINT(android-cloexec-open): that is what is tested */
    assert_true(leaked_fd > STDERR_FILENO);
    assert_int_equal(setenv("AWS_ACCESS_KEY_ID", "hidden", 1), 0);
    assert_int_equal(setenv("AWS_SECRET_ACCESS_KEY", "hidden", 1), 0);
    assert_int_equal(setenv("AWS_SESSION_TOKEN", "hidden", 1), 0);
    assert_int_equal(setenv("NOTIFY_SOCKET", "hidden", 1), 0);
    assert_int_equal(setenv("AWS_PROFILE", "shown", 1), 0);

    _cleanup_command_ struct command *environment = ended("env | grep -e hidden -e AWS_PROFILE");
    /* The C library leaves two of its own (32 and 33) ignored. */
    _cleanup_command_ struct command *signals = ended("grep -E 'Sig(Blk|Ign)' /proc/self/status | sed s/018/000/");
    _cleanup_command_ struct command *files = ended("ls /proc/$$/fd; readlink /proc/$$/fd/0");
    _cleanup_command_ struct command *session = ended("cut -d ' ' -f 6 /proc/$$/stat; echo $$");

    assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
    (void)signal(SIGPIPE, handler);
    (void)close(leaked_fd);
    assert_string_equal(output_of(environment), "AWS_PROFILE=shown\n");
    assert_string_equal(output_of(signals), "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
    assert_string_equal(output_of(files), "0\n1\n2\n/dev/null\n");
    long numbers[2];
    char *rest;
    numbers[0] = strtol(output_of(session), &rest, 10);
    numbers[1] = strtol(rest, NULL, 10);
    assert_true(numbers[0] > 0 && numbers[0] == numbers[1]);
}

/* Waits for the first line; the process that it names. */
static pid_t printed_process(const struct command *command)
{
    return (pid_t)strtol(output_of(command), NULL, 10);
}

static void wait_for_output(struct command *command)
{
    uint64_t until_ns = clock_monotonic_ns() + LONG_NS;
    while (!strchr(output_of(command), '\n') && clock_monotonic_ns() < until_ns)
        assert_int_equal(command_wait(command, -1, clock_monotonic_ns() + NS_PER_MS), -ETIMEDOUT);
    assert_true(printed_process(command) > 0);
}

/* Waits until it is gone: it is not our child, so it only has to be a zombie. */
static void assert_dies(pid_t process)
{
    char command[128];
    (void)snprintf(command, sizeof(command), "while grep -q '^State:.[^Z]' /proc/%d/status; do sleep 0.01; done",
                   (int)process);
    command_free(ended(command));
}

static void test_it_goes_on_after_the_deadline(void **state)
{
    (void)state;
    _cleanup_command_ struct command *command = started("sleep 0.1; echo done");
    assert_int_equal(command_wait(command, -1, clock_monotonic_ns()), -ETIMEDOUT);
    assert_int_equal(command_wait(command, -1, clock_monotonic_ns() + LONG_NS), 0);
    assert_int_equal(command_wait(command, -1, clock_monotonic_ns()), 0);
    assert_string_equal(output_of(command), "done\n");
}

static void test_the_whole_group_is_ended(void **state)
{
    (void)state;
    struct command *command = started("sh -c 'echo $$; exec sleep 600'; echo never");
    wait_for_output(command);
    pid_t grandchild = printed_process(command);
    assert_int_equal(kill(grandchild, 0), 0);
    command_free(command);
    assert_dies(grandchild);
}

static void test_cancel(void **state)
{
    (void)state;
    int cancel_fd = eventfd(1, EFD_CLOEXEC);
    uint64_t begin_ns = clock_monotonic_ns();
    _cleanup_command_ struct command *command = started("sleep 600");
    assert_int_equal(command_wait(command, cancel_fd, begin_ns + LONG_NS), -ECANCELED);
    assert_true(clock_monotonic_ns() - begin_ns < LONG_NS / 2);
    (void)close(cancel_fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output),
        cmocka_unit_test(test_much_output),
        cmocka_unit_test(test_what_a_command_gets),
        cmocka_unit_test(test_it_goes_on_after_the_deadline),
        cmocka_unit_test(test_the_whole_group_is_ended),
        cmocka_unit_test(test_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
