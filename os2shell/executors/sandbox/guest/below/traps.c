/* Traps: what an extension asks past the C library comes here, and is answered from the world.
 *
 * States of a process: begun (our handlers are in place) → armed (time stamps raise SIGSEGV, the kernel's
 * page is covered, the filter holds, and both traps have been tried) → awake. A child begins under the
 * filter of its parent: where the loader put us elsewhere than there, the first call of the gate is
 * itself trapped, and the child ends with a word that says so. A program is started with time stamps
 * given back, for the loader reads them.
 */
#include "world.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <spawn.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <ucontext.h>
#include <unistd.h>

int armed;

void time_stamps(int given)
{
    KERNEL(SYS_prctl, PR_SET_TSC, given ? PR_TSC_ENABLE : PR_TSC_SIGSEGV);
}

#if TRAPS

#define LIBRARIES 4
#define NOT_CARRIED 126
#define BY_FILTER 1 /* si_code of a SIGSYS that a filter sends: SYS_SECCOMP of the kernel */

static volatile sig_atomic_t faults, calls;

/* ---- the time stamp counter --------------------------------------------------------------- */

static uint64_t stamp(uintptr_t reader)
{
    uint32_t low, high;
    if (awake)
        return (uint64_t)(read_clock(reader) - start_ns + MONOTONIC_BASE);
    time_stamps(1);
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    time_stamps(0);
    return (uint64_t)high << 32 | low;
}

/* Whether it was rdtsc (0F 31) or rdtscp (0F 01 F9): then it is done. */
static int stamped(greg_t *registers)
{
    uintptr_t reader = (uintptr_t)registers[REG_RIP];
    if (reader >> 47) /* no address of a program: what faulted is the jump */
        return 0;
    const uint8_t *code = (const uint8_t *)reader;
    int with_processor = code[0] == 0x0f && code[1] == 0x01 && code[2] == 0xf9;
    if (!with_processor && !(code[0] == 0x0f && code[1] == 0x31))
        return 0;
    uint64_t read = stamp(reader);
    registers[REG_RAX] = (greg_t)(uint32_t)read;
    registers[REG_RDX] = (greg_t)(read >> 32);
    if (with_processor)
        registers[REG_RCX] = 0;
    registers[REG_RIP] += with_processor ? 3 : 2;
    return 1;
}

static void on_fault(int number, siginfo_t *info, void *at)
{
    int before = errno;
    ucontext_t *context = at;
    if (info->si_code == SI_KERNEL && stamped(context->uc_mcontext.gregs))
        faults++;
    else
        pass_on(number, info, at);
    errno = before;
}

/* ---- system calls ------------------------------------------------------------------------- */

static void misplaced(void)
{
    static const char word[] =
        "os2: this program lies elsewhere in memory than the one that started it, where nothing can "
        "hold its clocks; start it with the same stack limit, and with LD_PRELOAD as it was\n";
    KERNEL(SYS_write, 2, word, sizeof word - 1);
    KERNEL(SYS_exit_group, NOT_CARRIED);
}

static void on_call(int number, siginfo_t *info, void *at)
{
    int before = errno;
    ucontext_t *context = at;
    greg_t *r = context->uc_mcontext.gregs;
    if (info->si_code != BY_FILTER) {
        pass_on(number, info, at);
        errno = before;
        return;
    }
    long a[6] = {r[REG_RDI], r[REG_RSI], r[REG_RDX], r[REG_R10], r[REG_R8], r[REG_R9]}, outcome;
    uintptr_t caller = (uintptr_t)r[REG_RIP];
    if (caller == (uintptr_t)os2_gate_end)
        misplaced();
    calls++;
    if (info->si_syscall == SYS_execve)
        outcome = start_program(SYS_execve, a);
    else if (info->si_syscall == SYS_rt_sigprocmask)
        outcome = mask_call(a, (uint64_t *)&context->uc_sigmask);
    else if (info->si_syscall == SYS_rt_sigaction)
        outcome = action_call(a);
    else if (!answered(info->si_syscall, a, caller, &outcome))
        outcome = KERNEL(info->si_syscall, a[0], a[1], a[2], a[3], a[4], a[5]);
    r[REG_RAX] = outcome;
    errno = before;
}

/* ---- arming ------------------------------------------------------------------------------- */

struct found { struct range ranges[LIBRARIES], loader; int count; };

/* The C library and the loader, whose own calls are not an extension's. */
static int note_library(struct dl_phdr_info *object, size_t size, void *data)
{
    (void)size;
    struct found *found = data;
    const char *name = strrchr(object->dlpi_name, '/');
    name = name ? name + 1 : object->dlpi_name;
    if (strncmp(name, "libc.so", 7) && strncmp(name, "libpthread.so", 13) && strncmp(name, "ld-", 3))
        return 0;
    for (int at = 0; at < object->dlpi_phnum; at++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[at];
        if (part->p_type == PT_LOAD && part->p_flags & PF_X && found->count < LIBRARIES) {
            struct range *range = &found->ranges[found->count++];
            range->low = object->dlpi_addr + part->p_vaddr;
            range->high = range->low + part->p_memsz;
            if (!strncmp(name, "ld-", 3))
                found->loader = *range;
        }
    }
    return 0;
}

/* A system call as an extension makes it, and whether it was trapped. */
static int call_is_trapped(void)
{
    int before = calls;
    struct timespec now;
    long outcome;
    register long number __asm__("rax") = SYS_clock_gettime;
    __asm__ volatile("syscall" : "=a"(outcome) : "r"(number), "D"(CLOCK_MONOTONIC), "S"(&now)
                     : "rcx", "r11", "memory");
    return calls != before && !outcome;
}

static int stamp_is_trapped(void)
{
    int before = faults;
    uint32_t low, high, processor;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    __asm__ volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(processor) : : "memory");
    return faults == before + 2;
}

/* Zero, or which step could not be had; then nothing is held. */
EXPORTED int os2_arm(void)
{
    struct range vdso;
    struct found libraries = {.loader = {0, 0}, .count = 0};
    if (armed)
        return 0;
    dl_iterate_phdr(note_library, &libraries);
    if (cover_vdso(&vdso))
        return 1;
    if (!call_is_trapped() && install_filter(vdso, libraries.loader, libraries.ranges, libraries.count))
        return 2;
    time_stamps(0);
    if (!call_is_trapped() || !stamp_is_trapped()) {
        time_stamps(1);
        return 3;
    }
    armed = 1;
    return 0;
}

__attribute__((constructor)) static void begin_traps(void)
{
    hold_signals(on_fault, on_call);
    kernel_clock(CLOCK_MONOTONIC); /* under a filter for another place we learn it here */
}

#else

EXPORTED int os2_arm(void) { return -1; }

#endif

/* ---- programs that are started ------------------------------------------------------------ */

long start_program(long number, const long *a)
{
    if (armed)
        time_stamps(1);
    long outcome = KERNEL(number, a[0], a[1], a[2]);
    if (armed)
        time_stamps(0);
    return outcome;
}

extern char **environ;

EXPORTED int execve(const char *path, char *const *words, char *const *environment)
{
    long a[6] = {(long)path, (long)words, (long)environment};
    return (int)told(start_program(SYS_execve, a));
}

EXPORTED int execv(const char *path, char *const *words) { return execve(path, words, environ); }

/* Started by the C library, from a thread whose time stamps the child takes over. */
#define STARTED(name, kind, ...) \
    static kind *real; \
    if (!real) real = (kind *)dlsym(RTLD_NEXT, name); \
    if (armed) time_stamps(1); \
    int outcome = real(__VA_ARGS__); \
    if (armed) time_stamps(0); \
    return outcome

typedef int search(const char *, char *const *);
typedef int search_in(const char *, char *const *, char *const *);
typedef int by_number(int, char *const *, char *const *);
typedef int spawn(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
                  char *const *, char *const *);

EXPORTED int execvp(const char *file, char *const *words) { STARTED("execvp", search, file, words); }

EXPORTED int execvpe(const char *file, char *const *words, char *const *environment)
{
    STARTED("execvpe", search_in, file, words, environment);
}

EXPORTED int fexecve(int file, char *const *words, char *const *environment)
{
    STARTED("fexecve", by_number, file, words, environment);
}

EXPORTED int posix_spawn(pid_t *child, const char *path, const posix_spawn_file_actions_t *actions,
                         const posix_spawnattr_t *attributes, char *const *words, char *const *environment)
{
    STARTED("posix_spawn", spawn, child, path, actions, attributes, words, environment);
}

EXPORTED int posix_spawnp(pid_t *child, const char *file, const posix_spawn_file_actions_t *actions,
                          const posix_spawnattr_t *attributes, char *const *words, char *const *environment)
{
    STARTED("posix_spawnp", spawn, child, file, actions, attributes, words, environment);
}
