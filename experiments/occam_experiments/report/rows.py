"""The rows of a sweep's results and of in_context.py's curves, as tables of pandas."""

import os

import pandas as pd

from ..errors import DAMAGED, Failure

TEXT = ("study", "label", "id", "train.tokenizer", "compress.mode", "train.params",
        "train.windows", "adjusted_is", "precision", "model_id", "data_sha256",
        "held_out_sha256", "version", "machine")
NEEDED = {"label", "id", "seed", "parameters", "held_out_bpb", "model_bytes", "train_s",
          "version", "machine"}


def read_table(path: str, text: tuple[str, ...]) -> pd.DataFrame:
    """A CSV whose columns `text` hold texts, "" where there is none, and others what they hold."""
    with open(path, encoding="utf-8", newline="") as file:
        header = file.readline().strip().split(",")
    numbers = {name: [""] for name in header if name not in text}
    return pd.read_csv(path, dtype={name: str for name in text}, keep_default_na=False,
                       na_values=numbers, float_precision="round_trip")


def read_rows(path: str) -> pd.DataFrame:
    """The rows of results.csv, with what reports derive from them.

    Columns beside those of the file: `charged`, the file with its model in percent of the text
    trained on; `uncharged`, the same without tokenizer, embedding and head; `alone`, the model's
    own held-out rate where it is not the file's; `others`, the segments that the model did not
    code.
    """
    rows = read_table(path, TEXT)
    if rows.empty or NEEDED - set(rows.columns):
        raise Failure(DAMAGED, f"{path} holds no results of sweep.py")
    for name in ("adjusted_rate", "in_sample_bpb", "in_sample_segments_of_others",
                 "held_out_segments_of_others", "held_out_model_alone_bpb",
                 "in_sample_model_alone_bpb", "vocabulary_bytes", "train_bytes"):
        if name not in rows:
            rows[name] = float("nan")
    rows["charged"] = 100 * rows["adjusted_rate"]
    rows["uncharged"] = rows["charged"] - 100 * rows["vocabulary_bytes"] / rows["train_bytes"]
    held_out_others = rows["held_out_segments_of_others"].fillna(0)
    rows["alone"] = rows["held_out_model_alone_bpb"].where(held_out_others > 0)
    rows["others"] = held_out_others + rows["in_sample_segments_of_others"].fillna(0)
    return rows


def read_curves(path: str) -> pd.DataFrame | None:
    """The rows of curves.csv; None where there is no such file."""
    if not os.path.exists(path):
        return None
    curves = read_table(path, ("kind", "name"))
    return curves.astype({"first": int, "last": int, "bits": float, "error_bits": float})
