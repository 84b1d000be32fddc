/* SPDX-License-Identifier: Apache-2.0 */

/* The files and answers of `aws sso login` and `aws login`: the input is a file up to the first 0xff byte (which UTF-8
 * does not have), then an answer. What is written back must be good to read again. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/login_token.h"
#include "auth/sso_token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

#define NOW_NS UINT64_C(1795262400000000000)

static void try_sso(const char *text, size_t text_bytes, const char *answer, size_t answer_bytes)
{
    _cleanup_credentials_ struct credentials *credentials = NULL;
    _cleanup_buffer_ struct buffer renewed, request;
    struct sso_token token, again;

    buffer_init(&renewed, TOKEN_TEXT_MAX_BYTES);
    buffer_init(&request, TOKEN_TEXT_MAX_BYTES);
    (void)sso_role_credentials(answer, answer_bytes, &credentials);
    if (sso_token_parse(text, text_bytes, &token) < 0)
        return;
    struct json_slice body;
    if (sso_token_request(&token, &request) == 0 && json_slice_check(request.bytes, request.size_bytes, &body) < 0)
        abort();
    if (sso_token_renew(&token, answer, answer_bytes, NOW_NS, &renewed) == 0 &&
        (sso_token_parse(renewed.bytes, renewed.size_bytes, &again) < 0 || again.expires_ns < NOW_NS))
        abort();
}

static void try_login(const char *text, size_t text_bytes, const char *answer, size_t answer_bytes)
{
    _cleanup_credentials_ struct credentials *credentials = NULL;
    _cleanup_buffer_ struct buffer renewed, request;
    struct login_token token, again;

    buffer_init(&renewed, TOKEN_TEXT_MAX_BYTES);
    buffer_init(&request, TOKEN_TEXT_MAX_BYTES);
    (void)login_token_denial(answer, answer_bytes);
    if (login_token_parse(text, text_bytes, &token, NULL) < 0)
        return;
    (void)login_token_credentials(&token, &credentials);
    struct json_slice body;
    if (login_token_request(&token, &request) == 0 && json_slice_check(request.bytes, request.size_bytes, &body) < 0)
        abort();
    if (login_token_renew(&token, answer, answer_bytes, NOW_NS, &renewed) == 0 &&
        (login_token_parse(renewed.bytes, renewed.size_bytes, &again, NULL) < 0 || again.expires_ns < NOW_NS))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    const char *text = (const char *)data;
    const char *mark = size_bytes ? memchr(text, 0xff, size_bytes) : NULL;
    size_t text_bytes = mark ? (size_t)(mark - text) : size_bytes;
    const char *answer = mark ? mark + 1 : "";
    size_t answer_bytes = mark ? size_bytes - text_bytes - 1 : 0;
    try_sso(text, text_bytes, answer, answer_bytes);
    try_login(text, text_bytes, answer, answer_bytes);
    return 0;
}
