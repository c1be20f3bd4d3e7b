// A call of the library that Python can interrupt.
//
// The library works in a thread of its own, which never touches Python. The thread that called
// serves it meanwhile: it reads and writes Python's files for it, tells progress, and looks for
// Ctrl-C. So a call ends soon whatever the library does, and only ever runs Python's code where
// Python expects it.
#ifndef OCCAM_PYTHON_CORE_CALL_H_
#define OCCAM_PYTHON_CORE_CALL_H_

#include <pybind11/pybind11.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "occam/occam.h"

namespace occam::python {

namespace py = pybind11;

class Call {
 public:
  // Works in a thread. Serves it until it is done, and throws what it threw. `progress` is None or
  // is called with the bytes done, some ten times a second and at the end. What it raises ends the
  // work. `job` is what the work uses of Python's. A thread that holds the interpreter destroys it.
  static void Run(const py::object& progress, std::shared_ptr<void> job,
                  std::function<void(Call&)> work) {
    Sweep();
    auto call = std::unique_ptr<Call>(new Call(std::move(job)));
    call->thread_ = std::thread(
        [self = call.get(), work = std::move(work)]() mutable { self->Work(std::move(work)); });
    const std::exception_ptr raised = call->Serve(progress);
    if (raised) {
      if (!call->EndsSoon()) {
        Abandoned().push_back(std::move(call));  // it is joined later
      } else {
        call->thread_.join();
      }
      std::rethrow_exception(raised);
    }
    call->thread_.join();
    if (call->failure_) std::rethrow_exception(call->failure_);
    if (!progress.is_none()) call->ShowProgress(progress);
  }

  // Runs a request of the worker in the thread that serves, which holds the interpreter. Throws
  // kCancelled where the request raised, or nobody serves any more.
  void Ask(const std::function<void()>& request) {
    const std::lock_guard one_at_a_time(ask_mutex_);
    std::unique_lock lock(mutex_);
    if (!cancelled_) {
      request_ = &request;
      to_server_.notify_one();
      to_worker_.wait(lock, [&] { return request_ == nullptr; });
    }
    if (cancelled_) throw Error(ErrorKind::kCancelled, "the call was interrupted");
  }

  // Takes progress from the worker, as Options::progress of the library.
  bool Tell(uint64_t original_bytes, uint64_t file_bytes) {
    original_bytes_ = original_bytes;
    file_bytes_ = file_bytes;
    return !cancelled_;
  }

  // Waits for work that was interrupted and went on, a few seconds at most. Python ends.
  static void Finish() {
    py::gil_scoped_release released;
    for (std::unique_ptr<Call>& call : Abandoned()) {
      if (call->EndsSoon()) {
        call->thread_.join();
      } else {
        call->thread_.detach();
      }
      call.release();  // NOLINT(bugprone-unused-return-value): what is Python's is not freed here
    }
  }

 private:
  explicit Call(std::shared_ptr<void> job) : job_(std::move(job)) {}

  // The work is forgotten before anybody is told that it is done.
  void Work(std::function<void(Call&)> work) {
    try {
      work(*this);
    } catch (...) {
      failure_ = std::current_exception();
    }
    work = nullptr;
    const std::lock_guard lock(mutex_);
    done_ = true;
    to_server_.notify_one();
  }

  // Returns what Python raised, null where the work is done.
  std::exception_ptr Serve(const py::object& progress) {
    constexpr std::chrono::milliseconds kLook{50};
    while (true) {
      const std::function<void()>* request = nullptr;
      {
        py::gil_scoped_release released;
        std::unique_lock lock(mutex_);
        to_server_.wait_for(lock, kLook, [&] { return done_ || request_ != nullptr; });
        request = request_;
        if (done_) break;
      }
      try {
        if (request != nullptr) (*request)();
        if (PyErr_CheckSignals() != 0) throw py::error_already_set();
        ShowProgressIfDue(progress);
      } catch (...) {
        return std::current_exception();
      }
      if (request != nullptr) Answer();
    }
    return nullptr;
  }

  void Answer() {
    const std::lock_guard lock(mutex_);
    request_ = nullptr;
    to_worker_.notify_one();
  }

  void ShowProgressIfDue(const py::object& progress) {
    constexpr std::chrono::milliseconds kInterval{100};
    const auto now = std::chrono::steady_clock::now();
    if (progress.is_none() || now - shown_ < kInterval) return;
    shown_ = now;
    ShowProgress(progress);
  }

  void ShowProgress(const py::object& progress) const {
    progress(original_bytes_.load(), file_bytes_.load());
  }

  // Cancels. Returns whether the work is done within a second and a half.
  bool EndsSoon() {
    constexpr std::chrono::milliseconds kPatience{1500};
    const bool holds = PyGILState_Check() != 0;
    std::unique_ptr<py::gil_scoped_release> released;
    if (holds) released = std::make_unique<py::gil_scoped_release>();
    std::unique_lock lock(mutex_);
    cancelled_ = true;
    request_ = nullptr;
    to_worker_.notify_one();
    return to_server_.wait_for(lock, kPatience, [&] { return done_; });
  }

  // Calls that were interrupted, but whose work went on. Whoever holds the interpreter may use it.
  static std::vector<std::unique_ptr<Call>>& Abandoned() {
    static auto* const calls = new std::vector<std::unique_ptr<Call>>;
    return *calls;
  }

  static void Sweep() {
    std::erase_if(Abandoned(), [](const std::unique_ptr<Call>& call) {
      std::unique_lock lock(call->mutex_);
      const bool done = call->done_;
      lock.unlock();
      if (done) call->thread_.join();
      return done;
    });
  }

  std::shared_ptr<void> job_;
  std::thread thread_;
  std::mutex ask_mutex_;
  std::mutex mutex_;  // of what follows
  std::condition_variable to_server_, to_worker_;
  const std::function<void()>* request_ = nullptr;
  bool done_ = false;
  std::exception_ptr failure_;
  std::atomic<bool> cancelled_ = false;
  std::atomic<uint64_t> original_bytes_ = 0;
  std::atomic<uint64_t> file_bytes_ = 0;
  std::chrono::steady_clock::time_point shown_ = std::chrono::steady_clock::now();
};

}  // namespace occam::python

#endif  // OCCAM_PYTHON_CORE_CALL_H_
