/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Random input for tests. The seed is printed; a run is repeated with SECRETSFS_TEST_SEED=<seed>. */

#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

struct random {
    uint64_t state;
};

static inline struct random random_new(void)
{
    struct random random = {0};
    const char *seed = getenv("SECRETSFS_TEST_SEED");
    if (seed)
        random.state = strtoull(seed, NULL, 10);
    else if (getrandom(&random.state, sizeof(random.state), 0) < 0)
        random.state = 1;
    (void)printf("SECRETSFS_TEST_SEED=%" PRIu64 "\n", random.state);
    return random;
}

/* A number below `bound` (splitmix64). */
static inline size_t random_below(struct random *random, size_t bound)
{
    uint64_t mixed = random->state += UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return (mixed ^ mixed >> 31) % bound;
}
