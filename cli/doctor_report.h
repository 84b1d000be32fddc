/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What `secretsfs doctor` has found, step by step: as text for people, each step at once; or as one JSON object at the
 * end. Pure writing; one thread. Texts may come from anywhere: what is not printable ASCII is shown as '?'. */

#include <stdbool.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"

enum step_result {
    STEP_OK,
    STEP_NOTE,    /* worth knowing, and not in the way of anything that is needed */
    STEP_SKIPPED, /* could not be tried; the detail says why */
    STEP_FAILED,
};

struct step {
    const char *name;    /* "region", "read" */
    const char *subject; /* which of several: a file, a provider, a secret; or NULL */
    enum step_result result;
    const char *detail; /* this and the following may be NULL */
    const char *cause;
    const char *remedy;
    struct json *policy; /* an IAM statement to add; taken */
};

struct report_format {
    bool json;
    bool utf8; /* else plain words stand for the marks */
    bool colour;
};

struct report;

/* Writes to `file`, which is borrowed. Returns 0 or -ENOMEM. */
int report_new(FILE *file, const struct report_format *format, struct report **ret_report);
void report_free(struct report *report);
DEFINE_CLEANUP(struct report, report_free)
#define _cleanup_report_ _cleanup_(report_freep)

/* The heading of the steps that follow; of the text only. */
void report_group(struct report *report, const char *title);

void report_add(struct report *report, const struct step *step);

/* A step that has a detail and nothing else. */
void report_say(struct report *report, enum step_result result, const char *name, const char *subject,
                const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Puts the cause of an error into a step, and what its message advises behind the last "; ". `step` must not outlive
 * `words`. */
struct error_words {
    char cause[sizeof(((struct error *)0)->message) + 160];
    char remedy[sizeof(((struct error *)0)->message) + 1024];
};
void error_words_split(const struct error *error, struct error_words *ret_words);

/* Appends to the remedy, behind "; " where it is not the first. */
void error_words_advise(struct error_words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));

unsigned report_failures(const struct report *report);

/* Ends it: a last line of text, or the whole JSON. Returns 0, or -ENOMEM or -EIO when it could not be written. */
int report_finish(struct report *report);
