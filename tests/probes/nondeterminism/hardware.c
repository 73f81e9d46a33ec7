/* An extension that has the processor draw: nothing can stand between, so it must not be loaded. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

static PyObject *word(PyObject *self, PyObject *none)
{
    (void)self; (void)none;
    unsigned long long word;
    __asm__ volatile("1: rdrand %0\njnc 1b" : "=r"(word) : : "cc");
    return PyLong_FromUnsignedLongLong(word);
}

static PyMethodDef methods[] = {{"word", word, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "hardware", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_hardware(void) { return PyModule_Create(&module); }
