/* SPDX-License-Identifier: Apache-2.0 */

/* A credential process may be slower than a reader is patient: it asks a vault, or waits for a token to be touched. So
 * it is not ended with the fetch that has started it, but goes on, and the next fetch takes what it has printed
 * meanwhile. Only when it has had its time is it ended.
 *
 * The SDKs do not agree on how the text is run: some split it into words, others give it to a shell, as we do. A shell
 * runs what the first kind runs, too. */
#include "auth/profile_sources.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "auth/command.h"
#include "auth/credentials_json.h"
#include "base/clock.h"

#define MAX_TIME_SECONDS 60
#define MAX_TIME_NS (MAX_TIME_SECONDS * NS_PER_SEC)
#define MAX_WORD_BYTES 100

/* Exit codes of a shell. */
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND 127

/* The first word of the command, which is all of it that may be shown: what follows may be a password. So may be what
 * is assigned to a variable. */
static int first_word(const char *text, const char **ret_word)
{
    bool quoted = *text == '"' || *text == '\'';
    const char quote[] = {*text, '\0'};
    *ret_word = quoted ? text + 1 : text;
    size_t size = strcspn(*ret_word, quoted ? quote : " \t\n=");
    return (int)(size < MAX_WORD_BYTES ? size : MAX_WORD_BYTES);
}

/* "credential_process (vault ...) of profile "x" in FILES WHAT" */
static int explain(const struct profile_source *source, enum error_kind kind, const char *what, struct error *ret_error)
{
    const char *word;
    int size = first_word(config_setting(source->profile, "credential_process"), &word);
    return error_set(ret_error, kind, "credential_process (%.*s ...) of profile \"%s\" in %s %s", size, word,
                     source->name, config_files_names(source->context->files), what);
}

static int explain_end(const struct profile_source *source, const struct command *command, struct error *ret_error)
{
    char what[128];
    int code = command_exit_code(command);
    if (code == EXIT_NOT_FOUND || code == EXIT_NOT_EXECUTABLE)
        (void)snprintf(what, sizeof(what), "cannot be run (exit code %d): give the full path of the program", code);
    else if (code >= 0)
        (void)snprintf(what, sizeof(what), "failed with exit code %d%s", code,
                       command_error_bytes(command) ? ": run it by hand to see what it says" : "");
    else
        (void)snprintf(what, sizeof(what), "was ended by signal %d (%s)", command_signal(command),
                       strsignal(command_signal(command)));
    return explain(source, ERROR_NO_CREDENTIALS, what, ret_error);
}

/* Takes what the command has printed. */
static int take_output(const struct profile_source *source, const struct command *command,
                       struct credentials **ret_credentials, struct error *ret_error)
{
    const struct buffer *output = command_output(command);
    _cleanup_credentials_ struct credentials *credentials = NULL;
    struct error error = {.kind = ERROR_NONE};

    if (command_exit_code(command) != 0)
        return explain_end(source, command, ret_error);
    if (output->size_bytes == 0)
        return explain(source, ERROR_NO_CREDENTIALS, "printed nothing to its standard output", ret_error);
    int r = credentials_json_check_version(output->bytes, output->size_bytes, &error);
    if (r == 0)
        r = credentials_json_parse(output->bytes, output->size_bytes, "SessionToken", "profile (credential_process)",
                                   &credentials, &error);
    if (r < 0 || !credentials) {
        char what[sizeof(error.message)];
        (void)snprintf(what, sizeof(what), "is not understood: %.*s", (int)sizeof(what) - 32, error.message);
        return explain(source, error.kind == ERROR_INTERNAL ? ERROR_INTERNAL : ERROR_NO_CREDENTIALS, what, ret_error);
    }
    if (credentials->expires_ns <= clock_wall_ns())
        return explain(source, ERROR_EXPIRED_CREDENTIALS,
                       "printed credentials that have expired: does it keep them too long, or is the clock wrong?",
                       ret_error);
    *ret_credentials = STEAL(credentials);
    return 0;
}

/* What was started for an earlier fetch is of use as long as it is young. */
static int start(const struct profile_source *source, struct error *ret_error)
{
    const char *text = config_setting(source->profile, "credential_process");
    struct command **running = source->running;
    if (*running && (strcmp(command_text(*running), text) != 0 ||
                     clock_monotonic_ns() >= command_started_ns(*running) + MAX_TIME_NS)) {
        command_free(*running);
        *running = NULL;
    }
    int r = *running ? 0 : command_start(text, running);
    return r < 0 ? explain(source, ERROR_INTERNAL, strerror(-r), ret_error) : 0;
}

int credentials_process_fetch(const struct profile_source *source, struct http *http, uint64_t deadline_ns,
                              struct credentials **ret_credentials, struct error *ret_error)
{
    if (http && !http_pause(http, 0))
        return explain(source, ERROR_TIMEOUT, "is not run, because the program is stopping", ret_error);
    int r = start(source, ret_error);
    if (r < 0)
        return r;
    uint64_t end_ns = command_started_ns(*source->running) + MAX_TIME_NS;
    r = command_wait(*source->running, http ? http_cancel_fd(http) : -1, deadline_ns < end_ns ? deadline_ns : end_ns);
    if (r == -ETIMEDOUT && deadline_ns < end_ns)
        return explain(source, ERROR_TIMEOUT, "has not ended yet; the next read takes what it prints", ret_error);

    _cleanup_command_ struct command *command = STEAL(*source->running);
    switch (r) {
    case 0:
        return take_output(source, command, ret_credentials, ret_error);
    case -ETIMEDOUT:
        return explain(source, ERROR_TIMEOUT, "was ended, because it ran for 60 s", ret_error);
    case -ECANCELED:
        return explain(source, ERROR_TIMEOUT, "was ended, because the program is stopping", ret_error);
    case -EFBIG:
        return explain(source, ERROR_NO_CREDENTIALS, "was ended, because it printed more than 64 KiB", ret_error);
    default:
        return explain(source, ERROR_INTERNAL, strerror(-r), ret_error);
    }
}
