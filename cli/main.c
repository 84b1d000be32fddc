/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/options.h"

static int print_help(FILE *file, int status)
{
    (void)fprintf(file,
                  "secretsfs %s: AWS Secrets Manager as a tree of files\n"
                  "\n"
                  "usage:\n"
                  "  secretsfs mount [options] MOUNTPOINT\n"
                  "  secretsfs unmount [--lazy] MOUNTPOINT\n"
                  "  secretsfs --version | --help\n"
                  "\n"
                  "options of mount (each also as -o key=value[,key=value...]):\n"
                  "  -f, --foreground         stay in the foreground and log to stderr\n",
                  SECRETSFS_VERSION);
    options_print(file);
    (void)fprintf(file, "\nA TIME is 300, 300s, 500ms, 5m or 1h. See secretsfs(1).\n");
    return status;
}

int main(int count, char **arguments)
{
    const char *slash = count > 0 ? strrchr(arguments[0], '/') : NULL;
    const char *program = count == 0 ? "" : slash ? slash + 1 : arguments[0];
    if (strcmp(program, "mount.secretsfs") == 0)
        return command_mount(count - 1, arguments + 1, true);

    const char *command = count > 1 ? arguments[1] : "";
    if (strcmp(command, "mount") == 0)
        return command_mount(count - 2, arguments + 2, false);
    if (strcmp(command, "unmount") == 0 || strcmp(command, "umount") == 0)
        return command_unmount(count - 2, arguments + 2);
    if (strcmp(command, "--version") == 0) {
        (void)printf("secretsfs %s\n", SECRETSFS_VERSION);
        return EXIT_SUCCESS;
    }
    if (strcmp(command, "--help") == 0 || strcmp(command, "help") == 0)
        return print_help(stdout, EXIT_SUCCESS);
    if (command[0] != '\0')
        (void)fprintf(stderr, "secretsfs: %s: no such command\n\n", command);
    return print_help(stderr, EXIT_USAGE);
}
