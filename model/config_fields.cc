#include "model/config_fields.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "data/base/error.h"
#include "data/base/format.h"
#include "model/quantized_model.h"

namespace occam {
namespace {

// Id of each field (docs/spec/memory.md, section 1).
enum FieldId : uint32_t {
  kVocabulary = 1,
  kWidth,
  kLayers,
  kHeads,
  kKvHeads,
  kMlpFactor,
  kConvWidth,
  kContext,
  kWindows,
  kMemoryRules = 16,
  kMemoryWidthField,
  kMemoryGateField,
  kSignalRulesField = 32,
  kRecordWidth,
  kRecordHeight,
  kResidual,
  kKinds,
  kQualities,
  kShapeKind = 64,
  kHeadSize,
  kMlpWidth,
  kBeginToken,
  kEscape,
  kTiedHead,
  kEpsilon,
  kRotarySteps,
  kFine,
};
constexpr size_t kRuleBytes = 4;
constexpr uint32_t kMaxFields = 1024;

// visit(id, number) for the numbers that contract 3 has, in its order.
template <typename Config, typename Visit>
void ForEachNumber(Config& c, const Visit& visit) {
  visit(kVocabulary, c.vocabulary);
  visit(kWidth, c.width);
  visit(kLayers, c.layers);
  visit(kHeads, c.heads);
  visit(kKvHeads, c.kv_heads);
  visit(kMlpFactor, c.mlp_factor);
  visit(kConvWidth, c.conv_width);
  visit(kContext, c.context);
}

std::vector<int32_t> GetNumbers(ByteReader* in) {
  std::vector<int32_t> numbers;
  while (in->remaining() > 0) numbers.push_back(static_cast<int32_t>(in->Get<uint32_t>()));
  return numbers;
}

ModelConfig GetPlainConfig(ByteReader* in) {
  ModelConfig c;
  ForEachNumber(
      c, [&](uint32_t, int32_t& number) { number = static_cast<int32_t>(in->Get<uint32_t>()); });
  if (c.layers < 0 || static_cast<uint64_t>(c.layers) * 4 > in->remaining())
    throw DamagedError(in->name() + ": the number of layers is wrong");
  ByteReader windows(in->GetBytes(static_cast<uint64_t>(c.layers) * 4), in->name());
  c.windows = GetNumbers(&windows);
  CheckConfig(c, ErrorKind::kDamaged);
  return c;
}

void PutField(uint32_t id, ByteWriter value, ByteWriter* out) {
  out->Put(id);
  out->Put(static_cast<uint32_t>(value.bytes().size()));
  out->PutBytes(value.bytes());
}

void PutNumber(uint32_t id, int32_t number, ByteWriter* out) {
  ByteWriter value;
  value.Put(static_cast<uint32_t>(number));
  PutField(id, std::move(value), out);
}

// The fields beyond contract 3 that do not have their defaults.
std::vector<FieldId> MoreFields(const ModelConfig& c) {
  std::vector<FieldId> ids;
  if (c.has_memory()) ids.push_back(kMemoryRules);
  if (c.memory_width != kMemoryWidth) ids.push_back(kMemoryWidthField);
  if (c.has_gate()) ids.push_back(kMemoryGateField);
  if (!c.signal_rules.empty()) ids.push_back(kSignalRulesField);
  if (c.record_width != 0) ids.push_back(kRecordWidth);
  if (c.record_height != 0) ids.push_back(kRecordHeight);
  if (c.residual) ids.push_back(kResidual);
  if (!c.kinds.empty()) ids.push_back(kKinds);
  if (c.has_lattice()) ids.push_back(kQualities);
  if (c.llama) {
    ids.insert(ids.end(), {kShapeKind, kHeadSize, kMlpWidth, kBeginToken});
    if (c.llama->escapes > 0) ids.push_back(kEscape);
    if (c.llama->tied_head) ids.push_back(kTiedHead);
    ids.push_back(kEpsilon);
    if (c.llama->turns()) ids.push_back(kRotarySteps);
    if (c.llama->fine) ids.push_back(kFine);
  }
  return ids;
}

void PutLlamaField(FieldId id, const LlamaShape& shape, ByteWriter* out) {
  ByteWriter value;
  if (id == kShapeKind) value.Put(static_cast<uint32_t>(shape.kind));
  if (id == kHeadSize) value.Put(static_cast<uint32_t>(shape.head_size));
  if (id == kMlpWidth) value.Put(static_cast<uint32_t>(shape.mlp_width));
  if (id == kBeginToken) value.Put(static_cast<uint32_t>(shape.begin_token));
  if (id == kEscape) {
    value.Put(static_cast<uint32_t>(shape.escape_token));
    value.Put(static_cast<uint32_t>(shape.escapes));
  }
  if (id == kTiedHead || id == kFine) value.Put(uint32_t{1});
  if (id == kEpsilon) value.PutFloat(shape.epsilon);
  if (id == kRotarySteps) {
    for (const uint32_t step : shape.rotary_steps) value.Put(step);
  }
  PutField(id, std::move(value), out);
}

// Whether the field is one of a network of Llama's shape; then it is taken.
bool GetLlamaField(uint32_t id, ByteReader* value, ModelConfig* c) {
  if (id < kShapeKind || id > kFine) return false;
  if (!c->llama) c->llama.emplace();
  LlamaShape& shape = *c->llama;
  const auto number = [&] { return static_cast<int32_t>(value->Get<uint32_t>()); };
  if (id == kShapeKind) {
    const auto kind = value->Get<uint32_t>();
    if (kind < 1 || kind > kImportedShapes) {
      throw DamagedError(
          fmt::format("{}: networks of shape {} are not known here: it needs a newer Occam",
                      value->name(), kind));
    }
    shape.kind = static_cast<ImportedShape>(kind);
  } else if (id == kHeadSize) {
    shape.head_size = number();
  } else if (id == kMlpWidth) {
    shape.mlp_width = number();
  } else if (id == kBeginToken) {
    shape.begin_token = number();
  } else if (id == kEscape) {
    shape.escape_token = number();
    shape.escapes = number();
  } else if (id == kTiedHead) {
    shape.tied_head = number() == 1;
  } else if (id == kEpsilon) {
    shape.epsilon = value->GetFloat();
  } else if (id == kFine) {
    shape.fine = number() == 1;
  } else {
    for (const int32_t step : GetNumbers(value))
      shape.rotary_steps.push_back(static_cast<uint32_t>(step));
  }
  return true;
}

void PutMoreField(FieldId id, const ModelConfig& c, ByteWriter* out) {
  if (id >= kShapeKind) return PutLlamaField(id, *c.llama, out);
  if (id == kMemoryWidthField) return PutNumber(id, c.memory_width, out);
  if (id == kMemoryGateField) return PutNumber(id, c.memory_gate, out);
  if (id == kRecordWidth) return PutNumber(id, c.record_width, out);
  if (id == kRecordHeight) return PutNumber(id, c.record_height, out);
  if (id == kResidual) return PutNumber(id, 1, out);
  ByteWriter rules;
  if (id == kSignalRulesField) {
    for (const SignalRule rule : c.signal_rules) rules.Put(static_cast<uint32_t>(rule));
    return PutField(id, std::move(rules), out);
  }
  if (id == kKinds) {
    for (const uint8_t has_signals : c.kinds) rules.Put(uint32_t{has_signals});
    return PutField(id, std::move(rules), out);
  }
  if (id == kQualities) {
    for (const int32_t quality : c.lattice_qualities) rules.Put(static_cast<uint32_t>(quality));
    return PutField(id, std::move(rules), out);
  }
  for (const RowRule& rule : c.memory_rules) {
    for (const uint8_t byte : {static_cast<uint8_t>(rule.kind), rule.count, rule.bits, uint8_t{0}})
      rules.Put(byte);
  }
  PutField(id, std::move(rules), out);
}

std::vector<RowRule> GetRules(ByteReader* in) {
  std::vector<RowRule> rules;
  while (in->remaining() >= kRuleBytes) {
    const auto kind = static_cast<RuleKind>(in->Get<uint8_t>());
    const auto count = in->Get<uint8_t>(), bits = in->Get<uint8_t>();
    if (in->Get<uint8_t>() != 0) throw DamagedError(in->name() + ": a rule of the memory is wrong");
    rules.push_back({kind, count, bits});
  }
  return rules;
}

std::vector<SignalRule> GetSignalRules(ByteReader* in) {
  std::vector<SignalRule> rules;
  while (in->remaining() > 0) {
    const auto number = in->Get<uint32_t>();
    if (number < 1 || number > kSignalRules) {
      throw DamagedError(fmt::format(
          "{}: rule {} of signals is not known here: it needs a newer Occam", in->name(), number));
    }
    rules.push_back(static_cast<SignalRule>(number));
  }
  return rules;
}

void GetField(uint32_t id, ByteReader* value, ModelConfig* c) {
  if (id == kWindows) {
    c->windows = GetNumbers(value);
  } else if (id == kMemoryRules) {
    c->memory_rules = GetRules(value);
  } else if (id == kSignalRulesField) {
    c->signal_rules = GetSignalRules(value);
  } else if (id == kKinds) {
    for (const int32_t number : GetNumbers(value))
      c->kinds.push_back(static_cast<uint8_t>(std::clamp(number, 0, kMaxKinds)));
  } else if (id == kQualities) {
    c->lattice_qualities = GetNumbers(value);
  } else if (id == kResidual) {
    c->residual = value->Get<uint32_t>() == 1;
  } else if (!GetLlamaField(id, value, c)) {
    int32_t* field = id == kMemoryWidthField  ? &c->memory_width
                     : id == kMemoryGateField ? &c->memory_gate
                     : id == kRecordWidth     ? &c->record_width
                     : id == kRecordHeight    ? &c->record_height
                                              : nullptr;
    ForEachNumber(*c, [&](uint32_t known, int32_t& number) {
      if (known == id) field = &number;
    });
    if (field == nullptr) {
      throw DamagedError(fmt::format(
          "{}: field {} of the model's configuration is not known here: it needs a newer Occam",
          value->name(), id));
    }
    *field = static_cast<int32_t>(value->Get<uint32_t>());
  }
  if (value->remaining() != 0) {
    throw DamagedError(
        fmt::format("{}: field {} of the model's configuration is too long", value->name(), id));
  }
}

}  // namespace

int ContractOf(const ModelConfig& config) {
  return MoreFields(config).empty() ? kContractVersion : kMemoryContract;
}

void PutConfigFields(const ModelConfig& config, ByteWriter* out) {
  const std::vector<FieldId> more = MoreFields(config);
  out->Put(static_cast<uint32_t>(kWindows + more.size()));
  ForEachNumber(config, [&](uint32_t id, int32_t number) { PutNumber(id, number, out); });
  ByteWriter windows;
  for (const int32_t window : config.windows) windows.Put(static_cast<uint32_t>(window));
  PutField(kWindows, std::move(windows), out);
  for (const FieldId id : more) PutMoreField(id, config, out);
}

// Fields must come as PutConfigFields writes them, so that a configuration has one form.
ModelConfig GetConfigFields(ByteReader* in) {
  const size_t begin = in->position();
  ByteReader again = *in;
  const auto count = in->Get<uint32_t>();
  if (count > kMaxFields) throw DamagedError(in->name() + ": the number of fields is wrong");
  ModelConfig c;
  for (uint32_t i = 0; i < count; ++i) {
    const auto id = in->Get<uint32_t>();
    const auto length = in->Get<uint32_t>();
    ByteReader value(in->GetBytes(length), in->name());
    GetField(id, &value, &c);
  }
  CheckConfig(c, ErrorKind::kDamaged);
  ByteWriter canonical;
  PutConfigFields(c, &canonical);
  const auto written = again.GetBytes(in->position() - begin);
  if (!std::ranges::equal(written, canonical.bytes()))
    throw DamagedError(in->name() + ": the fields of the configuration are not in their form");
  return c;
}

void PutConfig(const ModelConfig& config, ByteWriter* out) {
  if (ContractOf(config) == kMemoryContract) return PutConfigFields(config, out);
  ForEachNumber(config, [&](uint32_t, int32_t number) { out->Put(static_cast<uint32_t>(number)); });
  for (const int32_t window : config.windows) out->Put(static_cast<uint32_t>(window));
}

ModelConfig GetConfig(int contract, ByteReader* in) {
  if (contract == kContractVersion) return GetPlainConfig(in);
  const ModelConfig config = GetConfigFields(in);
  if (ContractOf(config) != contract)
    throw DamagedError(in->name() + ": the configuration is of another contract than it says");
  return config;
}

}  // namespace occam
