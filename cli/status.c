/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/mountinfo.h"
#include "cli/options.h"
#include "cli/probe.h"
#include "cli/status_text.h"
#include "cli/table.h"

#define TIMEOUT_NS (5 * NS_PER_SEC)
#define MAX_STATUS_BYTES ((size_t)16 * 1024 * 1024)
#define MAX_DEPTH 16
#define WATCH_SECONDS 2

/* For a terminal. A line that is replaced is cleared to its end only after the new one has been written, and all goes
 * out in one write, so nothing flickers. */
#define CLEAR_SCREEN "\033[2J"
#define TO_TOP "\033[H"
#define CLEAR_LINE "\033[K"
#define CLEAR_BELOW "\033[J"

static int fetch(const void *context, int output_fd)
{
    _cleanup_close_ int fd = probe_open_status(context);
    return fd < 0 ? fd : probe_read(fd, output_fd);
}

/* --- all mounts --- */

static int find_mounts(struct text_list *ret_found)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t bytes;
    int r = 0;
    _cleanup_fclose_ FILE *file = fopen("/proc/self/mountinfo", "re");
    while (file && r >= 0 && (bytes = getline(&line, &size, file)) > 0) {
        struct mountinfo mount;
        if (mountinfo_parse(line, (size_t)bytes, &mount) < 0 || strcmp(mount.type, "fuse.secretsfs") != 0)
            continue;
        const char **texts = reallocarray((void *)ret_found->texts, ret_found->count + 1, sizeof(*texts));
        const char *copy = texts ? strdup(mount.mountpoint) : NULL;
        ret_found->texts = texts ? texts : ret_found->texts;
        if (copy)
            ret_found->texts[ret_found->count++] = copy;
        r = copy ? 0 : -ENOMEM;
    }
    free(line);
    return r;
}

static void clear_found(struct text_list *found)
{
    for (size_t i = 0; i < found->count; i++)
        free((char *)(uintptr_t)found->texts[i]);
    free((void *)found->texts);
}

/* --- one round --- */

static size_t terminal_size(bool rows)
{
    struct winsize size = {0};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
        return 0;
    return rows ? size.ws_row : size.ws_col;
}

/* Trouble is told on stderr, unless it has to stand in a frame. */
static void tell(const struct options *options, struct buffer *frame, const char *text)
{
    if (options->watch && isatty(STDOUT_FILENO))
        (void)!table_print_wrapped(text, 0, terminal_size(false), frame);
    else
        (void)fprintf(stderr, "secretsfs: %s\n", text);
}

static int append_status(const struct options *options, const char *mountpoint, struct buffer *frame)
{
    _cleanup_buffer_ struct buffer text = {0};
    _cleanup_json_ struct json *status = NULL;
    bool hung;
    buffer_init(&text, MAX_STATUS_BYTES);
    int r = probe_run(fetch, mountpoint, TIMEOUT_NS, &text, &hung);
    if (r >= 0 && (json_parse(text.bytes ? text.bytes : "", text.size_bytes, MAX_DEPTH, &status) < 0 || !status))
        r = -EBADMSG;
    if (r >= 0)
        return options->json ? buffer_append(frame, text.bytes, text.size_bytes)
                             : status_text(status, terminal_size(false), frame);
    char reason[1024];
    probe_explain(r, hung, mountpoint, reason, sizeof(reason));
    tell(options, frame, reason);
    return r;
}

/* All mounts that were asked for. Returns 0 when each has told its status. */
static int append_all(const struct options *options, struct buffer *frame)
{
    _cleanup_(clear_found) struct text_list found = {0};
    const struct text_list *mounts = options->operands.count > 0 ? &options->operands : &found;
    int result = options->operands.count > 0 ? 0 : find_mounts(&found);
    if (result >= 0 && mounts->count == 0) {
        tell(options, frame, "nothing is mounted here; mount with: secretsfs mount MOUNTPOINT");
        return -ENODEV;
    }
    for (size_t i = 0; i < mounts->count; i++) {
        int r = frame->size_bytes > 0 && !options->json ? buffer_append_text(frame, "\n") : 0;
        if (r >= 0)
            r = append_status(options, mounts->texts[i], frame);
        result = r < 0 ? r : result;
    }
    return result;
}

/* --- again and again --- */

/* The lines of a frame that fit, each clearing what was there before. */
static int append_in_place(const struct buffer *frame, struct buffer *screen)
{
    size_t rows = terminal_size(true);
    const char *rest = frame->bytes ? frame->bytes : "";
    int r = buffer_append_text(screen, TO_TOP);
    for (size_t row = 1; *rest && row != rows && r >= 0; row++) {
        size_t bytes = strcspn(rest, "\n");
        r = buffer_printf(screen, "%.*s" CLEAR_LINE "\n", (int)bytes, rest);
        rest += bytes + (rest[bytes] == '\n');
    }
    return r < 0 ? r : buffer_append_text(screen, CLEAR_BELOW);
}

static void show(const struct buffer *text)
{
    if (text->bytes)
        (void)fwrite(text->bytes, 1, text->size_bytes, stdout);
    (void)fflush(stdout);
}

static int watch(const struct options *options)
{
    const struct timespec pause = {.tv_sec = WATCH_SECONDS};
    bool in_place = isatty(STDOUT_FILENO) != 0;
    sigset_t ends;
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGINT);
    (void)sigaddset(&ends, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &ends, NULL);
    if (in_place)
        (void)fputs(CLEAR_SCREEN TO_TOP, stdout);
    do {
        _cleanup_buffer_ struct buffer frame = {0};
        _cleanup_buffer_ struct buffer screen = {0};
        buffer_init(&frame, MAX_STATUS_BYTES);
        buffer_init(&screen, 2 * MAX_STATUS_BYTES);
        (void)append_all(options, &frame);
        if (in_place)
            (void)append_in_place(&frame, &screen);
        show(in_place ? &screen : &frame);
    } while (!ferror(stdout) && sigtimedwait(&ends, NULL, &pause) < 0);
    return EXIT_SUCCESS;
}

int command_status(int count, char **arguments)
{
    _cleanup_options_ struct options options = {0};
    _cleanup_buffer_ struct buffer frame = {0};
    struct error error = {0};
    if (options_parse(COMMAND_STATUS, count, arguments, false, &options, &error) < 0) {
        (void)fprintf(stderr, "secretsfs: %s\n", error.message);
        return EXIT_USAGE;
    }
    if (options.watch)
        return watch(&options);
    buffer_init(&frame, 4 * MAX_STATUS_BYTES);
    int r = append_all(&options, &frame);
    show(&frame);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
