/* The net below Python: what C code in the guest gets when it asks the C library for time or entropy.
 *
 * Preloaded into every process of the guest, and asleep until os2_world() names the seed and the
 * first instant. Rules:
 *   - one counter of nanoseconds stands behind every clock; a reading by an extension moves it one
 *     step, a reading by the interpreter does not, for the interpreter's own waits for its lock
 *     read clocks as often as the machine's load has it;
 *   - a deadline was computed from our clocks, so each timed wait is translated to the kernel's; a
 *     wait of an extension that nobody ended moves the counter to its deadline;
 *   - entropy is ChaCha20 (RFC 8439) under the seed; a forked child goes on under a key of its own.
 * What enters the kernel without the C library (a bare syscall instruction, rdtsc, rdrand) does not
 * pass here: docs/decisions/0010 says what holds instead.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/sysinfo.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL
#define STEP 1000LL
#define MONOTONIC_BASE (1000LL * SECOND)
#define CALLER ((uintptr_t)__builtin_return_address(0))
#define RANGES 8

static int awake;
static int64_t start_ns;
static _Atomic int64_t now_ns;
static struct { uintptr_t low, high; } ours[RANGES];
static int ranges;

/* The C library's own syscall(2), past ours. */
static long (*enter)(long, ...);

static void find_enter(void)
{
    if (!enter)
        enter = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
}

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

static int interpreter(uintptr_t address)
{
    for (int at = 0; at < ranges; at++)
        if (address >= ours[at].low && address < ours[at].high)
            return 1;
    return 0;
}

/* ---- the clock ---------------------------------------------------------------------------- */

static int64_t read_clock(uintptr_t caller)
{
    if (interpreter(caller))
        return atomic_load(&now_ns);
    return atomic_fetch_add(&now_ns, STEP) + STEP;
}

static int64_t shown(clockid_t clock, int64_t now)
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

static void move_to(int64_t instant)
{
    int64_t now = atomic_load(&now_ns);
    while (now < instant && !atomic_compare_exchange_weak(&now_ns, &now, instant)) {}
}

static int64_t kernel_clock(clockid_t clock)
{
    struct timespec now = {0, 0};
    find_enter();
    enter(SYS_clock_gettime, clock, &now);
    return now.tv_sec * SECOND + now.tv_nsec;
}

static int64_t nanos(const struct timespec *when)
{
    return (int64_t)when->tv_sec * SECOND + when->tv_nsec;
}

static struct timespec spec(int64_t ns)
{
    struct timespec when = {ns / SECOND, ns % SECOND};
    return when;
}

int clock_gettime(clockid_t clock, struct timespec *when)
{
    if (!awake || clock < 0) {
        find_enter();
        return (int)enter(SYS_clock_gettime, clock, when);
    }
    *when = spec(shown(clock, read_clock(CALLER)));
    return 0;
}

int gettimeofday(struct timeval *restrict when, void *restrict zone)
{
    (void)zone;
    int64_t now = awake ? read_clock(CALLER) : kernel_clock(CLOCK_REALTIME);
    when->tv_sec = now / SECOND;
    when->tv_usec = now % SECOND / 1000;
    return 0;
}

time_t time(time_t *when)
{
    time_t now = (awake ? read_clock(CALLER) : kernel_clock(CLOCK_REALTIME)) / SECOND;
    if (when)
        *when = now;
    return now;
}

int timespec_get(struct timespec *when, int base)
{
    if (base != TIME_UTC)
        return 0;
    *when = spec(awake ? read_clock(CALLER) : kernel_clock(CLOCK_REALTIME));
    return base;
}

clock_t clock(void)
{
    int64_t used = awake ? read_clock(CALLER) - start_ns : kernel_clock(CLOCK_PROCESS_CPUTIME_ID);
    return used / (SECOND / CLOCKS_PER_SEC);
}

clock_t times(struct tms *used)
{
    if (!awake) {
        find_enter();
        return enter(SYS_times, used);
    }
    int64_t since = read_clock(CALLER) - start_ns, tick = SECOND / sysconf(_SC_CLK_TCK);
    memset(used, 0, sizeof *used);
    used->tms_utime = since / tick;
    return (since + MONOTONIC_BASE) / tick;
}

int getrusage(__rusage_who_t who, struct rusage *used)
{
    if (!awake) {
        find_enter();
        return (int)enter(SYS_getrusage, who, used);
    }
    int64_t since = who == RUSAGE_CHILDREN ? 0 : read_clock(CALLER) - start_ns;
    memset(used, 0, sizeof *used);
    used->ru_utime.tv_sec = since / SECOND;
    used->ru_utime.tv_usec = since % SECOND / 1000;
    used->ru_maxrss = who == RUSAGE_CHILDREN ? 0 : 65536;
    return 0;
}

/* ---- the machine, as host.py shows it ------------------------------------------------------- */

#define CPUS 2
#define PAGES (1L << 20)

int uname(struct utsname *names)
{
    find_enter();
    int outcome = (int)enter(SYS_uname, names);
    if (!outcome && awake) {
        strcpy(names->release, "6.1.0-os2");
        strcpy(names->version, "#1 SMP os2");
    }
    return outcome;
}

long sysconf(int name)
{
    static long (*real)(int);
    if (!real)
        real = (long (*)(int))dlsym(RTLD_NEXT, "sysconf");
    switch (name) {
    case _SC_NPROCESSORS_ONLN: case _SC_NPROCESSORS_CONF:
        return CPUS;
    case _SC_PHYS_PAGES: case _SC_AVPHYS_PAGES:
        return PAGES;
    }
    return real(name);
}

int get_nprocs(void) { return CPUS; }
int get_nprocs_conf(void) { return CPUS; }
long get_phys_pages(void) { return PAGES; }
long get_avphys_pages(void) { return PAGES; }

int sched_getcpu(void) { return 0; }

int sched_getaffinity(pid_t process, size_t size, cpu_set_t *set)
{
    (void)process;
    memset(set, 0, size);
    for (int cpu = 0; cpu < CPUS; cpu++)
        CPU_SET_S(cpu, size, set);
    return 0;
}

int getloadavg(double *load, int count)
{
    for (int at = 0; at < count && at < 3; at++)
        load[at] = 0;
    return count < 3 ? count : 3;
}

int sysinfo(struct sysinfo *told)
{
    memset(told, 0, sizeof *told);
    told->uptime = (MONOTONIC_BASE + (awake ? atomic_load(&now_ns) - start_ns : 0)) / SECOND;
    told->totalram = told->freeram = PAGES * 4096UL;
    told->procs = 1;
    told->mem_unit = 1;
    return 0;
}

/* ---- timed waits -------------------------------------------------------------------------- */

/* The kernel's deadline for one of ours on ``clock``. */
static struct timespec kernel_deadline(clockid_t clock, const struct timespec *ours_when)
{
    int64_t left = nanos(ours_when) - shown(clock, atomic_load(&now_ns));
    return spec(kernel_clock(clock) + (left > 0 ? left : 0));
}

/* An extension waited in vain: its time has come. */
static int waited(int outcome, int late, clockid_t clock, const struct timespec *when, uintptr_t caller)
{
    if (late && !interpreter(caller))
        move_to(clock == CLOCK_REALTIME ? nanos(when) : nanos(when) - MONOTONIC_BASE + start_ns);
    return outcome;
}

/* A condition tells nobody its clock: the one whose reading is nearer to the deadline. */
static clockid_t likely(const struct timespec *when)
{
    int64_t now = atomic_load(&now_ns), deadline = nanos(when);
    int64_t calendar = deadline - now, steady = deadline - shown(CLOCK_MONOTONIC, now);
    calendar = calendar < 0 ? -calendar : calendar;
    steady = steady < 0 ? -steady : steady;
    return steady < calendar ? CLOCK_MONOTONIC : CLOCK_REALTIME;
}

/* The C library's own; of conditions there are two, and dlsym may give the one of 2002. */
static void *libc(const char *name)
{
    void *found = dlvsym(RTLD_NEXT, name, "GLIBC_2.3.2");
    return found ? found : dlsym(RTLD_NEXT, name);
}
#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))libc(#name)

int sem_timedwait(sem_t *restrict sem, const struct timespec *restrict when)
{
    REAL(int, sem_timedwait, sem_t *, const struct timespec *);
    if (!awake)
        return real(sem, when);
    struct timespec kernel = kernel_deadline(CLOCK_REALTIME, when);
    int outcome = real(sem, &kernel);
    return waited(outcome, outcome && errno == ETIMEDOUT, CLOCK_REALTIME, when, CALLER);
}

int sem_clockwait(sem_t *restrict sem, clockid_t clock, const struct timespec *restrict when)
{
    REAL(int, sem_clockwait, sem_t *, clockid_t, const struct timespec *);
    if (!awake)
        return real(sem, clock, when);
    struct timespec kernel = kernel_deadline(clock, when);
    int outcome = real(sem, clock, &kernel);
    return waited(outcome, outcome && errno == ETIMEDOUT, clock, when, CALLER);
}

int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict when)
{
    REAL(int, pthread_cond_timedwait, pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    if (!awake)
        return real(condition, mutex, when);
    clockid_t clock = likely(when);
    struct timespec kernel = kernel_deadline(clock, when);
    int outcome = real(condition, mutex, &kernel);
    return waited(outcome, outcome == ETIMEDOUT, clock, when, CALLER);
}

int pthread_cond_clockwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           clockid_t clock, const struct timespec *restrict when)
{
    REAL(int, pthread_cond_clockwait, pthread_cond_t *, pthread_mutex_t *, clockid_t,
         const struct timespec *);
    if (!awake)
        return real(condition, mutex, clock, when);
    struct timespec kernel = kernel_deadline(clock, when);
    int outcome = real(condition, mutex, clock, &kernel);
    return waited(outcome, outcome == ETIMEDOUT, clock, when, CALLER);
}

int pthread_mutex_timedlock(pthread_mutex_t *restrict mutex, const struct timespec *restrict when)
{
    REAL(int, pthread_mutex_timedlock, pthread_mutex_t *, const struct timespec *);
    if (!awake)
        return real(mutex, when);
    struct timespec kernel = kernel_deadline(CLOCK_REALTIME, when);
    int outcome = real(mutex, &kernel);
    return waited(outcome, outcome == ETIMEDOUT, CLOCK_REALTIME, when, CALLER);
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *when, struct timespec *rest)
{
    REAL(int, clock_nanosleep, clockid_t, int, const struct timespec *, struct timespec *);
    if (!awake || !(flags & TIMER_ABSTIME))
        return real(clock, flags, when, rest);
    struct timespec kernel = kernel_deadline(clock, when);
    int outcome = real(clock, flags, &kernel, rest);
    return waited(outcome, !outcome, clock, when, CALLER);
}

/* ---- entropy ------------------------------------------------------------------------------ */

static uint32_t key[8];
static uint64_t counter;
static uint64_t forks;
static uint8_t block[64];
static unsigned used = 64;
static atomic_flag busy = ATOMIC_FLAG_INIT;

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

static void draw(void *into, size_t size)
{
    uint8_t *out = into;
    while (atomic_flag_test_and_set(&busy)) {}
    while (size) {
        if (used == sizeof block) {
            chacha(counter++, 0, block);
            used = 0;
        }
        size_t some = sizeof block - used < size ? sizeof block - used : size;
        memcpy(out, block + used, some);
        used += some; out += some; size -= some;
    }
    atomic_flag_clear(&busy);
}

static void before_fork(void) { forks++; }

static void in_child(void)
{
    uint8_t next[64];
    chacha(forks, 1, next);
    memcpy(key, next, sizeof key);
    counter = forks = 0;
    used = sizeof block;
    atomic_flag_clear(&busy);
}

ssize_t getrandom(void *into, size_t size, unsigned flags)
{
    if (!awake) {
        find_enter();
        return enter(SYS_getrandom, into, size, flags);
    }
    draw(into, size);
    return (ssize_t)size;
}

int getentropy(void *into, size_t size)
{
    if (size > 256) {
        errno = EIO;
        return -1;
    }
    return getrandom(into, size, 0) < 0 ? -1 : 0;
}

void arc4random_buf(void *into, size_t size)
{
    uint8_t *out = into;
    for (size_t done = 0; done < size; done += 256)
        getentropy(out + done, size - done < 256 ? size - done : 256);
}

uint32_t arc4random(void)
{
    uint32_t word;
    arc4random_buf(&word, sizeof word);
    return word;
}

uint32_t arc4random_uniform(uint32_t bound)
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
unsigned _ZNSt13random_device9_M_getvalEv(void *device)
{
    (void)device;
    return arc4random();
}

/* ---- syscall(2), for who does without the C library's names ------------------------------- */

long syscall(long number, ...)
{
    long a[6];
    va_list rest;
    va_start(rest, number);
    for (int at = 0; at < 6; at++)
        a[at] = va_arg(rest, long);
    va_end(rest);
    if (awake) {
        switch (number) {
        case SYS_getrandom:
            draw((void *)a[0], (size_t)a[1]);
            return a[1];
        case SYS_clock_gettime:
            if ((clockid_t)a[0] < 0)
                break;
            *(struct timespec *)a[1] = spec(shown((clockid_t)a[0], read_clock(CALLER)));
            return 0;
        case SYS_gettimeofday:
            return gettimeofday((struct timeval *)a[0], NULL);
#ifdef SYS_time
        case SYS_time:
            return time((time_t *)a[0]);
#endif
        }
    }
    find_enter();
    return enter(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* ---- beginning ---------------------------------------------------------------------------- */

__attribute__((constructor)) static void begin(void)
{
    int first = 1;
    dl_iterate_phdr(note_range, &first);
    void *kernels = (void *)getauxval(AT_RANDOM);
    if (kernels)
        memset(kernels, 0x5a, 16); /* the C library has taken its canary from there already */
    pthread_atfork(before_fork, NULL, in_child);
}

/* The boot says in which world this process lives: 32 bytes of seed, 8 of Unix nanoseconds. */
void os2_world(const uint8_t *seed, const uint8_t *first_instant)
{
    int64_t start;
    memcpy(&start, first_instant, sizeof start);
    memcpy(key, seed, sizeof key);
    counter = forks = 0;
    used = sizeof block;
    start_ns = start;
    atomic_store(&now_ns, start);
    awake = 1;
}

/* Python's clock has gone as far as ``instant``. */
void os2_reach(const uint8_t *told)
{
    int64_t instant;
    memcpy(&instant, told, sizeof instant);
    move_to(instant);
}
