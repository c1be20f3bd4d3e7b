"""Models: what they tell, predict and draw; pickling; records; checkpoints; training."""

import multiprocessing
import pickle

import numpy as np
import occam
import pytest
from conftest import text


def test_a_model_tells_what_it_is(trained, tiny):
    assert (tiny.name, tiny.width, tiny.layers, tiny.context) == ("tiny", 16, 2, 64)
    assert tiny.vocabulary == 256 and tiny.tokenizer == "bytes" and len(tiny.id) == 64
    assert "7,392 parameters" in repr(tiny) or f"{tiny.parameters:,} parameters" in repr(tiny)
    standard = occam.Model()
    assert occam.built_in_models()[0] == standard.name
    assert "context 2048 bytes" in repr(standard) and "16.88 % by Occam" in repr(standard)
    assert standard.card.rates["xz"] == 27.75 and "= wiki62" in standard.card.trained_on
    assert "; mail (" in standard.card.trained_on
    assert tiny.card is None
    assert occam.Model(str(trained / "tiny.occm")) == tiny != standard
    assert len({tiny, occam.Model(tiny.serialise(coded=True))}) == 1


def test_models_that_are_none(trained, tmp_path):
    with pytest.raises(FileNotFoundError):
        occam.Model(tmp_path / "missing.occm")
    with pytest.raises(occam.UsageError, match="inspect .* --export"):
        occam.Model(trained / "tiny.h5")
    for bad in (b"", b"no model", occam.Model(trained / "tiny.occm").serialise()[:-9]):
        with pytest.raises(occam.DamagedError):
            occam.Model(bad)


def test_models_and_codecs_are_pickled(tiny, tmp_path):
    again = pickle.loads(pickle.dumps(tiny))
    assert again == tiny and again.name == "tiny"
    assert len(pickle.dumps(occam.Model())) < 200
    assert pickle.loads(pickle.dumps(occam.Model())).card == occam.Model().card
    codec = pickle.loads(pickle.dumps(occam.RecordCodec(tiny, check=2)))
    assert codec.decode(occam.RecordCodec(tiny, check=2).encode(b"record")) == b"record"
    tiny.save(tmp_path / "copy.occm", coded=True)
    assert occam.Model(tmp_path / "copy.occm") == tiny


def compressed_size(model):
    return len(occam.compress(text(1000), model=model))


def test_processes_share_a_model(tiny):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(compressed_size, [tiny]) == [compressed_size(tiny)]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(compressed_size, [tiny] * 2) == [compressed_size(tiny)] * 2


def test_distributions_are_what_costs_are_made_of(tiny):
    context = text(300)
    p = occam.next_distribution(context, model=tiny)
    assert p.shape == (256,) and p.dtype == np.float64 and p.sum() == 1.0 and p.min() > 0
    for byte in b" et\0":
        whole = context + bytes([byte])
        bits = occam.costs(whole, model=tiny, mode="carried")
        assert bits[-1] == pytest.approx(-np.log2(p[byte]), abs=1e-5)
    assert occam.next_distribution(model=tiny).sum() == 1.0


def test_generation_is_that_of_the_command(trained, tiny, command):
    for options in ({}, {"temperature": 0.5}, {"top_k": 3, "seed": 9}, {"temperature": 0}):
        flags = [f for name, v in options.items() for f in ("--" + name.replace("_", "-"), v)]
        drawn = occam.generate(b"the of ", 60, model=tiny, **options)
        told = ["generate", "--ckpt", trained / "tiny.occm", "--prompt", "the of ", "--bytes", 60]
        assert drawn == command(*told, "-q", *flags)
    with pytest.raises(occam.UsageError):
        occam.generate(b"", temperature=-1, model=tiny)
    assert occam.generate(b"x", 0, model=tiny) == b""


def test_records_are_the_frames_of_the_command(trained, tiny, command, tmp_path):
    for check in (0, 1, 2):
        codec = occam.RecordCodec(tiny, check=check)
        for record in (b"", b"a", text(155), text(5000), bytes(range(256))):
            frame = codec.encode(record)
            (tmp_path / "record").write_bytes(record)
            raw = ["--raw-frame", "--check-bytes", check, "-c", tmp_path / "record"]
            assert frame == command("compress", "--ckpt", trained / "tiny.occm", *raw)
            assert len(frame) <= len(record) + occam.FRAME_MAX
            assert codec.decode(np.frombuffer(frame, np.uint8)) == record
            assert codec.size(frame) == len(record)
    wrong = occam.RecordCodec(check=2)
    with pytest.raises(occam.DamagedError):
        wrong.decode(codec.encode(text(155)))
    with pytest.raises(occam.DamagedError):
        codec.decode(codec.encode(text(155))[:-2])
    with pytest.raises(occam.UsageError):
        codec.encode(bytes(occam.RECORD_MAX + 1))
    assert repr(codec) == "occam.RecordCodec(tiny, check=2)"


def test_tensors_of_a_checkpoint_are_arrays(trained, tmp_path):
    pytest.importorskip("h5py")
    checkpoint = occam.Checkpoint(trained / "tiny.h5")
    assert checkpoint.config["width"] == 16 and checkpoint.config["windows"] == [16, 0]
    assert "--width 16" in checkpoint.provenance["command_line"]
    tensors = dict(checkpoint)
    assert tensors["embedding"].shape == (257, 16) and tensors["head"].dtype == np.float32
    assert len(tensors) == len(checkpoint) and all(t.std() > 0 for t in tensors.values())
    count = sum(t.size for t in tensors.values())
    assert count == occam.Model(trained / "tiny.occm").parameters
    assert f"{count:,} parameters" in repr(checkpoint)
    with pytest.raises(KeyError):
        checkpoint["gone"]
    data = bytearray((trained / "tiny.h5").read_bytes())
    data[5000] ^= 1
    (tmp_path / "hurt.h5").write_bytes(data)
    for bad in (tmp_path / "hurt.h5", trained / "tiny.occm"):
        with pytest.raises(occam.DamagedError):
            occam.Checkpoint(bad)


SHAPE = {"params": None, "width": 16, "layers": 2, "context": 64, "windows": "16,0", "batch": 16}


def test_training_gives_the_commands_model_and_tells_events(trained, tiny, tmp_path):
    events, told = [], []
    made = occam.train(
        text(60000),
        tmp_path / "made.h5",
        steps=200,
        threads=1,
        callback=events.append,
        progress=lambda done, total: told.append((done, total)),
        **SHAPE,
    )
    assert made.model == tiny and made.finished and made.model.name == "made"
    assert made.log == events and {"start", "step", "validation"} <= {e["event"] for e in events}
    assert 0 < made.bits_per_byte < 8
    assert made.checkpoint == tmp_path / "made.h5" and made.checkpoint.exists()
    assert told[-1] == (200, 200)


def test_training_stops_where_the_callback_says_so(trained):
    made = occam.train(
        trained / "text", steps=100000, threads=1, callback=lambda e: e["event"] != "step", **SHAPE
    )
    assert not made.finished and made.checkpoint is None
    assert len(occam.compress(text(1000), model=made.model)) < 1000


def test_training_that_fails_says_what_the_command_says(tmp_path):
    with pytest.raises(occam.FileError, match="missing"):
        occam.train(tmp_path / "missing", steps=1)
    with pytest.raises(occam.UsageError, match="params"):
        occam.train(text(5000), steps=1, params="many")
    with pytest.raises(occam.UsageError, match="one of"):
        occam.train(text(5000), steps=1, minutes=1)
    with pytest.raises(occam.FileError, match="OCCAM_COMMAND"):
        occam.train(text(5000), steps=1, command="no-such-program")
