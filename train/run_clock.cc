#include "train/run_clock.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace occam {
namespace {

double SteadySeconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

}  // namespace

RunClock::RunClock(const RunLength& length, std::function<double()> clock_s, Communicator* ranks)
    : length_(length) {
  if (!clock_s) clock_s = SteadySeconds;
  clock_s_ = [clock_s = std::move(clock_s), ranks] { return ranks->OfFirst(clock_s()); };
}

void RunClock::Begin(int64_t steps, double elapsed_s) {
  started_s_ = Now();
  elapsed_before_s_ = elapsed_s;
  steps_before_ = steps;
}

double RunClock::Elapsed() const { return elapsed_before_s_ + Now() - started_s_; }

void RunClock::Report(int64_t steps, int64_t tokens_per_step, StepReport* report) const {
  report->elapsed_s = Elapsed();
  report->progress = Progress(length_, steps, report->elapsed_s);
  const double part_s = report->elapsed_s - elapsed_before_s_;
  const auto part_steps = static_cast<double>(steps - steps_before_);
  if (part_s > 0) report->tokens_per_s = part_steps * static_cast<double>(tokens_per_step) / part_s;
  report->left_s = length_.steps > 0
                       ? static_cast<double>(length_.steps - steps) * part_s / part_steps
                       : std::max(0.0, length_.seconds - report->elapsed_s);
}

}  // namespace occam
