"""The compressed file: docs/spec/occ.md."""

import hashlib
from dataclasses import dataclass

import xxhash

from expert import Expert
from models import Reader, flatten, read_flat
from notation import Damaged, WrongUsage, require
from photo import decode_photo
from predictors import (
    AdaptivePredictor,
    FirstAdaptivePredictor,
    LoneExpert,
    NetworkPredictor,
    Order2,
    SecondAdaptivePredictor,
    decode_lost_bits,
)
from program import restore_addresses
from range_coder import RangeDecoder, cut_streams, read_length
from sound import decode_sound
from step_expert import StepExpert

MAGIC = b"\x89OCC\r\n\x1a\n"
CHUNKED, CARRIED, FIRST_ADAPTIVE, SECOND_ADAPTIVE, FIRST_LONG, ADAPTIVE, LONG = range(7)
LONG_MODES, EXPERT_MODES = (FIRST_LONG, LONG), (SECOND_ADAPTIVE, FIRST_LONG, ADAPTIVE, LONG)
SHORT_MODES = (CHUNKED, CARRIED, SECOND_ADAPTIVE, ADAPTIVE)
STORED, ORDER2, MODEL, EXPERT, SOUND, PHOTO, PROGRAM = range(7)
SHORT_ID = 8


def xxh3(data):
    return xxhash.xxh3_64_intdigest(data)


def check(record, width, what):
    """Requires that the last `width` bytes of a record are the hash of those before."""
    told = int.from_bytes(record[-width:], "little")
    require(told == xxh3(record[:-width]) & (1 << 8 * width) - 1, f"{what} is damaged")


@dataclass
class Header:
    record: bytes
    contract: int
    mode: int
    has_model_block: bool
    context: int
    lanes: int
    lane_symbols: int
    tokenizer_id: bytes
    model_id: bytes  # in the short form 8 bytes of it, and no tokenizer_id
    dictionary_id: bytes = b""  # none: no dictionary is needed

    @property
    def segment_bytes(self):
        return self.lanes * self.lane_symbols

    @property
    def needs_model(self):
        return any(self.model_id)


def read_header(reader):
    require(reader.data[:8] == MAGIC, "not a compressed file")
    record = reader.take(72)
    check(record, 8, "the file header")
    fields = Reader(record[8:], "the file header")
    require(fields.number(1) == 1, "a file of another format version")
    contract, mode, flags = (fields.number(1) for _ in range(3))
    context, lanes, lane_symbols = (fields.number(4) for _ in range(3))
    eight = fields.take(8)
    header = Header(
        record,
        contract,
        mode,
        flags & 1 > 0,
        context,
        lanes,
        lane_symbols,
        bytes(8) if flags & 2 else eight,
        fields.take(32),
        eight if flags & 2 else b"",
    )
    require(mode <= LONG and flags <= 3, "an unknown mode or flag")
    require(not flags & 2 or mode == ADAPTIVE and lanes <= 32 and any(eight), "a wrong dictionary")
    most_lanes, most_bytes = (32, 2**27) if mode in LONG_MODES else (256, 2**24)
    require(1 <= context <= 2**20 and 1 <= lanes <= most_lanes, "a layout out of bounds")
    require(lane_symbols >= 1 and lane_symbols % context == 0, "a layout out of bounds")
    require(header.segment_bytes <= most_bytes, "a layout out of bounds")
    none = contract == flags & 1 == 0 and header.tokenizer_id == bytes(8)
    require(header.needs_model or none, "something of a model without an id")
    return header


def read_model_block(reader, header):
    begin = reader.position
    length = reader.number(8)
    require(length <= 2**30, "a model block is too long")
    coded = reader.take(length)
    reader.take(8)
    check(reader.data[begin : reader.position], 8, "the model block")
    return read_flat(flatten(coded))


def check_model(header, model):
    told = len(header.model_id)
    require(header.model_id == model.id[:told], "the file was made with another model")
    require(header.contract == model.contract, "a file of another numeric contract")
    require(
        told == SHORT_ID or header.dictionary_id or header.tokenizer_id == model.tokenizer.id,
        "a file of another tokenizer",
    )
    require(header.context == model.configuration.C, "a file of another context than its model")
    require(
        header.mode in (CHUNKED, CARRIED) or model.configuration.V == 256,
        "an adaptive file of a model of other symbols than bytes",
    )


@dataclass
class Segment:
    record: bytes
    method: int
    number: int
    symbols: int
    original_bytes: int
    payload: bytes
    original_hash: int


def read_segment(reader, header, model):
    record = reader.take(38)
    check(record, 4, "a segment header")
    fields = Reader(record[1:], "a segment header")
    method = fields.number(1)
    number, symbols, original_bytes, payload_bytes = (fields.number(4) for _ in range(4))
    payload_hash, original_hash = fields.number(8), fields.number(8)
    check_sizes(header, model, method, symbols, original_bytes, payload_bytes)
    payload = reader.take(payload_bytes)
    require(xxh3(payload) == payload_hash, f"the payload of segment {number} is damaged")
    return Segment(record, method, number, symbols, original_bytes, payload, original_hash)


def check_sizes(header, model, method, symbols, original_bytes, payload_bytes):
    known = [STORED, ORDER2, MODEL]
    known += [EXPERT] if header.mode in EXPERT_MODES else []
    known += [PHOTO, PROGRAM] if header.mode in (SECOND_ADAPTIVE, ADAPTIVE) else []
    known += [SOUND] if header.mode != FIRST_ADAPTIVE else []
    known = [STORED, MODEL, EXPERT] if header.dictionary_id else known
    require(method in known, "an unknown method")
    require(
        method != MODEL or model is not None, "a segment needs a model that the file does not name"
    )
    require(1 <= original_bytes <= header.segment_bytes, "a segment of another length")
    one_a_byte = method != MODEL or model.tokenizer.kind in (1, 4, 5)
    require(
        symbols == original_bytes if one_a_byte else 1 <= symbols <= original_bytes,
        "a segment of another number of symbols",
    )
    require(
        payload_bytes == original_bytes if method == STORED else payload_bytes < original_bytes,
        "a segment with a payload of another length",
    )


def lane_base(mode):
    """The symbols of a lane in the usual layout, nearly."""
    return {CHUNKED: 16384, CARRIED: 65536}.get(mode, 524288)


def least_chunks(header):
    """Of a lane in a segment that is not full."""
    if header.contract < 4 or header.mode > FIRST_ADAPTIVE:
        return 8
    base = lane_base(header.mode)
    longer = header.lane_symbols > header.context * max(1, base // header.context)
    return 2 if longer else 8


def lane_lengths(symbols, header):
    chunks = -(-symbols // header.context)
    lanes = min(header.lanes, chunks)
    if header.mode != CHUNKED and symbols < header.segment_bytes:
        lanes = min(lanes, max(chunks // least_chunks(header), 1))
    lengths = [
        (chunks // lanes + (lane < chunks % lanes)) * header.context for lane in range(lanes)
    ]
    lengths[-1] -= chunks * header.context - symbols
    return lengths


def decode_symbols(decoders, predictor, lengths):
    """The symbols of all lanes; neighbouring lanes share a decoder, as evenly as can be."""
    predictor.start(len(lengths))
    decoder_of = [decoders[lane * len(decoders) // len(lengths)] for lane in range(len(lengths))]
    lanes = [[] for _ in lengths]
    active = len(lengths)
    for step in range(lengths[0]):
        while lengths[active - 1] <= step:
            active -= 1
        predictor.prepare(active)
        for lane in range(active):
            lanes[lane].append(predictor.decode(decoder_of[lane], lane))
    return [symbol for lane in lanes for symbol in lane]


class SegmentDecoder:
    def __init__(self, header, model, dictionary=b""):
        self.header, self.model = header, model
        self.dictionary = b""
        self.predictor = None  # of method model, made when a segment first needs it
        if header.dictionary_id:
            if not dictionary:
                told = header.dictionary_id.hex()
                raise WrongUsage(f"the file needs the dictionary {told}: --dictionary")
            self.dictionary = dictionary[-(2**24) :]
            own = hashlib.sha256(self.dictionary).digest()[:8]
            require(header.dictionary_id == own, "the file was made with another dictionary")

    def decode(self, segment):
        if segment.method == STORED:
            original = segment.payload
        elif segment.method == SOUND:
            others = self.lone_expert if self.header.mode in EXPERT_MODES else lambda size: Order2()
            original = decode_sound(segment.payload, segment.original_bytes, others)
        else:
            original = self.decode_stream(segment)
        require(
            len(original) == segment.original_bytes
            and segment.original_hash in (xxh3(original), xxh3(original) & 0xFFFFFFFF),
            f"segment {segment.number} decodes to other bytes",
        )
        return original

    @staticmethod
    def decode_alone(stream, predictor, size):
        """The bytes of a stream of one lane that a predictor without a network codes."""
        decoder = RangeDecoder(stream)
        symbols = decode_symbols([decoder], predictor, [size])
        decoder.finish()
        return bytes(symbols)

    def lone_expert(self, size):
        mode = self.header.mode
        expert = StepExpert if mode in (ADAPTIVE, LONG) else Expert
        return LoneExpert(expert, size, mode in LONG_MODES, self.dictionary)

    def decode_stream(self, segment):
        if segment.method == PHOTO:
            return decode_photo(segment.payload, segment.original_bytes)
        if segment.method == PROGRAM:
            require(segment.payload[:1] in (b"\0", b"\1"), "an unknown instruction set")
            expert = self.lone_expert(segment.symbols)
            changed = self.decode_alone(segment.payload[1:], expert, segment.symbols)
            return restore_addresses(changed, segment.payload[0])
        if segment.method in (ORDER2, EXPERT):
            alone = Order2() if segment.method == ORDER2 else self.lone_expert(segment.symbols)
            return self.decode_alone(segment.payload, alone, segment.symbols)
        return self.decode_by_model(segment)

    def decode_by_model(self, segment):
        mode = self.header.mode
        if self.predictor is None:
            self.predictor = (
                AdaptivePredictor(self.model)
                if mode in (ADAPTIVE, LONG)
                else SecondAdaptivePredictor(self.model)
                if mode in EXPERT_MODES
                else FirstAdaptivePredictor(self.model)
                if mode == FIRST_ADAPTIVE
                else NetworkPredictor(self.model, mode == CHUNKED)
            )
        payload, kinds = segment.payload, self.model.configuration.kinds
        if kinds:
            require(payload and payload[0] < len(kinds), "a kind that the model has not")
            self.predictor.set_kind(payload[0])
            payload = payload[1:]
        lengths, count = lane_lengths(segment.symbols, self.header), 1
        if mode in EXPERT_MODES:
            self.predictor.size = segment.symbols
            self.predictor.is_long = mode in LONG_MODES
            self.predictor.dictionary = self.dictionary
        if mode in (ADAPTIVE, LONG):
            count = self.predictor.streams_of(len(lengths))
        decoders = [RangeDecoder(stream) for stream in cut_streams(payload, count)]
        symbols = decode_symbols(decoders, self.predictor, lengths)
        tokenizer = self.model.tokenizer
        lost = decode_lost_bits(decoders[-1], symbols) if tokenizer.loses_bits else None
        for decoder in decoders:
            decoder.finish()
        return tokenizer.decode(symbols, lost)


def read_index(reader, segments):
    record = reader.take(1 + 8 * len(segments) + 8)
    check(record, 8, "the index")
    fields = Reader(record[1:], "the index")
    for segment in segments:
        told = fields.number(4), fields.number(4)
        require(
            told == (len(segment.payload), segment.original_bytes), "the index tells other segments"
        )
    return record


def read_end(reader, segments, chain):
    record = reader.take(37)
    check(record, 8, "the end record")
    fields = Reader(record, "the end record")
    require(fields.number(1) == ord("E"), "there is no end record")
    require(fields.number(4) == len(segments), "the end record tells another number of segments")
    require(
        fields.number(8) == sum(segment.original_bytes for segment in segments),
        "the end record tells another number of bytes",
    )
    require(fields.number(8) == reader.position, "the archive has another length")
    require(fields.number(8) == chain, "segments are of another file or out of order")


def model_of(header, coded, load_model):
    """The model that a short archive needs, from where it is."""
    if header.has_model_block:
        return read_flat(flatten(coded))
    model = load_model()
    if model is None:
        raise WrongUsage(f"the file needs the model {header.model_id.hex()}: --ckpt")
    return model


def short_number(reader, most):
    value, reader.position = read_length(reader.data, reader.position)
    require(value <= most, "a number out of bounds")
    return value


def usual_layout(mode, context, told):
    factor = 2**told if mode == ADAPTIVE else told + 1
    lane_symbols = context * max(1, lane_base(mode) // context) * factor
    return min(32, 2**24 // lane_symbols), lane_symbols


def read_short_archive(data, load_model):
    """The same for an archive in the short form."""
    reader = Reader(data, "the file")
    reader.take(9)
    modes, flags = reader.number(1), reader.number(1)
    mode, method = modes >> 4, modes & 15
    require(mode in SHORT_MODES, "an unknown mode")
    require(not flags & 8 or mode == ADAPTIVE, "a dictionary that the mode does not have")
    require(flags & 1 or flags & ~12 == 0, "something of a model that is not needed")
    contract, context, model_id, coded = 0, 2048, bytes(SHORT_ID), b""
    if flags & 1:
        contract, context = reader.number(1), short_number(reader, 2**20)
        require(context >= 1, "a layout out of bounds")
        model_id = reader.take(SHORT_ID)
        require(any(model_id), "a model without an id")
    if flags & 2:
        coded = reader.take(short_number(reader, 2**30))
    dictionary_id = reader.take(8) if flags & 8 else b""
    require(not dictionary_id or any(dictionary_id), "a dictionary without an id")
    lanes, lane_symbols = usual_layout(mode, context, flags >> 4)
    require(lanes >= 1, "a layout out of bounds")
    original_bytes = short_number(reader, 2**24)
    symbols = short_number(reader, 2**24) if flags & 4 else original_bytes
    require(not flags & 4 or symbols != original_bytes, "a number that is told twice")
    payload_bytes = original_bytes if method == STORED else short_number(reader, 2**24)
    payload = reader.take(payload_bytes)
    original_hash = reader.number(4)
    reader.take(4)
    check(data[: reader.position], 4, "the archive")
    length, end = reader.position, []
    while length > 127:
        end.append(length & 127 | 128)
        length >>= 7
    end.append(length)
    require(reader.take(len(end)) == bytes(reversed(end)), "the end tells another length")
    layout = (context, lanes, lane_symbols)
    header = Header(data[:9], contract, mode, flags & 2 > 0, *layout, b"", model_id, dictionary_id)
    model = None
    if flags & 1:
        model = model_of(header, coded, load_model)
        check_model(header, model)
    if original_bytes == 0:
        require(method == STORED and symbols == original_hash == 0, "something of no segment")
        return header, model, [], reader.position
    check_sizes(header, model, method, symbols, original_bytes, payload_bytes)
    segment = Segment(b"", method, 0, symbols, original_bytes, payload, original_hash)
    return header, model, [segment], reader.position


def read_first_archive(data, load_model):
    """Checks every record of the archive that data begins with.

    Gives its header, its model or None, its segments, and its length.
    """
    if data[:9] == MAGIC + b"\x02":
        return read_short_archive(data, load_model)
    reader = Reader(data, "the file")
    header = read_header(reader)
    model = None
    if header.has_model_block:
        model = read_model_block(reader, header)
    elif header.needs_model:
        model = load_model()
        if model is None:
            raise WrongUsage(f"the file needs the model {header.model_id.hex()}: --ckpt")
    if model is not None:
        check_model(header, model)

    segments, records = [], [header.record]
    while data[reader.position : reader.position + 1] == b"S":
        require(
            all(s.original_bytes == header.segment_bytes for s in segments[-1:]),
            "a short segment is not the last one",
        )
        segment = read_segment(reader, header, model)
        require(segment.number == len(segments), "segments are out of order")
        segments.append(segment)
        records.append(segment.record)
    if data[reader.position : reader.position + 1] != b"I":
        raise Damaged("neither a segment nor the index where one should be")
    records.append(read_index(reader, segments))
    chain = 0
    for record in records:
        chain = xxh3(chain.to_bytes(8, "little") + record)
    read_end(reader, segments, chain)
    return header, model, segments, reader.position


def read_archives(data, load_model):
    """The archives of a file, one after the other: each with header, model or None, and segments.

    `load_model()` gives the model that the caller has, or None.
    """
    while True:
        header, model, segments, length = read_first_archive(data, load_model)
        yield header, model, segments
        data = data[length:].lstrip(b"\0")
        if not data:
            return
        require(data[:8] == MAGIC, "something follows an archive that is neither zeros nor another")


def read_archive(data, load_model):
    """The archive of a file that has one."""
    (archive,) = read_archives(data, load_model)
    return archive


def decompress(data, load_model, dictionary=b""):
    """The original bytes of a file."""
    original = []
    for header, model, segments in read_archives(data, load_model):
        decoder = SegmentDecoder(header, model, dictionary)
        original += [decoder.decode(segment) for segment in segments]
    return b"".join(original)
