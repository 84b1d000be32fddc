/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/endpoint.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define MAX_LABEL_BYTES 63

struct partition {
    const char *region_prefix;
    const char *suffix;
    const char *dual_stack_suffix;
    const char *signin_suffix; /* of "REGION.signin.…", or NULL where sign-in follows the common rule */
    bool classic;              /* one of the partitions in which Secrets Manager has no dual-stack names of its own */
    bool government;           /* us-gov: the plain names of some services are FIPS names already */
};

/* Source: partitions.json and the endpoint rule sets of botocore 1.43. The first prefix that fits decides. */
static const struct partition partitions[] = {
    {.region_prefix = "us-gov-",
     .suffix = "amazonaws.com",
     .dual_stack_suffix = "api.aws",
     .signin_suffix = "amazonaws-us-gov.com",
     .classic = true,
     .government = true},
    {.region_prefix = "cn-",
     .suffix = "amazonaws.com.cn",
     .dual_stack_suffix = "api.amazonwebservices.com.cn",
     .signin_suffix = "amazonaws.cn",
     .classic = true},
    {.region_prefix = "eusc-", .suffix = "amazonaws.eu", .dual_stack_suffix = "api.amazonwebservices.eu"},
    {.region_prefix = "us-iso-", .suffix = "c2s.ic.gov", .dual_stack_suffix = "api.aws.ic.gov"},
    {.region_prefix = "us-isob-", .suffix = "sc2s.sgov.gov", .dual_stack_suffix = "api.aws.scloud"},
    {.region_prefix = "eu-isoe-", .suffix = "cloud.adc-e.uk", .dual_stack_suffix = "api.cloud-aws.adc-e.uk"},
    {.region_prefix = "us-isof-", .suffix = "csp.hci.ic.gov", .dual_stack_suffix = "api.aws.hci.ic.gov"},
    {.region_prefix = "",
     .suffix = "amazonaws.com",
     .dual_stack_suffix = "api.aws",
     .signin_suffix = "aws.amazon.com",
     .classic = true},
};

static const struct partition *partition_of(const char *region)
{
    const struct partition *partition = partitions;
    while (strncmp(region, partition->region_prefix, strlen(partition->region_prefix)) != 0)
        partition++; /* the last prefix is empty and fits all */
    return partition;
}

int endpoint_check_region(const char *region, const char *origin, struct error *ret_error)
{
    size_t size_bytes = strlen(region);
    bool valid = size_bytes > 0 && size_bytes <= MAX_LABEL_BYTES && region[0] != '-' && region[size_bytes - 1] != '-';
    for (const char *c = region; *c; c++)
        valid = valid && (islower((unsigned char)*c) || isdigit((unsigned char)*c) || *c == '-');
    if (valid)
        return 0;
    return error_set(ret_error, ERROR_BAD_REQUEST, "\"%s\" (from %s) is not an AWS region, such as eu-west-1", region,
                     origin);
}

/* Where the names of a service depart from SERVICE[-fips].REGION.SUFFIX. */
static void apply_exceptions(const char *service, const struct partition *partition, bool *fips, bool *dual_stack)
{
    if (strcmp(service, "secretsmanager") == 0) {
        /* China has dual-stack names, but only for FIPS. */
        bool only_for_fips = strcmp(partition->region_prefix, "cn-") == 0;
        if (partition->classic && !(only_for_fips && *fips))
            *dual_stack = false;
    } else if (partition->government && !*dual_stack && strcmp(service, "signin") != 0) {
        *fips = false;
    }
}

int endpoint_for_region(const char *service, const char *region, bool fips, bool dual_stack, char **ret_url)
{
    const struct partition *partition = partition_of(region);
    char *url;
    int r;
    apply_exceptions(service, partition, &fips, &dual_stack);
    if (strcmp(service, "signin") == 0 && partition->signin_suffix && !fips && !dual_stack)
        r = asprintf(&url, "https://%s.signin.%s", region, partition->signin_suffix);
    else
        r = asprintf(&url, "https://%s%s.%s.%s", service, fips ? "-fips" : "", region,
                     dual_stack ? partition->dual_stack_suffix : partition->suffix);
    if (r < 0)
        return -ENOMEM;
    *ret_url = url;
    return 0;
}
