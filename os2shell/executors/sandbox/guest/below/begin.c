/* Beginning: who lives here, and what the boot tells of the world. */
#include "world.h"

#include <string.h>
#include <sys/auxv.h>

__attribute__((constructor)) static void begin(void)
{
    find_interpreter();
    void *kernels = (void *)getauxval(AT_RANDOM);
    if (kernels)
        memset(kernels, 0x5a, 16); /* the C library has taken its canary from there already */
}

/* In which world this process lives: 32 bytes of seed, 8 of Unix nanoseconds. */
EXPORTED void os2_world(const uint8_t *seed, const uint8_t *first_instant)
{
    int64_t start;
    memcpy(&start, first_instant, sizeof start);
    seed_entropy(seed);
    start_ns = start;
    atomic_store(&now_ns, start);
    know_files();
    awake = 1;
}

/* Python's clock has gone as far as ``instant``. */
EXPORTED void os2_reach(const uint8_t *told_instant)
{
    int64_t instant;
    memcpy(&instant, told_instant, sizeof instant);
    move_to(instant);
}
