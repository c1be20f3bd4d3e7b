// The one exception type of Occam. Libraries throw it and never print; the command line turns its
// kind into the exit code and its message into one line that says what, where and what to do next.
#ifndef OCCAM_DATA_BASE_ERROR_H_
#define OCCAM_DATA_BASE_ERROR_H_

#include <stdexcept>
#include <string>

namespace occam {

// The values are the exit codes of DESIGN.md section 7.
enum class ErrorKind {
  kUsage = 2,      // the caller asked for something that cannot be
  kIo = 3,         // reading or writing failed
  kDamaged = 4,    // the data is damaged, foreign, or belongs to another model
  kInternal = 70,  // a bug of ours
};

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

inline Error UsageError(const std::string& message) { return {ErrorKind::kUsage, message}; }
inline Error IoError(const std::string& message) { return {ErrorKind::kIo, message}; }
inline Error DamagedError(const std::string& message) { return {ErrorKind::kDamaged, message}; }
inline Error InternalError(const std::string& message) { return {ErrorKind::kInternal, message}; }

}  // namespace occam

#endif  // OCCAM_DATA_BASE_ERROR_H_
