/* SPDX-License-Identifier: Apache-2.0 */

/* Times system calls whose answers are cached: warm read|list ITERATIONS PATH...
 *
 * `read` opens, reads to the end and closes a file; `list` does the same with a directory. The paths take turns,
 * ROUNDS times, so that whatever else the machine does strikes all of them alike. For each path, one line: the
 * nanoseconds of one iteration in the best and in the median round. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 41
#define MAX_PATHS 8
#define NS_PER_SEC UINT64_C(1000000000)

static uint64_t now_ns(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_SEC + (uint64_t)now.tv_nsec;
}

static int read_file(const char *path)
{
    char bytes[4096];
    ssize_t count;
    int fd;

    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    do {
        count = read(fd, bytes, sizeof(bytes));
    } while (count > 0);
    if (close(fd) < 0)
        return -1;
    return count < 0 ? -1 : 0;
}

static int list_directory(const char *path)
{
    DIR *directory;

    directory = opendir(path);
    if (!directory)
        return -1;
    errno = 0;
    while (readdir(directory))
        ;
    if (errno) {
        (void)closedir(directory);
        return -1;
    }
    return closedir(directory);
}

static int compare(const void *a, const void *b)
{
    const uint64_t *left = a;
    const uint64_t *right = b;

    return (*left > *right) - (*left < *right);
}

/* Nanoseconds of one iteration, or 0 when the path cannot be read. */
static uint64_t time_round(int (*action)(const char *path), const char *path, uint64_t iterations)
{
    uint64_t begin = now_ns();

    for (uint64_t i = 0; i < iterations; i++)
        if (action(path) < 0)
            return 0;
    return (now_ns() - begin) / iterations;
}

int main(int argc, char **argv)
{
    uint64_t rounds[MAX_PATHS][ROUNDS];
    int (*action)(const char *path) = argc > 1 && strcmp(argv[1], "list") == 0 ? list_directory : read_file;
    int paths = argc - 3;
    uint64_t iterations = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;

    if (paths < 1 || paths > MAX_PATHS || !iterations) {
        (void)fprintf(stderr, "usage: warm read|list ITERATIONS PATH...\n");
        return 2;
    }
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < paths; i++) {
            rounds[i][round] = time_round(action, argv[3 + i], iterations);
            if (!rounds[i][round]) {
                (void)fprintf(stderr, "warm: %s: %s\n", argv[3 + i], strerrordesc_np(errno));
                return 1;
            }
        }
    for (int i = 0; i < paths; i++) {
        qsort(rounds[i], ROUNDS, sizeof(rounds[i][0]), compare);
        (void)printf("%ju %ju %s\n", (uintmax_t)rounds[i][0], (uintmax_t)rounds[i][ROUNDS / 2], argv[3 + i]);
    }
    return 0;
}
