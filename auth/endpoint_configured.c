/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/endpoint.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/parse.h"

#define MAX_HOST_BYTES 255

/* The service ids, as in environment variables and (in lower case) in the services section. */
static const struct {
    const char *service;
    const char *variable;
    const char *key;
} services[] = {
    {"secretsmanager", "AWS_ENDPOINT_URL_SECRETS_MANAGER", "secrets_manager"},
    {"sts", "AWS_ENDPOINT_URL_STS", "sts"},
    {"sqs", "AWS_ENDPOINT_URL_SQS", "sqs"},
    {"portal.sso", "AWS_ENDPOINT_URL_SSO", "sso"},
    {"oidc", "AWS_ENDPOINT_URL_SSO_OIDC", "sso_oidc"},
    {"signin", "AWS_ENDPOINT_URL_SIGNIN", "signin"},
};

/* Length of the host at the start of `text`: a name, an IPv4 address, or an IPv6 address in brackets. 0 when there is
 * none. */
static size_t host_bytes(const char *text)
{
    static const char name[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._";
    size_t size_bytes;
    if (text[0] == '[') {
        size_t address_bytes = strspn(text + 1, "0123456789abcdefABCDEF:.");
        size_bytes = address_bytes >= 2 && text[1 + address_bytes] == ']' ? address_bytes + 2 : 0;
    } else {
        size_bytes = strspn(text, name);
    }
    return size_bytes <= MAX_HOST_BYTES && text[0] != '.' && text[0] != '-' ? size_bytes : 0;
}

/* Takes ":port" off `*text`; 0 when there is none. Returns false if it is not a port. */
static bool take_port(const char **text, uint16_t *ret_port)
{
    *ret_port = 0;
    if (**text != ':')
        return true;
    char digits[sizeof("65535")];
    size_t count = strspn(*text + 1, "0123456789");
    uint64_t port;
    if (count == 0 || count >= sizeof(digits))
        return false;
    (void)snprintf(digits, sizeof(digits), "%.*s", (int)count, *text + 1);
    if (parse_uint(digits, 1, UINT16_MAX, &port) < 0)
        return false;
    *ret_port = (uint16_t)port;
    *text += 1 + count;
    return true;
}

int endpoint_check_url(const char *url, const char *origin, char **ret_url, struct error *ret_error)
{
    bool https = strncasecmp(url, "https://", strlen("https://")) == 0;
    bool http = strncasecmp(url, "http://", strlen("http://")) == 0;
    const char *host = url + (https ? strlen("https://") : http ? strlen("http://") : 0);
    size_t size_bytes = https || http ? host_bytes(host) : 0;
    const char *rest = host + size_bytes;
    uint16_t port = 0;
    if (size_bytes == 0 || !take_port(&rest, &port) || (strcmp(rest, "") != 0 && strcmp(rest, "/") != 0))
        /* The URL is not shown: it may hold a password. */
        return error_set(ret_error, ERROR_BAD_REQUEST,
                         "%s is not a usable endpoint: it must be http:// or https://, a host, and perhaps a port, "
                         "without user, path or query",
                         origin);

    /* A default port is left out, as in the Host line of a request. */
    char *clean;
    int r;
    if (port == 0 || port == (https ? 443 : 80))
        r = asprintf(&clean, "%s://%.*s", https ? "https" : "http", (int)size_bytes, host);
    else
        r = asprintf(&clean, "%s://%.*s:%u", https ? "https" : "http", (int)size_bytes, host, (unsigned)port);
    if (r < 0)
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");
    *ret_url = clean;
    return 0;
}

/* endpoint_url of the service in the services section that the profile names. NULL where there is none. */
static int find_in_services(const char *key, const struct settings *settings, char **ret_url, struct error *ret_error)
{
    const char *name = config_setting(settings->profile, "services");
    if (!name)
        return 0;
    const struct config_section *section = config_section(settings->config, CONFIG_SERVICES, name);
    if (!section)
        return error_set(ret_error, ERROR_BAD_REQUEST,
                         "profile \"%s\" has services = %s, but there is no section [services %s]",
                         settings->profile_name, name, name);
    int r = config_nested_setting(section, key, "endpoint_url", ret_url);
    return r == -ENOMEM ? error_set(ret_error, ERROR_INTERNAL, "out of memory") : 0;
}

/* What is configured, unchecked: NULL where nothing is. `ret_origin` is static storage. */
static int find(const char *service, const struct settings *settings, char **ret_url, const char **ret_origin,
                struct error *ret_error)
{
    size_t i = 0;
    while (i < sizeof(services) / sizeof(services[0]) && strcmp(services[i].service, service) != 0)
        i++;
    if (i == sizeof(services) / sizeof(services[0]))
        return error_set(ret_error, ERROR_INTERNAL, "no endpoint is known for the service \"%s\"", service);

    bool ignore;
    int r = settings_bool(settings, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls", &ignore,
                          ret_error);
    if (r < 0)
        return r;
    *ret_url = NULL;
    if (ignore)
        return 0;
    const char *url = settings_get(settings, services[i].variable, NULL, ret_origin);
    if (!url)
        url = settings_get(settings, "AWS_ENDPOINT_URL", NULL, ret_origin);
    if (!url) {
        *ret_origin = "endpoint_url in the services section";
        r = find_in_services(services[i].key, settings, ret_url, ret_error);
        if (r < 0 || *ret_url)
            return r;
        url = settings_get(settings, NULL, "endpoint_url", ret_origin);
    }
    if (url && !(*ret_url = strdup(url)))
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");
    return 0;
}

int endpoint_configured(const char *service, const struct settings *settings, char **ret_url, struct error *ret_error)
{
    _cleanup_free_ char *url = NULL;
    const char *origin;
    int r = find(service, settings, &url, &origin, ret_error);
    if (r == 0 && url)
        return endpoint_check_url(url, origin, ret_url, ret_error);
    if (r == 0)
        *ret_url = NULL;
    return r;
}

const char *endpoint_configured_origin(const char *service, const struct settings *settings)
{
    _cleanup_free_ char *url = NULL;
    const char *origin;
    return find(service, settings, &url, &origin, NULL) == 0 && url ? origin : NULL;
}

int endpoint_find(const struct endpoint_rules *rules, const char *service, const char *region, char **ret_url,
                  struct error *ret_error)
{
    char *url = NULL;
    int r = endpoint_configured(service, rules->settings, &url, ret_error);
    if (r == 0 && !url) {
        r = endpoint_check_region(region, "the ARN", ret_error);
        if (r == 0 && endpoint_for_region(service, region, rules->fips, rules->dual_stack, &url) < 0)
            r = error_set(ret_error, ERROR_INTERNAL, "out of memory");
    }
    if (r == 0)
        *ret_url = url;
    return r;
}
