/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/status_text.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/table.h"

/* What Secrets Manager costs; https://aws.amazon.com/secrets-manager/pricing/ */
#define DOLLARS_PER_CALL (0.05 / 10000)

#define INDENT 10
#define LINE_BYTES 4096

static double number_of(const struct json *object, const char *key)
{
    double value = 0;
    (void)json_number(json_member(object, key), &value);
    return value;
}

static const char *text_of(const struct json *object, const char *key)
{
    const char *text = json_member_text(object, key);
    return text ? text : "";
}

/* "12s", "3m20s", "2h05m", "3d04h" */
static void duration(double seconds, char ret_text[24])
{
    uint64_t s = seconds < 0 || seconds > 1e12 ? 0 : (uint64_t)seconds;
    if (s < 60)
        (void)snprintf(ret_text, 24, "%us", (unsigned)s);
    else if (s < 3600)
        (void)snprintf(ret_text, 24, "%um%02us", (unsigned)(s / 60), (unsigned)(s % 60));
    else if (s < UINT64_C(24) * 3600)
        (void)snprintf(ret_text, 24, "%uh%02um", (unsigned)(s / 3600), (unsigned)(s / 60 % 60));
    else
        (void)snprintf(ret_text, 24, "%ud%02uh", (unsigned)(s / 86400), (unsigned)(s / 3600 % 24));
}

/* --- the mount, or the sync --- */

static int describe_sync(const struct json *status, const char *up, struct buffer *line)
{
    bool ready = json_boolean(json_member(status, "ready"));
    bool once = json_boolean(json_member(status, "once"));
    return buffer_printf(line, "sync      %s: %s, %s %s, %.0f entries, %.0f failed, version %s",
                         text_of(status, "directory"), ready ? "all there" : "not all there",
                         once ? "once, took" : "up for", up, number_of(status, "entries"),
                         number_of(status, "entries_failed"), text_of(status, "version"));
}

static int describe_mount(const struct json *status, struct buffer *line)
{
    char up[24];
    duration(number_of(status, "uptime_seconds"), up);
    if (json_member(status, "directory"))
        return describe_sync(status, up, line);
    return buffer_printf(line, "mount     %s: %s for %s, version %s", text_of(status, "mountpoint"),
                         json_boolean(json_member(status, "ready")) ? "up" : "starting", up,
                         text_of(status, "version"));
}

static int describe_source(const struct json *status, struct buffer *line)
{
    return buffer_printf(line, "source    %s", text_of(status, "source"));
}

static int describe_names(const struct json *status, struct buffer *line)
{
    const struct json *names = json_member(status, "names");
    return buffer_printf(line, "names     %s, %.0f known, %.0f too long to show", text_of(names, "state"),
                         number_of(names, "listed"), number_of(names, "skipped"));
}

static int describe_calls(const struct json *status, struct buffer *line)
{
    const struct json *calls = json_member(status, "calls");
    double priced = number_of(calls, "wire") - number_of(calls, "queue");
    return buffer_printf(
        line, "calls     %.0f get, %.0f batch, %.0f describe, %.0f list, %.0f failed; %.0f requests, about $%.4f",
        number_of(calls, "get"), number_of(calls, "batch"), number_of(calls, "describe"), number_of(calls, "list"),
        number_of(calls, "failed"), priced, priced * DOLLARS_PER_CALL);
}

static int describe_queue(const struct json *status, struct buffer *line)
{
    const struct json *push = json_member(status, "push");
    if (!json_member(push, "queue"))
        return buffer_printf(line, "queue     %s", text_of(push, "state"));
    return buffer_printf(line, "queue     %s, %.0f messages (%.0f not understood), %.0f requests; %s",
                         text_of(push, "state"), number_of(push, "received"), number_of(push, "unrecognized"),
                         number_of(json_member(status, "calls"), "queue"), text_of(push, "queue"));
}

static int append_head(const struct json *status, size_t width, struct buffer *buffer)
{
    static int (*const parts[])(const struct json *status, struct buffer *line) = {
        describe_mount, describe_source, describe_names, describe_calls, describe_queue};
    int r = 0;
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts) && r >= 0; i++) {
        _cleanup_buffer_ struct buffer line = {0};
        buffer_init(&line, LINE_BYTES);
        r = parts[i](status, &line);
        if (r >= 0)
            r = table_print_wrapped(line.bytes, INDENT, width, buffer);
    }
    return r;
}

/* --- the secrets --- */

/* A secret, or one of its versions. */
static int make_name(const struct json *secret, char **ret_name)
{
    const char *stage = json_member_text(secret, "asked_stage");
    const char *version = json_member_text(secret, "asked_version_id");
    const char *asked = stage ? stage : version;
    return asprintf(ret_name, "%s%s%s%s", text_of(secret, "id"), asked ? " [" : "", asked ? asked : "",
                    asked ? "]" : "") < 0
               ? -ENOMEM
               : 0;
}

static const char *state_of(const struct json *secret)
{
    if (json_boolean(json_member(secret, "stale")))
        return "stale";
    if (json_member(secret, "error"))
        return "failed";
    return json_boolean(json_member(secret, "fetching")) ? "fetching" : "ok";
}

static void duration_or_dash(const struct json *secret, const char *key, char ret_text[24])
{
    double seconds;
    if (json_number(json_member(secret, key), &seconds))
        duration(seconds, ret_text);
    else
        (void)snprintf(ret_text, 24, "-");
}

static int add_secret(struct table *table, const struct json *secret)
{
    _cleanup_free_ char *name = NULL;
    const struct json *error = json_member(secret, "error");
    char version[9];
    char age[24];
    char next[24];
    char state[128];
    if (make_name(secret, &name) < 0)
        return -ENOMEM;
    (void)snprintf(version, sizeof(version), "%.8s",
                   json_member(secret, "version_id") ? text_of(secret, "version_id") : "-");
    duration_or_dash(secret, "age_seconds", age);
    duration_or_dash(secret, "next_check_seconds", next);
    (void)snprintf(state, sizeof(state), "%s%s%s%s%s", state_of(secret), error ? ": " : "", text_of(error, "kind"),
                   *text_of(error, "code") ? " " : "", text_of(error, "code"));
    const char *const cells[] = {name, version, age, next, json_boolean(json_member(secret, "in_use")) ? "yes" : "no",
                                 state};
    return table_add(table, cells);
}

static int append_secrets(const struct json *secrets, size_t width, struct buffer *buffer)
{
    static const char *const titles[] = {"SECRET", "VERSION", "AGE", "NEXT", "USED", "STATE"};
    _cleanup_table_ struct table table = {.columns = sizeof(titles) / sizeof(*titles)};
    size_t count = json_array_length(secrets);
    if (count == 0)
        return buffer_append_text(buffer, "\nNo secret has been read yet.\n");
    int r = table_add(&table, titles);
    for (size_t i = 0; i < count && r >= 0; i++)
        r = add_secret(&table, json_array_at(secrets, i));
    if (r >= 0)
        r = buffer_append_text(buffer, "\n");
    return r < 0 ? r : table_print(&table, width, buffer);
}

static int append_errors(const struct json *secrets, size_t width, struct buffer *buffer)
{
    int r = 0;
    for (size_t i = 0; i < json_array_length(secrets) && r >= 0; i++) {
        const struct json *secret = json_array_at(secrets, i);
        const struct json *error = json_member(secret, "error");
        _cleanup_free_ char *line = NULL;
        char ago[24];
        if (!error)
            continue;
        duration(number_of(error, "seconds_ago"), ago);
        if (asprintf(&line, "%s, %s ago: %s", text_of(secret, "id"), ago, text_of(error, "message")) < 0)
            return -ENOMEM;
        r = buffer_append_text(buffer, "\n");
        if (r >= 0)
            r = table_print_wrapped(line, 4, width, buffer);
    }
    return r;
}

int status_text(const struct json *status, size_t width, struct buffer *buffer)
{
    const struct json *secrets = json_member(status, "secrets");
    double omitted = number_of(status, "secrets_omitted");
    int r = append_head(status, width, buffer);
    if (r >= 0)
        r = append_secrets(secrets, width, buffer);
    if (r >= 0 && omitted > 0)
        r = buffer_printf(buffer, "and %.0f more\n", omitted);
    return r < 0 ? r : append_errors(secrets, width, buffer);
}
