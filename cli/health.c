/* SPDX-License-Identifier: Apache-2.0 */

/* For health checks of containers: a read through the mount (or of what a sync keeps), and of each secret that is
 * required. What is warm costs no
 * call of AWS, for it is the same read that programs make. */
#include "cli/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/kept.h"
#include "cli/options.h"
#include "cli/probe.h"
#include "cli/table.h"

/* A secret is read as its whole text, a file as it is. */
static int read_required(const char *mountpoint, const char *name)
{
    _cleanup_free_ char *path = NULL;
    struct stat status;
    if (asprintf(&path, "%s/%s", mountpoint, name) < 0)
        return -ENOMEM;
    if (stat(path, &status) < 0)
        return -errno;
    if (S_ISDIR(status.st_mode)) {
        char *whole = NULL;
        if (asprintf(&whole, "%s/.raw", path) < 0)
            return -ENOMEM;
        free(path);
        path = whole;
    }
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : probe_read(fd, -1);
}

/* Tells by a byte for each step how far it has come. */
static int check(const void *context, int output_fd)
{
    const struct options *options = context;
    const char *mountpoint = options->operands.texts[0];
    _cleanup_close_ int fd = probe_open_status(mountpoint);
    int r = fd < 0 ? fd : kept_check_ready(fd);
    for (size_t i = 0; r >= 0; i++) {
        if (write(output_fd, ".", 1) != 1)
            return -EPIPE;
        if (i == options->required.count)
            return 0;
        r = read_required(mountpoint, options->required.texts[i]);
    }
    return r;
}

static void explain_required(int r, bool hung, const struct options *options, const char *name)
{
    _cleanup_buffer_ struct buffer visible = {0};
    buffer_init(&visible, 4096);
    (void)table_append_visible(&visible, name);
    (void)fprintf(stderr, "secretsfs: required \"%s\": %s; see: secretsfs status %s\n",
                  visible.bytes ? visible.bytes : "",
                  hung           ? "it could not be read in time"
                  : r == -ENOENT ? "there is no such secret, key or file"
                  : r == -EACCES ? "AWS denies access to it, or its owner and mode do"
                                 : strerror(-r),
                  options->operands.texts[0]);
}

int command_health(int count, char **arguments)
{
    _cleanup_options_ struct options options = {0};
    _cleanup_buffer_ struct buffer steps = {0};
    struct error error = {0};
    bool hung;
    if (options_parse(COMMAND_HEALTH, count, arguments, false, &options, &error) < 0) {
        (void)fprintf(stderr, "secretsfs: %s\n", error.message);
        return EXIT_USAGE;
    }
    buffer_init(&steps, options.required.count + 1);
    int r = probe_run(check, &options, options.health_timeout_ns, &steps, &hung);
    if (r >= 0)
        return EXIT_SUCCESS;
    if (steps.size_bytes > 0 && steps.size_bytes <= options.required.count) {
        explain_required(r, hung, &options, options.required.texts[steps.size_bytes - 1]);
        return EXIT_FAILURE;
    }
    char reason[1024];
    probe_explain(r, hung, options.operands.texts[0], reason, sizeof(reason));
    (void)fprintf(stderr, "secretsfs: %s\n", reason);
    return EXIT_FAILURE;
}
