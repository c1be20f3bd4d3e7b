// The speed of whole training steps by threads, and by processes.
#ifndef OCCAM_TESTS_BENCHMARK_THREAD_SCALING_H_
#define OCCAM_TESTS_BENCHMARK_THREAD_SCALING_H_

#include <optional>
#include <span>

#include "model/config.h"
#include "model/network/operand.h"

namespace occam {

const char* NameOf(Precision precision);

// Prints the tokens a second of wall time of a training step (gradients of a batch, their norm, the
// optimizer) for each number of threads. It is the median of at least five steps and three seconds.
// `batch` is in sequences, by default the recipe's.
void ReportThreads(const ModelConfig& c, Precision precision, std::optional<int> batch,
                   std::span<const int> numbers);

// Prints what the machine itself makes of more cores: the tokens a second of each number of
// processes of one thread. They train side by side and share nothing else; ten seconds count after
// all have warmed up.
void ReportProcesses(const ModelConfig& c, Precision precision, std::optional<int> batch,
                     std::span<const int> numbers);

}  // namespace occam

#endif  // OCCAM_TESTS_BENCHMARK_THREAD_SCALING_H_
