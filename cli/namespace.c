/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

#define INSTEAD "; or use --no-fuse"

/* The first character of a file of one number, or '\0'. */
static char first_of(const char *path)
{
    char text = '\0';
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, &text, 1) == 1 ? text : '\0';
}

static int explain(int r, struct error *ret_error)
{
    const char *what;
    if (first_of("/proc/sys/user/max_user_namespaces") == '0')
        what = "user.max_user_namespaces is 0; allow some (sysctl user.max_user_namespaces=15000)" INSTEAD;
    else if (first_of("/proc/sys/kernel/unprivileged_userns_clone") == '0')
        what = "kernel.unprivileged_userns_clone is 0; allow them (sysctl kernel.unprivileged_userns_clone=1)" INSTEAD;
    else if (first_of("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == '1')
        what = "AppArmor restricts them; give secretsfs a profile with the rule \"userns,\", or allow them to all "
               "(sysctl kernel.apparmor_restrict_unprivileged_userns=0)" INSTEAD;
    else if (r == -EPERM)
        what = "the container or sandbox forbids it (seccomp, chroot); run it with --cap-add SYS_ADMIN --device "
               "/dev/fuse" INSTEAD;
    else if (r == -ENOSPC || r == -EUSERS)
        what = "there are too many, or too many inside each other; see sysctl user.max_user_namespaces and "
               "user.max_mnt_namespaces" INSTEAD;
    else if (r == -EINVAL)
        what = "the kernel is built without CONFIG_USER_NS" INSTEAD;
    else
        what = "see user_namespaces(7)" INSTEAD;
    return error_set(ret_error, ERROR_INTERNAL, "cannot make a user namespace (%s): %s", strerror(-r), what);
}

static int write_text(const char *path, const char *text)
{
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

/* Each id stands for itself; all others for nobody. A process that could still drop groups could get around modes
 * such as 0604, so the kernel wants that given up before it lets anybody map a group. */
static int map_ids(uid_t uid, gid_t gid)
{
    char users[32];
    char groups[32];
    (void)snprintf(users, sizeof(users), "%u %u 1", uid, uid);
    (void)snprintf(groups, sizeof(groups), "%u %u 1", gid, gid);
    int r = write_text("/proc/self/uid_map", users);
    if (r >= 0)
        r = write_text("/proc/self/setgroups", "deny");
    if (r >= 0)
        r = write_text("/proc/self/gid_map", groups);
    return r;
}

static int enter_user_namespace(struct error *ret_error)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();
    int r = unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 ? -errno : map_ids(uid, gid);
    return r < 0 ? explain(r, ret_error) : 0;
}

int namespace_enter(bool *ret_is_user, struct error *ret_error)
{
    bool is_user = unshare(CLONE_NEWNS) < 0;
    int r = is_user ? enter_user_namespace(ret_error) : 0;
    if (r < 0)
        return r;
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
        return is_user ? explain(-errno, ret_error)
                       : error_set(ret_error, ERROR_INTERNAL, "cannot make mounts private: %s", strerror(errno));
    *ret_is_user = is_user;
    return 0;
}

bool namespace_is_possible(void)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        bool is_user;
        _exit(namespace_enter(&is_user, NULL) < 0 ? 1 : 0);
    }
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

int namespace_drop_privileges(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
    for (unsigned long capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)
            return -errno;
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 || syscall(SYS_capset, &header, none) < 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    return 0;
}
