/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

struct command {
    char *text;
    uint64_t started_ns;
    pid_t pid; /* of the shell, and of its session and process group */
    bool ended;
    siginfo_t end;
    int process_fd; /* pidfd: readable when the shell has ended */
    int output_fd, error_fd;
    struct buffer output;
    uint64_t error_bytes;
};

/* Keys belong to this process alone, also what would be half a pair, and so does its supervisor. */
static bool is_passed_on(const char *variable)
{
    static const char *const kept_back[] = {
        "AWS_ACCESS_KEY_ID=",  "AWS_SECRET_ACCESS_KEY=",     "AWS_SESSION_TOKEN=",
        "AWS_SECURITY_TOKEN=", "AWS_CREDENTIAL_EXPIRATION=", "AWS_CONTAINER_AUTHORIZATION_TOKEN=",
        "NOTIFY_SOCKET=",
    };
    for (size_t i = 0; i < sizeof(kept_back) / sizeof(kept_back[0]); i++)
        if (strncmp(variable, kept_back[i], strlen(kept_back[i])) == 0)
            return false;
    return true;
}

/* The environment of the command; the array is to be freed, the texts are those of this process. */
static char **make_environment(void)
{
    size_t count = 0, kept = 0;
    while (environ && environ[count])
        count++;
    char **variables = calloc(count + 1, sizeof(*variables));
    for (size_t i = 0; variables && i < count; i++)
        if (is_passed_on(environ[i]))
            variables[kept++] = environ[i];
    return variables;
}

/* No signal is blocked or ignored in the command, as they are in this process. */
static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    int r = posix_spawnattr_setsigmask(attributes, &none);
    if (r == 0)
        r = posix_spawnattr_setsigdefault(attributes, &all);
    if (r == 0)
        r = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    return r;
}

static int set_files(posix_spawn_file_actions_t *files, int output_fd, int error_fd)
{
    int r = posix_spawn_file_actions_adddup2(files, output_fd, STDOUT_FILENO);
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(files, error_fd, STDERR_FILENO);
    if (r == 0)
        r = posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (r == 0)
        r = posix_spawn_file_actions_addclosefrom_np(files, STDERR_FILENO + 1);
    return r;
}

/* posix_spawn() does not fork: no page of this process, and so no secret, is copied, and nothing runs between fork and
 * exec that other threads could have left locked. */
static int spawn(struct command *command, int output_fd, int error_fd)
{
    char shell[] = "sh", option[] = "-c";
    char *arguments[] = {shell, option, command->text, NULL};
    _cleanup_free_ char **variables = make_environment();
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t files;

    if (!variables || posix_spawnattr_init(&attributes) != 0)
        return -ENOMEM;
    if (posix_spawn_file_actions_init(&files) != 0) {
        (void)posix_spawnattr_destroy(&attributes);
        return -ENOMEM;
    }
    int r = set_attributes(&attributes);
    if (r == 0)
        r = set_files(&files, output_fd, error_fd);
    if (r == 0)
        r = posix_spawn(&command->pid, "/bin/sh", &files, &attributes, arguments, variables);
    if (r != 0)
        command->pid = 0;
    (void)posix_spawn_file_actions_destroy(&files);
    (void)posix_spawnattr_destroy(&attributes);
    return -r;
}

/* A pipe of which this process reads without waiting. Its other end is not one of the first three descriptors, which
 * the command gets anew. */
static int make_pipe(int *ret_read_fd, int *ret_write_fd)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    _cleanup_close_ int read_fd = ends[0];
    _cleanup_close_ int low_fd = ends[1];
    int write_fd = fcntl(low_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (write_fd < 0)
        return -errno;
    if (fcntl(read_fd, F_SETFL, O_NONBLOCK) < 0) {
        (void)close(write_fd);
        return -errno;
    }
    *ret_read_fd = steal_fd(&read_fd);
    *ret_write_fd = write_fd;
    return 0;
}

int command_start(const char *text, struct command **ret_command)
{
    _cleanup_close_ int output_fd = -1;
    _cleanup_close_ int error_fd = -1;
    _cleanup_command_ struct command *command = calloc(1, sizeof(*command));
    if (!command)
        return -ENOMEM;
    command->process_fd = command->output_fd = command->error_fd = -1;
    buffer_init(&command->output, COMMAND_MAX_OUTPUT_BYTES);
    command->text = strdup(text);
    if (!command->text)
        return -ENOMEM;
    int r = make_pipe(&command->output_fd, &output_fd);
    if (r == 0)
        r = make_pipe(&command->error_fd, &error_fd);
    if (r == 0)
        r = spawn(command, output_fd, error_fd);
    if (r < 0)
        return r;
    command->started_ns = clock_monotonic_ns();
    command->process_fd = (int)syscall(SYS_pidfd_open, command->pid, 0);
    if (command->process_fd < 0)
        return -errno;
    *ret_command = STEAL(command);
    return 0;
}

/* Takes what there is in a pipe (more than a full one, but not for ever); closes it at its end. */
static int take(int *fd, struct buffer *kept, uint64_t *count)
{
    char block[4096];
    ssize_t size = 0;
    int r = 0;
    for (size_t taken = 0; *fd >= 0 && r == 0 && taken <= COMMAND_MAX_OUTPUT_BYTES; taken += (size_t)size) {
        size = read(*fd, block, sizeof(block));
        if (size < 0) {
            r = errno == EAGAIN || errno == EINTR ? 0 : -errno;
            break;
        }
        if (size > 0 && kept)
            r = buffer_append(kept, block, (size_t)size);
        if (size > 0)
            *count += (uint64_t)size;
        if (size == 0) {
            (void)close(*fd);
            *fd = -1;
        }
    }
    explicit_bzero(block, sizeof(block));
    return r;
}

static int take_all(struct command *command)
{
    uint64_t output_bytes = 0;
    int r = take(&command->output_fd, &command->output, &output_bytes);
    return r < 0 ? r : take(&command->error_fd, NULL, &command->error_bytes);
}

static int reap(struct command *command)
{
    int r;
    do
        r = waitid(P_PID, (id_t)command->pid, &command->end, WEXITED);
    while (r < 0 && errno == EINTR);
    if (r < 0)
        return -errno;
    command->ended = true;
    return 0;
}

/* What the shell has left running may keep the pipes open: they are read as far as they are full. */
int command_wait(struct command *command, int cancel_fd, uint64_t deadline_ns)
{
    while (!command->ended) {
        struct pollfd fds[] = {
            {.fd = command->process_fd, .events = POLLIN},
            {.fd = cancel_fd, .events = POLLIN},
            {.fd = command->output_fd, .events = POLLIN},
            {.fd = command->error_fd, .events = POLLIN},
        };
        uint64_t now_ns = clock_monotonic_ns();
        uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
        struct timespec left = {(time_t)(left_ns / NS_PER_SEC), (long)(left_ns % NS_PER_SEC)};
        int ready = ppoll(fds, sizeof(fds) / sizeof(fds[0]), &left, NULL);
        if (ready < 0 && errno != EINTR)
            return -errno;
        if (ready > 0 && fds[1].revents)
            return -ECANCELED;
        int r = take_all(command);
        if (r < 0)
            return r;
        if (ready > 0 && fds[0].revents)
            return reap(command);
        if (ready == 0 && left_ns == 0)
            return -ETIMEDOUT;
    }
    return 0;
}

void command_free(struct command *command)
{
    if (!command)
        return;
    /* Until it has been waited for, its number is nobody else's. */
    if (command->pid > 0 && !command->ended) {
        (void)kill(-command->pid, SIGKILL);
        (void)reap(command);
    }
    const int fds[] = {command->process_fd, command->output_fd, command->error_fd};
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        if (fds[i] >= 0)
            (void)close(fds[i]);
    buffer_clear(&command->output);
    free(command->text);
    free(command);
}

const char *command_text(const struct command *command)
{
    return command->text;
}

uint64_t command_started_ns(const struct command *command)
{
    return command->started_ns;
}

const struct buffer *command_output(const struct command *command)
{
    return &command->output;
}

int command_exit_code(const struct command *command)
{
    return command->end.si_code == CLD_EXITED ? command->end.si_status : -1;
}

int command_signal(const struct command *command)
{
    return command->end.si_code == CLD_EXITED ? 0 : command->end.si_status;
}

uint64_t command_error_bytes(const struct command *command)
{
    return command->error_bytes;
}
