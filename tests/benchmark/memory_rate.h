// The rate at which the machine reads memory that is in no cache.
#ifndef OCCAM_TESTS_BENCHMARK_MEMORY_RATE_H_
#define OCCAM_TESTS_BENCHMARK_MEMORY_RATE_H_

namespace occam {

// Returns the bytes a second of `threads` threads that read half a gigabyte, each its own part: the
// best of several times.
double MemoryReadRate(int threads);

}  // namespace occam

#endif  // OCCAM_TESTS_BENCHMARK_MEMORY_RATE_H_
