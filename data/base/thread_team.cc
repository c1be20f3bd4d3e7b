#include "data/base/thread_team.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "data/base/error.h"
#include "data/base/processors.h"

namespace occam {
namespace {

// How long a thread without work looks for some before it sleeps: about as long as it takes to
// wake up. Parts of a training step follow each other faster than that.
constexpr std::chrono::microseconds kPatience{50};

constexpr int kLooks = 64;  // between two looks at the clock, or two offers of the processor

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Returns when `found` does true, or after kPatience.
template <typename Condition>
bool Spin(Condition found) {
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  do {
    for (int i = 0; i < kLooks; ++i) {
      if (found()) return true;
      Pause();
    }
  } while (std::chrono::steady_clock::now() < give_up);
  return found();
}

// For what is done in some dozen instructions: all threads of a team come at once when a loop is
// published, and sleeping, as they would for a std::mutex, takes longer than their turns.
class ShortLock {
 public:
  void lock() {
    for (int looks = 1; held_.exchange(true, std::memory_order_acquire); ++looks) {
      for (; held_.load(std::memory_order_relaxed); ++looks) {
        Pause();
        if (looks % kLooks == 0) std::this_thread::yield();  // its holder may wait for a processor
      }
    }
  }
  void unlock() { held_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> held_ = false;
};

// One call of Run, on its caller's stack. Others touch it only while it counts them as helpers.
struct Loop {
  Loop(int items_in, ItemJob job_in, bool outer_in)
      : items(items_in), job(job_in), outer(outer_in) {}

  // Takes items until none is left. Whoever leaves none for others counts the loop out of `open`.
  void Work(int thread, std::atomic<int>* open) {
    for (int item; (item = next.fetch_add(1, std::memory_order_relaxed)) < items;) {
      if (item == items - 1) open->fetch_sub(1, std::memory_order_relaxed);
      try {
        job(item, thread);
      } catch (...) {
        Fail(item, open);
      }
    }
  }

  void Fail(int item, std::atomic<int>* open) {
    const std::lock_guard lock(failure_mutex);
    if (next.exchange(items, std::memory_order_relaxed) < items) {
      open->fetch_sub(1, std::memory_order_relaxed);
    }
    if (!failure || item < failed_item) {
      failure = std::current_exception();
      failed_item = item;
    }
  }

  const int items;
  const ItemJob job;
  const bool outer;  // called from outside of all jobs
  std::atomic<int> next = 0;
  std::atomic<int> helpers = 0;  // changes with the team's lock held
  Loop* below = nullptr;         // the next in the list of published loops
  std::mutex failure_mutex;
  int failed_item = 0;
  std::exception_ptr failure;
};

}  // namespace

struct ThreadTeam::State {
  ShortLock lock;
  std::condition_variable_any changed;
  Loop* published = nullptr;  // the newest first
  std::atomic<int> open = 0;  // published loops with items left
  std::atomic<bool> stopping = false;
  int sleepers = 0;
  bool in_job = false;               // the thread from outside is in Run
  std::vector<std::thread> threads;  // numbers 1, 2, ...; number 0 is whoever calls from outside

  int NumberOfThisThread() const {
    for (size_t i = 0; i < threads.size(); ++i) {
      if (threads[i].get_id() == std::this_thread::get_id()) return static_cast<int>(i) + 1;
    }
    return 0;
  }

  // The lock is held in all of the following.

  void Announce() {
    if (sleepers > 0) changed.notify_all();
  }
  void Publish(Loop* loop) {
    loop->below = published;
    published = loop;
    open.fetch_add(1, std::memory_order_relaxed);
    Announce();
  }
  void Withdraw(Loop* loop) {
    Loop** at = &published;
    while (*at != loop) at = &(*at)->below;
    *at = loop->below;
  }
  // The outer loop, whose items are the largest; else the one with most items left for each who
  // works at it.
  Loop* FindOpen() const {
    Loop* best = nullptr;
    double best_share = 0;
    for (Loop* loop = published; loop != nullptr; loop = loop->below) {
      const int left = loop->items - loop->next.load(std::memory_order_relaxed);
      if (left > 0 && loop->outer) return loop;
      const double share = left / (1.0 + loop->helpers.load(std::memory_order_relaxed));
      if (share <= best_share) continue;
      best = loop;
      best_share = share;
    }
    return best;
  }
  // Does some items of a published loop, if there is one.
  void Help(std::unique_lock<ShortLock>& held, int thread) {
    Loop* const loop = FindOpen();
    if (loop == nullptr) return;
    loop->helpers.fetch_add(1, std::memory_order_relaxed);
    held.unlock();
    loop->Work(thread, &open);
    held.lock();
    if (loop->helpers.fetch_sub(1, std::memory_order_release) == 1) Announce();
  }
  template <typename Condition>
  void Wait(std::unique_lock<ShortLock>& held, Condition over) {
    held.unlock();
    const bool soon = Spin(over);
    held.lock();
    if (soon) return;
    ++sleepers;
    changed.wait(held, over);
    --sleepers;
  }
  // Until all who joined the loop, now withdrawn, have left it. The thread from outside helps
  // others meanwhile; within a job it would keep those who wait for its next Run.
  void AwaitHelpers(std::unique_lock<ShortLock>& held, const Loop& loop, int thread) {
    const auto alone = [&] { return loop.helpers.load(std::memory_order_acquire) == 0; };
    const auto work = [&] { return open.load(std::memory_order_relaxed) > 0; };
    while (!alone()) {
      if (!loop.outer) {
        Wait(held, alone);
      } else {
        Wait(held, [&] { return alone() || work(); });
        if (!alone()) Help(held, thread);
      }
    }
  }

  void LiveAs(int thread) {
    std::unique_lock held(lock);
    while (!stopping) {
      Help(held, thread);
      Wait(held, [&] { return stopping || open.load(std::memory_order_relaxed) > 0; });
    }
  }

  void Run(Loop* loop, int thread) {
    std::unique_lock held(lock);
    Publish(loop);
    held.unlock();
    loop->Work(thread, &open);
    held.lock();
    Withdraw(loop);
    AwaitHelpers(held, *loop, thread);
  }

  void Stop() {
    {
      const std::lock_guard held(lock);
      stopping = true;
      Announce();
    }
    for (std::thread& thread : threads) thread.join();
  }
};

ThreadTeam::ThreadTeam(int threads) : state_(std::make_unique<State>()) {
  const int count = threads > 0 ? threads : ProcessorCount();
  State* const state = state_.get();
  try {
    // A new thread does nothing before the list of all is complete.
    const std::lock_guard held(state->lock);
    state->threads.reserve(static_cast<size_t>(count) - 1);
    for (int i = 1; i < count; ++i) {
      state->threads.emplace_back([state, i] { state->LiveAs(i); });
    }
  } catch (const std::system_error& error) {
    state->Stop();
    throw IoError("cannot start " + std::to_string(count) + " threads: " + error.what());
  } catch (...) {  // out of memory
    state->Stop();
    throw;
  }
}

ThreadTeam::~ThreadTeam() { state_->Stop(); }

int ThreadTeam::size() const { return static_cast<int>(state_->threads.size()) + 1; }

void ThreadTeam::Run(int items, ItemJob job) {
  if (items <= 0) return;
  State& state = *state_;
  const int thread = state.NumberOfThisThread();
  const bool outer = thread == 0 && !state.in_job;
  Loop loop(items, job, outer);
  if (outer) state.in_job = true;
  if (state.threads.empty() || items == 1) {
    std::atomic<int> nobody = 1;
    loop.Work(thread, &nobody);
  } else {
    state.Run(&loop, thread);
  }
  if (outer) state.in_job = false;
  if (loop.failure) std::rethrow_exception(loop.failure);
}

}  // namespace occam
