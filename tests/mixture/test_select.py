"""The number of groups: one cloud is one group whatever its shape, and planted groups are counted.

``reproductions/number_of_groups.py`` asks the same of hundreds of tables; here it is a few of each.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.datasets import load_wine

from tacit import JointMixture
from tacit.data.block import Block
from tacit.mixture.cloud import Cloud, correlations, normal_scores

Rng = np.random.Generator

CLOUDS: dict[str, Callable[[Rng], np.ndarray]] = {
    "gaussian": lambda g: g.normal(size=(400, 5)),
    "correlated gaussian": lambda g: g.normal(size=(600, 3)) @ g.normal(size=(3, 6)) + 0.5 * g.normal(size=(600, 6)),
    "uniform": lambda g: g.random((1500, 2)),
    "log-normal": lambda g: np.exp(g.normal(size=(500, 3))),
    "zero-heavy": lambda g: np.where(g.random((500, 3)) < 0.85, 0, np.exp(8 + g.normal(size=(500, 3)))),
    "counts": lambda g: g.poisson([0.5, 2, 6], (500, 3)).astype(float),
    "two humps each": lambda g: g.normal(size=(400, 3)) + 5 * (g.random((400, 3)) < 0.4),
}


def with_gaps(x: np.ndarray, g: Rng) -> dict[str, object]:
    """The columns of x, a category that goes with nothing, and gaps."""
    columns: dict[str, object] = {f"n{j}": np.where(g.random(len(x)) < 0.05, np.nan, v) for j, v in enumerate(x.T)}
    return columns | {"c": g.choice(["a", "b", "c"], len(x), p=[0.6, 0.3, 0.1])}


@pytest.mark.parametrize("kind", CLOUDS)
@pytest.mark.parametrize("seed", [0, 1])
def test_one_cloud_is_one_group(kind, seed):
    g = np.random.default_rng(seed)
    model = JointMixture(random_state=seed).fit(with_gaps(CLOUDS[kind](g), g))
    assert model.n_components_ == 1
    assert model.evidence_ is None or model.evidence_["z"] <= 3


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_shuffled_columns_are_no_groups(seed):
    g = np.random.default_rng(seed)
    x = load_wine().data
    whole = JointMixture(random_state=seed).fit(x)
    apart = JointMixture(random_state=seed).fit(np.column_stack([g.permutation(v) for v in x.T]))
    assert whole.n_components_ >= 3
    assert apart.n_components_ == 1


def test_shuffled_categories_are_no_groups(shared_data):
    with gzip.open(shared_data / "mixed" / "mushroom.csv.gz", "rt", encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    g = np.random.default_rng(0)
    keep = g.permutation(len(rows))[:1500]
    columns = {h: [rows[i][j] for i in g.permutation(keep)] for j, h in enumerate(head)}
    assert JointMixture(random_state=0).fit(columns).n_components_ == 1


@pytest.mark.parametrize("K", [2, 3, 4, 5, 6])
def test_planted_groups_are_counted(K):
    g = np.random.default_rng(K)
    z = g.choice(K, 900, p=np.linspace(1, 2, K) / np.linspace(1, 2, K).sum())
    while True:
        centres = 2.2 * g.normal(size=(K, 4))
        if np.linalg.norm(centres[:, None] - centres, axis=2)[np.triu_indices(K, 1)].min() > 3.5:
            break
    x = centres[z] + g.normal(size=(900, 4))
    x[g.random(x.shape) < 0.05] = np.nan
    columns: dict[str, object] = {f"n{j}": v for j, v in enumerate(x.T)}
    tables = g.dirichlet(np.full(3, 0.7), (3, K))
    for j, p in enumerate(tables):
        level = np.minimum((p.cumsum(axis=1)[z] < g.random((900, 1))).sum(axis=1), 2)
        columns[f"c{j}"] = [None if g.random() < 0.05 else "abc"[v] for v in level]
    model = JointMixture(random_state=0).fit(columns)
    assert model.n_components_ == K
    assert model.evidence_["z"] > 3


def test_groups_that_are_correlated_within_are_not_cut_up():
    g = np.random.default_rng(0)
    z = g.integers(0, 2, 800)
    long = g.normal(size=(800, 1)) * 2 + g.normal(size=(800, 3))  # along (1, 1, 1)
    x = long + np.array([[0, 0, 0], [6, -6, 0]])[z]
    model = JointMixture(random_state=0).fit(x)
    assert len(model.part_weights_) > model.n_components_ == 2
    agree = (model.predict(x) == z).mean()
    assert max(agree, 1 - agree) > 0.97


def test_where_the_density_is_meant_the_parts_stay_apart():
    g = np.random.default_rng(0)
    x = g.normal(size=(500, 1)) + 0.3 * g.normal(size=(500, 3))
    groups = JointMixture(n_parts=None, random_state=0).fit(x)
    density = JointMixture(criterion="bic", random_state=0).fit(x)
    assert groups.n_components_ == 1
    assert density.n_components_ > 1
    assert groups.score(x) == pytest.approx(density.score(x))  # the same density
    np.testing.assert_allclose(groups.columns_["x0"].mean, [x[:, 0].mean()], atol=1e-6)
    np.testing.assert_allclose(groups.columns_["x0"].sd, [x[:, 0].std()], rtol=0.02)


def test_the_order_of_rows_does_not_change_the_answer():
    g = np.random.default_rng(3)
    x = g.normal(size=(300, 3)) + 4 * g.integers(0, 2, (300, 1))
    order = g.permutation(300)
    a, b = JointMixture(random_state=0).fit(x), JointMixture(random_state=0).fit(x[order])
    assert a.n_components_ == b.n_components_
    assert a.evidence_ == b.evidence_
    np.testing.assert_allclose(a.predict_proba(x)[order], b.predict_proba(x[order]), atol=1e-6)


def cloud_rows(n: int, g: Rng) -> Block:
    z = g.normal(size=(n, 1)) + 0.6 * g.normal(size=(n, 4))
    x = np.column_stack([np.exp(z[:, 0]), np.maximum(np.round(2 * z[:, 1]), 0), z[:, 2]])
    x[g.random(x.shape) < 0.1] = np.nan
    codes = np.searchsorted([-0.8, 0.4], z[:, 3:]).astype(np.int32)
    codes = np.array([2, 0, 1], dtype=np.int32)[codes]  # levels in no order
    codes[g.random(codes.shape) < 0.1] = -1
    return Block(0, x, codes=codes)


def test_a_cloud_keeps_columns_gaps_and_correlations():
    g = np.random.default_rng(0)
    block = cloud_rows(3000, g)
    cloud = Cloud.of(block, (3,), g)
    drawn = cloud.draw(g)
    np.testing.assert_array_equal(np.isnan(drawn.x), np.isnan(block.x))
    np.testing.assert_array_equal(np.sort(drawn.x, axis=0), np.sort(block.x, axis=0))
    np.testing.assert_array_equal(np.bincount(drawn.codes[:, 0] + 1), np.bincount(block.codes[:, 0] + 1))
    assert (drawn.x[:, 2] != block.x[:, 2])[~np.isnan(block.x[:, 2])].mean() > 0.9
    for i, j in [(0, 1), (0, 2), (1, 2)]:
        a = spearmanr(block.x[:, i], block.x[:, j], nan_policy="omit").statistic
        b = spearmanr(drawn.x[:, i], drawn.x[:, j], nan_policy="omit").statistic
        assert b == pytest.approx(a, abs=0.04)
    share = [[np.nanmean(b.x[b.codes[:, 0] == c, 2]) for c in range(3)] for b in (block, drawn)]
    np.testing.assert_allclose(share[0], share[1], atol=0.15)  # the category goes with the numbers as it did


def test_draws_of_a_cloud_have_no_other_dependence():
    g = np.random.default_rng(1)
    z = g.integers(0, 2, 2000)
    x = np.column_stack([g.normal(size=2000), g.normal(size=2000)]) * np.where(z, 3.0, 0.3)[:, None]
    drawn = Cloud.of(Block(0, x), (), g).draw(g).x
    assert abs(np.corrcoef(np.abs(normal_scores(drawn)).T)[0, 1]) < 0.08
    assert abs(np.corrcoef(np.abs(normal_scores(x)).T)[0, 1]) > 0.3
    np.testing.assert_allclose(correlations(normal_scores(drawn)), correlations(normal_scores(x)), atol=0.05)
