#include "coder/api/handles.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <system_error>
#include <utility>

#include "data/tokenizer/tokenizer.h"

namespace {

std::string TokenizerNameOf(const occam::CodecModel& model) {
  return model.tokenizer ? model.tokenizer()->name() : occam::ByteTokenizer().name();
}

}  // namespace

occam_model::occam_model(occam::OpenedModel opened, occam::Kernels kernels,
                         uint64_t memory_bytes_in)
    : memory_bytes(memory_bytes_in),
      own(std::make_unique<occam::LoadedModel>(std::move(opened), kernels)),
      loaded(*own),
      kernels_name(loaded.network().kernels_name()),
      tokenizer_name(TokenizerNameOf(loaded.codec_model())) {}

occam_model::occam_model(const occam::LoadedModel& kept, uint64_t memory_bytes_in)
    : memory_bytes(memory_bytes_in),
      loaded(kept),
      kernels_name(loaded.network().kernels_name()),
      tokenizer_name(TokenizerNameOf(loaded.codec_model())) {}

namespace occam::api {
namespace {

void SetError(occam_error* error, occam_code code, const char* message) {
  if (error == nullptr) return;
  error->code = code;
  size_t size = std::strlen(message);
  if (size >= sizeof(error->message)) {
    size = sizeof(error->message) - 1;
    // The cut is before a character of UTF-8, not within one.
    while (size > 0 && (static_cast<unsigned char>(message[size]) & 0xc0) == 0x80) --size;
  }
  std::memcpy(error->message, message, size);
  error->message[size] = '\0';
}

class CallbackSource final : public ByteSource {
 public:
  explicit CallbackSource(const occam_reader& reader) : reader_(reader) {}
  size_t Read(std::span<uint8_t> out) override {
    size_t done = 0;
    while (done < out.size()) {
      const size_t size = reader_.read(reader_.user, out.data() + done, out.size() - done);
      if (size == OCCAM_FAILED) throw IoError("reading " + name() + " failed");
      if (size > out.size() - done)
        throw UsageError("the reader of " + name() + " gave more bytes than it was asked for");
      if (size == 0) break;
      done += size;
    }
    return done;
  }
  std::optional<uint64_t> size_bytes() const override {
    if (reader_.seek == nullptr) return std::nullopt;
    return reader_.bytes;
  }
  bool Seek(uint64_t position) override {
    if (reader_.seek == nullptr) return false;
    if (reader_.seek(reader_.user, position) != 0)
      throw IoError("seeking in " + name() + " failed");
    return true;
  }
  std::string name() const override { return reader_.name == nullptr ? "the input" : reader_.name; }

 private:
  const occam_reader reader_;
};

class CallbackSink final : public ByteSink {
 public:
  explicit CallbackSink(const occam_writer& writer) : writer_(writer) {}
  void Write(std::span<const uint8_t> bytes) override {
    if (writer_.write(writer_.user, bytes.data(), bytes.size()) != 0)
      throw IoError("writing " + name() + " failed");
  }
  void Commit() override {}
  std::string name() const override {
    return writer_.name == nullptr ? "the output" : writer_.name;
  }

 private:
  const occam_writer writer_;
};

}  // namespace

void ReportSuccess(occam_error* error) {
  if (error == nullptr) return;
  error->code = OCCAM_OK;
  error->message[0] = '\0';
}

occam_code Report(occam_error* error, const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const Error& e) {
    const auto code = static_cast<occam_code>(e.kind());
    SetError(error, code, e.what());
    return code;
  } catch (const std::bad_alloc&) {
    SetError(error, OCCAM_ERROR_MEMORY, "there is not enough memory");
    return OCCAM_ERROR_MEMORY;
  } catch (const std::system_error& e) {  // of the standard library: files, threads
    SetError(error, OCCAM_ERROR_IO, e.what());
    return OCCAM_ERROR_IO;
  } catch (const std::exception& e) {
    SetError(error, OCCAM_ERROR_INTERNAL, e.what());
  } catch (...) {
    SetError(error, OCCAM_ERROR_INTERNAL, "something unknown was thrown");
  }
  return OCCAM_ERROR_INTERNAL;
}

void RequireRoomForContext(const occam_model& model, uint64_t more) {
  const CodecModel& codec = model.loaded.codec_model();
  const uint64_t predictor = codec.predictor_bytes(1, ContextMode::kCarried, 1);
  RequireMemory(SaturatingSum(SaturatingSum(codec.model_bytes, predictor), more),
                model.memory_bytes, "a context of the model");
}

void Require(bool condition, const char* what) {
  if (!condition) throw UsageError(what);
}

std::span<const uint8_t> SpanOf(const void* bytes, size_t size) {
  Require(bytes != nullptr || size == 0, "no bytes were given, but a size was");
  return {static_cast<const uint8_t*>(bytes), size};
}

void Give(std::span<const uint8_t> bytes, occam_buffer* buffer) {
  // Not null where there are no bytes: a result is there.
  auto* const data = static_cast<uint8_t*>(std::malloc(std::max<size_t>(bytes.size(), 1)));
  if (data == nullptr) throw std::bad_alloc();
  std::copy(bytes.begin(), bytes.end(), data);
  *buffer = {data, bytes.size()};
}

Kernels KernelsOf(unsigned flags) {
  Require((flags & ~OCCAM_PLAIN_KERNELS) == 0, "a flag was set that does not exist");
  return (flags & OCCAM_PLAIN_KERNELS) != 0 ? Kernels::kPlain : Kernels::kFast;
}

ProgressFn ProgressOf(occam_progress progress, void* user) {
  if (progress == nullptr) return nullptr;
  return [progress, user](uint64_t original_bytes, uint64_t file_bytes) {
    if (progress(user, original_bytes, file_bytes) != 0)
      throw Error(ErrorKind::kCancelled, "the caller asked to stop");
  };
}

std::unique_ptr<ByteSource> SourceOf(const occam_reader& reader) {
  Require(reader.read != nullptr, "the reader has no function that reads");
  return std::make_unique<CallbackSource>(reader);
}

std::unique_ptr<ByteSink> SinkOf(const occam_writer& writer) {
  Require(writer.write != nullptr, "the writer has no function that writes");
  return std::make_unique<CallbackSink>(writer);
}

}  // namespace occam::api

extern "C" {

const char* occam_version(void) {
#define OCCAM_TEXT_OF(x) #x
#define OCCAM_TEXT(x) OCCAM_TEXT_OF(x)
  return OCCAM_TEXT(OCCAM_VERSION_MAJOR) "." OCCAM_TEXT(OCCAM_VERSION_MINOR) "." OCCAM_TEXT(
      OCCAM_VERSION_PATCH);
}

int occam_contract_version(void) { return occam::kContractVersion; }

const char* occam_code_name(occam_code code) {
  switch (code) {
    case OCCAM_OK:
      return "ok";
    case OCCAM_ERROR_USAGE:
      return "usage";
    case OCCAM_ERROR_IO:
      return "io";
    case OCCAM_ERROR_DAMAGED:
      return "damaged";
    case OCCAM_ERROR_MEMORY:
      return "memory";
    case OCCAM_ERROR_CANCELLED:
      return "cancelled";
    case OCCAM_ERROR_INTERNAL:
      return "internal";
  }
  return "unknown";
}

void occam_buffer_free(occam_buffer* buffer) {
  if (buffer == nullptr) return;
  std::free(buffer->data);
  *buffer = {nullptr, 0};
}
}
