"""Where do the bits go in a photograph, and in a second of speech?

  experiments/bit_maps.py --image tench.JPEG=photographs-800K.occm,images-800K.occm
                          --audio 84-121123-0000.flac=speech-200K.occm,speech-800K.occm --out DIR

Each option is FILE=MODEL or FILE=MODEL,MODEL, and may be given several times. `prepare` makes a
photograph gray patches and a recording 8-bit samples; each model codes them in the chunks that it
was trained on. The page shows the photograph, what the median edge prediction of LOCO-I leaves, and
the bits of each pixel by each model in one scale; of two models also where the second saves. Of a
recording it shows the loudest second, and the bits of its samples, as means over 2 ms.

Writes DIR/bit_maps.html (one page that needs no other file), DIR/image-N.png and DIR/audio-N.png.
The costs are those that `compress` pays, by the Python module of the build. Needs matplotlib and
Pillow. Exit codes are those of Occam.
"""

import argparse
import importlib
import json
import os
import sys
import tempfile
from typing import Any

import numpy as np
import PIL.Image

from ..errors import IO, USAGE, Failure
from ..files import read_text, write_whole
from ..gallery.page import Picture, picture
from ..occam import BIN, Occam
from ..pages import html
from .figures import Bits, image_picture, second_of, sound_picture

SECOND_S = 1.0


def python_module(folder: str) -> Any:
    """The module `occam` that was built beside the commands of a folder."""
    sys.path.insert(0, os.path.join(folder, "..", "python"))
    try:
        return importlib.import_module("occam")
    except ImportError as error:
        raise Failure(IO, f"the Python module of Occam is missing beside {folder}: "
                          f"{error}") from None


class Maps:
    """Costs of files by models, as Occam's codec has them."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args, self.occam = args, Occam(args.bin)
        self.module = python_module(args.bin)
        self.about: dict[str, str] = {}

    def split(self, request: str) -> tuple[str, list[str]]:
        path, equals, models = request.rpartition("=")
        if not equals or not path or not models or len(models.split(",")) > 2:
            raise Failure(USAGE, f"{request} is not FILE=MODEL or FILE=MODEL,MODEL")
        return path, models.split(",")

    def prepared(self, kind: str, path: str) -> tuple[bytes, dict[str, Any]]:
        """What `prepare` makes of one file, and the description of that set."""
        with tempfile.TemporaryDirectory() as work:
            out = os.path.join(work, "one.set")
            self.occam.run("prepare", kind, "--out", out, path)
            with open(out, "rb") as file:
                return file.read(), json.loads(read_text(out + ".json"))

    def costs(self, content: bytes, models: list[str]) -> Bits:
        """Bits of each byte, by the models' names."""
        found: Bits = {}
        for path in models:
            model = self.module.Model(path)
            name = os.path.splitext(os.path.basename(path))[0]
            info = self.occam.json("inspect", "--json", path)
            self.about[name] = (f"{info['config']['parameters']:,} parameters, id "
                                f"{info['model_id'][:16]}")
            found[name] = self.module.costs(content, model=model, mode="chunked")
        return found

    def image(self, number: int, request: str) -> Picture:
        path, models = self.split(request)
        content, about = self.prepared("images", path)
        rows, columns = about["shape"]
        with PIL.Image.open(path) as photograph:
            width, height = photograph.size
        down, across = height // rows, width // columns

        def whole(values: Any) -> Any:
            patches = np.asarray(values).reshape(down, across, rows, columns)
            return patches.transpose(0, 2, 1, 3).reshape(down * rows, across * columns)

        bits = {name: whole(b) for name, b in self.costs(content, models).items()}
        gray = whole(np.frombuffer(content, dtype=np.uint8))
        means = ", ".join(f"{name} {b.mean():.3f}" for name, b in bits.items())
        title = os.path.basename(path)
        return picture(lambda paper: image_picture(gray, (rows, columns), bits, paper),
                       os.path.join(self.args.out, f"image-{number}.png"),
                       f"{title}, and the bits of its pixels",
                       f"{title}, in patches of {rows} rows of {columns} pixels. Mean bits a "
                       f"pixel: {means}.")

    def sound(self, number: int, request: str) -> Picture:
        path, models = self.split(request)
        content, about = self.prepared("audio", path)
        rate = about["sample_rate_hz"]
        bits = self.costs(content, models)
        begin, end = second_of(content, round(SECOND_S * rate))
        means = ", ".join(f"{name} {b[begin:end].mean():.3f}" for name, b in bits.items())
        title = os.path.basename(path)
        shown = {name: b[begin:end] for name, b in bits.items()}
        return picture(lambda paper: sound_picture(content[begin:end], rate, shown, paper),
                       os.path.join(self.args.out, f"audio-{number}.png"),
                       f"{title}, and the bits of its samples",
                       f"{title}, from sample {begin} on. Mean bits a sample there: {means}.")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image", action="append", default=[], metavar="FILE=MODEL[,MODEL]")
    parser.add_argument("--audio", action="append", default=[], metavar="FILE=MODEL[,MODEL]")
    parser.add_argument("--bin", default=BIN, metavar="DIR",
                        help="where occam is (build/release/bin)")
    parser.add_argument("--out", required=True, metavar="DIR")
    args = parser.parse_args()
    if not args.image and not args.audio:
        raise Failure(USAGE, "nothing to show: give --image or --audio")
    return args


def main() -> None:
    args = parse_arguments()
    maps = Maps(args)
    os.makedirs(args.out, exist_ok=True)
    images = [maps.image(i, request) for i, request in enumerate(args.image, 1)]
    sounds = [maps.sound(i, request) for i, request in enumerate(args.audio, 1)]
    options = [f"--image {x}" for x in args.image] + [f"--audio {x}" for x in args.audio]
    write_whole(os.path.join(args.out, "bit_maps.html"), html(
        "bit_maps.html.j2", title="Where the bits go", images=images, sounds=sounds,
        facts=maps.about, version=maps.occam.run("--version").strip(),
        command=f"experiments/bit_maps.py {' '.join(options)} --out DIR"))
