// The kind of Error that something throws.
#ifndef OCCAM_TESTS_ERROR_KIND_H_
#define OCCAM_TESTS_ERROR_KIND_H_

#include <optional>
#include <string>

#include "data/base/error.h"

namespace occam {

struct Thrown {
  std::optional<ErrorKind> kind;  // none: nothing was thrown
  std::string message;
  bool Mentions(const std::string& text) const { return message.find(text) != std::string::npos; }
};

// Other exceptions than Error pass through, and fail the test.
template <typename Action>
Thrown ThrownBy(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return {error.kind(), error.what()};
  }
  return {};
}

}  // namespace occam

#endif  // OCCAM_TESTS_ERROR_KIND_H_
