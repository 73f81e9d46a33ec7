/* Locks, for whoever adds to what the net remembers.
 *
 * They are held with all signals away, so a handler of the guest's never runs into one; and they lie in a page
 * that a fork wipes, so no child waits for a thread that it does not have, however it was forked. What is
 * changed under one can be left half changed there: ``first_hold`` says when to look.
 */
#include "world.h"

#include <sys/mman.h>

#define PAGE 4096

struct word { _Atomic int held; int known; };

static struct word plain[LOCKS];
static struct word *words = plain;

uint64_t lock(enum lock which)
{
    uint64_t all = ~0ULL, before = 0;
    KERNEL(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
    while (atomic_exchange(&words[which].held, 1))
        KERNEL(SYS_sched_yield);
    return before;
}

void unlock(enum lock which, uint64_t before)
{
    atomic_store(&words[which].held, 0);
    KERNEL(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
}

/* Held for the first time in this process: a fork may have cut off another thread's change. */
int first_hold(enum lock which)
{
    int known = words[which].known;
    words[which].known = 1;
    return !known;
}

__attribute__((constructor)) static void begin_lock(void)
{
    long page = KERNEL(SYS_mmap, 0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page > 0 && !KERNEL(SYS_madvise, page, PAGE, MADV_WIPEONFORK))
        words = (struct word *)page;
}
