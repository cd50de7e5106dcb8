"""scikit-learn's Bernoulli RBM: the same arguments, attributes and meanings, on the faster products and draws."""

from __future__ import annotations

import math
import time
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from ..base import Estimator, check_number
from ..data.block import Block
from ..data.source import Source
from ..errors import InputError
from ..rng import generator
from ..train import Batch
from ..typing import Array, Floats, Seed
from .draws import Draws, calm
from .machine import Machine
from .step import ContrastiveStep, Rule
from .units import Binary


class BernoulliRBM(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator):  # type: ignore[misc]
    """scikit-learn's ``BernoulliRBM``: binary units, persistent contrastive divergence at a constant learning rate.

    ``score_samples`` is the pseudo-likelihood, as there; for log p(v), other kinds of columns, centering or another
    gradient see ``RBM``.

    Parameters
    ----------
    n_components, learning_rate, batch_size, n_iter, verbose, random_state
        As in scikit-learn: rows are gone through in their order, ``batch_size`` at a time, ``n_iter`` times.

    Attributes
    ----------
    components_, intercept_hidden_, intercept_visible_ : array [m, d], [m], [d]
    h_samples_ : array [batch_size, m]
        The persistent chains.

    >>> import numpy as np
    >>> X = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
    >>> BernoulliRBM(n_components=2, random_state=0).fit(X).transform(X).shape
    (4, 2)
    """

    def __init__(
        self,
        n_components: int = 256,
        *,
        learning_rate: float = 0.1,
        batch_size: int = 10,
        n_iter: int = 10,
        verbose: int = 0,
        random_state: Seed = None,
    ) -> None:
        self.n_components = n_components
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: object, y: object = None) -> Self:
        """Learn from rows X [n, d] with values in [0, 1]; ``y`` is ignored."""
        self._check()
        source = self._states(X, reset=True)
        self._start(source.shape[1])
        step, n = self._step(), source.shape[0]
        with self._calm():
            for i in range(self.n_iter):
                began = time.perf_counter()
                for block in source.blocks(self.batch_size):
                    step(Batch(_tensor(block)))
                if self.verbose:
                    self._take(step)
                    said = float(np.mean(self.score_samples(source)))
                    print(
                        f"[{type(self).__name__}] Iteration {i + 1}, pseudo-likelihood = {said:.2f}, "
                        f"time = {time.perf_counter() - began:.2f}s"
                    )
        assert n
        self._take(step)
        return self

    def partial_fit(self, X: object, y: object = None) -> Self:
        """One update from rows X, taken as one batch."""
        self._check()
        first = not hasattr(self, "components_")
        source = self._states(X, reset=first)
        if first:
            self._start(source.shape[1])
        step = self._step()
        with self._calm():
            step(Batch(torch.cat([_tensor(block) for block in source.blocks()])))
        self._take(step)
        return self

    def transform(self, X: object) -> Floats:
        """P(h = 1 | v) [n, m]."""
        machine = self._machine()
        return self._map(X, lambda v: machine.mean_hidden(v))

    def gibbs(self, v: object) -> Array:
        """One Gibbs step: the visible states that follow [n, d], booleans."""
        check_is_fitted(self)
        machine, draws = self._machine(), Draws(self._next_seed())
        out: Array = self._map(v, lambda x: machine.gibbs(draws, x)) != 0
        return out

    def score_samples(self, X: object) -> Floats:
        """The pseudo-likelihood [n]: d log P(v_i | v_{-i}) for one random i of each row."""
        machine = self._machine()
        rng = generator(self.random_state)

        def score(v: Tensor) -> Tensor:
            rows, at = torch.arange(len(v)), torch.from_numpy(rng.integers(v.shape[1], size=len(v)))
            flipped = v.clone()
            flipped[rows, at] = 1 - v[rows, at]
            apart = machine.log_mass(flipped) - machine.log_mass(v)
            return -v.shape[1] * torch.nn.functional.softplus(apart)

        return self._map(X, score)

    @property
    def _n_features_out(self) -> int:
        return int(self.n_components)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _check(self) -> None:
        check_number(self, "n_components", integer=True, low=1)
        check_number(self, "learning_rate", low=0, open_low=True)
        check_number(self, "batch_size", integer=True, low=1)
        check_number(self, "n_iter", integer=True, low=0)

    def _states(self, X: object, *, reset: bool) -> Source:
        source = X if isinstance(X, Source) else self._rows(X, reset=reset, sparse=True)

        def ends(block: Block) -> Array:
            x = block.x
            return np.stack([np.min(x, axis=0, initial=0.0), -np.max(x, axis=0, initial=1.0)])

        low, high = source.reduce(ends, np.minimum, rows=10_000)
        bad = np.flatnonzero((low < 0) | (-high > 1))
        if len(bad):
            names = getattr(self, "feature_names_in_", np.arange(len(low)))
            raise InputError(
                f"binary units need values in [0, 1]; column {str(names[bad[0]])!r} goes from {low[bad[0]]:g} to "
                f"{-high[bad[0]]:g}: RBM has other kinds of units"
            )
        return source

    def _start(self, d: int) -> None:
        self._rng = generator(self.random_state)
        m = self.n_components
        self.components_ = self._rng.normal(0, 0.01, (m, d)).astype(np.float32)
        self.intercept_hidden_ = np.zeros(m, np.float32)
        self.intercept_visible_ = np.zeros(d, np.float32)
        self.h_samples_ = np.zeros((self.batch_size, m), np.float32)

    def _step(self) -> ContrastiveStep:
        machine = self._machine(learn=True)
        step = ContrastiveStep(
            machine,
            lambda batch, _: batch.x,
            Rule("pcd", centering=0.0),
            lambda _: self.learning_rate,
            torch.zeros_like(machine.b),
            self._next_seed(),
            len(self.h_samples_),
        )
        step.chains = torch.from_numpy(self.h_samples_.copy())
        return step

    def _take(self, step: ContrastiveStep) -> None:
        W, b, c = (p.numpy().copy() for p in step.machine[2:])
        self.components_, self.intercept_visible_, self.intercept_hidden_ = W, b, c
        self.h_samples_ = step.chains.numpy().copy()

    def _machine(self, learn: bool = False) -> Machine:
        """As ``RBM`` makes it."""
        check_is_fitted(self)
        how: Any = {"order": "F", "copy": True} if learn else {"order": "C", "copy": None}
        W, b, c = (
            torch.from_numpy(np.array(a, dtype=np.float32, **how))
            for a in (self.components_, self.intercept_visible_, self.intercept_hidden_)
        )
        return Machine(Binary(len(b)), Binary(len(c)), W, b, c)

    def _map(self, X: object, f: Any) -> Floats:
        source = self._states(X, reset=False)
        dtype = next(source.blocks(1)).dtype
        rows = max(1, 4_000_000 // max(self.components_.shape))
        with self._calm():
            out: Floats = source.map(lambda block: f(_tensor(block)).numpy().astype(dtype, copy=False), rows)
        return out

    def _calm(self) -> Any:
        return calm(math.prod(self.components_.shape) * float(self.batch_size))

    def _next_seed(self) -> int:
        return int(getattr(self, "_rng", generator(self.random_state)).integers(2**31))


def _tensor(block: Block) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(block.x, dtype=np.float32))
