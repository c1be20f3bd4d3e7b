"""sound_table.py measures recordings by Occam and FLAC, and says clearly what it cannot measure.

  sound_table_test.py BIN_DIR SOUND_TABLE     exits 77 where flac is missing
"""

import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
import wave

binaries, sound_table = (os.path.abspath(path) for path in sys.argv[1:3])
if shutil.which("flac") is None:
    print("skipped: flac missing")
    sys.exit(77)


def measure(*arguments, code=0):
    done = subprocess.run([sys.executable, sound_table, "--bin", binaries, *arguments],
                          capture_output=True, text=True)
    assert done.returncode == code, (arguments, done)
    if code != 0:
        assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stdout


def write_recording(path, channels, seed):
    draw = random.Random(seed)
    with wave.open(path, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(16000)
        for i in range(12000):
            for channel in range(channels):
                sample = round(3000 * math.sin(i / (9 + channel)) + draw.gauss(0, 20))
                out.writeframesraw(sample.to_bytes(2, "little", signed=True))


with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    for name, channels in (("a", 1), ("b", 2), ("c", 1)):
        write_recording(f"{name}.wav", channels, ord(name))
    subprocess.run(["flac", "--silent", "a.wav", "--delete-input-file"], check=True)
    shown = measure("a.flac", "b.wav", "c.wav", "--out", "table.md")
    with open("table.md", encoding="utf-8") as file:
        assert file.read() == shown
    rows = {line.split(" | ")[0].strip("| "): [cell.strip("| ") for cell in line.split(" | ")]
            for line in shown.splitlines() if line.startswith("| ")}
    assert list(rows) == ["file", "a", "b", "c", "all"], shown
    sizes = {name: [int(cell.replace(",", "")) for cell in row[1:4]]
             for name, row in rows.items() if name != "file"}
    assert sizes["a"][0] == 24044 and sizes["b"][0] == 48044
    assert sizes["all"] == [sum(sizes[name][k] for name in "abc") for k in range(3)]
    for name in "abc":
        wav, flac, occam = sizes[name]
        assert 0 < occam < flac < wav, shown
        assert rows[name][4] == f"{occam / flac:.4f}" and rows[name][7] == "1 sound", shown
    assert "| a |" not in measure("a.flac", "b.wav", "--last", "1", "--out", "last.md")

    measure("a.mp3", "--out", "x.md", code=2)
    measure("missing.wav", "--out", "x.md", code=3)
    assert not os.path.exists("x.md")
    os.chdir("/")
