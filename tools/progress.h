// One line on a terminal that says how far, how fast and how long still. Silent where standard
// error is no terminal.
#ifndef OCCAM_TOOLS_PROGRESS_H_
#define OCCAM_TOOLS_PROGRESS_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace occam {

class ProgressLine {
 public:
  explicit ProgressLine(bool quiet);
  ~ProgressLine();  // clears the line
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // Shows at most ten times a second. `fraction` of the whole that is done, where the whole is
  // known; `text` is what else to show. The bar and the time left follow from the fraction.
  void Show(std::optional<double> fraction, const std::string& text);
  // The same with a time left that the caller knows better.
  void ShowLeft(double fraction, double left_s, const std::string& text);
  void Clear();

  double elapsed_s() const;

 private:
  using Clock = std::chrono::steady_clock;
  bool Due();
  void Draw(const std::string& line);
  bool visible_;
  bool drawn_ = false;
  double first_fraction_ = -1;
  Clock::time_point first_fraction_at_;
  Clock::time_point start_;
  Clock::time_point last_;
};

}  // namespace occam

#endif  // OCCAM_TOOLS_PROGRESS_H_
