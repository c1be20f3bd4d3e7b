// Files and streams of the door (sections 1, 3 and 4 of occam_c.h).
#include <algorithm>
#include <cstring>
#include <optional>

#include "coder/api/built_in_models.h"
#include "coder/api/handles.h"
#include "coder/api/restoring_costs.h"
#include "coder/archive/compressor.h"
#include "coder/archive/costs.h"
#include "coder/archive/decompress_range.h"
#include "coder/archive/decompressor.h"
#include "coder/archive/salvage.h"
#include "coder/weights/model_codec.h"
#include "data/base/processors.h"

namespace occam::api {
namespace {

// A caller's options, and the model that a file holds.
class Job {
 public:
  explicit Job(const occam_options* given) : options_(Known(given)) {
    Require(options_.mode >= OCCAM_MODE_CHUNKED && options_.mode <= OCCAM_MODE_LONG &&
                options_.mode != OCCAM_MODE_FIRST_ADAPTIVE,
            "there is no such mode");
    Require(options_.threads >= 0, "there is no negative number of threads");
    kernels_ = KernelsOf(options_.flags & ~OCCAM_NO_MODEL);
    no_model_ = (options_.flags & OCCAM_NO_MODEL) != 0;
    codec_.threads = options_.threads == 0
                         ? ProcessorCount()
                         : std::min(options_.threads, kMaxThreadsPerProcessor * ProcessorCount());
    codec_.memory_bytes = MemoryOf(options_.memory);
    codec_.short_form = true;
    codec_.mode = static_cast<ContextMode>(options_.mode);
    codec_.dictionary = SpanOf(options_.dictionary, options_.dictionary_size);
    if ((no_model_ || !codec_.dictionary.empty()) && !HasExpert(codec_.mode))
      codec_.mode = ContextMode::kAdaptive;
    codec_.lanes = options_.lanes;
    if (options_.photo_width != 0 || options_.photo_channels != 0)
      codec_.photo = RawPhoto(options_.photo_width, options_.photo_channels);
    codec_.progress = ProgressOf(options_.progress, options_.progress_user);
  }
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  // Of what is compressed: the caller's model or the default one.
  const LoadedModel& model() const {
    if (options_.model != nullptr) return options_.model->loaded;
    return LoadedBuiltIn(BuiltInModels().front(), kernels_);
  }

  // Of what is restored: the caller's, the one that the file holds, or a built-in one.
  ModelFinder FinderFor(const std::string& name) {
    return [this, name](const FileHeader& header, std::span<const uint8_t> embedded) {
      return Find(header, embedded, name);
    };
  }

  const CodecOptions& codec() const { return codec_; }
  const occam_options& options() const { return options_; }

  ContainerStats CompressFrom(ByteSource& source, ByteSink& sink) {
    if (no_model_) {
      Require(options_.model == nullptr && options_.embed_model == 0,
              "a model was given, and OCCAM_NO_MODEL");
      return Compress(source, sink, nullptr, codec_);
    }
    Bytes embedded;
    if (options_.embed_model != 0)
      embedded = EncodeModel(model().network().model(), [this] { KeepOn(); }).bytes;
    CodecOptions codec = codec_;
    codec.embedded_model = embedded;
    return Compress(source, sink, &model().codec_model(), codec);
  }

  ContainerStats DecompressFrom(ByteSource& source, ByteSink& sink) {
    const ModelFinder find = FinderFor(source.name());
    if (options_.damage == nullptr) return Decompress(source, sink, find, codec_);
    const SalvageReport report = DecompressKeepGoing(source, sink, find, codec_);
    for (const MissingRange& range : report.missing)
      options_.damage(options_.damage_user, range.begin, range.end.value_or(OCCAM_UNKNOWN),
                      range.why.c_str());
    for (const std::string& remark : report.remarks)
      options_.damage(options_.damage_user, 0, 0, remark.c_str());
    return report.stats;
  }

 private:
  const CodecModel* Find(const FileHeader& header, std::span<const uint8_t> embedded,
                         const std::string& name) {
    const CodecModel* const given =
        options_.model == nullptr ? nullptr : &options_.model->loaded.codec_model();
    if (embedded.empty()) return given != nullptr ? given : BuiltIn(header);
    if (given != nullptr && !header.Names(given->model_id)) {
      throw UsageError(name + " holds its model, " + Hex(std::span(header.model_id).first(8)) +
                       ", which is not the given one, " + Hex(std::span(given->model_id).first(8)) +
                       "; give none");
    }
    // The file's bytes of it stay in memory beside it.
    const ReadLimits limits{codec_.memory_bytes, [this] { KeepOn(); }};
    own_.emplace(embedded, name + ", its model", kernels_, limits);
    return &own_->codec_model();
  }

  // Null where it is none of the library's.
  const CodecModel* BuiltIn(const FileHeader& header) const {
    const BuiltInModel* const found = FindBuiltIn(header);
    return found == nullptr ? nullptr : &LoadedBuiltIn(*found, kernels_).codec_model();
  }

  // Asks the caller while a model is read or coded.
  void KeepOn() const {
    if (codec_.progress) codec_.progress(0, 0);
  }

  occam_options options_;
  CodecOptions codec_;
  bool no_model_ = false;
  Kernels kernels_ = Kernels::kFast;  // of models that the library finds
  std::optional<LoadedModel> own_;    // that the file holds
};

occam_stats StatsOf(const ContainerStats& stats) {
  occam_stats result{};
  result.struct_size = sizeof(occam_stats);
  result.original_bytes = stats.original_bytes;
  result.file_bytes = stats.file_bytes;
  result.payload_bytes = stats.payload_bytes;
  result.lost_bit_bytes = stats.lost_bit_bytes;
  result.model_bytes = stats.model_bytes;
  result.segments = stats.segments;
  result.stored_segments = stats.method_segments[static_cast<size_t>(CodingMethod::kStored)];
  result.order2_segments = stats.method_segments[static_cast<size_t>(CodingMethod::kOrder2)];
  result.expert_segments = stats.method_segments[static_cast<size_t>(CodingMethod::kExpert)] +
                           stats.method_segments[static_cast<size_t>(CodingMethod::kProgram)];
  result.sound_segments = stats.method_segments[static_cast<size_t>(CodingMethod::kSound)];
  result.photo_segments = stats.method_segments[static_cast<size_t>(CodingMethod::kPhoto)];
  result.model_segments = stats.method_segments[static_cast<size_t>(CodingMethod::kModel)];
  return result;
}

void TellCosts(const FileInfo& file, const std::string& name, occam_file_info* info) {
  const RestoringCosts costs =
      KnownRestoringCosts(file, name).value_or(RestoringCosts{OCCAM_UNKNOWN, OCCAM_UNKNOWN});
  info->memory = costs.memory_bytes;
  info->multiplications = costs.multiplications;
}

occam_file_info InfoOf(const FileInfo& file, const std::string& name) {
  occam_file_info info{};
  info.struct_size = sizeof(info);
  info.contract = file.header.contract_version;
  info.mode = static_cast<occam_mode>(file.header.mode);
  info.context = file.header.context;
  info.lanes = file.header.lanes;
  info.lane_symbols = file.header.lane_symbols;
  info.has_model = file.header.has_model() ? 1 : 0;
  info.embeds_model = file.header.embeds_model ? 1 : 0;
  const Sha256Digest id = KnownModelId(file);
  std::copy(id.begin(), id.end(), info.model_id);
  info.stats = StatsOf(file.totals);
  TellCosts(file, name, &info);
  info.archives = 1;
  std::ranges::copy(file.header.dictionary_id, info.dictionary_id);
  return info;
}

uint64_t SumOfKnown(uint64_t a, uint64_t b) {
  return a == OCCAM_UNKNOWN || b == OCCAM_UNKNOWN ? OCCAM_UNKNOWN : SaturatingSum(a, b);
}

void AddArchive(const occam_file_info& archive, occam_file_info* sum) {
  if (sum->archives == 0) {
    *sum = archive;
    return;
  }
  const occam_stats& from = archive.stats;
  occam_stats& to = sum->stats;
  to.original_bytes += from.original_bytes;
  to.file_bytes += from.file_bytes;
  to.payload_bytes += from.payload_bytes;
  to.lost_bit_bytes += from.lost_bit_bytes;
  to.model_bytes += from.model_bytes;
  to.segments += from.segments;
  to.stored_segments += from.stored_segments;
  to.order2_segments += from.order2_segments;
  to.model_segments += from.model_segments;
  to.expert_segments += from.expert_segments;
  to.sound_segments += from.sound_segments;
  to.photo_segments += from.photo_segments;
  sum->memory = std::max(sum->memory, archive.memory);  // OCCAM_UNKNOWN is the largest
  sum->multiplications = SumOfKnown(sum->multiplications, archive.multiplications);
  sum->archives += archive.archives;
}

std::unique_ptr<ByteSource> SourceFrom(const occam_reader* reader) {
  Require(reader != nullptr, "there is no reader");
  return SourceOf(Known(reader));
}

std::unique_ptr<ByteSink> SinkFrom(const occam_writer* writer) {
  Require(writer != nullptr, "there is no writer");
  return SinkOf(Known(writer));
}

}  // namespace
}  // namespace occam::api

using namespace occam::api;  // the functions below stand for all of it

extern "C" {

occam_code occam_compress(const void* bytes, size_t size, const occam_options* options,
                          occam_buffer* file, occam_error* error) {
  return Guard(error, [&] {
    Require(file != nullptr, "there is no place for the file");
    *file = {nullptr, 0};
    const auto source = occam::MemorySource(SpanOf(bytes, size), "the input");
    occam::Bytes result;
    Job(options).CompressFrom(*source, *occam::MemorySink(&result));
    Give(result, file);
  });
}

occam_code occam_decompress(const void* file, size_t size, const occam_options* options,
                            occam_buffer* bytes, occam_error* error) {
  return Guard(error, [&] {
    Require(bytes != nullptr, "there is no place for the bytes");
    *bytes = {nullptr, 0};
    const auto source = occam::MemorySource(SpanOf(file, size), "the file in memory");
    occam::Bytes result;
    Job(options).DecompressFrom(*source, *occam::MemorySink(&result));
    Give(result, bytes);
  });
}

occam_code occam_compress_stream(const occam_reader* reader, const occam_writer* writer,
                                 const occam_options* options, occam_stats* stats,
                                 occam_error* error) {
  return Guard(error, [&] {
    CheckRoom(stats);
    const auto source = SourceFrom(reader);
    const auto sink = SinkFrom(writer);
    Fill(StatsOf(Job(options).CompressFrom(*source, *sink)), stats);
  });
}

occam_code occam_decompress_stream(const occam_reader* reader, const occam_writer* writer,
                                   const occam_options* options, occam_stats* stats,
                                   occam_error* error) {
  return Guard(error, [&] {
    CheckRoom(stats);
    const auto source = SourceFrom(reader);
    const auto sink = SinkFrom(writer);
    Fill(StatsOf(Job(options).DecompressFrom(*source, *sink)), stats);
  });
}

occam_code occam_decompress_range(const occam_reader* reader, const occam_writer* writer,
                                  uint64_t offset, uint64_t length, const occam_options* options,
                                  occam_stats* stats, occam_error* error) {
  return Guard(error, [&] {
    CheckRoom(stats);
    const auto source = SourceFrom(reader);
    const auto sink = SinkFrom(writer);
    Job job(options);
    Require(job.options().damage == nullptr, "a range is restored whole or not at all");
    occam::OriginalRange range{offset, length};
    if (length == OCCAM_UNKNOWN) range.length.reset();
    Fill(StatsOf(occam::DecompressRange(*source, *sink, job.FinderFor(source->name()), range,
                                        job.codec())),
         stats);
  });
}

occam_code occam_list(const occam_reader* reader, occam_file_info* info, occam_buffer* model,
                      occam_error* error) {
  return Guard(error, [&] {
    CheckRoom(info);
    if (model != nullptr) *model = {nullptr, 0};
    const auto source = SourceFrom(reader);
    occam_file_info result{};
    occam::Bytes own_model;
    occam::ReadFileInfos(*source, [&](const occam::FileInfo& file) {
      if (result.archives == 0) own_model = file.model;
      AddArchive(InfoOf(file, source->name()), &result);
    });
    Fill(result, info);
    if (model != nullptr) Give(own_model, model);
  });
}

occam_code occam_list_each(const occam_reader* reader, occam_list_function each, void* user,
                           occam_error* error) {
  return Guard(error, [&] {
    Require(each != nullptr, "there is no function to tell");
    const auto source = SourceFrom(reader);
    occam::ReadFileInfos(*source, [&](const occam::FileInfo& file) {
      const occam_file_info archive = InfoOf(file, source->name());
      if (each(user, &archive, file.model.data(), file.model.size()) != 0)
        throw occam::Error(occam::ErrorKind::kCancelled, "the caller asked to stop");
    });
  });
}

occam_code occam_list_add(const occam_file_info* archive, occam_file_info* sum,
                          occam_error* error) {
  return Guard(error, [&] {
    Require(archive != nullptr && sum != nullptr, "there is nothing to add, or nothing to add to");
    CheckRoom(sum);
    occam_file_info result = Known(sum);
    AddArchive(Known(archive), &result);
    Fill(result, sum);
  });
}

occam_code occam_costs(const void* bytes, size_t size, const occam_options* options, float* bits,
                       occam_error* error) {
  return Guard(error, [&] {
    Require(bits != nullptr || size == 0, "there is no place for the costs");
    Job job(options);
    occam::MeasureCosts(SpanOf(bytes, size), job.model().codec_model(), job.codec(), {bits, size});
  });
}

occam_code occam_costs_explained(const void* bytes, size_t size, const occam_options* options,
                                 float* bits, uint8_t* deciders, occam_error* error) {
  return Guard(error, [&] {
    Require((bits != nullptr && deciders != nullptr) || size == 0,
            "there is no place for costs and deciders");
    Job job(options);
    occam::MeasureCosts(SpanOf(bytes, size), job.model().codec_model(), job.codec(), {bits, size},
                        {reinterpret_cast<occam::Decider*>(deciders), size});
  });
}
}
