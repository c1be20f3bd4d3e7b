"""Networks of torch_twin.py and twin_signals.py in Occam.

The float networks of both sides code alike to four digits. The exact network codes with theirs,
training goes on from it, and other networks are refused.

  twin_checkpoint_test.py BINARIES EXPERIMENTS
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile

import twin_fixture

try:
    import h5py
    import numpy
    import torch
except ImportError as missing:
    print(f"needs {missing.name}")
    sys.exit(77)

binaries, experiments = sys.argv[1:3]
checkpoint, configuration, training = (
    twin_fixture.module(experiments, f"occam_experiments.twin.{name}")
    for name in ("checkpoint", "configuration", "training"))
twin_command = twin_fixture.module(experiments, "occam_experiments.twin.command")
kept_signals, networks, sets, signals_command = (
    twin_fixture.module(experiments, f"occam_experiments.signals.{name}")
    for name in ("kept", "networks", "sets", "command"))
Failure = twin_fixture.module(experiments, "occam_experiments.errors").Failure

SHAPE = {"width": 32, "layers": 2, "context": 128, "batch": 4, "windows": [32, 128],
         "train_bytes": 40_000, "validation_bytes": 4096, "tokens": 8_000}


MEMORY = {"memory": "h1 h3/6 v1 v2", "memory_bits": 7, "memory_width": 8,
          "memory_optimizer": "row_rms", "memory_lr": 0.1, "memory_muon": 1}


def run(command, *arguments):
    done = subprocess.run([os.path.join(binaries, command), *arguments], capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def trained(data, *configurations):
    completed = [configuration.completed({**SHAPE, **c}) for c in configurations]
    made = training.Training(completed, data, "cpu", points=1)
    results = made.run()
    return results, made.kept(results)


def evaluated(path, corpus):
    return json.loads(run("evaluate", "--ckpt", path, "--data", corpus, "--float", "--json", "-q",
                          "-T", "1", "--bytes", "45904:50000"))


def both_sides_agree(folder, corpus, results, kept, within=1e-4):
    for number, (result, saved) in enumerate(zip(results, kept)):
        path = os.path.join(folder, f"{number}.h5")
        checkpoint.write_checkpoint(path, saved)
        seen = evaluated(path, corpus)
        apart = abs(seen["float_bits_per_byte"] - result["bpb_kept"])
        assert apart < within * result["bpb_kept"], (seen, result)
        exact = seen["model_alone"]["bits_per_byte"]
        assert abs(exact - result["bpb_kept"]) < 0.01 * result["bpb_kept"], (seen, result)


def few_bits_agree(folder, corpus, data):
    """Weights, projections and gates of 4 bits, trained in, are those that Occam codes with."""
    fields = {**MEMORY, "memory_layers": [1], "memory_gate": 2, "memory_round": "step 1",
              "weight_bits": 4, "rounded_share": 0.5}
    results, kept = trained(data, fields)
    path = os.path.join(folder, "few_bits.h5")
    checkpoint.write_checkpoint(path, kept[0])
    exact = evaluated(path, corpus)["model_alone"]["bits_per_byte"]
    coded = results[0]["bpb_coded"]
    assert abs(exact - coded) < 0.02 * coded, (exact, results)
    for tensor in json.loads(run("inspect", "--json", path))["tensors"]:
        bits = tensor["coded_bits_per_weight"]  # of 7 bits it would be about 7
        assert bits < 5 or tensor["codes"] < 1000, tensor


def write_images(path, images, train_bytes, shape):
    """A set of images, and the digest of what is to be trained on."""
    parts = images, images[:train_bytes], images[train_bytes:]
    whole, train, held = (hashlib.sha256(part.tobytes()).hexdigest() for part in parts)
    told = {"format": "occam prepared set", "version": 1, "kind": "images", "method": "some",
            "record_bytes": shape[0] * shape[1], "shape": shape, "train_bytes": train_bytes,
            "validation_bytes": len(images) - train_bytes, "sha256": whole,
            "train_sha256": train, "validation_sha256": held, "sources": []}
    images.tofile(path)
    with open(path + ".json", "w", encoding="utf-8") as file:
        json.dump(told, file)
    return train


def a_mixture_agrees(folder, data):
    """A text and a set of records: what is told of them, and both sides' rates of each."""
    data[:40_000].tofile(os.path.join(folder, "a.txt"))
    squares = numpy.tile(numpy.arange(128, dtype=numpy.uint8) // 8, 96)
    path = os.path.join(folder, "squares.set")
    digest = write_images(path, squares, 8192, [8, 16])
    c = configuration.completed({**SHAPE, **MEMORY, "train_bytes": 35_904,
                                 "shares": {"text": 0.75, "image": 0.25}})
    sources = [f"text={folder}/a.txt", f"image={path}+mirrored"]
    made = twin_command.made([c], sources, "cpu", {"points": 1})
    results = made.run()
    saved = os.path.join(folder, "mixture.h5")
    checkpoint.write_checkpoint(saved, made.kept(results)[0])
    for name, at in (("text", ["a.txt", "--bytes", "35904:40000"]), ("image", ["squares.set"])):
        seen = json.loads(run("evaluate", "--ckpt", saved, "--data", os.path.join(folder, at[0]),
                              *at[1:], "--float", "--json", "-q", "-T", "1"))
        twin = results[0]["bpb_kept_of"][name]
        assert abs(seen["float_bits_per_byte"] - twin) < 3e-4 * twin, (name, seen, results)
    shown = run("inspect", saved)
    assert "text (75.0 %) = a.txt, bytes 0:35904" in shown, shown
    assert f"image (25.0 %) = squares.set, bytes 0:8192, SHA-256 {digest}" in shown, shown


def of_one_kind(saved, kind):
    """What is kept of a network, for contexts of a kind alone: its row goes to all symbols."""
    alone = dict(saved)
    row = alone.pop("weights/signal_kind")[kind]
    alone["weights/embedding"] = alone["weights/embedding"] + row
    rules, kinds = alone["signal_rules"], alone.pop("signal_kinds")
    assert rules[-1] == 8
    alone["signal_rules"] = rules[:-1]
    if not kinds[kind]:
        alone = {name: x for name, x in alone.items() if "signal_" not in name}
    return alone


def kinds_agree(folder, data):
    """A network of kinds is, in contexts of each, the network of that kind alone."""
    data[:24_576].tofile(os.path.join(folder, "kinds.txt"))
    patches = numpy.concatenate([sets.patches(sets.gray(a)) for a in photographs()["imagenet"]])
    path = os.path.join(folder, "patches.set")
    write_images(path, patches.reshape(-1), 6 * 2048, [32, 64])
    gated = {**MEMORY, "memory_layers": [1], "memory_gate": 2, "memory_round": "step 1"}
    c = configuration.completed({**SHAPE, **gated, "context": 2048, "windows": [64, 0], "batch": 2,
                                 "train_bytes": 20_480, "validation_bytes": 4096,
                                 "tokens": 2 * 2048 * 10, "signals": "patches", "kinds": [0, 1],
                                 "kind_of": {"text": 0, "image": 1},
                                 "shares": {"text": 0.5, "image": 0.5}})
    sources = [f"text={folder}/kinds.txt", f"image={path}+mirrored"]
    made = twin_command.made([c], sources, "cpu", {"points": 1})
    results = made.run()
    saved = made.kept(results)[0]
    whole = os.path.join(folder, "kinds.h5")
    checkpoint.write_checkpoint(whole, saved)
    with h5py.File(whole) as file:
        config = file["config"].attrs
        assert config["signal_kinds"].tolist() == [0, 1]
        assert config["signal_rules"].tolist() == list(range(1, 9))
        assert file["weights/signal_kind"].shape == (2, SHAPE["width"])
    tail = {"text": ["kinds.txt", "--bytes", "20480:24576"], "image": ["patches.set"]}
    for kind, (name, at) in enumerate(tail.items()):
        alone = os.path.join(folder, f"kind{kind}.h5")
        checkpoint.write_checkpoint(alone, of_one_kind(saved, kind))
        seen = json.loads(run("evaluate", "--ckpt", alone, "--data", os.path.join(folder, at[0]),
                              *at[1:], "--float", "--json", "-q", "-T", "1"))
        twin = results[0]["bpb_kept_of"][name]
        assert abs(seen["float_bits_per_byte"] - twin) < 3e-4 * twin, (name, seen, results)
        assert abs(seen["model_alone"]["bits_per_byte"] - twin) < 0.02 * twin, (name, seen)


def training_goes_on(folder, corpus, before):
    further = os.path.join(folder, "further.h5")
    windows = ",".join(str(window) for window in SHAPE["windows"])
    run("train", "--init", os.path.join(folder, "0.h5"), "--width", "32", "--layers", "2",
        "--context", "128", "--windows", windows, "--data", corpus, "--train-bytes", "0:40000",
        "--val-bytes", "45904:50000", "--batch", "4", "--steps", "30", "--out", further, "-q",
        "-T", "1")
    assert evaluated(further, corpus)["float_bits_per_byte"] < before


def others_are_refused():
    others = [({"x0mix": 1}, "x0mix"), ({"rotary_base": 10_000.0}, "rotary_base"),
              ({"key_shift": 0}, "key_shift"), ({**MEMORY, "memory": "h2 w1"}, "w1"),
              ({**MEMORY, "memory_width": 0}, "rows"),
              ({**MEMORY, "memory_gate": 1}, "memory_gate"),
              ({**MEMORY, "memory_shared": 1}, "memory_shared")]
    for fields, word in others:
        try:
            checkpoint.check(configuration.completed({**SHAPE, **fields}))
        except Failure as error:
            assert word in str(error), (fields, error)
        else:
            raise AssertionError(f"{fields} was taken")


def photographs():
    """Smooth ones with some noise, more than are held out of each source."""
    random = numpy.random.default_rng(7)
    y, x = numpy.mgrid[:32, :128]
    waves = [120 + 60 * numpy.sin(y / (3 + k)) + 40 * numpy.cos(x / 9 + y / (7 + k))
             for k in range(5)]
    some = [numpy.clip(wave + random.normal(0, 3, wave.shape), 0, 255) for wave in waves]
    colour = [numpy.repeat(a.astype(numpy.uint8)[..., None], 3, axis=2) for a in some]
    return {"imagenet": colour, "kodak": colour[:3]}


def photographs_agree(folder):
    """Networks of patches: with and without residuals, lattices and rules, by the clock."""
    shape = {"width": 16, "layers": 2, "batch": 2, "windows": [32, 0], "tokens": 4096,
             "held_every": 1, "shares": {"imagenet grid": 1, "imagenet mirror": 1}}
    rules = "col row p dW dN dNE dNW"
    fields = [{"residual": "med", "rules": rules}, {"rules": "dNE row"}, {"residual": "med"}, {},
              {"residual": "lattice", "rules": "col p certainty dmed dN"}]
    loaded = photographs()
    sets.HELD.update(imagenet=2, kodak=1)
    for seconds, some in ((0, fields), (1, fields[:1])):
        made = [networks.completed({**shape, **c}) for c in some]
        signals = signals_command.made_of("patches", loaded, made, "cpu")
        training = networks.SignalTraining(made, signals, "cpu")
        results = training.run(seconds)
        patches = os.path.join(folder, "patches")
        held = [sets.patches(sets.gray(a)) for a in loaded["imagenet"][-2:]]
        numpy.concatenate(held).tofile(patches)
        for number, (result, saved) in enumerate(zip(results, training.kept(results))):
            path = os.path.join(folder, f"photographs{seconds}{number}.h5")
            checkpoint.write_checkpoint(path, saved)
            seen = json.loads(run("evaluate", "--ckpt", path, "--data", patches, "--float",
                                  "--json", "-q", "-T", "1", "--bytes", "0:8192"))
            twin = result["bpb"]["imagenet"]
            assert abs(seen["float_bits_per_byte"] - twin) < 3e-4 * twin, (number, seen, result)
            assert abs(seen["model_alone"]["bits_per_byte"] - twin) < 0.02 * twin, (seen, result)
    for fields, word in (({"residual": "ls"}, "ls"), ({"rules": "loco"}, "loco"),
                         ({"set": "gray"}, "patches"), ({"against": "gap"}, "gap"),
                         ({"residual": "med", "rules": "dmed"}, "lattice")):
        try:
            kept_signals.check(networks.completed(fields))
        except Failure as error:
            assert word in str(error), (fields, error)
        else:
            raise AssertionError(f"{fields} was taken")


torch.set_num_threads(1)  # a thread that waits for others would spin
with tempfile.TemporaryDirectory() as work:
    photographs_agree(work)
    data = twin_fixture.text(50_000)
    corpus_path = os.path.join(work, "text")
    data.tofile(corpus_path)
    assert isinstance(data, numpy.ndarray)
    outcome, networks = trained(data, {}, {"seed": 2, "windows": [64, 16]})
    both_sides_agree(work, corpus_path, *trained(data, MEMORY))
    both_sides_agree(work, corpus_path, outcome, networks)
    if "--full" in sys.argv[3:]:
        gated = {**MEMORY, "memory_layers": [1], "memory_gate": 2, "memory_round": "step 1"}
        # The gates of the twin are products of bfloat16.
        both_sides_agree(work, corpus_path, *trained(data, gated), within=3e-4)
        few_bits_agree(work, corpus_path, data)
        a_mixture_agrees(work, data)
    kinds_agree(work, data)
    training_goes_on(work, corpus_path, outcome[0]["bpb_kept"])
    others_are_refused()
print("the twin's networks code, and are trained on, in Occam")
