// The door as C sees it (include/occam/occam_c.h): codes and sentences, structs of other versions
// of the library, and what must not be null.
#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "coder/api/handles.h"
#include "occam/occam_c.h"
#include "tests/catch.h"
#include "tests/coder/api/door_testing.h"
#include "tests/coder/test_support.h"

namespace occam {
namespace {

using testing::ByteModel;
using testing::Same;

// Owns a model made from memory.
class TinyModel {
 public:
  TinyModel() {
    const Bytes file = SerialiseModel(ByteModel());
    REQUIRE(occam_model_parse(file.data(), file.size(), 0, &model_, nullptr) == OCCAM_OK);
  }
  ~TinyModel() { occam_model_free(model_); }
  TinyModel(const TinyModel&) = delete;
  TinyModel& operator=(const TinyModel&) = delete;
  occam_model* get() const { return model_; }

 private:
  occam_model* model_ = nullptr;
};

// Owns a buffer of the library's.
struct Buffer {
  ~Buffer() { occam_buffer_free(&c); }
  std::span<const uint8_t> bytes() const { return {c.data, c.size}; }
  occam_buffer c{};
};

struct Memory {
  Bytes bytes;
  size_t position = 0;
};

size_t ReadMemory(void* user, void* out, size_t size) {
  auto* memory = static_cast<Memory*>(user);
  const size_t n = std::min(size, memory->bytes.size() - memory->position);
  if (n > 0) std::memcpy(out, memory->bytes.data() + memory->position, n);
  memory->position += n;
  return n;
}

int WriteMemory(void* user, const void* bytes, size_t size) {
  auto* memory = static_cast<Memory*>(user);
  const auto* more = static_cast<const uint8_t*>(bytes);
  memory->bytes.insert(memory->bytes.end(), more, more + size);
  return 0;
}

occam_reader ReaderOf(Memory* memory) {
  occam_reader reader = occam_reader_init();
  reader.user = memory;
  reader.read = ReadMemory;
  return reader;
}

occam_writer WriterOf(Memory* memory) {
  occam_writer writer = occam_writer_init();
  writer.user = memory;
  writer.write = WriteMemory;
  return writer;
}

// Frees what a call gave; other arguments hold nothing.
void FreeResult(occam_buffer* buffer) { occam_buffer_free(buffer); }
template <typename Argument>
void FreeResult(Argument /*unused*/) {}

// The code of a call that got room for its error, and of the same call without; all must agree.
template <typename Function, typename... Arguments>
occam_code CodeOf(Function function, Arguments... arguments) {
  occam_error error{OCCAM_ERROR_INTERNAL, "nothing was written"};
  const occam_code code = function(arguments..., &error);
  CHECK(error.code == code);
  CHECK((code == OCCAM_OK) == (error.message[0] == '\0'));
  (FreeResult(arguments), ...);
  CHECK(function(arguments..., static_cast<occam_error*>(nullptr)) == code);
  return code;
}

}  // namespace

TEST_CASE("Door in C: what must be there may not be null, and no call fails silently") {
  const TinyModel model;
  Memory memory;
  Buffer buffer;
  const occam_reader reader = ReaderOf(&memory);
  const occam_writer writer = WriterOf(&memory);
  const occam_options* const defaults = nullptr;
  occam_buffer* const no_buffer = nullptr;
  occam_stats* const no_stats = nullptr;
  const occam_reader* const no_reader = nullptr;
  const occam_writer* const no_writer = nullptr;
  const occam_reader empty_reader = occam_reader_init();
  const occam_writer empty_writer = occam_writer_init();
  const void* const nothing = nullptr;
  for (const occam_code code : {
           CodeOf(occam_compress, nothing, size_t{1}, defaults, &buffer.c),
           CodeOf(occam_compress, nothing, size_t{0}, defaults, no_buffer),
           CodeOf(occam_decompress, nothing, size_t{1}, defaults, &buffer.c),
           CodeOf(occam_decompress, nothing, size_t{0}, defaults, no_buffer),
           CodeOf(occam_compress_stream, no_reader, &writer, defaults, no_stats),
           CodeOf(occam_compress_stream, &reader, no_writer, defaults, no_stats),
           CodeOf(occam_compress_stream, &empty_reader, &writer, defaults, no_stats),
           CodeOf(occam_decompress_stream, &reader, &empty_writer, defaults, no_stats),
           CodeOf(occam_decompress_range, no_reader, &writer, uint64_t{0}, uint64_t{0}, defaults,
                  no_stats),
           CodeOf(occam_list, no_reader, static_cast<occam_file_info*>(nullptr), no_buffer),
           CodeOf(occam_costs, nothing, size_t{1}, defaults, static_cast<float*>(nullptr)),
           CodeOf(occam_model_built_in, static_cast<const char*>(nullptr), 0u,
                  static_cast<occam_model**>(nullptr)),
           CodeOf(occam_model_serialise, static_cast<const occam_model*>(nullptr), 0, &buffer.c),
           CodeOf(occam_context_next, static_cast<occam_context*>(nullptr),
                  static_cast<uint32_t*>(nullptr)),
           CodeOf(occam_encoder_put, static_cast<occam_encoder*>(nullptr), 0u, 1u),
           CodeOf(occam_decoder_target, static_cast<occam_decoder*>(nullptr),
                  static_cast<uint32_t*>(nullptr)),
       })
    CHECK(code == OCCAM_ERROR_USAGE);
  occam_model* opened = model.get();
  CHECK(CodeOf(occam_model_open, static_cast<const char*>(nullptr), 0u, &opened) ==
        OCCAM_ERROR_USAGE);
  CHECK(opened == nullptr);
  occam_context* context = nullptr;
  CHECK(CodeOf(occam_context_new, static_cast<const occam_model*>(nullptr), &context) ==
        OCCAM_ERROR_USAGE);
  CHECK(occam_decoder_is_exact(nullptr) == 0);
  CHECK(occam_built_in_name(occam_built_in_count()) == nullptr);
  // Freeing nothing is allowed, and so are results that nobody wants.
  occam_model_free(nullptr);
  occam_context_free(nullptr);
  occam_encoder_free(nullptr);
  occam_decoder_free(nullptr);
  occam_buffer_free(nullptr);
  occam_model_get_info(nullptr, nullptr);
  CHECK(CodeOf(occam_compress, nothing, size_t{0}, defaults, &buffer.c) == OCCAM_OK);
}

TEST_CASE("Door in C: a call that fails leaves its result empty") {
  Buffer buffer;
  buffer.c = {nullptr, 5};
  const uint8_t foreign[100] = {};
  CHECK(CodeOf(occam_decompress, static_cast<const void*>(foreign), sizeof(foreign),
               static_cast<const occam_options*>(nullptr), &buffer.c) == OCCAM_ERROR_DAMAGED);
  CHECK(buffer.c.data == nullptr);
  CHECK(buffer.c.size == 0);
}

TEST_CASE(
    "Door in C: options of an older library are taken, those of a newer one if they are unset") {
  const TinyModel model;
  const Bytes text = Prose(500, 1);
  // An older caller knows the model and the mode alone.
  struct Older {
    size_t struct_size;
    const occam_model* model;
    occam_mode mode;
  };
  static_assert(std::is_standard_layout_v<occam_options>);
  static_assert(offsetof(Older, mode) == offsetof(occam_options, mode));
  struct Newer {
    occam_options known;
    uint64_t more;
  };
  const auto compress = [&](const void* options, Buffer* file) {
    return CodeOf(occam_compress, static_cast<const void*>(text.data()), text.size(),
                  static_cast<const occam_options*>(options), &file->c);
  };
  Buffer now_file, older_file, newer_file, refused;
  occam_options now = occam_options_init();
  now.model = model.get();
  now.mode = OCCAM_MODE_CARRIED;
  REQUIRE(compress(&now, &now_file) == OCCAM_OK);
  const Older older = {offsetof(Older, mode) + sizeof(occam_mode), model.get(), OCCAM_MODE_CARRIED};
  REQUIRE(compress(&older, &older_file) == OCCAM_OK);
  CHECK(Same(older_file.bytes(), now_file.bytes()));
  Newer newer = {now, 0};
  newer.known.struct_size = sizeof(Newer);
  REQUIRE(compress(&newer, &newer_file) == OCCAM_OK);
  CHECK(Same(newer_file.bytes(), now_file.bytes()));
  newer.more = 1;
  CHECK(compress(&newer, &refused) == OCCAM_ERROR_USAGE);
  for (const size_t size : {size_t{0}, sizeof(size_t) - 1, size_t{1} << 40}) {
    occam_options wrong = now;
    wrong.struct_size = size;
    CHECK(compress(&wrong, &refused) == OCCAM_ERROR_USAGE);
  }
}

TEST_CASE("Door in C: results fill as much of a struct as the caller has") {
  const TinyModel model;
  Memory input{Prose(500, 2)}, output;
  const occam_reader reader = ReaderOf(&input);
  const occam_writer writer = WriterOf(&output);
  occam_options options = occam_options_init();
  options.model = model.get();
  occam_stats stats;
  std::memset(&stats, 0x5a, sizeof(stats));
  stats.struct_size = offsetof(occam_stats, payload_bytes);
  REQUIRE(occam_compress_stream(&reader, &writer, &options, &stats, nullptr) == OCCAM_OK);
  CHECK(stats.struct_size == offsetof(occam_stats, payload_bytes));
  CHECK(stats.original_bytes == 500);
  CHECK(stats.file_bytes == output.bytes.size());
  CHECK(stats.payload_bytes == 0x5a5a5a5a5a5a5a5a);
  struct Newer {
    occam_stats known;
    uint64_t more;
  };
  Newer newer{};
  newer.known.struct_size = sizeof(newer);
  newer.more = 7;
  input.position = 0;
  REQUIRE(occam_compress_stream(&reader, &writer, &options, &newer.known, nullptr) == OCCAM_OK);
  CHECK(newer.known.segments == 1);
  CHECK(newer.known.struct_size == sizeof(newer));
  CHECK(newer.more == 7);
  // Nothing is written for a caller whose struct is none.
  stats.struct_size = 0;
  Memory untouched;
  const occam_writer other = WriterOf(&untouched);
  CHECK(CodeOf(occam_compress_stream, &reader, &other, static_cast<const occam_options*>(&options),
               &stats) == OCCAM_ERROR_USAGE);
  CHECK(untouched.bytes.empty());
}

TEST_CASE("Door in C: options that cannot be are refused") {
  const TinyModel model;
  const auto code = [&](const occam_options& options) {
    Buffer file;
    return CodeOf(occam_compress, static_cast<const void*>("abc"), size_t{3}, &options, &file.c);
  };
  occam_options good = occam_options_init();
  good.model = model.get();
  CHECK(code(good) == OCCAM_OK);
  occam_options options = good;
  options.mode = static_cast<occam_mode>(3);
  CHECK(code(options) == OCCAM_ERROR_USAGE);
  options = good;
  options.threads = -1;
  CHECK(code(options) == OCCAM_ERROR_USAGE);
  options = good;
  options.flags = 2;
  CHECK(code(options) == OCCAM_ERROR_USAGE);
  occam_model* wrong = nullptr;
  CHECK(CodeOf(occam_model_built_in, static_cast<const char*>(nullptr), 2u, &wrong) ==
        OCCAM_ERROR_USAGE);
}

TEST_CASE("Door in C: streams that fail or give too much are errors that name them") {
  const TinyModel model;
  occam_options options = occam_options_init();
  options.model = model.get();
  Memory input{Prose(500, 3)}, output;
  occam_reader reader = ReaderOf(&input);
  occam_writer writer = WriterOf(&output);
  occam_error error;
  reader.name = "the well";
  reader.read = [](void*, void*, size_t) { return OCCAM_FAILED; };
  CHECK(occam_compress_stream(&reader, &writer, &options, nullptr, &error) == OCCAM_ERROR_IO);
  CHECK(std::string(error.message).find("the well") != std::string::npos);
  reader.read = [](void*, void*, size_t size) { return size + 1; };
  CHECK(occam_compress_stream(&reader, &writer, &options, nullptr, &error) == OCCAM_ERROR_USAGE);
  CHECK(std::string(error.message).find("the well") != std::string::npos);
  reader = ReaderOf(&input);
  writer.name = "the sea";
  writer.write = [](void*, const void*, size_t) { return 1; };
  CHECK(occam_compress_stream(&reader, &writer, &options, nullptr, &error) == OCCAM_ERROR_IO);
  CHECK(std::string(error.message).find("the sea") != std::string::npos);
  occam_context* context = nullptr;
  REQUIRE(occam_context_new(model.get(), &context, nullptr) == OCCAM_OK);
  CHECK(occam_context_generate(context, nullptr, 5, &writer, &error) == OCCAM_ERROR_CANCELLED);
  occam_context_free(context);
}

TEST_CASE("Door in C: each kind of failure has its code, and each code its name") {
  const auto report = [](auto thrown) {
    occam_error error;
    const occam_code code = api::Guard(&error, [&] { throw thrown; });
    CHECK(error.code == code);
    return std::pair(code, std::string(error.message));
  };
  CHECK(report(UsageError("u")) == std::pair(OCCAM_ERROR_USAGE, std::string("u")));
  CHECK(report(IoError("i")) == std::pair(OCCAM_ERROR_IO, std::string("i")));
  CHECK(report(DamagedError("d")) == std::pair(OCCAM_ERROR_DAMAGED, std::string("d")));
  CHECK(report(MemoryError("m")) == std::pair(OCCAM_ERROR_MEMORY, std::string("m")));
  CHECK(report(std::bad_alloc()).first == OCCAM_ERROR_MEMORY);
  CHECK(report(Error(ErrorKind::kCancelled, "c")).first == OCCAM_ERROR_CANCELLED);
  CHECK(report(InternalError("b")).first == OCCAM_ERROR_INTERNAL);
  CHECK(report(std::runtime_error("r")) == std::pair(OCCAM_ERROR_INTERNAL, std::string("r")));
  CHECK(report(1).first == OCCAM_ERROR_INTERNAL);
  for (const auto& [code, name] :
       {std::pair(OCCAM_OK, "ok"), std::pair(OCCAM_ERROR_USAGE, "usage"),
        std::pair(OCCAM_ERROR_IO, "io"), std::pair(OCCAM_ERROR_DAMAGED, "damaged"),
        std::pair(OCCAM_ERROR_MEMORY, "memory"), std::pair(OCCAM_ERROR_CANCELLED, "cancelled"),
        std::pair(OCCAM_ERROR_INTERNAL, "internal")})
    CHECK(std::string(occam_code_name(code)) == name);
  CHECK(std::string(occam_code_name(static_cast<occam_code>(99))) == "unknown");
}

TEST_CASE("Door in C: a sentence that is too long is cut between characters") {
  std::string message(1018, 'x');
  for (int i = 0; i < 3; ++i) message += "\xc3\xa9";  // e with an accent, in two bytes
  occam_error error;
  api::Guard(&error, [&] { throw IoError(message); });
  CHECK(std::string(error.message) == message.substr(0, 1018));
  api::Guard(&error, [&] { throw IoError(message.substr(1)); });
  CHECK(std::string(error.message) == message.substr(1, 1019));
}

TEST_CASE("Door in C: the version is three numbers, the contract that of the models") {
  int major = -1, minor = -1, patch = -1;
  REQUIRE(std::sscanf(occam_version(), "%d.%d.%d", &major, &minor, &patch) == 3);
  CHECK(major == OCCAM_VERSION_MAJOR);
  CHECK(minor == OCCAM_VERSION_MINOR);
  CHECK(patch == OCCAM_VERSION_PATCH);
  CHECK(occam_contract_version() == kContractVersion);
}

}  // namespace occam
