/* Numbers of devices and inodes as the guest sees them: of what is not its own, in order of appearance.
 *
 * Who looks takes no lock; a row is there once it has its number. A table that grew leaves its old one to
 * those who still read it.
 */
#include "world.h"

#include <errno.h>
#include <sys/mman.h>

#define DEVICES 256
#define FIRST_DEVICE 64
#define FIRST_INODE 1000
#define FIRST_ROOM 1024 /* a power of two */

struct inode { dev_t device; ino_t inode; _Atomic uint64_t number; };
struct table { size_t room; struct inode rows[]; };

static dev_t devices[DEVICES];
static _Atomic int device_count;
static struct table *_Atomic inodes;
static uint64_t inode_count;

static long device_of(dev_t device)
{
    int count = atomic_load(&device_count);
    for (int at = 0; at < count; at++)
        if (devices[at] == device)
            return FIRST_DEVICE + at;
    return 0;
}

long number_device(dev_t device)
{
    long found = device_of(device);
    if (found)
        return found;
    uint64_t before = lock(NUMBERS);
    found = device_of(device);
    int count = atomic_load(&device_count);
    if (!found && count < DEVICES) {
        devices[count] = device;
        atomic_store(&device_count, count + 1);
        found = FIRST_DEVICE + count;
    }
    unlock(NUMBERS, before);
    return found ? found : -ENOMEM;
}

/* The row of an inode, or the free one where it belongs. */
static struct inode *row_of(struct table *table, dev_t device, ino_t inode)
{
    size_t at = (size_t)((inode ^ device << 40) * 0x9e3779b97f4a7c15ULL >> 20);
    for (;; at++) {
        struct inode *row = &table->rows[at & (table->room - 1)];
        if (!atomic_load(&row->number) || (row->device == device && row->inode == inode))
            return row;
    }
}

static void fill(struct inode *row, dev_t device, ino_t inode, uint64_t number)
{
    row->device = device;
    row->inode = inode;
    atomic_store(&row->number, number);
}

/* With room for one more; NULL where there is no memory. */
static struct table *roomy(void)
{
    struct table *old = atomic_load(&inodes);
    if (old && inode_count < old->room / 2)
        return old;
    size_t room = old ? old->room * 2 : FIRST_ROOM;
    long made = KERNEL(SYS_mmap, 0, sizeof(struct table) + room * sizeof(struct inode),
                       PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (made < 0 && made > -4096)
        return NULL;
    struct table *table = (struct table *)made;
    table->room = room;
    for (size_t at = 0; old && at < old->room; at++) {
        struct inode *row = &old->rows[at];
        if (row->number)
            fill(row_of(table, row->device, row->inode), row->device, row->inode, row->number);
    }
    atomic_store(&inodes, table);
    return table;
}

/* A fork may have come between a row and its count. */
static void count_again(void)
{
    struct table *table = atomic_load(&inodes);
    uint64_t rows = 0;
    for (size_t at = 0; table && at < table->room; at++)
        rows += table->rows[at].number != 0;
    inode_count = rows;
}

long number_inode(dev_t device, ino_t inode)
{
    struct table *table = atomic_load(&inodes);
    uint64_t number = table ? row_of(table, device, inode)->number : 0;
    if (number)
        return (long)number;
    uint64_t before = lock(NUMBERS);
    if (first_hold(NUMBERS))
        count_again();
    table = roomy();
    if (table) {
        struct inode *row = row_of(table, device, inode);
        if (!row->number)
            fill(row, device, inode, FIRST_INODE + inode_count++);
        number = row->number;
    }
    unlock(NUMBERS, before);
    return number ? (long)number : -ENOMEM;
}
