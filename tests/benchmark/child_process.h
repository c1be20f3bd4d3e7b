// Measuring in a process of its own, so that the peak of its memory is nobody else's.
#ifndef OCCAM_TESTS_BENCHMARK_CHILD_PROCESS_H_
#define OCCAM_TESTS_BENCHMARK_CHILD_PROCESS_H_

#include <functional>
#include <span>
#include <type_traits>

namespace occam {

// Runs work() in a copy of this process and gets the bytes that it fills in; `what` is for the
// message. The caller must have no other threads. Throws kInternal where the child fails, which
// then has said why.
void RunInChild(const char* what, std::span<std::byte> result, const std::function<void()>& work);

// The same for what work() returns.
template <typename T>
requires std::is_trivially_copyable_v<T> T InChild(const char* what,
                                                   const std::function<T()>& work) {
  T result{};
  RunInChild(what, std::as_writable_bytes(std::span(&result, 1)), [&] { result = work(); });
  return result;
}

}  // namespace occam

#endif  // OCCAM_TESTS_BENCHMARK_CHILD_PROCESS_H_
