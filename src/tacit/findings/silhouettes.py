"""How compact the groups are: the silhouettes of some rows, in the space of the map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..evaluate.clusters import silhouette
from ..typing import Array
from . import words
from .atlas import design
from .columns import View

ROWS = 2000  # that are asked, at most
DRAWN = 120  # of a group, at most
THIN = 0.25  # a mean below which groups are no separate heaps (Kaufman and Rousseeuw 1990, table 4)


def silhouettes(views: Sequence[View], group: Array, rng: np.random.Generator, least: int = 1) -> dict[str, Any] | None:
    """The mean silhouette, and those of each group (from 1) in falling order; None where there are no two groups.

    Where no row may be shown there are no values, only means of groups of at least ``least`` rows.
    """
    X, _ = design(views, least)
    some = np.sort(rng.permutation(len(group))[:ROWS])
    numbers, sizes = np.unique(group[some], return_counts=True)
    if len(numbers) < 2 or X.shape[1] == 0 or len(numbers) >= len(some):
        return None
    found = silhouette(X[some], group[some])
    told = []
    for k, (number, size) in enumerate(zip(numbers.tolist(), sizes.tolist(), strict=True)):
        values = np.sort(found.values[found.labels == k])[::-1]
        shown = values[np.linspace(0, size - 1, min(size, DRAWN)).astype(int)] if least == 1 else values[:0]
        if size >= least:
            told.append({"number": number, "rows": size, "mean": float(values.mean()), "values": shown.tolist()})
    how = "hardly form separate heaps" if found.mean < THIN else "form separate heaps"
    said = (
        f"In all columns together the groups {how}: the mean silhouette is {found.mean:.2f}"
        f"{', though each is told apart by some columns' if found.mean < THIN else ''}."
    )
    if len(some) < len(group):
        said += f" It was computed from {words.count(len(some), 'row')}."
    return {"mean": found.mean, "groups": told, "words": said}
