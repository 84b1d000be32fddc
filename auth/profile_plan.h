/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a profile says about credentials, as steps: a base, and the roles that are assumed one after the other from
 * there. Pure; any thread. */

#include "auth/config.h"
#include "auth/sts.h"
#include "base/error.h"

#define PROFILE_PLAN_MAX_ROLES 8

enum profile_base {
    PROFILE_BASE_KEYS,         /* aws_access_key_id, aws_secret_access_key, aws_session_token */
    PROFILE_BASE_WEB_IDENTITY, /* web_identity_token_file; the first role is assumed with it */
    PROFILE_BASE_SSO,          /* any of sso_session, sso_start_url, sso_account_id, sso_role_name */
    PROFILE_BASE_LOGIN,        /* login_session */
    PROFILE_BASE_PROCESS,      /* credential_process */
    PROFILE_BASE_ENVIRONMENT,  /* credential_source */
    PROFILE_BASE_CONTAINER,    /* credential_source */
    PROFILE_BASE_INSTANCE,     /* credential_source */
};

/* Texts are those of the config, and live as long as it. */
struct profile_plan {
    enum profile_base base;
    const char *profile; /* the profile that has the base */
    const struct config_section *section;
    struct sts_role roles[PROFILE_PLAN_MAX_ROLES]; /* in the order in which they are assumed */
    size_t role_count;
};

/* Follows the profile `name` and its source profiles; `files` names the files in error texts. Returns 0; -ENODATA when
 * there is no such profile, or it says nothing about credentials (the error's message tells which); or another
 * negative errno with the error filled, when what it says cannot work. */
int profile_plan_make(const struct config *config, const char *name, const char *files, struct profile_plan *ret_plan,
                      struct error *ret_error);
