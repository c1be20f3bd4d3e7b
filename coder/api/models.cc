// Models of the door (section 2 of occam_c.h).
#include <algorithm>
#include <string>

#include "coder/api/built_in_models.h"
#include "coder/api/handles.h"
#include "coder/weights/model_codec.h"
#include "model/config_fields.h"
#include "model/parameters.h"

using occam::api::Guard;
using occam::api::Require;

namespace {

occam_model* Parse(std::span<const uint8_t> bytes, const std::string& name, unsigned flags,
                   const occam::ReadLimits& limits) {
  const occam::Kernels kernels = occam::api::KernelsOf(flags);
  if (!occam::IsCodedModel(bytes) && !occam::IsModelFile(bytes))
    throw occam::DamagedError(name + " is no model file (.occm)");
  return new occam_model({{}, occam::ReadModel(bytes, name, limits)}, kernels, limits.memory_bytes);
}

occam_model* Open(const char* path, unsigned flags, const occam::ReadLimits& limits) {
  const occam::Kernels kernels = occam::api::KernelsOf(flags);
  Require(path != nullptr, "a model has no path");
  return new occam_model(occam::OpenModel(path, limits), kernels, limits.memory_bytes);
}

occam::ReadLimits LimitsOf(const occam_options& known) {
  return {occam::api::MemoryOf(known.memory), [&known] {
            if (known.progress != nullptr && known.progress(known.progress_user, 0, 0) != 0)
              throw occam::Error(occam::ErrorKind::kCancelled, "the caller asked to stop");
          }};
}

}  // namespace

extern "C" {

size_t occam_built_in_count(void) { return occam::BuiltInModels().size(); }

const char* occam_built_in_name(size_t number) {
  const auto models = occam::BuiltInModels();
  return number < models.size() ? models[number].name : nullptr;
}

occam_code occam_model_built_in(const char* name, unsigned flags, occam_model** model,
                                occam_error* error) {
  return Guard(error, [&] {
    Require(model != nullptr, "there is no place for the model");
    *model = nullptr;
    const auto models = occam::BuiltInModels();
    const auto found =
        name == nullptr ? models.begin() : std::find_if(models.begin(), models.end(), [&](auto& m) {
          return std::string(m.name) == name;
        });
    if (found == models.end())
      throw occam::UsageError(std::string("no built-in model is called ") + name);
    *model = new occam_model(occam::LoadedBuiltIn(*found, occam::api::KernelsOf(flags)),
                             occam::kDefaultMemoryBytes);
  });
}

occam_code occam_model_open(const char* path, unsigned flags, occam_model** model,
                            occam_error* error) {
  return Guard(error, [&] {
    Require(model != nullptr, "there is no place for the model");
    *model = nullptr;
    *model = Open(path, flags, {});
  });
}

occam_code occam_model_open_with(const char* path, const occam_options* options,
                                 occam_model** model, occam_error* error) {
  return Guard(error, [&] {
    Require(model != nullptr, "there is no place for the model");
    *model = nullptr;
    const occam_options known = occam::api::Known(options);
    *model = Open(path, known.flags, LimitsOf(known));
  });
}

occam_code occam_model_parse(const void* bytes, size_t size, unsigned flags, occam_model** model,
                             occam_error* error) {
  return Guard(error, [&] {
    Require(model != nullptr, "there is no place for the model");
    *model = nullptr;
    *model = Parse(occam::api::SpanOf(bytes, size), "the model in memory", flags, {});
  });
}

occam_code occam_model_read(const occam_reader* reader, const occam_options* options,
                            occam_model** model, occam_error* error) {
  return Guard(error, [&] {
    Require(model != nullptr, "there is no place for the model");
    *model = nullptr;
    Require(reader != nullptr, "there is no reader");
    const occam_options known = occam::api::Known(options);
    const occam::ReadLimits limits = LimitsOf(known);
    const auto source = occam::api::SourceOf(occam::api::Known(reader));
    *model =
        Parse(occam::ReadWithin(*source, limits.memory_bytes), source->name(), known.flags, limits);
  });
}

void occam_model_free(occam_model* model) { delete model; }

void occam_model_get_info(const occam_model* model, occam_model_info* info) {
  if (model == nullptr || info == nullptr) return;
  const occam::ModelConfig& c = model->loaded.network().config();
  occam_model_info result{};
  const auto& id = model->loaded.network().id();
  std::copy(id.begin(), id.end(), result.id);
  result.contract = static_cast<uint32_t>(occam::ContractOf(c));
  result.vocabulary = static_cast<uint32_t>(c.vocabulary);
  result.context = static_cast<uint32_t>(c.context);
  result.width = static_cast<uint32_t>(c.width);
  result.layers = static_cast<uint32_t>(c.layers);
  result.parameters = static_cast<uint64_t>(occam::ParameterCount(c));
  result.kernels = model->kernels_name.c_str();
  result.tokenizer = model->tokenizer_name.c_str();
  Guard(nullptr, [&] { occam::api::Fill(result, info); });
}

occam_code occam_model_serialise(const occam_model* model, int coded, occam_buffer* file,
                                 occam_error* error) {
  return Guard(error, [&] {
    Require(model != nullptr && file != nullptr, "a model and a place for its bytes are needed");
    *file = {nullptr, 0};
    const occam::QuantizedModel& quantized = model->loaded.network().model();
    occam::api::Give(
        coded != 0 ? occam::EncodeModel(quantized).bytes : occam::SerialiseModel(quantized), file);
  });
}
}
