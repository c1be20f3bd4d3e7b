#include "coder/weights/ledger.h"

#include <limits>

namespace occam {
namespace {

double Rate(uint64_t compressed, uint64_t original) {
  if (original == 0) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(compressed) / static_cast<double>(original);
}

}  // namespace

double Ledger::RawRate() const { return Rate(file_bytes(), original_bytes); }

double Ledger::AdjustedRate() const { return Rate(file_bytes() + model_bytes, original_bytes); }

double Ledger::PaperAdjustedRate() const {
  return Rate(file_bytes() + 2 * parameters, original_bytes);
}

double Ledger::BitsPerByte() const { return 8 * RawRate(); }

double BreakEvenBytes(const Ledger& ledger, double baseline_rate) {
  const double gain = baseline_rate - ledger.RawRate();
  if (!(gain > 0)) return std::numeric_limits<double>::infinity();
  return static_cast<double>(ledger.model_bytes) / gain;
}

}  // namespace occam
