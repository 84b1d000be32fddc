/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/region.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/endpoint.h"
#include "auth/imds.h"
#include "base/clock.h"

#define IMDS_PATH "/latest/meta-data/placement/region"
#define IMDS_TIMEOUT_NS (2 * NS_PER_SEC)

static int out_of_memory(struct error *ret_error)
{
    return error_set(ret_error, ERROR_INTERNAL, "out of memory");
}

static int from_instance(const struct settings *settings, char **ret_region, struct error *ret_error)
{
    _cleanup_(retry_bucket_freep) struct retry_bucket *bucket = NULL;
    _cleanup_imds_ struct imds *imds = NULL;
    _cleanup_http_ struct http *http = NULL;
    _cleanup_buffer_ struct buffer region;

    buffer_init(&region, IMDS_MAX_ANSWER_BYTES);
    if (retry_bucket_new(&bucket) < 0 || imds_new(settings, bucket, &imds) < 0 || http_new(&http) < 0)
        return out_of_memory(ret_error);
    int r = imds_get(imds, http, IMDS_PATH, clock_monotonic_ns() + IMDS_TIMEOUT_NS, &region, ret_error);
    const char *name = region.bytes ? region.bytes : "";
    if (r == 0)
        r = endpoint_check_region(name, "instance metadata", ret_error);
    if (r < 0)
        return r;
    *ret_region = strdup(name);
    return *ret_region ? 0 : out_of_memory(ret_error);
}

/* NULL where nothing is configured. */
static const char *find_configured(const struct settings *settings, const char *option, const char **ret_origin)
{
    const char *region = option;
    *ret_origin = "--region";
    if (!region)
        region = settings_get(settings, "AWS_REGION", NULL, ret_origin);
    if (!region)
        region = settings_get(settings, "AWS_DEFAULT_REGION", "region", ret_origin);
    return region;
}

static int format_origin(const struct settings *settings, const char *origin, char **ret_origin,
                         struct error *ret_error)
{
    bool in_profile = strcmp(origin, "region") == 0;
    if (asprintf(ret_origin, "%s%s%s", origin, in_profile ? " in profile " : "",
                 in_profile ? settings->profile_name : "") >= 0)
        return 0;
    *ret_origin = NULL;
    return out_of_memory(ret_error);
}

int region_find(const struct settings *settings, const char *option, const char *file_names, char **ret_region,
                char **ret_origin, struct error *ret_error)
{
    const char *where;
    const char *configured = find_configured(settings, option, &where);
    _cleanup_free_ char *region = NULL, *origin = NULL;
    struct error error = {.kind = ERROR_NONE};
    int r = format_origin(settings, configured ? where : "instance metadata", &origin, ret_error);
    if (r == 0 && configured) {
        r = endpoint_check_region(configured, origin, ret_error);
        if (r == 0 && !(region = strdup(configured)))
            r = out_of_memory(ret_error);
    } else if (r == 0 && from_instance(settings, &region, &error) < 0) {
        r = error_set(ret_error, ERROR_BAD_REQUEST,
                      "no AWS region is set: use --region, or set AWS_REGION, or region in profile \"%s\" in %s "
                      "(instance metadata: %s)",
                      settings->profile_name, file_names, error.message);
    }
    if (r == 0) {
        *ret_region = STEAL(region);
        *ret_origin = STEAL(origin);
    }
    return r;
}
