// The memory that segments at work take, known from the headers before any is allocated. It also
// tells how many may be at work within a limit.
#ifndef OCCAM_CODER_ARCHIVE_SEGMENT_MEMORY_H_
#define OCCAM_CODER_ARCHIVE_SEGMENT_MEMORY_H_

#include <cstdint>
#include <string>

#include "coder/archive/codec_options.h"
#include "coder/container/container_format.h"
#include "coder/predict/codec_model.h"

namespace occam {

// Returns how many bytes one segment takes at most while `threads` threads work on it: its bytes,
// its symbols and its predictors. `model` may be null.
uint64_t SegmentMemory(const FileHeader& header, const CodecModel* model, int threads);

// Steps that are scored at once: a multiple of the context.
uint32_t RowSymbols(const FileHeader& header);

// Returns how many bytes it takes at least to restore a file with this header and model, by one
// thread; `embedded_bytes` is the length of the model in it.
uint64_t RestoringMemory(const FileHeader& header, const CodecModel* model,
                         uint64_t embedded_bytes);

// The sharing of work within a limit.
struct WorkPlan {
  int threads = 1;
  int segments = 1;  // at once, at most; no more than threads
};

// Returns as many threads as options.threads asks for (0: one a processor), and as many segments at
// once, as fit into options.memory_bytes beside the model and `embedded_bytes`. Throws kMemory,
// `name` in the message, where not even one segment does.
WorkPlan PlanWork(const FileHeader& header, const CodecModel* model, const CodecOptions& options,
                  uint64_t embedded_bytes, const std::string& name);

}  // namespace occam

#endif  // OCCAM_CODER_ARCHIVE_SEGMENT_MEMORY_H_
