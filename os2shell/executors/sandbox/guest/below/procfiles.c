/* The kernel's own files of /proc, as procfiles.py shows them: to C code too, by whatever name or link.
 *
 * What was opened is looked at, not what it was called. Of a process is shown what follows from what the guest
 * did, and no more; of the machine what the image's own files cover, and some settings. What is shown
 * otherwise than the kernel wrote it is a copy, of the moment at which it was opened. Links tell no number
 * of the kernel's. The rest is not there in listings, and cannot be opened.
 */
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#ifdef SYS_newfstatat

#define ROOM (1UL << 16)

/* ---- what is shown ------------------------------------------------------------------------ */

static const char *const plain_files[] = {
    "auxv", "cmdline", "comm", "coredump_filter", "environ", "limits", "mem", "personality",
};
static const char *const other_entries[] = {"cwd", "exe", "fd", "fdinfo", "map_files", "ns", "root", "task"};
static const char *const settings[] = {
    "cap_last_cap", "domainname", "hostname", "ngroups_max", "osrelease", "ostype", "overflowgid", "overflowuid",
    "random", "version",
};
static const char *const of_the_machine[] = {
    "buddyinfo", "cgroups", "cmdline", "cpuinfo", "devices", "diskstats", "filesystems", "interrupts", "loadavg",
    "meminfo", "modules", "pagetypeinfo", "partitions", "schedstat", "self", "slabinfo", "softirqs", "stat", "swaps",
    "sys", "thread-self", "uptime", "version", "vmstat", "zoneinfo",
};
#define ONE_OF(name, list) one_of(name, list, sizeof(list) / sizeof *(list))

static int one_of(const char *name, const char *const *list, size_t count)
{
    for (size_t at = 0; at < count; at++)
        if (!strcmp(name, list[at]))
            return 1;
    return 0;
}

static size_t digits(const char *text) { return strspn(text, "0123456789"); }

/* Below a process or one of its threads: what is left of ``path``; NULL where it is neither. */
static const char *below_process(const char *path)
{
    size_t length = digits(path += 6); /* "/proc/" */
    if (!length || (path[length] && path[length] != '/'))
        return NULL;
    path += length;
    if (!strncmp(path, "/task/", 6) && (length = digits(path + 6)) && (!path[6 + length] || path[6 + length] == '/'))
        path += 6 + length;
    return path + (*path == '/');
}

typedef size_t shorten(char *text, size_t size);

/* Keep the lines whose first word is one of ``names``. */
static size_t keep_lines(char *text, size_t size, const char *const *names, size_t count)
{
    size_t kept = 0;
    for (char *line = text, *end = text + size, *next; line < end; line = next) {
        char *stop = memchr(line, '\n', (size_t)(end - line)), word[32];
        next = stop ? stop + 1 : end;
        size_t length = strcspn(line, ":\n");
        if (length >= sizeof word)
            continue;
        memcpy(word, line, length);
        word[length] = 0;
        if (!one_of(word, names, count))
            continue;
        memmove(text + kept, line, (size_t)(next - line));
        kept += (size_t)(next - line);
    }
    return kept;
}

static size_t shorten_status(char *text, size_t size)
{
    static const char *const names[] = {
        "Name", "Umask", "State", "Tgid", "Ngid", "Pid", "PPid", "TracerPid", "Uid", "Gid", "FDSize", "Groups",
        "NStgid", "NSpid", "NSpgid", "NSsid", "Threads", "SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt", "CapInh",
        "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp",
    };
    return keep_lines(text, size, names, sizeof names / sizeof *names);
}

static size_t shorten_descriptor(char *text, size_t size)
{
    static const char *const names[] = {"pos", "flags", "Pid", "NSpid", "eventfd-count"};
    return keep_lines(text, size, names, sizeof names / sizeof *names);
}

/* Faults, times, memory, processor; the state is field 0 (proc(5)). */
static size_t shorten_stat(char *text, size_t size)
{
    static const char counted[] = {7, 8, 9, 10, 11, 12, 13, 14, 19, 21, 36, 39, 40, 41};
    char *end = text + size, *from = memrchr(text, ')', size);
    if (!from)
        return 0;
    from += 2;
    char *into = from;
    for (int field = 0; from < end; field++) {
        char *stop = from;
        while (stop < end && *stop != ' ' && *stop != '\n')
            stop++;
        if (memchr(counted, field, sizeof counted)) {
            *into++ = '0';
        } else {
            memmove(into, from, (size_t)(stop - from));
            into += stop - from;
        }
        *into++ = stop + 1 < end ? ' ' : '\n';
        from = stop + 1;
    }
    return (size_t)(into - text);
}

/* Without the device and the inode that a file of the image has on this machine. */
static size_t shorten_maps(char *text, size_t size)
{
    char *into = text;
    for (char *line = text, *end = text + size, *next; line < end; line = next) {
        char *stop = memchr(line, '\n', (size_t)(end - line)), *at = line;
        stop = stop ? stop : end;
        next = stop + 1;
        for (int field = 0; field < 3 && at < stop; at++)
            field += *at == ' ';
        memmove(into, line, (size_t)(at - line));
        into += at - line;
        for (int field = 0; field < 2 && at < stop; at++)
            field += *at == ' ';
        while (at < stop && *at == ' ')
            at++;
        memcpy(into, "00:00 0", 7);
        into += 7;
        if (at < stop)
            *into++ = ' ';
        memmove(into, at, (size_t)(stop - at));
        into += stop - at;
        *into++ = '\n';
    }
    return (size_t)(into - text);
}

/* How a file is shown: 0 as it is, 1 by ``how``, minus an error where it is not. */
static int shown_how(const char *path, shorten **how)
{
    const char *rest = below_process(path);
    if (!rest)
        return !strncmp(path, "/proc/sys/kernel/", 17) && ONE_OF(path + 17, settings) ? 0 : -EACCES;
    if (ONE_OF(rest, plain_files))
        return 0;
    *how = !strcmp(rest, "status") ? shorten_status : !strcmp(rest, "stat") ? shorten_stat
         : !strcmp(rest, "maps") ? shorten_maps : !strncmp(rest, "fdinfo/", 7) ? shorten_descriptor : NULL;
    return *how ? 1 : -EACCES;
}

int proc_lists(const char *folder, const char *name)
{
    if (name[0] == '.')
        return 1;
    if (!strcmp(folder, "/proc"))
        return digits(name) == strlen(name) || ONE_OF(name, of_the_machine);
    if (!strncmp(folder, "/proc/sys", 9))
        return !strcmp(folder, "/proc/sys") ? !strcmp(name, "kernel")
             : !strcmp(folder, "/proc/sys/kernel") && ONE_OF(name, settings);
    const char *rest = below_process(folder);
    if (!rest || !strcmp(rest, "net") || !strcmp(rest, "attr"))
        return 0;
    return *rest || ONE_OF(name, plain_files) || ONE_OF(name, other_entries)
        || !strcmp(name, "maps") || !strcmp(name, "stat") || !strcmp(name, "status");
}

/* ---- opening ------------------------------------------------------------------------------ */

size_t proc_path(int file, char *path, size_t size)
{
    struct statfs space;
    char link[48];
    if (KERNEL(SYS_fstatfs, file, &space) || space.f_type != PROC_SUPER_MAGIC)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    long length = KERNEL(SYS_readlinkat, AT_FDCWD, link, path, size - 1);
    if (length < 5)
        return 0;
    path[length] = 0;
    return (size_t)length;
}

/* All of a file in pages of ours; its size into ``held``. */
static long read_whole(int file, char **text, size_t *room, size_t *held)
{
    long got = KERNEL(SYS_mmap, 0, *room = ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (got < 0 && got > -4096)
        return got;
    *text = (char *)got;
    for (*held = 0;; *held += (size_t)got) {
        if (*room - *held < ROOM / 2) {
            got = KERNEL(SYS_mremap, *text, *room, *room * 2, MREMAP_MAYMOVE);
            if (got < 0 && got > -4096)
                return got;
            *text = (char *)got;
            *room *= 2;
        }
        got = KERNEL(SYS_read, file, *text + *held, *room - *held - 1);
        if (got <= 0)
            return got;
    }
}

/* Put a file that no path leads to, with these bytes, in the place of ``file``. */
static long replace(int file, const char *text, size_t size)
{
    long made = KERNEL(SYS_openat, AT_FDCWD, "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0400), outcome = 0;
    if (made < 0)
        return made;
    for (size_t done = 0; done < size && outcome >= 0; done += outcome > 0 ? (size_t)outcome : 0)
        outcome = KERNEL(SYS_write, made, text + done, size - done);
    if (outcome >= 0)
        outcome = KERNEL(SYS_lseek, made, 0, SEEK_SET);
    if (outcome >= 0)
        outcome = KERNEL(SYS_dup3, made, file, KERNEL(SYS_fcntl, file, F_GETFD) & FD_CLOEXEC ? O_CLOEXEC : 0);
    KERNEL(SYS_close, made);
    return outcome;
}

static long show_instead(int file, shorten *how)
{
    char *text = NULL;
    size_t room = 0, held = 0;
    long outcome = read_whole(file, &text, &room, &held);
    if (!outcome)
        outcome = replace(file, text, how(text, held));
    if (text)
        KERNEL(SYS_munmap, text, room);
    return outcome;
}

static long open_shown(long number, const long *a)
{
    char path[PATH_MAX];
    struct stat status;
    shorten *how = NULL;
    long file = KERNEL(number, a[0], a[1], a[2], a[3]);
    if (file < 0 || !awake || !proc_path((int)file, path, sizeof path))
        return file;
    if (KERNEL(SYS_fstat, file, &status) || S_ISDIR(status.st_mode) || S_ISLNK(status.st_mode)
        || KERNEL(SYS_fcntl, file, F_GETFL) & O_PATH)
        return file;
    long outcome = shown_how(path, &how);
    if (outcome > 0)
        outcome = show_instead((int)file, how);
    if (outcome >= 0)
        return file;
    KERNEL(SYS_close, file);
    return outcome;
}

/* ---- links -------------------------------------------------------------------------------- */

/* Those to pipes, sockets and namespaces carry a number; we show the one that stat does. */
static long link_shown(int folder, const char *path, char *into, size_t size)
{
    char text[64];
    struct stat status;
    long length = KERNEL(SYS_readlinkat, folder, path, into, size);
    if (length < 4 || !awake || into[0] == '/' || length >= (long)sizeof text)
        return length;
    char *bracket = memchr(into, '[', (size_t)length);
    if (!bracket || bracket == into || bracket[-1] != ':' || into[length - 1] != ']')
        return length;
    long outcome = KERNEL(SYS_newfstatat, folder, path, &status, 0);
    long number = outcome ? outcome : inode_shown(&status);
    if (number < 0)
        return number;
    length = snprintf(text, sizeof text, "%.*s[%ld]", (int)(bracket - into), into, number);
    length = length < (long)size ? length : (long)size;
    memcpy(into, text, (size_t)length);
    return length;
}

int proc_answered(long number, const long *a, long *outcome)
{
    switch (number) {
#ifdef SYS_open
    case SYS_open:
#endif
    case SYS_openat:
#ifdef SYS_openat2
    case SYS_openat2:
#endif
        *outcome = open_shown(number, a);
        return 1;
#ifdef SYS_readlink
    case SYS_readlink:
        *outcome = link_shown(AT_FDCWD, (const char *)a[0], (char *)a[1], (size_t)(int)a[2]);
        return 1;
#endif
    case SYS_readlinkat:
        *outcome = link_shown((int)a[0], (const char *)a[1], (char *)a[2], (size_t)(int)a[3]);
        return 1;
    }
    return 0;
}

/* ---- the C library's names, for whoever would meet the trap at each file --------------------- */

EXPORTED int openat(int folder, const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    long a[6] = {folder, (long)path, flags, mode};
    return (int)told(open_shown(SYS_openat, a));
}

EXPORTED int open(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return openat(AT_FDCWD, path, flags, mode);
}

/* The same where pointers have 64 bits. */
EXPORTED int open64(const char *path, int flags, ...) __attribute__((alias("open")));
EXPORTED int openat64(int folder, const char *path, int flags, ...) __attribute__((alias("openat")));

EXPORTED ssize_t readlinkat(int folder, const char *restrict path, char *restrict into, size_t size)
{
    return told(link_shown(folder, path, into, size));
}

EXPORTED ssize_t readlink(const char *restrict path, char *restrict into, size_t size)
{
    return readlinkat(AT_FDCWD, path, into, size);
}

#else

size_t proc_path(int file, char *path, size_t size) { return (void)file, (void)path, (void)size, 0; }
int proc_lists(const char *folder, const char *name) { return (void)folder, (void)name, 1; }
int proc_answered(long number, const long *a, long *outcome)
{
    (void)number; (void)a; (void)outcome;
    return 0;
}

#endif
