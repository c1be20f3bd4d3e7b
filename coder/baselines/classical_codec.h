// What every codec that we compare with looks like. A new one is a file that implements
// ClassicalCodec and a line in classical_codecs.cc.
#ifndef OCCAM_CODER_BASELINES_BASELINES_CODEC_H_
#define OCCAM_CODER_BASELINES_BASELINES_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "data/base/error.h"
#include "data/base/file.h"

namespace occam {

// What a table says of a codec.
struct CodecFacts {
  std::string name;     // "png"
  std::string maker;    // the library or program and its version: "libpng 1.6.39"
  std::string setting;  // "level 9, the smallest of ..."
  std::string sees;     // how bytes become what it codes: "bytes", "8-bit grey image, rows of 64"
  std::string removed;  // what the bare form leaves out; empty: the codec has no bare form
  std::string missing;  // why it cannot be used here; empty: it can
  bool is_program = false;  // runs a process for every piece: slow on many
};

// A codec at its strongest setting, in two forms: a file as its program writes it, and the bare
// stream without headers that is fair for short chunks. Whatever the codec is made for, it takes
// any bytes: what it needs beside them (a width, a sampling rate) is fixed, and the number of bytes
// is known to the decoder.
class ClassicalCodec {
 public:
  enum class Form { kFile, kBare };

  virtual ~ClassicalCodec() = default;
  virtual CodecFacts facts() const = 0;
  // Both are called only where nothing is missing, with kBare only where there is a bare form.
  // Throws kInternal when the codec fails, kUsage when it cannot take so many bytes, kIo when a
  // program cannot be run.
  virtual Bytes Compress(std::span<const uint8_t> original, Form form) const = 0;
  // What Compress was given, of `original_bytes`. Throws kInternal when the codec refuses: what was
  // damaged since. A bare stream may have no checksum, so that damage shows only when compared.
  virtual Bytes Decompress(std::span<const uint8_t> compressed, size_t original_bytes,
                           Form form) const = 0;

  std::string name() const { return facts().name; }
};

inline const char* FormName(ClassicalCodec::Form form) {
  return form == ClassicalCodec::Form::kFile ? "file" : "bare";
}

// What codecs throw when their library or program says no.
inline Error CodecFailure(const std::string& what) {
  return InternalError(what + " failed on data for comparison");
}

}  // namespace occam

#endif  // OCCAM_CODER_BASELINES_BASELINES_CODEC_H_
