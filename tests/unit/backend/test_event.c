/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "backend/event.h"
#include "base/json.h"

#define ARN "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf"
#define VERSION "01234567-89ab-4def-8123-456789abcdef"

#define LABEL(source, resources, detail)                                                          \
    "{\"version\":\"0\",\"id\":\"1\",\"detail-type\":\"Secret Label Updated\",\"source\":" source \
    ",\"resources\":" resources ",\"detail\":" detail "}"
#define OURS "\"aws.secretsmanager\""
#define CURRENT "{\"name\":\"prod/db\",\"labelUpdated\":\"AWSCURRENT\",\"versionId\":\"" VERSION "\"}"

#define TRAIL(type, detail) "{\"detail-type\":\"" type " via CloudTrail\",\"detail\":{" detail "}}"
#define CALL(name, rest) \
    TRAIL("AWS API Call", "\"eventSource\":\"secretsmanager.amazonaws.com\",\"eventName\":\"" name "\"" rest)
#define SERVICE_EVENT(name, rest) \
    TRAIL("AWS Service Event", "\"eventSource\":\"secretsmanager.amazonaws.com\",\"eventName\":\"" name "\"" rest)
#define ASKED(id) ",\"requestParameters\":{\"secretId\":\"" id "\"}"

static const struct {
    const char *text;
    int result;
    const char *id;
    const char *version_id;
} cases[] = {
    /* What Secrets Manager says itself. */
    {LABEL(OURS, "[\"" ARN "\"]", CURRENT), 0, ARN, VERSION},
    {LABEL(OURS, "[]", CURRENT), 0, "prod/db", VERSION},
    {LABEL(OURS, "null", CURRENT), 0, "prod/db", VERSION},
    {LABEL(OURS, "[7]", CURRENT), 0, "prod/db", VERSION},
    {LABEL(OURS, "[\"" ARN "\"]", "{\"labelUpdated\":\"blue\",\"versionId\":\"" VERSION "\"}"), 0, ARN, NULL},
    {LABEL(OURS, "[\"" ARN "\"]", "{\"labelUpdated\":\"AWSCURRENT\",\"versionId\":\"short\"}"), 0, ARN, NULL},
    {LABEL(OURS, "[\"" ARN "\"]", "{\"labelUpdated\":null,\"versionId\":null}"), 0, ARN, NULL},
    {LABEL(OURS, "[\"" ARN "\"]", "7"), 0, ARN, NULL},
    {LABEL(OURS, "[]", "{}"), -EBADMSG, NULL, NULL},
    {LABEL(OURS, "[\"arn:aws:s3:::bucket\"]", CURRENT), -EBADMSG, NULL, NULL},
    {LABEL(OURS, "[\"not a name\"]", CURRENT), -EBADMSG, NULL, NULL},
    {LABEL("\"my.app\"", "[\"" ARN "\"]", CURRENT), -ENOMSG, NULL, NULL},
    {LABEL("null", "[\"" ARN "\"]", CURRENT), -ENOMSG, NULL, NULL},

    /* What CloudTrail says. */
    {CALL("PutSecretValue", ",\"responseElements\":{\"arn\":\"" ARN "\"}" ASKED("x")), 0, ARN, NULL},
    {CALL("CreateSecret", ",\"responseElements\":{\"aRN\":\"" ARN "\"}"), 0, ARN, NULL},
    {CALL("CreateSecret", ",\"responseElements\":null,\"requestParameters\":{\"name\":\"a\"}"), 0, "a", NULL},
    {CALL("UpdateSecret", ",\"responseElements\":null" ASKED("prod/db")), 0, "prod/db", NULL},
    {CALL("UpdateSecretVersionStage", ASKED(ARN)), 0, ARN, NULL},
    {CALL("RotateSecret", ASKED("a")), 0, "a", NULL},
    {CALL("DeleteSecret", ASKED("a")), 0, "a", NULL},
    {CALL("RestoreSecret", ASKED("a")), 0, "a", NULL},
    {CALL("DeleteResourcePolicy", ASKED("a")), 0, "a", NULL},
    {CALL("PutSecretValue", ASKED("a") ",\"errorCode\":null"), 0, "a", NULL},
    {CALL("PutSecretValue", ASKED("a") ",\"errorCode\":\"AccessDenied\""), -ENOMSG, NULL, NULL},
    {CALL("PutSecretValue", ASKED("no name")), -EBADMSG, NULL, NULL},
    {CALL("PutSecretValue", ""), -EBADMSG, NULL, NULL},
    {CALL("GetSecretValue", ASKED("a")), -ENOMSG, NULL, NULL}, /* by ourselves, perhaps */
    {CALL("BatchGetSecretValue", ASKED("a")), -ENOMSG, NULL, NULL},
    {CALL("DescribeSecret", ASKED("a")), -ENOMSG, NULL, NULL},
    {CALL("ListSecrets", ""), -ENOMSG, NULL, NULL},
    {CALL("TagResource", ASKED("a")), -ENOMSG, NULL, NULL},
    {TRAIL("AWS API Call", "\"eventSource\":\"s3.amazonaws.com\",\"eventName\":\"DeleteSecret\""), -ENOMSG, NULL, NULL},
    {TRAIL("Amazon API Call",
           "\"eventSource\":\"secretsmanager.amazonaws.com\",\"eventName\":\"DeleteSecret\"" ASKED("a")),
     0, "a", NULL},
    {SERVICE_EVENT("RotationSucceeded", ",\"additionalEventData\":{\"SecretId\":\"" ARN "\"}"), 0, ARN, NULL},
    {SERVICE_EVENT("EndSecretVersionDelete", ",\"additionalEventData\":{\"SecretId\":\"a\"}"), 0, "a", NULL},
    {SERVICE_EVENT("RotationSucceeded", ",\"additionalEventData\":null"), -EBADMSG, NULL, NULL},
    {TRAIL("AWS Service Event", "\"eventSource\":\"kms.amazonaws.com\""), -ENOMSG, NULL, NULL},

    /* Foreign and broken. */
    {"{\"detail-type\":\"EC2 Instance State-change Notification\",\"detail\":{}}", -ENOMSG, NULL, NULL},
    {"{\"detail-type\":\" via CloudTrail\"}", -ENOMSG, NULL, NULL},
    {"{\"detail-type\":7}", -EBADMSG, NULL, NULL},
    {"{\"Message\":7}", -EBADMSG, NULL, NULL},
    {"{\"Message\":\"hello\"}", -EBADMSG, NULL, NULL},
    {"{\"Message\":\"{\\\"Message\\\":\\\"{}\\\"}\"}", -EBADMSG, NULL, NULL},
    {"", -EBADMSG, NULL, NULL},
    {"hello", -EBADMSG, NULL, NULL},
    {"null", -EBADMSG, NULL, NULL},
    {"[]", -EBADMSG, NULL, NULL},
    {"{}", -EBADMSG, NULL, NULL},
    {"\"Secret Label Updated\"", -EBADMSG, NULL, NULL},
};

#define CASE_COUNT (sizeof(cases) / sizeof(cases[0]))

static void check(const char *text, int result, const char *id, const char *version_id)
{
    struct event_hint hint = {0};
    int r = event_decode(text, strlen(text), &hint);
    if (r != result || (hint.id == NULL) != (id == NULL) || (hint.version_id == NULL) != (version_id == NULL))
        fail_msg("%d, %s, %s: %s", r, hint.id ? hint.id : "-", hint.version_id ? hint.version_id : "-", text);
    if (id)
        assert_string_equal(hint.id, id);
    if (version_id)
        assert_string_equal(hint.version_id, version_id);
    event_hint_clear(&hint);
}

static void bare_events(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASE_COUNT; i++)
        check(cases[i].text, cases[i].result, cases[i].id, cases[i].version_id);
}

static void events_in_the_envelope_of_sns(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        _cleanup_json_ struct json *envelope = json_new_object();
        if (strncmp(cases[i].text, "{\"Message\"", 10) == 0)
            continue; /* one envelope is enough */
        assert_int_equal(json_put_text(envelope, "Type", "Notification"), 0);
        assert_int_equal(json_put_text(envelope, "TopicArn", "arn:aws:sns:eu-west-1:123456789012:t"), 0);
        assert_int_equal(json_put_text(envelope, "Message", cases[i].text), 0);
        check(json_format(envelope, false), cases[i].result, cases[i].id, cases[i].version_id);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bare_events),
        cmocka_unit_test(events_in_the_envelope_of_sns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
