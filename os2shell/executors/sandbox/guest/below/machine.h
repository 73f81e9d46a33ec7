/* The machine, as host.py shows it. */
#ifndef OS2_MACHINE_H
#define OS2_MACHINE_H

#include <sched.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

void rename_machine(struct utsname *names);
void describe_machine(struct sysinfo *machine);
long list_processors(cpu_set_t *set, size_t size); /* how many bytes tell something */

#endif
