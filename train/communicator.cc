#include "train/communicator.h"

#include <algorithm>
#include <cstdlib>

#include "data/base/processors.h"

namespace occam {
namespace {

class OneProcess final : public Communicator {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  int processors() const override { return ProcessorCount(); }
  double OfFirst(double value) override { return value; }
  bool Any(bool value) override { return value; }
  bool AllEqual(uint64_t) override { return true; }
  void Unite(std::span<double>) override {}
  void TakeMaxima(std::span<float>) override {}
  void SumInOrder(std::span<float> total, const AddTerms& add) override {
    std::ranges::fill(total, 0.0f);
    add(0, total);
  }
  void PassOn(std::vector<uint8_t>* message, const ExtendFn& extend) override {
    message->clear();
    extend(message);
  }
  void Abort(int exit_code) override { std::_Exit(exit_code); }
};

}  // namespace

std::unique_ptr<Communicator> SingleProcess() { return std::make_unique<OneProcess>(); }

Share ShareOf(int64_t items, const Communicator& communicator) {
  const int64_t ranks = communicator.size();
  const int64_t rank = communicator.rank();
  return {items * rank / ranks, items * (rank + 1) / ranks};
}

}  // namespace occam
