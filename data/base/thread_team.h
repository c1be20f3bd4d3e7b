// A team of threads that stays alive between jobs. Which thread does which item never shows in a
// result: items write to places of their own.
#ifndef OCCAM_DATA_BASE_THREAD_TEAM_H_
#define OCCAM_DATA_BASE_THREAD_TEAM_H_

#include <functional>
#include <memory>

namespace occam {

class ThreadTeam {
 public:
  // `threads` >= 1 in all, the caller among them; 0 means one a processor.
  // Throws kUsage where the system refuses as many.
  explicit ThreadTeam(int threads);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const;

  // Calls job(item, thread) once for each item in [0, items), handed out in increasing order,
  // thread in [0, size()). Returns when all are done. The exception of the lowest item that threw
  // is thrown again; items not yet begun are then skipped. Not reentrant.
  void Run(int items, const std::function<void(int item, int thread)>& job);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

int ProcessorCount();  // those this process may use, at least 1

}  // namespace occam

#endif  // OCCAM_DATA_BASE_THREAD_TEAM_H_
