/* Silences between the first byte of a long poll and its second, as they came out of the kernel; a histogram in steps of
 * 10 us. Figures count from the report before.
 */
#ifndef GAPS_H
#define GAPS_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define GAP_STEP_NS 10000u
#define GAP_BINS 5000 /* up to 50 ms; longer ones are counted in the last */

static struct {
  uint64_t bins[GAP_BINS], count, worst_ns;
  uint64_t joined; /* both came in one read: the silence is shorter than can be told, and counts as none */
  uint64_t parity_right, parity_wrong; /* pty: the port stood in mark at the first byte, in space at the second */
} gaps;

static void gap_seen(uint64_t ns) {
  uint64_t bin = ns / GAP_STEP_NS;
  gaps.bins[bin < GAP_BINS ? bin : GAP_BINS - 1]++;
  gaps.count++;
  if (ns > gaps.worst_ns) gaps.worst_ns = ns;
}

static void gap_joined(void) {
  gaps.joined++;
  gap_seen(0);
}

static uint64_t gap_us(double share) { /* upper edge of the step */
  uint64_t seen = 0;
  for (int i = 0; i < GAP_BINS && gaps.count; i++) {
    seen += gaps.bins[i];
    if ((double)seen >= share * (double)gaps.count) return (uint64_t)(i + 1) * GAP_STEP_NS / 1000;
  }
  return 0;
}

static void print_gaps(void) {
  printf(",\"gaps\":%lu,\"gaps_joined\":%lu,\"gap_p50_us\":%lu,\"gap_p99_us\":%lu,\"gap_p999_us\":%lu,\"gap_worst_us\":%lu,"
         "\"parity_right\":%lu,\"parity_wrong\":%lu",
         gaps.count, gaps.joined, gap_us(0.5), gap_us(0.99), gap_us(0.999), gaps.worst_ns / 1000, gaps.parity_right,
         gaps.parity_wrong);
  memset(&gaps, 0, sizeof gaps);
}

#endif
