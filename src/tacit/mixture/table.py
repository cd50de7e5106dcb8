"""A mixture over the columns of a table, once it is fitted: what it can be asked."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Collection
from typing import Any, Self

import numpy as np
from scipy.special import logsumexp
from sklearn.base import DensityMixin
from sklearn.utils.validation import check_is_fitted

from ..base import Estimator, check_n_samples
from ..data.block import Block
from ..data.memory import MemorySource
from ..data.parts import in_parts
from ..data.schema import Schema, nearest_name
from ..data.table import Table
from ..em.online import Online
from ..errors import ArgumentError, InputError
from ..rng import generator
from ..typing import Array, Doubles
from .answer import Answer, Answers
from .condition import ConditionalMixture, given
from .dependence import DRAWS, pairwise
from .describe import CategoryColumn, NumberColumn, described, families
from .families.column import ColumnDistribution, GaussianBlock
from .families.family import Cells
from .fill import Imputed, filled, filled_by_draws
from .joined import conditioned
from .learn import moved
from .mixture import Mixture, MixtureParams
from .search import Candidate, candidate
from .surprise import explained

AT_ONCE = 4_000_000  # responsibilities held at a time


class TableMixture(DensityMixin, Estimator):  # type: ignore[misc]
    """An abstract p(x) = Σ_m π_m Π_j p_mj(x_j) over the observed cells of a row; a final class learns it."""

    _layout: Any  # CellLayout or CodedLayout
    _family: Any  # Product
    _params: MixtureParams
    _online: Online[MixtureParams] | None
    part_weights_: Doubles
    part_component_: Array
    weights_: Doubles
    n_components_: int
    schema_: Schema
    array_: bool  # whether ``fit`` was given a matrix without names

    def predict(self, X: object) -> Array:
        """The most probable component of each row [n]."""
        labels: Array = self.predict_proba(X).argmax(axis=1)
        return labels

    def predict_proba(self, X: object) -> Doubles:
        """p(component | observed cells) [n, K]."""
        table = self._conform(X, parts=True)
        out: Doubles = self._posterior(table) @ np.eye(self.n_components_)[self.part_component_]
        return out

    def score_samples(self, X: object) -> Doubles:
        """log p(observed cells) of each row [n]: a density in the units of the columns. Higher is more typical.

        -∞ where a cell lies outside what its column can be, such as a negative cell of a log-normal column.
        """
        return self._log_prob(self._conform(X, parts=True))

    def _log_prob(self, table: Table) -> Doubles:
        return self._rows_of(
            table,
            lambda model, cells, block: (
                np.asarray(model.log_prob(self._params, cells), np.float64) + self._layout.base(block)
            ),
        )

    def score(self, X: object, y: object = None) -> float:
        """The mean of ``score_samples``."""
        return float(self.score_samples(X).mean())

    def sample(self, n_samples: int = 1) -> Any:
        """New rows: a ``pyarrow.Table`` of the columns that were learned from; an array if ``fit`` was given one."""
        check_is_fitted(self)
        check_n_samples(n_samples)
        rng = generator(self.random_state)
        z = rng.choice(len(self.part_weights_), n_samples, p=self.part_weights_)
        cells = self._layout.blank(n_samples)
        self._family.sample(self._params.theta, z, rng, cells)
        return self._decode(self._layout.decode(cells, rng))

    def impute(self, X: object, *, interval: float | None = None, draws: int | None = None) -> Any:
        """X with its gaps filled: E[x_j | observed cells] of a number, the most probable level of a category.

        A ``pyarrow.Table`` with all columns of X; an array for an array. With ``interval``, e.g. 0.9, an ``Imputed``:
        the table, for numbers the ends between which the missing cell lies with that probability, and for categories
        the probability of the level. With ``draws`` a list of so many tables, filled by draws from p(gaps | observed
        cells) (multiple imputation; Rubin 1987).
        """
        if interval is not None and not 0 < interval < 1:
            raise ArgumentError(f"interval must be a probability in the range (0, 1). Got {interval!r} instead.")
        if draws is not None and (draws < 1 or interval is not None):
            raise ArgumentError(f"draws must be at least 1, and without interval. Got {draws!r} instead.")
        table = self._conform(X)
        if draws is not None:
            return [self._whole(table, *drawn) for drawn in filled_by_draws(self, table, draws)]
        out, filler = filled(self, table, interval)
        whole = self._whole(table, out.x, out.codes)
        if interval is None:
            return whole
        if self.array_:
            return Imputed(whole, out.low, out.high, out.probability)
        low, high = (_nullable(filler.numbers, a) for a in (out.low, out.high))
        return Imputed(whole, low, high, _nullable(filler.categories, out.probability))

    def explain(self, X: object, *, scaled: bool = True) -> Doubles:
        """How surprising each cell is given the other cells of its row [n, D], in the order of ``feature_names_in_``.

        -log P(a value at most as likely as x_j | x_-j) in nats: about 1 for a usual cell of any column, 7 for one of a
        thousand. ``scaled=False`` gives -log p(x_j | x_-j) as it is, a density for numbers. NaN for a gap, and for
        columns that were not learned from.
        """
        return explained(self, self._conform(X), scaled)

    def mutual_information(self, a: str | None = None, b: str | None = None, *, n_samples: int = DRAWS) -> Any:
        """I(a; b) of two columns under the model, or of all pairs: ``MutualInformation(nats, error, normalised)``.

        A sum over all values for two categories, else a mean over ``n_samples`` draws, with its standard error. Without
        names a dict of all pairs ``(a, b)``, each once.
        """
        check_is_fitted(self)
        names = [c.name for c in self.schema_.columns if c.name in self._layout.places]
        for name in (n for n in (a, b) if n is not None):
            if name not in names:
                raise ArgumentError(f"the model has no column {name!r}{nearest_name(name, names)}")
        if (a is None) != (b is None):
            raise ArgumentError("mutual_information takes two columns, or none for all pairs")
        if a is not None and b is not None:
            return pairwise(self, list(dict.fromkeys([a, b])), n_samples, [(a, b)])[a, b]
        return pairwise(self, names, n_samples, list(itertools.combinations(names, 2)))

    def marginal(self, columns: Collection[str]) -> Self:
        """p(these columns): the same mixture over fewer columns, a fitted ``JointMixture``."""
        check_is_fitted(self)
        unknown = [name for name in columns if name not in self._layout.places]
        if unknown or not len(columns):
            hint = nearest_name(unknown[0], list(self._layout.places)) if unknown else ""
            raise ArgumentError(f"the model has no column {unknown[0]!r}{hint}" if unknown else "no column was named")
        return self._keep(columns, self._params)

    def condition(self, evidence: object) -> Self:
        """p(the other columns | evidence): a fitted ``JointMixture`` of the columns that are not in it.

        Evidence as ``given`` takes it: text such as ``"age > 40, job in {Sales, Craft}"`` or a mapping. What is said to
        be missing is left out. Columns that share a full covariance take single values only.

        Raises ``QueryError`` for what cannot be read, and where the evidence has probability zero.
        """
        check_is_fitted(self)
        names, log_p, theta = conditioned(self, given(self, evidence))
        rest = [name for name in self._layout.places if name not in names]
        if not rest:
            raise ArgumentError("the evidence names every column: nothing is left to be asked about")
        log_weights = self._params.log_weights + log_p
        return self._keep(rest, MixtureParams(log_weights - logsumexp(log_weights), theta))

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
        return described(self)

    @property
    def families_(self) -> dict[str, str]:
        """The family of each column, "points+" before it where some values have a probability of their own."""
        check_is_fitted(self)
        return families(self)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    # What the verbs stand on.

    def _conform(self, X: object, parts: bool = False) -> Any:
        """X as a table of the columns that ``fit`` learned from, in ``parts`` where it is more than memory."""
        check_is_fitted(self)
        there = in_parts(X, schema=self.schema_)
        if there is not None and not parts:
            raise InputError(
                "these rows are read in parts, and the answers may not fit: tacit.write_answers writes them"
            )
        if there is not None:
            return there
        if is_matrix(X):
            X = next(self._rows(X, reset=False, gaps=True).blocks()).x
        return Table.conform(X, self.schema_)

    def _model(self, rows: MemorySource | None = None) -> tuple[Mixture, MixtureParams]:
        """The mixture over cells, ready for those of some rows of the table, or for rows like those of the fit."""
        family = self._family if rows is None else self._family.reading(self._layout.encode(rows))
        return Mixture(len(self.part_weights_), family), self._params

    def _column(self, name: str) -> ColumnDistribution:
        """p(x_j | part) of a column that was learned from."""
        if name not in self._layout.places:
            raise ArgumentError(f"the model has no column {name!r}{nearest_name(name, list(self._layout.places))}")
        column: ColumnDistribution = self._layout.column(self._family, self._params.theta, name)
        return column

    def _blocks(self) -> tuple[GaussianBlock, ...]:
        """The columns that depend on each other within a part."""
        blocks: tuple[GaussianBlock, ...] = self._layout.blocks(self._family, self._params.theta)
        return blocks

    def _keep(self, names: Collection[str], params: MixtureParams) -> Self:
        """The same model over fewer columns, with other parameters."""
        other = copy.copy(self)
        other.schema_ = Schema(tuple(c for c in self.schema_.columns if c.name in names))
        other._layout, other._family, theta = self._layout.keep(names, self._family, params.theta)
        other._params, other._online = MixtureParams(params.log_weights, theta), None
        other.part_weights_ = np.exp(params.log_weights)
        other.weights_ = together(other.part_weights_, self.part_component_)
        other.n_features_in_ = len(other.schema_.columns)
        if hasattr(self, "feature_names_in_"):
            other.feature_names_in_ = np.array(other.schema_.names, dtype=object)
        return other

    def _rows_of(self, table: Table, f: Callable[[Mixture, Block, Block], Array]) -> Doubles:
        """f(model, cells, rows of the table) of every block, one answer a row."""
        model, _ = self._model(table)
        most = max(1, AT_ONCE // max(model.K, 1))
        rows = min(model.block_rows(self._params) or most, most)
        out = table.map(lambda block: f(model, self._layout.cells(block), block), rows=rows)
        return np.asarray(out, np.float64) if table.here else out

    def _posterior(self, table: Table) -> Doubles:
        """p(part | observed cells) [n, M]."""
        return self._rows_of(table, lambda model, cells, _: model.posterior(self._params, cells).resp)

    def _in_slabs(self, table: Table, joint: bool = False) -> Any:
        """(rows, p(part | observed cells) or log p(part, observed cells) [b, M]) for slices of the rows."""
        model, _ = self._model(table)
        size = max(1, AT_ONCE // max(4 * model.K, 1))
        for lo in range(0, table.shape[0], size):
            rows = slice(lo, min(lo + size, table.shape[0]))
            cells = self._layout.cells(table.block[rows])
            log_joint = np.asarray(model.log_joint(self._params, cells), np.float64)
            yield rows, log_joint if joint else np.exp(log_joint - logsumexp(log_joint, axis=1, keepdims=True))

    def _criteria(self, X: object) -> Candidate:
        table = self._conform(X)
        cells = self._layout.encode(table)
        model = Mixture(len(self.part_weights_), self._family.reading(cells))
        return moved(candidate(model, cells, self._params), float(table.block.w @ self._layout.base(table.block)))

    def _whole(self, table: Table, x: Doubles, codes: Array) -> Any:
        """The table as it came with these cells in place of its own; an array for an array."""
        if self.array_:
            return x
        decoded, frame = self._decode(Cells(x, codes)), table.frame
        for name in decoded.column_names:
            frame = frame.set_column(frame.column_names.index(name), name, decoded[name])
        return frame

    def _decode(self, cells: Cells) -> Any:
        return cells.numbers if self.array_ else self.schema_.decode(cells.numbers, cells.codes)


def _nullable(names: list[str], cells: Doubles) -> Any:
    """Columns of numbers under their names, NaN as null."""
    import pyarrow as pa

    return pa.table({name: pa.array(v, from_pandas=True) for name, v in zip(names, cells.T, strict=True)})


def together(weights: Doubles, component: Array) -> Doubles:
    """The weight of each component, from those of its parts."""
    out: Doubles = np.bincount(component, weights=weights).astype(np.float64)
    return out


def is_matrix(X: object) -> bool:
    """Whether X is a matrix without names: an array, a list of rows, a sparse matrix (which is refused)."""
    bare = isinstance(X, list | tuple) or hasattr(X, "__array__") or hasattr(X, "tocsr")
    return bare and not (hasattr(X, "columns") or hasattr(X, "column_names"))
