#include "tools/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "data/base/format.h"
#include "data/base/units.h"

namespace occam {
namespace {

constexpr int kBarWidth = 24;
constexpr char kClearLine[] = "\r\033[K";
constexpr std::chrono::milliseconds kInterval{100};

std::string Bar(double fraction) {
  const int filled = static_cast<int>(std::clamp(fraction, 0.0, 1.0) * kBarWidth);
  return "[" + std::string(static_cast<size_t>(filled), '#') +
         std::string(static_cast<size_t>(kBarWidth - filled), '.') + "]";
}

}  // namespace

ProgressLine::ProgressLine(bool quiet)
    : visible_(!quiet && ::isatty(STDERR_FILENO) == 1),
      start_(Clock::now()),
      last_(start_ - kInterval) {}

ProgressLine::~ProgressLine() { Clear(); }

double ProgressLine::elapsed_s() const {
  return std::chrono::duration<double>(Clock::now() - start_).count();
}

bool ProgressLine::Due() {
  if (!visible_ || Clock::now() - last_ < kInterval) return false;
  last_ = Clock::now();
  return true;
}

void ProgressLine::Draw(const std::string& line) {
  std::fputs(kClearLine, stderr);
  fmt::print(stderr, "{}", line);
  std::fflush(stderr);
  drawn_ = true;
}

void ProgressLine::Show(std::optional<double> fraction, const std::string& text) {
  if (!Due()) return;
  if (!fraction) return Draw(text);
  // The rate counts from the first call: what was done before costs no time from now on.
  if (first_fraction_ < 0) {
    first_fraction_ = *fraction;
    first_fraction_at_ = last_;
  }
  const double done = *fraction - first_fraction_;
  const double seconds = std::chrono::duration<double>(last_ - first_fraction_at_).count();
  const std::string left =
      done > 0 ? FormatDuration(seconds * (1 - *fraction) / done) + " left  " : "";
  Draw(Bar(*fraction) + fmt::format(" {:5.1f} %  ", 100 * *fraction) + left + text);
}

void ProgressLine::ShowLeft(double fraction, double left_s, const std::string& text) {
  if (!Due()) return;
  Draw(Bar(fraction) +
       fmt::format(" {:5.1f} %  {} left  ", 100 * fraction, FormatDuration(left_s)) + text);
}

void ProgressLine::Clear() {
  if (!drawn_) return;
  std::fputs(kClearLine, stderr);
  std::fflush(stderr);
  drawn_ = false;
}

}  // namespace occam
