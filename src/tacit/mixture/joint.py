"""JointMixture: one probability model of a whole table, numbers and categories and gaps.

Over the observed cells of a row, p(x) = Σ_m π_m Π_j p_mj(x_j), where p_mj is a normal for a number and a table of
level probabilities for a category. A component is one such product, or several where a group of rows needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.base import DensityMixin
from sklearn.utils.validation import check_is_fitted

from ..base import Estimator, check_choice, check_number
from ..data.memory import MemorySource
from ..data.schema import nearest_name
from ..data.table import Table
from ..em.engine import em
from ..errors import ArgumentError
from ..rng import generator
from ..typing import Array, Doubles, Seed
from .answer import Answer, Answers
from .condition import ConditionalMixture, given
from .families.categorical import Categorical, CategoricalParams
from .families.column import ColumnDistribution
from .families.family import Cells
from .families.normal import Normal, NormalParams
from .families.product import Product
from .mixture import Mixture, MixtureParams
from .search import Candidate, Search, candidate, feature_space
from .select import unite

SEARCHED = 8192  # rows on which the number of components is sought


class NumberColumn(NamedTuple):
    """A numeric column in each component."""

    mean: Doubles  # [K]
    sd: Doubles  # [K]


class CategoryColumn(NamedTuple):
    """A categorical column in each component."""

    levels: tuple[str, ...]
    probability: Doubles  # [K, C]


class JointMixture(DensityMixin, Estimator):  # type: ignore[misc]
    """A mixture over all columns of a table: numbers by normals, categories by tables of probabilities.

    For a row x with observed cells O, p(x) = Σ_m π_m Π_{j ∈ O} p_mj(x_j), fitted by EM to the maximum of
    Σ_i w_i log p(x_i) plus the log prior of ``smoothing``; a gap is left out of the product, which is right where
    cells are missing at random (Bishop 2006, section 9.3; Little and Rubin 2002, section 6.2).

    Parameters
    ----------
    n_components : int or "auto"
        The number of components, or as many as ``criterion`` finds, up to ``max_components``.
    criterion : {"groups", "bic", "icl", "aic"}
        For "auto". "bic", "icl" and "aic" take the number of products with the lowest value. "groups" takes those of
        BIC and unites what is no more than one cloud (any one Gaussian, unrelated columns of any shapes, ...), so that
        components are groups of rows, and there is one where there are none: see ``tacit.mixture.select``.
    max_components, n_init, tol, max_iter : int, int, float, int
        The most products that "auto" tries; starts for each number; EM stops where the objective per row gains less
        than ``tol``, or after ``max_iter`` steps.
    smoothing : float
        Prior weight in rows, for each component and column: spread evenly over a category's levels; for a number, at a
        tenth of the column's variance. 0 gives maximum likelihood.
    reg : float
        The least variance of a number in a component, as a share of the column's variance.
    types : mapping of column name to kind, optional
        What ``Table.read`` cannot guess, e.g. ``{"zip": "category"}``. Arrays hold numbers only.
    random_state : int, Generator, RandomState or None

    Attributes
    ----------
    n_components_, weights_ : int, array [K]
        The components, the largest first.
    columns_ : dict
        By column name, the mean and standard deviation, or the probabilities of the levels, in each component.
    part_weights_, part_means_, part_variances_, part_probabilities_ : arrays [M], [M, d], [M, d], [M, L]
        The products; the levels of all categories lie side by side.
    part_component_ : array [M]
        Which component each product belongs to.
    selection_ : list of dict
        The criteria for each number of products that was tried; lower is better.
    evidence_ : dict or None
        For "groups": the gain of BIC / 2 by more than one product, and the mean and standard deviation of that gain in
        clouds drawn with the same columns and correlations; ``z`` is their difference in standard deviations, and more
        than 3 is taken for groups.
    history_, n_iter_, converged_ : list, int, bool
        The objective at each pass of the final fit over all rows.
    schema_ : Schema
        What each column is taken for.

    Raises ``InputError`` for data that cannot be used, ``ArgumentError`` for a parameter out of range.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> kind = rng.integers(0, 2, 400)
    >>> table = {"size": rng.normal(4 * kind, 1), "weight": rng.normal(4 * kind, 1),
    ...          "colour": np.where(rng.random(400) < 0.2 + 0.6 * kind, "red", "blue")}
    >>> model = JointMixture(random_state=0).fit(table)
    >>> model.n_components_, sorted(abs(model.columns_["size"].mean.round()).tolist())
    (2, [0.0, 4.0])
    >>> model.impute({"size": [4.2], "weight": [None], "colour": [None]}).to_pylist()[0]["colour"]
    'red'
    """

    def __init__(
        self,
        n_components: int | str = "auto",
        *,
        criterion: str = "groups",
        max_components: int = 15,
        n_init: int = 3,
        tol: float = 1e-5,
        max_iter: int = 200,
        smoothing: float = 1.0,
        reg: float = 1e-3,
        types: Mapping[str, str] | None = None,
        random_state: Seed = None,
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
        """Learn from the rows of X: a path, ``sample:NAME``, a data frame, a dict of columns, or an array of numbers.

        ``y`` is ignored. A row of weight 2 counts as two rows.
        """
        return self._fit(X, sample_weight)

    def _fit(
        self, X: object, sample_weight: object = None, tell: Callable[[str, int, int], None] = lambda *_: None
    ) -> Self:
        """``fit``; ``tell(phase, done, total)`` as it goes on."""
        self._check()
        table = self._read(X, sample_weight)
        n, auto = table.shape[0], self.n_components == "auto"
        if not auto and int(self.n_components) > n:
            raise ArgumentError(
                f"Expected n_samples >= n_components but got n_components = {self.n_components}, n_samples = {n}"
            )
        rng = generator(self.random_state)
        search = Search(self._family(table), self._levels(), self.n_init, self.tol, self.max_iter)
        rows = _searched(table, rng)
        part_component: Array | None = None
        self.evidence_ = None
        if auto:
            criterion = "bic" if self.criterion == "groups" else self.criterion
            most = min(self.max_components, n)
            path = search.path(rows, most, criterion, rng, lambda c: tell("components", c.n_components, most))
            best = min(path, key=lambda c: float(getattr(c, criterion)))
            if self.criterion == "groups":
                part_component, evidence = unite(best, search, rows.block, rng, lambda i, m: tell("groups", i, m))
                self.evidence_ = evidence and evidence._asdict() | {"z": evidence.z}
        else:
            path = [search.fit(rows, int(self.n_components), feature_space(rows, self._levels()), rng)]
            best = path[0]
        model = Mixture(best.n_components, search.family)
        fit = em(
            model,
            table,
            best.params,
            tol=self.tol,
            max_iter=self.max_iter,
            rng=rng,
            on_pass=lambda i, _: tell("fit", i, self.max_iter),
        )
        self._learn(fit.params, search.family, part_component)
        self.selection_ = [c.record() for c in path]
        self.history_, self.n_iter_, self.converged_ = fit.history, fit.n_iter, fit.converged
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
        table = self._conform(X)
        out: Doubles = self._posterior(table) @ np.eye(self.n_components_)[self.part_component_]
        return out

    def score_samples(self, X: object) -> Doubles:
        """log p(observed cells) of each row [n]: a density in the units of the columns. Higher is more typical."""
        table = self._conform(X)
        model, params = self._model()
        out: Doubles = table.map(
            lambda block: np.asarray(model.posterior(params, block).log_prob, dtype=np.float64),
            rows=model.block_rows(params),
        )
        return out

    def score(self, X: object, y: object = None) -> float:
        """The mean of ``score_samples``."""
        return float(self.score_samples(X).mean())

    def sample(self, n_samples: int = 1) -> Any:
        """New rows: a ``pyarrow.Table`` of the columns that were learned from; an array if ``fit`` was given one."""
        check_is_fitted(self)
        if n_samples < 1:
            raise ArgumentError(
                f"Invalid value for 'n_samples': {n_samples}. The sampling requires at least one sample."
            )
        model, params = self._model()
        rng = generator(self.random_state)
        z = rng.choice(model.K, n_samples, p=self.part_weights_)
        d, c = len(self.schema_.numeric), len(self.schema_.categorical)
        cells = Cells(np.empty((n_samples, d)), np.empty((n_samples, c), dtype=np.int32))
        model.family.sample(params.theta, z, rng, cells)
        return self._decode(cells)

    def impute(self, X: object) -> Any:
        """X with its gaps filled: E[x_j | observed cells] of a number, the most probable level of a category.

        A ``pyarrow.Table`` with all columns of X; an array for an array.
        """
        table = self._conform(X)
        r = self._posterior(table)
        x, codes = np.asarray(table.block.x, dtype=np.float64), table.block.codes
        numbers = np.where(np.isnan(x), r @ self.part_means_, x)
        filled = np.empty((len(x), 0), dtype=np.int32) if codes is None else codes.copy()
        for j, p in enumerate(np.split(self.part_probabilities_, np.cumsum(self._levels())[:-1], axis=1)):
            if j < filled.shape[1]:
                gap = filled[:, j] < 0
                filled[gap, j] = (r[gap] @ p).argmax(axis=1)
        if self.array_:
            return numbers
        decoded, frame = self._decode(Cells(numbers, filled)), table.frame
        for name in decoded.column_names:
            frame = frame.set_column(frame.column_names.index(name), name, decoded[name])
        return frame

    def query(self, question: str, rows: object = None) -> Answer | Answers:
        """The answer to p(this | that) and its like: ``"p(income | age > 40)"``, ``"E(hours | job=Sales)"``.

        With a table of evidence, the answers to the question for each of its ``rows``. ``tacit.mixture.grammar`` says
        what can be asked. Raises ``QueryError``, which points at the character.
        """
        return self.given(rows).query(question)

    def given(self, evidence: object) -> ConditionalMixture:
        """The distribution of all columns given evidence, to be asked and sampled.

        Evidence is text such as ``"age > 40, job in {Sales, Craft}"``; a mapping of column names to a value, a set of
        values, ``slice(low, high)`` for low <= x < high, or None for a gap; or a table, for one distribution a row.
        """
        check_is_fitted(self)
        return given(self, evidence)

    def bic(self, X: object) -> float:
        """-2 log-likelihood + p log n, for p free parameters; lower is better."""
        return self._criteria(X).bic

    def aic(self, X: object) -> float:
        """-2 log-likelihood + 2 p; lower is better."""
        return self._criteria(X).aic

    def icl(self, X: object) -> float:
        """BIC + 2 Σ_i H(z_i | x_i), z the product that a row is from; lower is better."""
        return self._criteria(X).icl

    @property
    def columns_(self) -> dict[str, NumberColumn | CategoryColumn]:
        """What each column is like in each component."""
        check_is_fitted(self)
        share = np.eye(self.n_components_)[self.part_component_].T * self.part_weights_  # [K, M]
        share = share / share.sum(axis=1, keepdims=True)
        mean = share @ self.part_means_
        apart = (self.part_means_[None] - mean[:, None]) ** 2  # [K, M, d]
        var = (share[:, :, None] * (self.part_variances_ + apart)).sum(axis=1)
        numbers = iter(zip(mean.T, np.sqrt(var).T, strict=True))
        tables = iter(np.split(share @ self.part_probabilities_, np.cumsum(self._levels())[:-1], axis=1))
        out: dict[str, NumberColumn | CategoryColumn] = {}
        for column in self.schema_.columns:
            if column.kind.numeric:
                out[column.name] = NumberColumn(*next(numbers))
            elif column.kind.categorical:
                out[column.name] = CategoryColumn(column.levels, next(tables))
        return out

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    # What the verbs stand on.

    def _check(self) -> None:
        check_number(self, "n_components", integer=True, low=1, choices=["auto"])
        check_choice(self, "criterion", ["groups", "bic", "icl", "aic"])
        for name in ("max_components", "n_init", "max_iter"):
            check_number(self, name, integer=True, low=1)
        check_number(self, "tol", low=0)
        check_number(self, "smoothing", low=0)
        check_number(self, "reg", low=0, open_low=True)

    def _read(self, X: object, weight: object) -> Table:
        """X as a table, and what ``fit`` learns of its columns."""
        self.array_ = _is_array(X)
        if self.array_:
            source = self._rows(X, reset=True, weight=weight, gaps=True)
            x = next(source.blocks()).x
            table = Table.read(x, {f"x{j}": "number" for j in range(x.shape[1])}, source.weight)
        else:
            table = Table.read(X, self.types, weight)
            self.n_features_in_ = len(table.schema.names)
            self.feature_names_in_ = np.array(table.schema.names, dtype=object)
        self.schema_ = table.schema
        return table

    def _conform(self, X: object) -> Table:
        """X as a table of the columns that ``fit`` learned from."""
        check_is_fitted(self)
        if _is_array(X):
            X = next(self._rows(X, reset=False, gaps=True).blocks()).x
        return Table.conform(X, self.schema_)

    def _levels(self) -> tuple[int, ...]:
        return tuple(len(c.levels) for c in self.schema_.categorical)

    def _steps(self) -> Doubles:
        return np.array([c.step or 0.0 for c in self.schema_.numeric])

    def _family(self, table: Table) -> Product:
        parts: list[Normal | Categorical] = []
        if table.schema.numeric:
            parts.append(Normal.over(table, self._steps(), self.reg, self.smoothing))
        if table.schema.categorical:
            parts.append(Categorical(self._levels(), self.smoothing))
        return Product(tuple(parts))

    def _learn(self, params: MixtureParams, family: Product, component: Array | None) -> None:
        """Keep the parameters as arrays, components and their parts from the largest to the smallest."""
        weights = np.exp(params.log_weights)
        component = np.arange(len(weights)) if component is None else component
        mass = np.bincount(component, weights=weights)
        place = np.argsort(np.argsort(-mass, kind="stable"), kind="stable")[component]
        order = np.lexsort((-weights, place))
        none = np.empty((len(weights), 0))
        self.part_means_ = self.part_variances_ = self.part_probabilities_ = none
        self.column_means_ = self.column_variances_ = np.empty(0)
        for part, θ in zip(family.parts, params.theta, strict=True):
            if isinstance(part, Normal):
                self.part_means_, self.part_variances_ = θ.mean[order], θ.var[order]
                self.column_means_, self.column_variances_ = part.mean, part.var
            else:
                self.part_probabilities_ = np.exp(θ.log_p[order])
        self.part_weights_, self.part_component_ = weights[order], place[order]
        self.weights_ = np.bincount(self.part_component_, weights=self.part_weights_)
        self.n_components_ = len(self.weights_)

    def _model(self) -> tuple[Mixture, MixtureParams]:
        parts: list[Normal | Categorical] = []
        θ: list[Any] = []
        if self.schema_.numeric:
            overall = self.column_means_, self.column_variances_
            parts.append(Normal(*overall, self._steps(), self.reg, self.smoothing))
            θ.append(NormalParams(self.part_means_, self.part_variances_))
        if self.schema_.categorical:
            parts.append(Categorical(self._levels(), self.smoothing))
            with np.errstate(divide="ignore"):
                θ.append(CategoricalParams(np.log(self.part_probabilities_)))
        with np.errstate(divide="ignore"):
            params = MixtureParams(np.log(self.part_weights_), tuple(θ))
        return Mixture(len(self.part_weights_), Product(tuple(parts))), params

    def _column(self, name: str) -> ColumnDistribution:
        """p(x_j | part) of a column that was learned from."""
        family, θ = self._model()[0].family, self._model()[1].theta
        assert isinstance(family, Product)
        for columns, part, t in zip(self._columns_of_parts(), family.parts, θ, strict=True):
            if name in columns:
                return part.column(t, columns.index(name))
        raise ArgumentError(f"the model has no column {name!r}{nearest_name(name, self._names())}")

    def _columns_of_parts(self) -> list[list[str]]:
        schema = self.schema_
        return [[c.name for c in columns] for columns in (schema.numeric, schema.categorical) if columns]

    def _names(self) -> list[str]:
        return [name for names in self._columns_of_parts() for name in names]

    def _posterior(self, table: Table) -> Doubles:
        """p(part | observed cells) [n, M]."""
        model, params = self._model()
        out: Doubles = table.map(
            lambda block: np.asarray(model.posterior(params, block).resp, dtype=np.float64),
            rows=model.block_rows(params),
        )
        return out

    def _criteria(self, X: object) -> Candidate:
        table = self._conform(X)
        model, params = self._model()
        return candidate(model, table, params)

    def _decode(self, cells: Cells) -> Any:
        return cells.numbers if self.array_ else self.schema_.decode(cells.numbers, cells.codes)


def _is_array(X: object) -> bool:
    """Whether X is a matrix without names: an array, a list of rows, a sparse matrix (which is refused)."""
    bare = isinstance(X, list | tuple) or hasattr(X, "__array__") or hasattr(X, "tocsr")
    return bare and not (hasattr(X, "columns") or hasattr(X, "column_names"))


def _searched(table: Table, rng: np.random.Generator) -> MemorySource:
    """The rows on which the search is done, in the order of their content: all, or a draw by weight.

    A row of weight 2 stands there twice, so that whole weights and repetitions give the same search.
    """
    w, order = table.weight, table.order
    if w.sum() <= SEARCHED and np.array_equal(w, np.rint(w)):
        rows = np.repeat(order, w[order].astype(np.int64))
    else:
        rows = table.sample(SEARCHED, rng)
    return MemorySource(replace(table.take(rows), weight=None, known=None))
