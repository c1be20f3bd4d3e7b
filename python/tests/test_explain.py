"""The page that explains costs."""

import json
import re

import numpy as np
import occam
import pytest
from conftest import text

SCALE = 18.5


def parts_of(page):
    found = re.findall(r'<script type="application/json" id="p\d+">(.*?)</script>', page)
    return [json.loads(part) for part in found]


def bits_of(codes):
    levels = [ord(c) - 35 - (ord(c) > 60) - (ord(c) > 92) for c in codes]
    return (np.array(levels) / SCALE) ** 2


def test_the_page_shows_the_costs_of_each_character(tiny):
    data = text(9000, seed=4) + "naïve <b>&amp; \\ \" 𝄞\n".encode() + b"\xff\x00\x7f"
    shown = occam.explain(data, model=tiny, name="<data>")
    assert np.array_equal(shown.bits, occam.costs(data, model=tiny, mode="adaptive"))
    parts = parts_of(shown.html)
    whole = "".join(part["t"] for part in parts)
    # A byte that is no part of UTF-8 stands for itself from U+E000 on.
    assert whole == data[:-3].decode() + "\ue0ff\x00\x7f"
    assert all(len(p["t"]) == len(p["c"]) == len(p["d"]) <= 4096 for p in parts)
    place = [len(c.encode()) if not 0xE000 <= ord(c) < 0xE100 else 1 for c in whole]
    ends = np.cumsum(place)
    costs = np.diff(np.concatenate([[0], np.cumsum(shown.bits, dtype=np.float64)[ends - 1]]))
    told = np.concatenate([bits_of(p["c"]) for p in parts])
    assert np.allclose(told, np.minimum(costs, (89 / SCALE) ** 2), rtol=0.06, atol=0.02)
    for part in parts:
        assert part["o"] == ends[len("".join(p["t"] for p in parts[: parts.index(part)])) - 1] or (
            part["o"] == 0
        )
    assert "&lt;data&gt;" in shown.html and "<b>&amp;" not in shown.html.split("<script")[0]


def test_sums_and_surprises_are_those_of_the_bytes(tiny):
    data = bytearray(text(5000, seed=5))
    data[3000] = ord("#")
    shown = occam.explain(bytes(data), model=tiny)
    total = np.ceil(shown.bits.sum(dtype=np.float64) / 8)
    assert f"<b>{int(total):,}</b>" in shown.html
    places = [int(p) for p in re.findall(r'data-byte="(\d+)"', shown.html)]
    assert 3000 in places[:3] and len(places) == 20
    assert all(abs(a - b) >= 40 for a in places for b in places if a != b)
    assert re.search(r"<td>markup.*?</td><td>1</td>", shown.html)


def test_a_page_compares_with_codecs_and_models(tiny):
    data = text(4000, seed=6)
    shown = occam.explain(data, model=tiny, beside="xz")
    import lzma

    size = len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))
    assert shown.beside_bits.sum(dtype=np.float64) == pytest.approx(8 * size, rel=1e-4)
    assert "by xz" in shown.html and "32 stretches" in shown.html
    shown = occam.explain(data, model=tiny, beside=occam.Model(), mode="chunked")
    assert np.array_equal(shown.beside_bits, occam.costs(data))
    assert "broad-800K, chunked" in shown.html and "Who decided" not in shown.html
    assert all("b" in part and "d" not in part for part in parts_of(shown.html))


def test_the_command_writes_the_same_page(trained, tiny, command, tmp_path):
    (tmp_path / "text").write_bytes(text(3000, seed=7))
    told = ["explain", "--ckpt", trained / "tiny.occm"]
    command(*told, "--beside", trained / "tiny.h5", "--mode", "chunked", tmp_path / "text")
    page = occam.explain(tmp_path / "text", model=tiny, beside=tiny, mode="chunked")
    assert (tmp_path / "text.html").read_bytes() == page.html.encode()
    command(*told, tmp_path / "text", code=3)  # it exists
    page = occam.explain(text(3000, seed=7)[100:1100], model=tiny, name="text, bytes 100:1100")
    named = str(tmp_path / "text")
    out = command(*told, "--bytes", "100:1100", "-o", "-", "-q", tmp_path / "text").decode()
    assert out.replace(named, "text") == page.html
    assert b"by gzip" in command(*told, "--beside", "gzip", data=text(2000))
    command(*told, "--mode", "neither", tmp_path / "text", code=2)
    command(*told, tmp_path / "missing", code=3)


def test_bytes_that_are_no_text_are_shown_as_digits(tiny):
    data = bytes(range(256)) * 20
    shown = occam.explain(data, model=tiny)
    parts = parts_of(shown.html)
    assert bytes.fromhex("".join(part["t"] for part in parts)) == data
    assert json.loads(re.search(r'id="about">(.*?)</script>', shown.html)[1])["hex"]
    assert parts_of(occam.explain(b"", model=tiny).html) == []


def test_a_notebook_shows_the_page_and_a_file_keeps_it(tiny, tmp_path):
    shown = occam.explain(b"some text", model=tiny)
    assert shown._repr_html_().startswith("<iframe srcdoc=")
    shown.save(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == shown.html
    assert "html=" not in repr(shown)
