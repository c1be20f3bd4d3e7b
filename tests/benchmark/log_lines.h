// Lines of a log in JSON, about 155 bytes each: what a service that sells things might write. The
// same everywhere.
#ifndef OCCAM_TESTS_BENCHMARK_LOG_LINES_H_
#define OCCAM_TESTS_BENCHMARK_LOG_LINES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace occam {

// `count` lines without their ends. Other seeds give other lines of the same kind.
std::vector<std::string> LogLines(size_t count, uint64_t seed);

}  // namespace occam

#endif  // OCCAM_TESTS_BENCHMARK_LOG_LINES_H_
