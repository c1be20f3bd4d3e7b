"""Imported networks cost what PyTorch says: text that a random network of PyTorch draws is as cheap by what is imported of it.

  torch_shapes_test.py BIN_FOLDER

For each shape a checkpoint of random weights is written as it is published. `import` makes a model of it, and `compress --raw-frame`
codes what the network drew. A network with any part wrong would not expect these symbols, and need far more bits.
"""

import json
import math
import os
import struct
import subprocess
import sys
import tempfile

import torch
import torch.nn.functional as F

binaries = sys.argv[1]
torch.manual_seed(5)
torch.set_num_threads(1)
TOKENS, BEGIN, WIDTH, LAYERS, CONTEXT, DRAWN = 257, 256, 64, 2, 256, 250
TOLERANCE = 0.015  # of the bits, and the four bytes around a frame


def tokenizer():
    """Bytes and a silent token, as GPT-2 writes them."""
    vocabulary, others = {}, 0
    for byte in range(256):
        seen = 33 <= byte <= 126 or (byte >= 161 and byte != 173)
        vocabulary[chr(byte if seen else 256 + others)] = byte
        others += not seen
    vocabulary["<|endoftext|>"] = BEGIN
    return {
        "added_tokens": [{"id": BEGIN, "content": "<|endoftext|>", "special": True}],
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False},
        "model": {"type": "BPE", "vocab": vocabulary, "merges": []},
    }


def normal(*shape, deviation):
    return torch.randn(*shape) * deviation


def gain(size):
    return 1 + 0.3 * torch.randn(size)


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, tensor in tensors.items():
        raw = tensor.contiguous().numpy().tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def attend(q, k, v):
    """[heads, positions, size], each position over itself and those before."""
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    future = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
    return scores.masked_fill(future, -math.inf).softmax(-1) @ v


def heads_of(x, count):
    return x.view(x.shape[0], count, -1).transpose(0, 1)


def joined(x):
    return x.transpose(0, 1).reshape(x.shape[1], -1)


def gpt2():
    heads, inner = 4, 4 * WIDTH
    w = {"wte.weight": normal(TOKENS, WIDTH, deviation=0.25), "wpe.weight": normal(CONTEXT, WIDTH, deviation=0.5)}
    for layer in range(LAYERS):
        p = f"h.{layer}."
        for norm in ("ln_1", "ln_2"):
            w[p + norm + ".weight"], w[p + norm + ".bias"] = gain(WIDTH), normal(WIDTH, deviation=0.3)
        for name, rows, columns in (
            ("attn.c_attn", WIDTH, 3 * WIDTH),
            ("attn.c_proj", WIDTH, WIDTH),
            ("mlp.c_fc", WIDTH, inner),
            ("mlp.c_proj", inner, WIDTH),
        ):
            w[f"{p}{name}.weight"] = normal(rows, columns, deviation=1.2 / rows**0.5)
            w[f"{p}{name}.bias"] = normal(columns, deviation=0.3)
    w["ln_f.weight"], w["ln_f.bias"] = gain(WIDTH), normal(WIDTH, deviation=0.3)
    config = {
        "model_type": "gpt2", "activation_function": "gelu_new", "bos_token_id": BEGIN, "n_embd": WIDTH, "n_head": heads,
        "n_layer": LAYERS, "n_positions": CONTEXT, "layer_norm_epsilon": 1e-5, "vocab_size": TOKENS,
    }

    def logits(tokens):
        def norm(name, x):
            return F.layer_norm(x, (WIDTH,), w[name + ".weight"], w[name + ".bias"], 1e-5)

        def conv(name, x):
            return x @ w[name + ".weight"] + w[name + ".bias"]

        x = w["wte.weight"][tokens] + w["wpe.weight"][: len(tokens)]
        for layer in range(LAYERS):
            p = f"h.{layer}."
            q, k, v = (heads_of(part, heads) for part in conv(p + "attn.c_attn", norm(p + "ln_1", x)).split(WIDTH, 1))
            x = x + conv(p + "attn.c_proj", joined(attend(q, k, v)))
            x = x + conv(p + "mlp.c_proj", F.gelu(conv(p + "mlp.c_fc", norm(p + "ln_2", x)), approximate="tanh"))
        return norm("ln_f", x) @ w["wte.weight"].T

    return config, w, logits


def llama(qwen3):
    heads, groups, size, inner, theta = 4, 2, 32, 160, 10000.0
    w = {
        "model.embed_tokens.weight": normal(TOKENS, WIDTH, deviation=1),
        "lm_head.weight": normal(TOKENS, WIDTH, deviation=0.25),
        "model.norm.weight": gain(WIDTH),
    }
    for layer in range(LAYERS):
        p = f"model.layers.{layer}."
        for name, rows, columns in (
            ("self_attn.q_proj", heads * size, WIDTH),
            ("self_attn.k_proj", groups * size, WIDTH),
            ("self_attn.v_proj", groups * size, WIDTH),
            ("self_attn.o_proj", WIDTH, heads * size),
            ("mlp.gate_proj", inner, WIDTH),
            ("mlp.up_proj", inner, WIDTH),
            ("mlp.down_proj", WIDTH, inner),
        ):
            w[f"{p}{name}.weight"] = normal(rows, columns, deviation=1.2 / columns**0.5)
        w[p + "input_layernorm.weight"], w[p + "post_attention_layernorm.weight"] = gain(WIDTH), gain(WIDTH)
        if qwen3:
            w[p + "self_attn.q_norm.weight"], w[p + "self_attn.k_norm.weight"] = gain(size), gain(size)
    config = {
        "model_type": "qwen3" if qwen3 else "llama", "hidden_act": "silu", "bos_token_id": BEGIN, "hidden_size": WIDTH,
        "intermediate_size": inner, "num_attention_heads": heads, "num_key_value_heads": groups, "head_dim": size,
        "num_hidden_layers": LAYERS, "rms_norm_eps": 1e-6, "max_position_embeddings": CONTEXT, "rope_theta": theta,
        "tie_word_embeddings": False, "vocab_size": TOKENS,
    }

    def norm(x, weight):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * weight

    def turn(x):
        """[heads, positions, size], pairs as halves."""
        angles = torch.arange(x.shape[1])[:, None] * theta ** (-torch.arange(size // 2) * 2 / size)
        cosine, sine = angles.cos(), angles.sin()
        a, b = x[..., : size // 2], x[..., size // 2 :]
        return torch.cat((a * cosine - b * sine, a * sine + b * cosine), -1)

    def logits(tokens):
        x = w["model.embed_tokens.weight"][tokens]
        for layer in range(LAYERS):
            p = f"model.layers.{layer}."

            def linear(name, x, p=p):
                return x @ w[f"{p}{name}.weight"].T

            h = norm(x, w[p + "input_layernorm.weight"])
            q, k = heads_of(linear("self_attn.q_proj", h), heads), heads_of(linear("self_attn.k_proj", h), groups)
            v = heads_of(linear("self_attn.v_proj", h), groups)
            if qwen3:
                q, k = norm(q, w[p + "self_attn.q_norm.weight"]), norm(k, w[p + "self_attn.k_norm.weight"])
            k, v = (part.repeat_interleave(heads // groups, 0) for part in (turn(k), v))
            x = x + linear("self_attn.o_proj", joined(attend(turn(q), k, v)))
            h = norm(x, w[p + "post_attention_layernorm.weight"])
            x = x + linear("mlp.down_proj", F.silu(linear("mlp.gate_proj", h)) * linear("mlp.up_proj", h))
        return norm(x, w["model.norm.weight"]) @ w["lm_head.weight"].T

    return config, w, logits


def check(name, config, weights, logits):
    tokens, bits = [BEGIN], 0.0
    with torch.no_grad():
        for _ in range(DRAWN):
            probabilities = logits(torch.tensor(tokens))[-1].double().softmax(-1)
            token = int(torch.multinomial(probabilities[:BEGIN], 1))
            bits -= math.log2(float(probabilities[token]))
            tokens.append(token)
    record = bytes(tokens[1:])
    with tempfile.TemporaryDirectory() as folder:
        write_safetensors(os.path.join(folder, "model.safetensors"), weights)
        for file, value in (("config.json", config), ("tokenizer.json", tokenizer())):
            with open(os.path.join(folder, file), "w", encoding="utf-8") as out:
                json.dump(value, out)
        model, text = os.path.join(folder, "model.occm"), os.path.join(folder, "text")
        with open(text, "wb") as out:
            out.write(record)
        subprocess.run(
            [os.path.join(binaries, "import"), folder, "-o", model, "--calibration", text], check=True, stdout=subprocess.DEVNULL
        )
        frame = subprocess.run(
            [os.path.join(binaries, "compress"), "--ckpt", model, "--raw-frame", "-c", "-q"],
            input=record, capture_output=True, check=True,
        ).stdout
        back = subprocess.run(
            [os.path.join(binaries, "decompress"), "--ckpt", model, "--raw-frame", "-c", "-q"],
            input=frame, capture_output=True, check=True,
        ).stdout
    assert back == record, name
    print(f"{name}: {bits:.0f} bits by PyTorch, a frame of {8 * len(frame)}, {8 * len(record)} as they are")
    assert bits < 7 * DRAWN, "the network expects too little to tell anything"
    assert bits * (1 - TOLERANCE) < 8 * len(frame) < bits * (1 + TOLERANCE) + 32, name


check("GPT-2", *gpt2())
check("Llama", *llama(False))
check("Qwen3", *llama(True))
print("torch_shapes_test.py: all held")
