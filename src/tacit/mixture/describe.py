"""What each column of a joint mixture is like in each component."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..typing import Doubles


class NumberColumn(NamedTuple):
    """A numeric column in each component."""

    mean: Doubles  # [K]
    sd: Doubles  # [K]


class CategoryColumn(NamedTuple):
    """A categorical column in each component."""

    levels: tuple[str, ...]
    probability: Doubles  # [K, C]


def described(model: Any) -> dict[str, NumberColumn | CategoryColumn]:
    """By column name, of a ``JointMixture``."""
    share = np.eye(model.n_components_)[model.part_component_].T * model.part_weights_  # [K, M]
    share = share / share.sum(axis=1, keepdims=True)
    out: dict[str, NumberColumn | CategoryColumn] = {}
    for c in model.schema_.columns:
        if c.kind.numeric:
            column = model._column(c.name)
            m, v = column.mean(), column.variance()
            mean = share @ m
            out[c.name] = NumberColumn(mean, np.sqrt((share * (v + (m - mean[:, None]) ** 2)).sum(axis=1)))
        elif c.kind.categorical:
            out[c.name] = CategoryColumn(c.levels, share @ model._column(c.name).probabilities())
    return out


def families(model: Any) -> dict[str, str]:
    """The family of each column, "points+" before it where some values have a probability of their own."""
    out = {}
    for c in model.schema_.columns:
        if c.kind.numeric:
            plan = model._layout.by_name[c.name]
            how = "zero+" if plan.atoms == (0.0,) else "points+" if plan.atoms else ""
            out[c.name] = how + plan.family + (f":{plan.period:g}" if plan.period else "")
        elif c.kind.categorical:
            out[c.name] = "bernoulli" if len(c.levels) == 2 else "categorical"
    return out
