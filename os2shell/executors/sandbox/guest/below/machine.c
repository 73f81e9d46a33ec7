/* The machine, as host.py shows it: processors, memory, load, the kernel's name. */
#include "world.h"

#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

#include "machine.h"

#define CPUS 2
#define PAGES (1L << 20)

void rename_machine(struct utsname *names)
{
    strcpy(names->release, "6.1.0-os2");
    strcpy(names->version, "#1 SMP os2");
}

void describe_machine(struct sysinfo *machine)
{
    memset(machine, 0, sizeof *machine);
    machine->uptime = (MONOTONIC_BASE + (awake ? atomic_load(&now_ns) - start_ns : 0)) / SECOND;
    machine->totalram = machine->freeram = PAGES * 4096UL;
    machine->procs = 1;
    machine->mem_unit = 1;
}

long list_processors(cpu_set_t *set, size_t size)
{
    memset(set, 0, size);
    for (int cpu = 0; cpu < CPUS; cpu++)
        CPU_SET_S(cpu, size, set);
    return sizeof(long);
}

EXPORTED int uname(struct utsname *names)
{
    long outcome = KERNEL(SYS_uname, names);
    if (!outcome && awake)
        rename_machine(names);
    return (int)told(outcome);
}

EXPORTED int sysinfo(struct sysinfo *machine)
{
    describe_machine(machine);
    return 0;
}

EXPORTED int sched_getaffinity(pid_t process, size_t size, cpu_set_t *set)
{
    (void)process;
    list_processors(set, size);
    return 0;
}

EXPORTED long sysconf(int name)
{
    static long (*real)(int);
    if (!real)
        real = (long (*)(int))dlsym(RTLD_NEXT, "sysconf");
    switch (name) {
    case _SC_NPROCESSORS_ONLN: case _SC_NPROCESSORS_CONF:
        return CPUS;
    case _SC_PHYS_PAGES: case _SC_AVPHYS_PAGES:
        return PAGES;
    }
    return real(name);
}

EXPORTED int get_nprocs(void) { return CPUS; }
EXPORTED int get_nprocs_conf(void) { return CPUS; }
EXPORTED long get_phys_pages(void) { return PAGES; }
EXPORTED long get_avphys_pages(void) { return PAGES; }
EXPORTED int sched_getcpu(void) { return 0; }

EXPORTED int getloadavg(double *load, int count)
{
    for (int at = 0; at < count && at < 3; at++)
        load[at] = 0;
    return count < 3 ? count : 3;
}
