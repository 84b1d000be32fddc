/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the steps of `secretsfs doctor` share. One thread. */

#include <stdbool.h>
#include <stdint.h>

#include "auth/session.h"
#include "base/http.h"
#include "base/source.h"
#include "cli/doctor_policy.h"
#include "cli/doctor_report.h"
#include "cli/options.h"

struct doctor {
    const struct options *options;
    struct report *report;
    struct http *http;
    struct source *source;       /* NULL: could not be opened */
    struct aws_session *session; /* the source's; NULL without one, and with --local */

    /* Why no request to AWS can succeed, or "": the steps that need one are skipped. */
    char blocked[128];

    /* For policies. */
    char account[32]; /* "*" while it is not known */
    char partition[32];
    char caller[512]; /* the ARN, or "" */
};

/* When a step that begins now is given up. */
uint64_t doctor_deadline_ns(const struct doctor *doctor);

struct policy_place doctor_place(const struct doctor *doctor);

/* Notes why no request can succeed; the first reason stays. */
void doctor_block(struct doctor *doctor, const char *reason);

/* True when requests cannot succeed; the step is then reported as skipped. */
bool doctor_is_blocked(struct doctor *doctor, const char *step, const char *subject);

/* Reports a step that failed with `error`, or that is worth a note where what it tried is not needed. `policy` is
 * taken. `advice` is put behind that of the error; or NULL. */
void doctor_report_error(struct doctor *doctor, enum step_result result, const char *step, const char *subject,
                         const struct error *error, const char *advice, struct json *policy);

/* "1 h 5 min", "43 s" */
#define DOCTOR_SPAN_BYTES 32
void doctor_span_text(uint64_t span_ns, char ret_text[DOCTOR_SPAN_BYTES]);

/* The steps. Those that open something leave it in `doctor`. */
void doctor_check_configuration(struct doctor *doctor); /* files, profile, region, endpoint */
void doctor_check_credentials(struct doctor *doctor);   /* providers, expiry, identity */
void doctor_check_endpoint(struct doctor *doctor);      /* proxy, DNS, TCP, TLS, clock */
void doctor_check_secrets(struct doctor *doctor);       /* permissions, and each NAME */
void doctor_check_local(struct doctor *doctor);         /* the file of --local */
void doctor_check_system(struct doctor *doctor);        /* what a mount needs of this machine */
