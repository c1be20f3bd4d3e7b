#include "coder/container/short_archive.h"

#include <algorithm>
#include <utility>

#include "data/base/byte_order.h"
#include "data/base/digest.h"
#include "data/base/error.h"
#include "data/base/format.h"

namespace occam {
namespace {

// Flag bits.
constexpr uint8_t kNeedsModel = 1;
constexpr uint8_t kEmbedsModel = 2;
constexpr uint8_t kCountsSymbols = 4;
constexpr uint8_t kNeedsDictionary = 8;
constexpr int kLayoutShift = 4;  // of the layout

constexpr bool HasShortForm(ContextMode mode) {
  return mode != ContextMode::kFirstAdaptive && !IsLong(mode);
}

// How much longer lanes are than those of bytes by default, as the flags tell it. In mode adaptive,
// which has bytes alone, that is a power of two; in others any number of 1 .. kMaxLayoutBytes.
uint32_t LayoutFactor(ContextMode mode, uint8_t told) {
  return mode == ContextMode::kAdaptive ? 1u << told : 1u + told;
}
std::optional<uint8_t> ToldLayout(const FileHeader& header) {
  const uint32_t least = UsualHeader(header.context, header.mode, 1).lane_symbols;
  for (uint8_t told = 0; told < kMaxLayoutBytes; ++told) {
    const uint32_t factor = LayoutFactor(header.mode, told);
    if (factor > kMaxSegmentSymbols / least) break;
    const FileHeader usual = UsualHeader(header.context, header.mode, factor);
    if (usual.lanes == header.lanes && usual.lane_symbols == header.lane_symbols) return told;
  }
  return std::nullopt;
}

constexpr size_t kCheckBytes = 4;
constexpr size_t kMaxNumberBytes = 5;

Error Damaged(const std::string& name, const std::string& what) {
  return DamagedError(fmt::format("{} is damaged: {}", name, what));
}

// 7 bits a byte, the lowest first; all bytes but the last have the highest bit.
void PutNumber(uint64_t value, ByteWriter* out) {
  for (; value > 0x7f; value >>= 7) out->Put(static_cast<uint8_t>(value | 0x80));
  out->Put(static_cast<uint8_t>(value));
}

// Takes the bytes of a number as next() gives them; nothing where they are not its only form.
template <typename Next>
std::optional<uint64_t> NumberFrom(Next&& next) {
  uint64_t value = 0;
  for (size_t i = 0; i < kMaxNumberBytes; ++i) {
    const uint8_t byte = next();
    value |= uint64_t{byte & 0x7fu} << (7 * i);
    if ((byte & 0x80) != 0) continue;
    if (byte == 0 && i > 0) return std::nullopt;
    return value;
  }
  return std::nullopt;
}

// The length of all that is before it, for who comes from the end: its last byte is never 0.
Bytes EndOf(uint64_t bytes_before) {
  ByteWriter out;
  PutNumber(bytes_before, &out);
  Bytes end = out.Take();
  std::ranges::reverse(end);
  return end;
}

// Takes the fields of a head from a source, and keeps their bytes.
class HeadReader {
 public:
  HeadReader(ByteSource& source, Bytes begin, uint64_t memory_bytes)
      : source_(source), bytes_(std::move(begin)), memory_bytes_(memory_bytes) {}

  uint8_t Byte() { return Take(1)[0]; }
  uint64_t Number(uint64_t most, const char* what) {
    const auto number = NumberFrom([&] { return Byte(); });
    if (!number || *number > most) throw Damaged(source_.name(), std::string("it has ") + what);
    return *number;
  }
  Bytes Take(uint64_t count) {
    uint64_t position = bytes_.size();
    const Bytes taken =
        TakeBytes(source_, &position, count, "the head of a short archive", memory_bytes_);
    bytes_.insert(bytes_.end(), taken.begin(), taken.end());
    return taken;
  }
  Bytes TakeAll() { return std::move(bytes_); }

 private:
  ByteSource& source_;
  Bytes bytes_;
  uint64_t memory_bytes_;
};

void ReadModelFields(uint8_t flags, ContextMode mode, HeadReader* in, const std::string& name,
                     ShortHead* head) {
  const uint8_t contract = in->Byte();
  const auto context = static_cast<uint32_t>(in->Number(kMaxContext, "an impossible context"));
  if (context < 1) throw Damaged(name, "it has an impossible context");
  const uint64_t factor = LayoutFactor(mode, flags >> kLayoutShift);
  if (factor * UsualHeader(context, mode, 1).lane_symbols > kMaxSegmentSymbols)
    throw Damaged(name, "it has impossible lanes");
  head->header = UsualHeader(context, mode, static_cast<uint32_t>(factor));
  head->header.contract_version = contract;
  std::ranges::copy(in->Take(kShortIdBytes), head->header.model_id.begin());
  if (!head->header.has_model()) throw Damaged(name, "it names no model, and needs one");
  if ((flags & kEmbedsModel) == 0) return;
  head->header.embeds_model = true;
  head->model = in->Take(in->Number(kMaxEmbeddedModelBytes, "a model of an impossible length"));
}

}  // namespace

bool BeginsShortArchive(std::span<const uint8_t> bytes) {
  return bytes.size() >= kFormBytes &&
         std::ranges::equal(bytes.first(kContainerMagic.size()), kContainerMagic) &&
         bytes[kContainerMagic.size()] == kShortVersion;
}

bool HasShortForm(const FileHeader& header) {
  if (!HasShortForm(header.mode)) return false;
  const auto layout = ToldLayout(header);
  return layout && (header.has_model() || (header.context == kDefaultContext && *layout == 0));
}

uint64_t WriteShortArchive(const FileHeader& header, std::span<const uint8_t> model,
                           const SegmentHeader* segment, std::span<const uint8_t> payload,
                           ByteSink& sink) {
  const auto method = segment == nullptr ? CodingMethod::kStored : segment->method;
  const uint32_t size = segment == nullptr ? 0 : segment->original_bytes;
  const bool named = header.has_model();
  const bool counts = segment != nullptr && segment->symbols != segment->original_bytes;
  ByteWriter out;
  out.PutBytes(kContainerMagic);
  out.Put(static_cast<uint8_t>(kShortVersion));
  out.Put(static_cast<uint8_t>(NumberOf(header.mode) << 4 | static_cast<uint8_t>(method)));
  out.Put(static_cast<uint8_t>((named ? kNeedsModel : 0) | (model.empty() ? 0 : kEmbedsModel) |
                               (counts ? kCountsSymbols : 0) |
                               (header.has_dictionary() ? kNeedsDictionary : 0) |
                               ToldLayout(header).value() << kLayoutShift));
  if (named) {
    out.Put(header.contract_version);
    PutNumber(header.context, &out);
    out.PutBytes(std::span(header.model_id).first(kShortIdBytes));
  }
  if (!model.empty()) {
    PutNumber(model.size(), &out);
    out.PutBytes(model);
  }
  if (header.has_dictionary()) out.PutBytes(header.dictionary_id);
  PutNumber(size, &out);
  if (counts) PutNumber(segment->symbols, &out);
  if (method != CodingMethod::kStored) PutNumber(payload.size(), &out);
  const Bytes head = out.Take();

  ByteWriter tail;
  tail.Put(static_cast<uint32_t>(segment == nullptr ? 0 : segment->original_hash));
  Xxh3 all;
  all.Update(head);
  all.Update(payload);
  all.Update(tail.bytes());
  tail.Put(static_cast<uint32_t>(all.Finish()));
  const Bytes end = EndOf(head.size() + payload.size() + tail.bytes().size());
  tail.PutBytes(end);
  sink.Write(head);
  sink.Write(payload);
  sink.Write(tail.bytes());
  return head.size() + payload.size() + tail.bytes().size();
}

ShortHead ReadShortHead(ByteSource& source, Bytes begin, uint64_t memory_bytes) {
  const std::string name = source.name();
  HeadReader in(source, std::move(begin), memory_bytes);
  const uint8_t modes = in.Byte();
  const uint8_t flags = in.Byte();
  const auto mode = ModeOf(modes >> 4);
  const bool needs_dictionary = (flags & kNeedsDictionary) != 0;
  if (!mode || !HasShortForm(*mode) || (needs_dictionary && !MayHaveDictionary(*mode)))
    throw DamagedError(name + " uses a context mode or flags that this version does not support");
  if ((flags & kNeedsModel) == 0 && (flags & ~(kCountsSymbols | kNeedsDictionary)) != 0)
    throw Damaged(name, "it needs no model, and says something of one");
  ShortHead head;
  if ((flags & kNeedsModel) != 0) {
    ReadModelFields(flags, *mode, &in, name, &head);
  } else {
    head.header = UsualHeader(kDefaultContext, *mode, 1);
  }
  head.header.version = kShortVersion;
  if (needs_dictionary) {
    std::ranges::copy(in.Take(head.header.dictionary_id.size()), head.header.dictionary_id.begin());
    if (!head.header.has_dictionary()) throw Damaged(name, "it names no dictionary, and needs one");
  }
  SegmentHeader segment;
  segment.method = MethodOf(modes & 0x0f, head.header, name);
  segment.original_bytes =
      static_cast<uint32_t>(in.Number(kMaxSegmentSymbols, "an impossible length"));
  const bool counts = (flags & kCountsSymbols) != 0;
  segment.symbols = segment.original_bytes;
  if (counts) {
    segment.symbols = static_cast<uint32_t>(in.Number(kMaxSegmentSymbols, "impossible sizes"));
    if (segment.symbols == segment.original_bytes) throw Damaged(name, "it has impossible sizes");
  }
  segment.payload_bytes = segment.original_bytes;
  if (segment.method != CodingMethod::kStored)
    segment.payload_bytes =
        static_cast<uint32_t>(in.Number(kMaxSegmentSymbols, "impossible sizes"));
  segment.short_hash = true;
  if (segment.original_bytes > 0) {
    CheckSizes(segment, head.header, name);
    head.segment = segment;
  } else if (segment.method != CodingMethod::kStored || counts) {
    throw Damaged(name, "it has impossible sizes");
  }
  head.bytes = in.TakeAll();
  return head;
}

ShortArchive ReadShortArchive(ByteSource& source, Bytes begin, uint64_t memory_bytes) {
  const std::string name = source.name();
  ShortArchive archive;
  archive.head = ReadShortHead(source, std::move(begin), memory_bytes);
  uint64_t position = archive.head.bytes.size();
  Bytes payload;
  if (archive.head.segment) {
    payload = TakeBytes(source, &position, archive.head.segment->payload_bytes,
                        "a segment's payload", memory_bytes);
  }
  Xxh3 all;
  all.Update(archive.head.bytes);
  all.Update(payload);
  const Bytes checks = TakeBytes(source, &position, 2 * kCheckBytes, "the checks of an archive");
  const Bytes end = EndOf(position);
  if (TakeBytes(source, &position, end.size(), "the end of an archive") != end)
    throw Damaged(name, fmt::format("its end at byte {} does not tell its length", position));
  archive.file_bytes = position;
  all.Update(std::span(checks).first(kCheckBytes));
  ByteReader in(checks, name);
  const auto original_hash = in.Get<uint32_t>();
  archive.sound = in.Get<uint32_t>() == static_cast<uint32_t>(all.Finish()) &&
                  (archive.head.segment || original_hash == 0);
  if (archive.head.segment) {
    archive.head.segment->original_hash = original_hash;
    archive.head.segment->payload_hash = Xxh3Of(payload);
    archive.segment = SegmentRecord{*archive.head.segment, std::move(payload)};
  }
  return archive;
}

std::optional<ShortExtent> FindShortArchiveBefore(ByteSource& source, uint64_t end,
                                                  uint64_t memory_bytes) {
  const auto last = static_cast<size_t>(std::min<uint64_t>(end, kMaxNumberBytes));
  uint64_t position = end - last;
  source.Seek(position);
  Bytes tail = TakeBytes(source, &position, last, "the end of an archive");
  size_t taken = 0;
  const auto bytes_before = NumberFrom([&]() -> uint8_t {
    if (taken == tail.size()) return 0;  // no number ends with it but 0 itself
    return tail[tail.size() - ++taken];
  });
  if (!bytes_before || *bytes_before < kFormBytes || *bytes_before + taken > end)
    return std::nullopt;
  const uint64_t begin = end - taken - *bytes_before;
  source.Seek(begin);
  position = begin;
  Bytes form = TakeBytes(source, &position, kFormBytes, "the begin of an archive");
  if (!BeginsShortArchive(form)) return std::nullopt;
  try {
    const ShortHead head = ReadShortHead(source, std::move(form), memory_bytes);
    const uint64_t payload_bytes = head.segment ? head.segment->payload_bytes : 0;
    if (head.bytes.size() + payload_bytes + 2 * kCheckBytes != *bytes_before) return std::nullopt;
    return ShortExtent{begin, head.segment ? head.segment->original_bytes : 0};
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kDamaged) throw;
    return std::nullopt;
  }
}

}  // namespace occam
