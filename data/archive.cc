#include "data/archive.h"

#include <lzma.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <array>
#include <new>
#include <string_view>
#include <utility>

#include "data/base/error.h"
#include "data/base/format.h"

namespace occam {
namespace {

constexpr size_t kInputPiece = 1 << 16;
constexpr uint64_t kMemoryLimit = uint64_t{1} << 30;
// The largest window that zstd takes unasked, too: libzstd allocates it before it has read a block.
constexpr int kMaxZstdWindowLog = 27;
// What follows the four bytes of bzip2's header.
constexpr std::array<uint8_t, 6> kBzip2Block = {0x31, 0x41, 0x59, 0x26, 0x53, 0x59};
constexpr std::array<uint8_t, 6> kBzip2End = {0x17, 0x72, 0x45, 0x38, 0x50, 0x90};

Error TooLarge(const std::string& name, std::string_view limit) {
  return UsageError(
      fmt::format("{} needs more than {} of memory to unpack; unpack it first", name, limit));
}

// One format's stream. Step moves both spans past what it consumed and produced, and returns true
// when the archive ends here if the input does. It is not called with an empty output.
class Unpacker {
 public:
  virtual ~Unpacker() = default;
  virtual bool Step(std::span<const uint8_t>* in, std::span<uint8_t>* out, bool input_ended) = 0;
};

class GzipUnpacker final : public Unpacker {
 public:
  explicit GzipUnpacker(std::string name) : name_(std::move(name)) {
    constexpr int kGzipOnly = 16;
    if (inflateInit2(&stream_, kGzipOnly + MAX_WBITS) != Z_OK) throw std::bad_alloc();
  }
  GzipUnpacker(const GzipUnpacker&) = delete;
  GzipUnpacker& operator=(const GzipUnpacker&) = delete;
  ~GzipUnpacker() override { inflateEnd(&stream_); }

  bool Step(std::span<const uint8_t>* in, std::span<uint8_t>* out, bool) override {
    if (between_ && in->empty()) return true;
    if (between_) inflateReset(&stream_);
    const size_t offered = std::min<size_t>(out->size(), 1 << 30);
    stream_.next_in = const_cast<Bytef*>(in->data());
    stream_.avail_in = static_cast<uInt>(in->size());
    stream_.next_out = out->data();
    stream_.avail_out = static_cast<uInt>(offered);
    const int status = inflate(&stream_, Z_NO_FLUSH);
    *in = in->last(stream_.avail_in);
    *out = out->subspan(offered - stream_.avail_out);
    if (status == Z_MEM_ERROR) throw std::bad_alloc();
    if (status != Z_OK && status != Z_BUF_ERROR && status != Z_STREAM_END) {
      throw DamagedError(fmt::format("{}: damaged gzip data: {}", name_,
                                     stream_.msg == nullptr ? "unreadable" : stream_.msg));
    }
    between_ = status == Z_STREAM_END;
    return between_;
  }

 private:
  std::string name_;
  z_stream stream_{};
  bool between_ = false;
};

class XzUnpacker final : public Unpacker {
 public:
  explicit XzUnpacker(std::string name) : name_(std::move(name)) {
    if (lzma_stream_decoder(&stream_, kMemoryLimit, LZMA_CONCATENATED) != LZMA_OK)
      throw std::bad_alloc();
  }
  XzUnpacker(const XzUnpacker&) = delete;
  XzUnpacker& operator=(const XzUnpacker&) = delete;
  ~XzUnpacker() override { lzma_end(&stream_); }

  bool Step(std::span<const uint8_t>* in, std::span<uint8_t>* out, bool input_ended) override {
    stream_.next_in = in->data();
    stream_.avail_in = in->size();
    stream_.next_out = out->data();
    stream_.avail_out = out->size();
    const lzma_ret status = lzma_code(&stream_, input_ended ? LZMA_FINISH : LZMA_RUN);
    *in = in->last(stream_.avail_in);
    *out = out->last(stream_.avail_out);
    if (status == LZMA_MEMLIMIT_ERROR) throw TooLarge(name_, "1 GiB");
    if (status == LZMA_MEM_ERROR) throw std::bad_alloc();
    if (status != LZMA_OK && status != LZMA_BUF_ERROR && status != LZMA_STREAM_END) {
      throw DamagedError(name_ + ": damaged xz data");
    }
    return status == LZMA_STREAM_END;
  }

 private:
  std::string name_;
  lzma_stream stream_ = LZMA_STREAM_INIT;
};

class ZstdUnpacker final : public Unpacker {
 public:
  explicit ZstdUnpacker(std::string name) : name_(std::move(name)), stream_(ZSTD_createDStream()) {
    if (stream_ == nullptr) throw std::bad_alloc();
    ZSTD_DCtx_setParameter(stream_, ZSTD_d_windowLogMax, kMaxZstdWindowLog);
  }
  ZstdUnpacker(const ZstdUnpacker&) = delete;
  ZstdUnpacker& operator=(const ZstdUnpacker&) = delete;
  ~ZstdUnpacker() override { ZSTD_freeDStream(stream_); }

  bool Step(std::span<const uint8_t>* in, std::span<uint8_t>* out, bool) override {
    if (between_ && in->empty()) return true;
    ZSTD_inBuffer input{in->data(), in->size(), 0};
    ZSTD_outBuffer output{out->data(), out->size(), 0};
    const size_t status = ZSTD_decompressStream(stream_, &output, &input);
    if (ZSTD_isError(status) != 0) Fail(ZSTD_getErrorCode(status));
    *in = in->subspan(input.pos);
    *out = out->subspan(output.pos);
    between_ = status == 0;
    return between_;
  }

 private:
  [[noreturn]] void Fail(ZSTD_ErrorCode code) const {
    if (code == ZSTD_error_frameParameter_windowTooLarge) throw TooLarge(name_, "128 MiB");
    if (code == ZSTD_error_memory_allocation) throw std::bad_alloc();
    throw DamagedError(fmt::format("{}: damaged zstd data: {}", name_, ZSTD_getErrorString(code)));
  }

  std::string name_;
  ZSTD_DStream* stream_;
  bool between_ = false;
};

// A source with its first bytes looked at; unpacks them where there is an unpacker.
class UnpackedSource final : public ByteSource {
 public:
  explicit UnpackedSource(std::unique_ptr<ByteSource> source) : source_(std::move(source)) {
    Refill();
    unpacker_ = MakeUnpacker();
  }

  size_t Read(std::span<uint8_t> out) override {
    return unpacker_ == nullptr ? ReadPlain(out) : ReadUnpacked(out);
  }
  std::optional<uint64_t> size_bytes() const override {
    return unpacker_ == nullptr ? source_->size_bytes() : std::nullopt;
  }
  std::string name() const override { return source_->name(); }

 private:
  void Refill() {
    const size_t n = source_->Read(buffer_);
    in_ = std::span(buffer_).first(n);
    input_ended_ = n < buffer_.size();
  }

  std::unique_ptr<Unpacker> MakeUnpacker() const {
    const auto starts_with = [&](std::initializer_list<uint8_t> magic) {
      return in_.size() >= magic.size() && std::equal(magic.begin(), magic.end(), in_.begin());
    };
    if (starts_with({0x1f, 0x8b, 8})) return std::make_unique<GzipUnpacker>(name());
    if (starts_with({0xfd, '7', 'z', 'X', 'Z', 0})) return std::make_unique<XzUnpacker>(name());
    if (starts_with({0x28, 0xb5, 0x2f, 0xfd})) return std::make_unique<ZstdUnpacker>(name());
    // Nobody means the packed bytes: they have no pattern to learn.
    if (starts_with({'B', 'Z', 'h'}) && in_.size() >= 10 &&
        (std::ranges::equal(in_.subspan(4, 6), kBzip2Block) ||
         std::ranges::equal(in_.subspan(4, 6), kBzip2End)))
      throw UsageError(name() + " is packed by bzip2, which is not unpacked here; unpack it first");
    return nullptr;
  }

  size_t ReadPlain(std::span<uint8_t> out) {
    const size_t n = std::min(out.size(), in_.size());
    std::copy_n(in_.begin(), n, out.begin());
    in_ = in_.subspan(n);
    return n < out.size() && !input_ended_ ? n + source_->Read(out.subspan(n)) : n;
  }

  size_t ReadUnpacked(std::span<uint8_t> out) {
    std::span<uint8_t> rest = out;
    while (!rest.empty() && !finished_) {
      if (in_.empty() && !input_ended_) Refill();
      const size_t before = in_.size() + rest.size();
      const bool complete = unpacker_->Step(&in_, &rest, input_ended_);
      finished_ = complete && in_.empty() && input_ended_;
      if (!finished_ && input_ended_ && in_.size() + rest.size() == before) {
        throw DamagedError(name() + " is truncated: its compressed data ends too soon");
      }
    }
    return out.size() - rest.size();
  }

  std::unique_ptr<ByteSource> source_;
  std::array<uint8_t, kInputPiece> buffer_;
  std::span<const uint8_t> in_;
  bool input_ended_ = false;
  bool finished_ = false;
  std::unique_ptr<Unpacker> unpacker_;
};

}  // namespace

std::unique_ptr<ByteSource> Unpacked(std::unique_ptr<ByteSource> source) {
  return std::make_unique<UnpackedSource>(std::move(source));
}

}  // namespace occam
