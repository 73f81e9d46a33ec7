/* What an extension may do behind the C library's back: the time stamp counter, and system calls by instruction. */
#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <link.h>
#include <signal.h>
#include <string.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <time.h>

static long bare(long number, long a, long b, long c, long d)
{
    long outcome;
    register long fourth __asm__("r10") = d;
    __asm__ volatile("syscall" : "=a"(outcome) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
                     : "rcx", "r11", "memory");
    return outcome;
}

static PyObject *rdtsc(PyObject *self, PyObject *none)
{
    (void)self; (void)none;
    return PyLong_FromUnsignedLongLong(__builtin_ia32_rdtsc());
}

static PyObject *rdtscp(PyObject *self, PyObject *none)
{
    (void)self; (void)none;
    unsigned processor = 77;
    unsigned long long stamp = __builtin_ia32_rdtscp(&processor);
    return Py_BuildValue("KI", stamp, processor);
}

static PyObject *clocks(PyObject *self, PyObject *none)
{
    (void)self; (void)none;
    PyObject *list = PyList_New(0);
    for (long clock = -6; clock < 12; clock++) {
        struct timespec now = {0, 0};
        if (clock == 8 || clock == 9 || clock == 10 || clock == -5 || clock == -1 || clock == -3)
            continue; /* alarms, and numbers of files */
        long outcome = bare(SYS_clock_gettime, clock, (long)&now, 0, 0);
        PyList_Append(list, Py_BuildValue("llL", clock, outcome, now.tv_sec * 1000000000LL + now.tv_nsec));
    }
    struct timeval when;
    long outcome = bare(SYS_gettimeofday, (long)&when, 0, 0, 0);
    PyList_Append(list, Py_BuildValue("lL", outcome, when.tv_sec * 1000000LL + when.tv_usec));
    PyList_Append(list, PyLong_FromLong(bare(SYS_time, 0, 0, 0, 0)));
    struct timespec end = {when.tv_sec + 5, 0};
    PyList_Append(list, PyLong_FromLong(bare(SYS_time, 0, 0, 0, 0)));
    end.tv_nsec = 0; end.tv_sec = when.tv_sec;
    PyList_Append(list, PyLong_FromLong(bare(SYS_clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, (long)&end, 0)));
    return list;
}

static PyObject *usage(PyObject *self, PyObject *none)
{
    (void)self; (void)none;
    struct rusage used;
    struct tms spent;
    struct utsname names;
    struct sysinfo machine;
    cpu_set_t set;
    unsigned processor = 9, node = 9;
    memset(&set, 0, sizeof set);
    long first = bare(SYS_getrusage, RUSAGE_SELF, (long)&used, 0, 0);
    long ticks = bare(SYS_times, (long)&spent, 0, 0, 0);
    bare(SYS_uname, (long)&names, 0, 0, 0);
    bare(SYS_sysinfo, (long)&machine, 0, 0, 0);
    bare(SYS_getcpu, (long)&processor, (long)&node, 0, 0);
    bare(SYS_sched_getaffinity, 0, sizeof set, (long)&set, 0);
    return Py_BuildValue("llllllssklIIi", first, used.ru_utime.tv_sec, used.ru_utime.tv_usec, used.ru_maxrss, ticks,
                         spent.tms_utime, names.release, names.version, machine.totalram, machine.uptime,
                         processor, node, CPU_COUNT(&set));
}

static PyObject *entropy(PyObject *self, PyObject *none)
{
    (void)self; (void)none;
    unsigned long long words[2] = {0, 0};
    long first = bare(SYS_getrandom, (long)words, sizeof words, 0, 0);
    long second = bare(SYS_getrandom, (long)words, sizeof *words, 1, 0);
    return Py_BuildValue("llKK", first, second, words[0], words[1]);
}

static int find_page(struct dl_phdr_info *object, size_t size, void *data)
{
    (void)size;
    if (strstr(object->dlpi_name, "vdso"))
        *(ElfW(Addr) *)data = object->dlpi_addr;
    return 0;
}

/* The kernel's page, found and called as Go's runtime does. */
static PyObject *page(PyObject *self, PyObject *none)
{
    (void)self; (void)none;
    ElfW(Addr) base = 0;
    dl_iterate_phdr(find_page, &base);
    if (!base)
        Py_RETURN_NONE;
    ElfW(Ehdr) *head = (void *)base;
    ElfW(Phdr) *parts = (void *)(base + head->e_phoff);
    ElfW(Dyn) *rows = NULL;
    ElfW(Sym) *symbols = NULL;
    const char *names = NULL;
    for (int at = 0; at < head->e_phnum; at++)
        if (parts[at].p_type == PT_DYNAMIC)
            rows = (void *)(base + parts[at].p_vaddr);
    for (; rows && rows->d_tag; rows++) {
        if (rows->d_tag == DT_SYMTAB) symbols = (void *)(base + rows->d_un.d_ptr);
        if (rows->d_tag == DT_STRTAB) names = (void *)(base + rows->d_un.d_ptr);
    }
    for (ElfW(Sym) *at = symbols; (void *)at < (void *)names; at++)
        if (!strcmp(names + at->st_name, "__vdso_clock_gettime")) {
            struct timespec now = {0, 0}, coarse = {0, 0};
            int (*ask)(clockid_t, struct timespec *) = (void *)(base + at->st_value);
            ask(CLOCK_REALTIME, &now);
            ask(CLOCK_MONOTONIC_COARSE, &coarse);
            return Py_BuildValue("LL", now.tv_sec * 1000000000LL + now.tv_nsec,
                                 coarse.tv_sec * 1000000000LL + coarse.tv_nsec);
        }
    Py_RETURN_NONE;
}

/* The page of 2002, which the kernel serves at one address. */
static PyObject *old_page(PyObject *self, PyObject *none)
{
    (void)self; (void)none;
    struct timeval now = {0, 0};
    long (*ask)(struct timeval *, void *) = (void *)0xffffffffff600000;
    long (*seconds)(void *) = (void *)0xffffffffff600400;
    return Py_BuildValue("lLl", ask(&now, NULL), now.tv_sec * 1000000LL + now.tv_usec, seconds(NULL));
}

/* What a runtime of its own does: block all signals, and take all of them, without the C library. */
static PyObject *takes_signals(PyObject *self, PyObject *none)
{
    (void)self; (void)none;
    struct { void *handler; unsigned long flags; void *restorer; unsigned long mask; } plain = {0}, before = {0};
    unsigned long all = ~0UL, old = 0, again = 0;
    long outcome = bare(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&old, 8);
    unsigned long long stamp = __builtin_ia32_rdtsc();
    bare(SYS_rt_sigprocmask, SIG_SETMASK, (long)&old, (long)&again, 8);
    outcome |= bare(SYS_rt_sigaction, SIGSYS, (long)&plain, (long)&before, 8);
    outcome |= bare(SYS_rt_sigaction, SIGSEGV, (long)&plain, (long)&before, 8);
    return Py_BuildValue("lKkkK", outcome, stamp, old, again & (1UL << (SIGSYS - 1)), __builtin_ia32_rdtsc());
}

static PyMethodDef methods[] = {
    {"rdtsc", rdtsc, METH_NOARGS, NULL},
    {"rdtscp", rdtscp, METH_NOARGS, NULL},
    {"clocks", clocks, METH_NOARGS, NULL},
    {"usage", usage, METH_NOARGS, NULL},
    {"entropy", entropy, METH_NOARGS, NULL},
    {"page", page, METH_NOARGS, NULL},
    {"old_page", old_page, METH_NOARGS, NULL},
    {"takes_signals", takes_signals, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "below", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_below(void) { return PyModule_Create(&module); }
