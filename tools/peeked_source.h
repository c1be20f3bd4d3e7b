// A source whose first bytes were looked at, to find out what it is; a pipe has them once only.
#ifndef OCCAM_TOOLS_PEEKED_SOURCE_H_
#define OCCAM_TOOLS_PEEKED_SOURCE_H_

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "data/base/file.h"

namespace occam {

class PeekedSource final : public ByteSource {
 public:
  // Reads the first `count` bytes, fewer where the source ends before. Throws kIo.
  PeekedSource(std::unique_ptr<ByteSource> source, size_t count)
      : source_(std::move(source)), first_(count) {
    first_.resize(source_->Read(first_));
  }
  std::span<const uint8_t> first() const { return first_; }

  size_t Read(std::span<uint8_t> out) override {
    const auto left = std::span(first_).subspan(taken_);
    const auto again = left.first(std::min(left.size(), out.size()));
    std::ranges::copy(again, out.begin());
    taken_ += again.size();
    out = out.subspan(again.size());
    return again.size() + (out.empty() ? 0 : source_->Read(out));
  }
  std::optional<uint64_t> size_bytes() const override { return source_->size_bytes(); }
  bool Seek(uint64_t position) override {
    if (!source_->Seek(position)) return false;
    taken_ = first_.size();
    return true;
  }
  std::optional<FileAttributes> attributes() const override { return source_->attributes(); }
  std::string name() const override { return source_->name(); }

 private:
  std::unique_ptr<ByteSource> source_;
  Bytes first_;
  size_t taken_ = 0;  // of first_
};

}  // namespace occam

#endif  // OCCAM_TOOLS_PEEKED_SOURCE_H_
