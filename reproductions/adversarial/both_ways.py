"""E_p[log q] and E_q[log p] of a Gaussian mixture, VAE, RBM and GAN on two known densities in the plane.

    python -m reproductions.adversarial.both_ways [--minutes 10] [--quick]

p is a mixture of three Gaussians of unequal weight, or eight on a ring (radius 1, standard deviation 0.1). 10,000 rows
are learned from, 10,000 others are asked about, and 10,000 are drawn from each model. The best that can be had is
E_p[log p] in both columns. A mixture of one Gaussian covers everything and makes what is not there: it is worse in the
second column than in the first, where likelihood looks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.special import logsumexp

import tacit
from tacit import evaluate

from .common import Array, Results, arguments, ring, run


class Known:
    """Σ_k w_k N(x; μ_k, σ_k² I)."""

    def __init__(self, weights: Array, centres: Array, sds: Array) -> None:
        self.weights, self.centres, self.sds = weights, centres, sds

    def draw(self, n: int, seed: int) -> Array:
        """n rows."""
        rng = np.random.default_rng(seed)
        at = rng.choice(len(self.weights), n, p=self.weights)
        out: Array = self.centres[at] + self.sds[at, None] * rng.normal(size=(n, 2))
        return out

    def log_prob(self, x: Array) -> Array:
        """log p(x) [n]."""
        far = ((x[:, None] - self.centres) ** 2).sum(-1) / (2 * self.sds**2)
        out: Array = logsumexp(np.log(self.weights) - far - np.log(2 * np.pi * self.sds**2), axis=1)
        return out


DENSITIES = {
    "three Gaussians": Known(
        np.array([0.5, 0.35, 0.15]), np.array([[-2.0, 0.0], [2.0, 1.0], [0.5, -2.5]]), np.array([0.6, 0.9, 0.3])
    ),
    "ring": Known(np.full(8, 1 / 8), ring()[0], np.full(8, 0.1)),
}


def main(words: Sequence[str] | None = None) -> dict[str, Any]:
    """A table for each density."""
    options = arguments("both_ways", __doc__, words, steps={"type": int, "default": 6000})
    results = Results("both_ways", options)
    n = 600 if options.quick else 10_000
    device: dict[str, Any] = {"device": options.device, "random_state": 0}
    models: dict[str, Callable[[], Any]] = {
        "GMM, 1 component": lambda: tacit.GaussianMixture(1, random_state=0),
        "GMM, 8 components": lambda: tacit.GaussianMixture(8, n_init=2, random_state=0),
        "VAE": lambda: tacit.VAE((64, 64, 2), epochs=5 if options.quick else 40, **device),
        "RBM": lambda: tacit.RBM(12, visible="gaussian", n_iter=5 if options.quick else 30, **device),
        "GAN": lambda: tacit.GAN(
            hidden_sizes=(32,) if options.quick else "auto",
            epochs=5 if options.quick else max(1, round(options.steps * 128 / n)),
            **device,
        ),
    }
    found: dict[str, Any] = {}
    for where, p in list(DENSITIES.items())[: 1 if options.quick else None]:
        X, test = p.draw(n, 0), p.draw(n, 1)
        ceiling = evaluate.directions(_Truth(p), test, p.log_prob, n_samples=n)
        table = {"p itself": ceiling}
        for name, make in models.items():

            def work(make: Callable[[], Any] = make, p: Known = p, X: Array = X, test: Array = test) -> list[Any]:
                one = evaluate.directions(make().fit(X), test, p.log_prob, n_samples=n)
                return [one.density, *(None if d is None else [round(d.mean, 4), round(d.error, 4)] for d in one[1:])]

            kind, *both = results.get(f"{where}, {name}", work)
            table[name] = evaluate.Directions(kind, *(None if d is None else evaluate.Direction(*d) for d in both))
        found[where] = evaluate.directions_table(table).splitlines()
    return found


class _Truth:
    """The density itself, as a model."""

    def __init__(self, p: Known) -> None:
        self.score_samples, self.p = p.log_prob, p

    def sample(self, n: int) -> Array:
        """n rows."""
        return self.p.draw(n, 2)


if __name__ == "__main__":
    run(main)
