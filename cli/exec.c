/* SPDX-License-Identifier: Apache-2.0 */

/* `secretsfs exec`: four processes in one mount namespace. The one that was called stands between its caller and the
 * command, its child, which begins when the mount answers. Its other child, in a session of its own and without the
 * files of the caller, supervises the daemon, which mounts and serves: when that crashes, another one takes its place.
 * No child outlives its parent: the kernel tells them of its death. When the last process of the namespace has ended,
 * nothing is left of the mount.
 *
 * With --no-fuse the daemon writes files: onto a tmpfs mounted in the namespace or, where there can be none, into a
 * private directory of a tmpfs that is there. */
#include "cli/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cli/file_env.h"
#include "cli/namespace.h"
#include "cli/options.h"
#include "cli/process.h"
#include "cli/relay.h"
#include "cli/serve.h"
#include "cli/supervise.h"
#include "sync/place.h"

/* As env(1), nohup(1) and docker-run(1) end. */
enum {
    EXIT_OWN_FAILURE = 125, /* not the command's */
    EXIT_CANNOT_RUN = 126,
    EXIT_NOT_THERE = 127,
};

struct folder {
    char *path;
    bool ours; /* made for this run, and removed after it */
};

struct exec {
    const struct options *options;
    struct folder folder;
    bool in_namespace;      /* of mounts */
    bool in_user_namespace; /* too */
    struct relay relay;
};

static int fail(const char *message)
{
    (void)fprintf(stderr, "secretsfs: exec: %s\n", message);
    return EXIT_OWN_FAILURE;
}

/* --- where the secrets are --- */

static bool is_in_memory(const char *path)
{
    struct statfs status;
    return statfs(path, &status) == 0 && status.f_type == TMPFS_MAGIC;
}

/* Could another user put something else in the place of what we make there? */
static bool is_ours_to_use(const char *path)
{
    struct stat status;
    if (stat(path, &status) < 0 || (status.st_uid != 0 && status.st_uid != geteuid()))
        return false;
    return (status.st_mode & (S_IWGRP | S_IWOTH)) == 0 || (status.st_mode & S_ISVTX);
}

static int take_folder(const struct options *options, struct folder *ret_folder, struct error *ret_error)
{
    if (options->make_mountpoint)
        (void)mkdir(options->at, 0755); /* if it failed, the next line tells */
    _cleanup_free_ char *path = realpath(options->at, NULL);
    if (!path)
        return error_set(ret_error, ERROR_INTERNAL, "--at %s: %s; create it with: mkdir -p %s", options->at,
                         strerror(errno), options->at);
    if (strcmp(path, "/") == 0 || strcmp(path, "/proc") == 0)
        return error_set(ret_error, ERROR_BAD_REQUEST,
                         "--at %s: no process can do without what is there; name another directory", options->at);
    *ret_folder = (struct folder){.path = STEAL(path)};
    return 0;
}

/* `in_memory`: what is written there must not reach a disk. */
static int find_folder(const struct options *options, bool in_memory, struct folder *ret_folder,
                       struct error *ret_error)
{
    const char *const folders[] = {getenv("XDG_RUNTIME_DIR"), getenv("TMPDIR"), "/tmp", "/dev/shm"};
    char *path = NULL;
    if (options->at)
        return take_folder(options, ret_folder, ret_error);
    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
        if (!folders[i] || folders[i][0] != '/' || !is_ours_to_use(folders[i]) ||
            (in_memory && !is_in_memory(folders[i])) || asprintf(&path, "%s/secretsfs.XXXXXX", folders[i]) < 0)
            continue;
        if (mkdtemp(path)) {
            *ret_folder = (struct folder){path, true};
            return 0;
        }
        free(path);
    }
    return error_set(ret_error, ERROR_INTERNAL,
                     "no directory can be made for the secrets in XDG_RUNTIME_DIR, TMPDIR, /tmp or /dev/shm; name one "
                     "with --at DIR");
}

/* `for_others`: who owns the files may be another user. */
static int mount_memory(const char *path, bool for_others, struct error *ret_error)
{
    const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    const char *mode = for_others ? "mode=0755" : "mode=0700";
    const char *unswapped = for_others ? "mode=0755,noswap" : "mode=0700,noswap"; /* Linux 6.4, for root */
    if (mount("secretsfs", path, "tmpfs", flags, unswapped) == 0 || mount("secretsfs", path, "tmpfs", flags, mode) == 0)
        return 0;
    return error_set(ret_error, ERROR_INTERNAL, "cannot mount a tmpfs on %s: %s", path, strerror(errno));
}

/* What a daemon that has crashed could not do is done here. Only without a namespace there may be files. */
static void leave_folder(struct exec *exec)
{
    struct folder *folder = &exec->folder;
    if (folder->ours && rmdir(folder->path) < 0) {
        if (errno == EBUSY)
            (void)umount2(folder->path, MNT_DETACH | UMOUNT_NOFOLLOW);
        (void)(exec->in_namespace ? rmdir(folder->path) : place_remove_all(AT_FDCWD, folder->path));
    }
    free(STEAL(folder->path));
}

/* --- the daemon --- */

static void let_go_of_files(void)
{
    _cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = STDIN_FILENO; fd <= STDOUT_FILENO; fd++)
        (void)dup2(null, fd);
}

struct daemon {
    struct exec *exec;
    int ready_fd; /* tells the caller's process */
};

static void ready(void *context)
{
    (void)context;
    (void)!chdir("/");
    process_ready();
}

static int work(void *context)
{
    struct daemon *daemon = context;
    const struct options *options = daemon->exec->options;
    struct error error = {0};
    if (daemon->ready_fd >= 0)
        (void)close(steal_fd(&daemon->ready_fd));
    int r = (options->no_fuse ? serve_sync : serve_mount)(options, daemon->exec->folder.path, ready, NULL, &error);
    if (r < 0)
        log_error("%s", error.message);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* In the supervisor. */
static void first_ready(void *context)
{
    struct daemon *daemon = context;
    (void)!write(daemon->ready_fd, "R", 1);
    (void)close(steal_fd(&daemon->ready_fd));
}

/* Does not return. `ready_fd` tells the parent. */
static _Noreturn void be_supervisor(struct exec *exec, pid_t parent, int ready_fd)
{
    struct daemon daemon = {exec, dup2(ready_fd, STDERR_FILENO + 1)};
    const struct supervised supervised = {exec->folder.path, work, first_ready, &daemon};
    int status = EXIT_FAILURE;
    closefrom(STDERR_FILENO + 2);
    let_go_of_files();
    (void)setsid();
    (void)unsetenv("NOTIFY_SOCKET"); /* the command's, if anybody's */
    relay_leave(&exec->relay);
    process_harden();
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    const struct options *options = exec->options;
    int r =
        log_open(options->log_given ? options->log_target : LOG_TARGET_STDERR, options->log_path, options->log_level);
    if (r < 0)
        (void)fprintf(stderr, "secretsfs: exec: cannot open the log %s: %s\n",
                      options->log_path ? options->log_path : "", strerror(-r));
    else if (getppid() == parent)
        status = supervise(&supervised);
    leave_folder(exec);
    exit(status);
}

/* Returns 0 once the mount answers, -ECANCELED when the daemon has said why it does not, or -EINTR when a signal has
 * come before that, as if it had ended the command. */
static int start_daemon(struct exec *exec)
{
    int ends[2];
    char told = '\0';
    pid_t self = getpid();
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    _cleanup_close_ int read_end = ends[0];
    pid_t child = fork();
    if (child == 0)
        be_supervisor(exec, self, ends[1]);
    int r = child < 0 ? -errno : 0;
    (void)close(ends[1]);
    if (r < 0)
        return r;
    exec->relay.daemon = child;
    r = relay_wait(&exec->relay, read_end);
    if (r < 0)
        return r;
    return read(read_end, &told, 1) == 1 ? 0 : -ECANCELED;
}

/* --- the command --- */

static int set_environment(const struct exec *exec, struct error *ret_error)
{
    const struct options *options = exec->options;
    int r = setenv("SECRETS_DIR", exec->folder.path, 1) < 0 ? -errno : 0;
    for (size_t i = 0; options->clear_aws_env && environ[i];) {
        _cleanup_free_ char *name = strndup(environ[i], strcspn(environ[i], "="));
        if (!name || strncmp(name, "AWS_", 4) != 0 || unsetenv(name) < 0)
            i++;
    }
    for (size_t i = 0; i < options->file_env.count && r >= 0; i++)
        r = file_env_set(exec->folder.path, options->file_env.texts[i], ret_error);
    return r;
}

/* Does not return. */
static _Noreturn void be_command(const struct exec *exec, pid_t parent)
{
    char **arguments = exec->options->command;
    struct error error = {0};
    int r = 0;
    if (!exec->relay.terminal)
        (void)setpgid(0, 0);
    if (exec->in_user_namespace)
        r = namespace_drop_privileges();
    if (r < 0)
        _exit(fail(strerror(-r)));
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* after that: a change of privileges clears it */
    relay_leave(&exec->relay);
    if (getppid() != parent)
        _exit(EXIT_OWN_FAILURE);
    if (set_environment(exec, &error) < 0)
        _exit(fail(error.message));
    (void)execvp(arguments[0], arguments);
    r = errno;
    (void)fprintf(stderr, "secretsfs: exec: %s: %s\n", arguments[0], strerror(r));
    _exit(r == ENOENT ? EXIT_NOT_THERE : EXIT_CANNOT_RUN);
}

static int start_command(struct exec *exec)
{
    pid_t self = getpid();
    (void)prctl(PR_SET_DUMPABLE, 0); /* the environment has credentials; execve(2) lifts it for the command */
    pid_t child = fork();
    if (child == 0)
        be_command(exec, self);
    if (child < 0)
        return -errno;
    exec->relay.command = child;
    process_scrub_environment();
    /* What the command closes must not be held open here. */
    closefrom(STDERR_FILENO + 1);
    let_go_of_files();
    return 0;
}

/* --- all of it --- */

/* What the daemon would fail with, said for people who have another way. */
static int check_device(struct error *ret_error)
{
    _cleanup_close_ int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (device >= 0)
        return 0;
    if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
        return error_set(ret_error, ERROR_INTERNAL,
                         "there is no /dev/fuse: load the module (modprobe fuse), or give the container the device "
                         "(--device /dev/fuse); or use --no-fuse");
    return error_set(ret_error, ERROR_INTERNAL,
                     "/dev/fuse: %s; allow it (chmod 666 /dev/fuse, or --device /dev/fuse for a container), or use "
                     "--no-fuse",
                     strerror(errno));
}

static int enter(struct exec *exec, struct error *ret_error)
{
    const struct options *options = exec->options;
    int r = exec->in_namespace ? namespace_enter(&exec->in_user_namespace, ret_error) : 0;
    if (r >= 0 && exec->in_user_namespace && (options->uid != geteuid() || options->gid != getegid()))
        r = error_set(ret_error, ERROR_BAD_REQUEST,
                      "--uid and --gid: without the privilege to mount (root, CAP_SYS_ADMIN) files are your own");
    if (r >= 0 && !options->no_fuse)
        r = check_device(ret_error);
    if (r >= 0 && options->no_fuse && exec->in_namespace)
        r = mount_memory(exec->folder.path, !exec->in_user_namespace, ret_error);
    return r;
}

/* The folder comes first: in a user namespace one cannot see whom a directory belongs to. */
static int prepare(struct exec *exec, struct error *ret_error)
{
    const struct options *options = exec->options;
    exec->in_namespace = !options->no_fuse || namespace_is_possible();
    int r = find_folder(options, !exec->in_namespace, &exec->folder, ret_error);
    if (r < 0)
        return r;
    r = enter(exec, ret_error);
    if (r < 0)
        leave_folder(exec);
    return r;
}

static int run(struct exec *exec)
{
    int r = start_daemon(exec);
    if (r >= 0)
        r = start_command(exec);
    if (r >= 0)
        relay_run(&exec->relay);
    relay_end_daemon(&exec->relay);
    leave_folder(exec);
    if (r < 0 && r != -EINTR)
        return r == -ECANCELED ? EXIT_OWN_FAILURE : fail(strerror(-r));
    relay_exit(&exec->relay);
}

int command_exec(int count, char **arguments)
{
    _cleanup_options_ struct options options = {0};
    struct exec exec = {.options = &options};
    struct error error = {0};
    int r = options_parse(COMMAND_EXEC, count, arguments, false, &options, &error);
    if (r >= 0)
        r = prepare(&exec, &error);
    if (r < 0)
        return fail(error.message);
    relay_begin(&exec.relay);
    return run(&exec);
}
