#include "coder/container/archives.h"

#include <algorithm>
#include <utility>

#include "coder/container/container_format.h"
#include "coder/container/container_reader.h"
#include "coder/container/short_archive.h"
#include "data/base/error.h"
#include "data/base/format.h"
#include "data/base/memory.h"

namespace occam {
namespace {

constexpr uint64_t kPiece = 1 << 16;
constexpr uint64_t kLeastArchive = kFileHeaderBytes + kIndexFrameBytes + kEndRecordBytes;

// The end of what is before `end` but for zeros.
uint64_t EndOfNonzero(ByteSource& source, uint64_t end) {
  while (end > 0) {
    Bytes piece(std::min(end, kPiece));
    const uint64_t begin = end - piece.size();
    uint64_t position = begin;
    source.Seek(begin);
    piece = TakeBytes(source, &position, piece.size(), "what was there before");
    const auto last = std::find_if(piece.rbegin(), piece.rend(), [](uint8_t b) { return b != 0; });
    if (last != piece.rend()) return end - static_cast<uint64_t>(last - piece.rbegin());
    end = begin;
  }
  return 0;
}

EndRecord EndRecordBefore(ByteSource& source, uint64_t end) {
  if (end < kEndRecordBytes)
    throw DamagedError(fmt::format("{} is cut off: it ends at byte {}", source.name(), end));
  uint64_t position = end - kEndRecordBytes;
  source.Seek(position);
  return ParseEndRecord(TakeBytes(source, &position, kEndRecordBytes, "the end record"),
                        source.name());
}

// The archive whose end record ends at `end`.
ArchiveExtent ArchiveBefore(ByteSource& source, uint64_t end) {
  const EndRecord record = EndRecordBefore(source, end);
  if (record.file_bytes < kLeastArchive || record.file_bytes > end)
    throw DamagedError(source.name() + " is damaged: its length is not that of the end record");
  return {end - record.file_bytes, record.file_bytes, record.original_bytes};
}

// The same, null where none ends there.
std::optional<ArchiveExtent> TryArchiveBefore(ByteSource& source, uint64_t end) {
  try {
    return ArchiveBefore(source, end);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kDamaged) throw;
    return std::nullopt;
  }
}

// The last archive before `end`, whatever zeros follow it. The check that ends its end record may
// end with zeros of its own.
ArchiveExtent LastArchive(ByteSource& source, uint64_t end, uint64_t memory_bytes) {
  const auto short_archive = [&](uint64_t at) -> std::optional<ArchiveExtent> {
    const auto found = FindShortArchiveBefore(source, at, memory_bytes);
    if (!found) return std::nullopt;
    return ArchiveExtent{found->begin, at - found->begin, found->original_bytes};
  };
  if (const auto archive = TryArchiveBefore(source, end)) return *archive;
  if (const auto archive = short_archive(end)) return *archive;
  const uint64_t nonzero = EndOfNonzero(source, end);
  for (uint64_t at = nonzero; at < std::min(end, nonzero + sizeof(uint64_t)); ++at) {
    if (const auto archive = TryArchiveBefore(source, at)) return *archive;
  }
  if (const auto archive = short_archive(nonzero)) return *archive;  // whose last byte is never 0
  return ArchiveBefore(source, nonzero);                             // which tells what is wrong
}

}  // namespace

std::string ArchiveName(const std::string& name, uint64_t number) {
  return number == 0 ? name : fmt::format("{} (archive {})", name, number + 1);
}

bool BeginsArchive(std::span<const uint8_t> bytes) {
  return bytes.size() >= kContainerMagic.size() &&
         std::ranges::equal(bytes.first(kContainerMagic.size()), kContainerMagic);
}

ArchiveSequence::ArchiveSequence(ByteSource& source, Bytes before, uint64_t number)
    : source_(source), looked_at_(std::move(before)), number_(number) {}

Bytes ArchiveSequence::TakeRest() {
  looked_at_.erase(looked_at_.begin(), looked_at_.begin() + static_cast<std::ptrdiff_t>(taken_));
  taken_ = 0;
  return std::exchange(looked_at_, {});
}

size_t ArchiveSequence::Read(std::span<uint8_t> out) {
  const auto left = std::span(looked_at_).subspan(taken_);
  const auto first = left.first(std::min(left.size(), out.size()));
  std::ranges::copy(first, out.begin());
  taken_ += first.size();
  out = out.subspan(first.size());
  const size_t count = first.size() + (out.empty() ? 0 : source_.Read(out));
  file_bytes_ += count;
  return count;
}

// Makes at least so many bytes be looked at; false where the source ends before.
bool ArchiveSequence::LookOn(size_t count) {
  looked_at_.erase(looked_at_.begin(), looked_at_.begin() + static_cast<std::ptrdiff_t>(taken_));
  taken_ = 0;
  const size_t before = looked_at_.size();
  if (before >= count) return true;
  looked_at_.resize(std::max<size_t>(count, kPiece));
  looked_at_.resize(before + source_.Read(std::span(looked_at_).subspan(before)));
  return looked_at_.size() >= count;
}

bool ArchiveSequence::Next() {
  while (LookOn(1)) {
    const auto nonzero =
        std::find_if(looked_at_.begin(), looked_at_.end(), [](uint8_t b) { return b != 0; });
    taken_ = static_cast<size_t>(nonzero - looked_at_.begin());
    file_bytes_ += taken_;
    if (nonzero == looked_at_.end()) continue;
    LookOn(kContainerMagic.size());
    if (!BeginsArchive(looked_at_)) {
      throw DamagedError(
          fmt::format("{} is damaged at byte {}: something follows the end of the "
                      "file",
                      source_.name(), file_bytes_));
    }
    ++number_;
    return true;
  }
  return false;
}

std::optional<std::vector<ArchiveExtent>> FindArchives(ByteSource& source, uint64_t memory_bytes) {
  const auto size = source.size_bytes();
  if (!size || !source.Seek(0)) return std::nullopt;
  std::vector<ArchiveExtent> archives;
  uint64_t end = *size;
  do {
    RequireMemory(2 * sizeof(ArchiveExtent) * (archives.size() + 1), memory_bytes, source.name());
    archives.push_back(LastArchive(source, end, memory_bytes));
    end = archives.back().begin;
  } while (end > 0);
  std::ranges::reverse(archives);
  return archives;
}

ArchiveSource::ArchiveSource(ByteSource& source, const ArchiveExtent& extent, std::string name)
    : source_(source), extent_(extent), name_(std::move(name)) {
  Seek(0);
}

size_t ArchiveSource::Read(std::span<uint8_t> out) {
  const uint64_t left = extent_.file_bytes - position_;
  const size_t count = source_.Read(out.first(std::min<uint64_t>(left, out.size())));
  position_ += count;
  return count;
}

bool ArchiveSource::Seek(uint64_t position) {
  position_ = std::min(position, extent_.file_bytes);
  return source_.Seek(extent_.begin + position_);
}

}  // namespace occam
