/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wait.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>

#include "base/clock.h"

int wait_for_descriptors(struct pollfd *polled, size_t count, uint64_t until_ns)
{
    uint64_t now_ns = clock_monotonic_ns();
    struct timespec timeout = {0};
    if (until_ns > now_ns) {
        timeout.tv_sec = (time_t)((until_ns - now_ns) / NS_PER_SEC);
        timeout.tv_nsec = (long)((until_ns - now_ns) % NS_PER_SEC);
    }
    int r = ppoll(polled, count, until_ns == CLOCK_NEVER_NS ? NULL : &timeout, NULL);
    if (r >= 0)
        return 0;
    for (size_t i = 0; i < count; i++)
        polled[i].revents = 0;
    return errno == EINTR ? 0 : -errno;
}

int wait_open_signals(void)
{
    sigset_t signals;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGHUP);
    int fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}
