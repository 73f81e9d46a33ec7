/* The kernel's page of clock readings that need no system call: each of its functions becomes ours.
 *
 * The C library keeps their addresses, and foreign code can find them by itself; both then read the
 * world. The page is private to the process, and is never writable and executable at once.
 */
#include "world.h"

#if TRAPS

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/time.h>

#define PAGE 4096UL
#define JUMP 12 /* bytes of a jump to any address */

static long asked(uintptr_t caller, long number, long a, long b, long c)
{
    long words[6] = {a, b, c}, outcome;
    if (!answered(number, words, caller, &outcome))
        outcome = KERNEL(number, a, b, c);
    return outcome;
}

static long gettime(clockid_t clock, struct timespec *when)
{
    return asked(CALLER, SYS_clock_gettime, clock, (long)when, 0);
}

static long time_of_day(struct timeval *when, void *zone)
{
    return asked(CALLER, SYS_gettimeofday, (long)when, (long)zone, 0);
}

static long seconds(time_t *when) { return asked(CALLER, SYS_time, (long)when, 0, 0); }

static long getres(clockid_t clock, struct timespec *step)
{
    return KERNEL(SYS_clock_getres, clock, step);
}

static long processor(unsigned *number, unsigned *node, void *unused)
{
    return asked(CALLER, SYS_getcpu, (long)number, (long)node, (long)unused);
}

static long entropy(void *into, size_t size, unsigned flags, void *state, size_t state_size)
{
    if (state_size == ~(size_t)0) /* asks how large a state must be: there is none */
        return -ENOSYS;
    (void)state;
    return asked(CALLER, SYS_getrandom, (long)into, (long)size, flags);
}

static long absent(void) { return -ENOSYS; }

static const struct { const char *name; void *ours; } functions[] = {
    {"__vdso_clock_gettime", gettime},  {"__vdso_gettimeofday", time_of_day},
    {"__vdso_time", seconds},           {"__vdso_clock_getres", getres},
    {"__vdso_getcpu", processor},       {"__vdso_getrandom", entropy},
    {"__vdso_sgx_enter_enclave", NULL},
};

struct page {
    uintptr_t base, end;
    const Elf64_Sym *symbols;
    const char *names;
    const uint32_t *hash, *gnu_hash;
};

static int read_page(struct page *page)
{
    const Elf64_Ehdr *head = (const Elf64_Ehdr *)page->base;
    const Elf64_Phdr *parts = (const Elf64_Phdr *)(page->base + head->e_phoff);
    const Elf64_Dyn *dynamic = NULL;
    for (int at = 0; at < head->e_phnum; at++) {
        if (parts[at].p_type == PT_LOAD)
            page->end = page->base + ((parts[at].p_vaddr + parts[at].p_memsz + PAGE - 1) & -PAGE);
        if (parts[at].p_type == PT_DYNAMIC)
            dynamic = (const Elf64_Dyn *)(page->base + parts[at].p_vaddr);
    }
    for (; dynamic && dynamic->d_tag != DT_NULL; dynamic++) {
        void *place = (void *)(page->base + dynamic->d_un.d_ptr);
        switch (dynamic->d_tag) {
        case DT_SYMTAB: page->symbols = place; break;
        case DT_STRTAB: page->names = place; break;
        case DT_HASH: page->hash = place; break;
        case DT_GNU_HASH: page->gnu_hash = place; break;
        }
    }
    return !(page->symbols && page->names && (page->hash || page->gnu_hash));
}

static uint32_t count_symbols(const struct page *page)
{
    if (page->hash)
        return page->hash[1];
    const uint32_t *g = page->gnu_hash, *buckets = g + 4 + 2 * g[2], *chain = buckets + g[0];
    uint32_t last = 0;
    for (uint32_t at = 0; at < g[0]; at++)
        last = buckets[at] > last ? buckets[at] : last;
    while (last >= g[1] && !(chain[last - g[1]] & 1))
        last++;
    return last + 1;
}

static void *stand_in(const char *name)
{
    for (size_t at = 0; at < sizeof functions / sizeof *functions; at++)
        if (!strcmp(name, functions[at].name))
            return functions[at].ours;
    return absent; /* younger than we are */
}

static void overwrite(uintptr_t place, void *ours)
{
    uint8_t code[JUMP] = {0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xe0}; /* mov rax, …; jmp rax */
    memcpy(code + 2, &ours, sizeof ours);
    memcpy((void *)place, code, sizeof code);
}

int cover_vdso(struct range *found)
{
    struct page page = {.base = getauxval(AT_SYSINFO_EHDR)};
    *found = (struct range){(uintptr_t)os2_gate_end, (uintptr_t)os2_gate_end + 1};
    if (!page.base)
        return 0; /* a kernel without one */
    if (read_page(&page))
        return -1;
    size_t size = page.end - page.base;
    if (mprotect((void *)page.base, size, PROT_READ | PROT_WRITE))
        return -1;
    for (uint32_t at = 0, count = count_symbols(&page); at < count; at++) {
        const Elf64_Sym *symbol = &page.symbols[at];
        const char *name = page.names + symbol->st_name;
        void *ours = strncmp(name, "__vdso_", 7) ? NULL : stand_in(name);
        if (ELF64_ST_TYPE(symbol->st_info) == STT_FUNC && symbol->st_shndx && ours)
            overwrite(page.base + symbol->st_value, ours);
    }
    *found = (struct range){page.base, page.end};
    return mprotect((void *)page.base, size, PROT_READ | PROT_EXEC);
}

#endif
