/* What an extension may ask of files: by the C library's names, by its own copies of them, by instruction. */
#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

static long bare(long number, long a, long b, long c, long d, long e)
{
    long outcome;
    register long fourth __asm__("r10") = d;
    register long fifth __asm__("r8") = e;
    __asm__ volatile("syscall" : "=a"(outcome) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth)
                     : "rcx", "r11", "memory");
    return outcome;
}

static PyObject *told(long outcome, const struct stat *s)
{
    if (outcome)
        return Py_BuildValue("(l)", outcome);
    return Py_BuildValue("kkkkkklllllll", (unsigned long)s->st_mode, s->st_ino, s->st_dev, s->st_nlink,
                         (unsigned long)s->st_uid, (unsigned long)s->st_gid, s->st_size, s->st_blocks, s->st_blksize,
                         s->st_rdev, s->st_atim.tv_sec * 1000000000L + s->st_atim.tv_nsec,
                         s->st_mtim.tv_sec * 1000000000L + s->st_mtim.tv_nsec,
                         s->st_ctim.tv_sec * 1000000000L + s->st_ctim.tv_nsec);
}

static PyObject *extended(long outcome, const struct statx *s)
{
    if (outcome)
        return Py_BuildValue("(l)", outcome);
    return Py_BuildValue("IKKKIIIIKKILLLL", s->stx_mask, s->stx_attributes, s->stx_attributes_mask, s->stx_ino,
                         s->stx_dev_major, s->stx_dev_minor, s->stx_nlink, s->stx_uid, s->stx_size, s->stx_blocks,
                         s->stx_blksize, s->stx_atime.tv_sec * 1000000000LL + s->stx_atime.tv_nsec,
                         s->stx_mtime.tv_sec * 1000000000LL + s->stx_mtime.tv_nsec,
                         s->stx_ctime.tv_sec * 1000000000LL + s->stx_ctime.tv_nsec,
                         s->stx_btime.tv_sec * 1000000000LL + s->stx_btime.tv_nsec);
}

static void put(PyObject *list, PyObject *row)
{
    PyList_Append(list, row);
    Py_DECREF(row);
}

/* Rows of one file, the plain ones first: all of these are equal. */
static PyObject *plain(PyObject *self, PyObject *path)
{
    (void)self;
    typedef int by_name(const char *, struct stat *);
    const char *name = PyUnicode_AsUTF8(path);
    struct stat s;
    int file = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    PyObject *list = PyList_New(0);
    put(list, told(stat(name, &s), &s));
    put(list, told(lstat(name, &s), &s));
    put(list, told(fstat(file, &s), &s));
    put(list, told(fstatat(AT_FDCWD, name, &s, 0), &s));
    put(list, told(stat64(name, (struct stat64 *)&s), &s));
    put(list, told(syscall(SYS_newfstatat, AT_FDCWD, name, &s, 0), &s));
    put(list, told(bare(SYS_newfstatat, AT_FDCWD, (long)name, (long)&s, 0, 0), &s));
    put(list, told(bare(SYS_fstat, file, (long)&s, 0, 0, 0), &s));
    put(list, told(bare(SYS_stat, (long)name, (long)&s, 0, 0, 0), &s));
    put(list, told(bare(SYS_lstat, (long)name, (long)&s, 0, 0, 0), &s));
    by_name *own = (by_name *)dlsym(dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD), "stat");
    put(list, told(own(name, &s), &s));
    int (*old)(int, const char *, struct stat *) = dlsym(RTLD_DEFAULT, "__xstat");
    put(list, told(old(1, name, &s), &s));
    close(file);
    return list;
}

static PyObject *more(PyObject *self, PyObject *path)
{
    (void)self;
    const char *name = PyUnicode_AsUTF8(path);
    struct statx x;
    PyObject *list = PyList_New(0);
    put(list, extended(statx(AT_FDCWD, name, 0, STATX_ALL | 0xffff, &x), &x));
    put(list, extended(bare(SYS_statx, AT_FDCWD, (long)name, 0, STATX_ALL | 0xffff, (long)&x), &x));
    return list;
}

static PyObject *space(PyObject *self, PyObject *path)
{
    (void)self;
    const char *name = PyUnicode_AsUTF8(path);
    struct statvfs v;
    struct statfs f;
    long outcome = statvfs(name, &v), other = bare(SYS_statfs, (long)name, (long)&f, 0, 0, 0);
    return Py_BuildValue("lkkkkkkkkklllllkk", outcome, v.f_bsize, v.f_frsize, v.f_blocks, v.f_bfree, v.f_bavail,
                         v.f_files, v.f_ffree, v.f_favail, v.f_fsid, other, (long)f.f_bsize, (long)f.f_frsize,
                         (long)f.f_blocks, (long)f.f_bfree, (unsigned long)f.f_files, (unsigned long)f.f_ffree);
}

static PyObject *walked;

static int visit(const char *name, const struct stat *s, int kind, struct FTW *at)
{
    (void)kind; (void)at;
    put(walked, Py_BuildValue("sN", name, told(0, s)));
    return 0;
}

/* As the C library walks by itself, by its own calls. */
static PyObject *walk(PyObject *self, PyObject *path)
{
    (void)self;
    walked = PyList_New(0);
    nftw(PyUnicode_AsUTF8(path), visit, 8, FTW_PHYS);
    return walked;
}

static PyMethodDef methods[] = {
    {"plain", plain, METH_O, NULL}, {"more", more, METH_O, NULL},     {"space", space, METH_O, NULL},
    {"walk", walk, METH_O, NULL},   {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "status", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_status(void) { return PyModule_Create(&module); }
