#include "data/base/thread_team.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "data/base/error.h"
#include "data/base/processors.h"
#include "tests/catch.h"

namespace occam {
namespace {

TEST_CASE("Thread team: every item is done once, whatever the number of threads") {
  for (const int threads : {1, 2, 3, 7}) {
    ThreadTeam team(threads);
    CHECK(team.size() == threads);
    for (const int items : {0, 1, 2, 100, 1000}) {
      std::vector<std::atomic<int>> done(static_cast<size_t>(items));
      std::atomic<int> strangers = 0;
      team.Run(items, [&](int item, int thread) {
        ++done[static_cast<size_t>(item)];
        if (thread < 0 || thread >= threads) ++strangers;
      });
      int wrong = 0;
      for (const auto& count : done) wrong += count == 1 ? 0 : 1;
      CHECK(wrong == 0);
      CHECK(strangers == 0);
    }
  }
}

TEST_CASE("Thread team: a thread's number is used by one thread at a time") {
  ThreadTeam team(4);
  std::vector<std::atomic<int>> inside(4);
  std::atomic<int> collisions = 0;
  for (int job = 0; job < 200; ++job) {
    team.Run(16, [&](int, int thread) {
      if (inside[static_cast<size_t>(thread)]++ != 0) ++collisions;
      --inside[static_cast<size_t>(thread)];
    });
  }
  CHECK(collisions == 0);
}

TEST_CASE("Thread team: what an item writes is seen after the job") {
  ThreadTeam team(3);
  std::vector<int> values(64);
  for (int job = 1; job <= 500; ++job) {
    team.Run(64, [&](int item, int) { values[static_cast<size_t>(item)] += item; });
    for (int i = 0; i < 64; ++i) REQUIRE(values[static_cast<size_t>(i)] == i * job);
  }
}

TEST_CASE(
    "Thread team: the exception of the lowest item that threw arrives, and the team goes on") {
  for (const int threads : {1, 2, 4}) {
    ThreadTeam team(threads);
    for (int repeat = 0; repeat < 50; ++repeat) {
      // Items are begun in order, so item 3 is always begun before any later one can fail.
      std::string message;
      try {
        team.Run(20, [&](int item, int) {
          if (item >= 3) throw std::runtime_error(std::to_string(item));
        });
      } catch (const std::runtime_error& error) {
        message = error.what();
      }
      REQUIRE(message == "3");
      std::atomic<int> done = 0;
      team.Run(10, [&](int, int) { ++done; });
      REQUIRE(done == 10);
    }
  }
}

TEST_CASE("Thread team: after a failure, items not yet begun are skipped") {
  ThreadTeam team(1);
  int begun = 0;
  CHECK_THROWS(team.Run(100, [&](int item, int) {
    ++begun;
    if (item == 4) throw std::runtime_error("stop");
  }));
  CHECK(begun == 5);
}

TEST_CASE("Thread team: within a job, a job's items are each done once, and shared by the idle") {
  for (const int threads : {1, 2, 3, 7}) {
    ThreadTeam team(threads);
    for (int repeat = 0; repeat < 30; ++repeat) {
      constexpr int kOuter = 5, kInner = 40;
      std::vector<std::atomic<int>> done(kOuter * kInner);
      std::vector<int> sums(kOuter);  // unsynchronised: each Run must have ended before it is read
      team.Run(kOuter, [&](int outer, int) {
        for (int again = 0; again < 3; ++again) {
          std::vector<int> parts(kInner);
          team.Run(kInner, [&](int inner, int) {
            ++done[static_cast<size_t>(outer * kInner + inner)];
            parts[static_cast<size_t>(inner)] = inner;
          });
          for (const int part : parts) sums[static_cast<size_t>(outer)] += part;
        }
      });
      int wrong = 0;
      for (const auto& count : done) wrong += count == 3 ? 0 : 1;
      CHECK(wrong == 0);
      CHECK(sums == std::vector<int>(kOuter, 3 * kInner * (kInner - 1) / 2));
    }
  }
}

TEST_CASE("Thread team: threads without a large item help with the small ones of another") {
  // The one large item waits until all threads of the team are in its small ones at once.
  constexpr int kThreads = 4;
  ThreadTeam team(kThreads);
  for (const int large : {1, 2}) {
    std::atomic<int> inside = 0;
    team.Run(large, [&](int item, int) {
      if (item > 0) return;
      team.Run(kThreads, [&](int, int) {
        ++inside;
        while (inside < kThreads) std::this_thread::yield();
      });
    });
    CHECK(inside == kThreads);
  }
}

TEST_CASE("Thread team: an exception within a job's job passes through both") {
  for (const int threads : {1, 2, 4}) {
    ThreadTeam team(threads);
    for (int repeat = 0; repeat < 20; ++repeat) {
      std::string message;
      try {
        team.Run(3, [&](int outer, int) {
          team.Run(8, [&](int inner, int) {
            if (outer == 0 && inner >= 2) throw std::runtime_error(std::to_string(inner));
          });
        });
      } catch (const std::runtime_error& error) {
        message = error.what();
      }
      REQUIRE(message == "2");
    }
  }
}

TEST_CASE("Thread team: no number means one thread a processor") {
  CHECK(ProcessorCount() >= 1);
  CHECK(ThreadTeam(0).size() == ProcessorCount());
}

TEST_CASE("Thread team: more threads than the system gives are refused") {
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit none{0, 0};
    int code = 1;
    // The limit does not hold for the superuser.
    if (::setrlimit(RLIMIT_NPROC, &none) == 0 && (::geteuid() != 0 || ::setuid(65534) == 0)) {
      try {
        const ThreadTeam team(3);
      } catch (const Error& error) {
        code = static_cast<int>(error.kind());
      }
    }
    ::_exit(code);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == static_cast<int>(ErrorKind::kIo));
}

}  // namespace
}  // namespace occam
