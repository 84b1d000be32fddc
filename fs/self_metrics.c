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

/* All in one walk, for there may be half a million and the loop waits. */
struct survey {
    size_t known;
    size_t in_use;
    size_t stale;
    size_t failing;
    size_t bytes;
    size_t series;
    struct metrics ages; /* samples, which have to stand together */
    struct metrics stales;
};

/* Of versions and stages only the numbers are told: they come and go with each rotation. */
static bool has_series(const struct cache_secret *secret)
{
    return !cache_secret_stage(secret) && !cache_secret_version_id(secret);
}

static void look_at(void *context, struct cache_secret *secret)
{
    struct survey *survey = context;
    const struct value *value = cache_secret_value(secret);
    bool stale = cache_secret_is_stale(secret);
    survey->stale += stale;
    survey->failing += cache_secret_error(secret)->kind != ERROR_NONE;
    if (!value)
        return;
    survey->known++;
    survey->bytes += secret_size_bytes(value->bytes);
    if (!cache_secret_in_use(secret))
        return;
    survey->in_use++;
    if (!has_series(secret) || survey->series++ >= CACHE_REPORT_MAX_SECRETS)
        return;
    sample(&survey->ages, "secret", cache_secret_id(secret), seconds_of(cache_secret_age_ns(secret)));
    sample(&survey->stales, "secret", cache_secret_id(secret), stale);
}

/* Takes the samples. */
static void join(struct metrics *metrics, struct metrics *samples)
{
    if (metrics->result >= 0)
        metrics->result = samples->result;
    if (metrics->result >= 0 && samples->buffer.size_bytes > 0)
        metrics->result = buffer_append(&metrics->buffer, samples->buffer.bytes, samples->buffer.size_bytes);
    buffer_clear(&samples->buffer);
}

static void put_secrets(struct metrics *metrics, const struct fs *fs)
{
    struct survey survey = {.ages = {.name = "secretsfs_secret_age_seconds"},
                            .stales = {.name = "secretsfs_secret_stale"}};
    buffer_init(&survey.ages.buffer, MAX_METRICS_BYTES);
    buffer_init(&survey.stales.buffer, MAX_METRICS_BYTES);
    cache_each_secret(fs->cache, look_at, &survey);
    gauge(metrics, "secretsfs_secrets_known", "Secrets, versions and stages whose value is held.",
          (double)survey.known);
    gauge(metrics, "secretsfs_secrets_in_use", "Those of them that somebody uses.", (double)survey.in_use);
    gauge(metrics, "secretsfs_secrets_stale", "Those whose last check failed, and whose last value is served.",
          (double)survey.stale);
    gauge(metrics, "secretsfs_secrets_failing", "Secrets whose last check failed, served or not.",
          (double)survey.failing);
    gauge(metrics, "secretsfs_value_bytes", "Size of all values that are held.", (double)survey.bytes);
    begin(metrics, survey.ages.name, METRIC_GAUGE,
          "Time since the last good check of a secret in use; at most 1000 are told.");
    join(metrics, &survey.ages);
    begin(metrics, survey.stales.name, METRIC_GAUGE, "1 when that secret's last check failed.");
    join(metrics, &survey.stales);
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
