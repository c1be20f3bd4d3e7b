// A team of threads that stays alive between jobs. Which thread does which item never shows in a
// result: items write to places of their own.
#ifndef OCCAM_DATA_BASE_THREAD_TEAM_H_
#define OCCAM_DATA_BASE_THREAD_TEAM_H_

#include <memory>
#include <type_traits>

namespace occam {

// A reference to a callable job(int item, int thread); owns nothing and allocates nothing.
class ItemJob {
 public:
  template <typename F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, ItemJob>)
      ItemJob(F&& f)  // NOLINT(google-explicit-constructor): so that a lambda can be given as a job
      : object_(&f), call_([](const void* object, int item, int thread) {
          (*static_cast<std::remove_reference_t<F>*>(const_cast<void*>(object)))(item, thread);
        }) {}
  void operator()(int item, int thread) const { call_(object_, item, thread); }

 private:
  const void* object_;
  void (*call_)(const void* object, int item, int thread);
};

class ThreadTeam {
 public:
  // `threads` >= 1 in all, the caller among them; 0 means one a processor (data/base/processors.h).
  // Throws kIo where the system refuses as many.
  explicit ThreadTeam(int threads);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const;

  // Calls job(item, thread) once for each item in [0, items), handed out in increasing order,
  // thread in [0, size()). Returns when all are done. The exception of the lowest item that threw
  // is thrown again; items not yet begun are then skipped. Allocates nothing.
  //
  // A job may call Run in turn: threads that have nothing else to do then take some of its items.
  // So a few large items, each of many small ones, keep all threads busy to the end. The calling
  // thread takes no items of others before its own are done. From outside of a job, one Run at a
  // time.
  void Run(int items, ItemJob job);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace occam

#endif  // OCCAM_DATA_BASE_THREAD_TEAM_H_
