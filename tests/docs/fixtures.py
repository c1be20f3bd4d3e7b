"""The files that the pages' examples speak of, small, each made when a line first names it."""

import os
import random
import shutil
import subprocess
import wave

import numpy as np
from PIL import Image


def prose(root, size):
    """Text of the repository's own pages, the same bytes again and again where they end."""
    text = b""
    for page in ("docs/architecture.md", "docs/spec/occ.md", "docs/spec/contract.md", "docs/results.md"):
        with open(os.path.join(root, page), "rb") as file:
            text += file.read()
    return (text * (1 + size // len(text)))[:size]


def write(path, data):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


def photos():
    """Photographs of one patch each, as JPEG."""
    os.makedirs("photos")
    draw = np.random.default_rng(1)
    for i in range(17):
        rows, columns = np.mgrid[0:32, 0:64]
        gray = 128 + 100 * np.sin(rows / (3 + i) + columns / 9) + draw.normal(0, 5, (32, 64))
        Image.fromarray(gray.clip(0, 255).astype(np.uint8)).save(f"photos/{i:02}.jpg")


def speech():
    """A recording of each of some speakers, named SPEAKER-CHAPTER.wav."""
    os.makedirs("speech")
    draw = np.random.default_rng(1)
    for speaker in range(22):
        times = np.arange(1000) / 16000
        samples = 8000 * np.sin(2 * np.pi * (100 + 20 * speaker) * times) + draw.normal(0, 500, 1000)
        with wave.open(f"speech/{speaker:03}-1.wav", "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16000)
            file.writeframes(samples.astype("<i2").tobytes())


def pixels():
    """Waves of colour, 48 rows of 64 pixels."""
    rows, columns, channels = np.mgrid[0:48, 0:64, 0:3]
    return (128 + 90 * np.sin(rows / 7 + columns / 9 + channels)).astype(np.uint8)


def photo():
    Image.fromarray(pixels()).save("photo.ppm")


def hurt():
    """book.txt.occ with a changed byte in its payload."""
    with open("book.txt.occ", "rb") as file:
        data = bytearray(file.read())
    data[len(data) // 2] ^= 1
    write("hurt.occ", bytes(data))


class Fixtures:
    def __init__(self, root, prepare):
        def model(name):
            return lambda: shutil.copy(os.path.join(root, "model", "pretrained", name), "mine.occm")

        def folder(name, count):
            def make():
                for i in range(count):
                    write(f"{name}/part{i}.txt", prose(root, 4000 * count)[4000 * i :][:4000])
            return make

        def text(name, size):
            return lambda: write(name, prose(root, size))

        def of_set(name, *arguments):
            return lambda: subprocess.run([prepare, *arguments, "--out", name], check=True,
                                          capture_output=True)

        self.makers = {
            "book.txt": text("book.txt", 12_000),
            "my.txt": text("my.txt", 60_000),
            "other.txt": text("other.txt", 10_000),
            "start.txt": text("start.txt", 300),
            "data.bin": lambda: write("data.bin", random.Random(1).randbytes(3000) + prose(root, 3000)),
            "mine.occm": model("wiki-200K.occm"),
            "folder": folder("folder", 3),
            "headers": folder("headers", 5),
            "photos/": photos,
            "photo.ppm": photo,
            "pixels.raw": lambda: write("pixels.raw", pixels().tobytes()),
            "speech/": speech,
            "photos.set": of_set("photos.set", "images", "--validation-files", "1", "photos"),
            "speech.set": of_set("speech.set", "audio", "--validation-files", "1", "speech"),
            "hurt.occ": hurt,
            "cmake -S .": lambda: self.link_sources(root),
        }
        self.needs = {"photos.set": ["photos/"], "speech.set": ["speech/"]}

    @staticmethod
    def link_sources(root):
        """What a build in the present folder, as if it were the root, reads."""
        for entry in os.listdir(root):
            if entry not in ("build", ".git") and not os.path.lexists(entry):
                os.symlink(os.path.join(root, entry), entry)

    def provide(self, line):
        """Makes what a line names and is not there."""
        for name in self.makers:
            if name in line and f"--out {name} " not in line + " ":
                for needed in [*self.needs.get(name, []), name]:
                    if not os.path.exists(needed):
                        self.makers[needed]()
