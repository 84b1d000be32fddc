/* SPDX-License-Identifier: Apache-2.0 */
#include "base/slice_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int slice_to_secret(struct json_slice string, struct secret **ret_secret)
{
    size_t size = 0;
    struct secret *secret = NULL;
    int r = json_slice_decode(string, NULL, &size);
    if (r == 0)
        r = secret_alloc(size, &secret);
    if (r < 0)
        return r;
    (void)json_slice_decode(string, secret_fill(secret), &size);
    *ret_secret = secret;
    return 0;
}

int slice_to_text(struct json_slice string, char **ret_text)
{
    size_t size;
    if (json_slice_decode(string, NULL, &size) < 0)
        return -EBADMSG;
    _cleanup_free_ char *text = calloc(1, size + 1);
    if (!text)
        return -ENOMEM;
    (void)json_slice_decode(string, text, &size);
    if (size == 0 || strlen(text) != size)
        return -EBADMSG;
    *ret_text = STEAL(text);
    return 0;
}

bool slice_equals(struct json_slice string, const char *text)
{
    char decoded[64];
    size_t size;
    return json_slice_decode(string, NULL, &size) == 0 && size == strlen(text) && size < sizeof(decoded) &&
           json_slice_decode(string, decoded, &size) == 0 && memcmp(decoded, text, size) == 0;
}
