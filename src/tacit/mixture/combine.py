"""Groups made of several components: those that overlap most are united, until as many are left as one asks for.

A group need not be Gaussian: a ring, a half moon or a heavy tail takes several components to describe, and BIC counts
those. Baudry, Raftery, Celeux, Lo and Gottardo (2010), "Combining mixture components for clustering".
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.special import entr, xlogy

from ..errors import ArgumentError
from ..typing import Array, Doubles
from .gaussian import GaussianMixture


class Combined(NamedTuple):
    """Components in groups. ``entropy[g - 1]`` is Σ_i w_i H(group | x_i) where g groups are left."""

    model: GaussianMixture
    group: Array  # [K], of each component, numbered from the largest
    entropy: Doubles  # [K]

    def predict_proba(self, X: Any) -> Doubles:
        """p(group | x) [n, G]."""
        return np.asarray(self.model.predict_proba(X), np.float64) @ np.eye(self.group.max() + 1)[self.group]

    def predict(self, X: Any) -> Array:
        """The likeliest group of each row [n]."""
        labels: Array = self.predict_proba(X).argmax(axis=1)
        return labels


def combine(model: GaussianMixture, X: Any, n_groups: int, *, sample_weight: Any = None) -> Combined:
    """Unite components of a fitted mixture into ``n_groups``; the density stays as it is.

    Each step unites the two groups whose union lowers the entropy of the assignment of the rows most,

        -Σ_i w_i [r_ia log r_ia + r_ib log r_ib] + Σ_i w_i (r_ia + r_ib) log(r_ia + r_ib)

    which are those that overlap (equation 7 of the paper).

    Raises ``ArgumentError`` for more groups than there are components.

    >>> rng = np.random.default_rng(0)
    >>> t = rng.uniform(0, np.pi, 600)
    >>> moons = np.where(rng.random(600) < 0.5, [np.cos(t), np.sin(t)], [1 - np.cos(t), 0.5 - np.sin(t)]).T
    >>> X = moons + 0.05 * rng.normal(size=(600, 2))
    >>> int(combine(GaussianMixture(8, random_state=0).fit(X), X, 2).group.max()) + 1
    2
    """
    r = np.asarray(model.predict_proba(X), np.float64)  # [n, K]
    n, K = r.shape
    if not 1 <= n_groups <= K:
        raise ArgumentError(f"n_groups must be from 1 to the {K} components of the model. Got {n_groups!r} instead.")
    w = np.ones(n) if sample_weight is None else np.asarray(sample_weight, np.float64)
    units: list[tuple[int, ...]] = [(k,) for k in range(K)]
    entropy = np.zeros(K)
    kept = units
    while True:
        entropy[len(units) - 1] = float(w @ entr(r).sum(axis=1))
        if len(units) == n_groups:
            kept = units
        if len(units) == 1:
            break
        a, b = _overlapping(r, w)
        units = [u for i, u in enumerate(units) if i not in (a, b)] + [units[a] + units[b]]
        r = np.column_stack([np.delete(r, (a, b), axis=1), r[:, a] + r[:, b]])
    size = [-sum(float(model.weights_[k]) for k in unit) for unit in kept]
    group = np.empty(K, dtype=np.int64)
    for g, i in enumerate(np.argsort(size, kind="stable")):
        group[list(kept[i])] = g
    return Combined(model, group, entropy)


def _overlapping(r: Doubles, w: Doubles) -> tuple[int, int]:
    """The two columns whose union lowers the entropy most."""
    each = w @ xlogy(r, r)  # [K]
    best, gain = (0, 1), -np.inf
    for a in range(r.shape[1] - 1):
        both = r[:, a, None] + r[:, a + 1 :]
        gains = w @ xlogy(both, both) - each[a] - each[a + 1 :]
        if gains.max() > gain:
            best, gain = (a, a + 1 + int(gains.argmax())), float(gains.max())
    return best
