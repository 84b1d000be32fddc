/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/source.h"

#include "backend/local.h"
#include "backend/secretsmanager.h"
#include "base/http.h"

int source_open_session(const struct options *options, struct aws_session **ret_session, struct error *ret_error)
{
    const struct aws_session_options session_options = {
        .profile = options->profile,
        .region = options->region,
        .endpoint_url = options->endpoint_url,
        .role_arn = options->role_arn,
        .external_id = options->external_id,
    };
    if (http_setup() < 0)
        return error_set(ret_error, ERROR_INTERNAL, "libcurl cannot be used");
    return aws_session_new(&session_options, ret_session, ret_error);
}

int source_open_with(struct aws_session *session, const struct options *options, struct source **ret_source,
                     struct error *ret_error)
{
    const struct secretsmanager_options manager_options = {
        .filters = options->filters.texts,
        .filter_count = options->filters.count,
        .events_queue = options->events_queue,
    };
    return secretsmanager_source_new(session, &manager_options, ret_source, ret_error);
}

int source_open(const struct options *options, struct source **ret_source, struct error *ret_error)
{
    struct aws_session *session = NULL;
    if (options->local)
        return local_source_new(options->local, ret_source, ret_error);
    int r = source_open_session(options, &session, ret_error);
    return r < 0 ? r : source_open_with(session, options, ret_source, ret_error);
}
