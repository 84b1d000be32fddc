/* SPDX-License-Identifier: Apache-2.0 */

/* The queue of events, through the source, against a scripted server. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/secretsmanager.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "tests/unit/backend/fixture.h"

#define VERSION "01234567-89ab-4def-8123-456789abcdef"
#define EVENT(name)                                                                                               \
    "{\\\"detail-type\\\":\\\"Secret Label Updated\\\",\\\"source\\\":\\\"aws.secretsmanager\\\",\\\"detail\\\":" \
    "{\\\"name\\\":\\\"" name "\\\",\\\"labelUpdated\\\":\\\"AWSCURRENT\\\",\\\"versionId\\\":\\\"" VERSION "\\\"}}"
#define MESSAGE(receipt, body) "{\"MessageId\":\"1\",\"ReceiptHandle\":\"" receipt "\",\"Body\":\"" body "\"}"
#define MESSAGES(list) ANSWER("200 OK", "", "{\"Messages\":[" list "]}")
#define EMPTY ANSWER("200 OK", "", "{}")

#define STEPS(steps) steps, sizeof(steps) / sizeof((steps)[0])
#define QUEUE "/123456789012/events"

static void sleep_ms(long ms)
{
    const struct timespec delay = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&delay, NULL);
}

/* Begins; then waits for hints, unless that takes too long. */
static bool wait_for_hints(struct fixture *fixture, int timeout_ms)
{
    struct pollfd change = {.fd = fixture->source->ops->change_fd(fixture->source), .events = POLLIN};
    assert_true(change.fd >= 0);
    return poll(&change, 1, timeout_ms) == 1;
}

static void add_hint(void *context, const char *id, const char *version_id)
{
    assert_int_equal(buffer_printf(context, "%s=%s;", id ? id : "any", version_id ? version_id : "-"), 0);
}

static void assert_hints(struct fixture *fixture, const char *expected)
{
    _cleanup_buffer_ struct buffer told;
    buffer_init(&told, 4096);
    assert_int_equal(buffer_append_text(&told, ""), 0);
    fixture->source->ops->change_drain(fixture->source, add_hint, &told);
    assert_string_equal(told.bytes, expected);
}

static struct push_status status_of(struct fixture *fixture)
{
    struct push_status status = {0};
    fixture->source->ops->push_status(fixture->source, &status);
    return status;
}

/* Until the thread has sent so many requests. */
static void wait_for_requests(struct fixture *fixture, uint64_t count)
{
    uint64_t deadline_ns = clock_monotonic_ns() + 10 * NS_PER_SEC;
    while (fixture->source->ops->call_count(fixture->source) < count) {
        assert_true(clock_monotonic_ns() < deadline_ns);
        sleep_ms(5);
    }
    sleep_ms(100); /* and the server has read it */
}

/* Frees the source, which must not take long. */
static void tear_down_at_once(struct fixture *fixture)
{
    uint64_t start_ns = clock_monotonic_ns();
    source_free(fixture->source);
    assert_true(clock_monotonic_ns() - start_ns < 500 * NS_PER_MS);
    fixture->source = NULL;
    fixture_tear_down(fixture);
}

static void no_queue_no_descriptor(void **state)
{
    struct fixture fixture;
    (void)state;
    fixture_set_up(&fixture, NULL, 0, NULL);
    assert_int_equal(fixture.source->ops->change_fd(fixture.source), -1);
    assert_hints(&fixture, "");
    assert_string_equal(status_of(&fixture).state, "off");
    assert_null(status_of(&fixture).queue);
    fixture_tear_down(&fixture);
}

static void nothing_is_sent_before_anyone_listens(void **state)
{
    struct fixture fixture;
    (void)state;
    fixture_set_up(&fixture, NULL, 0, QUEUE);
    sleep_ms(50);
    assert_int_equal(fixture.source->ops->call_count(fixture.source), 0);
    tear_down_at_once(&fixture);
    assert_int_equal(fixture.server.connections, 0);
}

static void messages_become_hints_and_are_deleted(void **state)
{
    static const struct step steps[] = {
        {EMPTY, THEN_CLOSE, 0},
        {MESSAGES(MESSAGE("r1", EVENT("prod/db")) "," MESSAGE("r2", "hello") "," MESSAGE("r3", EVENT("b"))), THEN_CLOSE,
         0},
        {EMPTY, THEN_CLOSE, 0}, /* to the deletion */
        {MESSAGES(MESSAGE("r4", EVENT("c"))), THEN_CLOSE, 0},
        {EMPTY, THEN_CLOSE, 0},
        {MESSAGES(MESSAGE("r5", "{}")), THEN_CLOSE, 0}, /* nothing for the loop */
        {EMPTY, THEN_CLOSE, 0},
        {"", THEN_HANG, 0},
    };
    struct fixture fixture;
    (void)state;
    fixture_set_up(&fixture, STEPS(steps), QUEUE);
    assert_true(wait_for_hints(&fixture, 5000));
    assert_hints(&fixture, "prod/db=" VERSION ";b=" VERSION ";");
    assert_true(wait_for_hints(&fixture, 5000));
    assert_hints(&fixture, "c=" VERSION ";");
    assert_hints(&fixture, "");
    wait_for_requests(&fixture, 8);
    struct push_status status = status_of(&fixture);
    assert_string_equal(status.state, "listening");
    assert_non_null(strstr(status.queue, QUEUE));
    assert_int_equal(status.received, 5);
    assert_int_equal(status.unrecognized, 2);
    tear_down_at_once(&fixture);

    const char *history = fixture.server.history;
    assert_non_null(strstr(history, "\"Entries\":[{\"Id\":\"0\",\"ReceiptHandle\":\"r1\"},{\"Id\":\"1\","
                                    "\"ReceiptHandle\":\"r2\"},{\"Id\":\"2\",\"ReceiptHandle\":\"r3\"}]}"));
    assert_non_null(strstr(history, "\"Entries\":[{\"Id\":\"0\",\"ReceiptHandle\":\"r4\"}]}"));
    assert_non_null(strstr(history, "\"Entries\":[{\"Id\":\"0\",\"ReceiptHandle\":\"r5\"}]}"));
    assert_int_equal(fixture.server.requests, 8);
}

static void requests_are_signed_for_the_queue(void **state)
{
    static const struct step steps[] = {{"", THEN_HANG, 0}};
    static const char *const lines[] = {
        "Content-Type: application/x-amz-json-1.0\r\n",
        "X-Amz-Target: AmazonSQS.ReceiveMessage\r\n",
        "/eu-central-1/sqs/aws4_request",
        "{\"QueueUrl\":\"https://sqs.eu-central-1.amazonaws.com/1/q\",",
        "\"MaxNumberOfMessages\":10,\"WaitTimeSeconds\":20}",
    };
    struct fixture fixture;
    (void)state;
    fixture_set_up(&fixture, STEPS(steps), "https://sqs.eu-central-1.amazonaws.com/1/q");
    assert_false(wait_for_hints(&fixture, 0));
    wait_for_requests(&fixture, 1);
    tear_down_at_once(&fixture);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (!strstr(fixture.server.request, lines[i]))
            fail_msg("missing: %s", lines[i]);
    }
}

static void message_stays_until_its_hint_is_taken(void **state)
{
    static const struct step steps[] = {{MESSAGES(MESSAGE("r1", EVENT("a"))), THEN_CLOSE, 0}};
    struct fixture fixture;
    (void)state;
    fixture_set_up(&fixture, STEPS(steps), QUEUE);
    assert_true(wait_for_hints(&fixture, 5000));
    sleep_ms(50);
    tear_down_at_once(&fixture);
    assert_int_equal(fixture.server.requests, 1);
}

/* What was logged since the last call. */
static void take_log(const char *path, char *text, size_t text_bytes)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t size = fread(text, 1, text_bytes - 1, file);
    text[size] = '\0';
    (void)fclose(file);
    assert_int_equal(truncate(path, 0), 0);
}

static void failing_queue_is_told_once_and_recovers(void **state)
{
    static const char denied[] = ERROR("AccessDenied", "not authorized");
    static const struct step steps[] = {
        {denied, THEN_CLOSE, 0},
        {denied, THEN_CLOSE, 0},
        {MESSAGES(MESSAGE("r1", EVENT("a"))), THEN_CLOSE, 0},
        {"", THEN_HANG, 0},
    };
    struct fixture fixture;
    char text[2048];
    (void)state;
    fixture_set_up(&fixture, STEPS(steps), QUEUE);
    uint64_t start_ns = clock_monotonic_ns();
    assert_false(wait_for_hints(&fixture, 0));
    wait_for_requests(&fixture, 2);
    assert_string_equal(status_of(&fixture).state, "failing");
    take_log(*state, text, sizeof(text));
    const char *line = strstr(text, "cannot read the events queue");
    assert_non_null(line);
    assert_null(strstr(line + 1, "cannot read"));
    assert_non_null(strstr(line, "not authorized; allow sqs:ReceiveMessage and sqs:DeleteMessage on "
                                 "arn:aws:sqs:eu-west-1:123456789012:events (queue http://127.0.0.1:"));

    assert_true(wait_for_hints(&fixture, 5000));
    assert_true(clock_monotonic_ns() - start_ns >= 2500 * NS_PER_MS); /* 1 s and 2 s, jittered */
    assert_string_equal(status_of(&fixture).state, "listening");
    assert_hints(&fixture, "a=" VERSION ";");
    wait_for_requests(&fixture, 4);
    take_log(*state, text, sizeof(text));
    assert_non_null(strstr(text, "the events queue can be read again"));
    tear_down_at_once(&fixture);
}

static void passing_failure_is_not_told(void **state)
{
    static const struct step steps[] = {
        {ANSWER("503 Busy", "", ""), THEN_CLOSE, 0}, {EMPTY, THEN_CLOSE, 0}, {"", THEN_HANG, 0}};
    struct fixture fixture;
    char text[2048];
    (void)state;
    fixture_set_up(&fixture, STEPS(steps), QUEUE);
    assert_false(wait_for_hints(&fixture, 0));
    wait_for_requests(&fixture, 3);
    assert_string_equal(status_of(&fixture).state, "listening");
    take_log(*state, text, sizeof(text));
    assert_string_equal(text, "");
    tear_down_at_once(&fixture);
}

static void failing_deletion_is_told(void **state)
{
    static const struct step steps[] = {
        {MESSAGES(MESSAGE("r1", EVENT("a"))), THEN_CLOSE, 0},
        {ERROR("AccessDeniedException", "no"), THEN_CLOSE, 0},
        {EMPTY, THEN_CLOSE, 0},
        {"", THEN_HANG, 0},
    };
    struct fixture fixture;
    char text[2048];
    (void)state;
    fixture_set_up(&fixture, STEPS(steps), QUEUE);
    assert_true(wait_for_hints(&fixture, 5000));
    assert_hints(&fixture, "a=" VERSION ";");
    wait_for_requests(&fixture, 3);
    assert_string_equal(status_of(&fixture).state, "failing"); /* although it can be read */
    take_log(*state, text, sizeof(text));
    assert_non_null(strstr(text, "cannot delete from the events queue"));
    assert_null(strstr(text, "again"));
    tear_down_at_once(&fixture); /* in a pause */
}

static void unusable_queue_is_refused(void **state)
{
    struct aws_session *session = NULL;
    struct source *source = NULL;
    struct error error;
    (void)state;
    assert_int_equal(clearenv(), 0);
    assert_int_equal(aws_session_new(&(struct aws_session_options){.region = "eu-west-1"}, &session, &error), 0);
    assert_true(secretsmanager_source_new(session, &(struct secretsmanager_options){.events_queue = "events"}, &source,
                                          &error) < 0);
    assert_int_equal(error.kind, ERROR_BAD_REQUEST);
    assert_non_null(strstr(error.message, "--events-queue"));
}

static int open_test_log(void **state)
{
    static char path[] = "/tmp/test_queue_XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0 || log_open(LOG_TARGET_FILE, path, LOG_LEVEL_INFO) < 0)
        return -1;
    (void)close(fd);
    *state = path;
    return http_setup();
}

static int remove_test_log(void **state)
{
    return unlink(*state);
}

static int forget_log(void **state)
{
    return truncate(*state, 0);
}

#define TEST(function) cmocka_unit_test_setup(function, forget_log)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_queue_no_descriptor),
        TEST(nothing_is_sent_before_anyone_listens),
        TEST(messages_become_hints_and_are_deleted),
        TEST(requests_are_signed_for_the_queue),
        TEST(message_stays_until_its_hint_is_taken),
        TEST(failing_queue_is_told_once_and_recovers),
        TEST(passing_failure_is_not_told),
        TEST(failing_deletion_is_told),
        TEST(unusable_queue_is_refused),
    };
    return cmocka_run_group_tests(tests, open_test_log, remove_test_log);
}
