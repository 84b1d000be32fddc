/* SPDX-License-Identifier: Apache-2.0 */

/* The XML of STS: credentials, identities, and errors, all of them from each input. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "auth/aws_answer.h"
#include "auth/sts_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    const char *text = (const char *)data;
    _cleanup_credentials_ struct credentials *credentials = NULL;
    struct sts_identity identity;
    struct error error;

    if (sts_answer_credentials(text, size_bytes, "fuzz", &credentials, &error) == 0)
        assert(credentials->access_key_id[0] && credentials->session_token);
    else
        assert(!credentials && error.kind == ERROR_BAD_ANSWER && error.message[0]);
    if (sts_answer_identity(text, size_bytes, &identity, &error) == 0)
        assert(identity.account[0] && strlen(identity.arn) < sizeof(identity.arn));
    aws_answer_error(&(struct aws_answer){.status = 403, .body = text, .body_bytes = size_bytes}, &error);
    assert(error.kind != ERROR_NONE && error.message[0]);
    return 0;
}
