"""Compressing and restoring: the commands' bytes, from and to whatever Python has."""

import array
import hashlib
import io
import pathlib
import pickle

import numpy as np
import occam
import pytest
from conftest import text

MODES = ["chunked", "carried", "adaptive"]


@pytest.mark.parametrize("mode", MODES)
def test_files_are_those_of_the_commands(mode, trained, tiny, command, tmp_path):
    original = text(3000, seed=2)
    (tmp_path / "text").write_bytes(original)
    ckpt = ["--ckpt", trained / "tiny.occm"]
    for options, more in (({}, []), ({"embed_model": True}, ["--embed-model"])):
        file = occam.compress(original, model=tiny, mode=mode, **options)
        assert file == command("compress", *ckpt, "--mode", mode, *more, "-c", tmp_path / "text")
        (tmp_path / "text.occ").write_bytes(file)
        assert command("decompress", *ckpt, "-c", tmp_path / "text.occ") == original
        assert occam.decompress(file, model=None if options else tiny) == original
        assert occam.decompress(file, model=tiny, offset=1000, length=70) == original[1000:1070]


def test_mode_long_has_leave_for_its_memory(trained, tiny, command):
    original = text(3000, seed=2)
    with pytest.raises(occam.OutOfMemoryError):
        occam.compress(original, model=tiny, mode="long")
    file = occam.compress(original, model=tiny, mode="long", memory=4 * 10**9)
    ckpt = ["--ckpt", trained / "tiny.occm", "--memory", "4G"]
    assert file == command("compress", *ckpt, "--long", data=original)
    assert occam.inspect(file).mode == "long"
    assert occam.decompress(file, model=tiny, memory=4 * 10**9) == original


def test_the_built_in_model_needs_no_name(command):
    original = text(500)
    file = occam.compress(original)
    assert file == command("compress", "--mode", "chunked", data=original)
    assert occam.decompress(file) == original
    assert occam.compress(original, model="broad-800K", threads=3) == file


def test_data_comes_as_bytes_arrays_paths_and_files(tiny, tmp_path):
    original = text(4096)
    file = occam.compress(original, model=tiny)
    (tmp_path / "text").write_bytes(original)
    floats = np.frombuffer(original, np.float32).reshape(32, 32)
    for data in (
        bytearray(original),
        memoryview(original),
        array.array("d", original),
        floats,
        tmp_path / "text",
        io.BytesIO(original),
        open(tmp_path / "text", "rb", buffering=0),
    ):
        assert occam.compress(data, model=tiny) == file
    assert occam.compress(np.asfortranarray(floats).T.T.copy(order="C"), model=tiny) == file
    with pytest.raises(ValueError, match="do not follow each other"):
        occam.compress(floats[:, ::2], model=tiny)
    with pytest.raises(TypeError, match="encode"):
        occam.compress("text", model=tiny)
    with pytest.raises(TypeError):
        occam.compress(17, model=tiny)


def test_results_go_to_paths_and_files(tiny, tmp_path):
    original = text(3000)
    file = occam.compress(original, model=tiny)
    stats = occam.compress(original, tmp_path / "a.occ", model=tiny)
    assert (tmp_path / "a.occ").read_bytes() == file
    assert (stats.original_bytes, stats.file_bytes) == (3000, len(file))
    assert stats.rate == len(file) / 3000 and stats.segments == 1
    sink = io.BytesIO()
    stats = occam.decompress(tmp_path / "a.occ", sink, model=tiny)
    assert sink.getvalue() == original and stats.file_bytes == len(file)
    occam.decompress(io.BytesIO(file), str(tmp_path / "again"), model=tiny)
    assert (tmp_path / "again").read_bytes() == original
    # A part is found by the index, from where the file stands.
    shifted = io.BytesIO(b"before" + file)
    shifted.seek(6)
    assert occam.decompress(shifted, model=tiny, offset=2990) == original[2990:]


def test_a_failure_leaves_no_file(tiny, tmp_path):
    file = bytearray(occam.compress(text(3000), model=tiny))
    file[200] ^= 1
    with pytest.raises(occam.DamagedError):
        occam.decompress(file, tmp_path / "out", model=tiny)
    assert list(tmp_path.iterdir()) == []


def test_readers_that_give_little_or_know_nothing(tiny):
    class Pipe:
        def __init__(self, data):
            self.inner = io.BytesIO(data)

        def read(self, size):
            return self.inner.read(min(size, 7))

    class Sink:
        def __init__(self):
            self.data = bytearray()

        def write(self, data):
            self.data += data[:5]
            return min(5, len(data))

    original = text(500)
    sink = Sink()
    occam.compress(Pipe(original), sink, model=tiny)
    assert sink.data == occam.compress(original, model=tiny)
    assert occam.decompress(Pipe(bytes(sink.data)), model=tiny, offset=3) == original[3:]


def test_errors_are_exceptions_by_kind(tiny, tmp_path):
    file = occam.compress(text(600), model=tiny)
    for bad in (b"", b"nothing", file[:-1], file + b"x"):
        with pytest.raises(occam.DamagedError) as raised:
            occam.decompress(bad, model=tiny)
        assert isinstance(raised.value, (occam.Error, ValueError))
    with pytest.raises(occam.UsageError, match="give the model"):
        occam.decompress(file)
    with pytest.raises(occam.UsageError, match="chunked, carried, adaptive"):
        occam.compress(b"x", mode="neither")
    with pytest.raises(FileNotFoundError):
        occam.compress(tmp_path / "missing")
    with pytest.raises(occam.OutOfMemoryError) as raised:
        occam.compress(b"x", memory=1000)
    assert isinstance(raised.value, MemoryError)


def test_exceptions_of_files_come_out_unchanged(tiny):
    class Broken(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, buffer):
            raise RuntimeError("my own")

        def write(self, data):
            raise KeyError("my own, too")

    with pytest.raises(RuntimeError, match="my own"):
        occam.compress(Broken(), model=tiny)
    with pytest.raises(KeyError, match="my own, too"):
        occam.compress(text(100), Broken(), model=tiny)
    assert occam.decompress(occam.compress(b"x", model=tiny), model=tiny) == b"x"


def test_salvage_tells_what_is_missing(tiny, trained):
    original = text(60000) * 9  # two segments
    file = bytearray(occam.compress(original, model=tiny))
    assert occam.salvage(bytes(file), model=tiny) == (original, [])
    file[300] ^= 1
    restored, damage = occam.salvage(file, model=tiny)
    begin, end = damage[0].begin, damage[0].end
    assert (begin, len(restored)) == (0, len(original)) and damage[0].why
    assert restored == bytes(end) + original[end:]


def test_lanes_are_those_that_are_asked_for(tiny):
    original = text(20000)
    for lanes, layout in ((1, 5), (8, 2), (32, 0)):
        file = occam.compress(original, model=tiny, mode="adaptive", lanes=lanes)
        assert occam.decompress(file, model=tiny) == original
        assert file[10] >> 4 == layout  # docs/spec/occ.md, section 10
    for mode, lanes in (("carried", 1), ("adaptive", 33), ("adaptive", -1)):
        with pytest.raises(occam.UsageError, match="lanes"):
            occam.compress(original, model=tiny, mode=mode, lanes=lanes)


def test_a_dictionary_is_learned_by_both_sides(tiny):
    old = text(3000)
    new = old[:1000] + b"something new" + old[1000:]
    file = occam.compress(new, model=tiny, dictionary=old)
    assert len(file) * 4 < len(occam.compress(new, model=tiny, mode="adaptive"))
    assert occam.decompress(file, model=tiny, dictionary=np.frombuffer(old, np.uint8)) == new
    assert occam.salvage(file, model=tiny, dictionary=old) == (new, [])
    info = occam.inspect(file)
    assert (info.mode, info.dictionary_id) == ("adaptive", hashlib.sha256(old).hexdigest()[:16])
    with pytest.raises(occam.UsageError, match="needs the dictionary"):
        occam.decompress(file, model=tiny)
    with pytest.raises(occam.DamagedError):
        occam.decompress(file, model=tiny, dictionary=new)
    with pytest.raises(occam.UsageError, match="empty"):
        occam.compress(new, model=tiny, dictionary=b"")
    codec = occam.RecordCodec(tiny, dictionary=old)
    frame = codec.encode(old[500:800])
    assert pickle.loads(pickle.dumps(codec)).decode(frame) == old[500:800]
    assert len(frame) * 2 < len(occam.RecordCodec(tiny).encode(old[500:800]))


def test_inspect_tells_what_a_file_is(tiny):
    original = text(900)
    info = occam.inspect(occam.compress(original, model=tiny, mode="carried", embed_model=True))
    assert (info.mode, info.context) == ("carried", 64)
    assert info.model_id == tiny.id[:16] + 48 * "0"  # a short file holds 8 bytes of it
    assert info.stats.original_bytes == 900 and info.stats.model_bytes > 0
    assert occam.Model(info.model) == tiny
    assert occam.inspect(occam.compress(b"", model=tiny)).model == b""


@pytest.mark.parametrize("mode", MODES)
def test_costs_are_those_of_the_payload(mode, tiny):
    original = text(400, seed=3)  # so short that order 2 knows less than the model
    bits = occam.costs(original, model=tiny, mode=mode)
    assert bits.dtype == np.float32 and bits.shape == (400,) and (bits > 0).all()
    stats = occam.inspect(occam.compress(original, model=tiny, mode=mode)).stats
    assert stats.model_segments == stats.segments == 1
    # Streams end with a whole byte each, and leave out zeros that a decoder adds.
    assert -1 < stats.payload_bytes - bits.sum(dtype=np.float64) / 8 < 3
    again = occam.costs(np.frombuffer(original, np.uint8), model=tiny, mode=mode, threads=2)
    assert np.array_equal(bits, again)


def test_paths_are_not_guessed(tmp_path):
    assert isinstance(tmp_path, pathlib.Path)
    with pytest.raises(TypeError, match="Path"):
        occam.decompress(str(tmp_path / "a.occ"))


def test_older_forms_of_modes_are_told_apart():
    golden = pathlib.Path(__file__).parents[2] / "tests" / "portability" / "golden"
    modes = {
        "adaptive.occ": "first adaptive",
        "expert.occ": "second adaptive",
        "step.occ": "adaptive",
        "long.occ": "first long",
        "step-long.occ": "long",
    }
    assert {name: occam.inspect(golden / name).mode for name in modes} == modes
