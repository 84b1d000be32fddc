/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/options.h"

static int mount_command(int count, char **arguments)
{
    return command_mount(count, arguments, false);
}

static const struct {
    const char *name;
    enum command command;
    int (*run)(int count, char **arguments);
    const char *usage;
    const char *about;
} commands[] = {
    {"mount", COMMAND_MOUNT, mount_command, "mount [options] MOUNTPOINT", "show the secrets as files at MOUNTPOINT"},
    {"exec", COMMAND_EXEC, command_exec, "exec [options] [--] COMMAND [ARG...]",
     "run a command that alone sees the secrets"},
    {"unmount", COMMAND_UNMOUNT, command_unmount, "unmount [--lazy] MOUNTPOINT", "end a mount"},
    {"sync", COMMAND_SYNC, command_sync, "sync --to DIR [options]", "keep the secrets in DIR as ordinary files"},
    {"status", COMMAND_STATUS, command_status, "status [--json] [--watch] [MOUNTPOINT]", "show what a mount is doing"},
    {"health", COMMAND_HEALTH, command_health, "health [--require NAME] MOUNTPOINT",
     "for health checks: can it be read?"},
    {"doctor", COMMAND_DOCTOR, command_doctor, "doctor [options] [NAME...]", "find out why it does not work"},
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(*commands))

static int print_help(FILE *file, int status)
{
    (void)fprintf(file, "secretsfs %s: AWS Secrets Manager as a tree of files\n\nusage:\n", SECRETSFS_VERSION);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        (void)fprintf(file, "  secretsfs %-43s %s\n", commands[i].usage, commands[i].about);
    (void)fprintf(file, "  secretsfs COMMAND --help\n"
                        "  secretsfs --version | --help\n"
                        "\nSee secretsfs(1).\n");
    return status;
}

static int print_command_help(size_t index)
{
    (void)printf("usage: secretsfs %s\n\n%s\n\n", commands[index].usage, commands[index].about);
    options_print(stdout, commands[index].command);
    (void)printf("\nA TIME is 300, 300s, 500ms, 5m or 1h. See secretsfs(1).\n");
    return EXIT_SUCCESS;
}

static bool is_help(const char *argument)
{
    return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

int main(int count, char **arguments)
{
    const char *slash = count > 0 ? strrchr(arguments[0], '/') : NULL;
    const char *program = count == 0 ? "" : slash ? slash + 1 : arguments[0];
    if (strcmp(program, "mount.secretsfs") == 0)
        return command_mount(count - 1, arguments + 1, true);

    const char *name = count > 1 ? arguments[1] : "";
    if (strcmp(name, "umount") == 0)
        name = "unmount";
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(name, commands[i].name) == 0)
            return options_ask_help(commands[i].command, count - 2, arguments + 2)
                       ? print_command_help(i)
                       : commands[i].run(count - 2, arguments + 2);
    if (strcmp(name, "--version") == 0) {
        (void)printf("secretsfs %s\n", SECRETSFS_VERSION);
        return EXIT_SUCCESS;
    }
    if (is_help(name) || strcmp(name, "help") == 0)
        return print_help(stdout, EXIT_SUCCESS);
    if (name[0] != '\0')
        (void)fprintf(stderr, "secretsfs: %s: no such command\n\n", name);
    return print_help(stderr, EXIT_USAGE);
}
