/* System calls that the world answers: by whatever way they came, the answer is this one. */
#include "world.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "machine.h"

static long rusage(int who, struct rusage *used, uintptr_t caller)
{
    int64_t since = who == RUSAGE_CHILDREN ? 0 : read_clock(caller) - start_ns;
    memset(used, 0, sizeof *used);
    used->ru_utime.tv_sec = since / SECOND;
    used->ru_utime.tv_usec = since % SECOND / 1000;
    used->ru_maxrss = who == RUSAGE_CHILDREN ? 0 : 65536;
    return 0;
}

static long spent(struct tms *used, uintptr_t caller)
{
    int64_t since = read_clock(caller) - start_ns, tick = SECOND / sysconf(_SC_CLK_TCK);
    if (used) {
        memset(used, 0, sizeof *used);
        used->tms_utime = since / tick;
    }
    return (since + MONOTONIC_BASE) / tick;
}

static long time_of_day(struct timeval *when, struct timezone *zone, uintptr_t caller)
{
    int64_t now = read_clock(caller);
    if (when) {
        when->tv_sec = now / SECOND;
        when->tv_usec = now % SECOND / 1000;
    }
    if (zone)
        memset(zone, 0, sizeof *zone);
    return 0;
}

/* What a child has used is what the machine's load made of it. */
static long wait_unmeasured(const long *a)
{
    long outcome = KERNEL(SYS_wait4, a[0], a[1], a[2], a[3]);
    if (a[3] && outcome > 0)
        memset((void *)a[3], 0, sizeof(struct rusage));
    return outcome;
}

static long sleep_until(const long *a, uintptr_t caller)
{
    struct timespec end = *(const struct timespec *)a[2];
    clockid_t clock = (clockid_t)a[0];
    int64_t left = nanos(&end) - shown(clock, atomic_load(&now_ns));
    struct timespec kernel = spec(kernel_clock(clock) + (left > 0 ? left : 0));
    long outcome = KERNEL(SYS_clock_nanosleep, clock, a[1], &kernel, NULL);
    if (!outcome && !interpreter(caller))
        move_to(clock == CLOCK_REALTIME ? nanos(&end) : nanos(&end) - MONOTONIC_BASE + start_ns);
    return outcome;
}

static int time_answered(long number, const long *a, uintptr_t caller, long *outcome)
{
    switch (number) {
    case SYS_clock_gettime:
        *(struct timespec *)a[1] = spec(shown((clockid_t)a[0], read_clock(caller)));
        *outcome = 0;
        return 1;
    case SYS_gettimeofday:
        *outcome = time_of_day((struct timeval *)a[0], (struct timezone *)a[1], caller);
        return 1;
#ifdef SYS_time
    case SYS_time:
        *outcome = read_clock(caller) / SECOND;
        if (a[0])
            *(time_t *)a[0] = *outcome;
        return 1;
#endif
    case SYS_times:
        *outcome = spent((struct tms *)a[0], caller);
        return 1;
    case SYS_getrusage:
        *outcome = rusage((int)a[0], (struct rusage *)a[1], caller);
        return 1;
    case SYS_clock_nanosleep:
        if (!(a[1] & TIMER_ABSTIME))
            return 0;
        *outcome = sleep_until(a, caller);
        return 1;
    }
    return 0;
}

static int machine_answered(long number, const long *a, long *outcome)
{
    *outcome = 0;
    switch (number) {
    case SYS_uname:
        *outcome = KERNEL(SYS_uname, a[0]);
        if (!*outcome)
            rename_machine((struct utsname *)a[0]);
        return 1;
    case SYS_sysinfo:
        describe_machine((struct sysinfo *)a[0]);
        return 1;
    case SYS_sched_getaffinity:
        *outcome = list_processors((cpu_set_t *)a[2], (size_t)a[1]);
        return 1;
    case SYS_getcpu:
        for (int at = 0; at < 2; at++)
            if (a[at])
                *(unsigned *)a[at] = 0;
        return 1;
    case SYS_wait4:
        *outcome = wait_unmeasured(a);
        return 1;
    }
    return 0;
}

int answered(long number, const long *a, uintptr_t caller, long *outcome)
{
    if (!awake)
        return 0;
    if (number == SYS_getrandom) {
        draw((void *)a[0], (size_t)a[1]);
        *outcome = a[1];
        return 1;
    }
    return time_answered(number, a, caller, outcome) || machine_answered(number, a, outcome)
        || file_answered(number, a, outcome) || folder_answered(number, a, outcome)
        || proc_answered(number, a, outcome) || code_answered(number, a, outcome);
}

EXPORTED pid_t wait4(pid_t child, int *status, int options, struct rusage *used)
{
    long a[6] = {child, (long)status, options, (long)used};
    return (pid_t)told(awake ? wait_unmeasured(a) : KERNEL(SYS_wait4, child, status, options, used));
}

EXPORTED pid_t wait3(int *status, int options, struct rusage *used)
{
    return wait4(-1, status, options, used);
}

/* syscall(2), for who does without the C library's names. */
EXPORTED long syscall(long number, ...)
{
    long a[6], outcome;
    va_list rest;
    va_start(rest, number);
    for (int at = 0; at < 6; at++)
        a[at] = va_arg(rest, long);
    va_end(rest);
    if (number == SYS_execve)
        return told(start_program(number, a));
    if (number == SYS_rt_sigprocmask)
        return told(mask_call(a, NULL));
    if (number == SYS_rt_sigaction && held((int)a[0]))
        return told(action_call(a));
    if (!answered(number, a, CALLER, &outcome))
        outcome = KERNEL(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    return told(outcome);
}
