/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The requests to Secrets Manager. Pure. */

#include <stdbool.h>
#include <stddef.h>

#include "backend/secret_id.h"
#include "base/error.h"
#include "base/json.h"
#include "base/source.h"

/* Most values of one filter that ListSecrets takes. (It takes ten filters, which is more than there are keys.) */
#define FILTER_MAX_VALUES 10

/* True when AWS can know of such an id, stage and version at all; then with the id taken apart. */
bool secretsmanager_request_parse(const struct value_request *request, struct secret_id *ret_id);

/* The parameters of GetSecretValue. Returns 0 or -ENOMEM. */
int secretsmanager_get_parameters(const struct value_request *request, struct json **ret_parameters);

/* Turns "KEY=VALUE" texts into the text of the Filters of ListSecrets, [{"Key": …, "Values": […]}, …], to be
 * freed. Returns 0, or a negative errno with the error filled. */
int secretsmanager_parse_filters(const char *const *filters, size_t filter_count, char **ret_filters,
                                 struct error *ret_error);

/* The parameters of ListSecrets: `filters` as from above; at most FILTER_MAX_VALUES prefixes, of which a name must have
 * one besides; and the token of the last page, or NULL. Returns 0 or -ENOMEM. */
int secretsmanager_list_parameters(const char *filters, const char *const *prefixes, size_t prefix_count,
                                   const char *next_token, struct json **ret_parameters);

/* The parameters of DescribeSecret. Returns 0 or -ENOMEM. */
int secretsmanager_describe_parameters(const char *id, struct json **ret_parameters);

/* The parameters of BatchGetSecretValue; `next_token` may be NULL. Returns 0 or -ENOMEM. */
int secretsmanager_batch_parameters(const char *const *ids, size_t count, const char *next_token,
                                    struct json **ret_parameters);
