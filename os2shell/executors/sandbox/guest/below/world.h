/* The net below Python: what its parts share. Nothing here is seen by another object.
 *
 * Preloaded into every process of the guest, and asleep until os2_world() names the seed and the
 * first instant. Rules:
 *   - one counter of nanoseconds stands behind every clock; a reading by an extension moves it one
 *     step, a reading by the interpreter does not, for the interpreter's own waits for its lock
 *     read clocks as often as the machine's load has it;
 *   - a deadline was computed from our clocks, so each timed wait is translated to the kernel's; a
 *     wait of an extension that nobody ended moves the counter to its deadline;
 *   - entropy is ChaCha20 (RFC 8439) under the seed; a forked child goes on under a key of its own;
 *   - what enters the kernel without the C library, and what asks the processor for its time stamp
 *     counter, is trapped and answered from the same world (x86-64; traps.c);
 *   - native code with instructions that cannot be trapped is not loaded (judge.c).
 */
#ifndef OS2_WORLD_H
#define OS2_WORLD_H

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>

#define SECOND 1000000000LL
#define STEP 1000LL
#define MONOTONIC_BASE (1000LL * SECOND)
#define CALLER ((uintptr_t)__builtin_return_address(0))
#define EXPORTED __attribute__((visibility("default")))
#if defined(__x86_64__) && defined(__linux__)
#define TRAPS 1
#else
#define TRAPS 0
#endif

struct range { uintptr_t low, high; };

/* gate.c: the one place of ours where the kernel is entered; minus an error, as the kernel says it. */
long os2_gate(long number, long a, long b, long c, long d, long e, long f);
#define ENTER_SEVEN(n, a, b, c, d, e, f, ...) \
    os2_gate((long)(n), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define KERNEL(...) ENTER_SEVEN(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
long told(long outcome); /* as the C library tells it: -1 and errno */

/* clock.c */
extern int awake;
extern int64_t start_ns;
extern _Atomic int64_t now_ns;
void find_interpreter(void);
int interpreter(uintptr_t address);
int64_t read_clock(uintptr_t caller);
int64_t shown(clockid_t clock, int64_t now);
void move_to(int64_t instant);
int64_t kernel_clock(clockid_t clock);
int64_t nanos(const struct timespec *when);
struct timespec spec(int64_t ns);

/* entropy.c */
void seed_entropy(const uint8_t *seed);
void draw(void *into, size_t size);

/* lock.c */
enum lock { NUMBERS, FOLDERS, LOCKS };
uint64_t lock(enum lock which); /* the signals to give back */
void unlock(enum lock which, uint64_t before);
int first_hold(enum lock which);

/* calls.c: whether a call is one that the world answers, and its answer into ``outcome``. */
int answered(long number, const long *a, uintptr_t caller, long *outcome);

/* numbers.c: what is shown for them; minus an error where there is no room. */
long number_device(dev_t device);
long number_inode(dev_t device, ino_t inode);

/* files.c */
struct stat;
void know_files(void);
int is_own(dev_t device);
long inode_shown(const struct stat *status); /* minus an error where there is no room */
int file_answered(long number, const long *a, long *outcome);

/* folders.c */
int folder_answered(long number, const long *a, long *outcome);

/* procfiles.c; where a descriptor of the kernel's /proc leads, 0 for any other. */
size_t proc_path(int file, char *path, size_t size);
int proc_lists(const char *folder, const char *name);
int proc_answered(long number, const long *a, long *outcome);

/* made.c */
int code_answered(long number, const long *a, long *outcome);

/* signals.c */
enum { HELD_SIGNALS = 2 };
int held(int number);
void stripped(sigset_t *set);
long mask_call(const long *a, uint64_t *now);
long action_call(const long *a);
void hold_signals(void (*fault)(int, siginfo_t *, void *), void (*call)(int, siginfo_t *, void *));
void pass_on(int number, siginfo_t *info, void *at);

/* traps.c */
extern int armed;
void time_stamps(int given);
long start_program(long number, const long *a);

#if TRAPS
extern const char os2_gate_end[]; /* what the instruction pointer is when the gate has entered */

/* filter.c; nonzero where it cannot be had. */
int install_filter(struct range vdso, struct range loader, const struct range *libraries, int count);
int must_be_held(long number);

/* vdso.c; nonzero where the kernel's page cannot be covered. */
int cover_vdso(struct range *found);
#endif

/* judge.c, of code that no dlopen loads. A file's verdict: 1 a library that may be loaded, 0 no library,
 * -1 refused. What draws between two places, and how far from the first; NULL for nothing. */
int of_the_image(const char *path);
int judge_mapped(int file, const char *path);
const char *drawn_in(const uint8_t *from, const uint8_t *end, size_t *offset);
const char *last_refusal(void);

/* instructions.c: the length of the instruction at ``at``, 0 where there is none; where its opcode is. */
size_t instruction(const uint8_t *at, const uint8_t *end, const uint8_t **opcode);

#endif
