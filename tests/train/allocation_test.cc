// A program of its own, since it counts what operator new is asked for.
#include <dlfcn.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/catch.h"
#include "tests/train/training_fixture.h"

namespace {

std::atomic<int64_t> allocations = 0;

// oneDNN keeps a small list of arguments for each execution, which nobody can give it; everything
// else counts.
bool InOneDnn(void* caller) {
  Dl_info info;
  return dladdr(caller, &info) != 0 && info.dli_fname != nullptr &&
         std::string_view(info.dli_fname).find("libdnnl") != std::string_view::npos;
}

void* Allocate(size_t bytes, size_t alignment, void* caller) {
  if (!InOneDnn(caller)) allocations.fetch_add(1, std::memory_order_relaxed);
  const size_t whole = (bytes + alignment) / alignment * alignment;
  void* const memory = std::aligned_alloc(alignment, whole);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

constexpr size_t kAlignment = __STDCPP_DEFAULT_NEW_ALIGNMENT__;

}  // namespace

void* operator new(size_t bytes) {
  return Allocate(bytes, kAlignment, __builtin_return_address(0));
}
void* operator new[](size_t bytes) {
  return Allocate(bytes, kAlignment, __builtin_return_address(0));
}
void* operator new(size_t bytes, std::align_val_t alignment) {
  return Allocate(bytes, static_cast<size_t>(alignment), __builtin_return_address(0));
}
void* operator new[](size_t bytes, std::align_val_t alignment) {
  return Allocate(bytes, static_cast<size_t>(alignment), __builtin_return_address(0));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }

namespace occam {
namespace {

// What each step after the first has allocated, from the end of one to the end of the next.
class Counter : public TrainingObserver {
 public:
  Counter() { counts.reserve(100); }
  void OnStep(const StepReport&) override {
    const int64_t now = allocations;
    if (before_ >= 0) counts.push_back(now - before_);
    before_ = allocations;
  }
  std::vector<int64_t> counts;

 private:
  int64_t before_ = -1;
};

enum Network { kPlain, kMemory, kSignals };

TEST_CASE("Training: steps after the first allocate nothing") {
  const TestData data;
  for (const int64_t bfloat16 : {0, 1}) {
    if (bfloat16 && !HasFastBfloat16()) continue;
    for (const auto& [threads, of] : {std::pair{1, kPlain},
                                      {3, kPlain},
                                      {1, kMemory},
                                      {3, kMemory},
                                      {1, kSignals},
                                      {3, kSignals}}) {
      INFO("bfloat16 " << bfloat16 << " threads " << threads << " network " << of);
      TrainerSettings settings = of == kMemory    ? TestMemorySettings(12, threads)
                                 : of == kSignals ? TestSignalSettings(12, threads)
                                                  : TestSettings(12, threads);
      settings.recipe.bfloat16 = bfloat16;
      settings.validation.count = 0;
      Counter counter;
      settings.observers = {&counter};
      Trainer trainer(settings, data.Training());
      const int64_t in_the_beginning = allocations;
      trainer.Run();
      CHECK(allocations > in_the_beginning);  // the first step's, so that counting works
      CHECK(counter.counts == std::vector<int64_t>(11, 0));
    }
  }
}

}  // namespace
}  // namespace occam
