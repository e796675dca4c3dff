/* Loaded before libc, counts what a process writes below one folder, and at the n-th time does harm.
 *
 * Operations are creations, writes, renames, links and new folders. Python's and Rust's writers both pass
 * here. The deeds are those of `Deed` in harm.py. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { NOTHING, FULL, DIE, STOP, CLOCK };

static char folder[PATH_MAX];
static long at_operation, step_s;
static int deed;
static atomic_long operations, shift_s;

void harm_plant(const char *below, long nth, int what, long seconds) {
    snprintf(folder, sizeof folder, "%s", below);
    at_operation = nth, deed = what, step_s = seconds;
    operations = 0, shift_s = 0;
}

long harm_operations(void) { return operations; }

/* Whether the operation on `path` fails, because the disk is full. */
static int fails(const char *path) {
    if (!folder[0] || !path || strncmp(path, folder, strlen(folder))) return 0;
    long number = ++operations;
    if (number == at_operation && (deed == DIE || deed == STOP))
        kill(0, deed == DIE ? SIGKILL : SIGSTOP);
    if (number == at_operation && deed == CLOCK) shift_s = step_s;
    if (deed != FULL || number < at_operation) return 0;
    errno = ENOSPC;
    return 1;
}

static int fails_fd(int fd) {
    char link[64], path[PATH_MAX];
    if (!folder[0]) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return fails(path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define INSTEAD(result, name, parameters, arguments, is_failing)  \
    result name parameters {                                      \
        static __typeof__(&name) real;                            \
        if (!real) real = REAL(name);                             \
        return is_failing ? -1 : real arguments;                  \
    }

INSTEAD(ssize_t, write, (int fd, const void *data, size_t n), (fd, data, n), fails_fd(fd))
INSTEAD(ssize_t, writev, (int fd, const struct iovec *data, int n), (fd, data, n), fails_fd(fd))
INSTEAD(ssize_t, pwrite, (int fd, const void *data, size_t n, off_t at), (fd, data, n, at), fails_fd(fd))
INSTEAD(ssize_t, pwrite64, (int fd, const void *data, size_t n, off64_t at), (fd, data, n, at), fails_fd(fd))
INSTEAD(int, rename, (const char *from, const char *to), (from, to), fails(to))
INSTEAD(int, link, (const char *from, const char *to), (from, to), fails(to))
INSTEAD(int, linkat, (int a, const char *from, int b, const char *to, int flags), (a, from, b, to, flags), fails(to))
INSTEAD(int, mkdir, (const char *path, mode_t mode), (path, mode), access(path, F_OK) && fails(path))

#define OPEN_INSTEAD(name)                                                          \
    int name(const char *path, int flags, ...) {                                    \
        static __typeof__(&name) real;                                              \
        if (!real) real = REAL(name);                                               \
        va_list rest;                                                               \
        va_start(rest, flags);                                                      \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;     \
        va_end(rest);                                                               \
        if (flags & O_CREAT && access(path, F_OK) && fails(path)) return -1;        \
        return real(path, flags, mode);                                             \
    }
OPEN_INSTEAD(open)
OPEN_INSTEAD(open64)

#define OPENAT_INSTEAD(name)                                                        \
    int name(int at, const char *path, int flags, ...) {                            \
        static __typeof__(&name) real;                                              \
        if (!real) real = REAL(name);                                               \
        va_list rest;                                                               \
        va_start(rest, flags);                                                      \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;     \
        va_end(rest);                                                               \
        if (flags & O_CREAT && faccessat(at, path, F_OK, 0) && fails(path)) return -1; \
        return real(at, path, flags, mode);                                         \
    }
OPENAT_INSTEAD(openat)
OPENAT_INSTEAD(openat64)

int clock_gettime(clockid_t clock, struct timespec *now) {
    static __typeof__(&clock_gettime) real;
    if (!real) real = REAL(clock_gettime);
    int result = real(clock, now);
    if (!result && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += shift_s;
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    static __typeof__(&gettimeofday) real;
    if (!real) real = REAL(gettimeofday);
    int result = real(now, zone);
    if (!result) now->tv_sec += shift_s;
    return result;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}
