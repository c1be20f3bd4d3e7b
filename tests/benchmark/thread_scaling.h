// The speed of whole training steps by threads, and by processes.
#ifndef OCCAM_TESTS_BENCHMARK_THREAD_SCALING_H_
#define OCCAM_TESTS_BENCHMARK_THREAD_SCALING_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "data/batcher.h"
#include "model/config.h"
#include "model/network/operand.h"
#include "train/recipe.h"

namespace occam {

const char* NameOf(Precision precision);

// 1 MiB of bytes that nothing predicts.
std::vector<int32_t> RandomText();

// The batches that the recipe takes from a text of bytes, which must outlive them.
TrainingBatches BatchesOf(const ModelConfig& c, const Recipe& recipe,
                          std::span<const int32_t> text);

// Prints the tokens a second of wall time of a training step (gradients of a batch, their norm, the
// optimizer) for each number of threads. It is the median of at least five steps and three seconds.
// `batch` is in sequences, by default the recipe's.
void ReportThreads(const ModelConfig& c, Precision precision, std::optional<int> batch,
                   std::span<const int> numbers, std::span<const int32_t> text);

// Prints what the machine itself makes of more cores: the tokens a second of each number of
// processes of one thread. They train side by side and share nothing else; ten seconds count after
// all have warmed up.
void ReportProcesses(const ModelConfig& c, Precision precision, std::optional<int> batch,
                     std::span<const int> numbers, std::span<const int32_t> text);

}  // namespace occam

#endif  // OCCAM_TESTS_BENCHMARK_THREAD_SCALING_H_
