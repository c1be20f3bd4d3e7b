#include "train/communicator.h"

#include <cstdlib>
#include <vector>

#include "data/base/processors.h"
#include "tests/catch.h"
#include "train/launcher.h"

// What several ranks do together is tested by tests/tools/ranks_test.sh.
namespace occam {
namespace {

// One of several ranks that never speak to each other.
class Lonely final : public Communicator {
 public:
  Lonely(int rank, int size) : rank_(rank), size_(size) {}
  int rank() const override { return rank_; }
  int size() const override { return size_; }
  int processors() const override { return 1; }
  double OfFirst(double value) override { return value; }
  bool Any(bool value) override { return value; }
  bool AllEqual(uint64_t) override { return true; }
  void Unite(std::span<double>) override {}
  void TakeMaxima(std::span<float>) override {}
  void SumInOrder(std::span<float>, const AddTerms&) override {}
  void PassOn(std::vector<uint8_t>*, const ExtendFn&) override {}
  void Abort(int) override {}

 private:
  int rank_;
  int size_;
};

TEST_CASE("Ranks: shares follow each other, leave nothing out and differ by one at most") {
  for (const int64_t items : {0, 1, 7, 8, 1000}) {
    for (int size = 1; size <= 9; ++size) {
      int64_t next = 0;
      for (int rank = 0; rank < size; ++rank) {
        const Share share = ShareOf(items, Lonely(rank, size));
        CHECK(share.begin == next);
        CHECK(share.size() >= items / size);
        CHECK(share.size() <= (items + size - 1) / size);
        next = share.end;
      }
      CHECK(next == items);
    }
  }
}

TEST_CASE("Ranks: the only one adds its terms to zeros and agrees with itself") {
  const auto alone = SingleProcess();
  CHECK(alone->rank() == 0);
  CHECK(alone->size() == 1);
  CHECK(alone->processors() == ProcessorCount());
  CHECK(alone->OfFirst(2.5) == 2.5);
  CHECK(alone->Any(true));
  CHECK_FALSE(alone->Any(false));
  CHECK(alone->AllEqual(7));
  std::vector<float> total{1, 2, 3};
  alone->SumInOrder(total, [](size_t first, std::span<float> part) {
    for (size_t i = 0; i < part.size(); ++i) part[i] += static_cast<float>(first + i);
  });
  CHECK(total == std::vector<float>{0, 1, 2});
}

TEST_CASE("Ranks: what launchers say of the number of processes is heard") {
  const char* const kNames[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS",
                                "PMIX_RANK", "PMI_RANK"};
  for (const char* name : kNames) ::unsetenv(name);
  CHECK(LaunchedProcesses() == 1);
  CHECK_FALSE(HasLauncher());
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"}) {
    ::setenv(name, "3", 1);
    CHECK(LaunchedProcesses() == 3);
    ::unsetenv(name);
  }
  ::setenv("PMIX_RANK", "0", 1);
  CHECK(HasLauncher());
  ::unsetenv("PMIX_RANK");
}

}  // namespace
}  // namespace occam
