// Occam for C++20: tiny transformers as lossless compressors.
//
// Introduction
//
//   A model predicts each next byte; a range coder turns predictions into bytes. The file that
//   comes out names its model, and the same model restores it: bit for bit, on every processor,
//   with any number of threads. The default model, broad-800K, is built in, so that nothing else is
//   needed:
//
//     const std::vector<uint8_t> file = occam::CompressBytes(text);
//     const std::vector<uint8_t> same = occam::DecompressBytes(file);
//
//   This page goes from simple calls (1) over models (2), options (3) and streams (4) to costs,
//   predictions and generation (5), the range coder alone (6) and small records (7). It is a thin
//   layer over the C functions of occam_c.h, whose comments explain each number; so a program that
//   is built with it needs no particular compiler for the library.
//
// Errors: every function throws occam::Error, whose kind says what went wrong and whose text is one
// sentence. A call that throws has changed nothing. Exceptions of your own functions come out.
//
// Threads: a Model may be used by any number of threads at once, other objects by one at a time.
#ifndef OCCAM_H_
#define OCCAM_H_

#if __cplusplus < 202002L
#error "occam/occam.h needs C++20; occam/occam_c.h is for C and older C++"
#endif

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "occam/error.h"
#include "occam/occam_c.h"

namespace occam {

class Reader;
struct Options;

namespace door {

// Calls a C function with room for its error, and throws that.
template <typename Function, typename... Arguments>
void Call(Function function, Arguments... arguments) {
  occam_error error;
  const occam_code code = function(arguments..., &error);
  if (code != OCCAM_OK) throw Error(static_cast<ErrorKind>(code), error.message);
}

// A buffer of the library's, as a vector.
class Buffer {
 public:
  Buffer() = default;
  ~Buffer() { occam_buffer_free(&buffer_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  occam_buffer* get() { return &buffer_; }
  std::vector<uint8_t> Take() const { return {buffer_.data, buffer_.data + buffer_.size}; }

 private:
  occam_buffer buffer_{};
};

// Keeps the exception of a caller's function while C code stands in between.
class Caught {
 public:
  // Returns what function() returns, or `failed` where it throws. After an exception nothing of the
  // caller's is called any more.
  template <typename Function, typename Result>
  Result Try(Function function, Result failed) {
    if (exception_) return failed;
    try {
      return static_cast<Result>(function());
    } catch (...) {
      exception_ = std::current_exception();
      return failed;
    }
  }
  // Does as Call, but an exception that was caught meanwhile comes first.
  template <typename Function, typename... Arguments>
  void Call(Function function, Arguments... arguments) {
    occam_error error;
    const occam_code code = function(arguments..., &error);
    if (exception_) std::rethrow_exception(std::exchange(exception_, nullptr));
    if (code != OCCAM_OK) throw Error(static_cast<ErrorKind>(code), error.message);
  }

 private:
  std::exception_ptr exception_;
};

}  // namespace door

// The version of the library that runs, "MAJOR.MINOR.PATCH".
inline std::string LibraryVersion() { return occam_version(); }

// ---- 2. Models ---------------------------------------------------------------------------------

// A model that codes. Immutable; moving it is cheap.
class Model {
 public:
  // A model that is part of the library; "" is the default one.
  static Model BuiltIn(const std::string& name = "", bool plain_kernels = false) {
    return Make(occam_model_built_in, name.empty() ? nullptr : name.c_str(), Flags(plain_kernels));
  }
  // A model file (.occm), flat or coded. The weights of an imported model in a flat file are not
  // copied. The file must not change while the model is there; it may be replaced or removed.
  static Model FromFile(const std::string& path, bool plain_kernels = false) {
    return Make(occam_model_open, path.c_str(), Flags(plain_kernels));
  }
  static Model FromMemory(std::span<const uint8_t> bytes, bool plain_kernels = false) {
    return Make(occam_model_parse, bytes.data(), bytes.size(), Flags(plain_kernels));
  }
  // The same with memory, kernels and progress of the options (3, 4), from a file or from anywhere.
  // The two above read what takes no more than 1 GB of memory.
  static Model FromFile(const std::string& path, const Options& options);
  static Model FromReader(Reader& reader, const Options& options);
  // The names of the built-in models, the default first.
  static std::vector<std::string> BuiltInNames() {
    std::vector<std::string> names;
    names.reserve(occam_built_in_count());
    for (size_t i = 0; i < occam_built_in_count(); ++i) names.emplace_back(occam_built_in_name(i));
    return names;
  }

  occam_model_info info() const {
    occam_model_info info = occam_model_info_init();
    occam_model_get_info(get(), &info);
    return info;
  }
  // The model as a file: flat, or coded, which is a fifth smaller.
  std::vector<uint8_t> Serialise(bool coded) const {
    door::Buffer file;
    door::Call(occam_model_serialise, get(), coded ? 1 : 0, file.get());
    return file.Take();
  }

  const occam_model* get() const { return model_.get(); }

 private:
  explicit Model(occam_model* model) : model_(model, occam_model_free) {}
  static unsigned Flags(bool plain) { return plain ? OCCAM_PLAIN_KERNELS : 0; }
  template <typename Function, typename... Arguments>
  static Model Make(Function function, Arguments... arguments) {
    occam_model* model = nullptr;
    door::Call(function, arguments..., &model);
    return Model(model);
  }

  std::unique_ptr<occam_model, void (*)(occam_model*)> model_;
};

// ---- 3. Options --------------------------------------------------------------------------------

enum class Mode {
  kChunked = OCCAM_MODE_CHUNKED,    // contexts start afresh all the time: the published setting
  kCarried = OCCAM_MODE_CARRIED,    // contexts go on: smaller
  kAdaptive = OCCAM_MODE_ADAPTIVE,  // carried, and mixed with what the data teaches: smaller still
  kFirstAdaptive = OCCAM_MODE_FIRST_ADAPTIVE,  // its first form: only told of files, not written
  kLong = OCCAM_MODE_LONG,  // adaptive, with 128 MiB to learn from at a time: 3 GB of memory
  kSecondAdaptive = OCCAM_MODE_SECOND_ADAPTIVE,  // forms before: only told of files
  kFirstLong = OCCAM_MODE_FIRST_LONG
};

// Original bytes that could not be restored.
struct Damage {
  uint64_t begin = 0;
  std::optional<uint64_t> end;  // none: nobody knows how much followed; `begin`: it cost nothing
  std::string why;
};

struct Options {
  const Model* model = nullptr;  // null: the default, or the one that a file holds or names
  Mode mode = Mode::kChunked;    // compressing alone; a file says its own
  bool embed_model = false;      // compressing: puts the model, coded, into the file
  int threads = 0;               // 0: one a processor; never shows in a result
  // Bytes that a call may take, a model and what it is read from included; 0: 1 GB, OCCAM_UNKNOWN:
  // any number. Counted before anything is allocated; ErrorKind::kMemory.
  uint64_t memory = 0;
  bool plain_kernels = false;  // for models of files: the slow definition
  // Told often of bytes done so far, from any thread, by one at a time. False ends the call with
  // ErrorKind::kCancelled.
  std::function<bool(uint64_t original_bytes, uint64_t file_bytes)> progress = nullptr;
  // Restoring: goes on after damage, with zeros in place of what is missing, and tells it.
  std::function<void(const Damage&)> damage = nullptr;
  bool no_model = false;  // compressing: by the expert of mode adaptive, without a model
  // Compressing raw pixels: those of a row, and the bytes of each, 1 .. 4. 0: the header tells.
  uint32_t photo_width = 0;
  uint32_t photo_channels = 0;
  // Compressing in modes adaptive and long: of a segment, 1 .. 32. 0: 32, adaptive fewer where the
  // data has less than 2 MiB.
  uint32_t lanes = 0;
  // Bytes like the data that both sides know; not owned. Compressing, the mode is then adaptive.
  std::span<const uint8_t> dictionary = {};
};

// ---- 4. Streams and files ----------------------------------------------------------------------

// A source of bytes.
class Reader {
 public:
  virtual ~Reader() = default;
  // Reads at most out.size() bytes; returns how many, 0 at the end.
  virtual size_t Read(std::span<uint8_t> out) = 0;
  // The number of bytes where Seek works; none where only reading on is possible.
  virtual std::optional<uint64_t> size() const { return std::nullopt; }
  virtual void Seek(uint64_t /*position*/) {}
  virtual std::string name() const { return "the input"; }  // for messages
};

// A sink of bytes, in order; restored ones come only after they were found to be right.
class Writer {
 public:
  virtual ~Writer() = default;
  virtual void Write(std::span<const uint8_t> bytes) = 0;
  virtual std::string name() const { return "the output"; }  // for messages
};

// Bytes in memory, not owned.
class BytesReader final : public Reader {
 public:
  explicit BytesReader(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  size_t Read(std::span<uint8_t> out) override {
    const std::span<const uint8_t> rest = bytes_.subspan(position_);
    const std::span<const uint8_t> part = rest.first(std::min(rest.size(), out.size()));
    std::copy(part.begin(), part.end(), out.begin());
    position_ += part.size();
    return part.size();
  }
  std::optional<uint64_t> size() const override { return bytes_.size(); }
  void Seek(uint64_t position) override {
    position_ = static_cast<size_t>(std::min<uint64_t>(position, bytes_.size()));
  }

 private:
  std::span<const uint8_t> bytes_;
  size_t position_ = 0;
};

using Stats = occam_stats;
using ArchiveInfo = occam_file_info;

namespace door {

// A C++ call as C sees it: streams and functions behind pointers.
class Bridge {
 public:
  Bridge() = default;
  Bridge(const Bridge&) = delete;
  Bridge& operator=(const Bridge&) = delete;

  const occam_reader* From(Reader& reader) {
    reader_ = &reader;
    reader_name_ = reader.name();
    c_reader_.user = this;
    c_reader_.name = reader_name_.c_str();
    c_reader_.read = [](void* user, void* out, size_t size) {
      auto* self = static_cast<Bridge*>(user);
      return self->caught_.Try(
          [&] {
            return self->reader_->Read({static_cast<uint8_t*>(out), size});
          },
          OCCAM_FAILED);
    };
    if (const std::optional<uint64_t> size = reader.size()) {
      c_reader_.bytes = *size;
      c_reader_.seek = [](void* user, uint64_t position) {
        auto* self = static_cast<Bridge*>(user);
        return self->caught_.Try([&] { return self->reader_->Seek(position), 0; }, 1);
      };
    }
    return &c_reader_;
  }

  const occam_writer* To(Writer& writer) {
    writer_ = &writer;
    writer_name_ = writer.name();
    c_writer_.user = this;
    c_writer_.name = writer_name_.c_str();
    c_writer_.write = [](void* user, const void* bytes, size_t size) {
      auto* self = static_cast<Bridge*>(user);
      return self->caught_.Try(
          [&] {
            return self->writer_->Write({static_cast<const uint8_t*>(bytes), size}), 0;
          },
          1);
    };
    return &c_writer_;
  }

  const occam_options* With(const Options& options) {
    options_ = &options;
    c_options_.model = options.model == nullptr ? nullptr : options.model->get();
    c_options_.mode = static_cast<occam_mode>(options.mode);
    c_options_.embed_model = options.embed_model ? 1 : 0;
    c_options_.threads = options.threads;
    c_options_.flags =
        (options.plain_kernels ? OCCAM_PLAIN_KERNELS : 0) | (options.no_model ? OCCAM_NO_MODEL : 0);
    c_options_.memory = options.memory;
    c_options_.photo_width = options.photo_width;
    c_options_.photo_channels = options.photo_channels;
    c_options_.lanes = options.lanes;
    c_options_.dictionary = options.dictionary.data();
    c_options_.dictionary_size = options.dictionary.size();
    if (options.progress) {
      c_options_.progress_user = this;
      c_options_.progress = [](void* user, uint64_t original, uint64_t file) {
        auto* self = static_cast<Bridge*>(user);
        return self->caught_.Try([&] { return self->options_->progress(original, file) ? 0 : 1; },
                                 1);
      };
    }
    if (options.damage) {
      c_options_.damage_user = this;
      c_options_.damage = [](void* user, uint64_t begin, uint64_t end, const char* why) {
        auto* self = static_cast<Bridge*>(user);
        self->caught_.Try(
            [&] {
              const bool known = end != OCCAM_UNKNOWN;
              self->options_->damage(
                  {begin, known ? std::optional<uint64_t>(end) : std::nullopt, why});
              return 0;
            },
            1);
      };
    }
    return &c_options_;
  }

  template <typename Function, typename... Arguments>
  void Call(Function function, Arguments... arguments) {
    caught_.Call(function, arguments...);
  }

 private:
  Caught caught_;
  Reader* reader_ = nullptr;
  Writer* writer_ = nullptr;
  const Options* options_ = nullptr;
  std::string reader_name_, writer_name_;
  occam_reader c_reader_ = occam_reader_init();
  occam_writer c_writer_ = occam_writer_init();
  occam_options c_options_ = occam_options_init();
};

}  // namespace door

inline Model Model::FromFile(const std::string& path, const Options& options) {
  door::Bridge bridge;
  occam_model* model = nullptr;
  bridge.Call(occam_model_open_with, path.c_str(), bridge.With(options), &model);
  return Model(model);
}

inline Model Model::FromReader(Reader& reader, const Options& options) {
  door::Bridge bridge;
  occam_model* model = nullptr;
  bridge.Call(occam_model_read, bridge.From(reader), bridge.With(options), &model);
  return Model(model);
}

// Compresses all that the reader gives, in bounded memory.
inline Stats CompressStream(Reader& reader, Writer& writer, const Options& options = {}) {
  door::Bridge bridge;
  Stats stats = occam_stats_init();
  bridge.Call(occam_compress_stream, bridge.From(reader), bridge.To(writer), bridge.With(options),
              &stats);
  return stats;
}

// Restores all that the reader gives.
inline Stats DecompressStream(Reader& reader, Writer& writer, const Options& options = {}) {
  door::Bridge bridge;
  Stats stats = occam_stats_init();
  bridge.Call(occam_decompress_stream, bridge.From(reader), bridge.To(writer), bridge.With(options),
              &stats);
  return stats;
}

// Restores a part of the original; without a length, to its end.
inline Stats DecompressRangeStream(Reader& reader, Writer& writer, uint64_t offset,
                                   std::optional<uint64_t> length, const Options& options = {}) {
  door::Bridge bridge;
  Stats stats = occam_stats_init();
  bridge.Call(occam_decompress_range, bridge.From(reader), bridge.To(writer), offset,
              length.value_or(OCCAM_UNKNOWN), bridge.With(options), &stats);
  return stats;
}

// Tells what a file is. `model`, which may be null, gets the model that the file holds. Of several
// archives in one file it tells the sums, as occam_list does.
inline ArchiveInfo ListArchive(Reader& reader, std::vector<uint8_t>* model = nullptr) {
  door::Bridge bridge;
  door::Buffer embedded;
  ArchiveInfo info = occam_file_info_init();
  bridge.Call(occam_list, bridge.From(reader), &info, embedded.get());
  if (model != nullptr) *model = embedded.Take();
  return info;
}

// Tells what each archive of a file is, in their order.
inline std::vector<ArchiveInfo> ListArchives(Reader& reader) {
  door::Bridge bridge;
  std::vector<ArchiveInfo> all;
  const occam_list_function take = [](void* user, const occam_file_info* info, const void*,
                                      size_t) {
    try {
      static_cast<std::vector<ArchiveInfo>*>(user)->push_back(*info);
      return 0;
    } catch (...) {  // no exception passes C
      return 1;
    }
  };
  bridge.Call(occam_list_each, bridge.From(reader), take, static_cast<void*>(&all));
  return all;
}

// Returns what ListArchive tells of a file of these archives.
inline ArchiveInfo SumOfArchives(std::span<const ArchiveInfo> archives) {
  ArchiveInfo sum = occam_file_info_init();
  for (const ArchiveInfo& archive : archives) door::Call(occam_list_add, &archive, &sum);
  return sum;
}

// ---- 1. Simple calls ---------------------------------------------------------------------------

inline std::vector<uint8_t> CompressBytes(std::span<const uint8_t> bytes,
                                          const Options& options = {}) {
  door::Bridge bridge;
  door::Buffer file;
  bridge.Call(occam_compress, bytes.data(), bytes.size(), bridge.With(options), file.get());
  return file.Take();
}

inline std::vector<uint8_t> DecompressBytes(std::span<const uint8_t> file,
                                            const Options& options = {}) {
  door::Bridge bridge;
  door::Buffer bytes;
  bridge.Call(occam_decompress, file.data(), file.size(), bridge.With(options), bytes.get());
  return bytes.Take();
}

inline std::span<const uint8_t> BytesOf(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// ---- 5. Costs, predictions, generation ---------------------------------------------------------

// The bits that each byte costs when these bytes are compressed with these options.
inline std::vector<float> Costs(std::span<const uint8_t> bytes, const Options& options = {}) {
  door::Bridge bridge;
  std::vector<float> bits(bytes.size());
  bridge.Call(occam_costs, bytes.data(), bytes.size(), bridge.With(options), bits.data());
  return bits;
}

// Who decided a byte, as occam_decider of occam_c.h tells.
enum class DecidedBy : uint8_t {
  kNetwork = OCCAM_DECIDER_NETWORK,
  kMatch = OCCAM_DECIDER_MATCH,
  kWords = OCCAM_DECIDER_WORDS,
  kOrders = OCCAM_DECIDER_ORDERS,
  kNone = OCCAM_DECIDER_NONE  // nobody expected it
};

struct ExplainedCosts {
  std::vector<float> bits;            // [bytes], as Costs
  std::vector<DecidedBy> decided_by;  // [bytes]
};

// The same, and who decided each byte.
inline ExplainedCosts ExplainCosts(std::span<const uint8_t> bytes, const Options& options = {}) {
  door::Bridge bridge;
  ExplainedCosts costs{std::vector<float>(bytes.size()), std::vector<DecidedBy>(bytes.size())};
  bridge.Call(occam_costs_explained, bytes.data(), bytes.size(), bridge.With(options),
              costs.bits.data(), reinterpret_cast<uint8_t*>(costs.decided_by.data()));
  return costs;
}

struct Sampling {
  uint32_t temperature_thousandths = 1000;  // 0: always the likeliest
  uint32_t top_k = 0;                       // only the k likeliest symbols; 0: all
  uint64_t seed = 1;
};

// A text that is read piece by piece, and what would come next. The model must outlive it.
class Context {
 public:
  explicit Context(const Model& model) : context_(nullptr, occam_context_free) {
    occam_context* context = nullptr;
    door::Call(occam_context_new, model.get(), &context);
    context_.reset(context);
  }
  // Reads on; returns the bits that these bytes cost as symbols. `progress` is that of Options,
  // with what the bytes cost in place of a file's length.
  double Feed(std::span<const uint8_t> bytes,
              const std::function<bool(uint64_t, uint64_t)>& progress = nullptr) {
    Options options;
    options.progress = progress;
    door::Bridge bridge;
    const occam_options* const c = bridge.With(options);
    double bits = 0;
    bridge.Call(occam_context_feed, context_.get(), bytes.data(), bytes.size(), c->progress,
                c->progress_user, &bits);
    return bits;
  }
  // The distribution of the next byte, out of OCCAM_FREQUENCY_TOTAL.
  std::array<uint32_t, 256> Next() {
    std::array<uint32_t, 256> frequencies;
    door::Call(occam_context_next, context_.get(), frequencies.data());
    return frequencies;
  }
  // Goes on by drawing `size` bytes, which the writer gets as they come.
  void Generate(uint64_t size, Writer& writer, const Sampling& sampling = {}) {
    door::Bridge bridge;
    const occam_sampling c_sampling = {sizeof(occam_sampling), sampling.temperature_thousandths,
                                       sampling.top_k, sampling.seed};
    bridge.Call(occam_context_generate, context_.get(), &c_sampling, size, bridge.To(writer));
  }

 private:
  std::unique_ptr<occam_context, void (*)(occam_context*)> context_;
};

// ---- 6. The range coder alone ------------------------------------------------------------------

// An encoder for predictors of your own. A symbol is a part [start, start + size) of [0,
// OCCAM_FREQUENCY_TOTAL).
class EntropyEncoder {
 public:
  EntropyEncoder() : encoder_(nullptr, occam_encoder_free) {
    occam_encoder* encoder = nullptr;
    door::Call(occam_encoder_new, &encoder);
    encoder_.reset(encoder);
  }
  void Put(uint32_t start, uint32_t size) {
    door::Call(occam_encoder_put, encoder_.get(), start, size);
  }
  // Ends the stream and begins another.
  std::vector<uint8_t> Finish() {
    door::Buffer stream;
    door::Call(occam_encoder_finish, encoder_.get(), stream.get());
    return stream.Take();
  }

 private:
  std::unique_ptr<occam_encoder, void (*)(occam_encoder*)> encoder_;
};

// The bytes must outlive it.
class EntropyDecoder {
 public:
  explicit EntropyDecoder(std::span<const uint8_t> stream) : decoder_(nullptr, occam_decoder_free) {
    occam_decoder* decoder = nullptr;
    door::Call(occam_decoder_new, stream.data(), stream.size(), &decoder);
    decoder_.reset(decoder);
  }
  // A point within the next symbol's part.
  uint32_t Target() {
    uint32_t target = 0;
    door::Call(occam_decoder_target, decoder_.get(), &target);
    return target;
  }
  void Take(uint32_t start, uint32_t size) {
    door::Call(occam_decoder_take, decoder_.get(), start, size);
  }
  // Returns, after the last symbol, whether an encoder of these symbols writes these very bytes.
  bool IsExact() const { return occam_decoder_is_exact(decoder_.get()) != 0; }

 private:
  std::unique_ptr<occam_decoder, void (*)(occam_decoder*)> decoder_;
};

// ---- 7. Small records --------------------------------------------------------------------------

// Codes records of a few hundred bytes, each alone into a bare frame, which has at most
// OCCAM_FRAME_MAX bytes around its payload. Whoever decodes must know model, check_bytes and
// dictionary: comments at occam_record_options tell the odds.
class RecordCodec {
 public:
  // The model must outlive it. `progress` is that of Options, of each call by itself. A dictionary
  // of records like those to come is copied, and learned in the first call.
  explicit RecordCodec(const Model& model, int check_bytes = 1,
                       const std::function<bool(uint64_t, uint64_t)>& progress = nullptr,
                       std::span<const uint8_t> dictionary = {})
      : bridge_(std::make_unique<door::Bridge>()),
        options_(std::make_unique<Options>()),
        codec_(nullptr, occam_record_codec_free) {
    options_->progress = progress;
    const occam_options* const c = bridge_->With(*options_);
    occam_record_options c_options = occam_record_options_init();
    c_options.check_bytes = check_bytes;
    c_options.progress = c->progress;
    c_options.progress_user = c->progress_user;
    c_options.dictionary = dictionary.data();
    c_options.dictionary_size = dictionary.size();
    occam_record_codec* codec = nullptr;
    door::Call(occam_record_codec_new, model.get(), &c_options, &codec);
    codec_.reset(codec);
  }
  // The frame of a record of at most OCCAM_RECORD_MAX bytes.
  std::vector<uint8_t> Encode(std::span<const uint8_t> record) {
    return Run(occam_record_encode, record);
  }
  std::vector<uint8_t> Decode(std::span<const uint8_t> frame) {
    return Run(occam_record_decode, frame);
  }
  // The record's length as its frame tells it, unchecked.
  static size_t SizeOf(std::span<const uint8_t> frame) {
    size_t size = 0;
    door::Call(occam_record_size, frame.data(), frame.size(), &size);
    return size;
  }

 private:
  template <typename Function>
  std::vector<uint8_t> Run(Function function, std::span<const uint8_t> bytes) {
    door::Buffer result;
    bridge_->Call(function, codec_.get(), bytes.data(), bytes.size(), result.get());
    return result.Take();
  }

  std::unique_ptr<door::Bridge> bridge_;  // carries the caller's progress function
  std::unique_ptr<Options> options_;
  std::unique_ptr<occam_record_codec, void (*)(occam_record_codec*)> codec_;
};

}  // namespace occam

#endif  // OCCAM_H_
