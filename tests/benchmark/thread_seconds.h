// Processor time of the calling thread, which others on the machine do not disturb.
#ifndef OCCAM_TESTS_BENCHMARK_THREAD_SECONDS_H_
#define OCCAM_TESTS_BENCHMARK_THREAD_SECONDS_H_

#include <ctime>

namespace occam {

inline double ThreadSeconds() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

}  // namespace occam

#endif  // OCCAM_TESTS_BENCHMARK_THREAD_SECONDS_H_
