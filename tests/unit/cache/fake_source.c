/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_source.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define LONGEST_WAIT_S 20

static struct fake_source *fake_of(struct source *source)
{
    return (struct fake_source *)source;
}

/* With the lock held. */
__attribute__((format(printf, 2, 3))) static void note(struct fake_source *fake, const char *format, ...)
{
    size_t size = strlen(fake->asked);
    va_list arguments;
    va_start(arguments, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): a false alarm */
    (void)vsnprintf(fake->asked + size, sizeof(fake->asked) - size, format, arguments);
    va_end(arguments);
}

/* With the lock held. */
static void stay_inside(struct fake_source *fake)
{
    fake->inside++;
    (void)pthread_cond_broadcast(&fake->moved);
    while (fake->held)
        (void)pthread_cond_wait(&fake->moved, &fake->lock);
    fake->inside--;
    (void)pthread_cond_broadcast(&fake->moved);
}

static int refuse(enum error_kind kind, struct error *ret_error)
{
    return kind == ERROR_NONE ? 0 : error_set(ret_error, kind, "the test says so");
}

static struct value *new_value(const char *id, const char *version, const char *bytes, const char *stage)
{
    _cleanup_value_ struct value *value = value_new();
    if (!value || secret_new(bytes, strlen(bytes), &value->bytes) < 0 || asprintf(&value->arn, "arn:%s", id) < 0)
        return NULL;
    value->name = strdup(id);
    value->version_id = strdup(version);
    if (stage)
        value->stages[value->stage_count++] = strdup(stage);
    return STEAL(value);
}

static struct value *current_value(const struct fake_source *fake, const char *id)
{
    struct value *value = new_value(id, fake->version, fake->bytes, "AWSCURRENT");
    if (value && fake->stage)
        value->stages[value->stage_count++] = strdup(fake->stage);
    return value;
}

static int fake_get(struct source *source, struct http *http, const struct value_request *request, uint64_t deadline_ns,
                    struct value **ret_value, struct error *ret_error)
{
    struct fake_source *fake = fake_of(source);
    _cleanup_value_ struct value *value = NULL;
    (void)http;
    (void)deadline_ns;
    (void)pthread_mutex_lock(&fake->lock);
    note(fake, "get %s%s%s%s%s; ", request->id, request->stage ? " stage " : "", request->stage ? request->stage : "",
         request->version_id ? " version " : "", request->version_id ? request->version_id : "");
    if (request->version_id)
        value = new_value(request->id, request->version_id, "a version", NULL);
    else if (request->stage)
        value = new_value(request->id, "v-of-stage", "a stage", request->stage);
    else
        value = current_value(fake, request->id);
    enum error_kind failure = fake->get_failure;
    stay_inside(fake);
    (void)pthread_mutex_unlock(&fake->lock);
    int r = value ? refuse(failure, ret_error) : -ENOMEM;
    if (r == 0)
        *ret_value = STEAL(value);
    return r;
}

static int fake_get_many(struct source *source, struct http *http, const char *const *ids, size_t count,
                         uint64_t deadline_ns, source_value_cb each, void *context, struct error *ret_error)
{
    struct fake_source *fake = fake_of(source);
    struct error missing;
    (void)http;
    (void)deadline_ns;
    (void)error_set(&missing, ERROR_NOT_FOUND, "it does not exist");
    (void)pthread_mutex_lock(&fake->lock);
    note(fake, "many");
    for (size_t i = 0; i < count; i++)
        note(fake, " %s", ids[i]);
    note(fake, "; ");
    int r = refuse(fake->batch_failure, ret_error);
    for (size_t i = 0; i < count && r == 0; i++) {
        bool there = !fake->missing || strcmp(fake->missing, ids[i]) != 0;
        each(context, i, there ? current_value(fake, ids[i]) : NULL, there ? NULL : &missing);
    }
    stay_inside(fake);
    (void)pthread_mutex_unlock(&fake->lock);
    return r;
}

static int fake_list(struct source *source, struct http *http, const char *const *prefixes, size_t prefix_count,
                     uint64_t deadline_ns, source_name_cb each, void *context, struct error *ret_error)
{
    struct fake_source *fake = fake_of(source);
    (void)http;
    (void)deadline_ns;
    (void)pthread_mutex_lock(&fake->lock);
    note(fake, "list");
    for (size_t i = 0; i < prefix_count; i++)
        note(fake, " %s", prefixes[i]);
    note(fake, "; ");
    int r = 0;
    for (const char *const *name = fake->names; name && *name && r == 0; name++)
        r = each(context, *name);
    if (r == 0)
        r = refuse(fake->list_failure, ret_error);
    stay_inside(fake);
    (void)pthread_mutex_unlock(&fake->lock);
    return r;
}

static int fake_versions(struct source *source, struct http *http, const char *id, uint64_t deadline_ns,
                         source_version_cb each, void *context, struct error *ret_error)
{
    struct fake_source *fake = fake_of(source);
    (void)http;
    (void)deadline_ns;
    (void)pthread_mutex_lock(&fake->lock);
    note(fake, "versions %s; ", id);
    int r = refuse(fake->versions_failure, ret_error);
    if (r == 0)
        r = each(context, fake->version, "AWSCURRENT");
    if (r == 0)
        r = each(context, "v0", "AWSPREVIOUS");
    stay_inside(fake);
    (void)pthread_mutex_unlock(&fake->lock);
    return r;
}

static void fake_free(struct source *source)
{
    (void)source;
}

void fake_init(struct fake_source *fake)
{
    static const struct source_ops ops = {
        .get = fake_get,
        .get_many = fake_get_many,
        .list = fake_list,
        .versions = fake_versions,
        .free = fake_free,
    };
    *fake = (struct fake_source){.source = {&ops}, .version = "v1", .bytes = "one"};
    (void)pthread_mutex_init(&fake->lock, NULL);
    (void)pthread_cond_init(&fake->moved, NULL);
}

void fake_clear(struct fake_source *fake)
{
    (void)pthread_cond_destroy(&fake->moved);
    (void)pthread_mutex_destroy(&fake->lock);
}

static void set_held(struct fake_source *fake, bool held)
{
    (void)pthread_mutex_lock(&fake->lock);
    fake->held = held;
    (void)pthread_cond_broadcast(&fake->moved);
    (void)pthread_mutex_unlock(&fake->lock);
}

void fake_hold(struct fake_source *fake)
{
    set_held(fake, true);
}

void fake_release(struct fake_source *fake)
{
    set_held(fake, false);
}

void fake_wait_inside(struct fake_source *fake, unsigned count)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += LONGEST_WAIT_S;
    (void)pthread_mutex_lock(&fake->lock);
    int r = 0;
    while (fake->inside < count && r == 0)
        r = pthread_cond_timedwait(&fake->moved, &fake->lock, &until);
    (void)pthread_mutex_unlock(&fake->lock);
    assert_int_equal(r, 0);
}

const char *fake_asked(struct fake_source *fake, char *text, size_t text_bytes)
{
    (void)pthread_mutex_lock(&fake->lock);
    (void)snprintf(text, text_bytes, "%s", fake->asked);
    fake->asked[0] = '\0';
    (void)pthread_mutex_unlock(&fake->lock);
    return text;
}
