"""Random numbers: one generator, seeded by the user, never the global one."""

from __future__ import annotations

import numpy as np

from .errors import ArgumentError
from .typing import Array, Floats, Seed


def generator(random_state: Seed) -> np.random.Generator:
    """A ``numpy.random.Generator`` from scikit-learn's ``random_state`` or from a generator, used as it is.

    A ``RandomState`` is advanced by one draw, so that two calls differ, as users of scikit-learn expect.

    >>> generator(0).integers(10), generator(0).integers(10)
    (np.int64(8), np.int64(8))
    """
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(0, 2**31 - 1, size=4))
    if random_state is None or (isinstance(random_state, int | np.integer) and random_state >= 0):
        return np.random.default_rng(random_state)
    raise ArgumentError(
        f"random_state must be None, an int >= 0, a numpy Generator or a RandomState. Got {random_state!r} instead."
    )


def draw(mass: Floats, size: int, rng: np.random.Generator, order: Array | None = None) -> Array:
    """``size`` independent draws of i with probability mass[i] / Σ mass, by inversion of the cumulative sum.

    The sum runs in ``order``: with the order of a content hash the draws depend on rows and weights and not on
    positions, and a row of weight 2 is drawn as if it stood there twice.
    """
    cumulative = np.cumsum(mass if order is None else mass[order], dtype=np.float64)
    total = cumulative[-1]
    if not total > 0:
        raise ArgumentError("nothing can be drawn: all weights are zero")
    at: Array = np.searchsorted(cumulative, rng.random(size) * total, side="right")
    at = np.minimum(at, np.searchsorted(cumulative, total, side="left"))  # u = 1 by rounding: the last positive mass
    return at if order is None else order[at]
