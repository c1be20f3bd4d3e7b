// The records of an .occ file. docs/spec/occ.md describes them byte by byte and changes
// with this file. All numbers are little-endian.
#ifndef OCCAM_CODER_CONTAINER_CONTAINER_FORMAT_H_
#define OCCAM_CODER_CONTAINER_CONTAINER_FORMAT_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/base/digest.h"
#include "data/base/file.h"

namespace occam {

constexpr std::array<uint8_t, 8> kContainerMagic = {0x89, 'O', 'C', 'C', '\r', '\n', 0x1a, '\n'};
// The forms of an archive: any number of segments, or at most one (short_archive.h).
constexpr int kContainerVersion = 1;
constexpr int kShortVersion = 2;

// Bounds of what a file may ask of its decoder. A segment of the largest size takes some 100 MB,
// and in mode long 3 GB. There a place in it has 32 bits, 5 for the lane and 27 for the step.
constexpr uint32_t kMaxContext = 1u << 20;
constexpr uint32_t kMaxLanes = 256;
constexpr uint32_t kMaxSegmentSymbols = 1u << 24;
constexpr uint32_t kMaxLongLanes = 1u << 5;
constexpr uint32_t kMaxLongSegmentSymbols = 1u << 27;

// The default layout: 32 lanes of `context` * max(1, 16384 / context) symbols, carried 65536,
// adaptive 524288 and long 4194304 in place of 16384; times LayoutBytes. With fewer lanes, told by
// whoever compresses, these are as much longer.
constexpr uint32_t kDefaultContext = 2048;
constexpr uint32_t kDefaultLanes = 32;
constexpr uint32_t kDefaultLaneSymbols = 16384;
constexpr uint32_t kCarriedLaneSymbols = 65536;
constexpr uint32_t kAdaptiveLaneSymbols = 524288;  // as much to learn from as a segment can hold
constexpr uint32_t kCarriedLaneChunks = 8;         // the least that is worth a lane of its own
// The same where the numeric contract is this or later and symbols are longer than a byte.
constexpr uint8_t kShortLaneContract = 4;
constexpr uint32_t kShortLaneChunks = 2;

using TokenizerId =
    std::array<uint8_t, 8>;  // the first bytes of the SHA-256 of its serialised form

// A dictionary: bytes that both sides know, which predictors learn before each segment
// (docs/spec/dictionary.md). Its id is the first bytes of its SHA-256.
using DictionaryId = std::array<uint8_t, 8>;
constexpr size_t kMaxDictionaryBytes = size_t{1} << 24;
DictionaryId DictionaryIdOf(std::span<const uint8_t> dictionary);

enum class ContextMode : uint8_t {
  kChunked = 0,  // every lane's context is fresh each `context` symbols
  kCarried = 1,  // a lane's context goes on from its first to its last symbol
  // Carried, and the network's predictions are mixed with those of coder/predict/expert; or the
  // expert alone. A file has the number 5 for it.
  kAdaptive = 2,
  // Carried, and mixed with those of coder/predict/adaptive_mixer.h: the first form of mode
  // adaptive, which old files have, with the number 2.
  kFirstAdaptive = 3,
  // Adaptive, with segments of up to 2^27 bytes to learn from, and larger tables of the expert. A
  // file has the number 6 for it.
  kLong = 4,
  // Adaptive and long by an expert that learns bit by bit: what older files have, with the numbers
  // 3 and 4.
  kSecondAdaptive = 5,
  kFirstLong = 6,
};

constexpr bool IsLong(ContextMode mode) {
  return mode == ContextMode::kLong || mode == ContextMode::kFirstLong;
}
// Returns whether an expert that learns bit by bit codes what is mixed.
constexpr bool HasSerialExpert(ContextMode mode) {
  return mode == ContextMode::kSecondAdaptive || mode == ContextMode::kFirstLong;
}
// Returns whether an expert of coder/predict/expert codes what is mixed.
constexpr bool HasExpert(ContextMode mode) {
  return mode == ContextMode::kAdaptive || mode == ContextMode::kLong || HasSerialExpert(mode);
}
// "chunked", "carried", "adaptive", "long", and those of older files with "first" or "second".
const char* ModeName(ContextMode mode);
// The numbers of modes in a file; nothing for a number that is none.
uint8_t NumberOf(ContextMode mode);
std::optional<ContextMode> ModeOf(uint8_t number);

enum class CodingMethod : uint8_t {
  kStored = 0,  // the bytes themselves
  kOrder2 = 1,  // the bytes, one lane, by coder/predict/order2_predictor.h
  kModel = 2,   // the symbols, in lanes, by the file's model
  kExpert = 3,  // the bytes, one lane, by coder/predict/expert; in modes adaptive and long alone
  kSound = 4,   // the samples, by coder/predict/sound; in all modes but the first adaptive one
  kPhoto = 5,   // rows of pixels, by coder/predict/photo; in mode adaptive alone
  // Machine code, by the expert, once its addresses are absolute (coder/archive/machine_code.h); in
  // mode adaptive alone.
  kProgram = 6,
};
constexpr size_t kMethodCount = 7;
// Returns whether files of this mode may need a dictionary.
constexpr bool MayHaveDictionary(ContextMode mode) { return mode == ContextMode::kAdaptive; }
// Returns whether a segment of this method is coded by what was learned from a dictionary.
constexpr bool UsesDictionary(CodingMethod method) {
  return method == CodingMethod::kModel || method == CodingMethod::kExpert;
}
// Returns whether a file of this mode may have segments of this method.
constexpr bool MethodFits(CodingMethod method, ContextMode mode) {
  if (method == CodingMethod::kExpert) return HasExpert(mode);
  if (method == CodingMethod::kPhoto || method == CodingMethod::kProgram)
    return mode == ContextMode::kAdaptive || mode == ContextMode::kSecondAdaptive;
  return method != CodingMethod::kSound || mode != ContextMode::kFirstAdaptive;
}

constexpr size_t kShortIdBytes = 8;

struct FileHeader {
  uint8_t contract_version = 0;  // of the exact network; 0 without a model
  ContextMode mode = ContextMode::kChunked;
  uint32_t context = kDefaultContext;
  uint32_t lanes = kDefaultLanes;
  uint32_t lane_symbols = kDefaultLaneSymbols;  // the most in a segment; a multiple of `context`
  TokenizerId tokenizer_id{};                   // zeros without a model, or with a dictionary
  Sha256Digest model_id{};                      // zeros without a model
  bool embeds_model = false;                    // a model block follows; only with a model
  DictionaryId dictionary_id{};                 // zeros: none is needed
  // A short archive names its model by the first kShortIdBytes of the id alone; the others, and the
  // tokenizer's id, are then zeros.
  int version = kContainerVersion;

  bool has_model() const { return model_id != Sha256Digest{}; }
  bool has_dictionary() const { return dictionary_id != DictionaryId{}; }
  // The part of the model's id that the file tells.
  std::span<const uint8_t> told_id() const {
    return std::span(model_id).first(version == kShortVersion ? kShortIdBytes : model_id.size());
  }
  // Returns whether that is the begin of this id.
  bool Names(const Sha256Digest& id) const {
    return std::equal(told_id().begin(), told_id().end(), id.begin());
  }
  // Original bytes of a full segment: no symbol stands for less than a byte.
  uint32_t segment_bytes() const { return lanes * lane_symbols; }
  bool operator==(const FileHeader&) const = default;
};
constexpr size_t kFileHeaderBytes = 72;

// The model block: length, a model that is opaque here, hash of both; and the longest that a file
// may hold.
constexpr size_t kModelFrameBytes = 16;
constexpr uint64_t kMaxEmbeddedModelBytes = uint64_t{1} << 30;

// Returns the header with the default layout for a context in [1, kMaxContext] (kUsage otherwise)
// and symbols of a vocabulary. Where these stand for several bytes each, lanes are longer by
// LayoutBytes.
FileHeader DefaultHeader(uint32_t context, ContextMode mode = ContextMode::kChunked,
                         int32_t vocabulary = 256);

// The header of mode adaptive or long with so many lanes, 1 .. kMaxLongLanes (kUsage otherwise, and
// in other modes). Fewer lanes are longer: they learn more, and are restored by fewer threads.
FileHeader HeaderOfLanes(uint32_t context, ContextMode mode, uint32_t lanes);

// The same for symbols that stand for about `layout_bytes` bytes each, 1 .. kMaxLayoutBytes, and
// any context within its bounds. In mode adaptive symbols are bytes, and lanes are as much longer.
constexpr uint32_t kMaxLayoutBytes = 16;
FileHeader UsualHeader(uint32_t context, ContextMode mode, uint32_t layout_bytes);

// About as many bytes as a byte-pair token of a vocabulary of b bits stands for, rounded down:
// 1 + floor((b - 8) / 2) above 256, else 1. Text has 1.9 bytes a token of 512, 3.1 of 4096, 3.9 of
// 20,000 (docs/results.md).
uint32_t LayoutBytes(int32_t vocabulary);

struct SegmentHeader {
  CodingMethod method = CodingMethod::kStored;
  uint32_t number = 0;          // counts from 0
  uint32_t symbols = 0;         // at least 1; no more than, without a model as many as, the bytes
  uint32_t original_bytes = 0;  // only the last segment has fewer than the file header says
  uint32_t payload_bytes = 0;   // stored: original_bytes; otherwise fewer
  uint64_t payload_hash = 0;    // XXH3-64
  uint64_t original_hash = 0;   // XXH3-64
  bool short_hash = false;      // of original_hash, the low 32 bits are known

  // Returns whether bytes with this XXH3-64 can be the original.
  bool IsOriginal(uint64_t hash) const {
    return short_hash ? static_cast<uint32_t>(hash) == static_cast<uint32_t>(original_hash)
                      : hash == original_hash;
  }
};
constexpr size_t kSegmentHeaderBytes = 38;

// The entry of a segment in the index, 8 bytes.
struct IndexEntry {
  uint32_t payload_bytes = 0;
  uint32_t original_bytes = 0;
  bool operator==(const IndexEntry&) const = default;
};
constexpr size_t kIndexEntryBytes = 8;
// Returns whether a segment of this file can have the original bytes that its entry tells: all but
// the last segment are full.
bool IsPossible(const IndexEntry& entry, bool last, const FileHeader& file);
constexpr size_t kIndexFrameBytes = 9;  // tag and hash

struct EndRecord {
  uint32_t segments = 0;
  uint64_t original_bytes = 0;
  uint64_t file_bytes = 0;  // this record included
  uint64_t chain = 0;       // over all headers in order, see ChainHash
};
constexpr size_t kEndRecordBytes = 37;

// Each record after the file header starts with its tag.
constexpr uint8_t kSegmentTag = 'S';
constexpr uint8_t kIndexTag = 'I';
constexpr uint8_t kEndTag = 'E';

// Every Parse takes exactly the record's bytes, checks its hash and every bound, and throws
// kDamaged; `name` is the file's, for the message.
Bytes Serialise(const FileHeader& header);
Bytes SerialiseModelBlock(std::span<const uint8_t> model);
Bytes Serialise(const SegmentHeader& header);
Bytes Serialise(std::span<const IndexEntry> index);
Bytes Serialise(const EndRecord& end);
FileHeader ParseFileHeader(std::span<const uint8_t> bytes, const std::string& name);
SegmentHeader ParseSegmentHeader(std::span<const uint8_t> bytes, const FileHeader& file,
                                 const std::string& name);
// The method of a number in a file. Throws kDamaged where it is none that the file's mode has.
CodingMethod MethodOf(uint8_t number, const FileHeader& file, const std::string& name);
// Throws kDamaged unless an encoder can have written a segment of these sizes.
void CheckSizes(const SegmentHeader& header, const FileHeader& file, const std::string& name);
EndRecord ParseEndRecord(std::span<const uint8_t> bytes, const std::string& name);

// The hash that ties records together: starts at 0, and takes in one record after the other.
uint64_t ChainHash(uint64_t chain, std::span<const uint8_t> record);

// Returns the lengths of a segment's lanes in symbols. Its c = ceil(symbols / context) chunks go
// evenly over min(lanes, c) lanes, the first of which may have one more. Only the last is shorter
// than `context`. Carried and adaptive, a segment that is not full has clamp(floor(c / 8), 1,
// lanes) lanes: every lane starts without a context.
std::vector<uint32_t> LaneLengths(uint32_t symbols, const FileHeader& file);

}  // namespace occam

#endif  // OCCAM_CODER_CONTAINER_CONTAINER_FORMAT_H_
