"""JointMixture: one probability model of a whole table, numbers and categories and gaps.

Over the observed cells of a row, p(x) = Σ_m π_m Π_j p_mj(x_j), where p_mj is a distribution of one column: a normal, a
log-normal, a table of level probabilities, ... A component is one such product, or several.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Self

import numpy as np

from ..base import check_choice, check_number
from ..data.parts import in_parts
from ..data.table import Table
from ..em.engine import Pass, em
from ..em.long import Long
from ..em.online import Online, online_step
from ..errors import InputError
from ..rng import generator
from ..stats import scale
from ..typing import Array, Seed
from .describe import CategoryColumn as CategoryColumn
from .describe import NumberColumn as NumberColumn
from .families.counts import Counts
from .learn import LAST, learn, shifted
from .mixture import Mixture, MixtureParams
from .parts import Density
from .table import TableMixture, is_matrix, together


class JointMixture(TableMixture):
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
        self.weights_ = together(self.part_weights_, self.part_component_)
        return self

    def fit_predict(self, X: object, y: object = None, sample_weight: object = None) -> Array:
        """``fit``, then ``predict`` for the same rows."""
        return self.fit(X, y, sample_weight).predict(X)

    # What the user gave, and what is kept.

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
        self.array_ = is_matrix(X)
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
        self.weights_ = together(self.part_weights_, self.part_component_)
        self.n_components_ = len(self.weights_)


def _in_step(family: Any, old: Any, state: Online[MixtureParams]) -> tuple[Any, Online[MixtureParams]]:
    """A family that reads a new batch, and the sums so far in its shape: a batch may hold higher counts than before."""
    parts, sums = list(family.parts), list(state.stats.parts)
    for i, (new, was) in enumerate(zip(family.parts, old.parts, strict=True)):
        if isinstance(new, Counts):
            parts[i] = replace(new, most=tuple(map(max, new.most, was.most)))
            sums[i] = parts[i].padded(sums[i], was.sizes)
    return replace(family, parts=tuple(parts)), state._replace(stats=state.stats._replace(parts=tuple(sums)))
