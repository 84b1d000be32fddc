/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/doctor_steps.h"

/* `name` is a secret's name, its ARN, or a valueFrom string. Returns whether it is readable. */
bool doctor_check_secret(struct doctor *doctor, const char *name);
