/* Native code that is not the image's own, judged before any of it runs.
 *
 * rdrand, rdseed and rdpid answer with what no seed gives, and nothing can trap them: a library that
 * holds one is not loaded, with a word that says which, where, and what to do. Bytes alone cry wolf, for
 * the same bytes lie inside of other instructions: where they are found, the function around them
 * (.eh_frame_hdr, or else its symbol) is decoded from its start, to see whether an instruction begins there.
 * Code that belongs to no function is refused, for nobody can say what it is. On a machine without traps
 * the time stamp counter and bare system calls are judged so too. OpenSSL and what descends from it ask
 * their environment whether they may use these instructions, and are told that they may not: where a
 * library holds the name of that variable, its functions that are called so, or have no name, pass.
 */
#include "world.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORD 600
#define DEPTH 16
#define JUDGED 256

static __thread char refused[WORD] __attribute__((tls_model("initial-exec")));
static __thread char handed[WORD] __attribute__((tls_model("initial-exec")));

#if TRAPS

struct file {
    const char *path;
    const uint8_t *bytes;
    size_t size;
    const Elf64_Ehdr *head;
    const Elf64_Phdr *parts;
    int obedient; /* asks the environment */
};

struct visit { struct { dev_t device; ino_t inode; } seen[JUDGED]; int count; };

/* ---- where functions begin ---------------------------------------------------------------- */

static const Elf64_Phdr *part_of(const struct file *f, uint32_t type)
{
    for (int at = 0; at < f->head->e_phnum; at++)
        if (f->parts[at].p_type == type && f->parts[at].p_offset + f->parts[at].p_filesz <= f->size)
            return &f->parts[at];
    return NULL;
}

/* Where in the file the address ``at`` of the library lies; NULL for none. */
static const uint8_t *place(const struct file *f, uint64_t at)
{
    for (int n = 0; n < f->head->e_phnum; n++) {
        const Elf64_Phdr *part = &f->parts[n];
        if (part->p_type == PT_LOAD && at >= part->p_vaddr && at - part->p_vaddr < part->p_filesz) {
            uint64_t offset = part->p_offset + (at - part->p_vaddr);
            return offset < f->size ? f->bytes + offset : NULL;
        }
    }
    return NULL;
}

static int32_t signed_word(const uint8_t *at)
{
    int32_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* The start of the function around ``at`` by its unwinding table (LSB 5.0, 10.6.2); 0 for none. */
static uint64_t start_by_frames(const struct file *f, uint64_t at)
{
    const Elf64_Phdr *part = part_of(f, PT_GNU_EH_FRAME);
    if (!part || part->p_filesz < 12)
        return 0;
    const uint8_t *table = f->bytes + part->p_offset;
    if (table[0] != 1 || table[2] != 0x03 || table[3] != 0x3b)
        return 0;
    uint32_t low = 0, high = (uint32_t)signed_word(table + 8);
    if (high > (part->p_filesz - 12) / 8)
        return 0;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (part->p_vaddr + (int64_t)signed_word(table + 12 + 8 * (size_t)middle) <= at)
            low = middle + 1;
        else
            high = middle;
    }
    if (!low)
        return 0;
    const uint8_t *row = table + 12 + 8 * ((size_t)low - 1);
    uint64_t start = part->p_vaddr + (int64_t)signed_word(row);
    const uint8_t *frame = place(f, part->p_vaddr + (int64_t)signed_word(row + 4));
    if (!frame || frame + 16 > f->bytes + f->size)
        return 0;
    return at - start < (uint32_t)signed_word(frame + 12) ? start : 0;
}

static const Elf64_Shdr *section(const struct file *f, size_t number)
{
    uint64_t at = f->head->e_shoff + number * sizeof(Elf64_Shdr);
    if (!f->head->e_shoff || number >= f->head->e_shnum || at + sizeof(Elf64_Shdr) > f->size)
        return NULL;
    return (const Elf64_Shdr *)(f->bytes + at);
}

/* The symbol around ``at``, with its name; NULL for none. */
static const Elf64_Sym *symbol_at(const struct file *f, uint64_t at, const char **name)
{
    for (size_t n = 0; n < f->head->e_shnum; n++) {
        const Elf64_Shdr *table = section(f, n), *names;
        if (!table || (table->sh_type != SHT_SYMTAB && table->sh_type != SHT_DYNSYM))
            continue;
        names = section(f, table->sh_link);
        if (!names || table->sh_offset + table->sh_size > f->size || names->sh_offset + names->sh_size > f->size)
            continue;
        const Elf64_Sym *symbols = (const Elf64_Sym *)(f->bytes + table->sh_offset);
        for (size_t k = 0; k < table->sh_size / sizeof *symbols; k++)
            if (ELF64_ST_TYPE(symbols[k].st_info) == STT_FUNC && at - symbols[k].st_value < symbols[k].st_size
                && symbols[k].st_name < names->sh_size) {
                *name = (const char *)f->bytes + names->sh_offset + symbols[k].st_name;
                return &symbols[k];
            }
    }
    return NULL;
}

/* Whether the sections say that ``at`` is no code: constants often lie in the same segment. */
static int constant(const struct file *f, uint64_t at)
{
    for (size_t n = 0; n < f->head->e_shnum; n++) {
        const Elf64_Shdr *found = section(f, n);
        if (found && found->sh_flags & SHF_ALLOC && found->sh_type != SHT_NOBITS && at - found->sh_addr < found->sh_size)
            return !(found->sh_flags & SHF_EXECINSTR);
    }
    return 0;
}

/* ---- instructions ------------------------------------------------------------------------- */

/* What begins at ``op``, with two bytes of prefixes before it: its name, or NULL. */
static const char *drawing(const uint8_t *op, const uint8_t *end)
{
    if (end - op < 3 || op[0] != 0x0f)
        return NULL;
    if (op[1] == 0xc7 && op[2] >= 0xf0) {
        int repeated = op[-1] == 0xf3 || (op[-2] == 0xf3 && (op[-1] & 0xf0) == 0x40);
        return op[2] < 0xf8 ? "rdrand" : repeated ? "rdpid" : "rdseed";
    }
    if (armed)
        return NULL;
    if (op[1] == 0x01)
        return op[2] == 0xf9 ? "rdtscp" : NULL;
    return op[1] == 0x31 ? "rdtsc" : op[1] == 0x05 ? "syscall" : NULL;
}

/* Whether an instruction has its opcode at ``hit``, decoded from ``from`` on. */
static int begins(const uint8_t *from, const uint8_t *hit, const uint8_t *end)
{
    const uint8_t *opcode = from;
    while (from <= hit) {
        size_t size = instruction(from, end, &opcode);
        if (size && opcode == hit)
            return 1;
        from += size ? size : 1;
    }
    return 0;
}

static int refuse(const struct file *f, const char *what, uint64_t at, const char *in)
{
    snprintf(refused, WORD,
             "%.200s: %s at 0x%lx (%.80s) draws below the recorder: what it is answered is neither held nor "
             "recorded; build it without %s, to call getrandom(2) and clock_gettime(2) of the C library%s",
             f->path, what, (unsigned long)at, in, what,
             armed ? "" : ", or run it on a machine that gives the layer native-traps");
    return -1;
}

static int judge_hit(const struct file *f, const uint8_t *hit, uint64_t at, const uint8_t *end, const char *what)
{
    const char *name = "in no known function";
    if (constant(f, at))
        return 0;
    const Elf64_Sym *symbol = symbol_at(f, at, &name);
    uint64_t start = start_by_frames(f, at);
    start = start ? start : symbol ? symbol->st_value : 0;
    if (start && !begins(place(f, start), hit, end))
        return 0;
    int masked = !strcmp(what, "rdrand") || !strcmp(what, "rdseed") || !strcmp(what, "rdtsc");
    if (f->obedient && masked && (!symbol || strstr(name, what)))
        return 0;
    return refuse(f, what, at, name);
}

static int judge_code(const struct file *f, const Elf64_Phdr *part)
{
    const uint8_t *first = f->bytes + part->p_offset, *end = first + part->p_filesz, *at = first + 2;
    while (at < end && (at = memchr(at, 0x0f, (size_t)(end - at)))) {
        const char *what = drawing(at, end);
        if (what && judge_hit(f, at, part->p_vaddr + (uint64_t)(at - first), end, what))
            return -1;
        at++;
    }
    return 0;
}

static int obeys_environment(const struct file *f)
{
    static const char word[] = "OPENSSL_ia32cap";
    return memmem(f->bytes, f->size, word, sizeof word) != NULL;
}

/* ---- libraries ---------------------------------------------------------------------------- */

int of_the_image(const char *path)
{
    static const char *const places[] = {"/py/", "/os2/", "/lib", "/usr/"};
    for (size_t at = 0; at < sizeof places / sizeof *places; at++)
        if (!strncmp(path, places[at], strlen(places[at])))
            return 1;
    return 0;
}

static int judge_file(const char *path, const char *paths, struct visit *visit, int depth);
static int judge_open(int file, const char *real, const char *paths, struct visit *visit, int depth);

/* The library ``name`` in the folders of ``paths``, with $ORIGIN the folder of ``beside``. */
static int judge_named(const char *name, const char *paths, const char *beside, struct visit *visit, int depth)
{
    char folder[PATH_MAX], found[PATH_MAX];
    if (strchr(name, '/'))
        return judge_file(name, paths, visit, depth);
    const char *slash = strrchr(beside, '/');
    int origin = slash ? (int)(slash - beside) : 0;
    while (paths && *paths) {
        size_t length = strcspn(paths, ":");
        snprintf(folder, sizeof folder, "%.*s", (int)length, paths);
        paths += length + (paths[length] == ':');
        const char *rest = folder;
        int own = 0;
        if (!strncmp(folder, "$ORIGIN", 7))
            rest = folder + 7, own = 1;
        else if (!strncmp(folder, "${ORIGIN}", 9))
            rest = folder + 9, own = 1;
        if (snprintf(found, sizeof found, "%.*s%s/%s", own ? origin : 0, beside, rest, name) >= (int)sizeof found)
            continue;
        if (!access(found, F_OK))
            return judge_file(found, NULL, visit, depth);
    }
    return 0; /* the loader's own folders, which are the image's, or nowhere */
}

/* Those that it needs, by its own search path and by that of who needs it. */
static int judge_needed(const struct file *f, const char *paths, struct visit *visit, int depth)
{
    const Elf64_Phdr *part = part_of(f, PT_DYNAMIC);
    if (!part)
        return 0;
    const Elf64_Dyn *rows = (const Elf64_Dyn *)(f->bytes + part->p_offset);
    size_t count = part->p_filesz / sizeof *rows;
    const char *names = NULL, *own = NULL;
    for (size_t at = 0; at < count && rows[at].d_tag != DT_NULL; at++)
        if (rows[at].d_tag == DT_STRTAB)
            names = (const char *)place(f, rows[at].d_un.d_ptr);
    if (!names)
        return 0;
    for (size_t at = 0; at < count && rows[at].d_tag != DT_NULL; at++)
        if (rows[at].d_tag == DT_RPATH || rows[at].d_tag == DT_RUNPATH)
            own = names + rows[at].d_un.d_val;
    for (size_t at = 0; at < count && rows[at].d_tag != DT_NULL; at++) {
        const char *name = names + rows[at].d_un.d_val;
        if (rows[at].d_tag != DT_NEEDED)
            continue;
        if ((own && judge_named(name, own, f->path, visit, depth)) ||
            (paths && judge_named(name, paths, f->path, visit, depth)))
            return -1;
    }
    return 0;
}

static int judge_bytes(const struct file *f, const char *paths, struct visit *visit, int depth)
{
    if (f->size < sizeof *f->head || memcmp(f->bytes, ELFMAG "\2\1", 6) || f->head->e_machine != EM_X86_64 ||
        f->head->e_phoff + f->head->e_phnum * sizeof(Elf64_Phdr) > f->size)
        return 0; /* the loader will say what it is */
    for (int at = 0; at < f->head->e_phnum; at++) {
        const Elf64_Phdr *part = &f->parts[at];
        int code = part->p_type == PT_LOAD && part->p_flags & PF_X;
        if (code && part->p_offset + part->p_filesz <= f->size && judge_code(f, part))
            return -1;
    }
    return judge_needed(f, paths, visit, depth + 1);
}

static int new_to(struct visit *visit, const struct stat *status)
{
    for (int at = 0; at < visit->count; at++)
        if (visit->seen[at].device == status->st_dev && visit->seen[at].inode == status->st_ino)
            return 0;
    if (visit->count < JUDGED) {
        visit->seen[visit->count].device = status->st_dev;
        visit->seen[visit->count++].inode = status->st_ino;
    }
    return 1;
}

static int judge_file(const char *path, const char *paths, struct visit *visit, int depth)
{
    char real[PATH_MAX];
    if (depth > DEPTH || !realpath(path, real) || of_the_image(real))
        return 0;
    int file = open(real, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    int outcome = judge_open(file, real, paths, visit, depth);
    close(file);
    return outcome;
}

static int judge_open(int file, const char *real, const char *paths, struct visit *visit, int depth)
{
    struct stat status;
    int outcome = 0;
    if (!fstat(file, &status) && S_ISREG(status.st_mode) && status.st_size && new_to(visit, &status)) {
        size_t size = (size_t)status.st_size;
        const uint8_t *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, 0);
        if (bytes == MAP_FAILED) {
            snprintf(refused, WORD, "%.200s cannot be judged before it is loaded: no memory for it", real);
            outcome = -1;
        } else {
            const Elf64_Ehdr *head = (const Elf64_Ehdr *)bytes;
            struct file f = {.path = real, .bytes = bytes, .size = size, .head = head};
            if (size >= sizeof *head && head->e_phoff < size)
                f.parts = (const Elf64_Phdr *)(bytes + head->e_phoff);
            f.obedient = obeys_environment(&f);
            outcome = judge_bytes(&f, paths, visit, depth);
            munmap((void *)bytes, size);
        }
    }
    return outcome;
}

int judge_mapped(int file, const char *path)
{
    char magic[SELFMAG];
    struct visit visit = {.count = 0};
    if (pread(file, magic, SELFMAG, 0) != SELFMAG || memcmp(magic, ELFMAG, SELFMAG))
        return 0;
    return judge_open(file, path, NULL, &visit, 0) ? -1 : 1;
}

const char *drawn_in(const uint8_t *from, const uint8_t *end, size_t *offset)
{
    uint8_t edge[8] = {0}; /* nothing may be readable before the first byte */
    size_t some = (size_t)(end - from) < 6 ? (size_t)(end - from) : 6;
    memcpy(edge + 2, from, some);
    const char *what = NULL;
    for (*offset = 0; *offset < 2 && !what; ++*offset)
        what = drawing(edge + 2 + *offset, edge + 2 + some);
    for (const uint8_t *at = from + 2; !what && at < end; at++) {
        at = memchr(at, 0x0f, (size_t)(end - at));
        if (!at)
            return NULL;
        *offset = (size_t)(at - from) + 1;
        what = drawing(at, end);
    }
    --*offset;
    return what;
}

const char *last_refusal(void)
{
    memcpy(handed, refused, WORD);
    *refused = 0;
    return handed;
}

/* The search path of the object that ``caller`` lies in, and its file. */
static const char *paths_of(uintptr_t caller, const char **file)
{
    Dl_info object;
    struct link_map *map;
    const char *names = NULL, *found = NULL;
    if (!dladdr1((void *)caller, &object, (void **)&map, RTLD_DL_LINKMAP))
        return NULL;
    *file = map->l_name;
    for (const ElfW(Dyn) *row = map->l_ld; row->d_tag != DT_NULL; row++)
        if (row->d_tag == DT_STRTAB)
            names = (const char *)row->d_un.d_ptr;
    for (const ElfW(Dyn) *row = map->l_ld; names && row->d_tag != DT_NULL; row++)
        if (row->d_tag == DT_RPATH || row->d_tag == DT_RUNPATH)
            found = names + row->d_un.d_val;
    return found;
}

static int judge(const char *name, uintptr_t caller)
{
    struct visit visit = {.count = 0};
    const char *file = "", *paths;
    if (!name || !*name || !awake)
        return 0;
    paths = paths_of(caller, &file);
    return judge_named(name, paths, file, &visit, 0);
}

#else

static int judge(const char *name, uintptr_t caller)
{
    (void)name; (void)caller;
    return 0;
}

#endif

/* ---- the names ---------------------------------------------------------------------------- */

/* Both go on to the C library's by a jump: it judges by the return address who asks. */
EXPORTED void *dlopen(const char *name, int mode)
{
    static void *(*real)(const char *, int);
    if (!real)
        real = (void *(*)(const char *, int))dlsym(RTLD_NEXT, "dlopen");
    if (judge(name, CALLER))
        return NULL;
    return real(name, mode);
}

EXPORTED void *dlmopen(Lmid_t space, const char *name, int mode)
{
    static void *(*real)(Lmid_t, const char *, int);
    if (!real)
        real = (void *(*)(Lmid_t, const char *, int))dlsym(RTLD_NEXT, "dlmopen");
    if (judge(name, CALLER))
        return NULL;
    return real(space, name, mode);
}

EXPORTED char *dlerror(void)
{
    static char *(*real)(void);
    if (!real)
        real = (char *(*)(void))dlsym(RTLD_NEXT, "dlerror");
    if (!*refused)
        return real();
    memcpy(handed, refused, WORD);
    *refused = 0;
    return handed;
}
