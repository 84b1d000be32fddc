/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A NAME on the command line of doctor: a secret's name, its ARN, or the valueFrom string of an ECS task definition,
 * "arn:...:secret:NAME-AbCdEf:json-key:version-stage:version-id". Pure. */

#include "base/cleanup.h"

struct doctor_target {
    char *id;
    char *key; /* this and the following: NULL where not told */
    char *stage;
    char *version_id;
};

/* Returns 0 with a target to be cleared, -EINVAL for a text that starts as a valueFrom string and is none, or
 * -ENOMEM. */
int doctor_target_parse(const char *text, struct doctor_target *ret_target);
void doctor_target_clear(struct doctor_target *target);
#define _cleanup_doctor_target_ _cleanup_(doctor_target_clear)
