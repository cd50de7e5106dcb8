"""The two directions in which densities p of the world and q of a model can be compared, and who can answer which.

E_p[log q] is what likelihood sees: it is low where q forgets something that p makes. E_q[log p] is what a user of
samples sees: it is low where q makes what p does not. With the entropies they are -KL(p ‖ q) - H(p) and
-KL(q ‖ p) - H(q), and a model can be good at the one and bad at the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..typing import Array

IMPLICIT = "not available"


class Direction(NamedTuple):
    """An expectation and its standard error."""

    mean: float
    error: float


class Directions(NamedTuple):
    """Of one model, in nats a row; None where there is no density to ask."""

    density: str  # "explicit", "bound" or "implicit"
    forward: Direction | None  # E_p[log q]
    backward: Direction | None  # E_q[log p]


def directions(
    model: Any, rows: Any, log_p: Callable[[Array], Array] | None = None, *, n_samples: int = 10_000
) -> Directions:
    """E_p[log q] over ``rows`` drawn from p, by ``model.score_samples``, and E_q[log p] over the model's own samples.

    ``log_p`` is the known density; without it the second is not available. A model without ``score_samples`` has an
    implicit density, and the first is not available; the density of one that estimates it is "bound" (a VAE's is a
    lower bound, an RBM's has an estimated log Z).

    >>> from tacit import GaussianMixture
    >>> X = np.random.default_rng(0).normal(size=(2000, 1))
    >>> found = directions(GaussianMixture(1).fit(X), X, lambda x: -0.5 * x[:, 0] ** 2 - 0.5 * np.log(2 * np.pi))
    >>> found.density, round(found.forward.mean, 1), round(found.backward.mean, 1)
    ('explicit', -1.4, -1.4)
    """
    forward = _mean(model.score_samples(rows)) if hasattr(model, "score_samples") else None
    backward = None
    if log_p is not None:
        drawn = model.sample(n_samples)
        x = np.asarray(drawn[0] if isinstance(drawn, tuple) else drawn)
        backward = _mean(log_p(x))
    kind = "implicit" if forward is None else "bound" if type(model).__name__ in BOUNDED else "explicit"
    return Directions(kind, forward, backward)


BOUNDED = ("VAE", "RBM", "DBN", "BernoulliRBM")  # whose score_samples is an estimate or a bound


def directions_table(found: Mapping[str, Directions]) -> str:
    """Markdown: one line a model.

    >>> print(directions_table({"GAN": Directions("implicit", None, Direction(-2.0, 0.01))}))
    | model | density | E_p[log q] | E_q[log p] |
    |---|---|---|---|
    | GAN | implicit | not available | -2.00 ± 0.01 |
    """
    lines = ["| model | density | E_p[log q] | E_q[log p] |", "|---|---|---|---|"]
    for name, one in found.items():
        cells = [IMPLICIT if d is None else f"{d.mean:.2f} ± {d.error:.2f}" for d in one[1:]]
        lines.append(f"| {name} | {one.density} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _mean(values: Any) -> Direction:
    v = np.asarray(values, dtype=np.float64)
    return Direction(float(v.mean()), float(v.std(ddof=1) / math.sqrt(len(v))))
