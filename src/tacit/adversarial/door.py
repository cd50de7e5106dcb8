"""Which columns a generator can imitate, and which not."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..data.block import Block
from ..data.source import Source
from ..data.table import Table
from ..errors import InputError

FEW, REPEATED = 10, 10  # so few values, each so often on average: a column that counts or names


def check_continuous(source: Source, names: Any, who: str) -> None:
    """No column may hold a few values over and over: D would know generated rows by their being none of these.

    Raises ``InputError`` with the column by name. Constant columns are let through.
    """
    d = source.shape[1]

    def few(block: Block) -> Any:
        """The distinct values of each column, up to one more than would be too few."""
        x = np.asarray(block.x, dtype=np.float64)
        return tuple(np.unique(x[:, j])[: FEW + 1] for j in range(d))

    def merge(a: Any, b: Any) -> Any:
        return tuple(np.unique(np.concatenate(pair))[: FEW + 1] for pair in zip(a, b))

    for j, values in enumerate(source.reduce(few, merge, rows=100_000)):
        if 2 <= len(values) <= FEW and len(values) * REPEATED <= source.shape[0]:
            name = repr(str(names[j])) if names is not None else str(j)
            shown = ", ".join(f"{v:g}" for v in values[:4]) + (", ..." if len(values) > 4 else "")
            raise InputError(
                f"column {name} holds only {len(values)} values ({shown}): {who} writes real numbers, which D tells "
                "from such a column at once. Leave it out, add noise of the width of a step to it, or take "
                "JointMixture, VAE or RBM"
            )


def numbers(X: Any, who: str) -> Any:
    """A table's numbers; columns of categories are refused."""
    table = X if isinstance(X, Table) else Table.read(X)
    names = [c.name for c in table.schema.categorical]
    if names:
        raise InputError(
            f"{who} needs columns of real numbers; {', '.join(map(repr, names))} hold{'s' * (len(names) == 1)} "
            "categories, through which no slope leads to G: leave them out, or take JointMixture, VAE or RBM"
        )
    import pyarrow as pa

    return pa.table(dict(zip((c.name for c in table.schema.numeric), table.block.x.T, strict=True)))
