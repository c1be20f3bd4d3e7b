#include "data/training_source.h"

#include "data/base/digest.h"
#include "data/base/format.h"
#include "data/mixture.h"

namespace occam {

bool IsMixture(std::span<const TrainingSource> sources) {
  return !sources.empty() && !sources[0].name.empty();
}

void SetShares(std::vector<TrainingSource>* sources) {
  std::vector<double> shares;
  for (const TrainingSource& source : *sources) shares.push_back(source.share);
  const std::vector<int64_t> quotas = MixtureQuotas(shares);
  for (size_t i = 0; i < quotas.size(); ++i) {
    (*sources)[i].share = static_cast<double>(quotas[i]) / static_cast<double>(kMixtureCycle);
  }
}

std::vector<TrainingSource> WithoutTokens(std::span<const TrainingSource> sources) {
  std::vector<TrainingSource> records;
  for (const TrainingSource& s : sources) {
    records.push_back({s.name, s.data_name, s.share, s.record_bytes, s.kind, s.train, s.validation,
                       s.train_sha256});
  }
  return records;
}

std::string DataName(std::span<const TrainingSource> sources) {
  if (!IsMixture(sources)) return sources.empty() ? "" : sources[0].data_name;
  std::string names;
  for (const TrainingSource& s : sources) {
    names += fmt::format("{}{}={}:{}", names.empty() ? "" : " ", s.name, s.data_name, s.share);
  }
  return names;
}

std::string DataDigest(std::span<const TrainingSource> sources) {
  if (!IsMixture(sources)) return sources.empty() ? "" : sources[0].train_sha256;
  std::string text;
  for (const TrainingSource& s : sources) {
    text += fmt::format("{} {} {} {}\n", s.name, s.share, s.record_bytes, s.train_sha256);
  }
  return Hex(Sha256Of({reinterpret_cast<const uint8_t*>(text.data()), text.size()}));
}

}  // namespace occam
