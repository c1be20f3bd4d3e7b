// The codes of a tensor: its own, or a view of bytes that somebody else keeps, such as a mapped
// file.
#ifndef OCCAM_MODEL_CODE_ARRAY_H_
#define OCCAM_MODEL_CODE_ARRAY_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace occam {

// Behaves as a vector of int8_t. A copy owns its codes. So does an array that is written to: a view
// is never changed.
class CodeArray {
 public:
  using value_type = int8_t;

  CodeArray() = default;
  CodeArray(std::vector<int8_t> codes)  // NOLINT(google-explicit-constructor): one of its two forms
      : owned_(std::move(codes)) {}
  // The codes must stay where they are for as long as this array, and what it is moved to, has
  // them.
  static CodeArray ViewOf(std::span<const int8_t> codes) {
    CodeArray array;
    array.view_ = codes;
    return array;
  }
  CodeArray(const CodeArray& other) : owned_(other.begin(), other.end()) {}
  CodeArray(CodeArray&& other) noexcept
      : owned_(std::move(other.owned_)), view_(std::exchange(other.view_, {})) {}
  CodeArray& operator=(CodeArray other) noexcept {
    owned_.swap(other.owned_);
    std::swap(view_, other.view_);
    return *this;
  }
  ~CodeArray() = default;

  const int8_t* data() const { return view_.empty() ? owned_.data() : view_.data(); }
  size_t size() const { return view_.empty() ? owned_.size() : view_.size(); }
  bool empty() const { return size() == 0; }
  const int8_t* begin() const { return data(); }
  const int8_t* end() const { return data() + size(); }
  int8_t operator[](size_t i) const { return data()[i]; }

  int8_t* data() { return Own().data(); }
  int8_t* begin() { return Own().data(); }
  int8_t* end() { return Own().data() + owned_.size(); }
  int8_t& operator[](size_t i) { return Own()[i]; }
  int8_t& back() { return Own().back(); }
  void push_back(int8_t code) { Own().push_back(code); }
  void pop_back() { Own().pop_back(); }
  void resize(size_t size) { Own().resize(size); }

  bool operator==(const CodeArray& other) const { return std::ranges::equal(*this, other); }

 private:
  std::vector<int8_t>& Own() {
    if (!view_.empty()) {
      owned_.assign(view_.begin(), view_.end());
      view_ = {};
    }
    return owned_;
  }

  std::vector<int8_t> owned_;     // empty in a view
  std::span<const int8_t> view_;  // empty where the codes are owned
};

}  // namespace occam

#endif  // OCCAM_MODEL_CODE_ARRAY_H_
