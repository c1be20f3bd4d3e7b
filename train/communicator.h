// The ranks of a run: processes that train one model together, each on whole shards of every batch
// (docs/architecture.md). One process is the case of one rank. MPI stays behind this interface, in
// mpi_communicator.cc.
#ifndef OCCAM_TRAIN_COMMUNICATOR_H_
#define OCCAM_TRAIN_COMMUNICATOR_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace occam {

// Every rank makes the same calls in the same order, from the thread that made the communicator;
// each returns when this rank has its result. A rank that ends before the others without Abort
// leaves them waiting, until its launcher ends them. Throws kIo where a message cannot be sent.
class Communicator {
 public:
  virtual ~Communicator() = default;

  virtual int rank() const = 0;  // in [0, size())
  virtual int size() const = 0;
  // Processors for this rank: those it may use, shared with the ranks of its machine that may use
  // the very same ones.
  virtual int processors() const = 0;

  virtual double OfFirst(double value) = 0;  // rank 0's value
  virtual bool Any(bool value) = 0;          // whether it is true on a rank
  virtual bool AllEqual(uint64_t value) = 0;

  // values: every element is zero on all ranks but at most one, and then that rank's everywhere.
  virtual void Unite(std::span<double> values) = 0;
  // values: the element's maximum over the ranks.
  virtual void TakeMaxima(std::span<float> values) = 0;

  // Adds what each rank has to `total`, element by element and in the order of the ranks, as one
  // process would. Rank 0 starts from zeros and calls add(first, part) for consecutive parts of
  // `total`, [first, first + part.size()), which adds its terms to them. So does each next rank to
  // what it is given. At the end every rank has the last one's result.
  using AddTerms = std::function<void(size_t first, std::span<float> part)>;
  virtual void SumInOrder(std::span<float> total, const AddTerms& add) = 0;

  // Hands a message from rank to rank. Rank 0 calls extend on an empty one, each next rank on what
  // the rank before made of it. At the end every rank has the last one's. Ranks wait for those
  // before them.
  using ExtendFn = std::function<void(std::vector<uint8_t>* message)>;
  virtual void PassOn(std::vector<uint8_t>* message, const ExtendFn& extend) = 0;

  // Ends this process and all other ranks. Does not return.
  virtual void Abort(int exit_code) = 0;
};

// The only rank.
std::unique_ptr<Communicator> SingleProcess();

// The ranks that a launcher (mpirun, srun) has started together with this process; SingleProcess
// where none has. Once in a process, which the ranks leave together when it is destroyed. Throws
// kUsage when several processes were started and cannot find each other: this build has no MPI, or
// the launcher speaks another one.
std::unique_ptr<Communicator> JoinRanks();

// Items [begin, end) of `items` that belong to a rank: as evenly as can be, in order.
struct Share {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t size() const { return end - begin; }
};
Share ShareOf(int64_t items, const Communicator& communicator);

}  // namespace occam

#endif  // OCCAM_TRAIN_COMMUNICATOR_H_
