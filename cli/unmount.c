/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/options.h"

/* Who has not mounted as root has to ask fusermount3, as for mounting. */
static int unmount_by_helper(const char *mountpoint, bool lazy)
{
    int status = 0;
    pid_t child = fork();
    if (child < 0)
        return EXIT_FAILURE;
    if (child == 0) {
        (void)execlp("fusermount3", "fusermount3", lazy ? "-uz" : "-u", "--", mountpoint, (char *)NULL);
        (void)fprintf(stderr, "secretsfs: cannot run fusermount3: %s\n", strerror(errno));
        _exit(EXIT_FAILURE);
    }
    (void)waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int command_unmount(int count, char **arguments)
{
    _cleanup_options_ struct options options = {0};
    struct error error = {0};
    if (options_parse(COMMAND_UNMOUNT, count, arguments, false, &options, &error) < 0) {
        (void)fprintf(stderr, "secretsfs: %s\n", error.message);
        return EXIT_USAGE;
    }
    const char *mountpoint = options.operands.texts[0];
    bool lazy = options.lazy;
    if (umount2(mountpoint, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) == 0)
        return EXIT_SUCCESS;
    if (errno == EPERM)
        return unmount_by_helper(mountpoint, lazy);
    if (errno == EBUSY)
        (void)fprintf(stderr,
                      "secretsfs: %s is in use (see: fuser -vm %s); secretsfs unmount --lazy detaches it at once\n",
                      mountpoint, mountpoint);
    else if (errno == EINVAL)
        (void)fprintf(stderr, "secretsfs: %s is not mounted\n", mountpoint);
    else
        (void)fprintf(stderr, "secretsfs: %s: %s\n", mountpoint, strerror(errno));
    return EXIT_FAILURE;
}
