"""Columns and the units that stand for them: which kind each is, rows to states of units, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import ArgumentError, InputError
from ..neural.inputs import one_hot
from ..neural.scale import Summary, one_range
from ..train import Batch, Batches, Tensors
from ..typing import Array
from .units import Binary, Categorical, Count, Gaussian, Layer, Mixed

IN_MEMORY = 500_000_000  # states that are kept at once
KINDS = ("binary", "gaussian", "count")


@dataclass(frozen=True)
class Columns:
    """The units of the visible layer: binary, Gaussian, counts, then categories.

    A number x is told as (x - shift) · scale; a category of two levels is one binary unit.
    """

    kinds: tuple[str, ...]  # of the numeric columns
    shift: tuple[float, ...]
    scale: tuple[float, ...]
    levels: tuple[int, ...] = ()  # of the categorical columns
    names: tuple[str, ...] = ()  # of all, numeric first

    @cached_property
    def numeric(self) -> dict[str, list[int]]:
        """Numeric columns by kind."""
        return {kind: [j for j, k in enumerate(self.kinds) if k == kind] for kind in KINDS}

    @cached_property
    def pairs(self) -> list[int]:
        """Categorical columns of at most two levels."""
        return [j for j, c in enumerate(self.levels) if c <= 2]

    @cached_property
    def many(self) -> list[int]:
        """The others."""
        return [j for j, c in enumerate(self.levels) if c > 2]

    @cached_property
    def sizes(self) -> tuple[int, int, int, tuple[int, ...]]:
        """How many binary, Gaussian and count units, and the levels of the categories."""
        by = self.numeric
        levels = tuple(self.levels[j] for j in self.many)
        return len(by["binary"]) + len(self.pairs), len(by["gaussian"]), len(by["count"]), levels

    @cached_property
    def plain(self) -> bool:
        """Whether rows are states of units as they are."""
        units = all(s == 0 for s in self.shift) and all(s == 1 for s in self.scale)
        return units and not self.levels and len(set(self.kinds)) == 1

    @cached_property
    def _units(self) -> tuple[Tensor, Tensor]:
        return torch.tensor(self.shift, dtype=torch.float64), torch.tensor(self.scale, dtype=torch.float64)

    @cached_property
    def widths(self) -> Array:
        """What a column's own density is multiplied by: log |scale| of the Gaussian columns, summed."""
        return np.log([self.scale[j] for j in self.numeric["gaussian"]])

    def layer(self, log_precision: Tensor) -> Layer:
        """The visible layer; ``log_precision`` of its Gaussian units."""
        binary, gaussian, count, levels = self.sizes
        parts: list[Layer] = []
        if binary:
            parts.append(Binary(binary))
        if gaussian:
            parts.append(Gaussian(log_precision))
        if count:
            parts.append(Count(count))
        if levels:
            parts.append(Categorical(levels))
        return parts[0] if len(parts) == 1 else Mixed(parts)

    def states(self, batch: Batch) -> Tensor:
        """States [b, d], gaps as NaN."""
        x = batch.x.flatten(1)
        if self.plain:
            return x.to(torch.float32)
        x = x if x.is_floating_point() else x.float()
        shift, scale = (t.to(x) for t in self._units)
        x = (x - shift) * scale
        by = self.numeric
        parts = [x[:, by["binary"]]]
        if self.pairs and batch.codes is not None:
            z = batch.codes[:, self.pairs].to(x.dtype)
            parts.append(torch.where(z < 0, torch.nan, z))
        parts += [x[:, by["gaussian"]], x[:, by["count"]]]
        if self.many and batch.codes is not None:
            z = batch.codes[:, self.many]
            levels = self.sizes[3]
            lost = (z < 0).repeat_interleave(torch.tensor(levels).to(z.device), dim=1)
            parts.append(torch.where(lost, torch.nan, one_hot(z, levels).to(x.dtype)))
        return torch.cat(parts, dim=1).to(torch.float32)

    def decode(self, v: Tensor) -> tuple[Array, Array]:
        """Numbers [b, n] in the units that they came in, and category codes [b, c]."""
        binary, gaussian, count, levels = self.sizes
        b, g, n, c = (part.cpu().double().numpy() for part in v.split([binary, gaussian, count, sum(levels)], dim=1))
        x, z = np.empty((len(v), len(self.kinds))), np.empty((len(v), len(self.levels)), np.int32)
        by = self.numeric
        x[:, by["binary"]], x[:, by["gaussian"]], x[:, by["count"]] = b[:, : len(by["binary"])], g, n
        z[:, self.pairs] = b[:, len(by["binary"]) :] > 0.5
        at = 0
        for j in self.many:
            z[:, j] = c[:, at : at + self.levels[j]].argmax(axis=1)
            at += self.levels[j]
        return x / np.array(self.scale) + np.array(self.shift), z


class States:
    """Batches of the states of units, gaps as NaN; rows in memory are made so once."""

    def __init__(self, rows: Batches, columns: Columns) -> None:
        self.rows, self.columns = rows, columns
        self.ready = isinstance(rows, Tensors) and rows.rows.x.numel() <= IN_MEMORY
        self.whole = False  # known to be without gaps
        if isinstance(rows, Tensors) and self.ready:
            v = columns.states(rows.rows)
            self.rows = Tensors(Batch(v, None, rows.rows.weight), rows.order)
            self.whole = not bool(torch.isnan(v.sum()))

    @property
    def n(self) -> int:
        """Rows in an epoch."""
        return self.rows.n

    def batches(
        self, size: int, seed: int, epoch: int, start: int = 0, rank: int = 0, world: int = 1
    ) -> Iterator[Batch]:
        """Those of the rows."""
        found = self.rows.batches(size, seed, epoch, start, rank, world)
        return found if self.ready else (Batch(self.columns.states(some), None, some.weight) for some in found)


def gaps(v: Tensor) -> tuple[Tensor, Tensor | None]:
    """States with 0 in their gaps, and where those are; None where there are none."""
    if not bool(torch.isnan(v.sum())):
        return v, None
    holes = torch.isnan(v)
    return v.masked_fill(holes, 0.0), holes


def choose(found: Summary, asked: Any, names: tuple[str, ...], levels: tuple[int, ...], pixels: bool) -> Columns:
    """The kinds that were asked for, or that the numbers speak for, checked against the numbers.

    "auto": columns of one range, such as pixels, and columns within [0, 1] are binary; other numbers are Gaussian.
    """
    n = len(found.low)
    kinds = ["auto"] * n
    if isinstance(asked, str):
        kinds = [asked] * n
    elif isinstance(asked, Mapping):
        unknown = [name for name in asked if name not in names[:n]]
        if unknown:
            raise ArgumentError(f"visible names a column {unknown[0]!r}, which has no numbers, or is not there")
        kinds = [asked.get(name, "auto") for name in names[:n]]
    else:
        kinds = list(asked)
        if len(kinds) != n:
            raise ArgumentError(f"visible lists {len(kinds)} kinds for {n} columns of numbers")
    for kind in kinds:
        if kind not in (*KINDS, "auto"):
            raise ArgumentError(
                f"visible: each column is one of {', '.join(map(repr, (*KINDS, 'auto')))}; got {kind!r}. Categories "
                "are told from the table: name them in types="
            )
    alike = n > 0 and all(k == "auto" for k in kinds) and (one_range(found) or pixels)
    low, high = (float(found.low.min()), float(found.high.max())) if n else (0.0, 1.0)
    if pixels:
        low, high = 0.0, 255.0
    shift, scale, final = [], [], []
    for j, kind in enumerate(kinds):
        a, b = float(found.low[j]), float(found.high[j])
        if kind == "auto":
            kind = "binary" if alike or (a >= 0 and b <= 1) else "gaussian"
            if alike and not (low >= 0 and high <= 1 and not pixels):
                shift.append(low)
                scale.append(1 / (high - low))
                final.append(kind)
                continue
        _check(kind, names[j], a, b)
        gaussian = kind == "gaussian"
        shift.append(float(found.mean[j]) if gaussian else 0.0)
        scale.append(1 / float(found.sd[j]) if gaussian else 1.0)
        final.append(kind)
    return Columns(tuple(final), tuple(shift), tuple(scale), levels, names)


def _check(kind: str, name: str, low: float, high: float) -> None:
    if kind == "binary" and (low < 0 or high > 1):
        raise InputError(
            f"binary units need values in [0, 1]; column {name!r} goes from {low:g} to {high:g}: "
            f"'gaussian' fits numbers{', ' + repr('count') + ' counts' if low >= 0 else ''}"
        )
    if kind == "count" and low < 0:
        raise InputError(
            f"count units need whole numbers >= 0; column {name!r} goes from {low:g} to {high:g}: 'gaussian' fits it"
        )
