/* SPDX-License-Identifier: Apache-2.0 */

/* What a mount needs of this machine. Each is tried in a way that leaves no trace. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/doctor_steps.h"

#define FUSE_DEVICE makedev(10, 229)

#define MODULE_ADVICE                                                                             \
    "load the module (modprobe fuse); give a container the device: --device /dev/fuse --cap-add " \
    "SYS_ADMIN; some places, as AWS Fargate, have none at all"
#define MOUNT_ADVICE                                                                                   \
    "run as root; in a container with --device /dev/fuse --cap-add SYS_ADMIN; or install fusermount3 " \
    "(package fuse3), which must be set-user-ID root"

static void fail(struct doctor *doctor, const char *step, const char *cause, const char *remedy)
{
    report_add(doctor->report, &(struct step){.name = step, .result = STEP_FAILED, .cause = cause, .remedy = remedy});
}

static void check_device(struct doctor *doctor)
{
    struct stat status;
    char cause[128];
    if (stat("/dev/fuse", &status) < 0) {
        (void)snprintf(cause, sizeof(cause), "there is no /dev/fuse (%s)", strerror(errno));
        fail(doctor, "dev-fuse", cause, MODULE_ADVICE);
        return;
    }
    if (!S_ISCHR(status.st_mode) || status.st_rdev != FUSE_DEVICE) {
        fail(doctor, "dev-fuse", "/dev/fuse is something else than the FUSE device (a character device 10:229)",
             MODULE_ADVICE);
        return;
    }
    _cleanup_close_ int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (device >= 0) {
        report_say(doctor->report, STEP_OK, "dev-fuse", NULL, "can be opened");
        return;
    }
    (void)snprintf(cause, sizeof(cause), "/dev/fuse cannot be opened (%s)", strerror(errno));
    fail(doctor, "dev-fuse", cause,
         errno == EACCES || errno == EPERM
             ? "run as root, or chmod 666 /dev/fuse, which is its usual mode; a container needs --device /dev/fuse"
             : MODULE_ADVICE);
}

/* --- mounting --- */

/* Where fusermount3 is, to be freed; NULL where it is not. libfuse looks for it in PATH as well. */
static char *find_helper(struct stat *ret_status)
{
    const char *folder = getenv("PATH");
    for (folder = folder ? folder : "/usr/bin:/bin"; *folder; folder += *folder == ':') {
        size_t size = strcspn(folder, ":");
        char *path;
        if (asprintf(&path, "%.*s/fusermount3", (int)size, folder) < 0)
            return NULL;
        if (access(path, X_OK) == 0 && stat(path, ret_status) == 0)
            return path;
        free(path);
        folder += size;
    }
    return NULL;
}

/* Who may not mount can have fusermount3 do it, unless the set-user-ID bit has no effect. */
static void check_helper(struct doctor *doctor)
{
    char cause[640];
    struct stat status = {.st_mode = 0};
    _cleanup_free_ char *path = find_helper(&status);
    if (!path)
        fail(doctor, "mount", "not permitted (CAP_SYS_ADMIN is missing), and there is no fusermount3", MOUNT_ADVICE);
    else if (geteuid() == 0)
        fail(doctor, "mount", "root without CAP_SYS_ADMIN, as in a container: fusermount3 cannot mount either",
             MOUNT_ADVICE);
    else if (!(status.st_mode & S_ISUID) || status.st_uid != 0) {
        (void)snprintf(cause, sizeof(cause), "not permitted, and %s is not set-user-ID root", path);
        fail(doctor, "mount", cause, MOUNT_ADVICE);
    } else if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
        fail(doctor, "mount", "not permitted, and no_new_privs takes the effect of set-user-ID from fusermount3",
             "start secretsfs without no_new_privs (systemd: NoNewPrivileges=no)");
    else
        report_say(doctor->report, STEP_OK, "mount", NULL, "through %s: only this user will see the mount", path);
}

/* fsopen() asks for the permission that a mount needs, and makes nothing that is seen. */
static void check_mount(struct doctor *doctor)
{
    _cleanup_close_ int context = fsopen("fuse", FSOPEN_CLOEXEC);
    if (context >= 0)
        report_say(doctor->report, STEP_OK, "mount", NULL, "permitted");
    else if (errno == ENODEV)
        fail(doctor, "mount", "the kernel knows no file system \"fuse\"", MODULE_ADVICE);
    else
        check_helper(doctor);
}

/* --- namespaces and memory --- */

/* In a child, because a process cannot leave a namespace. Some systems grant the namespace, and nothing in it. */
static int try_namespaces(void)
{
    int status = 0;
    pid_t child = fork();
    if (child < 0)
        return -errno;
    if (child == 0) {
        bool good =
            unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
        _exit(good ? 0 : errno & 0xff);
    }
    if (waitpid(child, &status, 0) < 0 || !WIFEXITED(status))
        return -EIO;
    return -WEXITSTATUS(status);
}

static void check_namespaces(struct doctor *doctor)
{
    int r = try_namespaces();
    if (r == 0)
        report_say(doctor->report, STEP_OK, "user-namespaces", NULL, "can be made");
    else
        report_add(doctor->report,
                   &(struct step){
                       .name = "user-namespaces",
                       .result = STEP_NOTE,
                       .detail = "cannot be made; `secretsfs exec` needs them where it is not run by root",
                       .cause = strerror(-r),
                       .remedy = r == -ENOSPC ? "raise /proc/sys/user/max_user_namespaces"
                                              : "see kernel.unprivileged_userns_clone, "
                                                "kernel.apparmor_restrict_unprivileged_userns, and the container's "
                                                "seccomp profile",
                   });
}

static void check_memory(struct doctor *doctor)
{
    _cleanup_close_ int fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);
    if (fd >= 0)
        report_say(doctor->report, STEP_OK, "memfd-secret", NULL, "secrets are kept where even root cannot read them");
    else
        report_say(doctor->report, STEP_NOTE, "memfd-secret", NULL,
                   "not available (%s): secrets are kept in locked memory instead", strerror(errno));
}

void doctor_check_system(struct doctor *doctor)
{
    check_device(doctor);
    check_mount(doctor);
    check_namespaces(doctor);
    check_memory(doctor);
}
