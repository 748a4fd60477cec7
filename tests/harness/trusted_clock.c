/* A kernel that holds its clock for synchronised, for one process: adjtimex and ntp_adjtime answer so, and change nothing.
 *
 * Loaded by LD_PRELOAD into the field of a test, whose box may have no time server. With a clock nobody believes no
 * command expires, and what must happen at the end of its time could not be shown.
 */
#include <string.h>
#include <sys/timex.h>

int adjtimex(struct timex *t) {
    memset(t, 0, sizeof *t);
    return TIME_OK;
}

int ntp_adjtime(struct timex *t) { return adjtimex(t); }
