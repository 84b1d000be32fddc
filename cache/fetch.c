/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/fetch.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/http.h"
#include "base/log.h"

/* libcurl, OpenSSL and getaddrinfo() need less than 64 KiB; the rest is never touched. */
#define STACK_BYTES ((size_t)512 * 1024)

struct job_queue {
    struct job *first;
    struct job **end;
};

struct fetch_pool {
    struct source *source;
    int event_fd;
    pthread_mutex_t lock;
    pthread_cond_t work; /* a job was queued, or stopping */
    pthread_cond_t gone; /* a thread has ended */
    /* Protected by `lock`. */
    struct job_queue queued;
    struct job_queue finished;
    pthread_t threads[FETCH_MAX_THREADS];
    struct http *connections[FETCH_MAX_THREADS]; /* of the threads; NULL once they are gone */
    unsigned thread_count;
    unsigned begun_count;
    unsigned gone_count;
    unsigned idle_count;
    unsigned queued_count;
    bool stopping;
};

static void queue_init(struct job_queue *queue)
{
    queue->first = NULL;
    queue->end = &queue->first;
}

static void queue_push(struct job_queue *queue, struct job *job)
{
    job->next = NULL;
    *queue->end = job;
    queue->end = &job->next;
}

static struct job *queue_pop(struct job_queue *queue)
{
    struct job *job = queue->first;
    if (!job)
        return NULL;
    queue->first = job->next;
    if (!queue->first)
        queue->end = &queue->first;
    job->next = NULL;
    return job;
}

void job_free(struct job *job)
{
    if (!job)
        return;
    free(job->id);
    free(job->stage);
    free(job->version_id);
    for (size_t i = 0; i < job->many_count; i++) {
        free(job->many[i].id);
        value_free(job->many[i].value);
    }
    free(job->many);
    stages_clear(&job->stages);
    value_free(job->value);
    names_unref(job->names);
    free(job);
}

static int add_listed_name(void *context, const char *name)
{
    return names_builder_add(context, NAME_SECRET, name);
}

struct listing {
    const struct scope *scope;
    struct names_builder *builder;
};

static int add_name_in_scope(void *context, const char *name)
{
    struct listing *listing = context;
    const char *path = name[0] == '/' ? name + 1 : name;
    return scope_allows(listing->scope, path) ? add_listed_name(listing->builder, name) : 0;
}

static int run_list(struct job *job, struct source *source, struct http *http)
{
    _cleanup_(names_builder_freep) struct names_builder *builder = NULL;
    int r = names_builder_new(&builder);
    if (r < 0)
        return r;
    r = scope_add_names(job->scope, builder);
    if (r < 0)
        return r;
    const char *prefixes[10]; /* AWS takes ten values in a filter */
    size_t count = scope_prefixes(job->scope, prefixes, sizeof(prefixes) / sizeof(*prefixes));
    struct listing listing = {job->scope, builder};
    r = source->ops->list(source, http, prefixes, count, job->deadline_ns, add_name_in_scope, &listing, &job->error);
    if (r < 0)
        return r;
    return names_builder_finish(builder, &job->names);
}

static int add_version(void *context, const char *version_id, const char *stage)
{
    struct job *job = context;
    int r = stages_put(&job->stages, version_id, stage);
    return r < 0 ? r : 0;
}

static void take_one_of_many(void *context, size_t index, struct value *value, const struct error *error)
{
    struct job *job = context;
    job->many[index].value = value;
    if (!value)
        job->many[index].error = *error;
}

static int run_many(struct job *job, struct source *source, struct http *http)
{
    const char *ids[SOURCE_MAX_BATCH];
    for (size_t i = 0; i < job->many_count; i++)
        ids[i] = job->many[i].id;
    return source->ops->get_many(source, http, ids, job->many_count, job->deadline_ns, take_one_of_many, job,
                                 &job->error);
}

static int run_kind(struct job *job, struct source *source, struct http *http)
{
    const struct value_request request = {.id = job->id, .stage = job->stage, .version_id = job->version_id};
    switch (job->kind) {
    case JOB_GET:
        return source->ops->get(source, http, &request, job->deadline_ns, &job->value, &job->error);
    case JOB_GET_MANY:
        return run_many(job, source, http);
    case JOB_VERSIONS:
        return source->ops->versions(source, http, job->id, job->deadline_ns, add_version, job, &job->error);
    case JOB_LIST:
    default:
        return run_list(job, source, http);
    }
}

static void run(struct job *job, struct source *source, struct http *http)
{
    if (clock_monotonic_ns() >= job->deadline_ns)
        job->result = error_set(&job->error, ERROR_TIMEOUT, "all connections were busy until the time was over");
    else
        job->result = run_kind(job, source, http);
    if (job->result < 0 && job->error.kind == ERROR_NONE)
        (void)error_set(&job->error, ERROR_INTERNAL, "%s", strerror(-job->result));
}

/* With the lock held. */
static void finish(struct fetch_pool *pool, struct job *job)
{
    uint64_t one = 1;
    queue_push(&pool->finished, job);
    (void)!write(pool->event_fd, &one, sizeof(one));
}

static void *fetcher(void *argument)
{
    struct fetch_pool *pool = argument;
    struct http *http = NULL;
    int no_http = http_new(&http);

    (void)pthread_mutex_lock(&pool->lock);
    struct http **place = &pool->connections[pool->begun_count++];
    *place = http;
    while (true) {
        while (!pool->stopping && !pool->queued.first) {
            pool->idle_count++;
            (void)pthread_cond_wait(&pool->work, &pool->lock);
            pool->idle_count--;
        }
        if (pool->stopping)
            break;
        struct job *job = queue_pop(&pool->queued);
        pool->queued_count--;
        (void)pthread_mutex_unlock(&pool->lock);
        if (no_http < 0)
            job->result = error_set(&job->error, ERROR_INTERNAL, "%s", strerror(-no_http));
        else
            run(job, pool->source, http);
        (void)pthread_mutex_lock(&pool->lock);
        finish(pool, job);
    }
    *place = NULL;
    (void)pthread_mutex_unlock(&pool->lock);
    http_free(http);

    (void)pthread_mutex_lock(&pool->lock);
    pool->gone_count++;
    (void)pthread_cond_signal(&pool->gone);
    (void)pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* With the lock held. The thread takes no signals: they belong to the loop's signalfd. */
static int add_thread(struct fetch_pool *pool)
{
    pthread_attr_t attributes;
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(&pool->threads[pool->thread_count], &attributes, fetcher, pool);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    if (r == 0)
        pool->thread_count++;
    return -r;
}

int fetch_pool_new(struct source *source, struct fetch_pool **ret_pool)
{
    _cleanup_free_ struct fetch_pool *pool = calloc(1, sizeof(*pool));
    if (!pool)
        return -ENOMEM;
    pool->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (pool->event_fd < 0)
        return -errno;
    pool->source = source;
    queue_init(&pool->queued);
    queue_init(&pool->finished);
    (void)pthread_mutex_init(&pool->lock, NULL);
    (void)pthread_cond_init(&pool->work, NULL);
    (void)pthread_cond_init(&pool->gone, NULL);
    *ret_pool = STEAL(pool);
    return 0;
}

int fetch_pool_stop(struct fetch_pool *pool, uint64_t wait_ns)
{
    if (!pool)
        return 0;
    struct timespec until = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &until); /* the one that condition variables know */
    uint64_t nanoseconds = (uint64_t)until.tv_nsec + wait_ns;
    until.tv_sec += (time_t)(nanoseconds / NS_PER_SEC);
    until.tv_nsec = (long)(nanoseconds % NS_PER_SEC);
    (void)pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    (void)pthread_cond_broadcast(&pool->work);
    for (unsigned i = 0; i < pool->begun_count; i++)
        if (pool->connections[i])
            http_cancel(pool->connections[i]);
    int r = 0;
    while (pool->gone_count < pool->thread_count && r == 0)
        r = pthread_cond_clockwait(&pool->gone, &pool->lock, CLOCK_MONOTONIC, &until);
    bool still_running = pool->gone_count < pool->thread_count;
    (void)pthread_mutex_unlock(&pool->lock);
    if (still_running)
        return -ETIMEDOUT;
    for (unsigned i = 0; i < pool->thread_count; i++)
        (void)pthread_join(pool->threads[i], NULL);

    struct job *job;
    while ((job = queue_pop(&pool->queued)) || (job = queue_pop(&pool->finished)))
        job_free(job);
    (void)pthread_cond_destroy(&pool->gone);
    (void)pthread_cond_destroy(&pool->work);
    (void)pthread_mutex_destroy(&pool->lock);
    (void)close(pool->event_fd);
    free(pool);
    return 0;
}

void fetch_pool_submit(struct fetch_pool *pool, struct job *job)
{
    (void)pthread_mutex_lock(&pool->lock);
    queue_push(&pool->queued, job);
    pool->queued_count++;
    int r = 0;
    if (pool->queued_count > pool->idle_count && pool->thread_count < FETCH_MAX_THREADS)
        r = add_thread(pool);
    if (r < 0 && pool->thread_count == 0) {
        job = queue_pop(&pool->queued);
        pool->queued_count--;
        job->result = error_set(&job->error, ERROR_INTERNAL, "cannot start a thread: %s", strerror(-r));
        finish(pool, job);
    }
    (void)pthread_cond_signal(&pool->work);
    (void)pthread_mutex_unlock(&pool->lock);
}

int fetch_pool_fd(const struct fetch_pool *pool)
{
    return pool->event_fd;
}

struct job *fetch_pool_take(struct fetch_pool *pool)
{
    uint64_t ignored;
    (void)pthread_mutex_lock(&pool->lock);
    struct job *job = queue_pop(&pool->finished);
    if (!pool->finished.first)
        (void)!read(pool->event_fd, &ignored, sizeof(ignored));
    (void)pthread_mutex_unlock(&pool->lock);
    return job;
}
