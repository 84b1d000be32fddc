/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What AWS tells of changes of secrets: EventBridge events, as they arrive in a queue. An event is a hint to look at a
 * secret, and nothing in it is believed beyond that. Pure; any text may be passed. */

#include <stddef.h>

struct event_hint {
    char *id;         /* of the secret: a name or an ARN; fit to be asked for */
    char *version_id; /* that is AWSCURRENT now, or NULL where the event does not tell */
};

void event_hint_clear(struct event_hint *hint);

/* Understands, alone or in the envelope of SNS:
 *   "Secret Label Updated", which Secrets Manager sends itself;
 *   "AWS API Call via CloudTrail", for the calls that change a secret or who may read it;
 *   "AWS Service Event via CloudTrail": rotations and deletions that run their course.
 * Returns 0 with a hint, to be cleared; -ENOMSG for an event about something else (calls that failed and calls that
 * only read among them: our own reads are such events); -EBADMSG for what is not such an event; or -ENOMEM. */
int event_decode(const char *text, size_t text_bytes, struct event_hint *ret_hint);
