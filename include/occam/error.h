// The one exception type of Occam, and its kinds. The libraries throw it and never print.
#ifndef OCCAM_ERROR_H_
#define OCCAM_ERROR_H_

#include <stdexcept>
#include <string>

namespace occam {

// The kind of what went wrong. The values are those of occam_code in occam_c.h.
enum class ErrorKind {
  kUsage = 2,      // the caller asked for something that cannot be
  kIo = 3,         // reading or writing failed
  kDamaged = 4,    // the data is damaged, foreign, or belongs to another model
  kMemory = 5,     // there was not enough memory
  kCancelled = 6,  // the caller's progress function or stream asked to stop
  kInternal = 70,  // a bug of Occam's
};

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

}  // namespace occam

#endif  // OCCAM_ERROR_H_
