/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/secret.h"

#define LARGEST_BLOCK ((size_t)64 * 1024)

/* A byte that depends on its place and on the secret. */
static char pattern(size_t place, size_t salt)
{
    return (char)(1 + (place * 7 + salt * 31) % 255);
}

static struct secret *new_filled(size_t size_bytes, size_t salt)
{
    struct secret *secret = NULL;
    assert_int_equal(secret_alloc(size_bytes, &secret), 0);
    char *bytes = secret_fill(secret);
    for (size_t i = 0; i < size_bytes; i++)
        bytes[i] = pattern(i, salt);
    return secret;
}

static void assert_filled(const struct secret *secret, size_t size_bytes, size_t salt)
{
    const char *bytes = secret_bytes(secret);
    assert_int_equal(secret_size_bytes(secret), size_bytes);
    for (size_t i = 0; i < size_bytes; i++)
        if (bytes[i] != pattern(i, salt))
            fail_msg("byte %zu of %zu is not as it was written", i, size_bytes);
    assert_int_equal(bytes[size_bytes], '\0');
}

static bool is_zero(const char *bytes, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

/* Does the kernel have memfd_secret(2), and may we lock memory? */
static bool kernel_hides_memory(void)
{
    _cleanup_close_ int fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);
    if (fd < 0 || ftruncate(fd, 262144) < 0)
        return false;
    void *memory = mmap(NULL, 262144, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return memory != MAP_FAILED && munmap(memory, 262144) == 0;
}

static void new_copies_and_ends_with_nul(void **state)
{
    char text[] = "pass\0word";
    struct secret *secret = NULL;
    (void)state;
    assert_int_equal(secret_new(text, sizeof(text) - 1, &secret), 0);
    text[0] = 'X';
    assert_int_equal(secret_size_bytes(secret), 9);
    assert_memory_equal(secret_bytes(secret), "pass\0word", 10);
    secret_unref(secret);

    assert_int_equal(secret_new(NULL, 0, &secret), 0);
    assert_int_equal(secret_size_bytes(secret), 0);
    assert_string_equal(secret_bytes(secret), "");
    secret_unref(secret);
    secret_unref(NULL);
    assert_null(secret_ref(NULL));
}

/* All sizes around the edges of the blocks live at once, so that two that overlap would spoil each other. */
static void secrets_of_all_sizes_do_not_overlap(void **state)
{
    static const size_t offsets[] = {0, 1, 23, 24, 25, 26, 27, 28, 32};
    struct secret *secrets[16 * sizeof(offsets) / sizeof(offsets[0])];
    size_t sizes[sizeof(secrets) / sizeof(secrets[0])];
    size_t count = 0;
    (void)state;
    for (unsigned shift = 5; shift <= 18; shift++)
        for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
            sizes[count] = ((size_t)1 << shift) - offsets[i];
            secrets[count] = new_filled(sizes[count], count);
            count++;
        }
    for (size_t i = 0; i < count; i++)
        assert_filled(secrets[i], sizes[i], i);
    /* And again when every second one has made room for another. */
    for (size_t i = 0; i < count; i += 2) {
        secret_unref(secrets[i]);
        secrets[i] = new_filled(sizes[count - 1 - i], i);
        sizes[i] = sizes[count - 1 - i];
    }
    for (size_t i = 0; i < count; i++) {
        assert_filled(secrets[i], sizes[i], i);
        secret_unref(secrets[i]);
    }
}

static void block_is_wiped_on_the_last_unref(void **state)
{
    static const size_t sizes[] = {1, 8, 39, 40, 64, 1000, 4096, 32768, 65000, LARGEST_BLOCK - 64};
    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct secret *secret = new_filled(sizes[i], i);
        const char *bytes = secret_bytes(secret);
        assert_ptr_equal(secret_ref(secret), secret);
        secret_unref(secret);
        assert_filled(secret, sizes[i], i);
        secret_unref(secret);
        assert_true(is_zero(bytes, sizes[i] + 1)); /* the block stays mapped, for the next secret */
    }
}

static void large_secret_is_unmapped_on_the_last_unref(void **state)
{
    static const size_t sizes[] = {LARGEST_BLOCK, LARGEST_BLOCK + 1, 100000, 1 << 20};
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        unsigned char resident;
        struct secret *secret = new_filled(sizes[i], i);
        void *last_page = (void *)((uintptr_t)(secret_bytes(secret) + sizes[i] - 1) / page * page);
        assert_filled(secret, sizes[i], i);
        assert_int_equal(mincore(last_page, 1, &resident), 0);
        secret_unref(secret);
        assert_int_equal(mincore(last_page, 1, &resident), -1);
        assert_int_equal(errno, ENOMEM);
    }
}

static void too_large_is_refused(void **state)
{
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 64, SIZE_MAX / 2 + 1, (size_t)1 << 60};
    struct secret *secret = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        assert_int_equal(secret_alloc(sizes[i], &secret), -ENOMEM);
        assert_null(secret);
    }
}

/* What reads the memory of a process from outside gets nothing; ordinary memory it does get. */
static void others_cannot_read_the_bytes(void **state)
{
    static const size_t sizes[] = {16, 5000, LARGEST_BLOCK * 2};
    static char ordinary[16] = "not a secret";
    (void)state;
    if (!kernel_hides_memory()) {
        print_message("memfd_secret(2) cannot be used here\n");
        skip();
    }
    _cleanup_close_ int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    assert_true(memory >= 0);
    char copy[16] = "";
    assert_int_equal(pread(memory, copy, sizeof(copy), (off_t)(uintptr_t)ordinary), sizeof(copy));
    assert_memory_equal(copy, ordinary, sizeof(copy));

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct secret *secret = new_filled(sizes[i], i);
        uintptr_t address = (uintptr_t)secret_bytes(secret);
        for (uintptr_t at = address; at < address + sizes[i]; at += 4096)
            assert_int_equal(pread(memory, copy, sizeof(copy), (off_t)at), -1);
        struct iovec local = {copy, sizeof(copy)};
        struct iovec remote = {(void *)address, sizeof(copy)};
        assert_int_equal(process_vm_readv(getpid(), &local, 1, &remote, 1, 0), -1);
        assert_filled(secret, sizes[i], i);
        secret_unref(secret);
    }
}

/* --- threads --- */

#define THREADS 4
#define ROUNDS 5000

static void *share(void *argument)
{
    struct secret *secret = argument;
    intptr_t wrong = 0;
    for (size_t i = 0; i < ROUNDS; i++) {
        struct secret *mine = secret_ref(secret);
        wrong += secret_bytes(mine)[i % 100] != pattern(i % 100, 1);
        secret_unref(mine);
    }
    secret_unref(secret); /* the thread's own */
    return (void *)wrong;
}

static void *make_and_drop(void *argument)
{
    size_t salt = (size_t)(uintptr_t)argument;
    intptr_t wrong = 0;
    for (size_t i = 0; i < ROUNDS / 5; i++) {
        size_t size = i * 37 % 3000;
        struct secret *secret;
        if (secret_alloc(size, &secret) < 0)
            return (void *)(intptr_t)-1;
        char *bytes = secret_fill(secret);
        for (size_t k = 0; k < size; k++)
            bytes[k] = pattern(k, salt);
        for (size_t k = 0; k < size; k++)
            wrong += secret_bytes(secret)[k] != pattern(k, salt);
        secret_unref(secret);
    }
    return (void *)wrong;
}

static void join_all(const pthread_t *threads)
{
    for (size_t i = 0; i < THREADS; i++) {
        void *wrong;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
}

static void last_of_many_threads_wipes(void **state)
{
    pthread_t threads[THREADS];
    struct secret *secret = new_filled(100, 1);
    const char *bytes = secret_bytes(secret);
    (void)state;
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, share, secret_ref(secret)), 0);
    secret_unref(secret);
    join_all(threads);
    assert_true(is_zero(bytes, 101));
}

static void threads_make_secrets_of_their_own(void **state)
{
    pthread_t threads[THREADS];
    (void)state;
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, make_and_drop, (void *)(uintptr_t)i), 0);
    join_all(threads);
}

static void child_shares_only_what_was_there_before(void **state)
{
    enum { SIZE = 1000 };
    (void)state;
    struct secret *before = new_filled(SIZE, 1);
    struct secret *freed = new_filled(SIZE, 2);
    secret_unref(freed); /* its block is in a free list */
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        secret_after_fork();
        bool same = secret_bytes(before)[SIZE - 1] == pattern(SIZE - 1, 1);
        struct secret *first = new_filled(SIZE, 3);
        struct secret *second = new_filled(SIZE, 4);
        _exit(same && first && second ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);

    struct secret *after[2] = {NULL};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(secret_alloc(SIZE, &after[i]), 0);
        for (size_t place = sizeof(void *); place < SIZE; place++) /* nothing of the child's is in there */
            assert_int_equal(((const char *)secret_fill(after[i]))[place], 0);
        secret_unref(after[i]);
    }
    assert_filled(before, SIZE, 1);
    secret_unref(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_copies_and_ends_with_nul),
        cmocka_unit_test(secrets_of_all_sizes_do_not_overlap),
        cmocka_unit_test(block_is_wiped_on_the_last_unref),
        cmocka_unit_test(large_secret_is_unmapped_on_the_last_unref),
        cmocka_unit_test(too_large_is_refused),
        cmocka_unit_test(child_shares_only_what_was_there_before),
        cmocka_unit_test(others_cannot_read_the_bytes),
        cmocka_unit_test(last_of_many_threads_wipes),
        cmocka_unit_test(threads_make_secrets_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
