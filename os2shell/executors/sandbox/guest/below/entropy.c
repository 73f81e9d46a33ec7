/* Entropy: one stream of the seed's, and the names that draw from it. */
#include "world.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

#define BLOCK 64

static uint32_t key[8];
static _Atomic uint64_t drawn; /* bytes of the stream so far: who draws takes his part at once, and no lock */
static _Atomic uint64_t forks;

static uint32_t turn(uint32_t word, int by) { return word << by | word >> (32 - by); }

static void quarter(uint32_t *x, int a, int b, int c, int d)
{
    x[a] += x[b]; x[d] = turn(x[d] ^ x[a], 16);
    x[c] += x[d]; x[b] = turn(x[b] ^ x[c], 12);
    x[a] += x[b]; x[d] = turn(x[d] ^ x[a], 8);
    x[c] += x[d]; x[b] = turn(x[b] ^ x[c], 7);
}

/* RFC 8439, section 2.3, with a counter of 64 bits; ``stream`` sets apart what is not the same. */
static void chacha(uint64_t number, uint32_t stream, uint8_t *out)
{
    uint32_t first[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}, x[16];
    memcpy(first + 4, key, sizeof key);
    first[12] = (uint32_t)number;
    first[13] = (uint32_t)(number >> 32);
    first[14] = stream;
    memcpy(x, first, sizeof x);
    for (int round = 0; round < 10; round++) {
        quarter(x, 0, 4, 8, 12); quarter(x, 1, 5, 9, 13);
        quarter(x, 2, 6, 10, 14); quarter(x, 3, 7, 11, 15);
        quarter(x, 0, 5, 10, 15); quarter(x, 1, 6, 11, 12);
        quarter(x, 2, 7, 8, 13); quarter(x, 3, 4, 9, 14);
    }
    for (int at = 0; at < 16; at++)
        x[at] += first[at];
    memcpy(out, x, sizeof x);
}

void draw(void *into, size_t size)
{
    uint8_t *out = into, block[BLOCK];
    uint64_t at = atomic_fetch_add(&drawn, size);
    while (size) {
        size_t skipped = at % BLOCK, some = BLOCK - skipped < size ? BLOCK - skipped : size;
        chacha(at / BLOCK, 0, block);
        memcpy(out, block + skipped, some);
        at += some; out += some; size -= some;
    }
}

static void begin_stream(const uint8_t *from)
{
    memcpy(key, from, sizeof key);
    drawn = forks = 0;
}

void seed_entropy(const uint8_t *seed) { begin_stream(seed); }

static void before_fork(void) { forks++; }

static void in_child(void)
{
    uint8_t next[BLOCK];
    chacha(forks, 1, next);
    begin_stream(next);
}

__attribute__((constructor)) static void watch_forks(void)
{
    pthread_atfork(before_fork, NULL, in_child);
}

EXPORTED ssize_t getrandom(void *into, size_t size, unsigned flags)
{
    if (!awake)
        return told(KERNEL(SYS_getrandom, into, size, flags));
    draw(into, size);
    return (ssize_t)size;
}

EXPORTED int getentropy(void *into, size_t size)
{
    if (size > 256) {
        errno = EIO;
        return -1;
    }
    return getrandom(into, size, 0) < 0 ? -1 : 0;
}

EXPORTED void arc4random_buf(void *into, size_t size)
{
    uint8_t *out = into;
    for (size_t done = 0; done < size; done += 256)
        getentropy(out + done, size - done < 256 ? size - done : 256);
}

EXPORTED uint32_t arc4random(void)
{
    uint32_t word;
    arc4random_buf(&word, sizeof word);
    return word;
}

EXPORTED uint32_t arc4random_uniform(uint32_t bound)
{
    if (bound < 2)
        return 0;
    uint32_t word, least = -bound % bound;
    do
        word = arc4random();
    while (word < least);
    return word % bound;
}

/* std::random_device::operator(), which would ask the processor. */
EXPORTED unsigned _ZNSt13random_device9_M_getvalEv(void *device)
{
    (void)device;
    return arc4random();
}
