/* A disk that takes its time: fdatasync and fsync of this process sleep before they do their work.
 *
 * Loaded by LD_PRELOAD into the field alone. The time, in milliseconds, is read anew at each call from the file named
 * by SLOW_DISK_FILE, so that a harness can change it while the process runs. A commit that takes 150 ms leaves
 * a wide window in which a kill would show an answer acknowledged before it was on disk.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void wait_a_little(void) {
    const char *name = getenv("SLOW_DISK_FILE");
    if (!name) return;
    FILE *f = fopen(name, "r");
    if (!f) return;
    int ms = 0;
    if (fscanf(f, "%d", &ms) == 1 && ms > 0) usleep((useconds_t)ms * 1000);
    fclose(f);
}

int fdatasync(int fd) {
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    wait_a_little();
    return real(fd);
}

int fsync(int fd) {
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    wait_a_little();
    return real(fd);
}
