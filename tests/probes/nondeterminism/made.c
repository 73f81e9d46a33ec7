/* What makes machine code while it runs: written, then made executable, by each way that there is. */
#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SIZE 8192

static long bare(long number, long a, long b, long c, long d, long e, long f)
{
    long outcome;
    register long fourth __asm__("r10") = d;
    register long fifth __asm__("r8") = e;
    register long sixth __asm__("r9") = f;
    __asm__ volatile("syscall" : "=a"(outcome) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth), "r"(sixth)
                     : "rcx", "r11", "memory");
    return outcome;
}

static PyObject *ran(const void *code, size_t offset)
{
    unsigned (*function)(void) = (unsigned (*)(void))((const char *)code + offset);
    return PyLong_FromUnsignedLong(function());
}

static PyObject *failed(int error) { return PyUnicode_FromFormat("refused: %s", strerror(error)); }

/* As a compiler at run time does: private memory, by the C library or by instruction. */
static PyObject *compile(PyObject *self, PyObject *words)
{
    (void)self;
    Py_buffer code;
    int by_instruction, offset;
    if (!PyArg_ParseTuple(words, "y*pi", &code, &by_instruction, &offset))
        return NULL;
    char *place = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(place + offset, code.buf, (size_t)code.len);
    long outcome = by_instruction ? bare(SYS_mprotect, (long)place, SIZE, PROT_READ | PROT_EXEC, 0, 0, 0)
                 : mprotect(place, SIZE, PROT_READ | PROT_EXEC) ? -errno : 0;
    if (outcome)
        return failed((int)-outcome);
    PyObject *first = ran(place, (size_t)offset);
    outcome = mprotect(place, SIZE, PROT_READ | PROT_WRITE);
    return Py_BuildValue("Nl", first, outcome);
}

/* Of a file: mapped executable, and written by its descriptor afterwards. */
static PyObject *map(PyObject *self, PyObject *words)
{
    (void)self;
    Py_buffer code, later;
    int file, shared;
    if (!PyArg_ParseTuple(words, "iy*y*p", &file, &code, &later, &shared))
        return NULL;
    if (pwrite(file, code.buf, (size_t)code.len, 0) < 0)
        return failed(errno);
    void *place = mmap(NULL, 4096, PROT_READ | PROT_EXEC, shared ? MAP_SHARED : MAP_PRIVATE, file, 0);
    if (place == MAP_FAILED)
        return failed(errno);
    PyObject *first = ran(place, 0);
    if (pwrite(file, later.buf, (size_t)later.len, 0) < 0)
        return failed(errno);
    return Py_BuildValue("NN", first, ran(place, 0));
}

/* The same in two steps: read first, executable then. */
static PyObject *map_then_allow(PyObject *self, PyObject *words)
{
    (void)self;
    Py_buffer code, later;
    int file, shared;
    if (!PyArg_ParseTuple(words, "iy*y*p", &file, &code, &later, &shared))
        return NULL;
    if (pwrite(file, code.buf, (size_t)code.len, 0) < 0)
        return failed(errno);
    void *place = mmap(NULL, 4096, PROT_READ, shared ? MAP_SHARED : MAP_PRIVATE, file, 0);
    if (place == MAP_FAILED || mprotect(place, 4096, PROT_READ | PROT_EXEC))
        return failed(errno);
    PyObject *first = ran(place, 0);
    if (pwrite(file, later.buf, (size_t)later.len, 0) < 0)
        return failed(errno);
    return Py_BuildValue("NN", first, ran(place, 0));
}

static PyObject *share(PyObject *self, PyObject *none)
{
    (void)self; (void)none;
    void *place = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return place == MAP_FAILED ? failed(errno) : PyUnicode_FromString("mapped");
}

/* An instruction laid over the border of two areas, which become code one after the other. */
static PyObject *straddle(PyObject *self, PyObject *words)
{
    (void)self;
    Py_buffer code;
    if (!PyArg_ParseTuple(words, "y*", &code))
        return NULL;
    char *place = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(place + 4095, code.buf, (size_t)code.len);
    int first = mprotect(place, 4096, PROT_READ | PROT_EXEC);
    int second = mprotect(place + 4096, 4096, PROT_READ | PROT_EXEC);
    return first || second ? failed(errno) : ran(place, 4095);
}

static PyMethodDef methods[] = {
    {"compile", compile, METH_VARARGS, NULL},
    {"map", map, METH_VARARGS, NULL},
    {"map_then_allow", map_then_allow, METH_VARARGS, NULL},
    {"share", share, METH_NOARGS, NULL},
    {"straddle", straddle, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "made", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_made(void) { return PyModule_Create(&module); }
