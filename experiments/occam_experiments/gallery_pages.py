"""The figures, sounds and the page of gallery.py."""

import base64
import html
import io
import math
import os
import wave

import matplotlib

matplotlib.use("Agg")
matplotlib.rcParams.update({"font.size": 9, "svg.hashsalt": "occam"})
import matplotlib.pyplot as plt
import numpy as np

EDGE = "#D55E00"  # where the given part ends; Okabe and Ito (2008)

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff; }
h2 { margin-top: 3rem; } img { max-width: 100%; } audio { width: 14rem; height: 2rem; }
figure { margin: 1.5rem 0; } figcaption { color: #555; font-size: .9rem; }
.who { font-weight: 600; } .given { color: #777; } .made { background: #fff3d6; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .85rem; line-height: 1.4; margin: .2rem 0 1rem; }
table { border-collapse: collapse; } td, th { padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: middle; }
"""


def samples(values):
    return np.frombuffer(bytes(values), dtype=np.uint8)


def draw_images(kind, rows, path):
    """A row an item; columns what is given, the original, and who went on."""
    height, width = kind.shape
    names = ["given"] + [name for name, _ in rows[0][1]]
    figure, axes = plt.subplots(len(rows), len(names), squeeze=False, figsize=(1.9 * len(names), 1.9 * height / width * len(rows) + 0.3),
                                constrained_layout=True)
    for line, (item, made) in zip(axes, rows):
        edge = len(item.given) // width
        for ax, name, below in zip(line, names, [b""] + [piece for _, piece in made]):
            pixels = np.full(height * width, np.nan)
            values = samples(item.given + below)
            pixels[:len(values)] = values
            ax.imshow(pixels.reshape(height, width), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            ax.set_xticks([])
            ax.set_yticks([])
            if name == "given":
                ax.set_ylabel(f"patch {item.place // (height * width)}", fontsize=8)
            ax.set_facecolor("#d6e6f2")  # unlike any gray: nothing is there
            # Beside the picture, so that it hides no seam.
            for x in (-0.5, width - 0.5):
                out = 2 if x > 0 else -2
                ax.plot([x, x + out], [edge - 0.5] * 2, color=EDGE, linewidth=1.5, clip_on=False, scalex=False, scaley=False)
    for ax, name in zip(axes[0], names):
        ax.set_title(name, fontsize=9)
    figure.savefig(path, dpi=200)
    plt.close(figure)


def spectrum(values, size=256, step=64):
    """Decibels below full scale [frequencies, times] of windows of `size` samples."""
    x = (samples(values).astype(np.float64) - 128) / 128
    window = np.hanning(size)
    pieces = np.stack([x[i:i + size] * window for i in range(0, len(x) - size + 1, step)])
    magnitude = np.abs(np.fft.rfft(pieces, axis=1)) / (window.sum() / 2)
    return 20 * np.log10(np.maximum(magnitude, 1e-6)).T


def draw_sounds(kind, item, made, path):
    """A column a continuation: the wave above, its spectrogram below; `edge` is where it begins."""
    rate = kind.rate_hz
    edge, end = len(item.given) / rate, (len(item.given) + len(item.original)) / rate
    columns = 2 if len(made) > 3 else len(made)
    lines = math.ceil(len(made) / columns)
    figure, axes = plt.subplots(2 * lines, columns, squeeze=False, sharex=True, figsize=(4.2 * columns, 3.2 * lines), constrained_layout=True,
                                gridspec_kw={"height_ratios": [1, 1.3] * lines})
    peak = max(8, max(int(np.max(np.abs(samples(item.given + piece).astype(int) - 128))) for _, piece in made))
    for i, (name, piece) in enumerate(made):
        wave_ax, spectrum_ax = axes[2 * (i // columns)][i % columns], axes[2 * (i // columns) + 1][i % columns]
        values = samples(item.given + piece).astype(int) - 128
        wave_ax.plot(np.arange(len(values)) / rate, values, linewidth=0.3, color="#0072B2")
        wave_ax.set_ylim(-peak, peak)
        wave_ax.set_title(name, fontsize=9)
        picture = spectrum_ax.imshow(spectrum(item.given + piece), origin="lower", aspect="auto", extent=(0, end, 0, rate / 2000), cmap="magma",
                                     vmin=-90, vmax=-20, interpolation="nearest")
        for ax in (wave_ax, spectrum_ax):
            ax.axvline(edge, color="#56B4E9" if ax is spectrum_ax else EDGE, linewidth=1, linestyle="--")
        spectrum_ax.set_xlabel("seconds")
        if i % columns == 0:
            wave_ax.set_ylabel("sample")
            spectrum_ax.set_ylabel("kHz")
    for ax in axes.flat[0:]:
        if not ax.has_data():
            ax.axis("off")
    figure.colorbar(picture, ax=axes[1::2].ravel().tolist(), label="dB of full scale", shrink=0.9)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def wav(values, rate):
    """8-bit samples as they are: a WAV of 8 bits has its zero at 128, too."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(rate)
        file.writeframes(bytes(values))
    return out.getvalue()


def shown(values):
    """Bytes as text: what is no character, or none that is seen, by its code."""
    text = bytes(values).decode("utf-8", "backslashreplace")
    return html.escape("".join(c if c == "\n" or c.isprintable() else f"\\x{ord(c):02x}" for c in text))


def data_url(content, kind):
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def picture(path, caption, alt):
    with open(path, "rb") as file:
        url = data_url(file.read(), "image/png")
    return f'<figure><img alt="{html.escape(alt)}" src="{url}"><figcaption>{caption}</figcaption></figure>'


def text_section(kind, rows, _):
    parts = [f"<h2>Text</h2><p>{html.escape(kind.title)}. The end of the given text is gray, what follows it is marked.</p>"]
    for number, (item, made) in enumerate(rows, 1):
        parts.append(f"<h3>Text {number}, from byte {item.place}</h3>")
        parts += [f'<div class="who">{html.escape(name)}</div><pre><span class="given">{shown(item.given[-300:])}</span>'
                  f'<span class="made">{shown(piece)}</span></pre>' for name, piece in made]
    return parts


def image_section(kind, rows, folder):
    path = os.path.join(folder, "image.png")
    draw_images(kind, rows, path)
    height, width = kind.shape
    caption = (f"{html.escape(kind.title)}: patches of {height} rows of {width} gray pixels, the upper half given (the marks beside show where it "
               "ends), the lower half generated pixel by pixel, row after row.")
    return ["<h2>Images</h2>", picture(path, caption, "image patches, their lower halves continued")]


def audio_section(kind, rows, folder):
    parts = [f"<h2>Sound</h2><p>{html.escape(kind.title)}: 8-bit samples at {kind.rate_hz} Hz. "
             f"{len(rows[0][0].given)} samples are given, {len(rows[0][0].original)} follow after the dashed line.</p>"]
    for number, (item, made) in enumerate(rows, 1):
        path = os.path.join(folder, f"audio-{number}.png")
        draw_sounds(kind, item, made, path)
        parts.append(f"<h3>Sound {number}, from sample {item.place}</h3>")
        parts.append(picture(path, "Wave and spectrogram.", f"sound {number}, continued"))
        parts.append("<table>")
        for name, piece in made:
            content = wav(item.given + piece, kind.rate_hz)
            with open(os.path.join(folder, f"audio-{number}-{name}.wav"), "wb") as file:
                file.write(content)
            parts.append(f'<tr><td class="who">{html.escape(name)}</td><td><audio controls src="{data_url(content, "audio/wav")}"></audio></td></tr>')
        parts.append("</table>")
    return parts


SECTIONS = {"text": text_section, "image": image_section, "audio": audio_section}


def write(gallery, folder):
    args = gallery.args
    parts = ["<!doctype html><html lang='en'><meta charset='utf-8'><meta name='viewport' content='width=device-width'>"
             f"<title>Occam: the other half</title><style>{STYLE}</style><h1>The other half</h1>",
             "<p>A compressor is a generator: what it codes shorter is more probable. Each model below draws from the frequencies that "
             "it codes with; each codec from p(byte) proportional to 2<sup>&minus;bits</sup>, the coded length of the last 2048 bytes with that byte after "
             f"them (Delétang et al., 2024). One draw each, seed {args.seed}, temperature {html.escape(args.temperature)}; items lie evenly "
             "through the data, sounds in the loudest place of each part.</p>"]
    for kind in gallery.kinds:
        parts += SECTIONS[kind.name](kind, list(gallery.rows(kind)), folder)
    parts.append("<h2>Who, and how to repeat it</h2><table>")
    parts += [f"<tr><td class='who'>{html.escape(name)}</td><td>{html.escape(about)}</td></tr>" for name, about in gallery.facts().items()]
    parts.append(f"</table><p>{html.escape(gallery.occam.run('--version').strip())}</p><pre>experiments/gallery.py")
    for kind in gallery.kinds:
        parts[-1] += html.escape(f" --{kind.name} {getattr(args, kind.name)}")
    parts[-1] += html.escape(f" --codec '{args.codec}' --items {args.items} --text-bytes {args.text_bytes[0]}:{args.text_bytes[1]} "
                             f"--audio-bytes {args.audio_bytes[0]}:{args.audio_bytes[1]} --seed {args.seed} --temperature {args.temperature} "
                             "--out DIR") + "</pre></html>"
    with open(os.path.join(folder, "gallery.html"), "w", encoding="utf-8") as file:
        file.write("\n".join(parts) + "\n")
