/* The net's own filter of system calls: over the sandbox's, which it can only narrow.
 *
 * What the world answers is trapped unless the gate asks; what the net must know of is trapped unless the C
 * library or the loader asks, whose names for it are ours; time stamps are switched by the gate alone;
 * no filter comes after this one. Everything else is the sandbox's filter to judge. The C library asks
 * for 8 bytes of entropy as it begins, in a child before we are there: it is told to do without. Other
 * architectures' calls are let through to the filter below, which kills.
 */
#include "world.h"

#if TRAPS

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#define ROOM 220 /* below the longest jump */
#define ARGUMENT(n) (offsetof(struct seccomp_data, args) + 8 * (n))
#define POINTER offsetof(struct seccomp_data, instruction_pointer)
#define HIGH 4 /* the upper half of a word of 64 bits, little-endian */

enum place { NEXT, ALLOW, TRAP, FORBID, LATER, WORLDS, LIBRARYS, LOADERS, PLACES };

static const long of_the_world[] = {
    SYS_clock_gettime, SYS_gettimeofday, SYS_time, SYS_times, SYS_getrusage, SYS_getcpu, SYS_sysinfo,
    SYS_sched_getaffinity,
};

/* Of files: the loader asks too, before we are there. */
static const long of_files[] = {
    SYS_stat, SYS_lstat, SYS_fstat, SYS_newfstatat, SYS_statx, SYS_statfs, SYS_fstatfs,
    SYS_open, SYS_openat, SYS_openat2, SYS_readlink, SYS_readlinkat, SYS_getdents, SYS_getdents64,
};

struct program {
    struct sock_filter code[ROOM];
    unsigned char then[ROOM], otherwise[ROOM]; /* places, for jumps whose distance is not known yet */
    unsigned at[PLACES];
    unsigned length;
};

static void put(struct program *p, unsigned short code, uint32_t value, enum place then, enum place otherwise)
{
    if (p->length == ROOM)
        return; /* noticed by who installs it */
    p->then[p->length] = (unsigned char)then;
    p->otherwise[p->length] = (unsigned char)otherwise;
    p->code[p->length++] = (struct sock_filter){code, 0, 0, value};
}

static void load(struct program *p, size_t offset) { put(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, NEXT, NEXT); }

static void equal(struct program *p, uint32_t value, enum place then, enum place otherwise)
{
    put(p, BPF_JMP | BPF_JEQ | BPF_K, value, then, otherwise);
}

static void answer(struct program *p, enum place place, uint32_t action)
{
    p->at[place] = p->length;
    put(p, BPF_RET | BPF_K, action, NEXT, NEXT);
}

/* Jump over the next ``count`` instructions unless the loaded word is ``value``. */
static void unless(struct program *p, uint32_t value, unsigned char count)
{
    equal(p, value, NEXT, NEXT);
    p->code[p->length - 1].jf = count;
}

/* Allow a call that comes from ``range``, which no multiple of 4 GiB divides; else go on. */
static void allow_from(struct program *p, struct range range)
{
    load(p, POINTER + HIGH);
    unless(p, (uint32_t)(range.low >> 32), 3);
    load(p, POINTER);
    put(p, BPF_JMP | BPF_JGE | BPF_K, (uint32_t)range.low, NEXT, NEXT);
    p->code[p->length - 1].jf = 1;
    put(p, BPF_JMP | BPF_JGE | BPF_K, (uint32_t)range.high, NEXT, ALLOW);
}

static struct range gate(void)
{
    uintptr_t end = (uintptr_t)os2_gate_end;
    return (struct range){end, end + 1};
}

static void rules(struct program *p)
{
    load(p, offsetof(struct seccomp_data, arch));
    equal(p, AUDIT_ARCH_X86_64, NEXT, ALLOW);
    load(p, offsetof(struct seccomp_data, nr));
    for (size_t at = 0; at < sizeof of_the_world / sizeof *of_the_world; at++)
        equal(p, (uint32_t)of_the_world[at], WORLDS, NEXT);
    for (size_t at = 0; at < sizeof of_files / sizeof *of_files; at++)
        equal(p, (uint32_t)of_files[at], LOADERS, NEXT);
    for (int at = 0; at < 2; at++) { /* what becomes code */
        unless(p, at ? SYS_mprotect : SYS_mmap, 2);
        load(p, ARGUMENT(2));
        put(p, BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, LOADERS, ALLOW);
    }
    equal(p, SYS_execve, LIBRARYS, NEXT);
    equal(p, SYS_rt_sigprocmask, LIBRARYS, NEXT);
    equal(p, SYS_uname, LIBRARYS, NEXT);
    equal(p, SYS_seccomp, FORBID, NEXT);
    unless(p, SYS_clock_nanosleep, 2);
    load(p, ARGUMENT(1));
    put(p, BPF_JMP | BPF_JSET | BPF_K, TIMER_ABSTIME, WORLDS, ALLOW);
    unless(p, SYS_rt_sigaction, 3);
    load(p, ARGUMENT(0));
    equal(p, SIGSEGV, LIBRARYS, NEXT);
    equal(p, SIGSYS, LIBRARYS, ALLOW);
    unless(p, SYS_wait4, 4);
    load(p, ARGUMENT(3));
    equal(p, 0, NEXT, WORLDS);
    load(p, ARGUMENT(3) + HIGH);
    equal(p, 0, ALLOW, WORLDS);
    unless(p, SYS_prctl, 2);
    load(p, ARGUMENT(0));
    equal(p, PR_SET_TSC, LATER, ALLOW);
    equal(p, SYS_getrandom, NEXT, ALLOW);
    load(p, ARGUMENT(1));
    equal(p, 8, NEXT, WORLDS);
    load(p, ARGUMENT(2));
    equal(p, 1, NEXT, WORLDS);
}

/* The C library's eight bytes: not now, it is told. */
static void without_entropy(struct program *p, struct range library)
{
    load(p, POINTER + HIGH);
    unless(p, (uint32_t)(library.low >> 32), 4);
    load(p, POINTER);
    put(p, BPF_JMP | BPF_JGE | BPF_K, (uint32_t)library.low, NEXT, NEXT);
    p->code[p->length - 1].jf = 2;
    put(p, BPF_JMP | BPF_JGE | BPF_K, (uint32_t)library.high, NEXT, NEXT);
    p->code[p->length - 1].jt = 1;
    put(p, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN, NEXT, NEXT);
}

static void resolve(struct program *p)
{
    for (unsigned at = 0; at < p->length; at++) {
        if (p->then[at] != NEXT)
            p->code[at].jt = (unsigned char)(p->at[p->then[at]] - at - 1);
        if (p->otherwise[at] != NEXT)
            p->code[at].jf = (unsigned char)(p->at[p->otherwise[at]] - at - 1);
    }
}

static int divided(struct range range) { return range.low >> 32 != range.high >> 32; }

int install_filter(struct range vdso, struct range loader, const struct range *libraries, int count)
{
    static struct program p;
    if (divided(vdso) || divided(loader) || !loader.low || count < 2)
        return -1;
    memset(&p, 0, sizeof p);
    rules(&p);
    for (int at = 0; at < count; at++) {
        if (divided(libraries[at]))
            return -1;
        without_entropy(&p, libraries[at]);
    }
    p.at[WORLDS] = p.length;
    allow_from(&p, gate());
    allow_from(&p, vdso); /* only a child that is not armed yet comes there */
    put(&p, BPF_JMP | BPF_JA, 0, NEXT, NEXT);
    unsigned jump = p.length - 1;
    p.at[LIBRARYS] = p.length;
    allow_from(&p, gate());
    for (int at = 0; at < count; at++)
        allow_from(&p, libraries[at]);
    put(&p, BPF_JMP | BPF_JA, 0, NEXT, NEXT);
    unsigned other_jump = p.length - 1;
    p.at[LOADERS] = p.length;
    allow_from(&p, gate());
    allow_from(&p, loader);
    p.code[jump].k = p.length - jump - 1;
    p.code[other_jump].k = p.length - other_jump - 1;
    answer(&p, TRAP, SECCOMP_RET_TRAP);
    p.at[LATER] = p.length;
    allow_from(&p, gate());
    answer(&p, FORBID, SECCOMP_RET_ERRNO | EPERM);
    answer(&p, ALLOW, SECCOMP_RET_ALLOW);
    if (p.length == ROOM)
        return -1;
    resolve(&p);
    struct sock_fprog given = {(unsigned short)p.length, p.code};
    return (int)KERNEL(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &given);
}

#endif
