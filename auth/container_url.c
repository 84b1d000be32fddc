/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/container_url.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

#define RELATIVE_VARIABLE "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
#define FULL_VARIABLE "AWS_CONTAINER_CREDENTIALS_FULL_URI"
#define RELATIVE_BASE "http://169.254.170.2"

#define MAX_HOST_BYTES 255

static int out_of_memory(struct error *ret_error)
{
    return error_set(ret_error, ERROR_INTERNAL, "out of memory");
}

/* Loopback, and the agents of ECS and EKS. A name is not resolved: that may take longer than a reader waits, and curl,
 * which would do it again, might get another address. Curl takes localhost for loopback whatever a resolver says. */
static bool is_allowed(const char *host)
{
    static const struct in6_addr eks = {{{0xfd, 0x00, 0x0e, 0xc2, [15] = 0x23}}};
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, host, &v4) == 1) {
        uint32_t ip = ntohl(v4.s_addr);
        return ip >> 24 == 127 || ip == UINT32_C(0xa9feaa02) || ip == UINT32_C(0xa9feaa17);
    }
    if (inet_pton(AF_INET6, host, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6) || memcmp(&v6, &eks, sizeof(eks)) == 0;
    return strcasecmp(host, "localhost") == 0;
}

/* `host` is an address or a name; without brackets. */
static int check_host(const char *host, struct error *ret_error)
{
    if (is_allowed(host))
        return 0;
    return error_set(ret_error, ERROR_NO_CREDENTIALS,
                     FULL_VARIABLE
                     " must not be http:// on \"%s\", for keys would cross the network in clear: use https://, "
                     "or http:// on localhost, 169.254.170.2, 169.254.170.23 or [fd00:ec2::23]",
                     host);
}

/* The host of what stands behind "http://". A user name, white space and the like find no way in. */
static bool split_host(const char *authority, char ret_host[MAX_HOST_BYTES + 1])
{
    static const char name[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._";
    bool brackets = authority[0] == '[';
    const char *host = authority + (brackets ? 1 : 0);
    size_t size_bytes = strspn(host, brackets ? "0123456789abcdefABCDEF:." : name);
    const char *rest = host + size_bytes;
    if (brackets && *rest++ != ']')
        return false;
    if (*rest == ':')
        rest += 1 + strspn(rest + 1, "0123456789");
    if (size_bytes == 0 || size_bytes > MAX_HOST_BYTES || !strchr("/?", *rest)) /* or the end */
        return false;
    (void)snprintf(ret_host, MAX_HOST_BYTES + 1, "%.*s", (int)size_bytes, host);
    return true;
}

/* Such characters have no place in a URL, and a '#' would be cut off. */
static bool is_printable(const char *url)
{
    for (const char *c = url; *c; c++)
        if (*c <= ' ' || *c > '~' || *c == '#' || *c == '\\')
            return false;
    return true;
}

static int check_full(const char *url, struct error *ret_error)
{
    bool https = strncasecmp(url, "https://", strlen("https://")) == 0;
    bool http = strncasecmp(url, "http://", strlen("http://")) == 0;
    const char *authority = url + (https ? strlen("https://") : http ? strlen("http://") : 0);
    char host[MAX_HOST_BYTES + 1];
    if ((!https && !http) || !is_printable(url) || !split_host(authority, host))
        /* It is not shown: it may hold a password. */
        return error_set(ret_error, ERROR_NO_CREDENTIALS,
                         FULL_VARIABLE " is not a usable URL: it must be http:// or https://, a host, and perhaps a "
                                       "port and a path");
    return https ? 0 : check_host(host, ret_error);
}

int container_url_find(const struct environment *environment, char **ret_url, const char **ret_variable,
                       struct error *ret_error)
{
    const char *relative = environment_get(environment, RELATIVE_VARIABLE);
    const char *full = environment_get(environment, FULL_VARIABLE);
    char *url;
    if (!relative && !full) {
        (void)error_set(ret_error, ERROR_NO_CREDENTIALS, "AWS_CONTAINER_CREDENTIALS_*_URI are not set");
        return -ENODATA;
    }
    if (relative && (relative[0] != '/' || !is_printable(relative)))
        return error_set(ret_error, ERROR_NO_CREDENTIALS,
                         RELATIVE_VARIABLE " is not usable: it must be a path that "
                                           "begins with /");
    int r = relative ? 0 : check_full(full, ret_error);
    if (r < 0)
        return r;
    if (asprintf(&url, "%s%s", relative ? RELATIVE_BASE : "", relative ? relative : full) < 0)
        return out_of_memory(ret_error);
    *ret_url = url;
    *ret_variable = relative ? RELATIVE_VARIABLE : FULL_VARIABLE;
    return 0;
}
