/* Files that posix_spawn would open in the child, before its program: there all signals are blocked, and
 * a trapped call would end it. They are opened where they are named, and given to the child.
 */
#include "world.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>

#define GIVEN 64
#define ABOVE 512 /* where no program names descriptors of its own */

static struct { const void *actions; int file; } given[GIVEN];

typedef int add_open(posix_spawn_file_actions_t *, int, const char *, int, mode_t);
typedef int destroy(posix_spawn_file_actions_t *);

EXPORTED int posix_spawn_file_actions_addopen(posix_spawn_file_actions_t *restrict actions, int wanted,
                                              const char *restrict path, int flags, mode_t mode)
{
    static add_open *real;
    if (!real)
        real = (add_open *)dlsym(RTLD_NEXT, "posix_spawn_file_actions_addopen");
    if (!armed)
        return real(actions, wanted, path, flags, mode);
    int at = 0, file = openat(AT_FDCWD, path, flags | O_CLOEXEC, mode);
    if (file < 0)
        return errno;
    int moved = fcntl(file, F_DUPFD_CLOEXEC, ABOVE);
    KERNEL(SYS_close, file);
    while (at < GIVEN && given[at].actions)
        at++;
    if (moved >= 0 && at == GIVEN)
        KERNEL(SYS_close, moved);
    if (moved < 0 || at == GIVEN)
        return EMFILE;
    given[at].actions = actions;
    given[at].file = moved;
    return posix_spawn_file_actions_adddup2(actions, moved, wanted);
}

EXPORTED int posix_spawn_file_actions_destroy(posix_spawn_file_actions_t *actions)
{
    static destroy *real;
    if (!real)
        real = (destroy *)dlsym(RTLD_NEXT, "posix_spawn_file_actions_destroy");
    for (int at = 0; at < GIVEN; at++)
        if (given[at].actions == actions) {
            KERNEL(SYS_close, given[at].file);
            given[at].actions = NULL;
        }
    return real(actions);
}
