/* Machine code made at run time, or mapped by hand: judged at the moment it becomes executable.
 *
 * From then on it stands still: the sandbox lets nothing be writable and executable at once, and here
 * shared memory, which another mapping could write, never becomes executable; of a file that the guest
 * can write, a copy does. Who asks is told that he may not (EACCES), and the run's errors say why.
 */
#include "world.h"

#if TRAPS

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096UL
#define WORD 700
#define TEXT (1 << 16)

static const char aliased[] =
    "it is shared, and another mapping could write it unseen; map it private, and fill it before it becomes code";

struct area { uintptr_t low, high; int code, shared, file; };

static long refused(const char *why)
{
    char word[WORD];
    int size = snprintf(word, sizeof word, "os2: memory is not made executable: %s\n", why);
    KERNEL(SYS_write, 2, word, size);
    return -EACCES;
}

/* Before the first byte where an instruction begins in the area below. */
static long drawing_refused(const char *what, ssize_t offset)
{
    char why[WORD];
    snprintf(why, sizeof why,
             "%s at offset %zd of the code draws below the recorder: what it is answered is neither held nor "
             "recorded; generate code without %s, which calls getrandom(2) of the C library", what, offset, what);
    return refused(why);
}

/* The bytes of a range that nobody can write: zero if it may become code. */
static long judge_made(uintptr_t low, uintptr_t high, int before, int after)
{
    size_t offset;
    const uint8_t *from = (const uint8_t *)low - (before ? 4 : 0), *end = (const uint8_t *)high + (after ? 4 : 0);
    const char *what = drawn_in(from, end, &offset);
    return what ? drawing_refused(what, (ssize_t)offset - (before ? 4 : 0)) : 0;
}

/* ---- what is mapped ----------------------------------------------------------------------- */

/* Behind the rights: offset, device as two numbers, inode; none for memory of the process's own. */
static int of_a_file(const char *rest)
{
    char *end;
    strtoul(rest, &end, 16);
    strtoul(end + 1, &end, 16);
    strtoul(end + 1, &end, 16);
    return strtoul(end, NULL, 10) != 0;
}

typedef int visit_area(const struct area *area, void *data);

/* Each area of the process in order, by what the kernel says; nonzero where it does not. */
static int each_area(visit_area *visit, void *data)
{
    char *text = (char *)KERNEL(SYS_mmap, 0, TEXT, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    long maps = KERNEL(SYS_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC, 0), got = 0;
    size_t held = 0;
    int outcome = maps < 0 || (uintptr_t)text > -PAGE;
    while (!outcome && (got = KERNEL(SYS_read, maps, text + held, TEXT - held)) > 0) {
        char *line = text, *end = text + held + got, *next;
        while (!outcome && (next = memchr(line, '\n', (size_t)(end - line)))) {
            struct area area;
            char *rest;
            area.low = strtoul(line, &rest, 16);
            area.high = strtoul(rest + 1, &rest, 16);
            area.code = rest[3] == 'x';
            area.shared = rest[4] == 's';
            area.file = of_a_file(rest + 6);
            outcome = visit(&area, data);
            line = next + 1;
        }
        held = (size_t)(end - line);
        memmove(text, line, held);
    }
    if (maps >= 0)
        KERNEL(SYS_close, maps);
    if ((uintptr_t)text <= -PAGE)
        KERNEL(SYS_munmap, text, TEXT);
    return outcome || got < 0;
}

struct look { uintptr_t low, high; int shared, file, before, after; };

static int look_at(const struct area *area, void *data)
{
    struct look *look = data;
    if (area->low < look->high && area->high > look->low && area->shared)
        look->shared = 1;
    if (area->low < look->high && area->high > look->low && area->file)
        look->file = 1;
    if (area->code && area->low < look->low && area->high >= look->low)
        look->before = 1;
    if (area->code && area->high > look->high && area->low <= look->high)
        look->after = 1;
    return 0;
}

/* ---- mprotect ----------------------------------------------------------------------------- */

/* Private pages of a file follow it until they are written: a copy takes their place. */
static long take_copy(uintptr_t low, size_t size)
{
    long copy = KERNEL(SYS_mmap, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (copy < 0 && copy > -4096)
        return copy;
    memcpy((void *)copy, (const void *)low, size);
    long outcome = KERNEL(SYS_mremap, copy, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, low);
    return outcome == (long)low ? KERNEL(SYS_mprotect, low, size, PROT_READ) : outcome;
}

static long make_code(uintptr_t low, size_t size, long protection)
{
    uintptr_t high = (low + size + PAGE - 1) & -PAGE;
    struct look look = {.low = low, .high = high};
    if (low % PAGE || high <= low)
        return KERNEL(SYS_mprotect, low, size, protection);
    if (each_area(look_at, &look))
        return refused("the kernel does not tell what is mapped there; close some descriptors");
    if (look.shared)
        return refused(aliased);
    long outcome = KERNEL(SYS_mprotect, low, high - low, PROT_READ);
    if (!outcome && look.file)
        outcome = take_copy(low, high - low);
    if (!outcome)
        outcome = judge_made(low, high, look.before, look.after);
    return outcome ? outcome : KERNEL(SYS_mprotect, low, size, protection);
}

/* ---- mmap --------------------------------------------------------------------------------- */

/* A private copy of the file's part, in the place that the mapping has taken. */
static long copy_part(uintptr_t place, size_t size, int file, long offset, int as_it_stands)
{
    long outcome = KERNEL(SYS_mmap, place, size, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    size_t done = 0;
    long got = 1;
    while (outcome == (long)place && done < size && got > 0) {
        got = KERNEL(SYS_pread64, file, place + done, size - done, offset + (long)done);
        done += got > 0 ? (size_t)got : 0;
    }
    if (got < 0)
        return got;
    if (outcome == (long)place)
        outcome = KERNEL(SYS_mprotect, place, size, PROT_READ);
    return outcome ? outcome : as_it_stands ? judge_made(place, place + size, 0, 0) : 0;
}

/* Of a file: as the loader would be let, or its bytes as they stand. */
static long map_code(const long *a)
{
    char link[48], path[PATH_MAX];
    size_t size = ((size_t)a[1] + PAGE - 1) & -PAGE;
    int flags = (int)a[3], file = (int)a[4];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    long length = KERNEL(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
    if (length < 0)
        return -EBADF;
    path[length] = 0;
    if (flags & MAP_SHARED) /* MAP_SHARED_VALIDATE holds that bit too */
        return refused(aliased);
    if (of_the_image(path))
        return KERNEL(SYS_mmap, a[0], a[1], a[2], a[3], a[4], a[5]);
    int verdict = judge_mapped(file, path);
    if (verdict < 0)
        return refused(last_refusal());
    long place = KERNEL(SYS_mmap, a[0], size, PROT_READ, flags, file, a[5]);
    if (place < 0 && place > -4096)
        return place;
    long outcome = copy_part((uintptr_t)place, size, file, a[5], !verdict);
    if (!outcome)
        outcome = KERNEL(SYS_mprotect, place, size, a[2]);
    if (!outcome)
        return place;
    KERNEL(SYS_munmap, place, size);
    return outcome;
}

int code_answered(long number, const long *a, long *outcome)
{
    if ((number == SYS_mprotect || number == SYS_mmap) && a[2] & PROT_EXEC && a[2] & PROT_WRITE)
        *outcome = -EPERM; /* as the sandbox's own filter says it */
    else if (number == SYS_mprotect && a[2] & PROT_EXEC)
        *outcome = make_code((uintptr_t)a[0], (size_t)a[1], a[2]);
    else if (number == SYS_mmap && a[2] & PROT_EXEC && a[3] & MAP_ANONYMOUS && a[3] & MAP_SHARED)
        *outcome = refused(aliased);
    else if (number == SYS_mmap && a[2] & PROT_EXEC && !(a[3] & MAP_ANONYMOUS))
        *outcome = map_code(a);
    else
        return 0;
    return 1;
}

/* Where libffi is built without trampolines of its own, callbacks are double mappings of a file that it
 * has unlinked: it writes one fixed jump and two addresses there. The image's own may. */
static int callbacks(uintptr_t caller)
{
    Dl_info object;
    return dladdr((void *)caller, &object) && object.dli_fname && strstr(object.dli_fname, "/libffi.so")
        && of_the_image(object.dli_fname);
}

static void *mapped(const long *a, uintptr_t caller)
{
    long outcome;
    int judged = awake && a[2] & PROT_EXEC && !(a[3] & MAP_SHARED && callbacks(caller));
    if (!judged || !code_answered(SYS_mmap, a, &outcome))
        outcome = KERNEL(SYS_mmap, a[0], a[1], a[2], a[3], a[4], a[5]);
    return (void *)told(outcome);
}

EXPORTED void *mmap(void *at, size_t size, int protection, int flags, int file, off_t offset)
{
    long a[6] = {(long)at, (long)size, protection, flags, file, offset};
    return mapped(a, CALLER);
}

EXPORTED void *mmap64(void *at, size_t size, int protection, int flags, int file, off_t offset)
{
    long a[6] = {(long)at, (long)size, protection, flags, file, offset};
    return mapped(a, CALLER);
}

#else

int code_answered(long number, const long *a, long *outcome)
{
    (void)number; (void)a; (void)outcome;
    return 0;
}

#endif
