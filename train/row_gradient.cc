#include "train/row_gradient.h"

#include <algorithm>
#include <cstring>

#include "data/base/error.h"

namespace occam {
namespace {

// Rows that are on their way from memory while one is added, and places of rows, which come first.
constexpr size_t kRowsAhead = 8, kPlacesAhead = 16;

template <typename T>
void PutValues(const std::vector<T>& values, std::vector<uint8_t>* message) {
  const auto* const bytes = reinterpret_cast<const uint8_t*>(values.data());
  message->insert(message->end(), bytes, bytes + values.size() * sizeof(T));
}

// Takes values.size() of them from the front.
template <typename T>
void GetValues(std::span<const uint8_t>* message, std::span<T> values) {
  const size_t bytes = values.size() * sizeof(T);
  if (message->size() < bytes) throw InternalError("a rank sent too few rows");
  std::memcpy(values.data(), message->data(), bytes);
  *message = message->subspan(bytes);
}

}  // namespace

RowGradient::RowGradient(const ModelConfig& config) : width_(config.memory_width) {
  int64_t first_row = 0;
  for (const RowRule& rule : config.memory_rules) {
    Table& table = tables_.emplace_back();
    table.first_row = static_cast<int32_t>(first_row);
    table.places.assign(static_cast<size_t>(rule.rows()), -1);
    first_row += rule.rows();
  }
}

void RowGradient::Clear(int64_t positions) {
  for (Table& table : tables_) {
    for (const int32_t row : table.rows) table.places[static_cast<size_t>(row)] = -1;
    table.rows.clear();
    table.sums.clear();
    const size_t most = std::min(table.places.size(), static_cast<size_t>(positions));
    table.rows.reserve(most);
    table.sums.reserve(most * static_cast<size_t>(width_));
  }
}

int32_t RowGradient::PlaceOf(int32_t row, Table* table) const {
  int32_t& place = table->places[static_cast<size_t>(row)];
  if (place < 0) {
    place = static_cast<int32_t>(table->rows.size());
    table->rows.push_back(row);
    table->sums.resize(table->rows.size() * static_cast<size_t>(width_));
  }
  return place;
}

void RowGradient::AddTo(size_t rule, const RecalledRows& shard) {
  Table& table = tables_[rule];
  const float* gradient = shard.gradients.data() + static_cast<int64_t>(rule) * width_;
  const auto place_of_later = [&](size_t i) -> const int32_t* {
    if (i >= shard.rows.size()) return nullptr;
    return &table.places[static_cast<size_t>(shard.rows[i] - table.first_row)];
  };
  for (size_t i = rule; i < shard.rows.size();
       i += tables_.size(), gradient += static_cast<int64_t>(tables_.size()) * width_) {
    __builtin_prefetch(place_of_later(i + kPlacesAhead * tables_.size()));
    const int32_t* const later = place_of_later(i + kRowsAhead * tables_.size());
    if (later != nullptr && *later >= 0) __builtin_prefetch(table.sums.data() + *later * width_);
    const int32_t place = PlaceOf(shard.rows[i] - table.first_row, &table);
    float* const sum = table.sums.data() + place * width_;
    for (int64_t k = 0; k < width_; ++k) sum[k] += gradient[k];
  }
}

void RowGradient::Add(std::span<const RecalledRows> shards, ThreadTeam* team) {
  team->Run(static_cast<int>(tables_.size()), [&](int rule, int) {
    for (const RecalledRows& shard : shards) AddTo(static_cast<size_t>(rule), shard);
  });
}

void RowGradient::SumInOrder(std::span<const RecalledRows> shards, ThreadTeam* team,
                             Communicator* ranks) {
  ranks->PassOn(&message_, [&](std::vector<uint8_t>* message) {
    Unpack(*message);
    Add(shards, team);
    Pack(message);
  });
  Unpack(message_);
}

// Of each table the number of rows, then the rows and their sums, as they lie in memory: ranks are
// of one kind of machine.
void RowGradient::Pack(std::vector<uint8_t>* message) const {
  message->clear();
  for (const Table& table : tables_) {
    const std::vector<uint64_t> count = {table.rows.size()};
    PutValues(count, message);
    PutValues(table.rows, message);
    PutValues(table.sums, message);
  }
}

// In place of what is there; an empty message has no rows.
void RowGradient::Unpack(std::span<const uint8_t> message) {
  Clear(0);
  if (message.empty()) return;
  for (Table& table : tables_) {
    uint64_t count = 0;
    GetValues(&message, std::span(&count, 1));
    if (count > table.places.size()) throw InternalError("a rank sent too many rows");
    table.rows.resize(count);
    table.sums.resize(count * static_cast<size_t>(width_));
    GetValues(&message, std::span(table.rows));
    GetValues(&message, std::span(table.sums));
    for (size_t place = 0; place < count; ++place)
      table.places[static_cast<size_t>(table.rows[place])] = static_cast<int32_t>(place);
  }
}

}  // namespace occam
