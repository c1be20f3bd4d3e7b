// Adds up what several threads have done and tells it on.
#ifndef OCCAM_CODER_ARCHIVE_PROGRESS_METER_H_
#define OCCAM_CODER_ARCHIVE_PROGRESS_METER_H_

#include <cstdint>
#include <mutex>

#include "coder/archive/codec_options.h"

namespace occam {

class ProgressMeter {
 public:
  explicit ProgressMeter(const ProgressFn& progress) : progress_(progress) {}
  void Add(uint64_t original_bytes, uint64_t file_bytes) {
    if (!progress_) return;
    const std::lock_guard lock(mutex_);
    original_bytes_ += original_bytes;
    file_bytes_ += file_bytes;
    progress_(original_bytes_, file_bytes_);
  }

 private:
  const ProgressFn& progress_;
  std::mutex mutex_;
  uint64_t original_bytes_ = 0;
  uint64_t file_bytes_ = 0;
};

}  // namespace occam

#endif  // OCCAM_CODER_ARCHIVE_PROGRESS_METER_H_
