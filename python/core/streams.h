// Python's buffers and files as the library reads and writes them.
#ifndef OCCAM_PYTHON_CORE_STREAMS_H_
#define OCCAM_PYTHON_CORE_STREAMS_H_

#include <pybind11/pybind11.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "core/call.h"
#include "occam/occam.h"

namespace occam::python {

// The bytes of an object with a buffer, which is neither copied nor changed while this lives.
class View {
 public:
  explicit View(const py::object& object)
      : view_(py::reinterpret_steal<py::object>(PyMemoryView_FromObject(object.ptr()))) {
    if (!view_) throw py::error_already_set();
    const Py_buffer* const buffer = PyMemoryView_GET_BUFFER(view_.ptr());
    if (PyBuffer_IsContiguous(buffer, 'C') == 0)
      throw py::value_error("the bytes of the array do not follow each other in memory");
    bytes_ = {static_cast<const uint8_t*>(buffer->buf), static_cast<size_t>(buffer->len)};
  }
  std::span<const uint8_t> bytes() const { return bytes_; }

 private:
  py::object view_;
  std::span<const uint8_t> bytes_;
};

// A memoryview of foreign bytes, which nobody can use once this is gone.
class LentBytes {
 public:
  LentBytes(void* bytes, size_t size, int access)
      : view_(py::reinterpret_steal<py::object>(PyMemoryView_FromMemory(
            static_cast<char*>(bytes), static_cast<Py_ssize_t>(size), access))) {
    if (!view_) throw py::error_already_set();
  }
  ~LentBytes() {
    const py::error_scope raised;  // stays what it was
    PyObject* const result = PyObject_CallMethod(view_.ptr(), "release", nullptr);
    if (result == nullptr) PyErr_Clear();
    Py_XDECREF(result);
  }
  LentBytes(const LentBytes&) = delete;
  LentBytes& operator=(const LentBytes&) = delete;
  const py::object& view() const { return view_; }

 private:
  py::object view_;
};

// A file of Python's, open for reading. Positions are counted from where it stood.
class FileReader final : public Reader {
 public:
  FileReader(Call& call, py::handle file, bool seeks) : call_(call), file_(file) {
    if (seeks) call_.Ask([this] { FindSize(); });
  }
  size_t Read(std::span<uint8_t> out) override {
    size_t size = 0;
    call_.Ask([&] { size = ReadNow(out); });
    return size;
  }
  std::optional<uint64_t> size() const override { return size_; }
  void Seek(uint64_t position) override {
    call_.Ask([&] { file_.attr("seek")(begin_ + std::min(position, size_.value_or(0))); });
  }
  std::string name() const override { return "the file"; }

 private:
  size_t ReadNow(std::span<uint8_t> out) const {
    if (py::hasattr(file_, "readinto")) {
      const LentBytes lent(out.data(), out.size(), PyBUF_WRITE);
      return py::cast<size_t>(file_.attr("readinto")(lent.view()));
    }
    const View bytes(file_.attr("read")(out.size()));
    if (bytes.bytes().size() > out.size()) throw py::value_error("read(n) gave more than n bytes");
    std::ranges::copy(bytes.bytes(), out.begin());
    return bytes.bytes().size();
  }
  void FindSize() {
    if (!py::hasattr(file_, "seekable") || !py::cast<bool>(file_.attr("seekable")())) return;
    begin_ = py::cast<uint64_t>(file_.attr("tell")());
    const auto end = py::cast<uint64_t>(file_.attr("seek")(0, 2));
    file_.attr("seek")(begin_);
    size_ = end - std::min(begin_, end);
  }

  Call& call_;
  py::handle file_;  // the call's job keeps it
  uint64_t begin_ = 0;
  std::optional<uint64_t> size_;
};

// A file of Python's, open for writing.
class FileWriter final : public Writer {
 public:
  FileWriter(Call& call, py::handle file) : call_(call), file_(file) {}
  void Write(std::span<const uint8_t> bytes) override {
    call_.Ask([&] {
      for (auto rest = bytes; !rest.empty();) rest = rest.subspan(WriteNow(rest));
    });
  }
  std::string name() const override { return "the output file"; }

 private:
  size_t WriteNow(std::span<const uint8_t> bytes) const {
    const LentBytes lent(const_cast<uint8_t*>(bytes.data()), bytes.size(), PyBUF_READ);
    const py::object size = file_.attr("write")(lent.view());
    return size.is_none() ? bytes.size() : std::min(py::cast<size_t>(size), bytes.size());
  }

  Call& call_;
  py::handle file_;  // the call's job keeps it
};

// A bytes object that grows while it is written: the only copy that a result takes.
class GrowingBytes {
 public:
  GrowingBytes() : bytes_(PyBytes_FromStringAndSize(nullptr, kLeast)), room_(kLeast) {
    if (bytes_ == nullptr) throw py::error_already_set();
  }
  ~GrowingBytes() { Py_XDECREF(bytes_); }
  GrowingBytes(const GrowingBytes&) = delete;
  GrowingBytes& operator=(const GrowingBytes&) = delete;

  // Adds bytes of the worker. Python is asked for more memory alone.
  void Append(Call& call, std::span<const uint8_t> bytes) {
    if (room_ - size_ < bytes.size())
      call.Ask([&] { Resize(std::max(size_ + bytes.size(), room_ + room_ / 2)); });
    if (!bytes.empty()) std::memcpy(PyBytes_AS_STRING(bytes_) + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
  }
  // Gives the bytes away, once and after the last byte.
  py::bytes Take() {
    Resize(size_);
    return py::reinterpret_steal<py::bytes>(std::exchange(bytes_, nullptr));
  }

 private:
  static constexpr size_t kLeast = 1 << 12;

  void Resize(size_t room) {
    if (_PyBytes_Resize(&bytes_, static_cast<Py_ssize_t>(room)) != 0) throw py::error_already_set();
    room_ = room;
  }

  PyObject* bytes_;
  size_t size_ = 0;
  size_t room_;
};

class BytesWriter final : public Writer {
 public:
  BytesWriter(Call& call, GrowingBytes& bytes) : call_(call), bytes_(bytes) {}
  void Write(std::span<const uint8_t> bytes) override { bytes_.Append(call_, bytes); }

 private:
  Call& call_;
  GrowingBytes& bytes_;
};

// The source of a call: an object with a buffer, or with a method read.
class Input {
 public:
  explicit Input(const py::object& object) : object_(object) {
    if (!py::hasattr(object, "read")) view_.emplace(object);
  }
  std::unique_ptr<Reader> Open(Call& call, bool seeks) const {
    if (view_) return std::make_unique<BytesReader>(view_->bytes());
    return std::make_unique<FileReader>(call, object_, seeks);
  }

 private:
  py::object object_;
  std::optional<View> view_;
};

// The sink of a call: an object with a method write, or None for new bytes.
class Output {
 public:
  explicit Output(const py::object& object) : object_(object) {
    if (object.is_none()) bytes_ = std::make_unique<GrowingBytes>();
  }
  std::unique_ptr<Writer> Open(Call& call) const {
    if (bytes_) return std::make_unique<BytesWriter>(call, *bytes_);
    return std::make_unique<FileWriter>(call, object_);
  }
  // The bytes that were written, or None where they went to a file.
  py::object Take() { return bytes_ ? py::object(bytes_->Take()) : py::none(); }

 private:
  py::object object_;
  std::unique_ptr<GrowingBytes> bytes_;
};

}  // namespace occam::python

#endif  // OCCAM_PYTHON_CORE_STREAMS_H_
