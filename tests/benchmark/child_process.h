// Measures in processes of their own, so that the peak of their memory is nobody else's and that
// they share nothing but the machine.
#ifndef OCCAM_TESTS_BENCHMARK_CHILD_PROCESS_H_
#define OCCAM_TESTS_BENCHMARK_CHILD_PROCESS_H_

#include <cstddef>
#include <functional>
#include <span>
#include <type_traits>
#include <vector>

namespace occam {

// Returns when all children that stand side by side have called it.
using WaitForAll = std::function<void()>;

// Runs work() in `count` copies of this process at a time. Each fills in its `result`; `results`
// gets these one after the other; `what` is for the message. The caller must have no other threads.
// Throws kInternal where a child fails, which then has said why.
void RunInChildren(const char* what, int count, std::span<std::byte> result,
                   std::span<std::byte> results,
                   const std::function<void(const WaitForAll&)>& work);

// The same for what work() returns.
template <typename T>
requires std::is_trivially_copyable_v<T> std::vector<T> InChildren(
    const char* what, int count, const std::function<T(const WaitForAll&)>& work) {
  T result{};
  std::vector<T> results(static_cast<size_t>(count));
  RunInChildren(what, count, std::as_writable_bytes(std::span(&result, 1)),
                std::as_writable_bytes(std::span(results)),
                [&](const WaitForAll& wait) { result = work(wait); });
  return results;
}

// One child alone.
template <typename T>
requires std::is_trivially_copyable_v<T> T InChild(const char* what,
                                                   const std::function<T()>& work) {
  return InChildren<T>(what, 1, [&](const WaitForAll&) { return work(); }).front();
}

}  // namespace occam

#endif  // OCCAM_TESTS_BENCHMARK_CHILD_PROCESS_H_
