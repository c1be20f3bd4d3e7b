// Checkpoints as bytes, for tests that look into them or damage them.
#ifndef OCCAM_TESTS_MODEL_CHECKPOINT_CHECKPOINT_FILES_H_
#define OCCAM_TESTS_MODEL_CHECKPOINT_CHECKPOINT_FILES_H_

#include <algorithm>
#include <cstring>
#include <fstream>
#include <span>
#include <string>

#include "data/base/byte_order.h"
#include "data/base/digest.h"
#include "data/base/file.h"
#include "model/checkpoint/checkpoint.h"
#include "model/checkpoint/checkpoint_block.h"
#include "tests/catch.h"
#include "tests/error_kind.h"
#include "tests/model/checkpoint/sample_checkpoint.h"
#include "tests/temporary_folder.h"

namespace occam {

// Writes without the sync of WriteFile, of which these tests would need thousands.
inline void WritePlainly(const std::string& path, std::span<const uint8_t> bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  REQUIRE(file.good());
}

inline Bytes SavedSample() {
  const TemporaryFolder folder;
  SaveCheckpoint(folder / "x.h5", SampleCheckpoint());
  return ReadFile(folder / "x.h5");
}

// Gives any HDF5 file with room for it a valid user block, as model/checkpoint/checkpoint.h
// describes it.
inline Bytes Sealed(Bytes file, uint32_t format_version = 1) {
  const auto data = std::span(file).subspan(kUserBlockBytes);
  ByteWriter block;
  for (const char c : std::string("OCCAMCKP")) block.Put(static_cast<uint8_t>(c));
  block.Put(format_version);
  block.Put(uint32_t{0});
  block.Put(uint64_t{data.size()});
  block.PutBytes(Sha256Of(data));
  std::copy(block.bytes().begin(), block.bytes().end(), file.begin());
  return file;
}

inline Thrown LoadingOf(const Bytes& bytes) {
  const TemporaryFolder folder;
  WritePlainly(folder / "x.h5", bytes);
  Thrown thrown = ThrownBy([&] { LoadCheckpoint(folder / "x.h5"); });
  if (thrown.kind) CHECK(thrown.Mentions("x.h5"));
  return thrown;
}

inline bool SameBits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

}  // namespace occam

#endif  // OCCAM_TESTS_MODEL_CHECKPOINT_CHECKPOINT_FILES_H_
