#include "tests/fuzz/mend.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "coder/container/container_format.h"
#include "coder/container/short_archive.h"
#include "data/base/byte_order.h"
#include "data/base/digest.h"
#include "data/base/error.h"
#include "data/base/memory.h"
#include "model/quantized_model.h"

namespace occam::fuzz {
namespace {

template <typename T>
T NumberAt(std::span<const uint8_t> bytes, size_t at) {
  return ByteReader(bytes.subspan(at), "input").Get<T>();
}

template <typename T>
void PutNumber(T value, size_t at, Bytes* bytes) {
  ByteWriter out;
  out.Put(value);
  std::ranges::copy(out.bytes(), bytes->begin() + static_cast<std::ptrdiff_t>(at));
}

std::span<const uint8_t> Piece(const Bytes& bytes, size_t at, size_t count) {
  return std::span(bytes).subspan(at, count);
}

// Returns where the segments begin; the end of the file where none can.
size_t MendHead(Bytes* file) {
  if (file->size() < kFileHeaderBytes) return file->size();
  PutNumber(Xxh3Of(Piece(*file, 0, kFileHeaderBytes - 8)), kFileHeaderBytes - 8, file);
  if (((*file)[11] & 1) == 0) return kFileHeaderBytes;
  if (file->size() < kFileHeaderBytes + kModelFrameBytes) return file->size();
  const auto length = NumberAt<uint64_t>(*file, kFileHeaderBytes);
  if (length > file->size() - kFileHeaderBytes - kModelFrameBytes) return file->size();
  const size_t end = kFileHeaderBytes + 8 + static_cast<size_t>(length);
  PutNumber(Xxh3Of(Piece(*file, kFileHeaderBytes, end - kFileHeaderBytes)), end, file);
  return end + 8;
}

// The checks of a short archive, whose payload becomes as long as it is told. What follows is lost.
void MendShort(Bytes* file) {
  const auto source = MemorySource(std::span(*file).subspan(kFormBytes));
  try {
    ShortHead head = ReadShortHead(
        *source, Bytes(file->begin(), file->begin() + static_cast<std::ptrdiff_t>(kFormBytes)),
        kDefaultMemoryBytes);
    constexpr uint32_t kMostPayload = 20'000;
    const uint32_t size = head.segment ? head.segment->payload_bytes : 0;
    if (size > kMostPayload) return;
    file->resize(std::max(file->size(), head.bytes.size() + size + sizeof(uint32_t)));
    const auto payload = std::span(*file).subspan(head.bytes.size(), size);
    if (head.segment) {
      const bool stored = head.segment->method == CodingMethod::kStored;
      head.segment->original_hash =
          stored ? Xxh3Of(payload) : NumberAt<uint32_t>(*file, head.bytes.size() + size);
    }
    Bytes mended;
    WriteShortArchive(head.header, head.model, head.segment ? &*head.segment : nullptr, payload,
                      *MemorySink(&mended));
    *file = std::move(mended);
  } catch (const Error&) {
    // It is damaged before its payload.
  }
}

}  // namespace

void MendArchive(bool whole, Bytes* file) {
  if (BeginsShortArchive(*file)) return MendShort(file);
  size_t at = MendHead(file);
  if (at < kFileHeaderBytes) return;
  uint64_t chain = ChainHash(0, Piece(*file, 0, kFileHeaderBytes));
  std::vector<IndexEntry> index;
  EndRecord end;
  while (file->size() - at >= kSegmentHeaderBytes && (*file)[at] == kSegmentTag) {
    const IndexEntry entry{NumberAt<uint32_t>(*file, at + 14), NumberAt<uint32_t>(*file, at + 10)};
    const size_t payload = at + kSegmentHeaderBytes;
    if (entry.payload_bytes > file->size() - payload) break;
    const uint64_t hash = Xxh3Of(Piece(*file, payload, entry.payload_bytes));
    const bool stored = (*file)[at + 1] == static_cast<uint8_t>(CodingMethod::kStored);
    PutNumber(hash, at + 18, file);
    if (stored) PutNumber(hash, at + 26, file);
    PutNumber(static_cast<uint32_t>(Xxh3Of(Piece(*file, at, kSegmentHeaderBytes - 4))),
              at + kSegmentHeaderBytes - 4, file);
    chain = ChainHash(chain, Piece(*file, at, kSegmentHeaderBytes));
    index.push_back(entry);
    end.original_bytes += entry.original_bytes;
    at = payload + entry.payload_bytes;
  }
  if (!whole) return;
  file->resize(at);
  const Bytes records = Serialise(std::span<const IndexEntry>(index));
  file->insert(file->end(), records.begin(), records.end());
  end.segments = static_cast<uint32_t>(index.size());
  end.file_bytes = file->size() + kEndRecordBytes;
  end.chain = ChainHash(chain, records);
  const Bytes last = Serialise(end);
  file->insert(file->end(), last.begin(), last.end());
}

void MendModel(Bytes* model) {
  if (!IsModelFile(*model) || model->size() < 24 + sizeof(Sha256Digest)) return;
  PutNumber(uint64_t{model->size()}, 16, model);
  const size_t checked = model->size() - sizeof(Sha256Digest);
  std::ranges::copy(Sha256Of(Piece(*model, 0, checked)),
                    model->begin() + static_cast<std::ptrdiff_t>(checked));
}

}  // namespace occam::fuzz
