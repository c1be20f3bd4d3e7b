#include <zlib.h>

#include <algorithm>
#include <array>

#include "coder/baselines/classical_codecs.h"
#include "coder/baselines/program.h"
#include "data/base/byte_order.h"

namespace occam {
namespace {

constexpr uint8_t kOrder = 16;
constexpr uint32_t kMemory = 256u << 20;
constexpr std::array<uint8_t, 6> kSignature = {'7', 'z', 0xbc, 0xaf, 0x27, 0x1c};
constexpr size_t kSignatureHeaderBytes = 32;
constexpr size_t kPackedSizeOffset = 12;  // where the headers begin, which follow what is packed

// What 7-Zip takes for data of a known size: no more than the first power of two from 2^16 on that
// is 16 times as large (CPP/7zip/Compress/PpmdEncoder.cpp, CEncProps::Normalize).
uint32_t MemoryFor(size_t original_bytes) {
  constexpr size_t kTimes = 16;
  uint32_t memory = 1u << 16;
  while (memory < kMemory && memory / kTimes < original_bytes) memory *= 2;
  return memory;
}

uint32_t Crc(std::span<const uint8_t> bytes) {
  return static_cast<uint32_t>(crc32(0, bytes.data(), static_cast<uInt>(bytes.size())));
}

// A number as 7zFormat.txt has it, always in its longest form.
void PutNumber(uint64_t value, ByteWriter* out) {
  out->Put(uint8_t{0xff});
  out->Put(value);
}

// The least that a .7z archive needs around a packed stream of PPMd (variant H): 7zFormat.txt in
// the LZMA SDK, "ArchiveDatabase structure".
Bytes ArchiveAround(std::span<const uint8_t> packed, size_t original_bytes) {
  constexpr std::array<uint8_t, 4> kPackInfo = {0x01, 0x04, 0x06, 0x00};
  constexpr std::array<uint8_t, 3> kOneFolder = {0x07, 0x0b, 0x01};
  constexpr std::array<uint8_t, 7> kPpmd = {0x00, 0x01, 0x23, 0x03, 0x04, 0x01, 0x05};
  // The end of the folder and of the streams; one file, called d.
  constexpr std::array<uint8_t, 4> kNoSubstreams = {0x00, 0x08, 0x00, 0x00};
  constexpr std::array<uint8_t, 11> kOneFile = {0x05, 0x01, 0x11, 0x05, 0x00, 'd',
                                                0x00, 0x00, 0x00, 0x00, 0x00};
  ByteWriter header;
  header.PutBytes(kPackInfo);
  header.Put(uint8_t{1});
  header.Put(uint8_t{0x09});
  PutNumber(packed.size(), &header);
  header.Put(uint8_t{0});
  header.PutBytes(kOneFolder);
  header.PutBytes(kPpmd);
  header.Put(kOrder);
  header.Put(MemoryFor(original_bytes));
  header.Put(uint8_t{0x0c});
  PutNumber(original_bytes, &header);
  header.PutBytes(kNoSubstreams);
  header.PutBytes(kOneFile);
  ByteWriter start;
  start.Put(uint64_t{packed.size()});
  start.Put(uint64_t{header.bytes().size()});
  start.Put(Crc(header.bytes()));
  ByteWriter archive;
  archive.PutBytes(kSignature);
  archive.Put(uint16_t{0x0400});  // version 0.4
  archive.Put(Crc(start.bytes()));
  archive.PutBytes(start.bytes());
  archive.PutBytes(packed);
  archive.PutBytes(header.bytes());
  return archive.Take();
}

class Ppmd final : public ClassicalCodec {
 public:
  Ppmd() : program_(FindProgram("7z")) {}

  CodecFacts facts() const override {
    return {.name = "ppmd",
            .maker = program_.empty() ? "7z" : FirstLine(WorkFolder().Run(program_, {}), " : "),
            .setting = "PPMd, order 16, 256 MB",
            .sees = "bytes",
            .removed = "the .7z container: the packed stream is left",
            .missing = program_.empty() ? "the program 7z is not installed (p7zip-full)" : "",
            .is_program = true};
  }

  Bytes Compress(std::span<const uint8_t> original, Form form) const override {
    if (original.empty() && form == Form::kBare) return {};
    const WorkFolder folder;
    WriteFile(folder.path() + "/d", original);
    folder.Run(program_, {"a", "-t7z", "-m0=PPMd:o=16:mem=256m", "-mhc=off", "-mtm=off", "-mtc=off",
                          "-mta=off", "-mtr=off", "-mmt=1", "d.7z", "d"});
    const Bytes file = ReadFile(folder.path() + "/d.7z");
    if (form == Form::kFile) return file;
    const std::span<const uint8_t> bytes = file;
    ByteReader size(bytes.subspan(kPackedSizeOffset, 8), "the archive's header");
    const auto packed = bytes.subspan(kSignatureHeaderBytes, size.Get<uint64_t>());
    return {packed.begin(), packed.end()};
  }

  Bytes Decompress(std::span<const uint8_t> compressed, size_t original_bytes,
                   Form form) const override {
    if (compressed.empty() && original_bytes == 0 && form == Form::kBare) return {};
    const WorkFolder folder;
    const Bytes rebuilt = form == Form::kBare ? ArchiveAround(compressed, original_bytes) : Bytes{};
    WriteFile(folder.path() + "/d.7z", form == Form::kBare ? rebuilt : compressed);
    folder.Run(program_, {"x", "-y", "-mmt=1", "-oout", "d.7z"});
    return ReadFile(folder.path() + "/out/d");
  }

 private:
  std::string program_;
};

}  // namespace

std::unique_ptr<ClassicalCodec> PpmdCodec() { return std::make_unique<Ppmd>(); }

}  // namespace occam
