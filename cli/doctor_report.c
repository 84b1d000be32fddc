/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor_report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TEXT_BYTES 1536

static const struct {
    const char *word;   /* in JSON */
    const char *mark;   /* in UTF-8 */
    const char *plain;  /* in other encodings */
    const char *colour; /* SGR of a terminal */
} results[] = {
    [STEP_OK] = {"ok", "\u2713", "ok     ", "32"},
    [STEP_NOTE] = {"note", "\u2022", "note   ", "33"},
    [STEP_SKIPPED] = {"skipped", "-", "skipped", "2"},
    [STEP_FAILED] = {"failed", "\u2717", "FAILED ", "31"},
};

struct report {
    FILE *file;
    struct report_format format;
    struct json *steps;
    unsigned count, failures;
    bool lost; /* a step, for want of memory */
};

int report_new(FILE *file, const struct report_format *format, struct report **ret_report)
{
    struct report *report = calloc(1, sizeof(*report));
    if (!report)
        return -ENOMEM;
    report->file = file;
    report->format = *format;
    report->steps = json_new_array();
    if (!report->steps) {
        free(report);
        return -ENOMEM;
    }
    *ret_report = report;
    return 0;
}

void report_free(struct report *report)
{
    if (!report)
        return;
    json_free(report->steps);
    free(report);
}

void report_group(struct report *report, const char *title)
{
    if (!report->format.json)
        (void)fprintf(report->file, "%s%s\n", report->count > 0 ? "\n" : "", title);
}

/* --- text --- */

static void write_mark(const struct report *report, enum step_result result)
{
    const char *mark = report->format.utf8 ? results[result].mark : results[result].plain;
    if (report->format.colour)
        (void)fprintf(report->file, "  \033[%sm%s\033[0m ", results[result].colour, mark);
    else
        (void)fprintf(report->file, "  %s ", mark);
}

static void write_line(const struct report *report, const char *label, const char *text)
{
    if (text && text[0])
        (void)fprintf(report->file, "      %s: %s\n", label, text);
}

static void write_policy(const struct report *report, struct json *policy)
{
    const char *text = policy ? json_format(policy, true) : NULL;
    if (!text)
        return;
    (void)fprintf(report->file, "      policy:\n");
    for (size_t size = strcspn(text, "\n"); *text; text += size + (text[size] != '\0'), size = strcspn(text, "\n"))
        (void)fprintf(report->file, "        %.*s\n", (int)size, text);
}

static void write_step(const struct report *report, const struct step *step)
{
    write_mark(report, step->result);
    (void)fprintf(report->file, "%s%s%s%s%s\n", step->name, step->subject ? " " : "",
                  step->subject ? step->subject : "", step->detail && step->detail[0] ? ": " : "",
                  step->detail ? step->detail : "");
    write_line(report, "cause", step->cause);
    write_line(report, "remedy", step->remedy);
    write_policy(report, step->policy);
    (void)fflush(report->file);
}

/* --- JSON --- */

static int add_json(struct report *report, struct step *step)
{
    _cleanup_json_ struct json *policy = STEAL(step->policy);
    _cleanup_json_ struct json *object = json_new_object();
    if (!object || json_put_text(object, "step", step->name) < 0 ||
        json_put_text(object, "subject", step->subject) < 0 ||
        json_put_text(object, "result", results[step->result].word) < 0 ||
        json_put_text(object, "detail", step->detail) < 0 || json_put_text(object, "cause", step->cause) < 0 ||
        json_put_text(object, "remedy", step->remedy) < 0)
        return -ENOMEM;
    if (policy && json_put(object, "policy", STEAL(policy)) < 0)
        return -ENOMEM;
    return json_append(report->steps, STEAL(object));
}

/* --- both --- */

/* The text in `room`, printable; NULL where there is none. */
static const char *printable(const char *text, char room[MAX_TEXT_BYTES])
{
    if (!text || !text[0])
        return NULL;
    error_copy_text(room, MAX_TEXT_BYTES, text, strlen(text));
    return room;
}

void report_add(struct report *report, const struct step *step)
{
    char texts[4][MAX_TEXT_BYTES];
    struct step clean = {
        .name = step->name,
        .subject = printable(step->subject, texts[0]),
        .result = step->result,
        .detail = printable(step->detail, texts[1]),
        .cause = printable(step->cause, texts[2]),
        .remedy = printable(step->remedy, texts[3]),
        .policy = step->policy,
    };
    report->count++;
    report->failures += step->result == STEP_FAILED;
    if (!report->format.json)
        write_step(report, &clean);
    if (add_json(report, &clean) < 0)
        report->lost = true;
}

void report_say(struct report *report, enum step_result result, const char *name, const char *subject,
                const char *format, ...)
{
    char detail[MAX_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(detail, sizeof(detail), format, arguments);
    va_end(arguments);
    report_add(report, &(struct step){.name = name, .subject = subject, .result = result, .detail = detail});
}

void error_words_split(const struct error *error, struct error_words *ret_words)
{
    const char *advice = NULL;
    for (const char *at = strstr(error->message, "; "); at; at = strstr(at + 2, "; "))
        advice = at;
    size_t size = advice ? (size_t)(advice - error->message) : strlen(error->message);
    error_copy_text(ret_words->cause, sizeof(ret_words->cause), error->message, size);
    if (error->code[0])
        (void)snprintf(ret_words->cause + size, sizeof(ret_words->cause) - size, " (%s%s%s)", error->code,
                       error->request_id[0] ? ", request id " : "", error->request_id);
    (void)snprintf(ret_words->remedy, sizeof(ret_words->remedy), "%s", advice ? advice + 2 : "");
}

void error_words_advise(struct error_words *words, const char *format, ...)
{
    size_t size = strlen(words->remedy);
    va_list arguments;
    if (size > 0 && size + 2 < sizeof(words->remedy)) {
        memcpy(words->remedy + size, "; ", 3);
        size += 2;
    }
    va_start(arguments, format);
    (void)vsnprintf(words->remedy + size, sizeof(words->remedy) - size, format, arguments);
    va_end(arguments);
}

unsigned report_failures(const struct report *report)
{
    return report->failures;
}

static int write_json(struct report *report)
{
    _cleanup_json_ struct json *whole = json_new_object();
    if (!whole || report->lost || json_put_bool(whole, "ok", report->failures == 0) < 0 ||
        json_put_text(whole, "version", SECRETSFS_VERSION) < 0 || json_put(whole, "steps", STEAL(report->steps)) < 0)
        return -ENOMEM;
    const char *text = json_format(whole, true);
    if (!text)
        return -ENOMEM;
    (void)fprintf(report->file, "%s\n", text);
    return 0;
}

int report_finish(struct report *report)
{
    int r = 0;
    if (report->format.json)
        r = write_json(report);
    else if (report->failures > 0)
        (void)fprintf(report->file, "\n%u of %u steps failed\n", report->failures, report->count);
    else
        (void)fprintf(report->file, "\nall that is needed works\n");
    return r < 0 ? r : fflush(report->file) == 0 && !ferror(report->file) ? 0 : -EIO;
}
