/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The least IAM statements that permit what was denied. Pure. Each returns a JSON object, to be freed, or NULL where
 * memory does not suffice. */

#include "base/json.h"

/* Who asks, and where. */
struct policy_place {
    const char *partition; /* "aws" */
    const char *region;
    const char *account; /* "*" where it is not known */
};

/* On all resources, for actions that AWS cannot narrow: "secretsmanager:ListSecrets". */
struct json *policy_for_all(const char *action);

/* On one secret. `id` is a name, an ARN, or an ARN without its suffix, and fills in what it tells of the place. */
struct json *policy_for_secret(const char *action, const char *id, const struct policy_place *place);

/* Decryption by the key of a secret, through Secrets Manager alone. Which key that is has to be filled in. */
struct json *policy_for_key(const char *id, const struct policy_place *place);

/* To read a queue, for --events-queue. */
struct json *policy_for_queue(const char *queue_arn);
