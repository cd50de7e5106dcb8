"""Outliers of any table: the rows that are unlikely under a density which they do not shape themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pyarrow as pa
from scipy.special import log_ndtr
from sklearn.base import OutlierMixin
from sklearn.utils.validation import check_is_fitted

from ..base import Estimator, check_number
from ..data.table import Table
from ..errors import ArgumentError
from ..rng import generator
from ..typing import Array, Doubles, Seed
from .joint import JointMixture
from .trimmed import Ellipse, trimmed

FOLDS, FOLDED = 5, 2000  # folds that are scored by the others, up to so many rows; above, two
LEAST = -1e6  # nats: the score of a row that cannot be


class OutlierDetector(OutlierMixin, Estimator):  # type: ignore[misc]
    """How typical each row of a table is: numbers, categories and gaps, without labels and without tuning.

    The score is the mean of two log-densities of the whole row, a logarithmic opinion pool:

    * log N(x; m, S) of the numbers, m and S from the share ``support`` of rows that are nearest to that very Gaussian,
      with ``ridge`` of each column's variance added to S: outliers do not pull it, and no direction is so thin that
      nothing may leave it (Rousseeuw and Van Driessen 1999);
    * log p(x) of a tree over all columns, categories by levels and numbers by bins (``JointMixture`` with
      ``dependence="tree"``), which knows any shape of a column, and what goes with what.

    Each is told from what such cells say on average, so that a usual row has about 0 whatever its units and its gaps.

    Parameters
    ----------
    false_alarm : float
        The chance at which a row like those of the table is called an outlier: the threshold is that quantile of the
        scores of rows by fits that have not seen them. Outliers among the rows can only make the rate smaller.
    contamination : float, optional
        In its place, the share of the rows of ``fit`` that are to be called outliers.
    support : float
        The share of rows that the Gaussian is fitted to.
    ridge : float
        Added to the variance of every column, as a share of it.
    types : mapping of column name to kind, optional
        What ``Table.read`` cannot guess.
    random_state : int, Generator, RandomState or None

    Attributes
    ----------
    offset_ : float
        The threshold: rows that score less are outliers.
    model_ : JointMixture
        The tree: any question may be put to it.
    ellipse_ : Ellipse or None
        The Gaussian of the numbers.
    entropy_ : array [D]
        What a cell of each column says on average, in nats.
    calibration_ : array [n]
        The scores of the rows of ``fit`` by fits that have not seen them, rising; empty with ``contamination``.

    Raises ``InputError`` for data that cannot be used, ``ArgumentError`` for a parameter out of range.

    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(300, 1)) + 0.2 * rng.normal(size=(300, 2))
    >>> detector = OutlierDetector(random_state=0).fit(x)
    >>> detector.predict([[0.0, 0.1], [1.5, -1.5]])  # each number is usual, together they are not
    array([ 1, -1])
    >>> bool(detector.p_values([[1.5, -1.5]])[0] < 0.01)
    True
    """

    model_: JointMixture
    ellipse_: Ellipse | None
    offset_: float

    def __init__(
        self,
        *,
        false_alarm: float = 0.01,
        contamination: float | None = None,
        support: float = 0.75,
        ridge: float = 0.1,
        types: Mapping[str, str] | None = None,
        random_state: Seed = None,
    ) -> None:
        self.false_alarm = false_alarm
        self.contamination = contamination
        self.support = support
        self.ridge = ridge
        self.types = types
        self.random_state = random_state

    def fit(self, X: object, y: object = None, sample_weight: object = None) -> Self:
        """Learn what is typical from the rows of X: a path, ``sample:NAME``, a data frame, a dict, or an array.

        ``y`` is ignored. A row of weight 2 counts as two rows.
        """
        check_number(self, "false_alarm", low=0, high=1, open_low=True)
        if self.contamination is not None:
            check_number(self, "contamination", low=0, high=0.5, open_low=True)
        check_number(self, "support", low=0.5, high=1)
        check_number(self, "ridge", low=0, open_low=True)
        rng = generator(self.random_state)
        self.model_ = self._tree(rng)
        table = self.model_._read(X, sample_weight)
        for name in ("n_features_in_", "feature_names_in_"):
            if name in vars(self.model_):
                setattr(self, name, vars(self.model_)[name])
        self.entropy_, self.ellipse_ = self._learn(self.model_, table)
        score = self._scores(self.model_, self.entropy_, self.ellipse_, table)
        if self.contamination is not None:
            self.calibration_ = np.empty(0)
            self.offset_ = _quantile(score, table.weight, float(self.contamination))
            return self
        held = self._held_out(table, rng)
        order = np.argsort(held, kind="stable")
        self.calibration_, w = held[order], table.weight[order]
        # the k-th lowest of n, k = α (n + 1) rounded down: a new row is below it with a chance of at most α
        below = np.flatnonzero(np.cumsum(w) <= self.false_alarm * (w.sum() + 1))
        self.offset_ = float(self.calibration_[below[-1]]) if len(below) else float(np.nextafter(held.min(), -np.inf))
        return self

    def score_samples(self, X: object) -> Doubles:
        """How typical each row is [n], in nats: higher is more typical."""
        check_is_fitted(self)
        return self._scores(self.model_, self.entropy_, self.ellipse_, self.model_._conform(X))

    def score(self, X: object, y: object = None) -> float:
        """The mean of ``score_samples``."""
        return float(self.score_samples(X).mean())

    def decision_function(self, X: object) -> Doubles:
        """``score_samples`` less the threshold: below 0 for outliers."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: object) -> Array:
        """1 for usual rows, -1 for outliers."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def p_values(self, X: object) -> Doubles:
        """The share of rows of the table that are as untypical as each row, or more, by fits without them [n].

        A row like those of the table has a value of at most α with a chance of at most α.
        """
        score = self.score_samples(X)
        if not len(self.calibration_):
            raise ArgumentError("p_values need a fit without contamination, which keeps rows to compare with")
        n = len(self.calibration_)
        out: Doubles = (1 + np.searchsorted(self.calibration_, score, side="right")) / (n + 1)
        return out

    def explain(self, X: object) -> Doubles:
        """How surprising each cell is given the others of its row [n, D], in nats, to the tree and the Gaussian.

        Columns as in ``feature_names_in_``; NaN for gaps. About 1 for a usual cell, 7 for one of a thousand.
        """
        check_is_fitted(self)
        table = self.model_._conform(X)
        out = self.model_.explain(X)
        if self.ellipse_ is not None:
            off = self.ellipse_.given_others(np.asarray(table.block.x, np.float64))
            names = [c.name for c in self.model_.schema_.columns]
            at = [names.index(c.name) for c in self.model_.schema_.numeric]
            out[:, at] = 0.5 * (out[:, at] - (np.log(2) + log_ndtr(-np.abs(off))))
        return out

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _tree(self, rng: np.random.Generator) -> JointMixture:
        seed = int(rng.integers(2**31))
        return JointMixture(
            1, dependence="tree", n_parts=None, n_init=1, max_iter=20, types=self.types, random_state=seed
        )

    def _learn(self, model: JointMixture, table: Table) -> tuple[Doubles, Ellipse | None]:
        """Fit the tree, and the Gaussian where there are numbers; what a cell of each column says on average [D]."""
        model._fit_table(table)
        seen = _observed(table)
        w = table.weight
        each = [
            -(w[o] @ np.maximum(np.asarray(model._column(name).log_prob(x[o]))[:, 0], LEAST)) / max(w[o].sum(), 1e-300)
            for (name, x), o in zip(_columns(table), seen.T, strict=True)
        ]
        if not table.block.d:
            return np.array(each), None
        x = np.asarray(table.block.x, np.float64)
        return np.array(each), trimmed(x, w, float(self.support), float(self.ridge))

    def _scores(self, model: JointMixture, entropy: Doubles, ellipse: Ellipse | None, table: Table) -> Doubles:
        tree = np.maximum(model._log_prob(table), LEAST) + _observed(table) @ entropy
        if ellipse is None:
            return tree
        squares, cells = ellipse.squares(np.asarray(table.block.x, np.float64))
        return 0.5 * (tree - 0.5 * (squares - cells))

    def _held_out(self, table: Table, rng: np.random.Generator) -> Doubles:
        """The score of each row by a fit without it [n]; rows in the order of their content, not of their place."""
        n = table.shape[0]
        folds = min(FOLDS if n <= FOLDED else 2, n)
        fold = np.empty(n, np.int64)
        fold[table.order] = rng.permutation(n) % folds
        out = self._scores(self.model_, self.entropy_, self.ellipse_, table)
        for f in range(folds if folds > 1 else 0):
            away = np.flatnonzero(fold == f)
            if not table.weight[fold != f].any():
                continue
            model = self._tree(rng)
            model.array_, model.schema_ = self.model_.array_, table.schema
            entropy, ellipse = self._learn(model, _rows(table, np.flatnonzero(fold != f)))
            out[away] = self._scores(model, entropy, ellipse, _rows(table, away))
        return out


def _columns(table: Table) -> list[tuple[str, Array]]:
    """The cells of every column, numbers first, NaN for a gap."""
    block, schema = table.block, table.schema
    cells = [(c.name, np.asarray(block.x[:, j], np.float64)) for j, c in enumerate(schema.numeric)]
    for j, c in enumerate(schema.categorical):
        assert block.codes is not None
        cells.append((c.name, np.where(block.codes[:, j] < 0, np.nan, block.codes[:, j])))
    return cells


def _observed(table: Table) -> Array:
    """Which cells are there [n, D]."""
    seen: Array = ~np.isnan(np.column_stack([x for _, x in _columns(table)]))
    return seen


def _rows(table: Table, rows: Array) -> Table:
    """Some rows of a table."""
    frame = table.frame.take(pa.array(rows))
    return Table(table.raw._replace(frame=frame), table.schema, table.take(rows))


def _quantile(score: Doubles, w: Doubles, share: float) -> float:
    """The threshold below which this share of the weight lies: between two scores."""
    values, which = np.unique(score[w > 0], return_inverse=True)
    total = np.cumsum(np.bincount(which.ravel(), weights=w[w > 0]))
    below = int(np.searchsorted(total, share * total[-1] * (1 - 1e-12), side="left"))
    return float(0.5 * (values[below] + values[min(below + 1, len(values) - 1)]))
