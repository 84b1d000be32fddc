/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "cache/fetch.h"
#include "fake_source.h"

#define LONGEST_WAIT_MS 20000
#define LONGEST_WAIT_NS (LONGEST_WAIT_MS * NS_PER_MS)

struct fixture {
    struct fake_source fake;
    struct fetch_pool *pool;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    if (!fixture)
        return -1;
    fake_init(&fixture->fake);
    *state = fixture;
    return fetch_pool_new(&fixture->fake.source, &fixture->pool);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    fake_release(&fixture->fake);
    int r = fetch_pool_stop(fixture->pool, LONGEST_WAIT_NS);
    fake_clear(&fixture->fake);
    free(fixture);
    return r;
}

static struct job *new_job(enum job_kind kind, const char *id)
{
    struct job *job = calloc(1, sizeof(*job));
    assert_non_null(job);
    job->kind = kind;
    job->deadline_ns = clock_monotonic_ns() + LONGEST_WAIT_NS;
    job->id = id ? strdup(id) : NULL;
    return job;
}

static bool is_readable(const struct fetch_pool *pool, int wait_ms)
{
    struct pollfd ready = {.fd = fetch_pool_fd(pool), .events = POLLIN};
    return poll(&ready, 1, wait_ms) == 1;
}

static struct job *wait_for_job(struct fetch_pool *pool)
{
    assert_true(is_readable(pool, LONGEST_WAIT_MS));
    struct job *job = fetch_pool_take(pool);
    assert_non_null(job);
    return job;
}

static struct job *run(struct fetch_pool *pool, struct job *job)
{
    fetch_pool_submit(pool, job);
    struct job *done = wait_for_job(pool);
    assert_ptr_equal(done, job);
    return done;
}

static void assert_asked(struct fixture *fixture, const char *expected)
{
    char text[sizeof(fixture->fake.asked)];
    assert_string_equal(fake_asked(&fixture->fake, text, sizeof(text)), expected);
}

static void job_comes_back_once_with_its_value(void **state)
{
    struct fixture *fixture = *state;
    assert_false(is_readable(fixture->pool, 0));
    assert_null(fetch_pool_take(fixture->pool));
    struct job *job = new_job(JOB_GET, "a");
    job->stage = strdup("AWSPREVIOUS");
    job->owner = fixture;
    _cleanup_job_ struct job *done = run(fixture->pool, job);
    assert_int_equal(done->result, 0);
    assert_int_equal(done->error.kind, ERROR_NONE);
    assert_ptr_equal(done->owner, fixture);
    assert_string_equal(done->value->version_id, "v-of-stage");
    assert_asked(fixture, "get a stage AWSPREVIOUS; ");
    assert_null(fetch_pool_take(fixture->pool));
    assert_false(is_readable(fixture->pool, 0));
}

static void failure_comes_back_with_its_reason(void **state)
{
    struct fixture *fixture = *state;
    fixture->fake.get_failure = ERROR_KMS_DENIED;
    _cleanup_job_ struct job *done = run(fixture->pool, new_job(JOB_GET, "a"));
    assert_int_equal(done->result, -EACCES);
    assert_int_equal(done->error.kind, ERROR_KMS_DENIED);
    assert_null(done->value);
}

static void job_whose_time_is_over_is_not_run(void **state)
{
    struct fixture *fixture = *state;
    struct job *job = new_job(JOB_GET, "a");
    job->deadline_ns = clock_monotonic_ns();
    _cleanup_job_ struct job *done = run(fixture->pool, job);
    assert_int_equal(done->result, -ETIMEDOUT);
    assert_int_equal(done->error.kind, ERROR_TIMEOUT);
    assert_asked(fixture, "");
}

static void batch_has_an_answer_for_each(void **state)
{
    struct fixture *fixture = *state;
    struct job *job = new_job(JOB_GET_MANY, NULL);
    job->many = calloc(SOURCE_MAX_BATCH, sizeof(*job->many));
    assert_non_null(job->many);
    for (job->many_count = 0; job->many_count < 3; job->many_count++)
        job->many[job->many_count].id = strdup(job->many_count == 0 ? "a" : job->many_count == 1 ? "b" : "c");
    fixture->fake.missing = "b";
    _cleanup_job_ struct job *done = run(fixture->pool, job);
    assert_int_equal(done->result, 0);
    assert_string_equal(done->many[0].value->name, "a");
    assert_null(done->many[1].value);
    assert_int_equal(done->many[1].error.kind, ERROR_NOT_FOUND);
    assert_string_equal(done->many[2].value->name, "c");
    assert_asked(fixture, "many a b c; ");
}

static void versions_come_with_their_stages(void **state)
{
    struct fixture *fixture = *state;
    _cleanup_job_ struct job *done = run(fixture->pool, new_job(JOB_VERSIONS, "a"));
    assert_int_equal(done->result, 0);
    assert_int_equal(done->stages.count, 2);
    assert_string_equal(stages_find(&done->stages, "AWSCURRENT"), "v1");
    assert_string_equal(stages_find(&done->stages, "AWSPREVIOUS"), "v0");
}

static struct scope *new_scope(const char *const *texts, size_t count)
{
    struct scope *scope = NULL;
    assert_int_equal(scope_new(texts, count, &scope, NULL), 0);
    return scope;
}

static void listing_is_narrowed_by_the_scope(void **state)
{
    static const char *const texts[] = {"prod/*", "exact"};
    static const char *const names[] = {"prod/a", "exact", "prod2/a", "/prod/b", "other", NULL};
    struct fixture *fixture = *state;
    _cleanup_scope_ struct scope *scope = new_scope(texts, 2);
    fixture->fake.names = names;
    struct job *job = new_job(JOB_LIST, NULL);
    job->scope = scope;
    _cleanup_job_ struct job *done = run(fixture->pool, job);
    assert_int_equal(done->result, 0);
    assert_int_equal(names_count(done->names), 4); /* and "prod" itself, as a prefix */
    assert_string_equal(names_find(done->names, "prod/b", NULL), "/prod/b");
    assert_asked(fixture, "list prod exact; ");
}

/* A filter takes ten values; with more, everything is listed and narrowed here. */
static void filter_has_ten_prefixes_at_most(void **state)
{
    static const char *const texts[] = {"a/*", "b/*", "c/*", "d/*", "e/*", "f/*", "g/*", "h/*", "i/*", "j/*", "k/*"};
    struct fixture *fixture = *state;
    for (size_t count = 10; count <= 11; count++) {
        _cleanup_scope_ struct scope *scope = new_scope(texts, count);
        struct job *job = new_job(JOB_LIST, NULL);
        job->scope = scope;
        _cleanup_job_ struct job *done = run(fixture->pool, job);
        assert_int_equal(done->result, 0);
        assert_asked(fixture, count == 10 ? "list a b c d e f g h i j; " : "list; ");
    }
}

static void sixteen_jobs_run_at_a_time(void **state)
{
    const unsigned count = 60;
    struct fixture *fixture = *state;
    unsigned seen = 0;
    fake_hold(&fixture->fake);
    for (unsigned i = 0; i < count; i++)
        fetch_pool_submit(fixture->pool, new_job(JOB_GET, "a"));
    fake_wait_inside(&fixture->fake, FETCH_MAX_THREADS);
    (void)pthread_mutex_lock(&fixture->fake.lock);
    unsigned inside = fixture->fake.inside;
    (void)pthread_mutex_unlock(&fixture->fake.lock);
    assert_int_equal(inside, FETCH_MAX_THREADS);
    assert_false(is_readable(fixture->pool, 0));
    fake_release(&fixture->fake);
    for (; seen < count; seen++) {
        _cleanup_job_ struct job *done = wait_for_job(fixture->pool);
        assert_int_equal(done->result, 0);
    }
    assert_null(fetch_pool_take(fixture->pool));
}

static void stop_drops_what_has_not_begun(void **state)
{
    struct fixture *fixture = *state;
    fake_hold(&fixture->fake);
    for (int i = 0; i < 40; i++)
        fetch_pool_submit(fixture->pool, new_job(JOB_GET, "a"));
    fake_wait_inside(&fixture->fake, FETCH_MAX_THREADS);
    assert_int_equal(fetch_pool_stop(fixture->pool, 20 * NS_PER_MS), -ETIMEDOUT);
    fake_release(&fixture->fake);
    assert_int_equal(fetch_pool_stop(STEAL(fixture->pool), LONGEST_WAIT_NS), 0);
    char asked[sizeof(fixture->fake.asked)];
    size_t gets = 0;
    for (const char *p = fake_asked(&fixture->fake, asked, sizeof(asked)); (p = strstr(p, "get a; ")); p++)
        gets++;
    assert_int_equal(gets, FETCH_MAX_THREADS);
    assert_int_equal(fetch_pool_stop(NULL, 0), 0);
}

/* --- a source of another kind --- */

/* Fails without a reason, and says in the error code what the thread is like. */
/* cppcheck-suppress constParameter */
static int bare_get(struct source *source, struct http *http, const struct value_request *request, uint64_t deadline_ns,
                    struct value **ret_value, struct error *ret_error)
{
    sigset_t blocked;
    (void)source;
    (void)request;
    (void)deadline_ns;
    (void)ret_value;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    bool none = sigismember(&blocked, SIGTERM) == 1 && sigismember(&blocked, SIGINT) == 1 &&
                sigismember(&blocked, SIGHUP) == 1 && sigismember(&blocked, SIGCHLD) == 1;
    (void)ret_error;
    if (!none)
        return -EINTR;
    return http ? -ENOMEM : -ENOTCONN;
}

static void thread_has_a_connection_and_takes_no_signals(void **state)
{
    static const struct source_ops ops = {.get = bare_get};
    struct source source = {&ops};
    struct fetch_pool *pool = NULL;
    sigset_t before;
    sigset_t after;
    (void)state;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &before);
    assert_int_equal(fetch_pool_new(&source, &pool), 0);
    struct job *done = run(pool, new_job(JOB_GET, "a"));
    (void)pthread_sigmask(SIG_SETMASK, NULL, &after);
    assert_int_equal(done->result, -ENOMEM);
    assert_int_equal(done->error.kind, ERROR_INTERNAL); /* a failure always has a reason */
    assert_string_equal(done->error.message, strerror(ENOMEM));
    assert_int_equal(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
    job_free(done);
    job_free(NULL);
    assert_int_equal(fetch_pool_stop(pool, LONGEST_WAIT_NS), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(job_comes_back_once_with_its_value), TEST(failure_comes_back_with_its_reason),
        TEST(job_whose_time_is_over_is_not_run),  TEST(batch_has_an_answer_for_each),
        TEST(versions_come_with_their_stages),    TEST(listing_is_narrowed_by_the_scope),
        TEST(filter_has_ten_prefixes_at_most),    TEST(sixteen_jobs_run_at_a_time),
        TEST(stop_drops_what_has_not_begun),      cmocka_unit_test(thread_has_a_connection_and_takes_no_signals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
