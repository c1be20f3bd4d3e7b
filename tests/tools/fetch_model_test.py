"""fetch_model.sh against local addresses: checks digests, goes on with downloads, imports and measures.

  fetch_model_test.py FETCH BIN_FOLDER     exits 77 where curl is missing
"""

import hashlib
import json
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile

fetch, binaries = (os.path.abspath(path) for path in sys.argv[1:3])
if shutil.which("curl") is None:
    print("skipped: curl missing")
    sys.exit(77)
TOKENS, WIDTH, HEADS, INNER, LAYERS = 257, 16, 2, 24, 2


def tokenizer():
    """Bytes and a silent token, as GPT-2 writes them."""
    vocabulary, others = {}, 0
    for byte in range(256):
        seen = 33 <= byte <= 126 or (byte >= 161 and byte != 173)
        vocabulary[chr(byte if seen else 256 + others)] = byte
        others += not seen
    vocabulary["<|endoftext|>"] = 256
    return {
        "added_tokens": [{"id": 256, "content": "<|endoftext|>", "special": True}],
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False},
        "model": {"type": "BPE", "vocab": vocabulary, "merges": []},
    }


def config():
    return {
        "model_type": "llama", "bos_token_id": 256, "hidden_act": "silu", "hidden_size": WIDTH, "intermediate_size": INNER,
        "num_attention_heads": HEADS, "num_key_value_heads": HEADS, "num_hidden_layers": LAYERS, "rms_norm_eps": 1e-5,
        "max_position_embeddings": 64, "rope_theta": 10000.0, "tie_word_embeddings": True, "vocab_size": TOKENS,
    }


def shapes():
    found = {"model.embed_tokens.weight": (TOKENS, WIDTH), "model.norm.weight": (WIDTH,)}
    for layer in range(LAYERS):
        p = f"model.layers.{layer}."
        found[p + "input_layernorm.weight"] = found[p + "post_attention_layernorm.weight"] = (WIDTH,)
        for name in "qkvo":
            found[f"{p}self_attn.{name}_proj.weight"] = (WIDTH, WIDTH)
        found[p + "mlp.gate_proj.weight"] = found[p + "mlp.up_proj.weight"] = (INNER, WIDTH)
        found[p + "mlp.down_proj.weight"] = (WIDTH, INNER)
    return found


def write_checkpoint(folder):
    draw = random.Random(3)
    header, data = {}, b""
    for name, shape in shapes().items():
        size = shape[0] * (shape[1] if len(shape) > 1 else 1)
        raw = struct.pack(f"<{size}f", *(draw.gauss(1.0 if len(shape) == 1 else 0.0, 0.3) for _ in range(size)))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    with open(os.path.join(folder, "model.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)
    for name, content in (("config.json", config()), ("tokenizer.json", tokenizer())):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            json.dump(content, file)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, content):
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)


def run(*arguments, code=0, cache="cache"):
    done = subprocess.run([fetch, *arguments, "--cache", cache, "--bin", binaries], capture_output=True, text=True)
    assert done.returncode == code, (arguments, done)
    if code != 0:
        assert "fetch_model.sh: " in done.stderr, done.stderr
    return done


def files_in(folder):
    return sorted(os.path.relpath(os.path.join(path, name), folder) for path, _, names in os.walk(folder) for name in names)


with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    os.mkdir("there")
    write_checkpoint("there")
    url, names = f"file://{work}/there", ["config.json", "tokenizer.json", "model.safetensors"]
    weights = read("there/model.safetensors")

    def write_list(path, **digests):
        lines = ["# SHA-256, bytes, path"]
        for name in names:
            content = read(f"there/{name}")
            digest = digests.get(name.split(".")[0], hashlib.sha256(content).hexdigest())
            lines.append(f"{digest} {'-' if digest == '-' else len(content)} {name}")
        write(path, "\n".join(lines).encode() + b"\n")

    write_list("list")
    tiny = ["tiny", "--url", url, "--files", "list", "--context", "32"]

    # Fetched, imported and measured beside Occam's own models; what was not fetched is an empty row.
    write("text", b"The cat sat on the mat, and the dog sat on the cat. " * 60)
    shown = run(*tiny, "--text", "text", "--bytes", "3000").stdout
    assert "model id" in shown and "bytes a lane, for a context of 32" in shown, shown
    assert "| tiny | " in shown and "| wiki-200K | 221,568 |" in shown and re.search(r"\| SmolLM2-135M \|( *\|)+\n", shown), shown
    assert "text: 3,000 bytes" in shown and "| xz -9e | 0 |" in shown, shown
    assert read("cache/models/tiny/measured/table.md").decode() in shown
    for name in names:
        assert read(f"cache/models/tiny/{name}") == read(f"there/{name}")
    assert not [name for name in files_in("cache") if name.endswith(".part")]

    # What is there is not fetched again; what is there and wrong is.
    run("tiny", "--url", "file:///none", "--files", "list", "--bytes", "0", "--out", "other.occm")
    assert os.path.getsize("other.occm") > 1000
    write("cache/models/tiny/config.json", b"{}")
    run("tiny", "--url", "file:///none", "--files", "list", "--bytes", "0", code=3)
    run(*tiny, "--bytes", "0")
    assert read("cache/models/tiny/config.json") == read("there/config.json")

    # A download that was cut off goes on: what is there of it stays, even if it is wrong, and then the digest is wrong.
    part = "resumed/models/tiny/model.safetensors.part"
    write(part, weights[:5000])
    run(*tiny, "--bytes", "0", cache="resumed")
    assert read("resumed/models/tiny/model.safetensors") == weights and not os.path.exists(part)
    write(part, b"x" + weights[1:5000])
    os.remove("resumed/models/tiny/model.safetensors")
    done = run(*tiny, "--bytes", "0", code=4, cache="resumed")
    assert "instead of" in done.stderr and not os.path.exists(part)
    assert not os.path.exists("resumed/models/tiny/model.safetensors")
    write(part, weights + b"more than there is")
    run(*tiny, "--bytes", "0", cache="resumed")
    assert read("resumed/models/tiny/model.safetensors") == weights
    write(part, weights)  # all of it, not yet checked
    os.remove("resumed/models/tiny/model.safetensors")
    run("tiny", "--url", "file:///none", "--files", "list", "--bytes", "0", cache="resumed")

    # A wrong digest leaves nothing of the file; nor is anything imported.
    write_list("wrong", model="0" * 64)
    done = run("tiny", "--url", url, "--files", "wrong", "--bytes", "0", code=4, cache="refused")
    assert hashlib.sha256(weights).hexdigest() in done.stderr, done.stderr
    assert files_in("refused") == ["models/tiny/config.json", "models/tiny/tokenizer.json"], files_in("refused")

    # One that is not known is told, and taken only where that is asked for.
    write_list("unknown", model="-")
    done = run("tiny", "--url", url, "--files", "unknown", "--bytes", "0", code=4, cache="trusted")
    assert hashlib.sha256(weights).hexdigest() in done.stderr and "--trust" in done.stderr, done.stderr
    assert "models/tiny/model.safetensors" not in files_in("trusted")
    run("tiny", "--url", url, "--files", "unknown", "--trust", "--bytes", "0", "--context", "32", cache="trusted")
    assert read("trusted/models/tiny/tiny.occm") == read("cache/models/tiny/tiny.occm")

    # The models that are known have an address, digests and sizes.
    for name in ("stories260k", "smollm2-135m", "gpt2", "qwen3-0.6b", "tinyllama-1.1b"):
        assert name in subprocess.run([fetch, "--help"], capture_output=True, text=True, check=True).stdout
        done = run(name, "--url", "file:///none", "--bytes", "0", code=3, cache="known")
        assert "cannot download file:///none/" in done.stderr, done.stderr
    assert files_in("known") == []

    write("hostile", b"0" * 64 + b" 3 ../../escaped\n")
    run("tiny", "--url", url, "--files", "hostile", "--bytes", "0", code=2)
    for arguments in (["nobody"], ["../tiny"], [], ["tiny", "--url"], ["tiny", "--files", "list"], ["gpt2", "--bytes", "many"],
                      ["gpt2", "gpt2"], ["--frobnicate"]):
        done = subprocess.run([fetch, *arguments], capture_output=True, text=True)
        assert done.returncode == 2, (arguments, done)
    os.chdir("/")
