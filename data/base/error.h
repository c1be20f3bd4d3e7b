// The errors of the libraries (include/occam/error.h), by kind. The command line turns the kind
// into the exit code and the message into one line that says what, where and what to do next.
#ifndef OCCAM_DATA_BASE_ERROR_H_
#define OCCAM_DATA_BASE_ERROR_H_

#include <string>

#include "occam/error.h"

namespace occam {

inline Error UsageError(const std::string& message) { return {ErrorKind::kUsage, message}; }
inline Error IoError(const std::string& message) { return {ErrorKind::kIo, message}; }
inline Error DamagedError(const std::string& message) { return {ErrorKind::kDamaged, message}; }
inline Error MemoryError(const std::string& message) { return {ErrorKind::kMemory, message}; }
inline Error InternalError(const std::string& message) { return {ErrorKind::kInternal, message}; }

}  // namespace occam

#endif  // OCCAM_DATA_BASE_ERROR_H_
