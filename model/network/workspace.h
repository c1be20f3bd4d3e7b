// The place where the training passes are computed: a team of threads, the products of linear
// layers, and room for each thread. Work on a sequence is cut into items that do not depend on the
// number of threads, so that neither does a result.
#ifndef OCCAM_MODEL_NETWORK_WORKSPACE_H_
#define OCCAM_MODEL_NETWORK_WORKSPACE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "data/base/stop.h"
#include "data/base/thread_team.h"
#include "model/config.h"
#include "model/network/attention.h"
#include "model/network/matmul.h"
#include "model/network/mix.h"
#include "model/network/tensor.h"

namespace occam {

// Some rows of [sequences * length, ...]: positions of one sequence.
struct RowBlock {
  int64_t number;  // of all blocks
  int64_t sequence;
  Positions positions;  // in the sequence
  int64_t first;        // row
  int64_t rows() const { return positions.count(); }
  template <typename View>
  auto Of(View&& x) const {
    return x.Rows(first, rows());
  }
};

// dw [O, I] = dy [N, O]^T x [N, I].
struct WeightGradient {
  ConstOperandView dy, x;
  TensorView dw;
};

class Workspace {
 public:
  static constexpr int64_t kBlockRows = 128;

  // Memory that a thread needs for a block of rows.
  struct ThreadScratch {
    ThreadScratch(const ModelConfig& c, Precision precision);
    int thread = 0;
    Tensor wide;              // [kBlockRows, MLP width]
    OperandTensor activated;  // [kBlockRows, MLP width]
    MixScratch mix;
    AttentionScratch attention;
  };

  // `team` must outlive it. Throws as LinearLayers.
  Workspace(const ModelConfig& config, Precision precision, ThreadTeam* team);

  ThreadTeam* team() { return team_; }
  LinearLayers& linear() { return linear_; }
  Precision precision() const { return precision_; }

  // Leaves out work from here on, once `stop` says so: what is computed then is no result. It is
  // not called while a pass is at work.
  void StopWith(StopFn stop);
  // Ends that.
  void Go() { StopWith({}); }

  static int64_t Blocks(int sequences, int length) {
    return sequences * ((length + kBlockRows - 1) / kBlockRows);
  }

  // job(const RowBlock&, ThreadScratch&) for all rows, and beside it the weights' gradients.
  template <typename Job>
  void ForEachBlock(int sequences, int length, std::span<const WeightGradient> gradients,
                    Job&& job) {
    const int pieces = Pieces(gradients);
    team_->Run(pieces + static_cast<int>(Blocks(sequences, length)), [&](int item, int thread) {
      if (Stopped(stop_)) return;
      if (item < pieces) return Compute(gradients, item, thread);
      job(Block(item - pieces, length), scratch_[static_cast<size_t>(thread)]);
    });
  }

  // job(item, ThreadScratch&) for items [0, count), and beside it the weights' gradients.
  template <typename Job>
  void ForEach(int count, std::span<const WeightGradient> gradients, Job&& job) {
    team_->Run(count + Pieces(gradients), [&](int item, int thread) {
      if (Stopped(stop_)) return;
      if (item >= count) return Compute(gradients, item - count, thread);
      job(item, scratch_[static_cast<size_t>(thread)]);
    });
  }

 private:
  static RowBlock Block(int64_t number, int length);
  static int Pieces(std::span<const WeightGradient> gradients);
  void Compute(std::span<const WeightGradient> gradients, int piece, int thread);

  ThreadTeam* team_;
  Precision precision_;
  LinearLayers linear_;
  std::vector<ThreadScratch> scratch_;  // of each thread
  StopFn stop_;
};

}  // namespace occam

#endif  // OCCAM_MODEL_NETWORK_WORKSPACE_H_
