"""Trains a batch of networks on several sources at once: text, photographs, sound."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .checkpoint import Arrays, with_sources
from .configuration import Configuration
from .network import Parameters
from .sources import Bytes, Source, quotas, starts_within, turns
from .training import Result, Training, evaluate


def shares_of(c: Configuration, sources: Sequence[Source]) -> list[float]:
    """The share of each source; they sum to 1."""
    parts = quotas([c["shares"][source.name] for source in sources])
    return [part / sum(parts) for part in parts]


class MixtureTraining(Training):
    """A run of networks of one shape; each has its own shares of the sources.

    "bpb" and the like are means by the shares of the sources that are validated on; "bpb_of" and
    the like have each source's.
    """

    def __init__(self, configurations: Sequence[Configuration], sources: Sequence[Source],
                 device: str, **options: Any) -> None:
        self.sources = sources
        self.begins = np.cumsum([0, *(len(source.train) for source in sources)])
        self.of_sources: list[dict[str, float]] = []  # of the last look, by network and source
        super().__init__(configurations, np.zeros(1, np.uint8), device, **options)

    def load(self, data: Bytes) -> None:
        self.train_data = torch.cat([self.lines(s, s.train) for s in self.sources])
        self.validations = [self.lines(s, s.validation) for s in self.sources]

    def lines(self, source: Source, data: Bytes) -> Tensor:
        """What Networks.parted has for the bytes of a source, [bytes, ...]."""
        return torch.from_numpy(data.copy()).to(self.device)

    def starts_of(self, c: Configuration) -> npt.NDArray[np.int64]:
        random = np.random.default_rng(c["seed"])
        parts = quotas([c["shares"][source.name] for source in self.sources])
        need = self.steps * c["batch"]
        of = np.resize(turns(parts), need)
        starts = np.zeros(need, np.int64)
        for k, source in enumerate(self.sources):
            found = starts_within(source, int((of == k).sum()), c["context"], random)
            starts[of == k] = self.begins[k] + found
        return starts.reshape(self.steps, c["batch"])

    def plan(self) -> None:
        super().plan()
        record = torch.tensor([source.record > 1 for source in self.sources], device=self.device)
        ends = torch.from_numpy(self.begins[1:]).to(self.device)
        of = torch.bucketize(self.starts, ends, right=True)
        self.in_record = record[of]  # [steps, E, B]

    def begins_anew(self) -> Tensor:
        """What stands before a record has nothing to do with it."""
        return self.fresh | self.in_record[self.counter][0][..., None]

    def held_out(self, p: Parameters, every: int = 1) -> list[float]:
        self.of_sources = [{} for _ in self.all]
        means, of_all = [0.0] * len(self.all), [0.0] * len(self.all)
        for k, (source, validation) in enumerate(zip(self.sources, self.validations)):
            if len(validation) == 0:
                continue
            for e, bpb in enumerate(evaluate(self.networks, p, validation, every)):
                share = shares_of(self.all[e], self.sources)[k]
                self.of_sources[e][source.name] = round(bpb, 5)
                means[e] += share * bpb
                of_all[e] += share
        return [mean / share for mean, share in zip(means, of_all)]

    def last_parts(self, name: str, e: int) -> Result:
        return {name + "_of": self.of_sources[e]}

    def calibrated_on(self) -> list[Tensor]:
        contexts = 16 * self.c["context"]
        return [self.train_data[begin:begin + contexts] for begin in self.begins[:-1]]

    @torch.no_grad()
    def kept(self, results: list[Result]) -> list[Arrays]:
        return [with_sources(arrays, self._told(c, result))
                for arrays, c, result in zip(super().kept(results), self.all, results)]

    def data_digest(self) -> str:
        digests = "".join(f"{s.name} {s.record} {s.train_sha256}\n" for s in self.sources)
        return hashlib.sha256(digests.encode()).hexdigest()

    def _told(self, c: Configuration, result: Result) -> list[dict[str, Any]]:
        """What a checkpoint tells of the sources, as data/training_source.h has it."""
        return [{"name": source.name, "data_name": source.file, "data_sha256": source.train_sha256,
                 "record_bytes": source.record, "share": share,
                 "train_begin": source.train_range[0], "train_end": source.train_range[1],
                 "validation_begin": source.validation_range[0],
                 "validation_end": source.validation_range[1],
                 "curve": [[point["tokens"], point["bpb_of"][source.name]]
                           for point in result["curve"] if source.name in point["bpb_of"]]}
                for source, share in zip(self.sources, shares_of(c, self.sources))]
