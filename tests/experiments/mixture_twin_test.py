"""torch_twin.py on a mixture of sets: what is read, where sequences begin, and what is learned.

  mixture_twin_test.py EXPERIMENTS
"""

import hashlib
import json
import os
import sys
import tempfile

import twin_fixture  # skips the test where PyTorch is missing
from twin_fixture import text

import numpy
import torch

command, configuration, mixture, sources = (
    twin_fixture.module(sys.argv[1], f"occam_experiments.twin.{name}")
    for name in ("command", "configuration", "mixture", "sources"))
Failure = twin_fixture.module(sys.argv[1], "occam_experiments.errors").Failure

SHARES = {"text": 0.5, "image": 0.25, "sound": 0.25}
SHAPE = {"width": 16, "layers": 2, "context": 64, "batch": 4, "windows": [16, 64],
         "train_bytes": 20_000, "validation_bytes": 2048, "tokens": 64 * 4 * 60, "shares": SHARES}
ROWS, COLUMNS = 4, 16  # of an image's record, which is a context


def write_set(path, data, train_bytes, **more):
    train = data[:train_bytes].tobytes()
    told = {"train_bytes": train_bytes, "validation_bytes": len(data) - train_bytes,
            "train_sha256": hashlib.sha256(train).hexdigest(), **more}
    data.tofile(path)
    with open(path + ".json", "w", encoding="utf-8") as file:
        json.dump(told, file)


def files(folder):
    """A text, photographs that rise from column to column, and a sound: their --data."""
    random = numpy.random.default_rng(3)
    text(24_000).tofile(os.path.join(folder, "a.txt"))
    images = 8 * numpy.arange(COLUMNS) + random.integers(0, 100, (300, ROWS, 1))
    write_set(os.path.join(folder, "image.set"), images.astype(numpy.uint8).reshape(-1), 64 * 260,
              record_bytes=ROWS * COLUMNS, shape=[ROWS, COLUMNS])
    sound = 30 + 20 * numpy.sin(numpy.arange(9000) / 5)
    write_set(os.path.join(folder, "sound.set"), sound.astype(numpy.uint8), 7000, record_bytes=1)
    return [f"text={folder}/a.txt", f"image={folder}/image.set+mirrored",
            f"sound={folder}/sound.set+inverted"]


def training(data, *fields, **options):
    some = [configuration.completed({**SHAPE, **f}) for f in fields]
    return command.made(some, data, "cpu", {"points": 1, **options})


def copies_are_behind_what_they_are_of(data):
    c = configuration.completed(SHAPE)
    whole, image, sound = (sources.read_source(x, c) for x in data)
    assert (len(whole.train), whole.validation_range, whole.record) == (20_000, (21952, 24000), 1)
    records = image.train.reshape(2, -1, ROWS, COLUMNS)
    assert (records[0] == records[1][:, :, ::-1]).all() and len(image.validation) == 40 * 64
    assert (records[0][:, :, 1] - records[0][:, :, 0] == 8).all()
    assert (sound.train[:7000] == 255 - sound.train[7000:]).all()
    assert sound.train_range == (0, 7000) and len(sound.validation) == 2000


def sequences_are_of_the_shares_and_records_begin_anew(data):
    made = training(data, {}, {"shares": {"text": 0.2, "image": 0.7, "sound": 0.1}, "seed": 2})
    for e, shares in enumerate(((0.5, 0.25, 0.25), (0.2, 0.7, 0.1))):
        starts = made.starts[:, e].flatten().numpy()
        of = numpy.searchsorted(made.begins[1:], starts, side="right")
        for k, share in enumerate(shares):
            assert abs((of == k).mean() - share) < 2 / len(starts) + 1 / 1024, (k, of)
        ends = made.begins[1:][of]
        assert (starts + 64 <= ends).all()
        assert ((starts - made.begins[1]) % 64 == 0)[of == 1].all()
        assert len(set(starts[of == 1].tolist())) == (of == 1).sum()  # less than a pass
        assert len({int(s) % 64 for s in starts[of == 0]}) == 1  # the cut of its first pass
        for step in range(2):
            made.counter.fill_(step)
            inputs, targets = made.sequences()
            for b in range(4):
                at, source = made.starts[step, e, b].item(), of[4 * step + b]
                first = 256 if source == 1 or b % 2 == 0 else made.train_data[at - 1].item()
                assert inputs[e, b, 0] == first, (step, b, source)
                expected = made.train_data[at:at + 64].tolist()
                assert targets[e, b].tolist() == expected
                assert inputs[e, b, 1:].tolist() == expected[:-1]


def a_mixture_is_learned_and_told_of(data):
    memory = {"memory": "h2 h3", "memory_bits": 8, "memory_width": 8, "memory_muon": 1,
              "memory_optimizer": "row_rms", "memory_lr": 0.1, "memory_round": "step 1"}
    made = training(data, {}, memory, points=2)
    results = made.run()
    for result in results:
        of = result["curve"][-1]["bpb_of"]
        mean = sum(SHARES[name] * of[name] for name in SHARES)
        assert abs(mean - result["bpb"]) < 1e-4, result
        before = result["curve"][0]["bpb_of"]
        assert all(of[name] < before[name] - 0.2 for name in SHARES), result["curve"]
    assert results[1]["curve"][-1]["bpb_of"]["text"] < results[0]["curve"][-1]["bpb_of"]["text"]
    kept = made.kept(results)
    told = json.loads(str(kept[1]["configuration"]))["sources"]
    assert [s["name"] for s in told] == list(SHARES) and told[1]["record_bytes"] == 64
    assert [s["share"] for s in told] == list(SHARES.values())
    assert set(results[1]["bpb_coded_of"]) == set(SHARES)


def a_clock_ends_a_run(data):
    """Whatever the clock says, rates of learning come to their end, and rounding is trained in."""
    made = training(data, {"memory": "h2", "memory_bits": 6, "memory_width": 8,
                           "memory_round": "step 1", "rounded_share": 0.2, "tokens": 256 * 1000})
    made.share_of = lambda seconds, began: made.counter.item() / 120  # is asked every 50 steps
    result = made.run(60)[0]
    assert result["tokens"] == 256 * 150 and len(result["curve"]) == 1, result
    assert made.factors[50, 0] == 1 - 0.98 * (50 / 120 - 0.4) / 0.6 and made.factors[149, 0] == 0
    assert made.rounding[:150, 0].tolist() == [0.0] * 96 + [1.0] * 54
    assert made.memory_rounding[:150, 0].tolist() == [0.0] * 72 + [1.0] * 78


def others_are_refused(folder, data):
    c = configuration.completed(SHAPE)
    wrong = [(lambda: sources.read_source(data[0] + "+mirrored", c), "mirrored"),
             (lambda: sources.read_source(data[0], {**c, "train_bytes": 10**6}), "a.txt"),
             (lambda: sources.quotas([1, 1e-5]), "1024"),
             (lambda: command.check_data(data[:2], [[({"name": "some"}, c)]]), "some"),
             (lambda: command.check_data([data[0], "b.txt"], []), "name")]
    for call, word in wrong:
        try:
            call()
        except Failure as failure:
            assert word in str(failure), failure
        else:
            raise AssertionError(f"{word}: was taken")
    with open(os.path.join(folder, "sound.set"), "r+b") as file:
        file.write(b"\xff")
    try:
        sources.read_source(data[2], c)
    except Failure as failure:
        assert "sound.set" in str(failure)
    else:
        raise AssertionError("a damaged set was taken")


if __name__ == "__main__":
    torch.set_num_threads(1)  # a thread that waits for others would spin
    torch.manual_seed(1)
    with tempfile.TemporaryDirectory() as work:
        sets = files(work)
        for test in (copies_are_behind_what_they_are_of,
                     sequences_are_of_the_shares_and_records_begin_anew,
                     a_mixture_is_learned_and_told_of, a_clock_ends_a_run):
            test(sets)
            print(f"{test.__name__}: ok", flush=True)
        others_are_refused(work, sets)
    print("others_are_refused: ok")
