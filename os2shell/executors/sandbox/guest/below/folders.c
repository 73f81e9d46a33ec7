/* Folders list in order: ``.`` and ``..``, then the names by their bytes, with the numbers that stat shows.
 *
 * How a kernel orders a folder is its file system's matter, and so is a cookie to go on from. Here a folder is
 * read as a whole when somebody reads at its beginning; the descriptor's position is then the number of
 * entries that were given, so lseek, and the C library's rewinding and telling, mean what they did. What
 * is not given yet is kept until the end is read, or others need its place; then it is read again.
 */
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#ifdef SYS_newfstatat

#define KEPT 64
#define FIRST_ROOM (1UL << 16)
#define LONGEST 512 /* above any record: a name has 255 bytes */
#define NO_NUMBER 1

struct entry {
    uint64_t inode;
    int64_t next;
    uint16_t size;
    uint8_t kind;
    char name[];
};

struct listing {
    dev_t device;
    ino_t inode;
    int file;
    uint64_t used;
    char *text;
    size_t room, count;
    size_t *order, *spare; /* two mappings in one, of ``count`` places each */
};

static struct listing listings[KEPT];
static uint64_t uses;

static char *pages(size_t size)
{
    long made = KERNEL(SYS_mmap, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return made < 0 && made > -4096 ? NULL : (char *)made;
}

static void forget(struct listing *kept)
{
    if (kept->text)
        KERNEL(SYS_munmap, kept->text, kept->room);
    if (kept->order)
        KERNEL(SYS_munmap, kept->order, 2 * kept->count * sizeof *kept->order);
    memset(kept, 0, sizeof *kept);
}

static struct entry *entry_at(const struct listing *kept, size_t offset)
{
    return (struct entry *)(kept->text + offset);
}

/* ---- reading ------------------------------------------------------------------------------ */

/* All of a folder as the kernel has it; the bytes, or minus an error. */
static long read_all(struct listing *kept, int file)
{
    size_t held = 0;
    long got = KERNEL(SYS_lseek, file, 0, SEEK_SET);
    kept->text = pages(kept->room = FIRST_ROOM);
    if (!kept->text)
        return -ENOMEM;
    while (got >= 0) {
        if (kept->room - held < LONGEST) {
            long moved = KERNEL(SYS_mremap, kept->text, kept->room, kept->room * 2, MREMAP_MAYMOVE);
            if (moved < 0 && moved > -4096)
                return moved;
            kept->text = (char *)moved;
            kept->room *= 2;
        }
        got = KERNEL(SYS_getdents64, file, kept->text + held, kept->room - held);
        if (got == 0)
            return (long)held;
        held += got > 0 ? (size_t)got : 0;
    }
    return got;
}

static int is_dots(const char *name) { return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2])); }

static uint8_t kind_of(mode_t mode) { return (uint8_t)(mode >> 12 & 15); }

/* Numbers as stat shows them; of the guest's own folders the kernel's are these already. */
static long renumber(struct entry *entry, int file, int own)
{
    struct stat status;
    if (own && !is_dots(entry->name))
        return 0;
    if (KERNEL(SYS_newfstatat, file, entry->name, &status, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT)) {
        entry->inode = NO_NUMBER; /* it is gone, or nobody may look at it */
        return 0;
    }
    long number = inode_shown(&status);
    if (number < 0)
        return number;
    entry->inode = (uint64_t)number;
    entry->kind = kind_of(status.st_mode);
    return 0;
}

static int before(const struct listing *kept, size_t one, size_t other)
{
    const char *left = entry_at(kept, one)->name, *right = entry_at(kept, other)->name;
    if (is_dots(left) != is_dots(right))
        return is_dots(left);
    return strcmp(left, right) < 0;
}

static void merge(const struct listing *kept, const size_t *from, size_t *into, size_t low, size_t middle, size_t high)
{
    size_t left = low, right = middle;
    for (size_t at = low; at < high; at++)
        into[at] = right >= high || (left < middle && !before(kept, from[right], from[left])) ? from[left++] : from[right++];
}

static void sort(struct listing *kept)
{
    for (size_t run = 1; run < kept->count; run *= 2) {
        for (size_t low = 0; low < kept->count; low += 2 * run) {
            size_t middle = low + run < kept->count ? low + run : kept->count;
            size_t high = middle + run < kept->count ? middle + run : kept->count;
            merge(kept, kept->order, kept->spare, low, middle, high);
        }
        size_t *sorted = kept->spare;
        kept->spare = kept->order;
        kept->order = sorted;
    }
}

/* The entries of ``held`` bytes that are shown, in order of appearance; with no places only counted. */
static size_t collect(struct listing *kept, size_t held, const char *folder, size_t *places)
{
    size_t count = 0;
    for (size_t at = 0; at < held; at += entry_at(kept, at)->size) {
        if (*folder && !proc_lists(folder, entry_at(kept, at)->name))
            continue;
        if (places)
            places[count] = at;
        count++;
    }
    return count;
}

static long fill(struct listing *kept, int file, const struct stat *status)
{
    char folder[PATH_MAX];
    folder[proc_path(file, folder, sizeof folder)] = 0;
    long held = read_all(kept, file);
    if (held < 0)
        return held;
    size_t count = collect(kept, (size_t)held, folder, NULL);
    if (count) {
        kept->order = (size_t *)pages(2 * count * sizeof *kept->order);
        if (!kept->order)
            return -ENOMEM;
        kept->count = count;
        kept->spare = kept->order + count;
        collect(kept, (size_t)held, folder, kept->order);
    }
    size_t *first = kept->order;
    sort(kept);
    if (kept->order != first) { /* what is unmapped begins with the first half */
        memcpy(first, kept->order, count * sizeof *first);
        kept->order = first;
    }
    for (size_t at = 0; at < count; at++) {
        long outcome = renumber(entry_at(kept, kept->order[at]), file, is_own(status->st_dev));
        if (outcome < 0)
            return outcome;
    }
    kept->device = status->st_dev;
    kept->inode = status->st_ino;
    kept->file = file;
    return 0;
}

/* ---- giving ------------------------------------------------------------------------------- */

/* What is kept of this descriptor's folder, or the place that is free or was not needed for longest. */
static struct listing *place_of(int file, const struct stat *status)
{
    struct listing *oldest = listings;
    for (int at = 0; at < KEPT; at++) {
        struct listing *kept = &listings[at];
        if (kept->text && kept->file == file) {
            if (kept->device != status->st_dev || kept->inode != status->st_ino)
                forget(kept); /* the descriptor was closed, and is another's */
            return kept;
        }
        if (kept->used < oldest->used)
            oldest = kept;
    }
    forget(oldest);
    return oldest;
}

static long give(const struct listing *kept, size_t from, char *into, size_t room)
{
    size_t given = 0, at = from;
    for (; at < kept->count; at++) {
        const struct entry *entry = entry_at(kept, kept->order[at]);
        if (room - given < entry->size)
            break;
        struct entry *copy = memcpy(into + given, entry, entry->size);
        copy->next = (int64_t)at + 1;
        given += entry->size;
    }
    if (!given && at < kept->count)
        return -EINVAL;
    long outcome = KERNEL(SYS_lseek, kept->file, at, SEEK_SET);
    return outcome < 0 ? outcome : (long)given;
}

static long list(int file, char *into, size_t room)
{
    struct stat status;
    long outcome = KERNEL(SYS_fstat, file, &status);
    if (outcome || !S_ISDIR(status.st_mode))
        return outcome ? outcome : -ENOTDIR;
    long position = KERNEL(SYS_lseek, file, 0, SEEK_CUR);
    if (position < 0)
        return position;
    uint64_t signals = lock(FOLDERS);
    if (first_hold(FOLDERS))
        memset(listings, 0, sizeof listings); /* another thread of our parent's may have been at one */
    struct listing *kept = place_of(file, &status);
    if (!position)
        forget(kept);
    if (!kept->text)
        outcome = fill(kept, file, &status);
    kept->used = ++uses;
    if (!outcome)
        outcome = give(kept, (size_t)position, into, room);
    if (outcome <= 0 && outcome != -EINVAL)
        forget(kept);
    unlock(FOLDERS, signals);
    return outcome;
}

int folder_answered(long number, const long *a, long *outcome)
{
#ifdef SYS_getdents
    if (number == SYS_getdents) {
        *outcome = -ENOSYS; /* of 1999: who is told so asks as one does today */
        return 1;
    }
#endif
    if (number != SYS_getdents64)
        return 0;
    *outcome = list((int)a[0], (char *)a[1], (unsigned)a[2]);
    return 1;
}

/* Read by one who may stand between a fork and a program, and by ours: no lock is needed before the world. */
EXPORTED ssize_t getdents64(int file, void *into, size_t room)
{
    long a[6] = {file, (long)into, (long)room}, outcome;
    if (!awake || !folder_answered(SYS_getdents64, a, &outcome))
        outcome = KERNEL(SYS_getdents64, file, into, room);
    return (ssize_t)told(outcome);
}

#else

int folder_answered(long number, const long *a, long *outcome)
{
    (void)number; (void)a; (void)outcome;
    return 0;
}

#endif
