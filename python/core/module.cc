// occam._core: the library's door (include/occam/occam.h) for the Python package beside it, which
// gives it arguments of the right kinds. Everything here may be interrupted (call.h).
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "coder/explain/page.h"
#include "core/call.h"
#include "core/streams.h"
#include "occam/occam.h"

namespace occam::python {
namespace {

using SharedModel = std::shared_ptr<const Model>;

// What the calls on files have in common.
struct Choices {
  SharedModel model;  // null: the default, or the one that a file holds or names
  int mode = OCCAM_MODE_CHUNKED;
  bool embed_model = false;
  int threads = 0;
  uint64_t memory = 0;
  std::vector<uint8_t> dictionary = {};
  uint32_t lanes = 0;

  Options For(Call& call) const {
    Options options;
    options.model = model.get();
    options.mode = static_cast<Mode>(mode);
    options.embed_model = embed_model;
    options.threads = threads;
    options.memory = memory;
    options.dictionary = dictionary;
    options.lanes = lanes;
    options.progress = [&call](uint64_t original, uint64_t file) {
      return call.Tell(original, file);
    };
    return options;
  }
};

// ---- Models ------------------------------------------------------------------------------------

SharedModel ReadModel(const py::object& source, uint64_t memory) {
  struct Job {
    Input input;
    SharedModel model;
  };
  const auto job = std::make_shared<Job>(Job{Input(source), nullptr});
  Call::Run(py::none(), job, [job = job.get(), memory](Call& call) {
    const Choices choices{.model = nullptr, .memory = memory};
    const auto reader = job->input.Open(call, /*seeks=*/true);
    job->model = std::make_shared<Model>(Model::FromReader(*reader, choices.For(call)));
  });
  return job->model;
}

py::dict InfoOf(const Model& model) {
  const occam_model_info info = model.info();
  py::dict result;
  result["id"] = py::bytes(reinterpret_cast<const char*>(info.id), sizeof(info.id));
  result["contract"] = info.contract;
  result["vocabulary"] = info.vocabulary;
  result["context"] = info.context;
  result["width"] = info.width;
  result["layers"] = info.layers;
  result["parameters"] = info.parameters;
  result["kernels"] = info.kernels;
  result["tokenizer"] = info.tokenizer;
  return result;
}

py::bytes Serialise(const SharedModel& model, bool coded) {
  struct Job {
    SharedModel model;
    std::vector<uint8_t> file;
  };
  const auto job = std::make_shared<Job>(Job{model, {}});
  Call::Run(py::none(), job,
            [job = job.get(), coded](Call&) { job->file = job->model->Serialise(coded); });
  return {reinterpret_cast<const char*>(job->file.data()), job->file.size()};
}

// ---- Files -------------------------------------------------------------------------------------

py::dict StatsOf(const Stats& stats) {
  py::dict result;
  result["original_bytes"] = stats.original_bytes;
  result["file_bytes"] = stats.file_bytes;
  result["payload_bytes"] = stats.payload_bytes;
  result["model_bytes"] = stats.model_bytes;
  result["segments"] = stats.segments;
  result["model_segments"] = stats.model_segments;
  result["order2_segments"] = stats.order2_segments;
  result["stored_segments"] = stats.stored_segments;
  return result;
}

struct FileJob {
  Input input;
  Output output;
  Choices choices;
  Stats stats = occam_stats_init();
  std::vector<Damage> damage = {};
};

py::tuple CompressTo(const py::object& source, const py::object& output, Choices choices,
                     const py::object& progress) {
  const auto job =
      std::make_shared<FileJob>(FileJob{Input(source), Output(output), std::move(choices)});
  Call::Run(progress, job, [job = job.get()](Call& call) {
    const auto reader = job->input.Open(call, /*seeks=*/false);
    const auto writer = job->output.Open(call);
    job->stats = CompressStream(*reader, *writer, job->choices.For(call));
  });
  return py::make_tuple(job->output.Take(), StatsOf(job->stats));
}

// A range where there is an offset or a length. Damage is gone past where `keep_going`.
py::tuple DecompressTo(const py::object& source, const py::object& output, Choices choices,
                       uint64_t offset, std::optional<uint64_t> length, bool keep_going,
                       const py::object& progress) {
  const auto job =
      std::make_shared<FileJob>(FileJob{Input(source), Output(output), std::move(choices)});
  Call::Run(progress, job, [job = job.get(), offset, length, keep_going](Call& call) {
    const bool range = offset > 0 || length;
    const auto reader = job->input.Open(call, /*seeks=*/range);
    const auto writer = job->output.Open(call);
    Options options = job->choices.For(call);
    if (keep_going) options.damage = [job](const Damage& d) { job->damage.push_back(d); };
    job->stats = range ? DecompressRangeStream(*reader, *writer, offset, length, options)
                       : DecompressStream(*reader, *writer, options);
  });
  py::list damage;
  for (const Damage& d : job->damage) damage.append(py::make_tuple(d.begin, d.end, d.why));
  return py::make_tuple(job->output.Take(), StatsOf(job->stats), damage);
}

py::tuple List(const py::object& source) {
  struct Job {
    Input input;
    ArchiveInfo info = occam_file_info_init();
    std::vector<uint8_t> model = {};
  };
  const auto job = std::make_shared<Job>(Job{Input(source)});
  Call::Run(py::none(), job, [job = job.get()](Call& call) {
    job->info = ListArchive(*job->input.Open(call, /*seeks=*/true), &job->model);
  });
  const ArchiveInfo& info = job->info;
  py::dict result = StatsOf(info.stats);
  result["mode"] = static_cast<int>(info.mode);
  result["context"] = info.context;
  result["contract"] = info.contract;
  result["dictionary_id"] =
      py::bytes(reinterpret_cast<const char*>(info.dictionary_id), sizeof(info.dictionary_id));
  result["model_id"] = info.has_model != 0
                           ? py::object(py::bytes(reinterpret_cast<const char*>(info.model_id),
                                                  sizeof(info.model_id)))
                           : py::none();
  return py::make_tuple(
      result, py::bytes(reinterpret_cast<const char*>(job->model.data()), job->model.size()));
}

// ---- Costs -------------------------------------------------------------------------------------

// The bits of each byte and who decided it, both [bytes].
py::tuple CostsOf(const py::object& data, Choices choices, const py::object& progress) {
  struct Job {
    View view;
    Choices choices;
    py::array_t<float> bits;
    py::array_t<uint8_t> deciders;
    float* bits_data = nullptr;
    uint8_t* deciders_data = nullptr;
  };
  View view(data);
  const auto size = static_cast<py::ssize_t>(view.bytes().size());
  const auto job = std::make_shared<Job>(Job{std::move(view), std::move(choices),
                                             py::array_t<float>(size), py::array_t<uint8_t>(size)});
  job->bits_data = job->bits.mutable_data();
  job->deciders_data = job->deciders.mutable_data();
  Call::Run(progress, job, [job = job.get()](Call& call) {
    const auto bytes = job->view.bytes();
    const Options options = job->choices.For(call);
    door::Bridge bridge;
    bridge.Call(occam_costs_explained, bytes.data(), bytes.size(), bridge.With(options),
                job->bits_data, job->deciders_data);
  });
  return py::make_tuple(job->bits, job->deciders);
}

// ---- The page that explains costs --------------------------------------------------------------

template <typename T>
std::span<const T> SpanOf(const std::optional<py::array_t<T, py::array::c_style>>& array) {
  if (!array) return {};
  return {array->data(), static_cast<size_t>(array->size())};
}

// `deciders` and `beside_bits` may be None.
std::string PageOf(const std::string& name, const std::string& method, const py::object& data,
                   const std::optional<py::array_t<float, py::array::c_style>>& bits,
                   const std::optional<py::array_t<uint8_t, py::array::c_style>>& deciders,
                   const std::string& beside,
                   const std::optional<py::array_t<float, py::array::c_style>>& beside_bits,
                   size_t beside_stretches) {
  const View view(data);
  explain::Explanation e;
  e.name = name;
  e.method = method;
  e.bytes = view.bytes();
  e.bits = SpanOf(bits);
  const std::span<const uint8_t> decided = SpanOf(deciders);
  e.decided_by = {reinterpret_cast<const DecidedBy*>(decided.data()), decided.size()};
  e.beside = beside;
  e.beside_bits = SpanOf(beside_bits);
  e.beside_stretches = beside_stretches;
  const py::gil_scoped_release released;
  return explain::Page(e);
}

// ---- Objects that serve one thread at a time ---------------------------------------------------

// Marks an object as at work until the last of its copies is gone.
class Turn {
 public:
  explicit Turn(std::atomic<bool>& busy) : busy_(busy) {
    if (busy_.exchange(true)) {
      throw Error(ErrorKind::kUsage,
                  "this object is at work in another thread, or still ends an interrupted call");
    }
  }
  ~Turn() { busy_ = false; }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  std::atomic<bool>& busy_;
};

class TextContext {
 public:
  explicit TextContext(SharedModel model) : state_(std::make_shared<State>(std::move(model))) {}

  double Feed(const py::object& data, const py::object& progress) {
    return Do(View(data), progress, [](State& state, View& view, std::string&, Call& call) {
      return state.context.Feed(
          view.bytes(), [&call](uint64_t read, uint64_t coded) { return call.Tell(read, coded); });
    });
  }

  // Frequencies [256] that sum to 2^24.
  py::array_t<uint32_t> Next() {
    const Turn turn(state_->busy);
    const std::array<uint32_t, 256> frequencies = state_->context.Next();
    return py::array_t<uint32_t>(static_cast<py::ssize_t>(frequencies.size()), frequencies.data());
  }

  py::bytes Generate(uint64_t size, uint32_t thousandths, uint32_t top_k, uint64_t seed,
                     const py::object& progress) {
    std::string drawn;
    const auto draw = [=](State& state, View&, std::string& out, Call& call) {
      struct Taker final : Writer {
        Taker(std::string& out_in, Call& call_in) : out(out_in), call(call_in) {}
        void Write(std::span<const uint8_t> bytes) override {
          out.append(bytes.begin(), bytes.end());
          if (!call.Tell(out.size(), out.size()))
            throw Error(ErrorKind::kCancelled, "the call was interrupted");
        }
        std::string& out;
        Call& call;
      } taker(out, call);
      state.context.Generate(size, taker, {thousandths, top_k, seed});
      return 0.0;
    };
    Do(View(py::bytes()), progress, draw, &drawn);
    return drawn;
  }

 private:
  struct State {
    explicit State(SharedModel model_in) : model(std::move(model_in)), context(*model) {}
    SharedModel model;
    Context context;
    std::atomic<bool> busy = false;
  };
  // Runs act(state, view, drawn, call), whose results outlive an interrupted call.
  template <typename Act>
  double Do(View view, const py::object& progress, Act act, std::string* drawn = nullptr) {
    struct Job {
      View view;
      std::string drawn;
      double bits = 0;
    };
    const auto job = std::make_shared<Job>(Job{std::move(view), {}, 0});
    const auto turn = std::make_shared<Turn>(state_->busy);
    Call::Run(progress, job, [job = job.get(), state = state_, turn, act](Call& call) {
      job->bits = act(*state, job->view, job->drawn, call);
    });
    if (drawn != nullptr) *drawn = std::move(job->drawn);
    return job->bits;
  }

  std::shared_ptr<State> state_;
};

class Records {
 public:
  Records(SharedModel model, int check_bytes, std::span<const uint8_t> dictionary)
      : state_(std::make_shared<State>(std::move(model), check_bytes, dictionary)) {}

  py::bytes Encode(const py::object& record) { return Do(record, &RecordCodec::Encode); }
  py::bytes Decode(const py::object& frame) { return Do(frame, &RecordCodec::Decode); }

 private:
  struct State {
    State(SharedModel model_in, int check_bytes, std::span<const uint8_t> dictionary)
        : model(std::move(model_in)),
          codec(
              *model, check_bytes,
              [this](uint64_t n, uint64_t m) { return call == nullptr || call->Tell(n, m); },
              dictionary) {}
    SharedModel model;
    Call* call = nullptr;
    RecordCodec codec;
    std::atomic<bool> busy = false;
  };
  using Step = std::vector<uint8_t> (RecordCodec::*)(std::span<const uint8_t>);

  // A record that takes milliseconds needs no thread of its own.
  py::bytes Do(const py::object& data, Step step) {
    constexpr size_t kShort = 4096;
    struct Job {
      View view;
      std::vector<uint8_t> result;
    };
    const auto job = std::make_shared<Job>(Job{View(data), {}});
    const auto bytes = job->view.bytes();
    const auto turn = std::make_shared<Turn>(state_->busy);
    if (LongestOf(bytes, step) <= kShort) {
      py::gil_scoped_release released;
      state_->call = nullptr;
      job->result = (state_->codec.*step)(bytes);
    } else {
      Call::Run(py::none(), job, [job = job.get(), state = state_, turn, step](Call& call) {
        state->call = &call;
        job->result = (state->codec.*step)(job->view.bytes());
      });
    }
    return {reinterpret_cast<const char*>(job->result.data()), job->result.size()};
  }

  // Returns the record's length; of what is no frame 0.
  static size_t LongestOf(std::span<const uint8_t> bytes, Step step) {
    if (step == &RecordCodec::Encode) return bytes.size();
    size_t size = 0;
    occam_record_size(bytes.data(), bytes.size(), &size, nullptr);
    return size;
  }

  std::shared_ptr<State> state_;
};

// ---- The module --------------------------------------------------------------------------------

// The package makes an exception of the kind.
void Raise(const Error& error) {
  try {
    const py::object made = py::module_::import("occam._errors")
                                .attr("of_kind")(static_cast<int>(error.kind()), error.what());
    PyErr_SetObject(py::type::of(made).ptr(), made.ptr());
  } catch (py::error_already_set& other) {
    other.restore();
  }
}

// The bytes of a dictionary that are used.
std::vector<uint8_t> DictionaryOf(const py::object& dictionary) {
  if (dictionary.is_none()) return {};
  const View view(dictionary);
  const auto bytes = view.bytes();
  if (bytes.empty()) throw Error(ErrorKind::kUsage, "the dictionary is empty");
  const auto used = bytes.last(std::min<size_t>(bytes.size(), OCCAM_DICTIONARY_MAX));
  return {used.begin(), used.end()};
}

Choices MakeChoices(SharedModel model, int mode, bool embed_model, int threads, uint64_t memory,
                    const py::object& dictionary, uint32_t lanes) {
  return {std::move(model), mode, embed_model, threads, memory, DictionaryOf(dictionary), lanes};
}

}  // namespace
}  // namespace occam::python

PYBIND11_MODULE(_core, m) {
  namespace py = pybind11;
  using namespace occam::python;  // NOLINT(google-build-using-namespace): the table of what is
                                  // above
  m.doc() = "The library behind occam; use that.";
  py::register_exception_translator([](std::exception_ptr exception) {
    try {
      if (exception) std::rethrow_exception(exception);
    } catch (const occam::Error& error) {
      Raise(error);
    }
  });

  py::class_<occam::Model, std::shared_ptr<occam::Model>>(m, "Model")
      .def_static("built_in",
                  [](const std::string& name) {
                    return std::make_shared<occam::Model>(occam::Model::BuiltIn(name));
                  })
      .def("info", [](const occam::Model& model) { return InfoOf(model); })
      .def("serialise",
           [](std::shared_ptr<occam::Model> model, bool coded) { return Serialise(model, coded); });
  m.def("read_model", [](const py::object& source, uint64_t memory) {
    return std::const_pointer_cast<occam::Model>(ReadModel(source, memory));
  });
  m.def("built_in_names", &occam::Model::BuiltInNames);
  m.def("version", &occam::LibraryVersion);

  py::class_<Choices>(m, "Choices")
      .def(py::init([](std::shared_ptr<occam::Model> model, int mode, bool embed_model, int threads,
                       uint64_t memory, const py::object& dictionary, uint32_t lanes) {
        return MakeChoices(std::move(model), mode, embed_model, threads, memory, dictionary, lanes);
      }));
  m.def("compress", &CompressTo);
  m.def("decompress", &DecompressTo);
  m.def("list_file", &List);
  m.def("costs", &CostsOf);
  m.def("page", &PageOf);

  py::class_<TextContext>(m, "Context")
      .def(py::init([](std::shared_ptr<occam::Model> model) {
        return std::make_unique<TextContext>(std::move(model));
      }))
      .def("feed", &TextContext::Feed)
      .def("next", &TextContext::Next)
      .def("generate", &TextContext::Generate);
  py::class_<Records>(m, "RecordCodec")
      .def(py::init([](std::shared_ptr<occam::Model> model, int check_bytes,
                       const py::object& dictionary) {
        return std::make_unique<Records>(std::move(model), check_bytes, DictionaryOf(dictionary));
      }))
      .def("encode", &Records::Encode)
      .def("decode", &Records::Decode);
  m.def("record_size",
        [](const py::object& frame) { return occam::RecordCodec::SizeOf(View(frame).bytes()); });
  m.attr("RECORD_MAX") = OCCAM_RECORD_MAX;
  m.attr("FRAME_MAX") = OCCAM_FRAME_MAX;
  py::module_::import("atexit").attr("register")(py::cpp_function(&Call::Finish));
}
