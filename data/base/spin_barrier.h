// The place where threads that work side by side for microseconds wait for each other.
#ifndef OCCAM_DATA_BASE_SPIN_BARRIER_H_
#define OCCAM_DATA_BASE_SPIN_BARRIER_H_

#include <atomic>
#include <thread>

namespace occam {

// A barrier for a number of threads that all come, again and again. Whoever comes early looks on
// without sleeping, which is right for waits that are shorter than waking up takes. Whoever has
// waited long offers its processor to others, and at once where threads outnumber processors.
class SpinBarrier {
 public:
  explicit SpinBarrier(int threads, bool crowded = false)
      : threads_(threads), patience_(crowded ? 0 : 2000) {}

  // Returns once all have called it. What each did before is then seen by all.
  void Wait() {
    const int round = round_.load(std::memory_order_relaxed);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == threads_) {
      arrived_.store(0, std::memory_order_relaxed);
      round_.store(round + 1, std::memory_order_release);
      return;
    }
    for (int looks = 0; round_.load(std::memory_order_acquire) == round; ++looks) {
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
      if (looks >= patience_) std::this_thread::yield();
    }
  }

 private:
  const int threads_;
  const int patience_;  // looks; the usual ones take some tens of microseconds
  alignas(64) std::atomic<int> arrived_ = 0;
  alignas(64) std::atomic<int> round_ = 0;
};

}  // namespace occam

#endif  // OCCAM_DATA_BASE_SPIN_BARRIER_H_
