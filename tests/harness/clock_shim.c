/* A wall clock that is wrong: CLOCK_REALTIME of this process is moved by an offset, everything else passes.
 *
 * Loaded by LD_PRELOAD into the field alone. The offset, in seconds, is read from the file named by CK_FILE, anew
 * when at least 20 ms have passed since the last reading, so that a harness can step the clock while the process runs.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static int (*real_gettime)(clockid_t, struct timespec *);

static long offset_s(void) {
    static long offset = 0;
    static long long read_at = -1;
    struct timespec now;
    real_gettime(CLOCK_MONOTONIC, &now);
    long long ms = (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    if (read_at >= 0 && ms - read_at < 20) return offset;
    read_at = ms;
    const char *name = getenv("CK_FILE");
    FILE *f = name ? fopen(name, "r") : NULL;
    if (f) {
        long told;
        if (fscanf(f, "%ld", &told) == 1) offset = told;
        fclose(f);
    }
    return offset;
}

int clock_gettime(clockid_t id, struct timespec *at) {
    if (!real_gettime) real_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int told = real_gettime(id, at);
    if (told == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) at->tv_sec += offset_s();
    return told;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *at, void *zone) {
    (void)zone;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}
