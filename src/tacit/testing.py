"""Laws that a model written by anyone must keep, so that the loop, the sources and the weights do what they say."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from .data.block import Block
from .data.memory import MemorySource
from .data.source import Source
from .em.model import LatentModel, S
from .stats import add, scale

P = TypeVar("P")


def check_latent_model(
    model: LatentModel[P, S],
    source: Source,
    params: P | None = None,
    *,
    steps: int = 10,
    rtol: float = 1e-6,
    seed: int = 0,
) -> None:
    """Raise AssertionError, naming the law, where ``model`` breaks one on the rows of ``source``.

    The laws, at ``params`` (or those of ``model.init``) and after each of ``steps`` steps:

    - S is a vector space: a NamedTuple of numbers and arrays with ``objective`` and ``weight``, S + S = 2 S.
    - S(A ∪ B) = S(A) + S(B), to ``rtol`` of the largest entry of each field.
    - Weight 2 counts as the row twice, weight 0 as the row absent.
    - ``expect`` and ``maximise`` are pure: the same answer twice; rows, parameters, sums and model stay as they are.
    - ``init`` depends on nothing but the rows and the generator.
    - The objective l (with the log prior) never falls.
    - ``about`` moves sums without changing what maximises them.
    - Where the model says what it expects: J(q, θ) = l(θ) after an E-step, if the sums have an ``entropy`` of their
      own; an M-step does not lower J; J(q, θ) <= l(θ) for the q of any step at the θ of any other.

    >>> import numpy as np
    >>> from tacit import as_source
    >>> from tacit.cluster.kmeans import Lloyd
    >>> check_latent_model(Lloyd(K=2), as_source(np.random.default_rng(0).normal(size=(50, 3))))
    """
    whole = source.take(np.arange(source.shape[0]))
    rows = MemorySource(whole)
    if params is None:
        params = model.init(rows, np.random.default_rng(seed))
        _same(params, model.init(rows, np.random.default_rng(seed)), 0, "init gives the same parameters again")
    path: list[tuple[P, S, float]] = []
    for step in range(steps):
        where = f" (after {step} steps)" if step else ""
        kept = copy.deepcopy((params, model.__dict__, whole.numbers))
        stats = _expect(model, params, rows)
        _vector_space(stats, where)
        _same(_expect(model, params, rows), stats, 0, f"expect gives the same sums again{where}")
        sums = copy.deepcopy(stats)
        following = model.maximise(stats, params)
        _same(model.maximise(stats, params), following, 0, f"maximise gives the same again{where}")
        _same(stats, sums, 0, f"maximise leaves the sums alone{where}")
        still = f"expect and maximise leave parameters, model and rows alone{where}"
        _same((params, model.__dict__, whole.numbers), kept, 0, still)
        _additive(model, params, stats, rows, rtol, where)
        _weights(model, params, whole, rtol, np.random.default_rng(seed + step), where)
        objective = float(stats.objective + model.log_prior(params))
        slack = rtol * (abs(objective) + stats.weight)
        assert not path or objective >= path[-1][2] - slack, (
            f"the objective fell from {path[-1][2]} to {objective}{where}: "
            "maximise does not maximise what expect reports"
        )
        moved = model.about(stats, params, following)
        law = f"maximise finds the same from sums moved by about{where}"
        _same(model.maximise(moved, following), following, rtol, law)
        path.append((params, stats, objective))
        _bound(model, path, following, slack, where)
        params = following


def _bound(model: LatentModel[P, S], path: list[tuple[P, S, float]], following: P, slack: float, where: str) -> None:
    """J touches l at the last of the ``path`` and lies below it at every other; the M-step does not lower J."""
    params, stats, objective = path[-1]
    touching = model.bound(stats, params, params)
    if np.isnan(touching):
        return
    assert abs(touching - objective) <= slack, (
        f"J(q, θ) = {touching} after the E-step, and l(θ) = {objective}{where}: "
        "expected or the entropy in the sums is not that of q = p(z | x, θ)"
    )
    raised = model.bound(stats, following, params)
    assert raised >= touching - slack, (
        f"the M-step lowered J from {touching} to {raised}{where}: maximise does not maximise what expected computes"
    )
    for other, sums, most in path[:-1]:
        for q, at, θ, ceiling in ((stats, params, other, most), (sums, other, params, objective)):
            bound = model.bound(q, θ, at)
            assert bound <= ceiling + slack, (
                f"J(q, θ) = {bound} exceeds l(θ) = {ceiling} at the q of another step{where}: "
                "expected is not that of the model that expect reports"
            )


def _expect(model: LatentModel[P, S], params: P, source: Source, rows: int | None = None) -> S:
    cap = model.block_rows(params)
    return source.reduce(
        lambda block: model.expect(params, block), rows=rows if cap is None or rows is None else min(rows, cap)
    )


def _vector_space(stats: Any, where: str) -> None:
    assert isinstance(stats, tuple), f"expect must give a NamedTuple of sums, not {type(stats).__name__}{where}"
    assert hasattr(stats, "_fields"), f"expect must give a NamedTuple of sums{where}"
    for name in ("objective", "weight"):
        assert np.isfinite(float(getattr(stats, name))), f"{name} is {getattr(stats, name)}{where}"
    _same(add(stats, stats), scale(stats, 2.0), 1e-12, f"S + S = 2 S{where}")


def _additive(model: LatentModel[P, S], params: P, stats: S, source: Source, rtol: float, where: str) -> None:
    n = source.shape[0]
    size = _size(model, params, source)
    for cap in {1, 3, max(1, n // 2), max(1, n - 1)} if n <= 1000 else {97, n // 2}:
        law = f"S(A ∪ B) = S(A) + S(B), {cap} rows a block{where}"
        _same(_expect(model, params, source, cap), stats, rtol, law, size)


def _weights(
    model: LatentModel[P, S], params: P, block: Block, rtol: float, rng: np.random.Generator, where: str
) -> None:
    w = rng.integers(0, 3, block.n)
    w[rng.integers(block.n)] = 2
    weighted = MemorySource(block).weighing(w.astype(np.float64))
    repeated = MemorySource(MemorySource(replace(block, weight=None)).take(np.repeat(np.arange(block.n), w)))
    law = f"weight 2 counts as the row twice, weight 0 as the row absent{where}"
    size = _size(model, params, repeated)
    _same(_expect(model, params, weighted), _expect(model, params, repeated), rtol, law, size)


def _size(model: LatentModel[P, S], params: P, source: Source) -> Any:
    """Σ |S(rows)| over a few rows at a time: what roundings are measured by, where sums cancel."""

    def sizes(block: Block) -> Any:
        return [np.abs(np.asarray(x, dtype=np.float64)) for _, x in _leaves(model.expect(params, block))]

    few = 1 if source.shape[0] <= 1000 else 97
    return source.reduce(sizes, merge=lambda a, b: [x + y for x, y in zip(a, b, strict=True)], rows=few)


def _leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from _leaves(value, f"{path}.{key}")
    elif isinstance(tree, tuple | list):
        names = getattr(tree, "_fields", range(len(tree)))
        for name, value in zip(names, tree, strict=True):
            yield from _leaves(value, f"{path}.{name}")
    else:
        yield path.lstrip("."), tree


def _same(a: Any, b: Any, rtol: float, law: str, sizes: Any = None) -> None:
    left, right = list(_leaves(a)), list(_leaves(b))
    assert [name for name, _ in left] == [name for name, _ in right], f"law broken: {law}: different fields"
    for i, ((name, x), (_, y)) in enumerate(zip(left, right, strict=True)):
        u, v = np.asarray(x), np.asarray(y)
        assert u.shape == v.shape, f"law broken: {law}: {name} has shape {u.shape}, then {v.shape}"
        if u.dtype.kind in "fiub" and u.size:
            size = np.abs(v[np.isfinite(v)], dtype=np.float64) if sizes is None else sizes[i]
            with np.errstate(invalid="ignore"):
                far = np.abs(u - v.astype(np.float64)) > rtol * size.max(initial=0)
            wrong = (u != v) & ~(np.isnan(u) & np.isnan(v)) & (far | ~np.isfinite(u) | ~np.isfinite(v))
            assert not wrong.any(), f"law broken: {law}: {name} is {u[wrong].flat[0]}, then {v[wrong].flat[0]}"
