/* A handler of signals that asks, draws and forks, amid threads that do: none may wait for another for ever. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_t target;
static _Atomic int over, handled, failed;
static _Atomic unsigned number;

/* What a handler may call (signal-safety(7)), of what the net answers. */
static void touch(void)
{
    char name[32];
    struct stat status;
    snprintf(name, sizeof name, "/proc/self/fdinfo/%u", atomic_fetch_add(&number, 1) % 1024);
    stat(name, &status);
    uint64_t word;
    getrandom(&word, sizeof word, 0);
    stat("/etc/hosts", &status);
}

static void on_signal(int which)
{
    (void)which;
    touch();
    if (handled++ % 16)
        return;
    pid_t child = _Fork();
    if (!child) {
        touch();
        _exit(0);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {}
    failed += status != 0;
}

static void *send(void *data)
{
    while (!over) {
        pthread_kill(target, SIGUSR1);
        usleep(50);
    }
    return data;
}

static void *busy(void *data)
{
    while (!over)
        touch();
    return data;
}

int storm(int rounds)
{
    pthread_t threads[3];
    struct sigaction how = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &how, NULL);
    target = pthread_self();
    pthread_create(&threads[0], NULL, send, NULL);
    pthread_create(&threads[1], NULL, busy, NULL);
    pthread_create(&threads[2], NULL, busy, NULL);
    for (int round = 0; round < rounds; round++) {
        DIR *folder = opendir("/proc/self/fd");
        while (folder && readdir(folder)) {}
        if (folder) closedir(folder);
        touch();
        pid_t child = fork();
        if (!child) {
            touch();
            _exit(0);
        }
        int status = 0;
        while (waitpid(child, &status, 0) < 0) {}
        failed += status != 0;
    }
    over = 1;
    for (int at = 0; at < 3; at++)
        pthread_join(threads[at], NULL);
    return failed;
}
