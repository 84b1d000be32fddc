/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Calls with the credentials of a session (auth/call.h), and one more with new ones where AWS refuses them. Shared by
 * all threads. */

#include <stdint.h>

#include "auth/call.h"
#include "auth/session.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/http.h"

struct wire;

/* `session` is taken, even on failure. Returns 0 or -ENOMEM. */
int wire_new(struct aws_session *session, struct wire **ret_wire);
void wire_free(struct wire *wire);
DEFINE_CLEANUP(struct wire, wire_free)
#define _cleanup_wire_ _cleanup_(wire_freep)

struct aws_session *wire_session(const struct wire *wire);

/* Number of attempts that have been sent. */
uint64_t wire_attempts(const struct wire *wire);

/* As aws_call_perform(); an error about credentials is complete. Of `call` these may be left out: url (that of service
 * and region), max_attempts (as the session has it); ca_bundle, bucket, clock and sent are not looked at. */
int wire_perform(struct wire *wire, struct http *http, const struct aws_call *call, uint64_t deadline_ns,
                 struct buffer *ret_body, struct error *ret_error);
