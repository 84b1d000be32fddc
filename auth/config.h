/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the shared configuration and credentials files of the AWS SDKs say, merged. Pure; one thread. */

#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"

#define CONFIG_MAX_BYTES ((size_t)1024 * 1024) /* of one file */

enum config_file {
    CONFIG_FILE_CONFIG,      /* ~/.aws/config: [default], [profile NAME], [sso-session NAME], [services NAME] */
    CONFIG_FILE_CREDENTIALS, /* ~/.aws/credentials: [NAME] is a profile */
};

enum config_kind {
    CONFIG_PROFILE,
    CONFIG_SSO_SESSION,
    CONFIG_SERVICES,
};

struct config;
struct config_section;

int config_new(struct config **ret_config);

/* Wipes every value. NULL is accepted. */
void config_free(struct config *config);
DEFINE_CLEANUP(struct config, config_free)
#define _cleanup_config_ _cleanup_(config_freep)

/* Adds the sections of one file; a property that is there already is replaced. So the credentials file, whose
 * properties win, is parsed after the configuration file. Returns 0, or a negative errno with the error
 * filled (ERROR_BAD_REQUEST names `file_name` and the line, and never shows the text); then the config holds
 * what came before the error and is good for config_free() only. */
int config_parse(struct config *config, enum config_file file, const char *file_name, const char *text,
                 size_t text_bytes, struct error *ret_error);

/* The section of that kind and name, or NULL. Lives as long as the config. */
const struct config_section *config_section(const struct config *config, enum config_kind kind, const char *name);
const struct config_section *config_profile(const struct config *config, const char *name);

/* The value of a property: NULL when it is absent (or the section NULL), "" when it is empty. `key` is lower
 * case. Lines of a value that goes on are joined by '\n'; a nested block begins with '\n'. */
const char *config_value(const struct config_section *section, const char *key);

/* As config_value(), but an empty value counts as absent. */
const char *config_setting(const struct config_section *section, const char *key);

/* One property of a nested block, as in
 *     secrets_manager =
 *       endpoint_url = https://...
 * Returns 0 and a copy, -ENOENT, or -ENOMEM. Not for secrets: the copy is not wiped. */
int config_nested_setting(const struct config_section *section, const char *key, const char *nested_key,
                          char **ret_value);

/* Wipes the static keys of all profiles, for a config that is kept for its other settings. */
void config_forget_keys(struct config *config);

/* Calls `each` for every section in order; for tests, and for showing what has been read. */
void config_each(const struct config *config,
                 void (*each)(void *context, enum config_kind kind, const char *name, const char *key,
                              const char *value),
                 void *context);
