"""Why a loss may have stopped being a number."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor


def likely_cause(before: Iterable[float], mean: float, batch: Any, precision: str) -> str:
    """In words, from the losses before it, the mean of the epoch so far, and a batch of the same window."""
    largest = 0.0
    for tensor in tensors(batch):
        if tensor.is_floating_point() and tensor.numel():
            cells = tensor.detach().double()
            if torch.isinf(cells).any():
                return "the batch holds infinity"
            largest = max(largest, float(torch.nan_to_num(cells).abs().max()))
    finite = [v for v in before if math.isfinite(v)]
    start = mean if math.isfinite(mean) else finite[0] if finite else math.nan
    if finite and finite[-1] > 4 * abs(start):
        return f"the loss rose from {start:.4g} to {finite[-1]:.4g}: lower learning_rate, or clip the gradient"
    if largest > 1e6:
        return f"numbers as large as {largest:.3g} in the batch: standardise the columns"
    if precision == "bf16":
        return 'a sum beyond the reach of bf16: try precision "32", or lower learning_rate'
    return "a step too large for the model (lower learning_rate, or clip the gradient), or a log or division of 0 in it"


def tensors(tree: Any) -> Iterator[Tensor]:
    """The tensors of a batch."""
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, dict):
        for value in tree.values():
            yield from tensors(value)
    elif isinstance(tree, list | tuple):
        for value in tree:
            yield from tensors(value)
