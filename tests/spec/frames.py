"""The bare frame: docs/spec/frame.md."""

from container import xxh3
from notation import Damaged, require
from predictors import AdaptivePredictor, NetworkPredictor, decode_lost_bits
from range_coder import RangeDecoder


def read_length(frame):
    """A record's length, and how many bytes of its frame tell it."""
    width = 0 if not frame else 1 if frame[0] < 192 else 2 if frame[0] < 240 else 3
    require(frame and len(frame) >= width, "a frame ends within its length")
    if width == 1:
        return frame[0], 1
    if width == 2:
        return 192 + (frame[0] - 192) * 256 + frame[1], 2
    return 12480 + int.from_bytes(bytes([frame[0] - 240]) + frame[1:3], "big"), 3


def decode_stream(payload, length, model, dictionary):
    decoder, predictor = RangeDecoder(payload), NetworkPredictor(model, chunked=False)
    if dictionary:
        predictor = AdaptivePredictor(model)
        predictor.dictionary, predictor.size = dictionary, 16384
    tokenizer = model.tokenizer
    predictor.start(1)
    symbols, done = [], 0
    while done < length:
        predictor.prepare(1)
        symbols.append(predictor.decode(decoder, 0))
        done += len(tokenizer.tokens[symbols[-1]])
    lost = decode_lost_bits(decoder, symbols) if tokenizer.loses_bits else None
    decoder.finish()
    return tokenizer.decode(symbols, lost)


def decode_frame(frame, model, check_bytes, dictionary=b""):
    """The record of a frame."""
    length, begin = read_length(frame)
    end = begin + min(check_bytes, 4 - begin)
    payload = frame[end:]
    require(len(frame) >= end and len(payload) <= length, "a frame of another length")
    record = payload if len(payload) == length else decode_stream(payload, length, model, dictionary)
    if len(record) != length or xxh3(record).to_bytes(8, "little")[: end - begin] != frame[begin:end]:
        raise Damaged("a frame decodes to another record")
    return record
