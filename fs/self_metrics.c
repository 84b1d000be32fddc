/* SPDX-License-Identifier: Apache-2.0 */

/* /.secretsfs/metrics, for Prometheus. Labels that name secrets are only on those in use, and only on a bounded number
 * of them. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "cache/report.h"
#include "fs/exposition.h"
#include "fs/self.h"

#define MAX_METRICS_BYTES ((size_t)8 * 1024 * 1024)

/* What is written, and how it goes: after the first failure nothing more is. */
struct metrics {
    struct buffer buffer;
    const char *name; /* of the metric begun last */
    int result;
};

static void begin(struct metrics *metrics, const char *name, enum metric_type type, const char *help)
{
    metrics->name = name;
    if (metrics->result >= 0)
        metrics->result = exposition_begin(&metrics->buffer, name, type, help);
}

static void sample(struct metrics *metrics, const char *label, const char *text, double value)
{
    if (metrics->result >= 0)
        metrics->result = exposition_sample(&metrics->buffer, metrics->name, label, text, NULL, NULL, value);
}

static void gauge(struct metrics *metrics, const char *name, const char *help, double value)
{
    begin(metrics, name, METRIC_GAUGE, help);
    sample(metrics, NULL, NULL, value);
}

static void counter(struct metrics *metrics, const char *name, const char *help, uint64_t value)
{
    begin(metrics, name, METRIC_COUNTER, help);
    sample(metrics, NULL, NULL, (double)value);
}

/* --- calls of AWS --- */

static void put_calls(struct metrics *metrics, const struct fs *fs)
{
    static const char *const names[CACHE_CALL_COUNT] = {[CACHE_CALL_GET] = "get",
                                                        [CACHE_CALL_BATCH] = "batch",
                                                        [CACHE_CALL_VERSIONS] = "describe",
                                                        [CACHE_CALL_LIST] = "list"};
    const struct cache_counters *counters = cache_counters(fs->cache);
    begin(metrics, "secretsfs_calls_total", METRIC_COUNTER, "Calls of Secrets Manager that have ended.");
    for (size_t i = 0; i < CACHE_CALL_COUNT && metrics->result >= 0; i++) {
        metrics->result = exposition_sample(&metrics->buffer, metrics->name, "operation", names[i], "result", "ok",
                                            (double)counters->answered[i]);
        if (metrics->result >= 0)
            metrics->result = exposition_sample(&metrics->buffer, metrics->name, "operation", names[i], "result",
                                                "failed", (double)counters->failed[i]);
    }
    begin(metrics, "secretsfs_failures_total", METRIC_COUNTER, "Secrets and listings that could not be had.");
    for (enum error_kind kind = ERROR_NONE + 1; kind < ERROR_KIND_COUNT; kind++)
        sample(metrics, "kind", error_kind_name(kind), (double)counters->failures_of[kind]);
    counter(metrics, "secretsfs_http_requests_total", "Requests sent to AWS, retries and those to the queue included.",
            fs->source->ops->call_count ? fs->source->ops->call_count(fs->source) : 0);
}

/* --- the queue, the names --- */

static void put_queue(struct metrics *metrics, const struct fs *fs)
{
    static const char *const states[] = {"off", "listening", "failing"};
    struct push_status push = {.state = "off"};
    if (fs->source->ops->push_status)
        fs->source->ops->push_status(fs->source, &push);
    begin(metrics, "secretsfs_queue_state", METRIC_GAUGE, "1 for the state that the events queue is in.");
    for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++)
        sample(metrics, "state", states[i], strcmp(states[i], push.state) == 0);
    counter(metrics, "secretsfs_queue_requests_total", "Requests to the events queue.", push.calls);
    counter(metrics, "secretsfs_queue_messages_total", "Messages taken from the events queue.", push.received);
    counter(metrics, "secretsfs_queue_unrecognized_total", "Those of them that told of no change of a secret.",
            push.unrecognized);
}

static void put_names(struct metrics *metrics, const struct fs *fs)
{
    const struct names *names = cache_names(fs->cache);
    enum names_state now = cache_names_state(fs->cache);
    begin(metrics, "secretsfs_names_state", METRIC_GAUGE, "1 for the state that the listing of names is in.");
    for (enum names_state state = NAMES_OFF; state <= NAMES_FAILED; state++)
        sample(metrics, "state", names_state_name(state), state == now);
    gauge(metrics, "secretsfs_names_listed", "Names that are known to exist.", (double)names_count(names));
    gauge(metrics, "secretsfs_names_skipped", "Names that do not fit a directory entry.", (double)names_skipped(names));
}

/* --- secrets --- */

struct totals {
    size_t known;
    size_t in_use;
    size_t stale;
    size_t failing;
    size_t bytes;
};

static void add_up(void *context, struct cache_secret *secret)
{
    struct totals *totals = context;
    const struct value *value = cache_secret_value(secret);
    totals->known += value != NULL;
    totals->bytes += value ? secret_size_bytes(value->bytes) : 0;
    totals->in_use += value && cache_secret_in_use(secret);
    totals->stale += cache_secret_is_stale(secret);
    totals->failing += cache_secret_error(secret)->kind != ERROR_NONE;
}

/* Of versions and stages only the numbers are told: they come and go with each rotation. */
static bool has_series(struct cache_secret *secret)
{
    return cache_secret_value(secret) && !cache_secret_stage(secret) && !cache_secret_version_id(secret) &&
           cache_secret_in_use(secret);
}

static void put_age(void *context, struct cache_secret *secret)
{
    if (has_series(secret))
        sample(context, "secret", cache_secret_id(secret), seconds_of(cache_secret_age_ns(secret)));
}

static void put_stale(void *context, struct cache_secret *secret)
{
    if (has_series(secret))
        sample(context, "secret", cache_secret_id(secret), cache_secret_is_stale(secret));
}

static void put_secrets(struct metrics *metrics, const struct fs *fs)
{
    struct totals totals = {0};
    cache_each_secret(fs->cache, add_up, &totals);
    gauge(metrics, "secretsfs_secrets_known", "Secrets, versions and stages whose value is held.",
          (double)totals.known);
    gauge(metrics, "secretsfs_secrets_in_use", "Those of them that somebody uses.", (double)totals.in_use);
    gauge(metrics, "secretsfs_secrets_stale", "Those whose last check failed, and whose last value is served.",
          (double)totals.stale);
    gauge(metrics, "secretsfs_secrets_failing", "Secrets whose last check failed, served or not.",
          (double)totals.failing);
    gauge(metrics, "secretsfs_value_bytes", "Size of all values that are held.", (double)totals.bytes);
    begin(metrics, "secretsfs_secret_age_seconds", METRIC_GAUGE,
          "Time since the last good check of a secret in use; at most 1000 are told.");
    (void)cache_report_each(fs->cache, put_age, metrics);
    begin(metrics, "secretsfs_secret_stale", METRIC_GAUGE, "1 when that secret's last check failed.");
    (void)cache_report_each(fs->cache, put_stale, metrics);
}

static void put_requests(struct metrics *metrics, const struct fs *fs)
{
    begin(metrics, "secretsfs_requests_total", METRIC_COUNTER, "Requests of the kernel; warm reads do not get here.");
    for (enum operation operation = 0; operation < OP_COUNT; operation++)
        sample(metrics, "operation", self_operation_name(operation), (double)fs->counters[operation]);
}

int self_metrics(const struct fs *fs, struct secret **ret_text)
{
    struct metrics metrics = {.result = 0};
    buffer_init(&metrics.buffer, MAX_METRICS_BYTES);
    begin(&metrics, "secretsfs_build_info", METRIC_GAUGE, "Always 1; the version is a label.");
    sample(&metrics, "version", fs->options.version, 1);
    gauge(&metrics, "secretsfs_uptime_seconds", "Time since the daemon started.",
          seconds_of(clock_monotonic_ns() - fs->started_ns));
    put_requests(&metrics, fs);
    put_calls(&metrics, fs);
    put_secrets(&metrics, fs);
    put_names(&metrics, fs);
    put_queue(&metrics, fs);
    if (metrics.result >= 0)
        metrics.result = secret_new(metrics.buffer.bytes, metrics.buffer.size_bytes, ret_text);
    buffer_clear(&metrics.buffer);
    return metrics.result;
}
