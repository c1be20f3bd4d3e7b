// The interface of every codec that we compare with. A new one is a file that implements
// ClassicalCodec and a line in classical_codecs.cc.
#ifndef OCCAM_CODER_BASELINES_BASELINES_CODEC_H_
#define OCCAM_CODER_BASELINES_BASELINES_CODEC_H_

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "data/base/error.h"
#include "data/base/file.h"

namespace occam {

// The facts that a table gives of a codec.
struct CodecFacts {
  std::string name;     // "png"
  std::string maker;    // the library or program and its version: "libpng 1.6.39"
  std::string setting;  // "level 9, the smallest of ..."
  std::string sees;     // how bytes become what it codes: "bytes", "8-bit grey image, rows of 64"
  std::string removed;  // what the bare form leaves out; empty: the codec has no bare form
  std::string missing;  // why it cannot be used here; empty: it can
  bool is_program = false;  // runs a process for every piece: slow on many
};

// A codec at its strongest setting. It has two forms: a file as its program writes it, and the bare
// stream without headers that is fair for short chunks. It takes any bytes, whatever it is made
// for. What it needs beside them (a width, a sampling rate) is fixed, and the decoder knows the
// number of bytes.
class ClassicalCodec {
 public:
  enum class Form { kFile, kBare };

  virtual ~ClassicalCodec() = default;
  virtual CodecFacts facts() const = 0;
  // Both are called only where nothing is missing, with kBare only where there is a bare form.
  // Throws kInternal when the codec fails, and kMemory where that is why; kUsage when it cannot
  // take so many bytes. Throws kIo when a program cannot be run.
  virtual Bytes Compress(std::span<const uint8_t> original, Form form) const = 0;
  // Returns the original. Throws kInternal when the codec refuses what was damaged since. A bare
  // stream may have no checksum, so that damage shows only when compared.
  virtual Bytes Decompress(std::span<const uint8_t> compressed, size_t original_bytes,
                           Form form) const = 0;

  std::string name() const { return facts().name; }
};

inline const char* FormName(ClassicalCodec::Form form) {
  return form == ClassicalCodec::Form::kFile ? "file" : "bare";
}

// The error of a codec whose library or program says no. Few libraries tell that they had no
// memory, but malloc does.
inline Error CodecFailure(const std::string& what) {
  if (errno == ENOMEM) return MemoryError(what + " has not enough memory");
  return InternalError(what + " failed on data for comparison");
}

}  // namespace occam

#endif  // OCCAM_CODER_BASELINES_BASELINES_CODEC_H_
