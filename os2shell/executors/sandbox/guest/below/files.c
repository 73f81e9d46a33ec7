/* Files as host.py shows them: to whoever asks by the C library's names, and by system calls past them.
 *
 * Times that the kernel wrote during the run are the job's first instant; so is every change time. The
 * image's files are root's, their numbers given as they appear, and their folders all of one size.
 * What a file system tells of itself beside that (when a file was born, which mount it is) is left out.
 */
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#ifdef SYS_newfstatat

#define BLOCK 4096L
#define OWN 2
#define OWN_FILES (1UL << 20)
#define IMAGE_BLOCKS (1UL << 20)
#define ST_VALID 0x20 /* the kernel says that its flags mean something */

static const char *const own_folders[OWN] = {"/w", "/tmp"};
static const char *const made_at_start[] = {"/dev", "/proc", "/tmp", "/w"};
static dev_t own[OWN];
static int64_t real_start_ns;

/* ---- what is shown ------------------------------------------------------------------------ */

int is_own(dev_t device) { return device == own[0] || device == own[1]; }

/* Before the world begins: which file systems are the guest's, and when they were made. */
void know_files(void)
{
    struct stat status;
    real_start_ns = INT64_MAX;
    for (size_t at = 0; at < sizeof made_at_start / sizeof *made_at_start; at++)
        if (!KERNEL(SYS_newfstatat, AT_FDCWD, made_at_start[at], &status, 0)
            && nanos(&status.st_ctim) < real_start_ns)
            real_start_ns = nanos(&status.st_ctim);
    for (int at = 0; at < OWN; at++)
        if (!KERNEL(SYS_newfstatat, AT_FDCWD, own_folders[at], &status, 0)) {
            own[at] = status.st_dev;
            number_device(own[at]);
        }
}

long inode_shown(const struct stat *status)
{
    return is_own(status->st_dev) ? (long)status->st_ino : number_inode(status->st_dev, status->st_ino);
}

static long show_image(struct stat *status)
{
    long number = inode_shown(status);
    if (number < 0)
        return number;
    status->st_ino = (ino_t)number;
    status->st_uid = status->st_gid = 0;
    if (!S_ISDIR(status->st_mode) && !S_ISREG(status->st_mode) && !S_ISLNK(status->st_mode))
        status->st_mtim = spec(start_ns); /* the machine's devices, as old as it is up */
    if (S_ISDIR(status->st_mode)) {
        status->st_size = BLOCK;
        status->st_nlink = 2;
    }
    status->st_blocks = (status->st_size + BLOCK - 1) / BLOCK * 8;
    status->st_atim = spec(start_ns);
    return 0;
}

static long show(struct stat *status)
{
    long device = number_device(status->st_dev);
    long outcome = device < 0 ? device : is_own(status->st_dev) ? 0 : show_image(status);
    if (outcome < 0)
        return outcome;
    status->st_dev = (dev_t)device;
    if (nanos(&status->st_atim) >= real_start_ns)
        status->st_atim = spec(start_ns);
    if (nanos(&status->st_mtim) >= real_start_ns)
        status->st_mtim = spec(start_ns);
    status->st_ctim = spec(start_ns);
    status->st_blksize = BLOCK;
    return 0;
}

static struct statx_timestamp stamp(struct timespec when)
{
    return (struct statx_timestamp){.tv_sec = when.tv_sec, .tv_nsec = (uint32_t)when.tv_nsec};
}

static long show_extended(struct statx *told)
{
    struct stat status = {
        .st_dev = makedev(told->stx_dev_major, told->stx_dev_minor), .st_ino = told->stx_ino,
        .st_mode = told->stx_mode, .st_nlink = told->stx_nlink, .st_uid = told->stx_uid,
        .st_gid = told->stx_gid, .st_size = (off_t)told->stx_size, .st_blocks = (blkcnt_t)told->stx_blocks,
        .st_atim = {told->stx_atime.tv_sec, told->stx_atime.tv_nsec},
        .st_mtim = {told->stx_mtime.tv_sec, told->stx_mtime.tv_nsec},
    };
    struct statx shown_as = {
        .stx_mask = told->stx_mask & STATX_BASIC_STATS, .stx_mode = told->stx_mode,
        .stx_rdev_major = told->stx_rdev_major, .stx_rdev_minor = told->stx_rdev_minor,
    };
    long outcome = show(&status);
    if (outcome)
        return outcome;
    shown_as.stx_dev_major = major(status.st_dev);
    shown_as.stx_dev_minor = minor(status.st_dev);
    shown_as.stx_ino = status.st_ino;
    shown_as.stx_nlink = (uint32_t)status.st_nlink;
    shown_as.stx_uid = status.st_uid;
    shown_as.stx_gid = status.st_gid;
    shown_as.stx_size = (uint64_t)status.st_size;
    shown_as.stx_blocks = (uint64_t)status.st_blocks;
    shown_as.stx_blksize = (uint32_t)status.st_blksize;
    shown_as.stx_atime = stamp(status.st_atim);
    shown_as.stx_mtime = stamp(status.st_mtim);
    shown_as.stx_ctime = stamp(status.st_ctim);
    *told = shown_as;
    return 0;
}

/* Free space: the guest's own as its limits have it; of the image a number that means nothing. */
static long show_space(struct statfs *space, dev_t device)
{
    unsigned long count = space->f_files - space->f_ffree;
    long number = number_device(device);
    if (number < 0)
        return number;
    space->f_files = OWN_FILES;
    space->f_ffree = is_own(device) ? OWN_FILES - count : 0;
    if (!is_own(device)) {
        space->f_blocks = IMAGE_BLOCKS;
        space->f_bfree = 0;
    }
    space->f_bavail = space->f_bfree;
    space->f_bsize = space->f_frsize = BLOCK;
    space->f_namelen = 255;
    memset(&space->f_fsid, 0, sizeof space->f_fsid);
    memcpy(&space->f_fsid, &(int){(int)number}, sizeof(int));
    return 0;
}

/* ---- system calls ------------------------------------------------------------------------- */

static long status_of(long number, long a, long b, long c, long d)
{
    struct stat *into = (struct stat *)(number == SYS_newfstatat ? c : b);
    long outcome = KERNEL(number, a, b, c, d);
    return outcome || !awake ? outcome : show(into);
}

static long extended(const long *a)
{
    long outcome = KERNEL(SYS_statx, a[0], a[1], a[2], a[3], a[4]);
    return outcome || !awake ? outcome : show_extended((struct statx *)a[4]);
}

static long space_of(long number, const long *a)
{
    struct stat status;
    long outcome = KERNEL(number, a[0], a[1]);
    if (outcome || !awake)
        return outcome;
    outcome = number == SYS_statfs ? KERNEL(SYS_newfstatat, AT_FDCWD, a[0], &status, 0)
                                   : KERNEL(SYS_fstat, a[0], &status);
    return outcome ? outcome : show_space((struct statfs *)a[1], status.st_dev);
}

int file_answered(long number, const long *a, long *outcome)
{
    switch (number) {
#ifdef SYS_stat
    case SYS_stat: case SYS_lstat:
#endif
    case SYS_fstat: case SYS_newfstatat:
        *outcome = status_of(number, a[0], a[1], a[2], a[3]);
        return 1;
    case SYS_statx:
        *outcome = extended(a);
        return 1;
    case SYS_statfs: case SYS_fstatfs:
        *outcome = space_of(number, a);
        return 1;
    }
    return 0;
}

/* Device and inode as the kernel has them: for our runtime's own knowing of its descriptors. */
EXPORTED int os2_identity(int file, uint64_t *into)
{
    struct stat status;
    long outcome = KERNEL(SYS_fstat, file, &status);
    if (!outcome) {
        into[0] = status.st_dev;
        into[1] = status.st_ino;
    }
    return (int)-outcome;
}

/* ---- the C library's names: of today, of large files, and of programs from before 2021 ------ */

EXPORTED int fstatat(int folder, const char *restrict path, struct stat *restrict into, int flags)
{
    return (int)told(status_of(SYS_newfstatat, folder, (long)path, (long)into, flags));
}

EXPORTED int fstat(int file, struct stat *into)
{
    return (int)told(status_of(SYS_fstat, file, (long)into, 0, 0));
}

EXPORTED int stat(const char *restrict path, struct stat *restrict into)
{
    return fstatat(AT_FDCWD, path, into, 0);
}

EXPORTED int lstat(const char *restrict path, struct stat *restrict into)
{
    return fstatat(AT_FDCWD, path, into, AT_SYMLINK_NOFOLLOW);
}

EXPORTED int statx(int folder, const char *restrict path, int flags, unsigned mask, struct statx *restrict into)
{
    long a[6] = {folder, (long)path, flags, mask, (long)into};
    return (int)told(extended(a));
}

#define SAME(type, given) ((struct type *)(given)) /* one layout where pointers have 64 bits */

EXPORTED int fstatat64(int folder, const char *restrict path, struct stat64 *restrict into, int flags)
{
    return fstatat(folder, path, SAME(stat, into), flags);
}

EXPORTED int fstat64(int file, struct stat64 *into) { return fstat(file, SAME(stat, into)); }

EXPORTED int stat64(const char *restrict path, struct stat64 *restrict into)
{
    return stat(path, SAME(stat, into));
}

EXPORTED int lstat64(const char *restrict path, struct stat64 *restrict into)
{
    return lstat(path, SAME(stat, into));
}

#define OLD(name, wanted, ...) \
    EXPORTED int __##name(int version, __VA_ARGS__, struct stat *into); \
    EXPORTED int __##name(int version, __VA_ARGS__, struct stat *into) { (void)version; return wanted; } \
    EXPORTED int __##name##64(int version, __VA_ARGS__, struct stat *into); \
    EXPORTED int __##name##64(int version, __VA_ARGS__, struct stat *into) { (void)version; return wanted; }
#define OLD_AT(name) \
    EXPORTED int name(int version, int folder, const char *path, struct stat *into, int flags); \
    EXPORTED int name(int version, int folder, const char *path, struct stat *into, int flags) \
    { (void)version; return fstatat(folder, path, into, flags); }

OLD(xstat, stat(path, into), const char *path)
OLD(lxstat, lstat(path, into), const char *path)
OLD(fxstat, fstat(file, into), int file)
OLD_AT(__fxstatat)
OLD_AT(__fxstatat64)

EXPORTED int statfs(const char *path, struct statfs *into)
{
    long a[6] = {(long)path, (long)into};
    return (int)told(space_of(SYS_statfs, a));
}

EXPORTED int fstatfs(int file, struct statfs *into)
{
    long a[6] = {file, (long)into};
    return (int)told(space_of(SYS_fstatfs, a));
}

EXPORTED int statfs64(const char *path, struct statfs64 *into) { return statfs(path, SAME(statfs, into)); }
EXPORTED int fstatfs64(int file, struct statfs64 *into) { return fstatfs(file, SAME(statfs, into)); }

static int portable(int outcome, const struct statfs *space, struct statvfs *into)
{
    if (outcome)
        return outcome;
    memset(into, 0, sizeof *into);
    into->f_bsize = (unsigned long)space->f_bsize;
    into->f_frsize = (unsigned long)space->f_frsize;
    into->f_blocks = space->f_blocks;
    into->f_bfree = space->f_bfree;
    into->f_bavail = space->f_bavail;
    into->f_files = space->f_files;
    into->f_ffree = into->f_favail = space->f_ffree;
    memcpy(&into->f_fsid, &space->f_fsid, sizeof space->f_fsid);
    into->f_flag = (unsigned long)space->f_flags & ~(unsigned long)ST_VALID;
    into->f_namemax = (unsigned long)space->f_namelen;
    return 0;
}

EXPORTED int statvfs(const char *restrict path, struct statvfs *restrict into)
{
    struct statfs space;
    return portable(statfs(path, &space), &space, into);
}

EXPORTED int fstatvfs(int file, struct statvfs *into)
{
    struct statfs space;
    return portable(fstatfs(file, &space), &space, into);
}

EXPORTED int statvfs64(const char *restrict path, struct statvfs64 *restrict into)
{
    return statvfs(path, SAME(statvfs, into));
}

EXPORTED int fstatvfs64(int file, struct statvfs64 *into) { return fstatvfs(file, SAME(statvfs, into)); }

#else

void know_files(void) {}
int is_own(dev_t device) { return (void)device, 0; }
long inode_shown(const struct stat *status) { return number_inode(status->st_dev, status->st_ino); }
int file_answered(long number, const long *a, long *outcome)
{
    (void)number; (void)a; (void)outcome;
    return 0;
}

#endif
