"""torch_twin.py on a mixture with kinds of contexts, of which some have signals.

Lines are those of the page's SignalPast. A kind without signals is coded as without rows, one with
signals as by twin_signals.py, and a memory beside them sees bytes.

  kinds_twin_test.py EXPERIMENTS
"""

import json
import math
import os
import re
import sys
import tempfile

import twin_fixture  # skips the test where PyTorch is missing
from mixture_twin_test import write_set
from twin_fixture import text

import numpy
import torch

command, configuration, kinds, layers, network = (
    twin_fixture.module(sys.argv[1], f"occam_experiments.twin.{name}")
    for name in ("command", "configuration", "kinds", "layers", "network"))
kept, networks, sets = (twin_fixture.module(sys.argv[1], f"occam_experiments.signals.{name}")
                        for name in ("kept", "networks", "sets"))
Failure = twin_fixture.module(sys.argv[1], "occam_experiments.errors").Failure

RECORD = 2048
MEMORY = {"memory": "h2 h3", "memory_bits": 8, "memory_width": 8, "memory_muon": 1,
          "memory_optimizer": "row_rms", "memory_lr": 0.1, "memory_round": "step 1"}
KINDS = {"signals": "patches", "kinds": [0, 1, 0], "kind_of": {"text": 0, "image": 1, "sound": 2}}
SHAPE = {"width": 16, "layers": 1, "context": RECORD, "batch": 2, "windows": [64], **KINDS,
         "train_bytes": 20_480, "validation_bytes": 4096, "tokens": 2 * RECORD * 20,
         "shares": {"text": 0.25, "image": 0.5, "sound": 0.25}}


def pictures(count, seed=3):
    """Smooth patches with some noise, uint8 [count * RECORD]."""
    random = numpy.random.default_rng(seed)
    y, x = numpy.mgrid[:32, :64]
    some = [120 + 60 * numpy.sin(y / (3 + k % 5)) + 40 * numpy.cos(x / 4 + y / (7 + k % 3))
            + random.normal(0, 5, x.shape) for k in range(count)]
    return numpy.clip(numpy.array(some), 0, 255).astype(numpy.uint8).reshape(-1)


def files(folder):
    """A text, a set of patches and a sound: their --data."""
    text(24_576).tofile(os.path.join(folder, "a.txt"))
    write_set(os.path.join(folder, "image.set"), pictures(24), 20 * RECORD, record_bytes=RECORD,
              shape=[32, 64])
    sound = 30 + 20 * numpy.sin(numpy.arange(24_576) / 5)
    write_set(os.path.join(folder, "sound.set"), sound.astype(numpy.uint8), 20_480, record_bytes=1)
    return [f"text={folder}/a.txt", f"image={folder}/image.set+mirrored",
            f"sound={folder}/sound.set+inverted"]


def training(data, *fields):
    some = [configuration.completed({**SHAPE, **f}) for f in fields]
    command.check_data(data, [[({"name": "some"}, c) for c in some]])
    return command.made(some, data, "cpu", {"points": 1})


def page():
    """What the Python of the page's section 2 defines."""
    path = os.path.join(sys.argv[1], "..", "docs", "spec", "signals.md")
    with open(path, encoding="utf-8") as file:
        code = re.search(r"## 2\. Rules.*?```python\n(.*?)```", file.read(), re.DOTALL)
    defined = {}
    exec(code[1], defined)
    return defined


def lines_are_those_of_the_page():
    """In kinds with signals and without, from a record's begin on and in the next record."""
    lines_of, defined = kinds.Lines(SHAPE["kinds"], "cpu"), page()
    random = numpy.random.default_rng(2)
    data = numpy.concatenate([pictures(2), random.integers(0, 256, RECORD).astype(numpy.uint8)])
    firsts = kept.first_rows([*kinds.RULES, "kind"])
    for kind in range(3):
        past = defined["SignalPast"]((64, 32), SHAPE["kinds"], kind)
        lines = lines_of(data, kind).tolist()
        for byte, line in zip(data.tolist(), lines):
            rows = [past.row(rule) for rule in range(1, 9)]
            rows = [lines_of.none if r is None else f + r for r, f in zip(rows, firsts)]
            assert line == [byte, (byte - past.prediction()) % 256, *rows], (kind, line)
            past.append(byte)


def some_parameters(lines_of, c):
    """Such as say something of each symbol and each row, one network."""
    torch.manual_seed(4)
    p = {name: x[None] for name, x in network.initial_parameters(c).items()}
    for name in ("head", "wo", "wd"):
        p[name] = torch.randn_like(p[name]) / 4
    return {**p, "rule_rows": torch.randn(1, lines_of.none + 1, c["width"])}


def losses(nets, p, lines):
    """Of fresh contexts: of lines [places, ...]."""
    chunks = lines.view(-1, RECORD, *lines.shape[1:])
    lines = torch.cat([chunks[:, :1], chunks], dim=1)[None].long()
    return nets.losses(p, *nets.parted(lines, torch.ones(1, dtype=torch.bool)))


def kinds_are_coded_as_networks_of_their_own():
    """With a memory, whose rules see bytes, and without."""
    for memory in ({}, MEMORY):
        c = configuration.completed({**SHAPE, **memory})
        lines_of = kinds.Lines(c["kinds"], "cpu")
        mixed, plain = kinds.KindNetworks([c], "cpu"), network.Networks([c], "cpu")
        if memory:
            for nets in (mixed, plain):
                torch.manual_seed(5)
                for w in nets.memories.tensors():
                    w.data.normal_()
        p = some_parameters(lines_of, c)
        without = {name: w for name, w in p.items() if name != "rule_rows"}
        zeros = {**p, "rule_rows": torch.zeros_like(p["rule_rows"])}
        data = pictures(2)
        told = [losses(mixed, p, lines_of(data, kind)) for kind in range(3)]
        bytes_alone = losses(plain, without, torch.from_numpy(data))
        # A kind without signals: that of bytes, but for the kind's row.
        assert torch.equal(losses(mixed, zeros, lines_of(data, 0)), bytes_alone)
        for kind in (0, 2):
            row = p["rule_rows"][:, lines_of.first_of_kinds + kind]
            moved = {**without, "embedding": without["embedding"] + row[:, None]}
            assert torch.allclose(losses(plain, moved, torch.from_numpy(data)), told[kind],
                                  atol=2e-2)
        # Networks learn residuals, while a memory sees bytes.
        lines = lines_of(data, 1)[None, None, :RECORD].long()
        inputs, targets = mixed.parted(lines, torch.zeros(1, dtype=torch.bool))
        assert torch.equal(mixed.known(inputs), lines[..., :-1, 0])
        assert torch.equal(targets, lines[..., 1:, 1])
        assert not torch.equal(targets, lines[..., 1:, 0])
        # A kind's row is heard.
        assert (told[0] - told[2]).abs().max() > 0.1
        assert (told[0] - bytes_alone).abs().max() > 0.1
        # A kind with signals: that of twin_signals.py, if its kind's row is nothing.
        if not memory:
            p["rule_rows"][:, lines_of.first_of_kinds:] = 0
            assert torch.equal(losses(mixed, p, lines_of(data, 1)), of_signals(c, p, data))


def of_signals(c, p, data):
    """The losses of twin_signals.py's networks of patches."""
    own = networks.completed({"set": "patches", "residual": "med", "windows": c["windows"],
                              "rules": " ".join(kinds.RULES), "width": c["width"],
                              "layers": c["layers"], "batch": 2, "tokens": 2 * RECORD,
                              "shares": {"some": 1}})
    signals = sets.Signals(networks.keys_of(own), [networks.order_of(own)], True, "cpu")
    signals.add(signals.pools, "some", [data.reshape(-1, 32, 64)])
    made = networks.SignalTraining([own], signals.finish(), "cpu")
    starts = torch.arange(0, len(data), RECORD)[None, :, None]
    positions = (starts + made.offsets).clamp_min(0)
    anew = torch.ones(1, dtype=torch.bool)
    return made.networks.losses(p, *made._looked_up(positions, anew))


def a_mixture_with_kinds_is_learned_and_kept(data):
    """Photographs are learned better than by bytes, and contexts of signals are whole records."""
    made = training(data, {**MEMORY, "rounded_share": 0.2}, {"seed": 2, "rounded_share": 0.2})
    at = made.starts[:, 0].flatten()
    of_images = (at >= int(made.begins[1])) & (at < int(made.begins[2]))
    assert ((at[of_images] - int(made.begins[1])) % RECORD == 0).all() and of_images.any()
    results = made.run()
    without = {"signals": "", "kinds": [], "kind_of": {}}
    plain = training(data, {**without, **MEMORY}, {**without, "seed": 2}).run()
    for result, other in zip(results, plain):
        assert result["bpb_of"]["image"] < other["bpb_of"]["image"] - 0.1, (result, other)
        assert result["bpb_of"]["text"] < math.inf
        rows = 64 + 32 + 256 + 4 * 31 + 3
        assert result["parameters"] - other["parameters"] == rows * 16
    for arrays, result in zip(made.kept(results), results):
        assert arrays["signal_rules"].tolist() == list(range(1, 9))
        assert arrays["signal_kinds"].tolist() == [0, 1, 0]
        assert arrays["signal_record"].tolist() == [64, 32, 1]
        names = [name for number, name in kept.OCCAM_RULES.values() if number <= 8]
        shapes = [arrays[f"weights/signal_{name}"].shape for name in names]
        assert shapes == [(n, 16) for n in (64, 32, 256, 31, 31, 31, 31, 3)]
        assert json.loads(str(arrays["configuration"]))["kind_of"] == KINDS["kind_of"]
        assert abs(result["bpb_coded"] - result["bpb_kept"]) < 0.05, result


def others_are_refused(data):
    wrong = [({"kinds": [0, 0, 0]}, "kinds"), ({"kinds": [1]}, "kinds"), ({"signals": ""}, "kinds"),
             ({"kind_of": {"text": 0}}, "kind_of"), ({"signals": "gray"}, "gray"),
             ({"kind_of": {**KINDS["kind_of"], "text": 3}}, "kind_of"),
             ({"kind_of": {**KINDS["kind_of"], "text": 1}}, "records"),
             ({"context": 1024}, "records")]
    for fields, word in wrong:
        try:
            training(data, fields)
        except Failure as failure:
            assert word in str(failure), (fields, failure)
        else:
            raise AssertionError(f"{fields} was taken")


if __name__ == "__main__":
    torch.set_num_threads(1)  # a thread that waits for others would spin
    for test in (lines_are_those_of_the_page, kinds_are_coded_as_networks_of_their_own):
        test()
        print(f"{test.__name__}: ok", flush=True)
    with tempfile.TemporaryDirectory() as work:
        made_of = files(work)
        for test in (a_mixture_with_kinds_is_learned_and_kept, others_are_refused):
            test(made_of)
            print(f"{test.__name__}: ok", flush=True)
