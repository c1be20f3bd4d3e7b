#include "model/quantized_model.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string_view>

#include "data/base/byte_order.h"
#include "data/base/error.h"
#include "data/base/format.h"
#include "model/config_fields.h"
#include "model/parameters.h"

namespace occam {
namespace {

// Why these bounds: within them no float of the network overflows and no integer leaves its type,
// whatever the codes are. At most, D = 4096, MLP width 65536, head size 256, window 65536, 256
// layers.
//
// Integers of 32 bits: a linear layer sums up to 127 * 63 * 65536 < 2^29, a query's product up to
// 127 * 63 * 256 < 2^21, a weighted sum of values up to 255 * 63 * 65536 < 2^30, the terms of
// attention up to 32712 * 65536 < 2^31.
//
// Floats: norm gives at most sqrt(D) and some roundings, < 2^6.1, with a gain < 2^14.1. A
// convolution adds 16 taps of 63 times that: h < 2^24.2. A linear layer of n inputs and row scales
// of 1 multiplies by 63 n: queries, keys, values and the MLP's inner values < 2^42.2; those
// squared < 2^84.4, and after Wd < 2^106.4. Attention: 128 p <= 2 a for every term a and its weight
// p, so its result is at most 2 * 63 * s_v < 2^27, and after Wo < 2^45. So the residual stays below
// 256 * 2^107 = 2^115 (a memory adds at most 127 * 63 * 1024 * 2^10 < 2^33 twice, signals 10 * 63),
// and logits below 2^14.1
// * 63 * 4096 < 2^33. A key times 1 / s_k is below 2^42.2 * 2^40 and clamped before it is
// converted; F of point 6 is below 2^36.
//
// Networks of Llama's shape have codes to 127, MLP widths and heads together to 65536, and at most
// 4096 positions: a linear layer sums up to 127 * 127 * 65536 < 2^30, a product of a key up to 127
// * 127 * 256 < 2^22, a weighted sum of values up to 4089 * 127 * 4096 < 2^31. Normed rows with a
// gain are below 2^14.1; queries, keys, values and the MLP's inner values below 2^14.1 * 127 * 2^12
// < 2^33.2, gated ones below 2^66.3, and after Wd below 2^90. So the residual stays below 2^98. The
// scales of a query and a key are below 2^27 each, F below 2^39, and scaled products below 2^88.
// Biases and means of at most 2^8 add nothing that counts. A normed head is below 2^4 times its
// gain. GELU's cube may be infinite, and what is made of it is clamped.
//
// A fine network's products have four parts, of which the first is the largest: sums are less than
// four times as large, and nothing above is so near its bound. In its attention a half of
// a query, 8 bits, times a key's codes to 32767 is below 2^31 for a head of 256, and a score's
// product below 2^38. A weight times a value is below 2^30, their sum over 4096 positions below
// 2^42.
constexpr float kMinScale = 0x1p-60f;
constexpr float kMaxScale = 1.0f;
constexpr float kMaxGain = 256.0f;
constexpr float kMaxMemoryStep = 1024.0f;
constexpr float kMinCacheScale = 0x1p-40f;
constexpr float kMaxCacheScale = 0x1p20f;
constexpr size_t kMaxTokenizerBytes = 16u << 20;

constexpr uint8_t kMagic[8] = {'O', 'C', 'C', 'A', 'M', 'Q', 'N', 'T'};
constexpr uint32_t kFormatVersion = 1;
static_assert(kModelPrefixBytes == sizeof(kMagic) + 4 + 4 + 8);
constexpr size_t kLeastConfigBytes = 4;
constexpr std::string_view kIdPrefix = "occam model id";

bool HasSixteenBits(float x) { return (std::bit_cast<uint32_t>(x) & 0xffu) == 0; }

// Zero is +0 alone; NaN fails every comparison.
bool IsZero(float x) { return std::bit_cast<uint32_t>(x) == 0; }

bool IsScale(float x) {
  return IsZero(x) || (x >= kMinScale && x <= kMaxScale && HasSixteenBits(x));
}

bool IsGain(float x) {
  const float magnitude = x < 0 ? -x : x;
  return IsZero(x) || (magnitude >= kMinScale && magnitude <= kMaxGain && HasSixteenBits(x));
}

bool IsMemoryStep(float x) { return x >= kMinScale && x <= kMaxMemoryStep && HasSixteenBits(x); }

bool IsCacheScale(float x) {
  return x >= kMinCacheScale && x <= kMaxCacheScale && HasSixteenBits(x);
}

size_t ValueScaleCount(const ModelConfig& config) {
  return static_cast<size_t>(config.layers) * static_cast<size_t>(config.kv_heads);
}
size_t KeyScaleCount(const ModelConfig& config) {
  return config.llama ? 0 : ValueScaleCount(config);
}

// An int8_t is its two's complement byte.
std::span<const int8_t> GetCodes(uint64_t count, ByteReader* in) {
  const auto bytes = in->GetBytes(count);
  return {reinterpret_cast<const int8_t*>(bytes.data()), bytes.size()};
}

std::vector<int8_t> CopyOf(std::span<const int8_t> codes) { return {codes.begin(), codes.end()}; }

std::vector<float> GetFloats(uint64_t count, ByteReader* in) {
  ByteReader piece(in->GetBytes(count * 4), in->name());
  std::vector<float> floats(count);
  for (float& x : floats) x = piece.GetFloat();
  return floats;
}

// All that the model is, in the order of docs/spec/occm.md; also what the model id is taken over.
// put(bytes) gets it piece by piece, so that it is never in memory twice.
template <typename Put>
void WriteBody(const QuantizedModel& model, Put put) {
  ByteWriter head;
  PutModelHead(model, &head);
  put(head.bytes());
  const auto put_floats = [&](const std::vector<float>& floats) {
    ByteWriter piece;
    for (const float x : floats) piece.PutFloat(x);
    put(piece.bytes());
  };
  const auto put_codes = [&](std::span<const int8_t> codes) {
    put({reinterpret_cast<const uint8_t*>(codes.data()), codes.size()});
  };
  for (const QuantizedTensor& tensor : model.tensors) {
    put_floats(tensor.floats);
    put_codes(tensor.codes);
  }
  if (model.config.has_memory()) {
    put_floats({model.memory.step});
    put_codes(model.memory.codes);
  }
  put_floats(model.key_scales);
  put_floats(model.value_scales);
}

uint64_t MemoryNumbers(const ModelConfig& config) {
  return static_cast<uint64_t>(config.memory_rows() * config.memory_width);
}

uint64_t TensorBytes(const ParameterSpec& spec) {
  const auto size = static_cast<uint64_t>(spec.size());
  return spec.coding == Coding::kRowCodes ? static_cast<uint64_t>(spec.rows) * 4 + size : size * 4;
}

// Of tensors, memory and scales, in the flat file as in memory.
uint64_t WeightBytes(const ModelConfig& config) {
  uint64_t bytes = (KeyScaleCount(config) + ValueScaleCount(config)) * sizeof(float);
  for (const ParameterSpec& spec : ParameterTable(config)) bytes += TensorBytes(spec);
  if (config.has_memory()) bytes += sizeof(float) + MemoryNumbers(config);
  return bytes;
}

// The checked outside of a block: magic, versions, length and digest.
struct Unwrapped {
  uint32_t contract;
  std::span<const uint8_t> body;
};
Unwrapped Unwrap(std::span<const uint8_t> bytes, const std::string& name) {
  if (!IsModelFile(bytes)) throw DamagedError(name + " is no Occam model (.occm)");
  ByteReader in(bytes, name);
  in.GetBytes(sizeof(kMagic));
  const auto format = in.Get<uint32_t>();
  const auto contract = in.Get<uint32_t>();
  const auto length = in.Get<uint64_t>();
  if (format != kFormatVersion) {
    throw DamagedError(fmt::format("{}: .occm format {} is not known here (known: {})", name,
                                   format, kFormatVersion));
  }
  if (length != bytes.size() ||
      length < kModelPrefixBytes + kLeastConfigBytes + sizeof(Sha256Digest)) {
    throw DamagedError(fmt::format("{}: the model is {} bytes long, but {} are there", name, length,
                                   bytes.size()));
  }
  const auto checked = bytes.first(bytes.size() - sizeof(Sha256Digest));
  const Sha256Digest digest = Sha256Of(checked);
  if (!std::equal(digest.begin(), digest.end(), bytes.end() - sizeof(Sha256Digest))) {
    throw DamagedError(name + ": the model's digest does not match: it is damaged");
  }
  return {contract, checked.subspan(kModelPrefixBytes)};
}

}  // namespace

void CheckFloats(const ParameterSpec& spec, std::span<const float> floats,
                 const std::string& name) {
  const bool coded = spec.coding == Coding::kRowCodes;
  if (std::ranges::all_of(floats, coded ? IsScale : IsGain)) return;
  throw DamagedError(fmt::format("{}: tensor {} has a {} that the numeric contract does not allow",
                                 name, spec.name, coded ? "scale" : "value"));
}

void CheckTensor(const ParameterSpec& spec, const QuantizedTensor& tensor,
                 const std::string& name) {
  const auto fail = [&](const char* what) {
    throw DamagedError(fmt::format("{}: tensor {} {}", name, spec.name, what));
  };
  const bool coded = spec.coding == Coding::kRowCodes;
  const auto size = static_cast<size_t>(spec.size());
  if (tensor.codes.size() != (coded ? size : 0) ||
      tensor.floats.size() != (coded ? static_cast<size_t>(spec.rows) : size)) {
    fail("has the wrong shape");
  }
  for (const int8_t code : tensor.codes) {
    if (code < -spec.most_code || code > spec.most_code)
      fail(spec.most_code == kMaxWeightCode ? "has a code beyond 63" : "has a code beyond 127");
  }
  CheckFloats(spec, tensor.floats, name);
}

void CheckModel(const QuantizedModel& model, const std::string& name) {
  CheckConfig(model.config, ErrorKind::kDamaged);
  const auto table = ParameterTable(model.config);
  if (model.tensors.size() != table.size()) {
    throw DamagedError(
        fmt::format("{}: {} tensors, where {} belong", name, model.tensors.size(), table.size()));
  }
  for (size_t i = 0; i < table.size(); ++i) CheckTensor(table[i], model.tensors[i], name);
  CheckMemory(model, name);
  CheckCacheScales(model, name);
  if (model.tokenizer.size() > kMaxTokenizerBytes) {
    throw DamagedError(name + ": the tokenizer is larger than 16 MiB");
  }
}

void CheckMemory(const QuantizedModel& model, const std::string& name) {
  const QuantizedMemory& memory = model.memory;
  if (memory.codes.size() != MemoryNumbers(model.config))
    throw DamagedError(name + ": the memory has the wrong shape");
  const bool right = model.config.has_memory() ? IsMemoryStep(memory.step) : IsZero(memory.step);
  if (!right) throw DamagedError(name + ": the memory's step is not allowed");
  if (std::ranges::any_of(memory.codes, [](int8_t code) {
        return code < -kMaxWeightCode || code > kMaxWeightCode;
      }))
    throw DamagedError(name + ": the memory has a code beyond 63");
}

void CheckCacheScales(const QuantizedModel& model, const std::string& name) {
  if (model.key_scales.size() != KeyScaleCount(model.config) ||
      model.value_scales.size() != ValueScaleCount(model.config)) {
    throw DamagedError(name + ": the wrong number of key and value scales");
  }
  if (!std::all_of(model.key_scales.begin(), model.key_scales.end(), IsCacheScale) ||
      !std::all_of(model.value_scales.begin(), model.value_scales.end(), IsCacheScale)) {
    throw DamagedError(name + ": a key or value scale that the numeric contract does not allow");
  }
}

void PutModelHead(const QuantizedModel& model, ByteWriter* out) {
  PutConfig(model.config, out);
  out->Put(static_cast<uint32_t>(model.tokenizer.size()));
  out->PutBytes(model.tokenizer);
}

void GetModelHead(uint32_t contract, ByteReader* in, QuantizedModel* model) {
  if (contract != kContractVersion && contract != kMemoryContract) {
    throw DamagedError(fmt::format("{}: numeric contract {} is not known here (known: {} and {})",
                                   in->name(), contract, kContractVersion, kMemoryContract));
  }
  model->config = GetConfig(static_cast<int>(contract), in);
  const auto tokenizer_bytes = in->Get<uint32_t>();
  if (tokenizer_bytes > kMaxTokenizerBytes) {
    throw DamagedError(in->name() + ": the tokenizer is larger than 16 MiB");
  }
  const auto tokenizer = in->GetBytes(tokenizer_bytes);
  model->tokenizer.assign(tokenizer.begin(), tokenizer.end());
}

uint64_t ModelBytes(const ModelConfig& config, uint64_t tokenizer_bytes) {
  constexpr uint64_t kOfTensor = sizeof(QuantizedTensor) + 64;  // and what an allocation takes
  const uint64_t of_layer = !config.llama ? 10 : config.llama->fine ? 21 : 14;
  const auto tensors = static_cast<uint64_t>(config.layers) * of_layer + 6 + kSignalRules;
  return WeightBytes(config) + tokenizer_bytes + tensors * kOfTensor;
}

uint64_t CodeBytes(const ModelConfig& config) {
  uint64_t bytes = 0;
  for (const ParameterSpec& spec : ParameterTable(config))
    bytes += spec.coding == Coding::kRowCodes ? static_cast<uint64_t>(spec.size()) : 0;
  return bytes;
}

Bytes SerialiseModel(const QuantizedModel& model) {
  ByteWriter head;
  PutModelHead(model, &head);
  const uint64_t length =
      kModelPrefixBytes + head.bytes().size() + WeightBytes(model.config) + sizeof(Sha256Digest);
  ByteWriter out;
  out.Reserve(length);
  for (const uint8_t letter : kMagic) out.Put(letter);
  out.Put(kFormatVersion);
  out.Put(static_cast<uint32_t>(ContractOf(model.config)));
  out.Put(length);
  WriteBody(model, [&](std::span<const uint8_t> bytes) { out.PutBytes(bytes); });
  out.PutBytes(Sha256Of(out.bytes()));
  return out.Take();
}

namespace {

QuantizedModel Parse(std::span<const uint8_t> bytes, const std::string& name,
                     const ReadLimits& limits, bool views) {
  const Unwrapped block = Unwrap(bytes, name);
  ByteReader in(block.body, name);
  QuantizedModel model;
  GetModelHead(block.contract, &in, &model);
  // The shapes follow from the configuration, at most 2^38 bytes; they must be there before
  // anything is allocated for them.
  const uint64_t expected = WeightBytes(model.config);
  if (expected != in.remaining()) {
    throw DamagedError(
        fmt::format("{}: {} bytes of tensors, where {} belong", name, in.remaining(), expected));
  }
  const uint64_t size = ModelBytes(model.config, model.tokenizer.size());
  RequireMemory(views ? size - CodeBytes(model.config) : bytes.size() + size, limits.memory_bytes,
                name);
  for (const ParameterSpec& spec : ParameterTable(model.config)) {
    limits.KeepOn();
    QuantizedTensor& tensor = model.tensors.emplace_back();
    const bool coded = spec.coding == Coding::kRowCodes;
    tensor.floats = GetFloats(static_cast<uint64_t>(coded ? spec.rows : spec.size()), &in);
    if (coded) {
      const auto codes = GetCodes(static_cast<uint64_t>(spec.size()), &in);
      tensor.codes = views ? CodeArray::ViewOf(codes) : CodeArray(CopyOf(codes));
    }
    CheckTensor(spec, tensor, name);
  }
  if (model.config.has_memory()) {
    model.memory.step = in.GetFloat();
    model.memory.codes = CopyOf(GetCodes(MemoryNumbers(model.config), &in));
    CheckMemory(model, name);
  }
  model.key_scales = GetFloats(KeyScaleCount(model.config), &in);
  model.value_scales = GetFloats(ValueScaleCount(model.config), &in);
  CheckCacheScales(model, name);
  return model;
}

}  // namespace

QuantizedModel ParseModel(std::span<const uint8_t> bytes, const std::string& name,
                          const ReadLimits& limits) {
  return Parse(bytes, name, limits, /*views=*/false);
}

QuantizedModel ViewModel(std::span<const uint8_t> bytes, const std::string& name,
                         const ReadLimits& limits) {
  return Parse(bytes, name, limits, /*views=*/true);
}

bool IsModelFile(std::span<const uint8_t> first_bytes) {
  return first_bytes.size() >= sizeof(kMagic) &&
         std::equal(std::begin(kMagic), std::end(kMagic), first_bytes.begin());
}

Sha256Digest ModelId(const QuantizedModel& model) {
  ByteWriter contract;
  contract.Put(static_cast<uint32_t>(ContractOf(model.config)));
  Sha256 canonical;
  canonical.Update({reinterpret_cast<const uint8_t*>(kIdPrefix.data()), kIdPrefix.size()});
  canonical.Update(contract.bytes());
  WriteBody(model, [&](std::span<const uint8_t> bytes) { canonical.Update(bytes); });
  return canonical.Finish();
}

}  // namespace occam
