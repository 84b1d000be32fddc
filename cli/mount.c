/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/mountpoint.h"
#include "cli/options.h"
#include "cli/process.h"
#include "cli/serve.h"
#include "cli/supervise.h"

static int open_log(const struct options *options, bool ready)
{
    enum log_target target = options->log_given              ? options->log_target
                             : options->foreground || !ready ? LOG_TARGET_STDERR
                                                             : LOG_TARGET_SYSLOG;
    return log_open(target, options->log_path, options->log_level);
}

/* From now on nobody reads stderr, unless it was asked for. */
static void ready(void *context)
{
    const struct options *options = context;
    if (!options->foreground && open_log(options, true) < 0)
        log_warning("there is no system log: messages are lost from now on; keep them with --log file:/PATH");
    log_info("%s is mounted", options->operands.texts[0]);
    process_ready();
}

struct daemon {
    const struct options *options;
    const char *mountpoint;
};

static int work(void *context)
{
    const struct daemon *daemon = context;
    struct error error = {0};
    int r = serve_mount(daemon->options, daemon->mountpoint, ready, (void *)(uintptr_t)daemon->options, &error);
    if (r < 0)
        log_error("%s", error.message);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* In the supervisor: the daemon has said what there is to say. */
static void daemon_ready(void *context)
{
    const struct daemon *daemon = context;
    if (!daemon->options->foreground)
        (void)open_log(daemon->options, true);
    process_ready();
}

int command_mount(int count, char **arguments, bool as_helper)
{
    _cleanup_options_ struct options options = {0};
    struct error error = {0};
    int r = options_parse(COMMAND_MOUNT, count, arguments, as_helper, &options, &error);
    if (r < 0) {
        (void)fprintf(stderr, "secretsfs: %s\n", error.message);
        return EXIT_USAGE;
    }
    if (options.make_mountpoint)
        (void)mkdir(options.operands.texts[0], 0755); /* if it failed, the next line tells */
    _cleanup_free_ char *mountpoint = mountpoint_absolute(options.operands.texts[0]);
    if (!mountpoint) {
        (void)fprintf(stderr, "secretsfs: %s: %s; create it with: mkdir -p %s\n", options.operands.texts[0],
                      strerror(errno), options.operands.texts[0]);
        return EXIT_FAILURE;
    }
    if (options.shared && mountpoint_check_shared(mountpoint, &error) < 0) {
        (void)fprintf(stderr, "secretsfs: %s\n", error.message);
        return EXIT_FAILURE;
    }
    if (!options.foreground && (r = process_daemonise()) < 0) {
        (void)fprintf(stderr, "secretsfs: cannot become a daemon: %s\n", strerror(-r));
        return EXIT_FAILURE;
    }
    process_harden();
    r = open_log(&options, false);
    if (r < 0) {
        (void)fprintf(stderr, "secretsfs: cannot open the log%s%s: %s\n", options.log_path ? " " : "",
                      options.log_path ? options.log_path : "", strerror(-r));
        return EXIT_FAILURE;
    }
    struct daemon daemon = {&options, mountpoint};
    const struct supervised supervised = {mountpoint, work, daemon_ready, &daemon};
    return options.supervise ? supervise(&supervised) : work(&daemon);
}
