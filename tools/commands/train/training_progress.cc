#include "tools/commands/train/training_progress.h"

#include <cstdio>
#include <string>

#include "data/base/format.h"
#include "data/base/units.h"

namespace occam {
namespace {

// ": text 1.401, image 3.919", where there are sources of these names.
std::string SourcesText(const ValidationReport& report, int digits) {
  std::string text;
  for (const SourceValidation& source : report.sources) {
    text += fmt::format("{}{} {:.{}f}", text.empty() ? ": " : ", ", source.name,
                        source.bits_per_byte, digits);
  }
  return text;
}

}  // namespace

void TrainingProgress::OnStep(const StepReport& r) {
  smoothed_ = smoothed_ == 0 ? r.loss_bpb : 0.9 * smoothed_ + 0.1 * r.loss_bpb;
  line_.ShowLeft(
      r.progress, r.left_s,
      fmt::format("step {}  {} seen  loss {:.3f} bpb{}  {:.1f} K tokens/s", r.step,
                  FormatBytes(r.bytes_seen), smoothed_, validation_, r.tokens_per_s / 1000));
}

void TrainingProgress::OnValidation(const ValidationReport& r) {
  validation_ = fmt::format("  validation {:.3f}{}", r.bits_per_byte, SourcesText(r, 3));
  if (quiet_) return;
  line_.Clear();
  fmt::print("{:>8} steps  {:>8} seen  validation {:.4f} bpb ({:.2f} %) on {}{}{}\n", r.step,
             FormatBytes(r.bytes_seen), r.bits_per_byte, r.bits_per_byte / 8 * 100,
             FormatBytes(r.validation_bytes), r.whole ? ", the whole part" : "", SourcesText(r, 4));
  std::fflush(stdout);
}

void TrainingProgress::OnRounding(int64_t step) {
  if (quiet_) return;
  line_.Clear();
  fmt::print("{:>8} steps  from here on with the weights rounded as for coding\n", step);
  std::fflush(stdout);
}

void TrainingProgress::OnPrequential(const PrequentialReport& r) {
  if (quiet_) return;
  line_.Clear();
  fmt::print("prequential: {} for the first {} of {} training data{}, {:.4f} bpb ({:.2f} %)\n",
             FormatBytes(r.length.bits / 8), FormatBytes(r.length.bytes), FormatBytes(r.data_bytes),
             r.whole_pass ? "" : " (the first pass is not over)", r.length.bits_per_byte(),
             r.length.bits_per_byte() / 8 * 100);
}

}  // namespace occam
