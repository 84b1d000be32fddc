/* SPDX-License-Identifier: Apache-2.0 */

/* Many secrets in one call. One call goes to one region and takes only ids that AWS could know, and an answer may be
 * about the whole of it: so what belongs elsewhere is asked for alone, and so is everything where the call has failed
 * for a reason that can lie with a single id. Only that the call is not permitted, or cannot be made, is a failure
 * of the whole. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/secretsmanager_decode.h"
#include "backend/secretsmanager_internal.h"
#include "backend/secretsmanager_request.h"

#define MAX_ANSWER_BYTES ((size_t)SOURCE_MAX_BATCH * 1024 * 1024)
#define MAX_PAGES (2 * SOURCE_MAX_BATCH)

/* What is known of one id. */
enum state {
    STATE_ALONE, /* to be asked for alone */
    STATE_ASKED, /* in the batch, and not answered yet */
    STATE_ANSWERED,
};

struct item {
    enum state state;
    struct secret_id id;
    struct value *value;
    struct error error;
};

struct batch {
    struct source *source;
    const char *const *ids;
    size_t count;
    struct item items[SOURCE_MAX_BATCH];
    const char *asked[SOURCE_MAX_BATCH]; /* the ids that go into the call */
    size_t asked_count;
    size_t answered_count; /* of them */
};

static void batch_free(struct batch *batch)
{
    if (!batch)
        return;
    for (size_t i = 0; i < batch->count; i++)
        value_free(batch->items[i].value);
    free(batch);
}
DEFINE_CLEANUP(struct batch, batch_free)

/* Whether an id names the secret of this ARN: by the ARN, by the ARN without its suffix, or by name. */
static bool names_arn(const char *id, const char *arn)
{
    if (strncmp(id, "arn:", 4) != 0) {
        const char *name = strstr(arn, ":secret:");
        arn = name ? name + strlen(":secret:") : "";
    }
    size_t size = strlen(id);
    return strncmp(id, arn, size) == 0 &&
           (arn[size] == '\0' || (arn[size] == '-' && strlen(arn + size) == strlen("-AbCdEf")));
}

static void take_value(void *context, struct value *value)
{
    struct batch *batch = context;
    _cleanup_value_ struct value *taken = value;

    for (size_t i = 0; i < batch->count; i++) {
        struct item *item = &batch->items[i];
        const char *id = batch->ids[i];
        bool by_arn = item->id.region[0] != '\0';
        if (item->state != STATE_ASKED || !(by_arn ? names_arn(id, taken->arn) : strcmp(id, taken->name) == 0))
            continue;
        if (value_copy(taken, &item->value) < 0) /* two ids may mean one secret */
            (void)error_set(&item->error, ERROR_INTERNAL, "out of memory");
        item->state = STATE_ANSWERED;
        batch->answered_count++;
    }
}

static void take_error(void *context, const char *id, const struct error *error)
{
    struct batch *batch = context;
    const struct secretsmanager *manager = secretsmanager_of(batch->source);
    for (size_t i = 0; i < batch->count; i++) {
        struct item *item = &batch->items[i];
        if (item->state != STATE_ASKED || !(strcmp(batch->ids[i], id) == 0 || names_arn(batch->ids[i], id)))
            continue;
        item->error = *error;
        (void)secretsmanager_explain(manager, "GetSecretValue", &item->id, secretsmanager_region(manager),
                                     &item->error);
        item->state = STATE_ANSWERED;
        batch->answered_count++;
    }
}

static void choose(struct batch *batch)
{
    const char *region = secretsmanager_region(secretsmanager_of(batch->source));
    for (size_t i = 0; i < batch->count; i++) {
        struct item *item = &batch->items[i];
        const struct value_request request = {.id = batch->ids[i]};
        bool possible = secretsmanager_request_parse(&request, &item->id);
        if (!possible || (item->id.region[0] && strcmp(item->id.region, region) != 0))
            continue;
        item->state = STATE_ASKED;
        batch->asked[batch->asked_count++] = batch->ids[i];
    }
}

static int ask_page(struct batch *batch, struct http *http, const char *token, uint64_t deadline_ns, char **ret_token,
                    struct error *ret_error)
{
    static const struct secretsmanager_batch_ops ops = {take_value, take_error};
    const struct secretsmanager *manager = secretsmanager_of(batch->source);
    _cleanup_json_ struct json *parameters = NULL;
    _cleanup_buffer_ struct buffer body = {0};

    if (secretsmanager_batch_parameters(batch->asked, batch->asked_count, token, &parameters) < 0)
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");
    int r = secretsmanager_call(manager, http, secretsmanager_region(manager), "secretsmanager.BatchGetSecretValue",
                                parameters, MAX_ANSWER_BYTES, deadline_ns, &body, ret_error);
    if (r == 0)
        r = secretsmanager_decode_batch(body.bytes, body.size_bytes, &ops, batch, ret_token, ret_error);
    return r;
}

static int ask_batch(struct batch *batch, struct http *http, uint64_t deadline_ns, struct error *ret_error)
{
    _cleanup_free_ char *token = NULL;
    for (int page = 0; page < MAX_PAGES && batch->answered_count < batch->asked_count; page++) {
        _cleanup_free_ char *next_token = NULL;
        int r = ask_page(batch, http, token, deadline_ns, &next_token, ret_error);
        if (r < 0)
            return r;
        free(token);
        token = STEAL(next_token);
        if (!token)
            break;
    }
    return 0;
}

/* Whether the whole call may have failed because of one id. */
static bool may_lie_with_one(enum error_kind kind)
{
    return kind != ERROR_ACCESS_DENIED && (error_is_definite(kind) || kind == ERROR_BAD_REQUEST);
}

static void complete(struct batch *batch, struct http *http, bool ask_again, uint64_t deadline_ns)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct item *item = &batch->items[i];
        const struct value_request request = {.id = batch->ids[i]};
        if (item->state == STATE_ALONE || (item->state == STATE_ASKED && ask_again))
            (void)secretsmanager_get(batch->source, http, &request, deadline_ns, &item->value, &item->error);
        else if (item->state == STATE_ASKED)
            (void)error_set(&item->error, ERROR_BAD_ANSWER, "the answer to BatchGetSecretValue leaves this secret out");
    }
}

int secretsmanager_get_many(struct source *source, struct http *http, const char *const *ids, size_t count,
                            uint64_t deadline_ns, source_value_cb each, void *context, struct error *ret_error)
{
    const struct secretsmanager *manager = secretsmanager_of(source);
    _cleanup_(batch_freep) struct batch *batch = calloc(1, sizeof(*batch));
    struct error error = {.kind = ERROR_NONE};

    if (!batch)
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");
    if (count > SOURCE_MAX_BATCH)
        return error_set(ret_error, ERROR_BAD_REQUEST, "at most %d secrets in one call", SOURCE_MAX_BATCH);
    batch->source = source;
    batch->ids = ids;
    batch->count = count;
    choose(batch);
    int r = ask_batch(batch, http, deadline_ns, &error);
    if (r < 0 && !may_lie_with_one(error.kind)) {
        const char *advice = error.kind == ERROR_ACCESS_DENIED ? "allow secretsmanager:BatchGetSecretValue on *"
                                                               : secretsmanager_common_advice(error.kind);
        (void)secretsmanager_advise(&error, advice, secretsmanager_region(manager), manager->endpoint);
        if (ret_error)
            *ret_error = error;
        return r;
    }
    complete(batch, http, r < 0, deadline_ns);
    for (size_t i = 0; i < count; i++) {
        struct item *item = &batch->items[i];
        struct value *value = STEAL(item->value);
        each(context, i, value, value ? NULL : &item->error);
    }
    return 0;
}
