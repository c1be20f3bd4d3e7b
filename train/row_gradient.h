// The gradient of those rows of a memory that a batch recalled. Its size and cost grow with the
// batch and not with the tables.
#ifndef OCCAM_TRAIN_ROW_GRADIENT_H_
#define OCCAM_TRAIN_ROW_GRADIENT_H_

#include <cstdint>
#include <span>
#include <vector>

#include "data/base/thread_team.h"
#include "model/config.h"
#include "model/network/memory_layer.h"
#include "train/communicator.h"

namespace occam {

// Sums over positions in their order, by one thread a table, so that they do not depend on threads.
// One call at a time.
class RowGradient {
 public:
  // Part of it that a rule's table has.
  struct Table {
    int32_t first_row = 0;        // of the table among the rows of all tables
    std::vector<int32_t> rows;    // recalled ones, in the order of their first position
    std::vector<float> sums;      // [rows, m]
    std::vector<int32_t> places;  // [rows of the table]: in `rows`, -1 where it was not recalled
  };

  // No tables without a memory.
  explicit RowGradient(const ModelConfig& config);

  // Forgets all rows, and makes room for a batch of `positions`; allocates for the first one alone.
  void Clear(int64_t positions);

  // Adds what shards of a batch recalled, in their order.
  void Add(std::span<const RecalledRows> shards, ThreadTeam* team);

  // The sum over the shards of all ranks, as one process would make it; every rank gets it. Ranks
  // send the rows that were recalled so far, and no others.
  void SumInOrder(std::span<const RecalledRows> shards, ThreadTeam* team, Communicator* ranks);

  std::span<const Table> tables() const { return tables_; }
  int64_t width() const { return width_; }

 private:
  void AddTo(size_t rule, const RecalledRows& shard);
  int32_t PlaceOf(int32_t row, Table* table) const;
  void Pack(std::vector<uint8_t>* message) const;
  void Unpack(std::span<const uint8_t> message);

  int64_t width_;  // m
  std::vector<Table> tables_;
  std::vector<uint8_t> message_;
};

}  // namespace occam

#endif  // OCCAM_TRAIN_ROW_GRADIENT_H_
