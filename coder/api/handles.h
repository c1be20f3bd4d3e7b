// The other side of the door: the handles of occam_c.h, and the border at which exceptions become
// codes and sentences.
#ifndef OCCAM_CODER_API_HANDLES_H_
#define OCCAM_CODER_API_HANDLES_H_

#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <span>
#include <string>

#include "coder/archive/codec_options.h"
#include "coder/predict/loaded_model.h"
#include "data/base/error.h"
#include "data/base/file.h"
#include "data/base/memory.h"
#include "occam/occam_c.h"

struct occam_model {
  occam_model(occam::OpenedModel opened, occam::Kernels kernels, uint64_t memory_bytes);
  // A model that the library keeps.
  occam_model(const occam::LoadedModel& kept, uint64_t memory_bytes);
  uint64_t memory_bytes;                          // what it may take, contexts of it included
  std::unique_ptr<const occam::LoadedModel> own;  // null where the library keeps it
  const occam::LoadedModel& loaded;
  std::string kernels_name;
  std::string tokenizer_name;
};

namespace occam::api {

// Fill in the error of a call; `error` may be null. Report turns an exception into a code and a
// sentence. Success touches two fields alone: the range coder is called once a symbol.
void ReportSuccess(occam_error* error);
occam_code Report(occam_error* error, const std::exception_ptr& exception);

// Runs call() and reports how it ended.
template <typename Call>
occam_code Guard(occam_error* error, Call call) {
  try {
    call();
  } catch (...) {
    return Report(error, std::current_exception());
  }
  ReportSuccess(error);
  return OCCAM_OK;
}

// Throws kMemory where the model, a lane of it and `more` bytes take more than the model may.
void RequireRoomForContext(const occam_model& model, uint64_t more = 0);

// Throws kUsage where a pointer that must be there is null.
void Require(bool condition, const char* what);

// A caller's bytes; null is allowed where there are none. Throws kUsage.
std::span<const uint8_t> SpanOf(const void* bytes, size_t size);

// Gives the bytes away in memory of the library's own. Throws std::bad_alloc.
void Give(std::span<const uint8_t> bytes, occam_buffer* buffer);

// Throws kUsage for a struct whose size cannot be meant: it was not initialised.
inline void RequireSize(size_t struct_size) {
  constexpr size_t kMost = 4096;
  Require(struct_size >= sizeof(size_t) && struct_size <= kMost,
          "a struct without its size was given; begin with its _init function");
}

// The part of a struct that both sides know. A caller of an older library sends fewer fields. One
// of a newer library sends more, which must be zero. Throws kUsage.
template <typename Struct>
Struct Known(const Struct* given) {
  Struct known{};
  if (given == nullptr) return known;
  const size_t size = given->struct_size;
  RequireSize(size);
  const auto* bytes = reinterpret_cast<const unsigned char*>(given);
  for (size_t i = sizeof(Struct); i < size; ++i)
    Require(bytes[i] == 0, "a field was set that this version of the library does not know");
  std::memcpy(&known, given, size < sizeof(Struct) ? size : sizeof(Struct));
  return known;
}

// Writes the fields that the caller's struct, which may be null, has room for: the other way.
// CheckRoom throws kUsage where there is no size; it comes before work whose result Fill tells.
template <typename Struct>
void CheckRoom(const Struct* to) {
  if (to != nullptr) RequireSize(to->struct_size);
}
template <typename Struct>
void Fill(const Struct& result, Struct* to) {
  if (to == nullptr) return;
  CheckRoom(to);
  const size_t size = to->struct_size;
  std::memcpy(to, &result, size < sizeof(Struct) ? size : sizeof(Struct));
  to->struct_size = size;
}

Kernels KernelsOf(unsigned flags);  // Throws kUsage for flags that do not exist.

// Returns a caller's progress function, which may be null, as ours. It throws kCancelled where that
// asks to stop.
ProgressFn ProgressOf(occam_progress progress, void* user);

// Returns the limit of memory that a caller's number stands for.
inline uint64_t MemoryOf(uint64_t memory) { return memory == 0 ? kDefaultMemoryBytes : memory; }

// A caller's streams as ours. The struct and what it points to must outlive them.
std::unique_ptr<ByteSource> SourceOf(const occam_reader& reader);
std::unique_ptr<ByteSink> SinkOf(const occam_writer& writer);

}  // namespace occam::api

#endif  // OCCAM_CODER_API_HANDLES_H_
