/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Where a profile gets credentials from that are not written in it. */

#include "auth/command.h"
#include "auth/config.h"
#include "auth/providers.h"

/* The profile that names the source. It need not be the selected one: a role's source_profile is another. */
struct profile_source {
    const struct provider_context *context;
    const struct config *config;          /* as just read */
    const struct config_section *profile; /* a section of it */
    const char *name;                     /* of the profile */
    struct command **running; /* a credential process that is under way from one fetch to the next; may be NULL in it */
};

/* Each is called when the profile has the key that stands before it, on a fetcher thread. Returns 0 with credentials,
 * or a negative errno with the error filled: it names the profile, the file, URL or command, and the remedy. */

/* credential_process. Source: "Sourcing credentials with an external process in the AWS CLI". */
int credentials_process_fetch(const struct profile_source *source, struct http *http, uint64_t deadline_ns,
                              struct credentials **ret_credentials, struct error *ret_error);

/* sso_session, or sso_start_url: the token that `aws sso login` has left, exchanged for credentials. */
int credentials_sso_fetch(const struct profile_source *source, struct http *http, uint64_t deadline_ns,
                          struct credentials **ret_credentials, struct error *ret_error);

/* login_session: what `aws login` has left. */
int credentials_login_fetch(const struct profile_source *source, struct http *http, uint64_t deadline_ns,
                            struct credentials **ret_credentials, struct error *ret_error);
