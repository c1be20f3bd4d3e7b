"""Table 1 of Deletang et al. (2024): quoted, never measured here."""

import pandas as pd

# Raw rates in percent, and the adjusted rate of the text.
COLUMNS = ("text", "image", "audio", "random")
QUOTED: list[tuple[str, str, float, float, float, float, float | None]] = [
    ("whole", "gzip", 32.3, 70.7, 36.4, 100.0, None),
    ("whole", "LZMA2", 23.0, 57.9, 29.9, 100.0, None),
    ("whole", "PNG", 42.9, 58.5, 32.2, 100.0, None),
    ("whole", "FLAC", 89.5, 61.9, 30.9, 107.8, None),
    ("2048", "gzip", 48.1, 68.6, 38.5, 100.1, None),
    ("2048", "LZMA2", 50.0, 62.4, 38.2, 100.0, None),
    ("2048", "PNG", 80.6, 61.7, 37.6, 103.2, None),
    ("2048", "FLAC", 88.9, 60.9, 30.3, 107.2, None),
    ("2048", "Transformer 200K", 30.9, 194.0, 146.6, 195.5, 30.9),
    ("2048", "Transformer 800K", 21.7, 185.1, 131.1, 200.1, 21.9),
    ("2048", "Transformer 3.2M", 17.0, 215.8, 228.2, 224.0, 17.7),
    ("2048", "Llama 2 7B", 8.9, 53.4, 23.1, 103.2, 1408.9),
    ("2048", "Chinchilla 1B", 11.3, 62.2, 24.9, 108.8, 211.3),
    ("2048", "Chinchilla 7B", 10.2, 54.7, 23.6, 101.6, 1410.2),
    ("2048", "Chinchilla 70B", 8.3, 48.0, 21.0, 100.8, 14008.3),
]
NOTE = ("Quoted from Deletang et al. (ICLR 2024), table 1: enwik9, patches of ImageNet "
        "photographs, LibriSpeech, random bytes; their data, not ours. Chinchilla 70B: 48.0 % of "
        "images and 21.0 % of speech are of the version of ICLR; the first version, which the "
        "press quotes, had 43.4 and 16.4. JPEG is no row here: it is lossy, so what it makes of a "
        "photograph cannot be restored and compared.")


def rates_of(chunk: str, name: str) -> dict[str, float]:
    """Raw rates of a row in percent, by column; empty where the paper has no such row."""
    for row in QUOTED:
        if row[:2] == (chunk, name):
            return dict(zip(COLUMNS, row[2:6]))
    return {}


def csv_rows() -> pd.DataFrame:
    """The quoted rows, as table.csv has them: rates with four digits."""
    rows = []
    for chunk, name, *rates, adjusted in QUOTED:
        for column, rate in zip(COLUMNS, rates):
            row = {"kind": "quoted", "name": name, "chunk": chunk, "data": column,
                   "raw_rate": f"{(rate or 0) / 100:.4f}"}
            if adjusted and column == "text":
                row["adjusted_gb_2_bytes"] = f"{adjusted / 100:.4f}"
            rows.append(row)
    return pd.DataFrame(rows, dtype=object)
