/* SPDX-License-Identifier: Apache-2.0 */

/* One pass: what is wanted is compared with what was made, and the difference is carried out.
 *
 * Nothing is removed or replaced in DIR but what is written down in .secretsfs/made as ours. It is written before
 * anything new is made, so a crash leaves no file that we do not know; and a name where something else stands already
 * never gets into it.
 *
 * A step that fails leaves what was there, and is tried again at the next pass. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "sync/state.h"

#define LEDGER_ENTRY "made"
#define LEDGER_MAX_BYTES ((size_t)256 * 1024 * 1024)
#define RETRY_NS NS_PER_SEC
#define COMPLAIN_AGAIN_NS (600 * NS_PER_SEC)

/* --- the ledger --- */

int pass_adopt(struct sync *sync, struct error *ret_error)
{
    buffer_init(&sync->ledger, LEDGER_MAX_BYTES);
    int r = place_read(&sync->place, LEDGER_ENTRY, &sync->ledger);
    if (r >= 0)
        r = entries_parse(sync->ledger.bytes, sync->ledger.size_bytes, &sync->made);
    if (r >= 0 || r == -ENOENT)
        return 0;
    return error_set(ret_error, ERROR_INTERNAL, "%s/" PLACE_ENTRY "/" LEDGER_ENTRY ": %s; empty %s and start again",
                     sync->options.directory, r == -EBADMSG ? "it has been tampered with" : strerror(-r),
                     sync->options.directory);
}

static int save_ledger(struct sync *sync, const struct entries *entries)
{
    _cleanup_buffer_ struct buffer text;
    buffer_init(&text, LEDGER_MAX_BYTES);
    int r = entries_write(entries, &text);
    bool same = text.size_bytes == sync->ledger.size_bytes &&
                (text.size_bytes == 0 || memcmp(text.bytes, sync->ledger.bytes, text.size_bytes) == 0);
    if (r < 0 || same)
        return r;
    r = files_put_own(&sync->files, LEDGER_ENTRY, text.bytes ? text.bytes : "", text.size_bytes, false);
    if (r < 0)
        return r;
    struct buffer before = sync->ledger;
    sync->ledger = text;
    text = before;
    return 0;
}

/* Looks for what stands in the way of the new, and writes down all that is there or will be. What takes the place of
 * another kind of ours must wait for the next pass (-EAGAIN): one path cannot be written down as both. */
static int announce(struct sync *sync, const struct plan *plan)
{
    _cleanup_entries_ struct entries all = {0};
    const char *waits = NULL;
    int r = 0;
    for (size_t i = 0; i < sync->made.count && r >= 0; i++)
        r = entries_add(&all, &sync->made.list[i]);
    for (size_t i = 0; i < plan->count && r >= 0; i++) {
        struct step *step = &plan->steps[i];
        if (step->kind != STEP_MAKE)
            continue;
        if (step->before)
            waits = step->after->path;
        bool must_wait = step->before || (waits && entry_is_below(step->after->path, waits));
        step->result = must_wait ? -EAGAIN : files_look(&sync->files, step->after);
        if (step->result == 0)
            r = entries_add(&all, step->after);
    }
    if (r < 0)
        return r;
    entries_sort(&all);
    return save_ledger(sync, &all);
}

/* --- carrying out --- */

struct run {
    struct sync *sync;
    const struct plan *plan;
    int announced;       /* 0, or why nothing new may be made */
    const void **failed; /* owners of whose versions one could not be made */
    size_t failed_count;
    struct entries next; /* what is there afterwards */
    const char *left;    /* the last that could not be removed */
    bool again;          /* something waits for the next pass */
    int error;           /* the first failure of a step */
    const char *error_path;
    size_t error_count;
};

static bool has_failed(const struct run *run, const struct step *step)
{
    const struct entry *entry = step->after ? step->after : step->before;
    for (size_t i = 0; i < run->failed_count; i++)
        if (entry->owner && run->failed[i] == entry->owner)
            return true;
    return false;
}

static int run_step(const struct run *run, const struct step *step)
{
    struct files *files = &run->sync->files;
    if (step->result < 0 || (step->kind == STEP_MAKE && run->announced < 0))
        return step->result < 0 ? step->result : run->announced;
    switch (step->kind) {
    case STEP_REMOVE: /* what a directory holds goes right before it */
        if (run->left && entry_is_below(run->left, step->before->path))
            return -EAGAIN;
        return files_remove(files, step->before);
    case STEP_MAKE:
        return step->result > 0 ? 0 : files_make(files, step->after, false);
    case STEP_REPLACE:
        return files_make(files, step->after, true);
    case STEP_CHECK:
        return files_check(files, step->after);
    case STEP_KEEP:
    default:
        return 0;
    }
}

/* What is at the path after the step and is ours, or NULL. */
static const struct entry *what_is_there(const struct step *step, int result)
{
    if (step->kind == STEP_REMOVE)
        return result < 0 ? step->before : NULL;
    if (result < 0)
        return step->kind == STEP_MAKE ? NULL : step->before;
    bool is_foreign = step->kind == STEP_MAKE && step->result > 0; /* a directory that is not ours */
    return is_foreign ? NULL : step->after;
}

static void note_error(struct run *run, const struct step *step, int result)
{
    run->error_count++;
    if (run->error < 0)
        return;
    run->error = result;
    run->error_path = (step->after ? step->after : step->before)->path;
}

static int note(struct run *run, const struct step *step, int result)
{
    const struct entry *there = what_is_there(step, result);
    run->again = run->again || result == -EAGAIN;
    if (step->kind == STEP_REMOVE && result < 0)
        run->left = step->before->path;
    if (result < 0 && result != -ECANCELED && result != -EAGAIN)
        note_error(run, step, result);
    return there ? entries_add(&run->next, there) : 0;
}

/* The directory of a version and all in it are one step. Returns how many steps that were, or a negative errno. */
static int run_whole(struct run *run, size_t index)
{
    const struct step *steps = run->plan->steps + index;
    const char *directory = steps[0].after->path;
    size_t count = 1;
    while (index + count < run->plan->count && steps[count].after && steps[count].kind == STEP_MAKE &&
           entry_is_below(steps[count].after->path, directory))
        count++;
    _cleanup_free_ const struct entry **entries = calloc(count, sizeof(const struct entry *));
    if (!entries)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        entries[i] = steps[i].after;
    int made = steps[0].result < 0 ? steps[0].result : run->announced;
    if (made >= 0)
        made = files_make_whole(&run->sync->files, entries, count);
    if (made < 0)
        run->failed[run->failed_count++] = steps[0].after->owner;
    int r = 0;
    for (size_t i = 0; i < count && r >= 0; i++)
        r = note(run, &steps[i], i == 0 || made >= 0 ? made : -ECANCELED);
    return r < 0 ? r : (int)count;
}

static int run_steps(struct run *run)
{
    for (size_t i = 0; i < run->plan->count;) {
        const struct step *step = &run->plan->steps[i];
        int r = 1;
        if (step->kind == STEP_MAKE && step->after->whole)
            r = run_whole(run, i);
        else
            r = note(run, step, has_failed(run, step) && step->kind != STEP_KEEP ? -ECANCELED : run_step(run, step));
        if (r < 0)
            return r;
        i += r > 0 ? (size_t)r : 1;
    }
    return 0;
}

/* --- telling --- */

static void complain(struct sync *sync, const struct run *run)
{
    const char *directory = sync->options.directory;
    uint64_t now_ns = clock_monotonic_ns();
    if (run->error == 0) {
        if (sync->complaint != 0)
            log_info("%s: everything is written again", directory);
        sync->complaint = 0;
        return;
    }
    if (sync->complaint == run->error && now_ns - sync->complained_ns < COMPLAIN_AGAIN_NS)
        return;
    sync->complaint = run->error;
    sync->complained_ns = now_ns;
    const char *path = run->error_path;
    size_t others = run->error_count - 1;
    if (run->error == -ENOSPC || run->error == -EDQUOT)
        log_error("%s is full: %s (and %zu others) cannot be written, what was there before stays; make the file "
                  "system larger (mount -o remount,size=SIZE) or name fewer secrets; it is tried again every second",
                  directory, path, others);
    else if (run->error == -EEXIST)
        log_error("%s/%s (and %zu others): something that secretsfs has not made is in the way; remove it", directory,
                  path, others);
    else if (run->error == -EACCES || run->error == -EPERM)
        log_error("%s/%s (and %zu others) cannot be written: %s; for --uid and --gid secretsfs must be root with "
                  "CAP_CHOWN and CAP_DAC_OVERRIDE",
                  directory, path, others, strerror(-run->error));
    else
        log_error("%s/%s (and %zu others) cannot be written: %s", directory, path, others, strerror(-run->error));
}

/* --- the pass --- */

static bool has_work(const struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->steps[i].kind != STEP_KEEP)
            return true;
    return false;
}

static void doubt_everything(struct entries *entries)
{
    for (size_t i = 0; i < entries->count; i++)
        entries->list[i].doubtful = true;
}

/* Returns 1 when there is more to do at once, 0, or a negative errno. */
static int make_so(struct sync *sync, const struct entries *wanted)
{
    _cleanup_plan_ struct plan plan = {0};
    struct run run = {.sync = sync, .plan = &plan};
    int r = plan_new(&sync->made, wanted, &plan);
    if (r < 0)
        return r;
    files_clear(&sync->files);
    _cleanup_free_ const void **failed = calloc(plan.count + 1, sizeof(*failed));
    if (!failed)
        return -ENOMEM;
    run.failed = failed;
    if (has_work(&plan))
        run.announced = announce(sync, &plan);
    r = run_steps(&run);
    if (r < 0) {
        entries_clear(&run.next);
        doubt_everything(&sync->made);
        return r;
    }
    entries_sort(&run.next);
    complain(sync, &run);
    sync->failed_count = run.error_count;
    entries_clear(&sync->made);
    sync->made = run.next;
    if (run.error == -ENOENT) /* somebody removes what is ours */
        doubt_everything(&sync->made);
    (void)save_ledger(sync, &sync->made); /* if it fails, the one before names more than there is */
    return run.again;
}

void pass_run(struct sync *sync, uint64_t now_ns)
{
    _cleanup_entries_ struct entries wanted = {0};
    int r = sync->names_dirty ? items_update(sync) : 0;
    if (r >= 0) {
        sync->names_dirty = false;
        r = items_want(sync, now_ns, &wanted, &sync->review_ns);
    }
    entries_sort(&wanted);
    if (r >= 0)
        r = make_so(sync, &wanted);
    for (int tries = 0; r > 0 && tries < 2; tries++)
        r = make_so(sync, &wanted);
    if (r < 0)
        log_error("%s cannot be brought up to date: %s", sync->options.directory, strerror(-r));
    if (r != 0)
        sync->failed_count++;
    sync->dirty = false;
    sync->retry_ns = r != 0 || sync->failed_count > 0 ? now_ns + RETRY_NS : CLOCK_NEVER_NS;
}

void pass_remove_all(struct sync *sync)
{
    const struct entries nothing = {0};
    (void)make_so(sync, &nothing);
}
