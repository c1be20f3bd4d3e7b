"""torch_twin.py with a memory: rules as a plain loop finds them, chunks that begin, gradients that
reach rows, codings, and networks without a memory.

  memory_twin_test.py EXPERIMENTS
"""

import json
import os
import sys
import tempfile

import twin_fixture  # skips the test where PyTorch is missing
from twin_fixture import text

import torch

coding, command, configuration, memories, rules, training = (
    twin_fixture.module(sys.argv[1], f"occam_experiments.twin.{name}")
    for name in ("coding", "command", "configuration", "memory", "rules", "training"))
Failure = twin_fixture.module(sys.argv[1], "occam_experiments.errors").Failure

RULES = "h1 h2 h3 h4 h5 h6 h8 s12 s13 s22 w1 w2 v1 v2 v3"
SHAPE = {"width": 16, "layers": 2, "context": 64, "batch": 4, "windows": [16, 64],
         "train_bytes": 30_000, "validation_bytes": 2048, "tokens": 64 * 4 * 40}


def is_letter(b):
    return 97 <= b | 32 <= 122 and b < 128 or b >= 128


def folded(b):
    return (b | 32) + 1 if is_letter(b) and b < 128 else b + 1


def naive(known, rule):
    """The rule's mixed hash of a list of known bytes, None if they are too few, as
    experiments/results/memory/README.md defines it."""
    K, M = 0x9E3779B1, 0xFFFFFFFF
    kind, numbers = rule[0], [int(d) for d in rule[1:]]
    if kind in "hs":
        skipped, count = ([0] + numbers)[-2:]
        if len(known) < skipped + count:
            return None
        h, salt = 0, 16 * skipped + count
        for b in known[len(known) - skipped - count:len(known) - skipped]:
            h = (h * K + b + 1) & M
    else:
        if not known:
            return None
        w1 = w2 = 0
        v, was_letter = [0, 0, 0], False
        for b in known:
            if is_letter(b):
                w1, w2 = (w1 * K + folded(b)) & M, (w2 * K + folded(b)) & M
            else:
                w1, w2 = 0, (w1 * K + folded(b)) & M
            if is_letter(b) and not was_letter:
                v = [0] + v[:2]
            v = [(x * K + folded(b)) & M for x in v]
            was_letter = is_letter(b)
        h = {"w": [w1, w2], "v": v}[kind][numbers[0] - 1]
        salt = {"w": 256, "v": 512}[kind] + numbers[0]
    h = (h + salt * 0x632BE5AB) & M
    h ^= h >> 16
    h = h * 0x7FEB352D & M
    h ^= h >> 15
    h = h * 0x846CA68B & M
    return h ^ h >> 16


def rules_are_what_a_plain_loop_finds():
    chosen = [rules.parsed(rule, 12) for rule in RULES.split()]
    data = torch.from_numpy(text(6 * 64, 2).copy()).long().view(2, 3, 64)
    data[:, ::2, 0] = configuration.BEGIN  # fresh chunks, others know the byte before them
    found = rules.Hashes(64, "cpu")(data, chosen)
    for line, sequence in enumerate(data.flatten(0, 1).tolist()):
        for t in range(64):
            known = [b for b in sequence[:t + 1] if b != configuration.BEGIN]
            for rule in RULES.split():
                h, enough = (x.flatten(0, 1)[line, t].item() for x in found[rule])
                expected = naive(known, rule)
                assert enough == (expected is not None), (rule, t)
                assert expected is None or h == expected, (rule, t, h, expected)


def too_few_bytes_choose_a_row_of_their_own():
    c = configuration.completed({**SHAPE, "memory": "h2 h3/5", "memory_bits": 4, "memory_width": 4})
    remembered = memories.Memories([c], "cpu")
    rows = remembered.each[0].w["rows"]
    assert rows.shape == (17 + 33, 4)
    with torch.no_grad():
        rows[16], rows[17 + 32] = 2.0, 3.0
    inputs = torch.from_numpy(text(64).copy()).long().view(1, 1, 64)
    inputs[..., 0] = configuration.BEGIN
    seen = remembered.look_up(inputs)[0][0, :, :, 0]
    assert seen[:5].tolist() == [[2, 3], [2, 3], [0, 3], [0, 0], [0, 0]], seen[:5]


def train(data, *fields):
    configurations = [configuration.completed({**SHAPE, **f}) for f in fields]
    made = training.Training(configurations, data, "cpu", points=1)
    return made, made.run()


def a_memory_learns_and_leaves_others_alone():
    """Trains networks with and without a memory in one batch; the one without learns what it
    learns in a batch of its own."""
    data = text(36_000)
    alone, (first,) = train(data, {})
    designs = [{"memory": "h2 h3 v1", "memory_bits": 8, "memory_width": 4},
               {"memory": "h2 h3 v1", "memory_bits": 8},
               {"memory": "h3 w2", "memory_bits": 8, "memory_width": 4, "memory_layers": [1],
                "memory_gate": 1, "memory_optimizer": "row_adagrad", "memory_lr": 0.1,
                "memory_muon": 1},
               {"memory": "h2 h4", "memory_bits": 9, "memory_layers": [1],
                "memory_optimizer": "lazy", "memory_shared": 1},
               {"memory": "h1 h2", "memory_bits": 8, "memory_width": 4, "memory_embedding": 0,
                "memory_optimizer": "adagrad", "memory_init": 0.5, "memory_lr": 0.1,
                "memory_round": "step 0.5"},
               {"memory": "h2 h3", "memory_bits": 8, "memory_width": 4,
                "memory_optimizer": "row_rms", "memory_decay": 0.1}]
    together, results = train(data, {}, *designs)
    for name, w in alone.p.items():
        assert torch.allclose(w[0], together.p[name][0], atol=1e-4), name
    assert abs(first["bpb"] - results[0]["bpb"]) < 1e-3 and "memory_parameters" not in results[0]
    for memory, result, design in zip(together.memories.some, results[1:], designs):
        allowed = first["bpb"] + 0.2 * ("memory_embedding" in design)
        assert result["bpb"] < allowed, (design, result["bpb"], first["bpb"])
        rows, count = memory.w["rows"], memory.count
        assert 0 < (count > 0).sum() < len(count), design
        assert (rows[count[:, 0] > 0] != 0).any(), design
        assert "memory_init" in design or (rows[count[:, 0] == 0] == 0).all(), design
        fine, coarse = (result["memory_codings"][f"step {step}"]["bytes"] for step in ("0.25", 1))
        assert fine > coarse > 0, (fine, coarse)


def untouched_rows_stay_as_they_are():
    """Every optimizer but Adam leaves a row that no byte of a step chose as it is."""
    for kind in ("lazy", "adagrad", "row_adagrad", "row_rms"):
        c = configuration.completed({**SHAPE, "memory": "h2", "memory_bits": 3, "memory_width": 2,
                                    "memory_optimizer": kind})
        memory = memories.Memory(c, "cpu")
        g = torch.zeros(9, 2)
        g[4], g[5] = 0.5, -0.25
        with torch.no_grad():
            memory.learn({"rows": g}, torch.tensor(1.0), torch.tensor(3.0))
            before = [x.clone() for x in memory.tensors()]
            g = g.clone()
            g[4] = 0
            memory.learn({"rows": g}, torch.tensor(1.0), torch.tensor(4.0))
        for x, y in zip(before, memory.tensors()):
            assert x.dim() > 2 or len(x) != 9 or torch.equal(x[4], y[4]), kind
        assert not torch.equal(before[0][5], memory.w["rows"][5]), kind
        first_move = before[0][4, 0].item()
        assert abs(first_move + c["memory_lr"]) < 1e-6, kind


def codings_round_as_they_say():
    rows = torch.tensor([[0.9, -0.2], [0.05, 0.0], [0.0, 0.0]])
    count = torch.tensor([[1.0], [5.0], [0.0]])
    for how, step, expected in (("row 3", 0.0, [[3, -1], [3, 0], [0, 0]]),
                                ("step 1", 0.2, [[5, -1], [0, 0], [0, 0]]),
                                ("dead 2", 0.1, [[4, -1], [0, 0], [0, 0]]),
                                ("least 2", 0.1, [[0, 0], [1, 0], [0, 0]])):
        codes = coding.coded(rows, how, torch.tensor(step), count)[1]
        assert codes.tolist() == expected, (how, codes)
    assert abs(coding.entropy_bits(torch.tensor([8, 8])) - 16) < 1e-9


def configurations_of_one_shape_train_together():
    with tempfile.TemporaryDirectory() as work:
        path = os.path.join(work, "sweep.jsonl")

        def groups(*lines):
            with open(path, "w", encoding="utf-8") as file:
                file.write("# A comment.\n" + "".join(json.dumps(line) + "\n" for line in lines))
            found = command.groups_of(path, {"finished"}, 2)
            return [[line["name"] for line, _ in group] for group in found]

        names = [{"name": name} for name in ("a", "b", "finished", "c")]
        assert groups(*names, {"name": "wide", "width": 48}) == [["a", "b"], ["c"], ["wide"]]
        for wrong in ({"width": 48}, {"name": "a", "widht": 48}):
            try:
                groups(wrong)
            except Failure as failure:
                assert failure.code == 4 and "sweep.jsonl" in str(failure), failure
            else:
                raise AssertionError(f"{wrong} is no configuration")


if __name__ == "__main__":
    torch.set_num_threads(1)  # a thread that waits for others would spin
    torch.manual_seed(1)
    for test in (rules_are_what_a_plain_loop_finds, too_few_bytes_choose_a_row_of_their_own,
                 untouched_rows_stay_as_they_are, codings_round_as_they_say,
                 configurations_of_one_shape_train_together,
                 a_memory_learns_and_leaves_others_alone):
        test()
        print(f"{test.__name__}: ok", flush=True)
