/* Timed waits of the C library: their deadlines are of our clock, the kernel's waits are real. */
#include "world.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>

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

EXPORTED int sem_timedwait(sem_t *restrict sem, const struct timespec *restrict when)
{
    REAL(int, sem_timedwait, sem_t *, const struct timespec *);
    if (!awake)
        return real(sem, when);
    struct timespec kernel = kernel_deadline(CLOCK_REALTIME, when);
    int outcome = real(sem, &kernel);
    return waited(outcome, outcome && errno == ETIMEDOUT, CLOCK_REALTIME, when, CALLER);
}

EXPORTED int sem_clockwait(sem_t *restrict sem, clockid_t clock, const struct timespec *restrict when)
{
    REAL(int, sem_clockwait, sem_t *, clockid_t, const struct timespec *);
    if (!awake)
        return real(sem, clock, when);
    struct timespec kernel = kernel_deadline(clock, when);
    int outcome = real(sem, clock, &kernel);
    return waited(outcome, outcome && errno == ETIMEDOUT, clock, when, CALLER);
}

EXPORTED int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
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

EXPORTED int pthread_cond_clockwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
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

EXPORTED int pthread_mutex_timedlock(pthread_mutex_t *restrict mutex, const struct timespec *restrict when)
{
    REAL(int, pthread_mutex_timedlock, pthread_mutex_t *, const struct timespec *);
    if (!awake)
        return real(mutex, when);
    struct timespec kernel = kernel_deadline(CLOCK_REALTIME, when);
    int outcome = real(mutex, &kernel);
    return waited(outcome, outcome == ETIMEDOUT, CLOCK_REALTIME, when, CALLER);
}

EXPORTED int clock_nanosleep(clockid_t clock, int flags, const struct timespec *when, struct timespec *rest)
{
    REAL(int, clock_nanosleep, clockid_t, int, const struct timespec *, struct timespec *);
    long a[6] = {clock, flags, (long)when, (long)rest}, outcome;
    if (!answered(SYS_clock_nanosleep, a, CALLER, &outcome))
        return real(clock, flags, when, rest);
    return (int)-outcome;
}
