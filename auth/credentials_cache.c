/* SPDX-License-Identifier: Apache-2.0 */

/* One thread at a time asks the provider, without holding the mutex; the others either go on with the credentials
 * there are, or wait for it no longer than their own deadline.
 *
 * Why to ask again:            others meanwhile   if it fails
 *   there are none yet         wait               the failure is the answer
 *   AWS has refused them       wait               the failure is the answer, once
 *   their files have changed   wait               go on with the old ones
 *   expired by our clock       wait               go on with the old ones: AWS decides whether they still work
 *   about to expire            use the old ones   go on with the old ones
 *
 * While there are old ones to go on with, asking may take no more than half of the time that the caller has left, and
 * after a failure, or an answer that is not newer, nobody asks for a while. */
#include "auth/credentials_cache.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

/* Refresh this long before expiry, but never in more than the last quarter of the life: sessions may be as short as
 * 15 minutes. */
#define REFRESH_WINDOW_NS (UINT64_C(15) * 60 * NS_PER_SEC)
#define REFRESH_WINDOW_DIVISOR 4

/* No asking again so soon after a failure: with credentials to go on with, and without. */
#define PAUSE_NS (UINT64_C(10) * NS_PER_SEC)
#define PAUSE_WITHOUT_NS (UINT64_C(1) * NS_PER_SEC)

/* How often the files are looked at. */
#define LOOK_INTERVAL_NS (UINT64_C(2) * NS_PER_SEC)

enum need {
    NEED_NOTHING,
    NEED_SOON,
    NEED_NOW,
};

struct credentials_cache {
    struct credentials_provider *provider; /* fetch(): whoever has set `fetching`; changed(): under the mutex */
    pthread_mutex_t mutex;
    pthread_cond_t fetched;

    /* Protected by mutex. */
    bool fetching;
    bool refused; /* by AWS, and not asked for again since */
    bool changed; /* the files, and not asked for again since */
    struct credentials *current;
    int result;           /* of the last fetch */
    struct error failure; /* and why, when it failed */
    uint64_t refresh_ns;  /* wall clock: about to expire from here on */
    uint64_t pause_ns;    /* monotonic: no asking before */
    uint64_t look_ns;     /* monotonic: no look at the files before */
};

int credentials_cache_new(struct credentials_provider *provider, struct credentials_cache **ret_cache)
{
    struct credentials_cache *cache = calloc(1, sizeof(*cache));
    if (!cache) {
        credentials_provider_free(provider);
        return -ENOMEM;
    }
    cache->provider = provider;
    (void)pthread_mutex_init(&cache->mutex, NULL);
    (void)pthread_cond_init(&cache->fetched, NULL);
    *ret_cache = cache;
    return 0;
}

void credentials_cache_free(struct credentials_cache *cache)
{
    if (!cache)
        return;
    credentials_unref(cache->current);
    credentials_provider_free(cache->provider);
    (void)pthread_cond_destroy(&cache->fetched);
    (void)pthread_mutex_destroy(&cache->mutex);
    free(cache);
}

static bool same_secret(const struct secret *a, const struct secret *b)
{
    if (!a || !b)
        return a == b;
    return secret_size_bytes(a) == secret_size_bytes(b) &&
           memcmp(secret_bytes(a), secret_bytes(b), secret_size_bytes(a)) == 0;
}

static bool same_keys(const struct credentials *a, const struct credentials *b)
{
    return strcmp(a->access_key_id, b->access_key_id) == 0 && same_secret(a->secret_access_key, b->secret_access_key) &&
           same_secret(a->session_token, b->session_token);
}

/* With the mutex held, as all that follow. */
static enum need what_is_needed(const struct credentials_cache *cache)
{
    if (!cache->current || cache->refused || cache->changed)
        return NEED_NOW;
    uint64_t now_ns = clock_wall_ns();
    if (now_ns >= cache->current->expires_ns)
        return NEED_NOW;
    return now_ns >= cache->refresh_ns ? NEED_SOON : NEED_NOTHING;
}

static void look_at_files(struct credentials_cache *cache)
{
    const struct credentials_provider_ops *ops = cache->provider->ops;
    uint64_t now_ns = clock_monotonic_ns();
    if (!ops->changed || !cache->current || cache->fetching || now_ns < cache->look_ns)
        return;
    cache->look_ns = now_ns + LOOK_INTERVAL_NS;
    cache->changed = ops->changed(cache->provider);
}

/* Whether to go on with these. Our clock may be wrong, so what has expired by it may still be good; but the same keys
 * with another expiry are not what AWS has to be asked about once more. */
static bool is_better(const struct credentials_cache *cache, const struct credentials *fresh, bool dead)
{
    const struct credentials *current = cache->current;
    if (!current)
        return true;
    bool lasts_longer = fresh->expires_ns > current->expires_ns;
    if (same_keys(fresh, current))
        return lasts_longer && !cache->refused;
    return !dead || lasts_longer || cache->refused;
}

/* Takes what the provider has given: keeps it, unless it is no better than what is there. */
static void accept_fresh(struct credentials_cache *cache, struct credentials *fresh)
{
    uint64_t wall_ns = clock_wall_ns();
    bool dead = fresh->expires_ns <= wall_ns;
    if (!is_better(cache, fresh, dead)) {
        credentials_unref(fresh);
        cache->pause_ns = clock_monotonic_ns() + PAUSE_NS;
    } else {
        credentials_unref(cache->current);
        cache->current = fresh;
        cache->refused = false;
        cache->pause_ns = dead ? clock_monotonic_ns() + PAUSE_NS : 0;
    }
    uint64_t expires_ns = cache->current->expires_ns;
    uint64_t left_ns = expires_ns > wall_ns ? expires_ns - wall_ns : 0;
    uint64_t window_ns = left_ns / REFRESH_WINDOW_DIVISOR;
    if (expires_ns == CLOCK_NEVER_NS)
        cache->refresh_ns = CLOCK_NEVER_NS;
    else
        cache->refresh_ns = expires_ns - (window_ns < REFRESH_WINDOW_NS ? window_ns : REFRESH_WINDOW_NS);
}

/* Asks the provider; the mutex is released meanwhile. */
static void fetch(struct credentials_cache *cache, struct http *http, uint64_t deadline_ns)
{
    uint64_t now_ns = clock_monotonic_ns();
    if (cache->current && deadline_ns > now_ns)
        deadline_ns = now_ns + (deadline_ns - now_ns) / 2;
    bool changed = cache->changed;
    cache->fetching = true;
    cache->changed = false;
    (void)pthread_mutex_unlock(&cache->mutex);

    struct credentials *fresh = NULL;
    struct error failure = {.kind = ERROR_NONE};
    int r = cache->provider->ops->fetch(cache->provider, http, deadline_ns, &fresh, &failure);

    (void)pthread_mutex_lock(&cache->mutex);
    cache->fetching = false;
    cache->result = r;
    cache->failure = failure;
    if (r == 0) {
        accept_fresh(cache, fresh);
    } else if (cache->current) {
        cache->pause_ns = clock_monotonic_ns() + PAUSE_NS;
        if (changed)
            cache->refresh_ns = 0;              /* what the files say now is still to be had */
    } else if (failure.kind != ERROR_TIMEOUT) { /* one caller's deadline is not the others' */
        cache->pause_ns = clock_monotonic_ns() + PAUSE_WITHOUT_NS;
    }
    (void)pthread_cond_broadcast(&cache->fetched);
}

/* Waits until the fetch of another thread ends. Returns false at the deadline. */
static bool wait_for_fetch(struct credentials_cache *cache, uint64_t deadline_ns)
{
    while (cache->fetching) {
        uint64_t now_ns = clock_monotonic_ns();
        if (now_ns >= deadline_ns)
            return false;
        /* A condition cannot wait by CLOCK_BOOTTIME. */
        struct timespec until;
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        uint64_t until_ns = (uint64_t)until.tv_nsec + (deadline_ns - now_ns) % NS_PER_SEC;
        until.tv_sec += (time_t)((deadline_ns - now_ns) / NS_PER_SEC + until_ns / NS_PER_SEC);
        until.tv_nsec = (long)(until_ns % NS_PER_SEC);
        (void)pthread_cond_clockwait(&cache->fetched, &cache->mutex, CLOCK_MONOTONIC, &until);
    }
    return true;
}

/* Brings the credentials up to date as far as possible. Returns false if another thread did not manage in time. */
static bool update(struct credentials_cache *cache, struct http *http, uint64_t deadline_ns)
{
    for (;;) {
        look_at_files(cache);
        enum need need = what_is_needed(cache);
        if (need == NEED_NOTHING || (need == NEED_SOON && cache->fetching))
            return true;
        if (!cache->fetching) {
            if (cache->changed || clock_monotonic_ns() >= cache->pause_ns)
                fetch(cache, http, deadline_ns);
            return true;
        }
        if (!wait_for_fetch(cache, deadline_ns))
            return false;
    }
}

int credentials_cache_get(struct credentials_cache *cache, struct http *http, uint64_t deadline_ns,
                          struct credentials **ret_credentials, struct error *ret_error)
{
    int r = 0;
    (void)pthread_mutex_lock(&cache->mutex);
    bool in_time = update(cache, http, deadline_ns);
    bool failed = cache->result < 0 && (!cache->current || cache->refused);
    if (in_time)
        cache->refused = false; /* the next caller tries them again, and AWS decides */
    if (failed) {
        r = cache->result;
        if (ret_error)
            *ret_error = cache->failure;
    } else if (!cache->current) {
        r = error_set(ret_error, ERROR_TIMEOUT,
                      "no AWS credentials in time: they have been asked for (a slow credential_process, STS or "
                      "metadata service?), and serve the next read once they are there");
    } else {
        *ret_credentials = credentials_ref(cache->current);
    }
    (void)pthread_mutex_unlock(&cache->mutex);
    return r;
}

void credentials_cache_refused(struct credentials_cache *cache, const struct credentials *refused)
{
    (void)pthread_mutex_lock(&cache->mutex);
    if (cache->current == refused)
        cache->refused = true;
    (void)pthread_mutex_unlock(&cache->mutex);
}
