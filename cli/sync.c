/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/options.h"
#include "cli/process.h"
#include "cli/serve.h"

static void ready(void *context)
{
    (void)context;
    process_ready();
}

int command_sync(int count, char **arguments)
{
    _cleanup_options_ struct options options = {0};
    struct error error = {0};
    int r = options_parse(COMMAND_SYNC, count, arguments, false, &options, &error);
    if (r < 0) {
        (void)fprintf(stderr, "secretsfs: %s\n", error.message);
        return EXIT_USAGE;
    }
    if (options.make_mountpoint)
        (void)mkdir(options.to, 0755); /* if it failed, the next line tells */
    _cleanup_free_ char *directory = realpath(options.to, NULL);
    if (!directory) {
        (void)fprintf(stderr, "secretsfs: %s: %s; create it with: mkdir -p %s\n", options.to, strerror(errno),
                      options.to);
        return EXIT_FAILURE;
    }
    process_harden();
    r = log_open(options.log_given ? options.log_target : LOG_TARGET_STDERR, options.log_path, options.log_level);
    if (r < 0) {
        (void)fprintf(stderr, "secretsfs: cannot open the log%s%s: %s\n", options.log_path ? " " : "",
                      options.log_path ? options.log_path : "", strerror(-r));
        return EXIT_FAILURE;
    }
    r = serve_sync(&options, directory, ready, NULL, &error);
    if (r < 0)
        log_error("%s", error.message);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
