#include "data/base/spin_barrier.h"

#include <atomic>
#include <thread>
#include <vector>

#include "tests/catch.h"

namespace occam {

TEST_CASE("Spin barrier: nobody goes on before all have come, round after round") {
  constexpr int kThreads = 4;
  constexpr int kRounds = 500;
  const bool crowded = GENERATE(false, true);
  SpinBarrier barrier(kThreads, crowded);
  std::vector<int> rounds(kThreads, 0);  // no atomics: the barrier orders these
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int round = 1; round <= kRounds; ++round) {
        rounds[static_cast<size_t>(t)] = round;
        barrier.Wait();
        for (const int other : rounds) wrong += other == round ? 0 : 1;
        barrier.Wait();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  SpinBarrier(1).Wait();  // alone
}

}  // namespace occam
