// Ranks by MPI: the only file that knows it.
#include <mpi.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "data/base/error.h"
#include "data/base/processors.h"
#include "train/communicator.h"
#include "train/launcher.h"

namespace occam {
namespace {

// Elements that a rank adds to and passes on at once while the next rank adds to those before: few
// enough that the last rank begins soon, enough that a message is worth its latency.
constexpr size_t kPart = 32 * 1024;

void Check(int result, const char* what) {
  if (result == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(result, text, &length);
  throw IoError(std::string("cannot ") + what +
                " the other ranks: " + std::string(text, static_cast<size_t>(length)));
}

int Count(size_t size) { return static_cast<int>(size); }

// Pieces of a message that MPI can count.
template <typename Job>
void ForEachPiece(std::span<uint8_t> message, Job&& job) {
  constexpr size_t kPiece = size_t{1} << 30;
  for (size_t first = 0; first < message.size(); first += kPiece)
    job(message.subspan(first, std::min(kPiece, message.size() - first)));
}

// See Communicator::processors.
int SharedProcessors() {
  using Mask = std::array<unsigned char, sizeof(cpu_set_t)>;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) != 0) return ProcessorCount();
  Mask mine;
  std::memcpy(mine.data(), &set, sizeof(set));
  MPI_Comm machine = MPI_COMM_NULL;
  Check(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &machine),
        "group");
  int ranks = 1;
  Check(MPI_Comm_size(machine, &ranks), "count");
  std::vector<Mask> masks(static_cast<size_t>(ranks));
  Check(MPI_Allgather(mine.data(), sizeof(Mask), MPI_BYTE, masks.data(), sizeof(Mask), MPI_BYTE,
                      machine),
        "ask");
  MPI_Comm_free(&machine);
  const auto sharing = std::ranges::count(masks, mine);
  return std::max(1, ProcessorCount() / static_cast<int>(sharing));
}

class MpiCommunicator final : public Communicator {
 public:
  MpiCommunicator() {
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    Check(MPI_Comm_rank(MPI_COMM_WORLD, &rank_), "find");
    Check(MPI_Comm_size(MPI_COMM_WORLD, &size_), "count");
    processors_ = SharedProcessors();
  }
  ~MpiCommunicator() override { MPI_Finalize(); }

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  int processors() const override { return processors_; }

  double OfFirst(double value) override {
    Check(MPI_Bcast(&value, 1, MPI_DOUBLE, 0, MPI_COMM_WORLD), "hear from");
    return value;
  }
  bool Any(bool value) override {
    int any = value ? 1 : 0;
    Check(MPI_Allreduce(MPI_IN_PLACE, &any, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD), "agree with");
    return any != 0;
  }
  bool AllEqual(uint64_t value) override {
    uint64_t first = value;
    Check(MPI_Bcast(&first, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD), "hear from");
    return !Any(first != value);
  }
  // Adding zeros is exact, so the order of the sum does not show.
  void Unite(std::span<double> values) override {
    Check(MPI_Allreduce(MPI_IN_PLACE, values.data(), Count(values.size()), MPI_DOUBLE, MPI_SUM,
                        MPI_COMM_WORLD),
          "add up with");
  }
  void TakeMaxima(std::span<float> values) override {
    Check(MPI_Allreduce(MPI_IN_PLACE, values.data(), Count(values.size()), MPI_FLOAT, MPI_MAX,
                        MPI_COMM_WORLD),
          "compare with");
  }

  // A chain from rank to rank, in parts, so that all ranks soon add at once; then the last one
  // tells all. Each rank sends and receives every element about twice, however many ranks and
  // shards there are.
  void SumInOrder(std::span<float> total, const AddTerms& add) override {
    requests_.clear();
    for (size_t first = 0; first < total.size(); first += kPart) {
      const auto part = total.subspan(first, std::min(kPart, total.size() - first));
      if (rank_ == 0) {
        std::ranges::fill(part, 0.0f);
      } else {
        Check(MPI_Recv(part.data(), Count(part.size()), MPI_FLOAT, rank_ - 1, 0, MPI_COMM_WORLD,
                       MPI_STATUS_IGNORE),
              "receive from");
      }
      add(first, part);
      if (rank_ + 1 == size_) continue;
      requests_.emplace_back();
      Check(MPI_Isend(part.data(), Count(part.size()), MPI_FLOAT, rank_ + 1, 0, MPI_COMM_WORLD,
                      &requests_.back()),
            "send to");
    }
    Check(MPI_Waitall(Count(requests_.size()), requests_.data(), MPI_STATUSES_IGNORE), "send to");
    Check(MPI_Bcast(total.data(), Count(total.size()), MPI_FLOAT, size_ - 1, MPI_COMM_WORLD),
          "hear from");
  }

  void PassOn(std::vector<uint8_t>* message, const ExtendFn& extend) override {
    message->clear();
    if (rank_ > 0) {
      uint64_t bytes = 0;
      Check(MPI_Recv(&bytes, 1, MPI_UINT64_T, rank_ - 1, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE),
            "receive from");
      message->resize(bytes);
      ForEachPiece(*message, [&](std::span<uint8_t> piece) {
        Check(MPI_Recv(piece.data(), Count(piece.size()), MPI_BYTE, rank_ - 1, 0, MPI_COMM_WORLD,
                       MPI_STATUS_IGNORE),
              "receive from");
      });
    }
    extend(message);
    uint64_t bytes = message->size();
    if (rank_ + 1 < size_) {
      Check(MPI_Send(&bytes, 1, MPI_UINT64_T, rank_ + 1, 0, MPI_COMM_WORLD), "send to");
      ForEachPiece(*message, [&](std::span<uint8_t> piece) {
        Check(MPI_Send(piece.data(), Count(piece.size()), MPI_BYTE, rank_ + 1, 0, MPI_COMM_WORLD),
              "send to");
      });
    }
    Check(MPI_Bcast(&bytes, 1, MPI_UINT64_T, size_ - 1, MPI_COMM_WORLD), "hear from");
    message->resize(bytes);
    ForEachPiece(*message, [&](std::span<uint8_t> piece) {
      Check(MPI_Bcast(piece.data(), Count(piece.size()), MPI_BYTE, size_ - 1, MPI_COMM_WORLD),
            "hear from");
    });
  }

  void Abort(int exit_code) override {
    MPI_Abort(MPI_COMM_WORLD, exit_code);
    std::_Exit(exit_code);
  }

 private:
  int rank_ = 0;
  int size_ = 1;
  int processors_ = 1;
  std::vector<MPI_Request> requests_;
};

}  // namespace

std::unique_ptr<Communicator> JoinRanks() {
  if (!HasLauncher() && LaunchedProcesses() == 1) return SingleProcess();
  int level = MPI_THREAD_SINGLE;
  if (MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &level) != MPI_SUCCESS) {
    throw UsageError("MPI does not start");
  }
  auto ranks = std::make_unique<MpiCommunicator>();
  if (const int count = LaunchedProcesses(); ranks->size() == 1 && count > 1) {
    throw UsageError("started " + std::to_string(count) +
                     " times together, but the processes do not find each other and would train "
                     "as often; start them by Open MPI's mpirun or by srun --mpi=pmix "
                     "(docs/scaling.md)");
  }
  return ranks;
}

}  // namespace occam
