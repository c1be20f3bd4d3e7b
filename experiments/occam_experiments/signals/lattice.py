"""Predictions of photographs that were JPEG files: docs/spec/lattice.md for many patches at once.

All samples are known here, so that the pasts of all places are made at once. What remains are
loops over rows, blocks and multiples. Tensors are int64, and their last axes are patches or blocks.
"""

import functools
from typing import NamedTuple

import torch
from torch import Tensor

STEPS = (16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
         14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
         18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
         49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99)
COSINES = ((5793, 5793, 5793, 5793, 5793, 5793, 5793, 5793),  # [frequency][sample]
           (8035, 6811, 4551, 1598, -1598, -4551, -6811, -8035),
           (7568, 3135, -3135, -7568, -7568, -3135, 3135, 7568),
           (6811, -1598, -8035, -4551, 4551, 8035, 1598, -6811),
           (5793, -5793, -5793, 5793, 5793, -5793, -5793, 5793),
           (4551, -8035, 1598, 6811, -6811, -1598, 8035, -4551),
           (3135, -7568, 7568, -3135, -3135, 7568, -7568, 3135),
           (1598, -4551, 6811, -8035, 8035, -6811, 4551, -1598))
NOISES = (512, 1024, 2048, 4096, 8192)
KEPT = (256, 206, 169, 132, 113, 102, 96, 86)
ADDED = (1256, 559, 359, 262, 197, 144, 95, 59)
BITS_PER_NAT = 24785594146
FIRST_COSTS = (0, -370, 0, 370, 740)  # of noises
OTHER_LATTICE, NO_LATTICE = 1536, 1110
SCALES = 14
FIRST_ROW = 3  # of a block that a lattice predicts
SPREAD, MOST_SPREAD, MOST_VARIANCE = 4096, 30 * 4096, 2 ** 20
LEAST_VARIANCE = 205  # of a sample
BEAM, BEHIND, NEVER = 8, 3072, 2 ** 24  # hypotheses, what they may cost more, and what none costs
PATCHES, PATCHES_OF_CPU = 1024, 32  # at a time, for memory's sake


class Observation(NamedTuple):
    """What a coefficient near a multiple tells of the rows to come.

    Tensors are of each lattice, frequency across, scale and noise, in one axis, which is the last.
    Where there is no observation, these numbers leave hypotheses as they are.
    """

    down: int
    step: Tensor
    farthest: Tensor
    per_square: Tensor
    behind: Tensor
    gains: Tensor  # [rows to come, those]


class Column(NamedTuple):
    """The observations in a row of blocks, and the variance that they leave of the row to come."""

    observations: list[Observation]
    least: Tensor


class Past(NamedTuple):
    """What the start of each block's row knows; [8] are frequencies across."""

    known: Tensor  # the eight samples of the row, which become known one by one [8, N, H, B]
    last: Tensor  # coefficients of the row above [8, N, H, B]
    west: Tensor  # the value that the gradient above expects of the first sample [N, H, B]
    scales: Tensor  # of each frequency [8, N, H, B]
    scale: Tensor  # of their mean spread [N, H, B]
    sums: list[Tensor]  # of a block's coefficients before each of its rows [8 down, 8, N, H/8, B]
    lattice: Tensor  # [N, H, B]
    noise: Tensor  # [N, H, B]


def bits(x: Tensor) -> Tensor:
    """The number of binary digits of integers from 0 on."""
    powers = torch.tensor([1 << k for k in range(40)], device=x.device)
    return torch.bucketize(x.contiguous(), powers, right=True)


def trunc_div(a: Tensor, b: Tensor) -> Tensor:
    """The quotient rounded towards zero."""
    return torch.div(a, b, rounding_mode="trunc")


def square_root(x: Tensor) -> Tensor:
    """The largest integers whose squares are not above x."""
    root = torch.zeros_like(x)
    for n in range(20, -1, -1):
        more = root + 2 ** n
        root = torch.where(more * more <= x, more, root)
    return root


def log2_256(x: int) -> int:
    """A line between powers of two."""
    floor = x.bit_length() - 1
    return 256 * (floor - 1) + (x << 8 >> floor)


def nearest_multiple(value: Tensor, step: "Tensor | int") -> Tensor:
    """The number of the multiple of a step."""
    return torch.div(value + step // 2, step, rounding_mode="floor")


def along(values: tuple[int, ...], like: Tensor) -> Tensor:
    """Numbers along the first axis of a tensor."""
    shape = [-1] + [1] * (like.dim() - 1)
    return torch.tensor(values, device=like.device).view(shape)


def steps_of(quality: int) -> list[int]:
    """Steps of a quality, [down][across]."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return [min(max((s * percent + 50) // 100, 1), 255) for s in STEPS]


@functools.cache
def columns_of(qualities: tuple[int, ...], device: str) -> dict[int, Column]:
    """Columns of each row of a block from FIRST_ROW on."""
    out = {}
    for row in range(FIRST_ROW, 8):
        made = made_column(qualities, row)
        out[row] = Column([Observation(o.down, *(t.to(device) for t in o[1:]))
                           for o in made.observations], made.least.to(device))
    return out


def covariances(rows: int, across: Tensor, scale: Tensor) -> Tensor:
    """Covariances of rows to come, [rows, rows, those]."""
    kept = torch.tensor(KEPT)[across]
    added = torch.tensor(ADDED)[across] << (scale + 4)
    c = torch.zeros((rows, rows, len(across)), dtype=torch.int64)
    variance = torch.zeros_like(added)
    for i in range(rows):
        x = variance = ((variance * kept >> 8) * kept >> 8) + added
        for j in range(i, rows):
            c[i, j] = c[j, i] = x
            x = x * kept >> 8
    return c


def made_column(qualities: tuple[int, ...], row: int) -> Column:
    """The column of a row of blocks for all lattices, frequencies, scales and noises."""
    shape = [range(n) for n in (len(qualities), 8, SCALES, len(NOISES))]
    lattice, across, scale, noise = torch.cartesian_prod(*(torch.tensor(n) for n in shape)).T
    steps = torch.tensor([steps_of(q) for q in qualities])
    noises, c = torch.tensor(NOISES)[noise], covariances(8 - row, across, scale)
    observations = []
    for down in range(7, -1, -1):
        step = steps[lattice, 8 * down + across]
        square = step * step * 4096
        weights = torch.tensor(COSINES[down][row:])[:, None]
        common = (c * weights).sum(1) >> 14
        total = noises + ((common * weights).sum(0) >> 14)
        there = (square >= 9 * noises) & (2 * total <= square)
        if down == 0:
            there &= across > 0
        total = torch.where(there, total, 1)
        common = torch.where(there, common, 0)
        observations.append(Observation(
            down, step * 64, torch.where(there, 4 * square_root(total), -1),
            torch.where(there, BITS_PER_NAT // total, 0),
            torch.where(there, BEHIND, NEVER), trunc_div(common * 65536, total)))
        c -= trunc_div(common[:, None] * common, total)
    return Column(observations, c[0, 0].clamp_min(0) >> 4)


def look(x: Tensor, qualities: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """Predictions, certainties and whether they are on a lattice, of patches x [N, H, W]."""
    count = PATCHES if x.is_cuda else PATCHES_OF_CPU
    parts = [look_at(part.long(), qualities) for part in x.split(count)]
    prediction, certainty, on_lattice = (torch.cat(some) for some in zip(*parts))
    return prediction, certainty, on_lattice


def look_at(x: Tensor, qualities: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """The same of as many patches as memory holds."""
    past = past_of(x, qualities)
    on_lattice = past.noise != len(NOISES)
    mean, variance = plain(past)
    for row in range(FIRST_ROW, 8):
        where = on_lattice[:, row::8].nonzero(as_tuple=True)
        if len(where[0]):
            column = columns_of(qualities, str(x.device))[row]
            for out, told in zip((mean, variance), by_lattice(past, column, row, where)):
                out[:, :, row::8][(slice(None), *where)] = told
    prediction, certainty = in_row(past, mean, variance)
    return (prediction.permute(1, 2, 3, 0).reshape(x.shape),
            certainty.permute(1, 2, 3, 0).reshape(x.shape), on_lattice.repeat_interleave(8, 2))


# What is known.

def past_of(x: Tensor, qualities: tuple[int, ...]) -> Past:
    """What each row's start knows of patches x [N, H, W]."""
    n, h, w = x.shape
    known = x.reshape(n, h, w // 8, 8).permute(3, 0, 1, 2).contiguous()
    rows = torch.stack([(sum_of(COSINES[i], known - 128) + 128) >> 8 for i in range(8)])
    last = torch.zeros_like(rows)
    last[:, :, 1:] = rows[:, :, :-1]
    last[0, :, 0, 1:] = rows[0, :, 0, :-1]  # above the first row its west stands for it
    spreads = spreads_of(rows)
    mean = spreads.sum(0) >> 3
    west = torch.zeros_like(known[0])
    west[:, :, 1:] = known[7, :, :, :-1]
    west[:, 1:, 1:] += known[0, :, :-1, 1:] - known[7, :, :-1, :-1]
    sums = [torch.zeros((8, *rows[:, :, ::8].shape), dtype=torch.int64, device=x.device)]
    for row in range(8):
        cosines = along(tuple(c[row] for c in COSINES), sums[0])
        sums.append(sums[-1] + cosines * rows[:, :, row::8])
    return Past(known, last, west, scale_of((3 * spreads + mean) >> 2), scale_of(mean), sums,
                *weighed(sums[8], qualities))


def sum_of(weights: tuple[int, ...], x: Tensor) -> Tensor:
    """The sum over the first axis."""
    total = weights[0] * x[0]
    for weight, y in zip(weights[1:], x[1:]):
        total += weight * y
    return total


def scale_of(spread: Tensor) -> Tensor:
    """The power of two of a spread, 8 for one of 1."""
    return (bits(spread + (spread >> 1)) - 5).clamp(0, SCALES - 1)


def spreads_of(rows: Tensor) -> Tensor:
    """Spreads that the start of each row uses, of the coefficients of all rows [8, N, H, B]."""
    kept = torch.full_like(rows, SPREAD)  # after each row
    added = rows[:, :, 1:] - (rows[:, :, :-1] * along(KEPT, rows) >> 8)
    seen = torch.div(added * added, along(ADDED, rows), rounding_mode="floor")
    seen = seen.clamp_max(MOST_SPREAD)
    for y in range(1, rows.shape[2]):
        before = kept[:, :, y - 1]
        kept[:, :, y] = before + ((seen[:, :, y - 1] - before) * 5 >> 3)
    above = torch.full_like(rows, SPREAD)
    above[:, :, 1:] = kept[:, :, :-1]
    out = above.clone()
    out[..., 1:] = (5 * above[..., 1:] + 3 * kept[..., :-1]) >> 3
    out[:, :, 1:, :-1] = (3 * out[:, :, 1:, :-1] + above[:, :, 1:, 1:]) >> 2
    return out


def weighed(coefficients: Tensor, qualities: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Lattice and noise at the start of each row, of whole blocks' coefficients."""
    n, high, across = coefficients.shape[2:]
    blocks = coefficients.view(64, n, high * across)
    costs = [costs_of(blocks, quality) for quality in qualities]
    of_noises = torch.stack([noises for noises, _ in costs])  # [lattices, noises, N, blocks]
    of_multiples = torch.stack([multiples for _, multiples in costs])
    of_multiples[1:] += OTHER_LATTICE
    lattice = winners(of_multiples)
    index = lattice.expand(1, len(NOISES), n, -1)
    numbers = along(tuple(range(len(NOISES))), of_noises[0])
    least = (of_noises.gather(0, index)[0] * 8 + numbers).amin(0)  # the first of equals
    noise = torch.where(least >> 3 < NO_LATTICE, least & 7, len(NOISES))
    # A row sees the blocks above, and in the last of a block's rows those to its left, too.
    y = torch.arange(8 * high, device=blocks.device)[:, None]
    seen = y // 8 * across + (y % 8 == 7) * torch.arange(across, device=blocks.device)
    return lattice[:, seen], noise[:, seen]


def costs_of(blocks: Tensor, quality: int) -> tuple[Tensor, Tensor]:
    """Costs of a lattice after each number of blocks [64, N, blocks]: of noises, of multiples."""
    of_noises = torch.zeros((len(NOISES), blocks.shape[1], blocks.shape[2] + 1), dtype=torch.int64,
                            device=blocks.device)
    of_multiples = torch.zeros_like(of_noises[0])
    steps = steps_of(quality)
    told = [i for i in range(64) if steps[i] >= 4]
    step = along(tuple(64 * steps[i] for i in told), blocks)
    value = (blocks[told] + 8192) >> 14
    multiple = nearest_multiple(value, step)
    distance = value - multiple * step
    for i, noise in enumerate(NOISES):
        first = tuple((log2_256(noise) - 3072 + 679 - log2_256(steps[k] ** 2)) >> 1 for k in told)
        cost = along(first, blocks) + (distance * distance * (BITS_PER_NAT // noise) >> 27)
        cost = cost.clamp_max(1445)
        of_noises[i, :, 1:] = cost.sum(0).cumsum(1)
        if i == 2:
            cost = torch.where(multiple != 0, cost, cost.clamp_min(0))
            of_multiples[:, 1:] = cost.sum(0).cumsum(1)
    return of_noises + along(FIRST_COSTS, of_noises), of_multiples


def winners(costs: Tensor) -> Tensor:
    """The lattice that has won after each number of blocks [N, blocks + 1], of costs by lattices.

    Each block is weighed lattice by lattice, and only what is better than the winner so far wins.
    """
    best, winner = costs[0, :, 0], torch.zeros_like(costs[0, :, 0])
    out = [winner]
    for m in range(1, costs.shape[2]):
        for k, cost in enumerate(costs[:, :, m]):
            best = torch.where(winner == k, cost, best)
            winner = torch.where(cost < best, k, winner)
            best = torch.minimum(best, cost)
        out.append(winner)
    return torch.stack(out, 1)


# What is predicted of the frequencies of a row.

def plain(past: Past) -> tuple[Tensor, Tensor]:
    """Means and variances [8, N, H, B] by the row above alone."""
    mean = past.last * along(KEPT, past.last) >> 8
    variance = along(ADDED, mean) << past.scales
    mean[:, :, 0] = past.last[:, :, 0]
    variance[1:, :, 0] *= 2
    variance[0, :, 0] = (400 << past.scales[0, :, 0]) + 50 * 256
    return mean, variance.clamp_max(MOST_VARIANCE)


def by_lattice(past: Past, column: Column, row: int, where: tuple[Tensor, ...],
               ) -> tuple[Tensor, Tensor]:
    """Means and variances [8, P] of P places: patch, row of blocks, and block."""
    places = (slice(None), *where)
    scales, last = (t[:, :, row::8][places] for t in (past.scales, past.last))
    lattice, noise = (t[:, row::8][where] for t in (past.lattice, past.noise))
    across = along(tuple(range(8)), scales)
    index = (((lattice * 8 + across) * SCALES + scales) * len(NOISES) + noise).flatten()
    known = past.sums[row][(slice(None), *places)].flatten(1)
    to_come = [last * along(KEPT, last) >> 8]
    while len(to_come) < 8 - row:
        to_come.append(to_come[-1] * along(KEPT, last) >> 8)
    costs, rows = torch.zeros_like(index)[None], torch.stack(to_come).flatten(1)[:, None]
    for observation in column.observations:
        costs, rows = branched(costs, rows, observation, index, known[observation.down], row)
    mean, variance = mixed(costs, rows[0])
    variance = (column.least[index] + variance).clamp(0, MOST_VARIANCE)
    return mean.view(last.shape), variance.view(last.shape)


def branched(costs: Tensor, rows: Tensor, observation: Observation, index: Tensor, known: Tensor,
             row: int) -> tuple[Tensor, Tensor]:
    """The best hypotheses that go on: costs [hypotheses, P], rows [rows, hypotheses, P]."""
    step = observation.step[index]
    weights = COSINES[observation.down][row:]
    expected = (sum_of(weights, rows) + (known + 8192)) >> 14
    nearest = nearest_multiple(expected, step) * step - expected
    numbers = torch.arange(-2, 3, device=index.device)[:, None]
    distance = nearest[:, None] + numbers * step  # [hypotheses, 5, P]
    more = (distance * distance * observation.per_square[index] >> 27).clamp_max(2 ** 20)
    goes_on = (costs < NEVER) & (costs <= costs[0] + observation.behind[index])
    likely = (numbers == 0) | (distance.abs() <= observation.farthest[index])
    more = torch.where(goes_on[:, None] & likely, costs[:, None] + more, NEVER).flatten(0, 1)
    # Costs are at most 2^24. A place below them makes all different, and the first of equals best.
    places = torch.arange(len(more), device=index.device)[:, None]
    best = (more * 64 + places).int().sort(0)[0][:BEAM].long()
    chosen = best & 63
    distance = distance.flatten(0, 1).gather(0, chosen)
    parents = (chosen // 5).expand(len(rows), -1, -1)
    moved = observation.gains[:, index][:, None] * distance >> 16
    return best >> 6, (rows.gather(1, parents) + moved).clamp(-2 ** 15, 2 ** 15)


def mixed(costs: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """The mean of hypotheses [hypotheses, P], the first the best, and their variance in 256ths."""
    cost, apart = costs - costs[0], rows - rows[0]
    weight = (512 - (cost & 255)) << 7 >> (cost >> 8).clamp_max(16)
    weight = torch.where(cost < 4096, weight, 0)
    total = weight.sum(0)
    mean = trunc_div((weight * apart).sum(0), total)
    squares = torch.div((weight * apart * apart).sum(0), total, rounding_mode="floor")
    return rows[0] + mean, (squares - mean * mean) >> 4


# What is predicted of the samples of a row.

def in_row(past: Past, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """Predictions and certainties [8, N, H, B], from frequencies' means and variances."""
    means = torch.stack([8192 + (sum_of(c, mean) >> 14) for c in zip(*COSINES)])
    c = torch.zeros((8, *means.shape), dtype=torch.int64, device=means.device)
    for x in range(8):
        for z in range(x + 1):  # only these are needed
            weights = tuple((cosines[x] * cosines[z] + 128) >> 8 for cosines in COSINES)
            c[x, z] = (sum_of(weights, variance) >> 16) + (LEAST_VARIANCE if x == z else 0)
    west = c[..., 1:][0, 0] + (400 << (past.scale[..., 1:] + 4)) + 1229
    error = past.west[..., 1:] * 64 - means[0, ..., 1:]
    means[..., 1:], c[..., 1:] = observed(means[..., 1:], c[..., 1:], error, west)
    predictions, certainties = [], []
    for i in range(8):
        predictions.append(((means[0] + 32) >> 6).clamp(0, 255))
        certainties.append(certainty_of(c[0, 0]))
        if i < 7:
            error, total = past.known[i] * 64 - means[0], c[0, 0].clamp_min(LEAST_VARIANCE)
            means, c = (t[1:] for t in observed(means, c, error, total))
            c = c[:, 1:]
    return torch.stack(predictions), torch.stack(certainties)


def observed(means: Tensor, c: Tensor, error: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """Means and covariances after a look at the first sample.

    Covariances above the diagonal are not kept right, as nothing reads them.
    """
    common = c[:, 0]
    reciprocal = torch.div(torch.full_like(variance, 2 ** 38), variance, rounding_mode="floor")
    gains = (common * reciprocal >> 20).clamp(-2 ** 28, 2 ** 28)
    means = (means + (gains * error >> 18)).clamp(-2 ** 20, 2 ** 20)
    c = (c - (gains[:, None] * common >> 18)).clamp(-2 ** 24, 2 ** 24)
    return means, c


def certainty_of(covariance: Tensor) -> Tensor:
    """The variance in half powers of two."""
    variance = (covariance >> 4).clamp_min(1)
    b = bits(variance)
    half = torch.where(b >= 2, variance >> (b - 2).clamp_min(0) & 1, 0)
    return (2 * b + half - 8).clamp(0, 31)
