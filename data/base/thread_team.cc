#include "data/base/thread_team.h"

#include <sched.h>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "data/base/error.h"

namespace occam {

struct ThreadTeam::State {
  std::mutex mutex;
  std::condition_variable start;
  std::condition_variable done;
  const std::function<void(int, int)>* job = nullptr;
  int items = 0;
  int next_item = 0;
  int busy = 0;
  uint64_t generation = 0;
  bool stopping = false;
  int failed_item = 0;
  std::exception_ptr failure;
  std::vector<std::thread> threads;

  // Takes items until none is left. The lock is held on entry and on return.
  void Work(std::unique_lock<std::mutex>& lock, int thread) {
    while (next_item < items && !failure) {
      const int item = next_item++;
      lock.unlock();
      std::exception_ptr caught;
      try {
        (*job)(item, thread);
      } catch (...) {
        caught = std::current_exception();
      }
      lock.lock();
      if (caught && (!failure || item < failed_item)) {
        failure = caught;
        failed_item = item;
      }
    }
  }

  void Stop() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    start.notify_all();
    for (std::thread& thread : threads) thread.join();
  }

  void Loop(int thread) {
    std::unique_lock lock(mutex);
    uint64_t seen = 0;
    for (;;) {
      start.wait(lock, [&] { return stopping || generation != seen; });
      if (stopping) return;
      seen = generation;
      Work(lock, thread);
      if (--busy == 0) done.notify_one();
    }
  }
};

ThreadTeam::ThreadTeam(int threads) : state_(std::make_unique<State>()) {
  const int count = threads > 0 ? threads : ProcessorCount();
  try {
    for (int i = 1; i < count; ++i) {
      state_->threads.emplace_back([state = state_.get(), i] { state->Loop(i); });
    }
  } catch (const std::system_error& error) {
    state_->Stop();
    throw UsageError("cannot start " + std::to_string(count) + " threads: " + error.what());
  }
}

ThreadTeam::~ThreadTeam() { state_->Stop(); }

int ThreadTeam::size() const { return static_cast<int>(state_->threads.size()) + 1; }

void ThreadTeam::Run(int items, const std::function<void(int, int)>& job) {
  State& state = *state_;
  std::unique_lock lock(state.mutex);
  state.job = &job;
  state.items = items;
  state.next_item = 0;
  state.failure = nullptr;
  state.busy = static_cast<int>(state.threads.size());
  ++state.generation;
  state.start.notify_all();
  state.Work(lock, 0);
  state.done.wait(lock, [&] { return state.busy == 0; });
  state.job = nullptr;
  if (state.failure) std::rethrow_exception(std::exchange(state.failure, nullptr));
}

int ProcessorCount() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace occam
