/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/aws_answer.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "auth/xml.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/parse.h"

#define MAX_DEPTH 32
#define MAX_CODE_BYTES 63
#define MAX_TEXT_BYTES XML_MAX_BYTES

/* Codes of Secrets Manager, STS and SQS, and those that stand in front of every service. */
static const struct {
    const char *code;
    enum error_kind kind;
} codes[] = {
    {"ResourceNotFoundException", ERROR_NOT_FOUND},
    {"QueueDoesNotExist", ERROR_NOT_FOUND},
    {"AWS.SimpleQueueService.NonExistentQueue", ERROR_NOT_FOUND},
    {"AccessDeniedException", ERROR_ACCESS_DENIED},
    {"AccessDenied", ERROR_ACCESS_DENIED},
    {"DecryptionFailure", ERROR_KMS_DENIED},
    {"KmsAccessDenied", ERROR_KMS_DENIED},
    {"KmsDisabled", ERROR_KMS_DENIED},
    {"KmsInvalidState", ERROR_KMS_DENIED},
    {"KmsNotFound", ERROR_KMS_DENIED},
    {"KmsOptInRequired", ERROR_KMS_DENIED},

    {"ExpiredToken", ERROR_EXPIRED_CREDENTIALS},
    {"ExpiredTokenException", ERROR_EXPIRED_CREDENTIALS},
    {"TokenRefreshRequired", ERROR_EXPIRED_CREDENTIALS},
    {"UnrecognizedClientException", ERROR_BAD_CREDENTIALS},
    {"InvalidClientTokenId", ERROR_BAD_CREDENTIALS},
    {"InvalidAccessKeyId", ERROR_BAD_CREDENTIALS},
    {"InvalidIdentityToken", ERROR_BAD_CREDENTIALS},
    {"AuthFailure", ERROR_BAD_CREDENTIALS},
    {"InvalidSignatureException", ERROR_BAD_CREDENTIALS},
    {"SignatureDoesNotMatch", ERROR_BAD_CREDENTIALS},
    {"IncompleteSignature", ERROR_BAD_CREDENTIALS},
    {"IncompleteSignatureException", ERROR_BAD_CREDENTIALS},
    {"MissingAuthenticationToken", ERROR_BAD_CREDENTIALS},
    {"MissingAuthenticationTokenException", ERROR_BAD_CREDENTIALS},

    {"RequestTimeTooSkewed", ERROR_CLOCK_SKEW},
    {"RequestExpired", ERROR_CLOCK_SKEW},
    {"RequestInTheFuture", ERROR_CLOCK_SKEW},

    {"TooManyRequestsException", ERROR_THROTTLED},
    {"ProvisionedThroughputExceededException", ERROR_THROTTLED},
    {"TransactionInProgressException", ERROR_THROTTLED},
    {"RequestLimitExceeded", ERROR_THROTTLED},
    {"BandwidthLimitExceeded", ERROR_THROTTLED},
    {"LimitExceededException", ERROR_THROTTLED},
    {"SlowDown", ERROR_THROTTLED},
    {"OverLimit", ERROR_THROTTLED},
    {"PriorRequestNotComplete", ERROR_THROTTLED},

    {"InternalServiceError", ERROR_SERVER},
    {"InternalServiceErrorException", ERROR_SERVER},
    {"InternalServerError", ERROR_SERVER},
    {"InternalFailure", ERROR_SERVER},
    {"InternalError", ERROR_SERVER},
    {"ServiceUnavailable", ERROR_SERVER},
    {"ServiceUnavailableException", ERROR_SERVER},
    {"RequestTimeout", ERROR_SERVER},
    {"RequestTimeoutException", ERROR_SERVER},
    {"IDPCommunicationError", ERROR_SERVER},
};

/* A piece of untrusted text. */
struct piece {
    const char *bytes; /* NULL: there is none */
    size_t size_bytes;
};

/* The code within "namespace#Code:http://…". */
static struct piece code_within(struct piece type)
{
    const struct piece none = {NULL, 0};
    if (!type.bytes)
        return none;
    const char *colon = memchr(type.bytes, ':', type.size_bytes);
    if (colon)
        type.size_bytes = (size_t)(colon - type.bytes);
    const char *hash = memrchr(type.bytes, '#', type.size_bytes);
    if (hash) {
        type.size_bytes -= (size_t)(hash + 1 - type.bytes);
        type.bytes = hash + 1;
    }
    for (size_t i = 0; i < type.size_bytes; i++) {
        char c = type.bytes[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || memchr("._-", c, 3)))
            return none;
    }
    return type.size_bytes > 0 && type.size_bytes <= MAX_CODE_BYTES ? type : none;
}

static struct piece member_piece(const struct json *object, const char *key)
{
    struct piece piece = {NULL, 0};
    piece.bytes = json_text(json_member(object, key), &piece.size_bytes);
    return piece;
}

/* What an error in XML says. */
struct xml_error {
    struct buffer code, message, request_id;
};

static void xml_error_clear(struct xml_error *error)
{
    buffer_clear(&error->code);
    buffer_clear(&error->message);
    buffer_clear(&error->request_id);
}

/* Everything is empty where the body is no XML. */
static void xml_error_read(struct xml_error *error, const struct aws_answer *answer)
{
    const struct xml_wanted wanted[] = {
        {"Error", "Code", &error->code},
        {"Error", "Message", &error->message},
        {NULL, "RequestId", &error->request_id},
    };
    (void)xml_read(answer->body, answer->body_bytes, wanted, sizeof(wanted) / sizeof(wanted[0]));
}

static struct piece buffer_piece(const struct buffer *buffer)
{
    return (struct piece){buffer->bytes, buffer->size_bytes};
}

static void find_pieces(const struct aws_answer *answer, const struct json *json, const struct xml_error *xml,
                        struct piece *ret_code, struct piece *ret_message)
{
    struct piece header = {answer->error_type, answer->error_type ? strlen(answer->error_type) : 0};

    *ret_code = code_within(member_piece(json, "__type"));
    if (!ret_code->bytes)
        *ret_code = code_within(header);
    if (!ret_code->bytes)
        *ret_code = code_within(buffer_piece(&xml->code));
    *ret_message = member_piece(json, "message");
    if (!ret_message->bytes)
        *ret_message = member_piece(json, "Message");
    if (!ret_message->bytes)
        *ret_message = buffer_piece(&xml->message);
}

static enum error_kind kind_of_status(const struct error *error, int status)
{
    if (status == 429)
        return ERROR_THROTTLED;
    if (status >= 500)
        return ERROR_SERVER;
    return error->code[0] ? ERROR_BAD_REQUEST : ERROR_BAD_ANSWER;
}

static enum error_kind kind_of(const struct error *error, int status)
{
    const char *message = error->message;

    /* One code, several meanings: only the text tells them apart. */
    if (strcmp(error->code, "InvalidRequestException") == 0)
        return strcasestr(message, "delet")      ? ERROR_DELETED
               : strstr(message, "VersionStage") ? ERROR_NOT_FOUND
                                                 : ERROR_BAD_REQUEST;
    if (strncmp(error->code, "AccessDenied", 12) == 0 &&
        (strstr(message, "Access to KMS") || strstr(message, "kms:Decrypt")))
        return ERROR_KMS_DENIED;
    if (strcmp(error->code, "InvalidSignatureException") == 0 &&
        (strstr(message, "Signature expired") || strstr(message, "not yet current")))
        return ERROR_CLOCK_SKEW;

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (strcmp(error->code, codes[i].code) == 0)
            return codes[i].kind;
    }
    return strcasestr(error->code, "throttl") ? ERROR_THROTTLED : kind_of_status(error, status);
}

void aws_answer_error(const struct aws_answer *answer, struct error *ret_error)
{
    _cleanup_json_ struct json *json = NULL;
    _cleanup_(xml_error_clear) struct xml_error xml;
    struct piece code, message;
    struct error error = {.kind = ERROR_NONE};

    buffer_init(&xml.code, MAX_TEXT_BYTES);
    buffer_init(&xml.message, MAX_TEXT_BYTES);
    buffer_init(&xml.request_id, MAX_TEXT_BYTES);
    if (json_parse(answer->body, answer->body_bytes, MAX_DEPTH, &json) < 0)
        xml_error_read(&xml, answer);
    find_pieces(answer, json, &xml, &code, &message);
    if (code.bytes)
        error_copy_text(error.code, sizeof(error.code), code.bytes, code.size_bytes);
    if (code.bytes && message.bytes)
        error_copy_text(error.message, sizeof(error.message), message.bytes, message.size_bytes);
    error.kind = kind_of(&error, answer->status);

    if (!code.bytes)
        (void)error_set(&error, error.kind,
                        "HTTP status %d without an error of AWS: is a proxy answering in its place?", answer->status);
    else if (!error.message[0])
        error_copy_text(error.message, sizeof(error.message), error.code, strlen(error.code));
    if (answer->request_id)
        error_copy_text(error.request_id, sizeof(error.request_id), answer->request_id, strlen(answer->request_id));
    else if (xml.request_id.bytes)
        error_copy_text(error.request_id, sizeof(error.request_id), xml.request_id.bytes, xml.request_id.size_bytes);
    *ret_error = error;
}

void aws_answer_item_error(const char *code, const char *message, struct error *ret_error)
{
    struct piece text = code_within((struct piece){code, code ? strlen(code) : 0});
    struct error error = {.kind = ERROR_BAD_ANSWER};

    if (text.bytes) {
        error_copy_text(error.code, sizeof(error.code), text.bytes, text.size_bytes);
        message = message && message[0] ? message : error.code;
        error_copy_text(error.message, sizeof(error.message), message, strlen(message));
        error.kind = kind_of(&error, 400);
    } else {
        (void)error_set(&error, error.kind, "an error of AWS without a code");
    }
    *ret_error = error;
}

int aws_answer_date(const char *text, uint64_t *ret_wall_ns)
{
    struct tm date = {0};
    const char *end = text ? strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &date) : NULL;
    time_t seconds = end && *end == '\0' ? timegm(&date) : -1;
    if (seconds < 0 || (uint64_t)seconds > INT64_MAX / NS_PER_SEC) /* differences must fit, too */
        return -EINVAL;
    *ret_wall_ns = (uint64_t)seconds * NS_PER_SEC;
    return 0;
}

int64_t aws_answer_retry_after(const char *text)
{
    uint64_t ms;
    return text && parse_uint(text, 0, UINT32_MAX, &ms) == 0 ? (int64_t)ms : -1;
}
