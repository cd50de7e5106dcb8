"""JointMixture: one probability model of a whole table, numbers and categories and gaps.

    p(x) = Σ_m π_m Π_j p_mj(x_j),   p_mj = N(μ_mj, v_mj) for a number, a table of level probabilities for a category

over the observed cells of a row.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.base import DensityMixin
from sklearn.utils.validation import check_is_fitted

from ..base import Estimator, check_choice, check_number
from ..data.source import Source
from ..data.table import Table
from ..em.engine import em
from ..errors import ArgumentError
from ..rng import generator
from ..typing import Array, Doubles
from .families.categorical import Categorical, CategoricalParams
from .families.family import Cells, Family
from .families.normal import Normal, NormalParams
from .families.product import Product
from .mixture import Mixture, MixtureParams
from .select import Candidate, Search, candidate, feature_space, moments

SAMPLE = 8192  # rows on which the number of components is sought


class NumberColumn(NamedTuple):
    """A numeric column in each component."""

    mean: Doubles  # [K]
    sd: Doubles  # [K]


class CategoryColumn(NamedTuple):
    """A categorical column in each component."""

    levels: tuple[str, ...]
    probability: Doubles  # [K, C]


class JointMixture(DensityMixin, Estimator):  # type: ignore[misc]
    """A mixture over all columns of a table: numbers by normals, categories by tables, gaps skipped."""

    def __init__(
        self,
        n_components: int | str = "auto",
        *,
        criterion: str = "bic",
        max_components: int = 15,
        n_init: int = 3,
        tol: float = 1e-5,
        max_iter: int = 200,
        smoothing: float = 1.0,
        reg: float = 1e-3,
        types: dict[str, str] | None = None,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.criterion = criterion
        self.max_components = max_components
        self.n_init = n_init
        self.tol = tol
        self.max_iter = max_iter
        self.smoothing = smoothing
        self.reg = reg
        self.types = types
        self.random_state = random_state

    def fit(self, X: object, y: object = None, sample_weight: object = None) -> Self:
        """Learn p(x) from the rows of X."""
        self._check()
        table = self._table(X, reset=True, weight=sample_weight)
        self.schema_ = table.schema
        rng = generator(self.random_state)
        family = self._family_for(table)
        search = Search(family, self._levels(), self.n_init, self.tol, self.max_iter)
        total = float(table.weight.sum())
        source: Source = table if total <= SAMPLE else _part(table, table.sample(SAMPLE, rng))
        if self.n_components == "auto":
            path = search.path(source, min(self.max_components, table.shape[0]), self.criterion, rng)
            best = min(path, key=lambda c: getattr(c, self.criterion))
        else:
            if int(self.n_components) > table.shape[0]:
                raise ArgumentError(
                    f"Expected n_samples >= n_components but got n_components = {self.n_components}, "
                    f"n_samples = {table.shape[0]}"
                )
            path = [search.fit(source, int(self.n_components), feature_space(source, self._levels()), rng)]
            best = path[0]
        model = Mixture(best.n_components, family)
        fit = em(model, table, best.params, tol=self.tol, max_iter=self.max_iter, rng=rng)
        self._learn(fit.params)
        self.n_components_ = best.n_components
        self.selection_ = [
            {k: float(v) if k != "n_components" else int(v) for k, v in c._asdict().items() if k != "params"}
            for c in path
        ]
        self.history_ = fit.history
        self.n_iter_ = fit.n_iter
        self.converged_ = fit.converged
        return self

    def predict(self, X: object) -> Array:
        """The most probable component of each row [n]."""
        labels: Array = self.predict_proba(X).argmax(axis=1)
        return labels

    def fit_predict(self, X: object, y: object = None, sample_weight: object = None) -> Array:
        """``fit``, then ``predict`` for the same rows."""
        return self.fit(X, y, sample_weight).predict(X)

    def predict_proba(self, X: object) -> Doubles:
        """p(component | observed cells) [n, K]."""
        model, params = self._model()
        table = self._table(X)
        out: Doubles = table.map(lambda block: model.posterior(params, block).resp, rows=model.block_rows(params))
        return out

    def score_samples(self, X: object) -> Doubles:
        """log p(observed cells) of each row [n]; a density in the units of the columns."""
        model, params = self._model()
        out: Doubles = self._table(X).map(
            lambda block: model.posterior(params, block).log_prob, rows=model.block_rows(params)
        )
        return out

    def score(self, X: object, y: object = None) -> float:
        """The mean of ``score_samples``."""
        return float(self.score_samples(X).mean())

    def sample(self, n_samples: int = 1) -> Any:
        """New rows, of the kinds of the table that the model was fitted to."""
        model, params = self._model()
        rng = generator(self.random_state)
        z = rng.choice(model.K, n_samples, p=np.exp(params.log_weights))
        d, c = len(self.schema_.numeric), len(self.schema_.categorical)
        cells = Cells(np.empty((n_samples, d)), np.empty((n_samples, c), dtype=np.int32))
        model.family.sample(params.theta, z, rng, cells)
        return self._give_back(cells)

    def impute(self, X: object) -> Any:
        """The table with its gaps filled: E[x_j | observed cells] of a number, the most likely level of a category."""
        model, params = self._model()
        table = self._table(X)
        r = table.map(lambda block: model.posterior(params, block).resp, rows=model.block_rows(params))
        x, codes = table.block.x.astype(np.float64), table.block.codes
        numbers = np.where(np.isnan(x), r @ self.part_means_, x) if x.shape[1] else x
        filled = np.empty((len(x), 0), dtype=np.int32) if codes is None else codes.copy()
        at = 0
        for j, C in enumerate(self._levels()):
            gap = filled[:, j] < 0
            filled[gap, j] = (r[gap] @ self.part_probabilities_[:, at : at + C]).argmax(axis=1)
            at += C
        return self._give_back(Cells(numbers, filled))

    def bic(self, X: object) -> float:
        """-2 log-likelihood + p log n; lower is better."""
        return self._criteria(X).bic

    def aic(self, X: object) -> float:
        """-2 log-likelihood + 2 p; lower is better."""
        return self._criteria(X).aic

    def icl(self, X: object) -> float:
        """BIC + 2 Σ_i H(z_i | x_i); lower is better."""
        return self._criteria(X).icl

    @property
    def columns_(self) -> dict[str, NumberColumn | CategoryColumn]:
        """What each column is like in each component."""
        out: dict[str, NumberColumn | CategoryColumn] = {}
        j = at = 0
        for column in self.schema_.columns:
            if column.kind.numeric:
                out[column.name] = NumberColumn(self.part_means_[:, j], np.sqrt(self.part_variances_[:, j]))
                j += 1
            elif column.kind.categorical:
                C = len(column.levels)
                out[column.name] = CategoryColumn(column.levels, self.part_probabilities_[:, at : at + C])
                at += C
        return out

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    # ---------------------------------------------------------------------------------------------------------------

    def _check(self) -> None:
        check_number(self, "n_components", integer=True, low=1, choices=["auto"])
        check_choice(self, "criterion", ["bic", "icl", "aic"])
        check_number(self, "max_components", integer=True, low=1)
        check_number(self, "n_init", integer=True, low=1)
        check_number(self, "tol", low=0)
        check_number(self, "max_iter", integer=True, low=1)
        check_number(self, "smoothing", low=0)
        check_number(self, "reg", low=0, open_low=True)

    def _table(self, X: object, reset: bool = False, weight: object = None) -> Table:
        """X as a table: an array holds numbers only, and is checked as scikit-learn checks one."""
        if not reset:
            check_is_fitted(self)
        if _is_array(X):
            source = self._rows(X, reset=reset, weight=weight, gaps=True)
            x = next(source.blocks()).x
            if not reset:
                return Table.conform(x, self.schema_)
            self._array = True
            return Table.read(x, types={f"x{j}": "number" for j in range(x.shape[1])}, weight=source.weight)
        if reset:
            self._array = False
            for name in ("n_features_in_", "feature_names_in_"):
                self.__dict__.pop(name, None)
            table = Table.read(X, types=self.types, weight=weight)
            names = table.schema.names
            self.n_features_in_, self.feature_names_in_ = len(names), np.array(names, dtype=object)
            return table
        return Table.conform(X, self.schema_)

    def _family_for(self, table: Table) -> Product:
        parts: list[Family[Any, Any]] = []
        if table.schema.numeric:
            mean, var = moments(table)
            step = np.array([c.step or 0.0 for c in table.schema.numeric])
            # a cell recorded to a step has a probability, density · step, of at most 1: v >= step² / 2π
            floor = np.maximum(np.maximum(self.reg * var, step**2 / (2 * np.pi)), 1e-24 * np.maximum(mean**2, 1e-6))
            self.centre_, self.floor_, self.spread_ = mean, floor, np.maximum(0.1 * var, floor)
            parts.append(Normal(mean, floor, self.spread_, self.smoothing))
        if table.schema.categorical:
            parts.append(Categorical(self._levels(), self.smoothing))
        return Product(tuple(parts))

    def _levels(self) -> tuple[int, ...]:
        return tuple(len(c.levels) for c in self.schema_.categorical)

    def _learn(self, params: MixtureParams) -> None:
        order = np.argsort(-params.log_weights, kind="stable")  # the largest first
        θ = [type(t)(*(a[order] for a in t)) for t in params.theta]
        self.weights_ = np.exp(params.log_weights[order])
        M, d = len(self.weights_), len(self.schema_.numeric)
        none = np.empty((M, 0))
        self.part_means_: Doubles
        self.part_variances_: Doubles
        self.part_means_, self.part_variances_ = θ.pop(0) if d else (none, none)
        self.part_probabilities_ = np.exp(θ.pop(0).log_p) if θ else none

    def _model(self) -> tuple[Mixture, MixtureParams]:
        check_is_fitted(self)
        parts: list[Family[Any, Any]] = []
        θ: list[Any] = []
        if self.schema_.numeric:
            parts.append(Normal(self.centre_, self.floor_, self.spread_, self.smoothing))
            θ.append(NormalParams(self.part_means_, self.part_variances_))
        if self.schema_.categorical:
            parts.append(Categorical(self._levels(), self.smoothing))
            θ.append(CategoricalParams(np.log(np.maximum(self.part_probabilities_, 1e-300))))
        params = MixtureParams(np.log(np.maximum(self.weights_, 1e-300)), tuple(θ))
        return Mixture(len(self.weights_), Product(tuple(parts))), params

    def _criteria(self, X: object) -> Candidate:
        model, params = self._model()
        return candidate(model, self._table(X), params)

    def _give_back(self, cells: Cells) -> Any:
        return cells.numbers if self._array else self.schema_.decode(cells.numbers, cells.codes)


def _is_array(X: object) -> bool:
    """Whether X is a matrix without names: an array, a list of rows, a sparse matrix (which is refused)."""
    bare = isinstance(X, list | tuple) or hasattr(X, "__array__") or hasattr(X, "tocsr")
    return bare and not (hasattr(X, "columns") or hasattr(X, "column_names"))


def _part(table: Table, rows: Array) -> Source:
    from dataclasses import replace

    from ..data.memory import MemorySource

    return MemorySource(replace(table.take(rows), weight=None))
