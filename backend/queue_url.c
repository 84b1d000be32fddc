/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/queue_url.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/endpoint.h"

#define MAX_URL_BYTES 1024

void queue_url_clear(struct queue_url *url)
{
    free(url->text);
    free(url->origin);
    *url = (struct queue_url){0};
}

/* Where the path begins, or NULL. */
static const char *path_of(const char *text)
{
    const char *scheme = strstr(text, "://");
    return scheme ? strchr(scheme + 3, '/') : NULL;
}

/* "/123456789012/name"; stand-ins for AWS put more in front of it. */
static bool is_path(const char *path)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./";
    const char *last = strrchr(path, '/');
    return path[strspn(path, alphabet)] == '\0' && last > path && last[1] != '\0' && !strstr(path, "//");
}

/* Copies the label that ends before `end`. */
static void copy_label_before(const char *host, const char *end, char region[SECRET_ID_REGION_BYTES])
{
    const char *start = end;
    while (start > host && start[-1] != '.')
        start--;
    size_t size = (size_t)(end - start);
    if (size > 0 && size < SECRET_ID_REGION_BYTES) {
        memcpy(region, start, size);
        region[size] = '\0';
    }
}

/* The label after "sqs" or "sqs-fips" ("sqs.R.amazonaws.com", "vpce-….sqs.R.vpce.amazonaws.com"), or before "queue"
 * ("R.queue.amazonaws.com", the form of old). */
static void find_region(const char *origin, char region[SECRET_ID_REGION_BYTES])
{
    const char *host = strstr(origin, "://") + 3;
    const char *label = host;

    region[0] = '\0';
    while (*label && !region[0]) {
        size_t size = strcspn(label, ".:");
        const char *next = label[size] == '.' ? label + size + 1 : label + size;
        bool sqs = (size == 3 && strncmp(label, "sqs", 3) == 0) || (size == 8 && strncmp(label, "sqs-fips", 8) == 0);
        if (sqs && *next)
            copy_label_before(host, next + strcspn(next, ".:"), region);
        else if (label > host && size == 5 && strncmp(label, "queue", 5) == 0)
            copy_label_before(host, label - 1, region);
        if (label[size] != '.')
            break;
        label = next;
    }
    if (!strchr(region, '-') || endpoint_check_region(region, "the queue's URL", NULL) < 0) /* "sqs.localhost" */
        region[0] = '\0';
}

int queue_url_parse(const char *text, const char *origin_of_text, struct queue_url *ret_url, struct error *ret_error)
{
    _cleanup_(queue_url_clear) struct queue_url url = {0};
    const char *path = path_of(text);

    if (!path || !is_path(path) || strlen(text) > MAX_URL_BYTES)
        return error_set(ret_error, ERROR_BAD_REQUEST,
                         "%s is not the URL of a queue, such as https://sqs.eu-west-1.amazonaws.com/123456789012/name",
                         origin_of_text);
    _cleanup_free_ char *origin = strndup(text, (size_t)(path - text));
    url.text = strdup(text);
    if (!origin || !url.text)
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");
    int r = endpoint_check_url(origin, origin_of_text, &url.origin, ret_error);
    if (r < 0)
        return r;
    find_region(url.origin, ret_url->region);
    ret_url->text = STEAL(url.text);
    ret_url->origin = STEAL(url.origin);
    return 0;
}

void queue_url_arn(const struct queue_url *url, const char *region, char *ret_arn, size_t arn_bytes)
{
    const char *name = strrchr(url->text, '/') + 1;
    const char *account = name - 1;
    while (account[-1] != '/')
        account--;
    size_t size = (size_t)(name - 1 - account);
    (void)snprintf(ret_arn, arn_bytes, "arn:%s:sqs:%s:%.*s:%s", secret_id_partition(region), region,
                   size < MAX_URL_BYTES ? (int)size : MAX_URL_BYTES, account, name);
}
