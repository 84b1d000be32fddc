/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which region. In order: the option, AWS_REGION, AWS_DEFAULT_REGION, `region` of the profile, the instance metadata of
 * EC2. */

#include "auth/settings.h"
#include "base/error.h"

/* `option` may be NULL; `file_names` are for the error text. Makes no request but the last, which takes 2 s at most,
 * and needs http_setup(). Returns 0 with a checked region and the words of aws_session_region_origin(), or a negative
 * errno with the error filled. */
int region_find(const struct settings *settings, const char *option, const char *file_names, char **ret_region,
                char **ret_origin, struct error *ret_error);
