"""Trees within a mixture: every probability by messages equals the one by enumeration."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp

from tacit.data.block import Block
from tacit.data.memory import MemorySource
from tacit.em.engine import em
from tacit.errors import DataNotice
from tacit.kernels.trees import Forest, tree_counts, tree_log_prob, tree_others, tree_sample
from tacit.mixture.families.chow_liu import gains, gathered, indicators, learned, meetings, pooled, spanning
from tacit.mixture.families.product import Product
from tacit.mixture.families.tree import Tree, TreeParams, row_starts, table_starts
from tacit.mixture.mixture import Mixture, MixtureParams
from tacit.mixture.trees import Cost, say_cost


def random_forest(K: int, sizes: tuple[int, ...], seed: int, roots: float = 0.3) -> TreeParams:
    """K random forests with random tables."""
    rng = np.random.default_rng(seed)
    c = len(sizes)
    parent = np.full((K, c), -1, np.int32)
    for k in range(K):
        order = rng.permutation(c)
        for i in range(1, c):
            if rng.random() > roots:
                parent[k, order[i]] = order[rng.integers(i)]
    width = int(table_starts(sizes, parent)[:, -1].max())
    mass = rng.random((K, width)) + 0.02
    blank = TreeParams(parent, mass, np.zeros((K, width)))
    return blank._replace(log_p=Tree(sizes).tables(parent, mass, blank.log_p))


def enumerated(sizes: tuple[int, ...], θ: TreeParams) -> tuple[np.ndarray, np.ndarray]:
    """Every row [R, c] and log p(row | k) [R, K], from the definition."""
    rows = np.array(list(itertools.product(*map(range, sizes))))
    starts, out = table_starts(sizes, θ.parent), np.zeros((len(rows), len(θ.parent)))
    for k in range(len(θ.parent)):
        for j, C in enumerate(sizes):
            pa = θ.parent[k, j]
            b = 0 if pa < 0 else rows[:, pa]
            out[:, k] += θ.log_p[k, starts[k, j] + b * C + rows[:, j]]
    return rows, out


def said(rows: np.ndarray, codes: np.ndarray, likelihood: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """How likely one row of evidence is for every row [R]."""
    w = np.ones(len(rows))
    for j, code in enumerate(codes):
        if code >= 0:
            w *= rows[:, j] == code
        elif code == -2:
            w *= likelihood[edges[j] + rows[:, j]]
    return w


EVIDENCE = dict(
    seed=st.integers(0, 10_000), K=st.integers(1, 3), sizes=st.lists(st.integers(1, 4), min_size=1, max_size=6)
)


@settings(max_examples=60, deadline=None)
@given(**EVIDENCE)
def test_messages_equal_enumeration(seed: int, K: int, sizes: list[int]) -> None:
    levels = tuple(sizes)
    rng, c = np.random.default_rng(seed), len(sizes)
    θ = random_forest(K, levels, seed)
    forest, edges = Forest.of(levels, θ.parent, θ.log_p), np.concatenate([[0], np.cumsum(levels)])
    rows, log_p = enumerated(levels, θ)
    np.testing.assert_allclose(np.exp(log_p).sum(axis=0), 1)
    codes = np.stack([rng.integers(-2, C, 7) for C in levels], axis=1).astype(np.int32)
    λ = np.round(rng.random((7, edges[-1])), 1)  # with zeros
    log_weights = np.log(rng.dirichlet(np.ones(K)))
    found = tree_log_prob(forest, codes, λ)
    others = tree_others(forest, codes, log_weights, np.ones(c), λ)
    for i in range(7):
        w = said(rows, codes[i], λ[i], edges)
        with np.errstate(divide="ignore"):
            np.testing.assert_allclose(found[i], np.log(w @ np.exp(log_p)), rtol=1e-9, atol=1e-12)
        if not np.isfinite(found[i]).all():
            continue
        for j in range(c):
            without = codes[i].copy()
            without[j] = -1
            p = said(rows, without, λ[i], edges)[:, None] * np.exp(log_p + log_weights)
            each = np.array([p[rows[:, j] == a].sum() for a in range(levels[j])])
            np.testing.assert_allclose(others[i, edges[j] : edges[j + 1]], each / each.sum(), rtol=1e-8, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(**EVIDENCE)
def test_expected_counts_equal_enumeration(seed: int, K: int, sizes: list[int]) -> None:
    levels = tuple(sizes)
    rng = np.random.default_rng(seed)
    θ = random_forest(K, levels, seed)
    forest, edges = Forest.of(levels, θ.parent, θ.log_p), np.concatenate([[0], np.cumsum(levels)])
    rows, log_p = enumerated(levels, θ)
    codes = np.stack([rng.integers(-1, C, 9) for C in levels], axis=1).astype(np.int32)
    r = rng.random((9, K))
    expected, told = np.zeros(θ.log_p.shape), np.zeros(K)
    starts = table_starts(levels, θ.parent)
    for i in range(9):
        w = said(rows, codes[i], np.ones(edges[-1]), edges)[:, None] * np.exp(log_p)
        told += r[i] * np.log(w.sum(axis=0))
        w *= r[i] / w.sum(axis=0)
        for k in range(K):
            for j, C in enumerate(levels):
                pa = θ.parent[k, j]
                b = np.zeros(len(rows), int) if pa < 0 else rows[:, pa]
                np.add.at(expected[k], starts[k, j] + b * C + rows[:, j], w[:, k])
    counts, logs = tree_counts(forest, codes, r)
    np.testing.assert_allclose(counts, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(logs, told, rtol=1e-9)


def test_twelve_binary_columns_sum_to_one_and_condition_exactly() -> None:
    levels = (2,) * 12
    θ = random_forest(4, levels, 3)
    forest = Forest.of(levels, θ.parent, θ.log_p)
    rows, log_p = enumerated(levels, θ)
    np.testing.assert_allclose(tree_log_prob(forest, rows), log_p, rtol=1e-12)
    log_weights = np.log([0.4, 0.3, 0.2, 0.1])
    p = np.exp(logsumexp(log_p + log_weights, axis=1))
    assert p.sum() == pytest.approx(1)
    code = np.full((1, 12), -1, np.int32)
    code[0, [2, 7]] = 1, 0
    with_evidence = (rows[:, 2] == 1) & (rows[:, 7] == 0)
    found = tree_others(forest, code, log_weights, np.ones(12)).reshape(12, 2)
    for j in set(range(12)) - {2, 7}:
        assert found[j, 1] == pytest.approx(p[with_evidence & (rows[:, j] == 1)].sum() / p[with_evidence].sum())


def test_draws_under_evidence_have_the_conditional_distribution() -> None:
    levels = (2, 3, 2, 4)
    θ = random_forest(2, levels, 1, roots=0)
    forest = Forest.of(levels, θ.parent, θ.log_p)
    rows, log_p = enumerated(levels, θ)
    edges = np.concatenate([[0], np.cumsum(levels)])
    codes = np.tile(np.array([-1, -2, 1, -1], np.int32), (40_000, 1))
    λ = np.ones((1, edges[-1]))
    λ[0, 2:5] = 0.2, 0.0, 1.0
    z = np.ones(40_000, int)
    drawn = tree_sample(forest, codes, z, np.random.default_rng(0), λ)
    p = said(rows, codes[0], λ[0], edges) * np.exp(log_p[:, 1])
    at = np.ravel_multi_index(drawn.T, levels)
    np.testing.assert_allclose(np.bincount(at, minlength=len(p)) / 40_000, p / p.sum(), atol=0.012)


def test_long_stars_do_not_underflow() -> None:
    c = 1500
    parent = np.zeros((1, c), np.int32)
    parent[0, 0] = -1
    tables = np.concatenate([np.log([0.5, 0.5]), np.tile(np.log([0.999, 0.001, 0.001, 0.999]), c - 1)])[None]
    forest = Forest.of((2,) * c, parent, tables)
    codes = np.ones((1, c), np.int32)
    codes[0, 0] = -1
    want = np.zeros(c)
    want[:2] = 1
    assert tree_log_prob(forest, codes)[0, 0] == pytest.approx(np.log(0.5) + (c - 1) * np.log(0.999))
    p = tree_others(forest, codes, np.zeros(1), want)[0, :4]
    np.testing.assert_allclose(p, [0, 1, 0.001, 0.999], atol=1e-12)


def test_pairs_meet_as_counted_by_hand() -> None:
    rng = np.random.default_rng(0)
    levels = (3, 2, 4)
    codes = np.stack([rng.integers(0, C, 50) for C in levels], axis=1)
    w = rng.random(50)
    for gaps in (0.0, 0.2):
        x = np.where(rng.random(codes.shape) < gaps, -1, codes)
        hot = np.concatenate([(x[:, [j]] == np.arange(C)).astype(float) for j, C in enumerate(levels)], axis=1)
        found = meetings(indicators(x, levels), w, levels)
        np.testing.assert_allclose(found, hot.T @ (hot * w[:, None]), atol=1e-4)


def test_the_gain_of_an_edge_is_mass_times_mutual_information() -> None:
    J = np.array([[0.3, 0.1], [0.2, 0.4]])
    full = np.block([[np.diag(J.sum(1)), J], [J.T, np.diag(J.sum(0))]])
    expected = (J * np.log(J / np.outer(J.sum(1), J.sum(0)))).sum()
    assert gains(5 * full, (2, 2))[0, 1] == pytest.approx(5 * expected)


def test_the_forest_of_greatest_weight() -> None:
    weight = np.array([[0, 5, 1, -1], [5, 0, 4, -1], [1, 4, 0, -2], [-1, -1, -2, 0.0]])
    parent = spanning(weight)
    edges = {frozenset((j, int(p))) for j, p in enumerate(parent) if p >= 0}
    assert edges == {frozenset((0, 1)), frozenset((1, 2))}
    assert parent[3] == -1


def test_the_planted_tree_is_found() -> None:
    levels = (2, 3, 2, 3, 2)
    parent = np.array([[-1, 0, 1, 1, 3]], np.int32)
    strong = [np.log([0.5, 0.5])]
    for j in range(1, 5):
        C, B = levels[j], levels[parent[0, j]]
        t = np.full((B, C), 0.1 / (C - 1))
        t[np.arange(B), np.arange(B) % C] = 0.9
        strong.append(np.log(t).ravel())
    forest = Forest.of(levels, parent, np.concatenate(strong)[None])
    x = tree_sample(forest, np.full((2000, 5), -1, np.int32), np.zeros(2000, int), np.random.default_rng(0))
    rows = MemorySource(Block(0, np.empty((2000, 0)), codes=x))
    family, pairs = Tree(levels).over(rows), indicators(x, levels)
    θ = learned(family, pairs, np.ones((2000, 1)), pooled(pairs, np.ones(2000), levels))
    found = {frozenset((j, int(p))) for j, p in enumerate(θ.parent[0]) if p >= 0}
    assert found == {frozenset((j, int(p))) for j, p in enumerate(parent[0]) if p >= 0}
    assert family.n_parameters(θ) == sum(
        (levels[j] - 1) * (1 if p < 0 else levels[p]) for j, p in enumerate(θ.parent[0])
    )


def test_one_tree_for_all_has_the_tables_of_each_component() -> None:
    levels = (2, 3, 2, 2)
    rng = np.random.default_rng(4)
    x = np.stack([rng.integers(0, C, 300) for C in levels], axis=1).astype(np.int32)
    x[:, 2] = np.where(rng.random(300) < 0.9, x[:, 0], x[:, 2])
    rows = MemorySource(Block(0, np.empty((300, 0)), codes=x))
    family, pairs, r = Tree(levels).over(rows), indicators(x, levels), rng.dirichlet(np.ones(3), 300)
    q = pooled(pairs, np.ones(300), levels)
    θ = learned(family, pairs, r, q, penalty=0.0, shared=True)
    assert (θ.parent == θ.parent[0]).all()
    assert (θ.parent >= 0).sum() == 3 * 3
    counts, _ = tree_counts(family.forest(θ), x, r)
    again = family.tables(θ.parent, counts + family.smoothing * θ.prior, θ.log_p)
    np.testing.assert_allclose(np.exp(θ.log_p), np.exp(again), atol=1e-4)


def test_what_pairs_cost_is_said_before_they_are_counted() -> None:
    """Time grows with the square of the levels, rows are sampled where there are many, and room is told."""
    some, twice = Cost.of(1000, (2,) * 1500), Cost.of(1000, (2,) * 3000)
    assert (some.rows, some.pairs) == (1000, 3000**2 / 2)
    assert twice.each == pytest.approx(4 * some.each)
    assert some.each < 2
    assert some.bytes < 1e9
    assert Cost.of(10**7, (2,) * 1500).rows == 50_000_000 // 3000
    say_cost(1000, Tree((2,) * 1500))  # nothing to be said
    with pytest.warns(
        DataNotice, match=r"trees over 20000 columns count 8e\+08 pairs of levels .* s for every component"
    ):
        say_cost(1000, Tree((2,) * 20_000))


@pytest.mark.parametrize("gaps", [0.0, 0.3])
def test_em_climbs_and_its_bound_touches(gaps: float) -> None:
    rng = np.random.default_rng(1)
    levels = (2, 3, 2, 4)
    true = random_forest(2, levels, 5, roots=0)
    x = tree_sample(
        Forest.of(levels, true.parent, true.log_p), np.full((500, 4), -1, np.int32), rng.integers(0, 2, 500), rng
    )
    x[rng.random(x.shape) < gaps] = -1
    rows = MemorySource(Block(0, np.empty((500, 0)), codes=x, weight=rng.random(500)))
    family, pairs = Tree(levels).over(rows), indicators(x, levels)
    r = rng.dirichlet(np.ones(3), 500) * rows.weight[:, None]
    θ = learned(family, pairs, r, pooled(pairs, rows.weight, levels))
    model = Mixture(3, Product((family,)))
    history = em(model, rows, MixtureParams(np.log(np.full(3, 1 / 3)), (θ,)), tol=0, max_iter=30, rng=rng).history
    assert np.all(np.diff([float(h) for h in history]) > -1e-10)
    for before, after in itertools.pairwise(history):
        assert before.after_e == pytest.approx(float(before), abs=1e-6)
        assert float(before) - 1e-9 <= before.after_m <= float(after) + 1e-9


def test_a_pair_never_seen_together_and_a_level_of_one_component_alone() -> None:
    x = np.full((40, 2), -1, np.int32)
    x[:20, 0], x[20:, 1] = np.arange(20) % 2, np.arange(20) % 3
    rows = MemorySource(Block(0, np.empty((40, 0)), codes=x))
    family, pairs = Tree((2, 3)).over(rows), indicators(x, (2, 3))
    r = np.zeros((40, 2))
    r[:, 0] = x[:, 1] != 2
    r[:, 1] = x[:, 1] == 2
    θ = learned(family, pairs, r, pooled(pairs, np.ones(40), (2, 3)))
    assert np.isfinite(θ.log_p).all()
    assert (θ.parent == -1).all()
    np.testing.assert_allclose(np.exp(family.marginals(θ)).shape, (2, 5))
    np.testing.assert_allclose(family.marginals(θ)[:, :2].sum(axis=1), 1)
    np.testing.assert_allclose(family.marginals(θ)[:, 2:].sum(axis=1), 1)


def test_rows_of_a_table_stand_where_they_should() -> None:
    parent = np.array([[-1, 0, 1], [-1, -1, -1]], np.int32)
    assert table_starts((2, 3, 2), parent).tolist() == [[0, 2, 8, 14], [0, 2, 5, 7]]
    starts = row_starts((2, 3, 2), parent, 14)
    assert starts.tolist() == [0, 2, 5, 8, 10, 12, 14, 16, 19, 21]
    θ = random_forest(2, (2, 3, 2), 0)
    assert (
        len(gathered(Tree((2, 3, 2)).over(_some()), θ.parent[0], np.ones((7, 7))))
        == table_starts((2, 3, 2), θ.parent)[0, -1]
    )


def _some() -> MemorySource:
    return MemorySource(Block(0, np.empty((4, 0)), codes=np.zeros((4, 3), np.int32)))
