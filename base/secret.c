/* SPDX-License-Identifier: Apache-2.0 */

/* Memory for secrets.
 *
 * Blocks of powers of two, from 64 bytes to 64 KiB, are carved out of chunks of 256 KiB; a larger secret gets
 * a chunk of its own, which is unmapped with it. A chunk is memory of memfd_secret(2): the kernel takes it
 * out of its own direct map, so that neither a kernel bug that reads memory, nor /proc/PID/mem, nor ptrace, nor a
 * core file, nor swap ever shows it. Where that call is missing or the limit of locked memory is reached, a
 * chunk is anonymous memory that is locked (if the limit allows) and left out of core files.
 *
 * A block that is given back is wiped first, then kept in a free list of its size. */
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"

#define CHUNK_BYTES ((size_t)256 * 1024)
#define SMALLEST_SHIFT 6
#define LARGEST_SHIFT 16
#define CLASS_COUNT (LARGEST_SHIFT - SMALLEST_SHIFT + 1)

struct secret {
    atomic_uint references;
    uint32_t block_class; /* CLASS_COUNT: a chunk of its own */
    size_t block_bytes;
    size_t size_bytes;
    char bytes[]; /* size_bytes and one NUL */
};

struct free_block {
    struct free_block *next;
};

/* Protected by `lock`. */
static struct {
    pthread_mutex_t lock;
    struct free_block *free_blocks[CLASS_COUNT];
    char *chunk; /* what is left of the newest chunk */
    size_t chunk_left_bytes;
    bool told;
} arena = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void *map_memfd_secret(size_t size_bytes)
{
    _cleanup_close_ int fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t)size_bytes) < 0)
        return NULL;
    void *memory = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static void *map_locked(size_t size_bytes, bool *told)
{
    void *memory = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    (void)madvise(memory, size_bytes, MADV_DONTDUMP);
    bool locked = mlock(memory, size_bytes) == 0;
    if (!*told) {
        *told = true;
        if (locked)
            log_info("memfd_secret(2) cannot be used here: secrets are kept in locked memory");
        else
            log_warning("memory for secrets cannot be locked and may be swapped out: raise the limit of locked memory "
                        "(ulimit -l, LimitMEMLOCK=)");
    }
    return memory;
}

static void *map_chunk(size_t size_bytes)
{
    void *memory = map_memfd_secret(size_bytes);
    return memory ? memory : map_locked(size_bytes, &arena.told);
}

/* With the lock held. */
static void *block_take(uint32_t block_class)
{
    struct free_block *block = arena.free_blocks[block_class];
    if (block) {
        arena.free_blocks[block_class] = block->next;
        return block;
    }
    size_t block_bytes = (size_t)1 << (SMALLEST_SHIFT + block_class);
    if (arena.chunk_left_bytes < block_bytes) {
        /* What is left of the old chunk is given up: less than one block of the class asked for. */
        char *chunk = map_chunk(CHUNK_BYTES);
        if (!chunk)
            return NULL;
        arena.chunk = chunk;
        arena.chunk_left_bytes = CHUNK_BYTES;
    }
    void *taken = arena.chunk;
    arena.chunk += block_bytes;
    arena.chunk_left_bytes -= block_bytes;
    return taken;
}

static uint32_t class_of(size_t size_bytes)
{
    uint32_t block_class = 0;
    while (block_class < CLASS_COUNT && ((size_t)1 << (SMALLEST_SHIFT + block_class)) < size_bytes)
        block_class++;
    return block_class;
}

int secret_alloc(size_t size_bytes, struct secret **ret_secret)
{
    if (size_bytes > SIZE_MAX / 2)
        return -ENOMEM;
    size_t needed = sizeof(struct secret) + size_bytes + 1;
    uint32_t block_class = class_of(needed);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t block_bytes =
        block_class < CLASS_COUNT ? (size_t)1 << (SMALLEST_SHIFT + block_class) : (needed + page - 1) / page * page;

    (void)pthread_mutex_lock(&arena.lock);
    struct secret *secret = block_class < CLASS_COUNT ? block_take(block_class) : map_chunk(block_bytes);
    (void)pthread_mutex_unlock(&arena.lock);
    if (!secret)
        return -ENOMEM;
    atomic_init(&secret->references, 1);
    secret->block_class = block_class;
    secret->block_bytes = block_bytes;
    secret->size_bytes = size_bytes;
    secret->bytes[size_bytes] = '\0';
    *ret_secret = secret;
    return 0;
}

int secret_new(const void *bytes, size_t size_bytes, struct secret **ret_secret)
{
    struct secret *secret;
    int r = secret_alloc(size_bytes, &secret);
    if (r < 0)
        return r;
    if (size_bytes > 0)
        memcpy(secret->bytes, bytes, size_bytes);
    *ret_secret = secret;
    return 0;
}

void *secret_fill(struct secret *secret)
{
    return secret->bytes;
}

struct secret *secret_ref(struct secret *secret)
{
    if (secret)
        (void)atomic_fetch_add_explicit(&secret->references, 1, memory_order_relaxed);
    return secret;
}

void secret_unref(struct secret *secret)
{
    /* Release, so that reads of other holders come before the wipe; acquire, so that the wipe comes after. */
    if (!secret || atomic_fetch_sub_explicit(&secret->references, 1, memory_order_acq_rel) != 1)
        return;
    uint32_t block_class = secret->block_class;
    size_t block_bytes = secret->block_bytes;
    explicit_bzero(secret, sizeof(*secret) + secret->size_bytes + 1);
    if (block_class == CLASS_COUNT) {
        (void)munmap(secret, block_bytes);
        return;
    }
    struct free_block *block = (struct free_block *)(void *)secret;
    (void)pthread_mutex_lock(&arena.lock);
    block->next = arena.free_blocks[block_class];
    arena.free_blocks[block_class] = block;
    (void)pthread_mutex_unlock(&arena.lock);
}

/* The chunks at hand are shared memory, so the child begins with none. */
void secret_after_fork(void)
{
    arena.chunk = NULL;
    arena.chunk_left_bytes = 0;
    for (size_t i = 0; i < CLASS_COUNT; i++)
        arena.free_blocks[i] = NULL;
}

const char *secret_bytes(const struct secret *secret)
{
    return secret->bytes;
}

size_t secret_size_bytes(const struct secret *secret)
{
    return secret->size_bytes;
}
