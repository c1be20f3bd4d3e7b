// A source of which the bytes to come can be looked at before they are taken.
#ifndef OCCAM_CODER_CONTAINER_LOOK_AHEAD_H_
#define OCCAM_CODER_CONTAINER_LOOK_AHEAD_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "data/base/file.h"

namespace occam {

// Does not own the source, whose next byte is at `position`. Calls throw kIo.
class LookAhead {
 public:
  LookAhead(ByteSource& source, uint64_t position) : source_(source), position_(position) {}

  // Returns `count` bytes, `offset` from here; fewer where the source ends before. They last until
  // the next call.
  std::span<const uint8_t> Peek(uint64_t offset, uint64_t count) {
    if (buffer_.size() - start_ < offset + count && !ended_) Fill(offset + count);
    const auto rest = std::span<const uint8_t>(buffer_).subspan(start_);
    if (offset >= rest.size()) return {};
    return rest.subspan(offset, std::min<uint64_t>(count, rest.size() - offset));
  }
  bool EndsAt(uint64_t offset) { return Peek(offset, 1).empty(); }

  void Skip(uint64_t count) {
    const uint64_t here = Peek(0, count).size();
    start_ += here;
    position_ += here;
  }

  // Gives away what was read and not taken; nothing more is read here.
  Bytes TakeRest() {
    Bytes rest(buffer_.begin() + static_cast<std::ptrdiff_t>(start_), buffer_.end());
    buffer_.clear();
    start_ = 0;
    ended_ = true;
    return rest;
  }

  uint64_t position() const { return position_; }
  // The last bytes of all that was read, at most 64.
  std::span<const uint8_t> tail() const { return tail_; }

 private:
  // Memory grows with what is really there.
  void Fill(uint64_t count) {
    constexpr size_t kPiece = 1 << 20;
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(start_));
    start_ = 0;
    while (buffer_.size() < count && !ended_) {
      const size_t before = buffer_.size();
      buffer_.resize(before + kPiece);
      const size_t got = source_.Read(std::span(buffer_).subspan(before));
      buffer_.resize(before + got);
      ended_ = got < kPiece;
      tail_.insert(tail_.end(), buffer_.end() - static_cast<std::ptrdiff_t>(std::min(got, kTail)),
                   buffer_.end());
      if (tail_.size() > kTail)
        tail_.erase(tail_.begin(), tail_.end() - static_cast<std::ptrdiff_t>(kTail));
    }
  }

  static constexpr size_t kTail = 64;
  ByteSource& source_;
  uint64_t position_;
  Bytes buffer_;
  size_t start_ = 0;  // of what was not taken yet
  Bytes tail_;
  bool ended_ = false;
};

}  // namespace occam

#endif  // OCCAM_CODER_CONTAINER_LOOK_AHEAD_H_
