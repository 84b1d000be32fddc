/* SPDX-License-Identifier: Apache-2.0 */

/* Signs requests as secretsfs does: reads a JSON array of them from standard input, and prints for each the value of
 * X-Amz-Date and of Authorization. For test_signatures.py, which compares them with those of botocore. */

#include <stdio.h>
#include <stdlib.h>

#include "auth/sigv4.h"
#include "base/clock.h"
#include "base/json.h"

#define MAX_INPUT_BYTES ((size_t)16 * 1024 * 1024)
#define MAX_HEADERS 16

/* A request's "headers" are an array of names and values in turn. */
static size_t read_headers(const struct json *array, struct sigv4_header *headers)
{
    size_t count = json_array_length(array) / 2;
    if (count > MAX_HEADERS)
        abort();
    for (size_t i = 0; i < count; i++)
        headers[i] = (struct sigv4_header){json_text(json_array_at(array, 2 * i), NULL),
                                           json_text(json_array_at(array, 2 * i + 1), NULL)};
    return count;
}

static void sign(const struct json *json)
{
    struct sigv4_header headers[MAX_HEADERS];
    struct sigv4_request request = {
        .method = json_member_text(json, "method"),
        .host = json_member_text(json, "host"),
        .headers = headers,
        .header_count = read_headers(json_member(json, "headers"), headers),
        .region = json_member_text(json, "region"),
        .service = json_member_text(json, "service"),
    };
    _cleanup_credentials_ struct credentials *credentials = NULL;
    _cleanup_buffer_ struct buffer authorization;
    char date[SIGV4_DATE_BYTES];
    double seconds;

    buffer_init(&authorization, 65536);
    request.body = json_text(json_member(json, "body"), &request.body_bytes);
    if (!json_number(json_member(json, "time"), &seconds) ||
        credentials_new(json_member_text(json, "key"), json_member_text(json, "secret"),
                        json_member_text(json, "token"), CLOCK_NEVER_NS, "test", &credentials) < 0)
        abort();
    request.time_ns = (uint64_t)seconds * NS_PER_SEC;
    sigv4_date(request.time_ns, date);
    if (sigv4_authorize(&request, credentials, &authorization) < 0)
        abort();
    printf("%s %s\n", date, authorization.bytes);
}

int main(void)
{
    _cleanup_buffer_ struct buffer input;
    _cleanup_json_ struct json *requests = NULL;
    static char chunk[65536];
    size_t size;

    buffer_init(&input, MAX_INPUT_BYTES);
    while ((size = fread(chunk, 1, sizeof(chunk), stdin)) > 0)
        if (buffer_append(&input, chunk, size) < 0)
            abort();
    if (json_parse(input.bytes, input.size_bytes, 8, &requests) < 0)
        abort();
    for (size_t i = 0; i < json_array_length(requests); i++)
        sign(json_array_at(requests, i));
    return 0;
}
