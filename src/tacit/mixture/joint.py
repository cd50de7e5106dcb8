"""JointMixture: one probability model of a whole table, numbers and categories and gaps.

Over the observed cells of a row, p(x) = Σ_m π_m Π_j p_mj(x_j), where p_mj is a distribution of one column: a normal, a
log-normal, a table of level probabilities, ... A component is one such product, or several.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, Self

import numpy as np
from scipy.special import logsumexp
from sklearn.base import DensityMixin
from sklearn.utils.validation import check_is_fitted

from ..base import Estimator, check_choice, check_number
from ..data.block import Block
from ..data.memory import MemorySource
from ..data.parts import in_parts
from ..data.schema import Schema, nearest_name
from ..data.table import Table
from ..em.engine import Pass, em
from ..em.long import Long
from ..em.online import Online, online_step
from ..errors import ArgumentError, InputError
from ..rng import generator
from ..stats import scale
from ..typing import Array, Doubles, Seed
from .answer import Answer, Answers
from .condition import ConditionalMixture, given
from .dependence import DRAWS, pairwise
from .describe import CategoryColumn as CategoryColumn
from .describe import NumberColumn as NumberColumn
from .describe import described, families
from .families.column import ColumnDistribution, GaussianBlock
from .families.counts import Counts
from .families.family import Cells
from .fill import Imputed, filled, filled_by_draws
from .joined import conditioned
from .learn import LAST, learn, moved, shifted
from .mixture import Mixture, MixtureParams
from .parts import Density
from .search import Candidate, candidate
from .surprise import explained

AT_ONCE = 4_000_000  # responsibilities held at a time


class JointMixture(DensityMixin, Estimator):  # type: ignore[misc]
    """A mixture over all columns of a table, each by a family of distributions that suits it.

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
        components are groups of rows, and there is one where there are none: see ``tacit.mixture.unite``.
    n_parts : "auto", int or None
        How many products the density is made of. "auto", with "groups": as many as make held-out rows likeliest, grown
        out of those of the search and each in the group that it came from, see ``tacit.mixture.parts``; with a given
        number of components or another criterion, one product each. None: those of the search.
    n_averaged : int
        So many densities, grown apart, are averaged: better answers, at as many times the cost.
    dependence : {"independent", "tree", "auto"}
        Within a product, columns are independent; or each component is a tree, in which a column depends on one other
        (Chow and Liu 1968), with numbers cut into bins: see ``tacit.mixture.trees``. "auto": by which held-out rows are
        likelier; where these are trees, a given ``n_parts`` makes a third as many.
    edge_penalty, share : float, bool
        For trees: an edge must gain so many times what BIC asks for; whether all components have one tree.
    families : mapping of column name to family, optional
        "normal", "lognormal", "gamma", "poisson", "negative_binomial", "von_mises:24" for hours and other numbers that
        go round, or "full" for the columns that share a full covariance; "zero+lognormal" gives 0 a probability of its
        own, "points+lognormal" every value that stands out.
        "categorical" or "bernoulli" for categories. What is not named is chosen: see ``tacit.mixture.families.choose``.
    max_components, n_init, tol, max_iter : int, int, float, int
        The most products that "auto" tries; starts for each number; EM stops where the objective per row gains less
        than ``tol``, or after ``max_iter`` steps.
    smoothing : float
        Prior weight in rows, for each product and column: a category as it is in all rows; a number at a tenth of its
        column's variance. 0 gives maximum likelihood.
    reg : float
        The least variance of a number in a component, as a share of the column's variance.
    types : mapping of column name to kind, optional
        What ``Table.read`` cannot guess, e.g. ``{"zip": "category"}``. Arrays hold numbers only.
    random_state : int, Generator, RandomState or None
    checkpoint, max_seconds : a folder, float
        Of the steps over all rows, as in ``KMeans``; the search before them is made again.

    Attributes
    ----------
    n_components_, weights_ : int, array [K]
        The components, the largest first.
    columns_ : dict
        By column name, the mean and standard deviation, or the probabilities of the levels, in each component.
    families_ : dict
        By column name, the family that it has.
    part_weights_, part_component_ : arrays [M], [M]
        The products: their weights, and which component each belongs to.
    selection_ : list of dict
        The criteria for each number of products that was tried; lower is better.
    growth_ : list of dict
        The mean log-density of held-out rows for growing numbers of products; empty where ``n_parts`` was not sought.
    evidence_ : dict or None
        For "groups": the gain of BIC / 2 by more than one product, and the mean and standard deviation of that gain in
        clouds drawn with the same columns and correlations; ``z`` is their difference in standard deviations, and more
        than 3 is taken for groups.
    history_, n_iter_, converged_ : list, int, bool
        The objective at each pass of the final fit over all rows (of the last density, where several are averaged).
    dependence_ : str
        "independent" or "tree", as asked for or as held-out rows said.
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

    _layout: Any  # CellLayout or CodedLayout
    _family: Any  # Product
    _params: MixtureParams
    _online: Online[MixtureParams] | None
    part_weights_: Doubles
    part_component_: Array
    weights_: Doubles
    n_components_: int
    history_: list[Pass]

    def __init__(
        self,
        n_components: int | str = "auto",
        *,
        criterion: str = "groups",
        max_components: int = 15,
        n_parts: int | str | None = "auto",
        n_averaged: int = 1,
        dependence: str = "independent",
        edge_penalty: float = 1.0,
        share: bool = False,
        n_init: int = 3,
        tol: float = 1e-5,
        max_iter: int = 200,
        smoothing: float = 1.0,
        reg: float = 1e-3,
        types: Mapping[str, str] | None = None,
        families: Mapping[str, str] | None = None,
        random_state: Seed = None,
        checkpoint: Any = None,
        max_seconds: float | None = None,
    ) -> None:
        self.n_components = n_components
        self.criterion = criterion
        self.max_components = max_components
        self.n_parts = n_parts
        self.n_averaged = n_averaged
        self.dependence = dependence
        self.edge_penalty = edge_penalty
        self.share = share
        self.n_init = n_init
        self.tol = tol
        self.max_iter = max_iter
        self.smoothing = smoothing
        self.reg = reg
        self.types = types
        self.families = families
        self.random_state = random_state
        self.checkpoint = checkpoint
        self.max_seconds = max_seconds

    def fit(self, X: object, y: object = None, sample_weight: object = None) -> Self:
        """Learn from the rows of X: a path, ``sample:NAME``, a data frame, a dict of columns, or an array of numbers.

        ``y`` is ignored. A row of weight 2 counts as two rows. Of a folder, or of a file too large to be held, rows
        drawn at random settle columns, families and parts; then all rows are read, in parts, at each of a few steps.
        """
        return self._fit(X, sample_weight)

    def _fit(
        self, X: object, sample_weight: object = None, tell: Callable[[str, int, int], None] = lambda *_: None
    ) -> Self:
        """``fit``; ``tell(phase, done, total)`` as it goes on."""
        self._check()
        parts = in_parts(X, self.types)
        if parts is None:
            return self._fit_table(self._read(X, sample_weight), tell)
        if sample_weight is not None:
            raise InputError("sample_weight is for rows in memory, and these are read in parts")
        self._fit_table(self._read(parts.drawn, None), tell)
        return self._fit_parts(parts, tell)

    def _fit_table(self, table: Table, tell: Callable[[str, int, int], None] = lambda *_: None) -> Self:
        """``fit`` to rows that were read."""
        found = learn(self, table, generator(self.random_state), tell)
        self._layout = found.layout
        self.selection_, self.growth_, self.evidence_ = found.selection, found.growth, found.evidence
        self.dependence_ = found.dependence
        self.history_, self.n_iter_, self.converged_ = found.history, found.n_iter, found.converged
        self._learn(found.density)
        return self

    def _fit_parts(self, parts: Any, tell: Callable[[str, int, int], None]) -> Self:
        """Steps of EM over all rows of a table in parts, from what those drawn have given."""
        layout, steps = self._layout, min(LAST, self.max_iter)
        cells = layout.encode(parts)
        model = Mixture(len(self.part_weights_), self._family.reading(cells))
        fit = em(
            model, cells, self._params, tol=self.tol, max_iter=steps, rng=generator(self.random_state),
            on_pass=lambda i, _: tell("fit", i, steps),
            **Long(self, parts).options("parts"),
        )  # fmt: skip
        base = float(parts.reduce(lambda block: float(layout.base(block).sum()))) / len(parts)
        self.history_ = shifted(fit.history, base)
        self.n_iter_, self.converged_ = fit.n_iter, fit.converged
        self._learn(Density(model, fit.params, self.part_component_))
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
        if n_samples < 1:
            raise ArgumentError(
                f"Invalid value for 'n_samples': {n_samples}. The sampling requires at least one sample."
            )
        rng = generator(self.random_state)
        z = rng.choice(len(self.part_weights_), n_samples, p=self.part_weights_)
        cells = self._layout.blank(n_samples)
        self._family.sample(self._params.theta, z, rng, cells)
        return self._decode(self._layout.decode(cells, rng))

    def partial_fit(self, X: object, y: object = None, sample_weight: object = None) -> Self:
        """Learn from one more batch of rows: online EM with the same sums (Cappé and Moulines 2009).

        The first call is ``fit``, and settles columns, levels, families and the number of components; give it a batch
        that is like the rest. Each later one takes a step, in which the newest batch counts for more than its share.
        ``y`` is ignored.
        """
        first = not hasattr(self, "_layout")
        if first:
            self.fit(X, y, sample_weight)
            table = self._conform(X).weighing(sample_weight)
        else:
            table = self._conform(X).weighing(sample_weight)
        cells = self._layout.encode(table)
        family, old = self._family.reading(cells), self._family
        state = Online(self._params) if first or self._online is None else self._online
        if state.stats is not None:
            family, state = _in_step(family, old, state)
        self._family = family
        model = Mixture(len(self.part_weights_), family)
        if first:
            stats = cells.reduce(lambda b: model.expect(self._params, b), rows=model.block_rows(self._params))
            w = float(stats.weight)
            self._online = Online(self._params, scale(stats, 1 / w), w)
            return self
        self._online = online_step(model, state, cells.block)
        self._params = self._online.params
        self.part_weights_ = np.exp(self._params.log_weights)
        self.weights_ = _together(self.part_weights_, self.part_component_)
        return self

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

    def _check(self) -> None:
        check_number(self, "n_components", integer=True, low=1, choices=["auto"])
        check_choice(self, "dependence", ["independent", "tree", "auto"])
        check_number(self, "edge_penalty", low=0)
        check_choice(self, "criterion", ["groups", "bic", "icl", "aic"])
        if self.n_parts is not None:
            check_number(self, "n_parts", integer=True, low=1, choices=["auto"])
        for name in ("max_components", "n_averaged", "n_init", "max_iter"):
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
        if _is_array(X):
            X = next(self._rows(X, reset=False, gaps=True).blocks()).x
        return Table.conform(X, self.schema_)

    def _learn(self, density: Density) -> None:
        """Keep the parameters, components and their parts from the largest to the smallest."""
        weights, component = np.exp(density.params.log_weights), density.component
        mass = np.bincount(component, weights=weights)
        place = np.argsort(np.argsort(-mass, kind="stable"), kind="stable")[component]
        order = np.lexsort((-weights, place))
        theta = tuple(type(θ)(*(a[order] for a in θ)) for θ in density.params.theta)
        self._family = density.model.family
        self._params = MixtureParams(density.params.log_weights[order], theta)
        self._online = None
        self.part_weights_, self.part_component_ = weights[order], place[order]
        self.weights_ = _together(self.part_weights_, self.part_component_)
        self.n_components_ = len(self.weights_)

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
        other.weights_ = _together(other.part_weights_, self.part_component_)
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


def _in_step(family: Any, old: Any, state: Online[MixtureParams]) -> tuple[Any, Online[MixtureParams]]:
    """A family that reads a new batch, and the sums so far in its shape: a batch may hold higher counts than before."""
    parts, sums = list(family.parts), list(state.stats.parts)
    for i, (new, was) in enumerate(zip(family.parts, old.parts, strict=True)):
        if isinstance(new, Counts):
            parts[i] = replace(new, most=tuple(map(max, new.most, was.most)))
            sums[i] = parts[i].padded(sums[i], was.sizes)
    return replace(family, parts=tuple(parts)), state._replace(stats=state.stats._replace(parts=tuple(sums)))


def _together(weights: Doubles, component: Array) -> Doubles:
    """The weight of each component, from those of its parts."""
    out: Doubles = np.bincount(component, weights=weights).astype(np.float64)
    return out


def _is_array(X: object) -> bool:
    """Whether X is a matrix without names: an array, a list of rows, a sparse matrix (which is refused)."""
    bare = isinstance(X, list | tuple) or hasattr(X, "__array__") or hasattr(X, "tocsr")
    return bare and not (hasattr(X, "columns") or hasattr(X, "column_names"))
