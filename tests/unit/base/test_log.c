/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/log.h"

#define TEXT_BYTES ((size_t)1024 * 1024)

struct fixture {
    char folder[64];
    char path[80]; /* of a log file that does not exist yet */
    char *text;    /* what was read last */
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    if (!fixture)
        return -1;
    *state = fixture;
    (void)snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/secretsfs-log-XXXXXX");
    if (!mkdtemp(fixture->folder))
        return -1;
    (void)snprintf(fixture->path, sizeof(fixture->path), "%s/log", fixture->folder);
    fixture->text = malloc(TEXT_BYTES);
    return fixture->text ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    (void)log_open(LOG_TARGET_STDERR, NULL, LOG_LEVEL_INFO);
    (void)unlink(fixture->path);
    (void)rmdir(fixture->folder);
    free(fixture->text);
    free(fixture);
    return 0;
}

static size_t read_all(int fd, char *text)
{
    size_t size = 0;
    ssize_t got;
    while (size < TEXT_BYTES - 1 && (got = read(fd, text + size, TEXT_BYTES - 1 - size)) > 0)
        size += (size_t)got;
    text[size] = '\0';
    return size;
}

static const char *read_log(struct fixture *fixture)
{
    _cleanup_close_ int fd = open(fixture->path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    (void)read_all(fd, fixture->text);
    return fixture->text;
}

static void line_has_program_level_and_text(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(log_open(LOG_TARGET_FILE, fixture->path, LOG_LEVEL_DEBUG), 0);
    log_error("an %s", "error");
    log_warning("%d%%", 50);
    log_info("%s", "");
    log_debug("a\nline\033[31m \xff");
    assert_string_equal(read_log(fixture), "secretsfs: error: an error\n"
                                           "secretsfs: warning: 50%\n"
                                           "secretsfs: info: \n"
                                           "secretsfs: debug: a?line?[31m ?\n");
}

static void lines_above_the_level_are_left_out(void **state)
{
    static const char *const expected[] = {"e", "ew", "ewi", "ewid"};
    struct fixture *fixture = *state;
    for (unsigned level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
        assert_int_equal(log_open(LOG_TARGET_FILE, fixture->path, (enum log_level)level), 0);
        log_error("e");
        log_warning("w");
        log_info("i");
        log_debug("d");
        char got[8] = "";
        size_t count = 0;
        for (const char *line = read_log(fixture); *line; line = strchr(line, '\n') + 1)
            got[count++] = strchr(line, '\n')[-1];
        assert_string_equal(got, expected[level]);
        assert_int_equal(unlink(fixture->path), 0);
    }
}

static void level_is_one_of_four_words(void **state)
{
    static const char *const words[] = {"error", "warning", "info", "debug"};
    static const char *const others[] = {"", "Error", "warn", "infos", " info", "3", "debug "};
    enum log_level level = LOG_LEVEL_DEBUG;
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(log_level_parse(words[i], &level), 0);
        assert_int_equal(level, i);
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_int_equal(log_level_parse(others[i], &level), -EINVAL);
        assert_int_equal(level, LOG_LEVEL_DEBUG);
    }
}

static void file_is_private_and_appended_to(void **state)
{
    struct fixture *fixture = *state;
    struct stat status;
    mode_t before = umask(0);
    assert_int_equal(log_open(LOG_TARGET_FILE, fixture->path, LOG_LEVEL_INFO), 0);
    (void)umask(before);
    log_info("1");
    assert_int_equal(log_open(LOG_TARGET_FILE, fixture->path, LOG_LEVEL_INFO), 0);
    log_info("2");
    assert_string_equal(read_log(fixture), "secretsfs: info: 1\nsecretsfs: info: 2\n");
    assert_int_equal(stat(fixture->path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
}

static void unusable_target_leaves_the_one_before(void **state)
{
    struct fixture *fixture = *state;
    char other[128];
    assert_int_equal(log_open(LOG_TARGET_FILE, fixture->path, LOG_LEVEL_INFO), 0);
    (void)snprintf(other, sizeof(other), "%s/missing/log", fixture->folder);
    assert_int_equal(log_open(LOG_TARGET_FILE, other, LOG_LEVEL_ERROR), -ENOENT);
    (void)snprintf(other, sizeof(other), "%s/link", fixture->folder);
    assert_int_equal(symlink("/dev/null", other), 0);
    assert_int_equal(log_open(LOG_TARGET_FILE, other, LOG_LEVEL_ERROR), -ELOOP);
    assert_int_equal(unlink(other), 0);
    log_info("still here");
    assert_string_equal(read_log(fixture), "secretsfs: info: still here\n");
}

static void long_line_is_cut_and_still_a_line(void **state)
{
    static const size_t sizes[] = {2000, 2030, 2031, 2032, 2047, 2048, 4000};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char text[4001];
        for (size_t k = 0; k < sizes[i]; k++)
            text[k] = 'x';
        text[sizes[i]] = '\0';
        assert_int_equal(log_open(LOG_TARGET_FILE, fixture->path, LOG_LEVEL_INFO), 0);
        log_info("%s", text);
        const char *line = read_log(fixture);
        size_t expected = strlen("secretsfs: info: ") + sizes[i] + 1;
        assert_int_equal(strlen(line), expected < 2047 ? expected : 2047);
        assert_int_equal(strcspn(line, "\n"), strlen(line) - 1);
        assert_int_equal(unlink(fixture->path), 0);
    }
}

static void errno_stays_as_it_is(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(log_open(LOG_TARGET_FILE, "/dev/full", LOG_LEVEL_INFO), 0);
    errno = EBADMSG;
    log_info("this cannot be written");
    assert_int_equal(errno, EBADMSG);
    assert_int_equal(log_open(LOG_TARGET_FILE, fixture->path, LOG_LEVEL_INFO), 0);
    log_info("this can"); /* and takes the count of lost lines back */
    assert_string_equal(read_log(fixture), "secretsfs: warning: 1 log lines were lost\nsecretsfs: info: this can\n");
}

/* A reader that does not read must not hold up anybody: were a line to block, the alarm would end the test. */
static void full_pipe_loses_lines_and_says_how_many(void **state)
{
    struct fixture *fixture = *state;
    const unsigned written = 5000;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    _cleanup_close_ int real_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    assert_true(real_stderr >= 0);
    assert_int_equal(log_open(LOG_TARGET_STDERR, NULL, LOG_LEVEL_INFO), 0);

    (void)alarm(30);
    assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    for (unsigned i = 0; i < written; i++)
        log_info("line %u of a reader that does not read", i);
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    (void)read_all(ends[0], fixture->text);
    char *after = strdup(fixture->text);
    log_info("after");
    log_info("and on");
    (void)read_all(ends[0], fixture->text);
    assert_int_equal(dup2(real_stderr, STDERR_FILENO), STDERR_FILENO);
    (void)alarm(0);
    (void)close(ends[0]);
    (void)close(ends[1]);

    assert_non_null(after);
    unsigned arrived = 0;
    for (const char *line = after; *line; line = strchr(line, '\n') + 1) {
        char expected[128];
        (void)snprintf(expected, sizeof(expected), "secretsfs: info: line %u of a reader that does not read\n",
                       arrived++);
        assert_memory_equal(line, expected, strlen(expected));
    }
    free(after);
    assert_in_range(arrived, 1, written - 1);
    char expected[256];
    (void)snprintf(expected, sizeof(expected),
                   "secretsfs: warning: %u log lines were lost\nsecretsfs: info: after\nsecretsfs: info: and on\n",
                   written - arrived);
    assert_string_equal(fixture->text, expected);
}

#define THREADS 4
#define LINES 500

static void *write_lines(void *argument)
{
    for (unsigned i = 0; i < LINES; i++)
        log_info("thread %u line %u", (unsigned)(uintptr_t)argument, i);
    return NULL;
}

static void lines_of_many_threads_stay_whole(void **state)
{
    struct fixture *fixture = *state;
    pthread_t threads[THREADS];
    unsigned next[THREADS] = {0};
    assert_int_equal(log_open(LOG_TARGET_FILE, fixture->path, LOG_LEVEL_INFO), 0);
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, (void *)i), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);

    char *rest = strdup(read_log(fixture));
    char *cursor = rest;
    assert_non_null(rest);
    for (size_t i = 0; i < (size_t)THREADS * LINES; i++) {
        const char *line = strsep(&cursor, "\n");
        char expected[64];
        assert_int_equal(strncmp(line, "secretsfs: info: thread ", 24), 0);
        size_t thread = (size_t)(line[24] - '0');
        assert_in_range(thread, 0, THREADS - 1);
        (void)snprintf(expected, sizeof(expected), "secretsfs: info: thread %zu line %u", thread, next[thread]++);
        assert_string_equal(line, expected);
    }
    assert_string_equal(cursor, "");
    free(rest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(line_has_program_level_and_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lines_above_the_level_are_left_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(level_is_one_of_four_words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(file_is_private_and_appended_to, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unusable_target_leaves_the_one_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_line_is_cut_and_still_a_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(errno_stays_as_it_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(full_pipe_loses_lines_and_says_how_many, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lines_of_many_threads_stay_whole, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
