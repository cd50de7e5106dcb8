"""How much columns say of each other: mutual information under the mixture."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.special import logsumexp

from ..rng import generator
from ..typing import Array, Doubles
from .condition import grammar_of
from .families.column import ColumnDistribution, GaussianBlock
from .wood import Wood

DRAWS = 8192


class MutualInformation(NamedTuple):
    """I(a; b) = E[log p(a, b) / p(a) p(b)] >= 0 in nats."""

    nats: float
    error: float  # standard error of a mean over draws; 0 where it is a sum over all values
    normalised: float  # √(1 - exp(-2 I)): |ρ| where a and b are jointly normal (Linfoot 1957), 0 to 1


def normalised(nats: float) -> float:
    """√(1 - exp(-2 I)).

    >>> round(normalised(-0.5 * np.log(1 - 0.6**2)), 10)
    0.6
    """
    return float(np.sqrt(-np.expm1(-2 * max(nats, 0.0))))


def exact(weights: Doubles, p: Doubles, q: Doubles) -> MutualInformation:
    """Of two categories: Σ p(a, b) log p(a, b) / p(a) p(b), p(a, b) = Σ_k π_k p_k(a) p_k(b); p [K, A], q [K, B]."""
    joint = (p * weights[:, None]).T @ q
    joint /= joint.sum()
    alone = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)
    some = joint > 0
    nats = max(float((joint[some] * np.log(joint[some] / alone[some])).sum()), 0.0)
    return MutualInformation(nats, 0.0, normalised(nats))


def by_draws(log_weights: Doubles, a: Doubles, b: Doubles, both: Doubles | None = None) -> MutualInformation:
    """From log p(a_i | k) and log p(b_i | k) [n, K] at draws of (a, b): the mean and its standard error.

    ``both`` [n, K] is log p(a_i, b_i | k) where the two depend on each other within a component.
    """
    both = a + b if both is None else both
    each = (
        logsumexp(log_weights + both, axis=1) - logsumexp(log_weights + a, axis=1) - logsumexp(log_weights + b, axis=1)
    )
    mean, error = float(each.mean()), float(each.std(ddof=1) / np.sqrt(len(each)))
    return MutualInformation(max(mean, 0.0), error, normalised(mean))


def pairwise(model: Any, names: list[str], n: int, wanted: list[tuple[str, str]]) -> dict[tuple[str, str], Any]:
    """I(a; b) of the pairs ``wanted`` of columns of a ``JointMixture``."""
    wood = grammar_of(model).columns.wood
    if wood is None:
        draws = Draws(model, names, n, generator(model.random_state))
        return {(a, b): draws.pair(a, b) for a, b in wanted}
    if all(a == b for a, b in wanted):
        return {(a, a): _itself(wood, a) for a, _ in wanted}
    return {(a, b): _of_codes(p) for a, b, p in wood.pairs(names)}


def _itself(wood: Wood, a: str) -> MutualInformation:
    """H(a) of a category; infinite for a number."""
    if wood.codes[a].numeric:
        return MutualInformation(float("inf"), 0.0, 1.0)
    p = wood.others(a, wood.nothing())[0]
    return MutualInformation(-float((p[p > 0] * np.log(p[p > 0])).sum()), 0.0, 1.0)


def _of_codes(p: Doubles) -> MutualInformation:
    """Where columns are joined by trees: that of the codes [A, B], within which numbers are independent."""
    some = p > 0
    nats = float((p[some] * (np.log(p[some]) - np.log(np.outer(p.sum(axis=1), p.sum(axis=0))[some]))).sum())
    return MutualInformation(max(nats, 0.0), 0.0, normalised(nats))


class Draws:
    """Rows drawn from the joint distribution, and log p(x_j | k) of their cells; what all pairs share."""

    def __init__(self, model: Any, names: list[str], n: int, rng: np.random.Generator) -> None:
        self.log_weights = np.log(np.maximum(model.part_weights_, 1e-300))
        self.columns: dict[str, ColumnDistribution] = {name: model._column(name) for name in names}
        z = rng.choice(len(self.log_weights), n, p=model.part_weights_)
        self.blocks: tuple[GaussianBlock, ...] = model._blocks()
        values: dict[str, Array] = {name: column.sample(z, rng) for name, column in self.columns.items()}
        for block in self.blocks:
            L = np.linalg.cholesky(block.covariance)
            x = block.mean[z] + np.einsum("nij,nj->ni", L[z], rng.standard_normal((n, len(block.names))))
            values |= {name: x[:, i] for i, name in enumerate(block.names) if name in values}
        self.values = values
        self.log_prob = {name: column.log_prob(values[name]) for name, column in self.columns.items()}

    def pair(self, a: str, b: str) -> MutualInformation:
        """I(a; b)."""
        p, q = self.columns[a], self.columns[b]
        if a != b and _listed(p) and _listed(q):
            return exact(np.exp(self.log_weights), p.probabilities(), q.probabilities())
        if a == b:
            return self._itself(a)
        return by_draws(self.log_weights, self.log_prob[a], self.log_prob[b], self._together(a, b))

    def _itself(self, a: str) -> MutualInformation:
        """H(a) of a category; infinite for a number."""
        column = self.columns[a]
        if not _listed(column):
            return MutualInformation(float("inf"), 0.0, 1.0)
        p = np.exp(self.log_weights) @ column.probabilities()
        return MutualInformation(float(-(p[p > 0] * np.log(p[p > 0])).sum()), 0.0, 1.0)

    def _together(self, a: str, b: str) -> Doubles | None:
        for block in self.blocks:
            if a in block.names and b in block.names:
                at = [block.names.index(a), block.names.index(b)]
                Σ = block.covariance[:, at][:, :, at]
                v = np.column_stack([self.values[a], self.values[b]])[:, None] - block.mean[:, at]  # [n, K, 2]
                y = np.einsum("kij,nkj->nki", np.linalg.inv(np.linalg.cholesky(Σ)), v)
                log_det = np.linalg.slogdet(Σ)[1]
                out: Doubles = -0.5 * ((y * y).sum(axis=2) + log_det) - np.log(2 * np.pi)
                return out
        return None


def _listed(column: ColumnDistribution) -> bool:
    """Whether the column has finitely many values."""
    try:
        column.probabilities()
    except NotImplementedError:
        return False
    return True
