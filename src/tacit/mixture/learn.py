"""From a table to a joint density: groups are sought, parts are grown, the last fit is over all rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from ..data.memory import MemorySource
from ..data.table import Table
from ..em.engine import Pass, em
from ..em.long import Long
from ..errors import ArgumentError
from ..typing import Array, Doubles
from .families.choose import choose
from .families.coded import CodedLayout
from .families.layout import CellLayout
from .mixture import Mixture
from .parts import TINY, Apart, Density, Fitter, Growth, Size, averaged, grown, held_out, kernel
from .search import Candidate, Search, feature_space
from .trees import STEPS, Trees, say_cost
from .unite import unite

SEARCHED = 8192  # rows on which the number of components is sought
GROWN = 65_536  # rows on which a density is grown
LAST = 10  # steps of EM on all rows after a density was grown on some of them
WORTH = 3  # products that a tree has about as many parameters as
STARTED = 15  # steps of EM with which further starts begin

Tell = Callable[[str, int, int], None]


class Learned(NamedTuple):
    """What a fit has found."""

    layout: Any  # CellLayout or CodedLayout
    density: Density
    selection: list[dict[str, float]]
    growth: list[dict[str, Any]]
    evidence: dict[str, Any] | None
    dependence: str
    history: list[Pass]
    n_iter: int
    converged: bool


class Found(NamedTuple):
    """What densities grow out of: products of independent columns, and the component of each."""

    products: Candidate
    component: Array  # [M]
    way: Way  # in which they were found


@dataclass(frozen=True)
class Way:
    """One kind of density: its cells, how it is searched and fitted, and the responsibilities that it begins with."""

    name: str
    search: Search
    fitter: Fitter
    cells: MemorySource  # of all rows

    def begun(self, rows: MemorySource, found: Found) -> Density:
        """The density before it grows: the products of the search, or a tree for each component."""
        best, component, apart = found
        if self is apart:
            return Density(Mixture(len(component), self.search.family), best.params, component)
        products = Mixture(best.n_components, apart.search.family)
        groups = np.eye(int(component.max()) + 1)[component]  # [M, G]
        cells = apart.search.layout.encode(rows)
        r: Doubles = cells.map(lambda block: products.posterior(best.params, block).resp, rows=16384) @ groups
        model = Mixture(groups.shape[1], self.search.family)
        start = self.fitter.start(model, self.search.layout.encode(rows), lambda b: r[b.start : b.start + b.n])
        return Density(model, start, np.arange(model.K))


def learn(of: Any, table: Table, rng: np.random.Generator, tell: Tell) -> Learned:
    """A density of ``table`` as the ``JointMixture`` ``of`` asks for it."""
    n, auto = table.shape[0], of.n_components == "auto"
    if not auto and int(of.n_components) > n:
        raise ArgumentError(
            f"Expected n_samples >= n_components but got n_components = {of.n_components}, n_samples = {n}"
        )
    layout: Any = choose(table.schema, table, of.families)
    groups = auto and of.criterion == "groups"
    apart = _apart(of, layout, table)
    search = apart.search
    rows = searched(table, rng, SEARCHED)
    component: Array | None = None
    evidence = None
    if auto:
        criterion = "bic" if groups else of.criterion
        most = min(of.max_components, n)
        path = search.path(rows, most, criterion, rng, lambda c: tell("components", c.n_components, most))
        best = min(path, key=lambda c: float(getattr(c, criterion)))
        if groups:
            component, found = unite(best, search, rows.block, rng, lambda i, m: tell("groups", i, m))
            evidence = found and found._asdict() | {"z": found.z}
    else:
        path = [search.fit(layout.encode(rows), int(of.n_components), feature_space(rows, layout.levels), rng)]
        best = path[0]
    component = np.arange(best.n_components) if component is None else component
    total = float(rows.block.w @ layout.base(rows.block))
    ways = [apart] if of.dependence == "independent" else [_joined(of, table, layout)]
    if of.dependence == "auto":
        ways = [apart, *ways]
    way, density, sizes, fit = _density(of, table, ways, Found(best, component, apart), rng, tell)
    shift = float(table.block.w @ way.search.layout.base(table.block)) / float(table.block.w.sum())
    return Learned(
        way.search.layout,
        density,
        [moved(c, total).record() for c in path],
        [size._asdict() for size in sizes],
        evidence,
        way.name,
        shifted(fit.history, shift),
        fit.n_iter,
        fit.converged,
    )


def _apart(of: Any, layout: CellLayout, table: Table) -> Way:
    cells = layout.encode(table)
    family = layout.family(cells, of.reg, of.smoothing)
    return Way("independent", Search(family, layout, of.n_init, of.tol, of.max_iter), Apart(), cells)


def _joined(of: Any, table: Table, chosen: CellLayout) -> Way:
    own = {p.name: (p.family, p.atoms) for p in chosen.plans if p.name not in (of.families or {})}
    layout: Any = CodedLayout.of(table.schema, table, own)
    cells = layout.encode(table)
    family = layout.family(cells, of.reg, of.smoothing)
    say_cost(table.shape[0], family.parts[0])
    search = Search(family, layout, of.n_init, of.tol, of.max_iter)
    return Way("tree", search, Trees.within(of.max_iter, of.edge_penalty, of.share), cells)


def _density(
    of: Any, table: Table, ways: list[Way], found: Found, rng: np.random.Generator, tell: Tell
) -> tuple[Way, Density, list[Size], Any]:
    """The mixture of all rows: grown out of what the search has found where that is asked for, then fitted."""
    grow = isinstance(of.n_parts, int) or (
        of.n_parts == "auto" and of.n_components == "auto" and of.criterion == "groups"
    )
    wanted = None if of.n_parts in ("auto", None) else int(of.n_parts)
    apart = found.way
    few = table.weight.sum() < TINY  # none is held out
    tiny = grow and wanted is None and few and not found.component.any()
    ways = [apart] if tiny or (few and len(ways) > 1) else ways
    told: list[Size] = []
    long = Long(of, table)
    way, densities = ways[0], []
    for i in range(of.n_averaged if grow or way is not apart else 1):
        rows = searched(table, rng, GROWN)
        if len(ways) > 1:
            sought = grow and wanted is None
            some = rows if sought else searched(table, rng, SEARCHED)
            way, told = _better(of, some, ways, found, rng, sought, tell)
            ways = [way]
            if sought and told:
                wanted = max(told, key=lambda size: size.held_out).n_parts
            elif wanted is not None and way is not apart:
                wanted = -(-wanted // WORTH)
        if tiny:
            density = kernel(way.search.family, way.search.layout.encode(rows), rng)
        else:
            density = way.begun(rows, found)
            if i and way is not apart and not grow:
                density = _anew(way, apart, rows, density, rng)
        growth = Growth(way.search, of.smoothing, way.fitter)
        if grow and not tiny:
            density, sizes = grown(growth, rows, density, rng, wanted, lambda i, m: tell("density", i, m))
            told = told or sizes
            wanted = density.model.K if wanted is None and sizes else wanted
        elif way is not apart:
            params = way.fitter.fit(density.model, way.search.layout.encode(rows), density.params, rng)
            density = density._replace(params=params)
        model = Mixture(density.model.K, density.model.family.reading(way.cells))
        steps = of.max_iter if way is apart and (table.shape[0] <= GROWN or not grow) else _last(of.max_iter)
        fit = em(
            model, way.cells, density.params, tol=of.tol, max_iter=steps, rng=rng,
            on_pass=lambda i, _: tell("fit", i, of.max_iter),
            **long.options(i),
        )  # fmt: skip
        densities.append(Density(model, fit.params, density.component))
    return way, averaged(densities), told, fit


def _better(
    of: Any, rows: MemorySource, ways: list[Way], found: Found, rng: np.random.Generator, grow: bool, tell: Tell
) -> tuple[Way, list[Size]]:
    """The way that held-out rows are likelier by, and how they judged its sizes."""
    seed = int(rng.integers(2**63))
    judged = []
    for way in ways:
        begun = way.begun(rows, found)
        growth = Growth(way.search, of.smoothing, way.fitter)
        space = feature_space(rows, way.search.layout.levels).block.x
        sizes = None if grow else [begun.model.K]
        told = held_out(
            growth, rows, space, begun, np.random.default_rng(seed), lambda i, m: tell("density", i, m), sizes
        )
        judged.append((max(size.held_out for size in told), told))
    chosen = int(np.argmax([score for score, _ in judged]))
    return ways[chosen], judged[chosen][1] if grow else []


def _anew(way: Way, apart: Way, rows: MemorySource, first: Density, rng: np.random.Generator) -> Density:
    """As many trees from a start of their own: products at random, and each part in the component it shares most with.

    Random starts differ more than those of k-means, and what is averaged should differ.
    """
    K, cells = first.model.K, apart.search.layout.encode(rows)
    z = np.empty(rows.block.n, np.int64)
    z[cells.order] = rng.integers(0, K, rows.block.n)
    model = Mixture(K, apart.search.family)
    params = em(
        model, cells, model.from_labels(cells, z, rng)[0], tol=1e-4, max_iter=STARTED, rng=rng, bound=False
    ).params
    r = np.asarray(cells.map(lambda block: model.posterior(params, block).resp, rows=16384), np.float64)
    coded = way.search.layout.encode(rows)
    before = coded.map(lambda block: first.model.posterior(first.params, block).resp, rows=16384)
    start = way.fitter.start(first.model, coded, lambda b: r[b.start : b.start + b.n])
    return Density(first.model, start, first.component[(r.T @ before).argmax(axis=1)])


def _last(max_iter: int) -> int:
    """Steps on all rows after those that trees were learned with."""
    return max(0, min(LAST, max_iter - STEPS))


def shifted(history: Sequence[Pass], base: float) -> list[Pass]:
    """The log-likelihood a row of the table from that of its cells, which lacks ``base``."""
    return [Pass(float(step) + base, step.after_e + base, step.after_m + base) for step in history]


def moved(c: Candidate, base: float) -> Candidate:
    """The criteria of the table's density from those of its cells', which lacks ``base`` in log-likelihood."""
    return c._replace(
        log_likelihood=c.log_likelihood + base, bic=c.bic - 2 * base, aic=c.aic - 2 * base, icl=c.icl - 2 * base
    )


def searched(table: Table, rng: np.random.Generator, most: int) -> MemorySource:
    """The rows on which a search is done, in the order of their content: all, or ``most`` drawn by weight.

    A row of weight 2 stands there twice, so that whole weights and repetitions give the same search.
    """
    w, order = table.weight, table.order
    if w.sum() <= most and np.array_equal(w, np.rint(w)):
        rows = np.repeat(order, w[order].astype(np.int64))
    else:
        rows = table.sample(most, rng)
    return MemorySource(replace(table.take(rows), weight=None, known=None))
