/* The clock: one counter, and the C library's names that read it. */
#include "world.h"

#include <errno.h>
#include <link.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>
#include <unistd.h>

#define RANGES 8

int awake;
int64_t start_ns;
_Atomic int64_t now_ns;
static struct range ours[RANGES];
static int ranges;

/* ---- who calls ---------------------------------------------------------------------------- */

static int note_range(struct dl_phdr_info *object, size_t size, void *data)
{
    (void)size;
    int *first = data;
    int program = *first;
    *first = 0;
    if (!program && !strstr(object->dlpi_name, "libpython"))
        return 0;
    for (int at = 0; at < object->dlpi_phnum && ranges < RANGES; at++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[at];
        if (part->p_type == PT_LOAD && part->p_flags & PF_X) {
            ours[ranges].low = object->dlpi_addr + part->p_vaddr;
            ours[ranges].high = ours[ranges].low + part->p_memsz;
            ranges++;
        }
    }
    return 0;
}

void find_interpreter(void)
{
    int first = 1;
    dl_iterate_phdr(note_range, &first);
}

int interpreter(uintptr_t address)
{
    for (int at = 0; at < ranges; at++)
        if (address >= ours[at].low && address < ours[at].high)
            return 1;
    return 0;
}

/* ---- the counter -------------------------------------------------------------------------- */

int64_t read_clock(uintptr_t caller)
{
    if (interpreter(caller))
        return atomic_load(&now_ns);
    return atomic_fetch_add(&now_ns, STEP) + STEP;
}

int64_t shown(clockid_t clock, int64_t now)
{
    switch (clock) {
    case CLOCK_REALTIME: case CLOCK_REALTIME_COARSE: case CLOCK_TAI:
        return now;
    case CLOCK_MONOTONIC: case CLOCK_MONOTONIC_RAW: case CLOCK_MONOTONIC_COARSE: case CLOCK_BOOTTIME:
        return now - start_ns + MONOTONIC_BASE;
    default: /* what a process or a thread has used */
        return now - start_ns;
    }
}

void move_to(int64_t instant)
{
    int64_t now = atomic_load(&now_ns);
    while (now < instant && !atomic_compare_exchange_weak(&now_ns, &now, instant)) {}
}

int64_t kernel_clock(clockid_t clock)
{
    struct timespec now = {0, 0};
    KERNEL(SYS_clock_gettime, clock, &now);
    return nanos(&now);
}

int64_t nanos(const struct timespec *when)
{
    return (int64_t)when->tv_sec * SECOND + when->tv_nsec;
}

struct timespec spec(int64_t ns)
{
    struct timespec when = {ns / SECOND, ns % SECOND};
    return when;
}

/* ---- the names ---------------------------------------------------------------------------- */

/* A call of the kernel by a name of the C library. */
static long by_name(uintptr_t caller, long number, long a, long b)
{
    long words[6] = {a, b}, outcome;
    if (!answered(number, words, caller, &outcome))
        outcome = KERNEL(number, a, b);
    return told(outcome);
}

EXPORTED int clock_gettime(clockid_t clock, struct timespec *when)
{
    return (int)by_name(CALLER, SYS_clock_gettime, clock, (long)when);
}

EXPORTED int gettimeofday(struct timeval *restrict when, void *restrict zone)
{
    return (int)by_name(CALLER, SYS_gettimeofday, (long)when, (long)zone);
}

EXPORTED int getrusage(__rusage_who_t who, struct rusage *used)
{
    return (int)by_name(CALLER, SYS_getrusage, who, (long)used);
}

EXPORTED clock_t times(struct tms *used)
{
    return by_name(CALLER, SYS_times, (long)used, 0);
}

EXPORTED time_t time(time_t *when)
{
    time_t now = (awake ? read_clock(CALLER) : kernel_clock(CLOCK_REALTIME)) / SECOND;
    if (when)
        *when = now;
    return now;
}

EXPORTED int timespec_get(struct timespec *when, int base)
{
    if (base != TIME_UTC)
        return 0;
    *when = spec(awake ? read_clock(CALLER) : kernel_clock(CLOCK_REALTIME));
    return base;
}

EXPORTED clock_t clock(void)
{
    int64_t used = awake ? read_clock(CALLER) - start_ns : kernel_clock(CLOCK_PROCESS_CPUTIME_ID);
    return used / (SECOND / CLOCKS_PER_SEC);
}
