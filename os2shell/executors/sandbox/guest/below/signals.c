/* The two signals that the net lives by, SIGSEGV and SIGSYS, and what the guest thinks it does with them.
 *
 * The kernel has our handlers; the guest's are kept here, told where it asks, and called for whatever
 * is not ours. Neither signal is ever blocked, for the kernel kills a process that takes a trap it has
 * blocked; a thread that blocks them is told that it has.
 */
#include "world.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define OF_KERNEL 8 /* bytes of the kernel's own set of signals */

/* The kernel's struct sigaction, which is not the C library's. */
struct action {
    sighandler_t handler;
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

static const int numbers[HELD_SIGNALS] = {SIGSEGV, SIGSYS};
static struct action theirs[HELD_SIGNALS];
static int holding;
static __thread uint64_t believed __attribute__((tls_model("initial-exec")));

static uint64_t bit(int number) { return 1ULL << (number - 1); }
#define BITS (bit(SIGSEGV) | bit(SIGSYS))

int held(int number) { return holding && (number == SIGSEGV || number == SIGSYS); }

void stripped(sigset_t *set)
{
    for (int at = 0; at < HELD_SIGNALS; at++)
        sigdelset(set, numbers[at]);
}

static struct action *shadow(int number) { return &theirs[number == SIGSYS]; }

/* ---- masks -------------------------------------------------------------------------------- */

/* rt_sigprocmask; where ``now`` is given it is the mask to go on with after a trap. */
long mask_call(const long *a, uint64_t *now)
{
    uint64_t before = believed, wanted, old = 0;
    if (!a[1] || !holding) {
        long outcome = KERNEL(SYS_rt_sigprocmask, a[0], now ? 0 : a[1], now ? 0 : a[2], a[3]);
        old = now ? *now : 0;
        if (outcome || !a[2])
            return outcome;
        if (now)
            *(uint64_t *)a[2] = old;
        *(uint64_t *)a[2] |= before;
        return 0;
    }
    wanted = *(const uint64_t *)a[1];
    believed = a[0] == SIG_BLOCK ? before | (wanted & BITS)
             : a[0] == SIG_UNBLOCK ? before & ~wanted : wanted & BITS;
    wanted &= ~BITS;
    if (!now) {
        long outcome = KERNEL(SYS_rt_sigprocmask, a[0], &wanted, &old, OF_KERNEL);
        if (outcome)
            return outcome;
    } else {
        old = *now;
        *now = a[0] == SIG_BLOCK ? old | wanted : a[0] == SIG_UNBLOCK ? old & ~wanted : wanted;
    }
    if (a[2])
        *(uint64_t *)a[2] = old | before;
    return 0;
}

EXPORTED int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
    sigset_t copy;
    if (set && holding) { /* the C library's own two signals are never blocked, as it has them */
        memcpy(&copy, set, sizeof copy);
        copy.__val[0] &= ~(bit(32) | bit(33));
        set = &copy;
    }
    long a[6] = {how, (long)set, (long)old, OF_KERNEL};
    return (int)told(mask_call(a, NULL));
}

EXPORTED int pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
    int before = errno, outcome = sigprocmask(how, set, old) ? errno : 0;
    errno = before;
    return outcome;
}

/* ---- actions ------------------------------------------------------------------------------ */

/* rt_sigaction of a signal that we hold. */
long action_call(const long *a)
{
    struct action *kept = shadow((int)a[0]), before = *kept;
    if (a[1])
        memcpy(kept, (const void *)a[1], sizeof *kept);
    if (a[2])
        memcpy((void *)a[2], &before, sizeof before);
    return 0;
}

EXPORTED int sigaction(int number, const struct sigaction *wanted, struct sigaction *old)
{
    static int (*real)(int, const struct sigaction *, struct sigaction *);
    struct sigaction copy;
    struct action new, before;
    if (!real)
        real = (int (*)(int, const struct sigaction *, struct sigaction *))dlsym(RTLD_NEXT, "sigaction");
    if (wanted && holding)
        memcpy(&copy, wanted, sizeof copy);
    if (!held(number)) {
        if (wanted && holding)
            stripped(&copy.sa_mask), wanted = &copy;
        return real(number, wanted, old);
    }
    if (wanted) {
        new = (struct action){.handler = copy.sa_handler, .flags = (unsigned)copy.sa_flags};
        memcpy(&new.mask, &copy.sa_mask, sizeof new.mask);
    }
    long a[6] = {number, (long)(wanted ? &new : NULL), (long)&before};
    action_call(a);
    if (old) {
        memset(old, 0, sizeof *old);
        old->sa_handler = before.handler;
        old->sa_flags = (int)before.flags;
        memcpy(&old->sa_mask, &before.mask, sizeof before.mask);
    }
    return 0;
}

static sighandler_t simple(int number, sighandler_t handler, int flags)
{
    struct sigaction wanted = {.sa_handler = handler, .sa_flags = flags}, old;
    return sigaction(number, &wanted, &old) ? SIG_ERR : old.sa_handler;
}

EXPORTED sighandler_t signal(int number, sighandler_t handler)
{
    return simple(number, handler, SA_RESTART);
}

EXPORTED sighandler_t bsd_signal(int number, sighandler_t handler)
{
    return simple(number, handler, SA_RESTART);
}

EXPORTED sighandler_t sysv_signal(int number, sighandler_t handler)
{
    return simple(number, handler, (int)(SA_RESETHAND | SA_NODEFER));
}

EXPORTED sighandler_t __sysv_signal(int number, sighandler_t handler)
{
    return sysv_signal(number, handler);
}

void hold_signals(void (*fault)(int, siginfo_t *, void *), void (*call)(int, siginfo_t *, void *))
{
    struct sigaction ours = {.sa_flags = (int)(SA_SIGINFO | SA_ONSTACK | SA_NODEFER)};
    for (int at = 0; at < HELD_SIGNALS; at++) {
        struct sigaction before;
        ours.sa_sigaction = numbers[at] == SIGSEGV ? fault : call;
        sigaction(numbers[at], &ours, &before);
        theirs[at].handler = before.sa_handler == SIG_IGN ? SIG_IGN : SIG_DFL;
    }
    uint64_t both = BITS; /* whoever started us may have blocked them */
    KERNEL(SYS_rt_sigprocmask, SIG_UNBLOCK, &both, NULL, OF_KERNEL);
    holding = 1;
}

/* ---- what is not ours --------------------------------------------------------------------- */

/* Die as the kernel has it die: a fault happens again at the return, a signal that was sent is sent. */
static void die(int number, const siginfo_t *info)
{
    struct action plain = {.handler = SIG_DFL};
    KERNEL(SYS_rt_sigaction, number, &plain, NULL, OF_KERNEL);
    if (info->si_code <= 0 || number == SIGSYS)
        KERNEL(SYS_tgkill, KERNEL(SYS_getpid), KERNEL(SYS_gettid), number);
}

void pass_on(int number, siginfo_t *info, void *at)
{
    struct action *kept = shadow(number), now = *kept;
    if (now.handler == SIG_IGN && info->si_code <= 0)
        return;
    if (now.handler == SIG_DFL || now.handler == SIG_IGN) {
        die(number, info);
        return;
    }
    if (now.flags & SA_RESETHAND)
        kept->handler = SIG_DFL;
    uint64_t blocked = (now.mask & ~BITS) | (now.flags & SA_NODEFER ? 0 : bit(number));
    KERNEL(SYS_rt_sigprocmask, SIG_BLOCK, &blocked, NULL, OF_KERNEL);
    void (*handler)(int, siginfo_t *, void *);
    memcpy(&handler, &now.handler, sizeof handler); /* who takes one argument does not see the others */
    handler(number, info, at);
}
