/* SPDX-License-Identifier: Apache-2.0 */

/* What metadata services and credential processes answer. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "auth/credentials_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    _cleanup_credentials_ struct credentials *credentials = NULL;
    struct error error = {.kind = ERROR_NONE};
    char text[32];

    if (credentials_json_parse((const char *)data, size_bytes, "Token", "fuzz", &credentials, &error) == 0) {
        assert(credentials->access_key_id[0] && secret_size_bytes(credentials->secret_access_key) > 0);
        assert(!credentials->session_token || secret_size_bytes(credentials->session_token) > 0);
    } else {
        assert(error.kind == ERROR_BAD_ANSWER && error.message[0] && !credentials);
    }
    if (credentials_json_check_version((const char *)data, size_bytes, &error) < 0)
        assert(error.kind == ERROR_BAD_ANSWER && error.message[0]);
    if (credentials_json_text((const char *)data, size_bytes, "Code", text, sizeof(text)))
        assert(strlen(text) < sizeof(text));
    return 0;
}
