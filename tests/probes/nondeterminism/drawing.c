/* What an extension may do behind Python's back: clocks, entropy, a timed wait of threads. */
#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static PyObject *seconds(PyObject *self, PyObject *none)
{
    (void)self; (void)none;
    return PyLong_FromLongLong(time(NULL));
}

static PyObject *nanoseconds(PyObject *self, PyObject *none)
{
    (void)self; (void)none;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return PyLong_FromLongLong(now.tv_sec * 1000000000LL + now.tv_nsec);
}

static PyObject *entropy(PyObject *self, PyObject *none)
{
    (void)self; (void)none;
    unsigned long long word = 0;
    if (getrandom(&word, sizeof word, 0) != sizeof word)
        return PyErr_SetFromErrno(PyExc_OSError);
    return PyLong_FromUnsignedLongLong(word);
}

static PyObject *bare_entropy(PyObject *self, PyObject *none)
{
    (void)self; (void)none;
    unsigned long long word = 0;
    if (syscall(SYS_getrandom, &word, sizeof word, 0) != sizeof word)
        return PyErr_SetFromErrno(PyExc_OSError);
    return PyLong_FromUnsignedLongLong(word);
}

static PyObject *file_entropy(PyObject *self, PyObject *none)
{
    (void)self; (void)none;
    unsigned long long word = 0;
    int file = open("/dev/urandom", O_RDONLY);
    if (file < 0 || read(file, &word, sizeof word) != sizeof word)
        return PyErr_SetFromErrno(PyExc_OSError);
    close(file);
    return PyLong_FromUnsignedLongLong(word);
}

static PyObject *pthread_wait(PyObject *self, PyObject *argument)
{
    (void)self;
    double wanted = PyFloat_AsDouble(argument);
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
    struct timespec when;
    clock_gettime(CLOCK_REALTIME, &when);
    when.tv_nsec += (long)(wanted * 1e9);
    when.tv_sec += when.tv_nsec / 1000000000;
    when.tv_nsec %= 1000000000;
    pthread_mutex_lock(&mutex);
    int outcome = pthread_cond_timedwait(&condition, &mutex, &when);
    pthread_mutex_unlock(&mutex);
    return PyLong_FromLong(outcome);
}

static PyMethodDef methods[] = {
    {"seconds", seconds, METH_NOARGS, NULL},
    {"nanoseconds", nanoseconds, METH_NOARGS, NULL},
    {"entropy", entropy, METH_NOARGS, NULL},
    {"bare_entropy", bare_entropy, METH_NOARGS, NULL},
    {"file_entropy", file_entropy, METH_NOARGS, NULL},
    {"pthread_wait", pthread_wait, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "drawing", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_drawing(void) { return PyModule_Create(&module); }
