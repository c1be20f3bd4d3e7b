"""foundation/table.py measures models in chunks and whole, and says clearly what it cannot measure.

  foundation_test.py BIN_DIR TABLE MODEL.occm
"""

import json
import os
import random
import re
import subprocess
import sys
import tempfile

binaries, table, model = (os.path.abspath(path) for path in sys.argv[1:4])


def measure(*arguments, code=0):
    done = subprocess.run([sys.executable, table, "--bin", binaries, "--out", "out", *arguments],
                          capture_output=True, text=True)
    assert done.returncode == code, (arguments, done)
    if code != 0:
        assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stdout


def write(path, content):
    with open(path, "wb") as file:
        file.write(content)


def cells():
    with open("out/cells.jsonl", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    draw = random.Random(4)
    write("text", b"The history of tea is long, and that of coffee is shorter. " * 80)
    # A set of two parts: what is trained on is not measured.
    signal = bytes(min(255, max(0, round(128 + draw.gauss(0, 9)))) for _ in range(3 * 2048))
    write("noise.set", b"\xff" * 2048 + signal)
    with open("noise.set.json", "w", encoding="utf-8") as file:
        json.dump({"train_bytes": 2048, "validation_bytes": len(signal)}, file)

    shown = measure("--text", "text", "--audio", "noise.set", "--bytes", "4500",
                    "--model", f"wiki={model}")
    with open("out/table.md", encoding="utf-8") as file:
        assert file.read() == shown
    assert "text: 4,500 bytes of text; speech: 4,096 bytes of noise.set" in shown, shown
    with open("out/data-speech", "rb") as file:
        assert file.read() == bytes(byte >> 1 for byte in signal[:4096])
    with open("out/data-text", "rb") as file:
        assert len(file.read()) == 4500

    # The lost bits of speech are counted, and chunks have headers and are never longer.
    chunks = [cell["bytes"] for cell in cells() if cell["key"]["what"] == "chunks"]
    alone = [cell["bytes"] for cell in cells() if cell["key"]["what"] == "alone"]
    whole = [cell["bytes"] for cell in cells() if cell["key"]["what"] == "whole"]
    assert len(chunks) == len(alone) == 2 and len(whole) == 1, cells()
    text_rate, text_alone = chunks[0] / 4500, alone[0] / 4500
    speech_rate, speech_alone = (chunks[1] + 512) / 4096, (alone[1] + 512) / 4096
    wanted = [f"{100 * rate:.2f}" for rate in (text_rate, text_alone, speech_rate, speech_alone)]
    assert f"| wiki | 221,568 | {' | '.join(wanted)} |" in shown, (wanted, shown)
    assert chunks[1] <= 4096 + 2 * 2 and speech_alone > speech_rate, cells()
    assert text_alone < text_rate < 0.5, cells()

    # The model is charged, and what was not given is a named, empty row.
    charged = re.search(r"\| wiki \| 189,784 \| ([\d.]+) \| ([\d.]+) \|", shown)
    assert charged is not None and float(charged[1]) == round(100 * whole[0] / 4500, 2), shown
    assert abs(float(charged[2]) - 100 * (whole[0] + 189784) / 4500) < 0.01, shown
    assert len(re.findall(r"\| SmolLM2-135M( \| *)+\|", shown)) == 3, shown

    # Nothing is measured twice.
    before = cells()
    assert measure("--text", "text", "--audio", "noise.set", "--bytes", "4500",
                   "--model", f"wiki={model}") == shown
    assert cells() == before

    measure("--model", f"wiki={model}", code=2)
    measure("--text", "text", code=2)
    measure("--text", "none", "--model", f"wiki={model}", code=3)
    measure("--text", "text", "--model", "wiki=none", code=3)
    measure("--text", "text", "--model", model, code=2)
    write("bad.set", signal)
    write("bad.set.json", b"{}")
    measure("--image", "bad.set", "--model", f"wiki={model}", code=4)
    os.chdir("/")
