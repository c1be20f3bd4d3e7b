#include "coder/container/container_format.h"

#include <algorithm>
#include <array>
#include <bit>

#include "data/base/byte_order.h"
#include "data/base/error.h"
#include "data/base/format.h"

namespace occam {
namespace {

// Flag bits of the file header.
constexpr uint8_t kEmbeddedModel = 1;
constexpr uint8_t kNeedsDictionary = 2;
constexpr uint8_t kKnownFlags = kEmbeddedModel | kNeedsDictionary;

// The numbers of modes in a file.
constexpr std::array<ContextMode, 7> kModes = {
    ContextMode::kChunked,       ContextMode::kCarried,
    ContextMode::kFirstAdaptive, ContextMode::kSecondAdaptive,
    ContextMode::kFirstLong,     ContextMode::kAdaptive,
    ContextMode::kLong};

Error Damaged(const std::string& name, const std::string& what) {
  return DamagedError(fmt::format("{} is damaged: {}", name, what));
}

uint32_t ShortHash(std::span<const uint8_t> bytes) { return static_cast<uint32_t>(Xxh3Of(bytes)); }

void CheckLayout(const FileHeader& header, const std::string& name) {
  const uint64_t symbols = uint64_t{header.lanes} * header.lane_symbols;
  const bool is_long = IsLong(header.mode);
  if (header.context < 1 || header.context > kMaxContext || header.lanes < 1 ||
      header.lanes > (is_long ? kMaxLongLanes : kMaxLanes) || header.lane_symbols < 1 ||
      header.lane_symbols % header.context != 0 ||
      symbols > (is_long ? kMaxLongSegmentSymbols : kMaxSegmentSymbols)) {
    throw DamagedError(fmt::format(
        "{} is cut in a way that this version cannot decode: {} lanes of {} symbols, context {}",
        name, header.lanes, header.lane_symbols, header.context));
  }
}

// A file that needs a dictionary says which. It has no more lanes than mode long, so that a place
// has bits enough for the dictionary's bytes before a lane's own.
void CheckDictionaryFits(bool needed, const FileHeader& header, const std::string& name) {
  if (!needed) return;
  if (!header.has_dictionary() || !MayHaveDictionary(header.mode) || header.lanes > kMaxLongLanes) {
    throw Damaged(name, "it needs a dictionary in a way that no encoder asks for");
  }
}

// The least that is worth a lane of its own in an unfull segment, in contexts. A context of tokens
// is many bytes long, and the networks that have them are large: without lanes to share their
// weights they restore slowly. Modes with an expert have bytes alone.
uint32_t LeastLaneChunks(const FileHeader& file) {
  if (file.contract_version < kShortLaneContract || HasExpert(file.mode)) return kCarriedLaneChunks;
  const bool longer =
      file.lane_symbols > UsualHeader(file.context, file.mode, /*layout_bytes=*/1).lane_symbols;
  return longer ? kShortLaneChunks : kCarriedLaneChunks;
}

void CheckContext(uint32_t context) {
  if (context < 1 || context > kMaxContext) {
    throw UsageError(
        fmt::format("a context of {} symbols is not in [1, {}]", context, kMaxContext));
  }
}

}  // namespace

DictionaryId DictionaryIdOf(std::span<const uint8_t> dictionary) {
  const Sha256Digest digest = Sha256Of(dictionary);
  DictionaryId id;
  std::copy_n(digest.begin(), id.size(), id.begin());
  return id;
}

uint8_t NumberOf(ContextMode mode) {
  return static_cast<uint8_t>(std::ranges::find(kModes, mode) - kModes.begin());
}

std::optional<ContextMode> ModeOf(uint8_t number) {
  if (number >= kModes.size()) return std::nullopt;
  return kModes[number];
}

const char* ModeName(ContextMode mode) {
  switch (mode) {
    case ContextMode::kChunked:
      return "chunked";
    case ContextMode::kCarried:
      return "carried";
    case ContextMode::kFirstAdaptive:
      return "first adaptive";
    case ContextMode::kAdaptive:
      return "adaptive";
    case ContextMode::kLong:
      return "long";
    case ContextMode::kSecondAdaptive:
      return "second adaptive";
    case ContextMode::kFirstLong:
      return "first long";
  }
  return "unknown";
}

uint32_t LayoutBytes(int32_t vocabulary) {
  const auto bits = static_cast<uint32_t>(std::bit_width(static_cast<uint32_t>(vocabulary - 1)));
  return bits <= 8 ? 1 : 1 + (bits - 8) / 2;
}

FileHeader DefaultHeader(uint32_t context, ContextMode mode, int32_t vocabulary) {
  if (mode == ContextMode::kLong) return HeaderOfLanes(context, mode, kDefaultLanes);
  CheckContext(context);
  return UsualHeader(context, mode, LayoutBytes(vocabulary));
}

FileHeader HeaderOfLanes(uint32_t context, ContextMode mode, uint32_t lanes) {
  CheckContext(context);
  if (mode != ContextMode::kAdaptive && mode != ContextMode::kLong)
    throw UsageError("a number of lanes is for modes adaptive and long");
  if (lanes < 1 || lanes > kMaxLongLanes)
    throw UsageError(fmt::format("a segment has 1 to {} lanes, not {}", kMaxLongLanes, lanes));
  if (mode == ContextMode::kAdaptive) {
    const uint32_t most = kMaxSegmentSymbols / UsualHeader(context, mode, 1).lane_symbols;
    FileHeader header = UsualHeader(context, mode, std::min(kDefaultLanes / lanes, most));
    header.lanes = std::min(header.lanes, lanes);
    return header;
  }
  FileHeader header;
  header.mode = mode;
  header.context = context;
  header.lanes = lanes;
  header.lane_symbols = kMaxLongSegmentSymbols / lanes / context * context;
  return header;
}

FileHeader UsualHeader(uint32_t context, ContextMode mode, uint32_t layout_bytes) {
  FileHeader header;
  header.mode = mode;
  header.context = context;
  const uint32_t lane_symbols = mode == ContextMode::kChunked   ? kDefaultLaneSymbols
                                : mode == ContextMode::kCarried ? kCarriedLaneSymbols
                                                                : kAdaptiveLaneSymbols;
  header.lane_symbols = context * std::max(1u, lane_symbols / context) * layout_bytes;
  // Only beyond contexts of some 100 K: fewer lanes keep the segment within bounds.
  header.lanes = std::min(kDefaultLanes, kMaxSegmentSymbols / header.lane_symbols);
  return header;
}

Bytes Serialise(const FileHeader& header) {
  ByteWriter out;
  out.PutBytes(kContainerMagic);
  out.Put(static_cast<uint8_t>(kContainerVersion));
  out.Put(header.contract_version);
  out.Put(NumberOf(header.mode));
  out.Put(static_cast<uint8_t>((header.embeds_model ? kEmbeddedModel : 0) |
                               (header.has_dictionary() ? kNeedsDictionary : 0)));
  out.Put(header.context);
  out.Put(header.lanes);
  out.Put(header.lane_symbols);
  // Where there is a dictionary, symbols are bytes, and the model's id says so, too.
  out.PutBytes(header.has_dictionary() ? header.dictionary_id : header.tokenizer_id);
  out.PutBytes(header.model_id);
  out.Put(Xxh3Of(out.bytes()));
  return out.Take();
}

Bytes SerialiseModelBlock(std::span<const uint8_t> model) {
  ByteWriter out;
  out.Put(uint64_t{model.size()});
  out.PutBytes(model);
  out.Put(Xxh3Of(out.bytes()));
  return out.Take();
}

FileHeader ParseFileHeader(std::span<const uint8_t> bytes, const std::string& name) {
  const size_t known = std::min(bytes.size(), kContainerMagic.size());
  if (known == 0) throw DamagedError(name + " is empty, which no .occ file is");
  if (!std::equal(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(known),
                  kContainerMagic.begin())) {
    throw DamagedError(name + " is not an .occ file");
  }
  if (bytes.size() < kFileHeaderBytes) throw Damaged(name, "it ends within the file header");
  ByteReader in(bytes, name);
  in.GetBytes(kContainerMagic.size());
  const auto version = in.Get<uint8_t>();
  if (version != kContainerVersion) {
    throw DamagedError(
        fmt::format("{} has format version {}, this program reads versions {} and {}; use a newer "
                    "Occam, or the file is damaged",
                    name, version, kContainerVersion, kShortVersion));
  }
  if (Xxh3Of(bytes.first(kFileHeaderBytes - 8)) !=
      ByteReader(bytes.subspan(kFileHeaderBytes - 8), name).Get<uint64_t>()) {
    throw Damaged(name, "the file header does not match its checksum");
  }
  FileHeader header;
  header.contract_version = in.Get<uint8_t>();
  const auto mode = in.Get<uint8_t>();
  const auto flags = in.Get<uint8_t>();
  if (mode >= kModes.size() || (flags & ~kKnownFlags) != 0) {
    throw DamagedError(
        fmt::format("{} uses {}, which this version does not support", name,
                    (flags & ~kKnownFlags) != 0 ? "unknown flags" : "another context mode"));
  }
  header.embeds_model = (flags & kEmbeddedModel) != 0;
  header.mode = kModes[mode];
  header.context = in.Get<uint32_t>();
  header.lanes = in.Get<uint32_t>();
  header.lane_symbols = in.Get<uint32_t>();
  const bool needs_dictionary = (flags & kNeedsDictionary) != 0;
  auto& id = needs_dictionary ? header.dictionary_id : header.tokenizer_id;
  std::ranges::copy(in.GetBytes(id.size()), id.begin());
  std::ranges::copy(in.GetBytes(header.model_id.size()), header.model_id.begin());
  CheckLayout(header, name);
  CheckDictionaryFits(needs_dictionary, header, name);
  if (!header.has_model() && (header.embeds_model || header.contract_version != 0 ||
                              header.tokenizer_id != TokenizerId{})) {
    throw Damaged(name, "it needs no model and says something of one");
  }
  return header;
}

Bytes Serialise(const SegmentHeader& header) {
  ByteWriter out;
  out.Put(kSegmentTag);
  out.Put(static_cast<uint8_t>(header.method));
  out.Put(header.number);
  out.Put(header.symbols);
  out.Put(header.original_bytes);
  out.Put(header.payload_bytes);
  out.Put(header.payload_hash);
  out.Put(header.original_hash);
  out.Put(ShortHash(out.bytes()));
  return out.Take();
}

SegmentHeader ParseSegmentHeader(std::span<const uint8_t> bytes, const FileHeader& file,
                                 const std::string& name) {
  ByteReader in(bytes, name);
  in.Get<uint8_t>();  // the tag
  SegmentHeader header;
  const auto method = in.Get<uint8_t>();
  header.number = in.Get<uint32_t>();
  header.symbols = in.Get<uint32_t>();
  header.original_bytes = in.Get<uint32_t>();
  header.payload_bytes = in.Get<uint32_t>();
  header.payload_hash = in.Get<uint64_t>();
  header.original_hash = in.Get<uint64_t>();
  if (in.Get<uint32_t>() != ShortHash(bytes.first(kSegmentHeaderBytes - 4))) {
    throw Damaged(name, "a segment header does not match its checksum");
  }
  header.method = MethodOf(method, file, name);
  CheckSizes(header, file, name);
  return header;
}

CodingMethod MethodOf(uint8_t number, const FileHeader& file, const std::string& name) {
  const auto method = static_cast<CodingMethod>(number);
  const bool fits =
      MethodFits(method, file.mode) &&
      (!file.has_dictionary() || method == CodingMethod::kStored || UsesDictionary(method));
  if (number >= kMethodCount || !fits) {
    throw DamagedError(
        fmt::format("{} uses coding method {}, which this version does not know", name, number));
  }
  return method;
}

void CheckSizes(const SegmentHeader& header, const FileHeader& file, const std::string& name) {
  const bool stored = header.method == CodingMethod::kStored;
  const bool by_model = header.method == CodingMethod::kModel;
  if (header.symbols < 1 || header.original_bytes > file.segment_bytes() ||
      (by_model ? header.symbols > header.original_bytes
                : header.symbols != header.original_bytes) ||
      (stored ? header.payload_bytes != header.original_bytes
              : header.payload_bytes >= header.original_bytes) ||
      (by_model && !file.has_model())) {
    throw Damaged(name, fmt::format("segment {} has impossible sizes", header.number));
  }
}

Bytes Serialise(std::span<const IndexEntry> index) {
  ByteWriter out;
  out.Put(kIndexTag);
  for (const IndexEntry& entry : index) {
    out.Put(entry.payload_bytes);
    out.Put(entry.original_bytes);
  }
  out.Put(Xxh3Of(out.bytes()));
  return out.Take();
}

bool IsPossible(const IndexEntry& entry, bool last, const FileHeader& file) {
  return entry.original_bytes >= 1 && entry.original_bytes <= file.segment_bytes() &&
         (last || entry.original_bytes == file.segment_bytes());
}

Bytes Serialise(const EndRecord& end) {
  ByteWriter out;
  out.Put(kEndTag);
  out.Put(end.segments);
  out.Put(end.original_bytes);
  out.Put(end.file_bytes);
  out.Put(end.chain);
  out.Put(Xxh3Of(out.bytes()));
  return out.Take();
}

EndRecord ParseEndRecord(std::span<const uint8_t> bytes, const std::string& name) {
  ByteReader in(bytes, name);
  const auto tag = in.Get<uint8_t>();
  EndRecord end;
  end.segments = in.Get<uint32_t>();
  end.original_bytes = in.Get<uint64_t>();
  end.file_bytes = in.Get<uint64_t>();
  end.chain = in.Get<uint64_t>();
  if (tag != kEndTag || in.Get<uint64_t>() != Xxh3Of(bytes.first(kEndRecordBytes - 8))) {
    throw Damaged(name, "the end record does not match its checksum");
  }
  return end;
}

uint64_t ChainHash(uint64_t chain, std::span<const uint8_t> record) {
  ByteWriter both;
  both.Put(chain);
  both.PutBytes(record);
  return Xxh3Of(both.bytes());
}

std::vector<uint32_t> LaneLengths(uint32_t symbols, const FileHeader& file) {
  const uint32_t chunks = symbols / file.context + (symbols % file.context != 0 ? 1 : 0);
  const bool fewer = file.mode != ContextMode::kChunked && symbols < file.segment_bytes();
  const uint32_t worthwhile = fewer ? std::max(chunks / LeastLaneChunks(file), 1u) : chunks;
  const uint32_t lanes = std::min({file.lanes, chunks, worthwhile});
  std::vector<uint32_t> lengths;
  for (uint32_t lane = 0; lane < lanes; ++lane) {
    const uint32_t own_chunks = chunks / lanes + (lane < chunks % lanes ? 1 : 0);
    lengths.push_back(own_chunks * file.context);
  }
  if (!lengths.empty()) lengths.back() -= chunks * file.context - symbols;
  return lengths;
}

}  // namespace occam
