"""The mixture kernel against NumPy and SciPy, on every instruction set."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import entr, logsumexp
from scipy.stats import multivariate_normal, norm

from tacit import kernels
from tacit.data.block import Block, Column
from tacit.kernels import native
from tacit.kernels.parts import CategoricalPart, GaussianPart, Part

DTYPES = [np.float32, np.float64]


@pytest.fixture(params=native.available(), autouse=True)
def isa(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(native, "module", native.load(request.param))
    return str(request.param)


def case(
    kind: str, n: int, d: int, K: int, dtype: Any, *, seed: int = 0, far: float = 0.0
) -> tuple[np.ndarray, GaussianPart, np.ndarray]:
    """Rows, a Gaussian part whose components overlap them, and log proportions."""
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(K, d)) + far
    if kind == "diag":
        factor = rng.uniform(0.5, 1.5, (K, d))
    else:
        m = K if kind == "full" else 1
        factor = np.tril(0.4 * rng.normal(size=(m, d, d)), -1) + rng.uniform(0.5, 1.5, (m, 1, d)) * np.eye(d)
    x = (means[rng.integers(K, size=n)] + rng.normal(size=(n, d))).astype(dtype)
    part = GaussianPart(kind, np.arange(d, dtype=np.int32), means, factor[0] if kind == "tied" else factor)  # type: ignore[arg-type]
    return x, part, np.log(rng.dirichlet(np.ones(K)))


def log_joint(x: np.ndarray, part: GaussianPart, log_weights: np.ndarray) -> np.ndarray:
    """log π_k + log N(x_i; μ_k, Σ_k) [n, K] by SciPy."""
    out = []
    for k, mean in enumerate(part.means):
        if part.kind == "diag":
            cells = norm.logpdf(x.astype(np.float64), mean, 1 / part.factor[k])
            out.append(np.nansum(cells, axis=1))
        else:
            a = part.factor[k] if part.kind == "full" else part.factor
            out.append(np.atleast_1d(multivariate_normal(mean, np.linalg.inv(a.T @ a)).logpdf(x.astype(np.float64))))
    return np.stack(out, axis=1) + log_weights


def gaussian_sums(x: np.ndarray, part: GaussianPart, r: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    v = x.astype(np.float64)[None] - part.means[:, None]  # [K, n, d]
    if part.kind == "diag":
        rs = r.T[:, :, None] * ~np.isnan(v)
        v = np.nan_to_num(v)
        return rs.sum(1), (rs * v).sum(1), (rs * v * v).sum(1)
    second = np.einsum("nk,kni,knj->kij", r, v, v)
    return r.sum(0), np.einsum("nk,kni->ki", r, v), second if part.kind == "full" else second.sum(0)


def close(a: Any, b: Any, dtype: Any, scale: float = 1.0) -> None:
    tol = (2e-5 if dtype == np.float32 else 1e-7) * scale  # 1e-7: responsibilities up to 1e-8 are left out
    np.testing.assert_allclose(a, b, rtol=tol, atol=tol * max(1.0, float(np.abs(b).max())))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["full", "tied", "diag"])
@pytest.mark.parametrize(("n", "d", "K"), [(1, 1, 1), (7, 3, 2), (401, 5, 3), (2500, 8, 4), (300, 33, 2), (97, 17, 40)])
def test_gaussian_parts_agree_with_scipy(kind: str, n: int, d: int, K: int, dtype: Any) -> None:
    x, part, lw = case(kind, n, d, K, dtype)
    w = np.random.default_rng(1).uniform(0, 2, n)
    joint = log_joint(x, part, lw)
    log_prob = logsumexp(joint, axis=1)
    resp = np.exp(joint - log_prob[:, None])

    objective, entropy, weight, counts, sums = kernels.mixture_sums(Block(0, x, weight=w), lw, part)
    close(objective, w @ log_prob, dtype)
    close(entropy, w @ entr(resp).sum(axis=1), dtype)
    assert weight == pytest.approx(w.sum(), rel=1e-14)
    close(counts, w @ resp, dtype)
    for ours, theirs in zip(sums, gaussian_sums(x, part, resp * w[:, None])):
        close(ours, theirs, dtype)

    got_prob, got_resp = kernels.mixture_rows(Block(0, x), lw, part)
    assert got_prob.dtype == got_resp.dtype == dtype
    close(got_prob, log_prob, dtype)
    close(got_resp, resp, dtype, 5)
    close(kernels.mixture_log_prob(Block(0, x), lw, part), log_prob, dtype)
    close(kernels.mixture_rows(Block(0, x), lw, part, joint=True)[1], joint, dtype)
    sure = np.sort(joint, axis=1)[:, -1] - np.partition(joint, -2, axis=1)[:, -2] > 1e-3 if K > 1 else np.full(n, True)
    np.testing.assert_array_equal(kernels.mixture_labels(Block(0, x), lw, part)[sure], joint.argmax(1)[sure])


def mixed(n: int, dtype: Any) -> tuple[Block, tuple[Part, Part], np.ndarray]:
    rng = np.random.default_rng(3)
    x, part, lw = case("diag", n, 4, 5, dtype)
    x[rng.random(x.shape) < 0.2] = np.nan
    sizes = np.array([2, 3, 7], dtype=np.int32)
    tables = np.concatenate([rng.dirichlet(np.ones(s), size=5) for s in sizes], axis=1)
    codes = np.stack([rng.integers(-1, s, n) for s in sizes], axis=1).astype(np.int32)
    categorical = CategoricalPart(np.arange(3, dtype=np.int32), sizes, np.log(tables))
    return Block(0, x, codes=codes, weight=rng.uniform(0, 2, n)), (part, categorical), lw


@pytest.mark.parametrize("dtype", DTYPES)
def test_mixed_columns_with_gaps(dtype: Any) -> None:
    block, (part, categorical), lw = mixed(1201, dtype)
    assert block.codes is not None
    begin = np.concatenate([[0], np.cumsum(categorical.sizes)[:-1]])
    one_hot = np.zeros((block.n, int(categorical.sizes.sum())))
    for j, at in enumerate(begin):
        seen = np.flatnonzero(block.codes[:, j] >= 0)
        one_hot[seen, at + block.codes[seen, j]] = 1
    joint = log_joint(np.asarray(block.x), part, lw) + one_hot @ categorical.log_prob.T
    log_prob = logsumexp(joint, axis=1)
    resp = np.exp(joint - log_prob[:, None])
    spread, resp = block.w @ entr(resp).sum(axis=1), resp * block.w[:, None]

    objective, entropy, _, counts, (gaussian, tables) = kernels.mixture_sums(block, lw, (part, categorical))
    close(objective, block.w @ log_prob, dtype)
    close(entropy, spread, dtype)
    close(counts, resp.sum(0), dtype)
    for ours, theirs in zip(gaussian, gaussian_sums(np.asarray(block.x), part, resp)):
        close(ours, theirs, dtype)
    close(tables.counts, resp.T @ one_hot, dtype)


def test_columns_in_any_layout_give_the_same_sums() -> None:
    x, part, lw = case("full", 500, 4, 3, np.float64)
    valid = np.packbits(np.ones(507, dtype=bool), bitorder="little")
    wanted = kernels.mixture_sums(Block(0, x), lw, part)
    for numbers in (
        np.asfortranarray(x),
        np.repeat(x, 2, axis=0)[::2],
        tuple(Column(x[:, j].copy(), valid, 7) for j in range(4)),
    ):
        got = kernels.mixture_sums(Block(0, numbers), lw, part)
        assert got[0] == wanted[0]
        np.testing.assert_array_equal(got[4].second, wanted[4].second)
    order = np.array([2, 0, 3, 1], dtype=np.int32)  # a part may read some columns in its own order
    some = part._replace(kind="diag", columns=order[:2], means=part.means[:, :2], factor=np.ones((3, 2)))
    got = kernels.mixture_sums(Block(0, x), lw, some)
    again = kernels.mixture_sums(
        Block(0, x[:, order[:2]].copy()), lw, some._replace(columns=np.arange(2, dtype=np.int32))
    )
    np.testing.assert_array_equal(got[4].first, again[4].first)


@pytest.mark.parametrize("kind", ["full", "diag"])
def test_known_components_are_certain(kind: str) -> None:
    x, part, lw = case(kind, 600, 3, 4, np.float64)
    known = np.random.default_rng(0).integers(-1, 4, 600).astype(np.int32)
    joint = log_joint(x, part, lw)
    seen = known >= 0
    log_prob = np.where(seen, joint[np.arange(600), known], logsumexp(joint, axis=1))
    resp = np.where(seen[:, None], np.eye(4)[known], np.exp(joint - logsumexp(joint, axis=1)[:, None]))
    objective, entropy, _, counts, sums = kernels.mixture_sums(Block(0, x, known=known), lw, part)
    close(objective, log_prob.sum(), np.float64)
    close(entropy, entr(resp).sum(), np.float64)
    close(counts, resp.sum(0), np.float64)
    close(sums.second, gaussian_sums(x, part, resp)[2], np.float64)


@pytest.mark.parametrize("kind", ["full", "tied", "diag"])
def test_the_same_bits_for_any_number_of_threads(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x, part, lw = case(kind, 9000, 5, 3, np.float32)
    results = []
    for threads in (1, 2, 5):
        monkeypatch.setattr(native, "threads", lambda threads=threads: threads)
        objective, entropy, _, counts, sums = kernels.mixture_sums(Block(0, x), lw, part)
        results.append(b"".join(np.asarray(a).tobytes() for a in (objective, entropy, counts, *sums)))
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("kind", ["full", "tied", "diag"])
def test_single_precision_far_from_the_origin_and_from_each_other(kind: str) -> None:
    """Sums about each mean: a unit variance is right when means lie 10⁴ σ apart, 10⁵ from the origin."""
    rng = np.random.default_rng(0)
    z = rng.integers(2, size=20000)
    x = (1e5 + 1e4 * z[:, None] + rng.normal(size=(20000, 3))).astype(np.float32)
    means = np.array([[1e5] * 3, [1.1e5] * 3])
    factor = {"full": np.tile(np.eye(3), (2, 1, 1)), "tied": np.eye(3), "diag": np.ones((2, 3))}[kind]
    part = GaussianPart(kind, np.arange(3, dtype=np.int32), means, factor)  # type: ignore[arg-type]
    *_, sums = kernels.mixture_sums(Block(0, x), np.log([0.5, 0.5]), part)
    exact = gaussian_sums(x, part, np.eye(2)[z])
    np.testing.assert_allclose(sums.first, exact[1], rtol=1e-4, atol=0.05)
    np.testing.assert_allclose(sums.second, exact[2], rtol=2e-5, atol=1.0)


@pytest.mark.parametrize("scale", [1e-18, 1e18])
def test_extreme_scales_stay_finite_in_single_precision(scale: float) -> None:
    x, part, lw = case("full", 300, 3, 2, np.float32)
    wanted = kernels.mixture_sums(Block(0, x.astype(np.float64)), lw, part)
    far = part._replace(means=part.means * scale, factor=part.factor / scale)
    got = kernels.mixture_sums(Block(0, (x.astype(np.float64) * scale).astype(np.float32)), lw, far)
    np.testing.assert_allclose(got[4].second / scale / scale, wanted[4].second, rtol=1e-5, atol=1e-4)


def test_hopeless_and_impossible_rows_get_an_answer() -> None:
    _, part, lw = case("full", 1, 2, 3, np.float32)
    log_prob, resp = kernels.mixture_rows(Block(0, np.full((1, 2), 1e25, dtype=np.float32)), lw, part)
    assert np.isfinite(log_prob).all()
    np.testing.assert_allclose(resp.sum(axis=1), 1, rtol=1e-6)
    never = CategoricalPart(np.zeros(1, dtype=np.int32), np.array([2], dtype=np.int32), np.log([[1, 1e-300]] * 3))
    never.log_prob[:, 1] = -np.inf
    empty = np.empty((2, 0))
    block = Block(0, empty, codes=np.array([[1], [0]], dtype=np.int32))
    log_prob, resp = kernels.mixture_rows(block, lw, never)
    assert log_prob[0] == -np.inf
    np.testing.assert_allclose(resp[0], 1 / 3)
    np.testing.assert_allclose(resp[1], np.exp(lw))
    some = np.array([-np.inf, *np.log([0.25, 0.75])])  # a component without mass adds nothing, and no NaN
    assert kernels.mixture_sums(block, some, never)[1] == pytest.approx(entr([0.25, 0.75]).sum(), rel=1e-6)


@pytest.mark.parametrize("d", [1, 3, 20])
def test_quadratics_are_traces(d: int) -> None:
    rng = np.random.default_rng(0)
    a, m = np.tril(rng.normal(size=(4, d, d))), rng.normal(size=(4, d, d))
    m = m + np.swapaxes(m, 1, 2)
    wanted = np.trace(a @ m @ np.swapaxes(a, 1, 2), axis1=1, axis2=2)
    np.testing.assert_allclose(kernels.quadratics(a, m), wanted, rtol=1e-12)
    np.testing.assert_allclose(kernels.quadratics(a[:1], m[:1]), wanted[:1], rtol=1e-12)


def test_codes_outside_their_table_count_as_gaps() -> None:
    part = CategoricalPart(np.zeros(1, dtype=np.int32), np.array([2], dtype=np.int32), np.log([[0.5, 0.5], [0.9, 0.1]]))
    codes = np.array([[2], [99], [-7]], dtype=np.int32)
    log_prob, resp = kernels.mixture_rows(Block(0, np.empty((3, 0)), codes=codes), np.log([0.3, 0.7]), part)
    np.testing.assert_allclose(log_prob, 0, atol=1e-15)
    np.testing.assert_allclose(resp, [[0.3, 0.7]] * 3)


@pytest.mark.parametrize("dtype", DTYPES)
def test_exponential_and_logarithm_are_accurate(dtype: Any) -> None:
    eps = np.finfo(dtype).eps
    x = -np.concatenate([np.geomspace(1e-30, 87 if dtype == np.float32 else 700, 20001), np.linspace(0.5, 2, 1001)])
    x = x.astype(dtype)
    e, log = np.empty_like(x), np.empty_like(x)
    native.module.exp_log(x, e, log)
    exact = np.exp(x.astype(np.longdouble))
    assert np.max(np.abs(e - exact) / exact) < 2 * eps
    exact = np.log(-x.astype(np.longdouble))
    assert np.max(np.abs(log - exact) / np.maximum(1, np.abs(exact))) < 2 * eps


@pytest.mark.parametrize("d", [1, 2, 7, 32, 70])
def test_inverse_cholesky(d: int) -> None:
    rng = np.random.default_rng(d)
    g = rng.normal(size=(4, d, d + 2))
    s = g @ np.swapaxes(g, 1, 2)
    s[3] = 0.0
    if d > 1:
        s[2] = np.outer(np.arange(1, d + 1), np.arange(1, d + 1))  # rank one
    factor, ridge = kernels.inverse_cholesky(s)
    np.testing.assert_allclose(factor[:2] @ s[:2] @ np.swapaxes(factor[:2], 1, 2), [np.eye(d)] * 2, atol=1e-8)
    assert (np.triu(factor[:2], 1) == 0).all()
    assert (ridge[:2] == 0).all()
    assert np.isnan(factor[3]).all()
    if d > 1:
        assert 0 < ridge[2] <= 1e-5 * np.trace(s[2]) / d
        np.testing.assert_allclose(factor[2] @ (s[2] + ridge[2] * np.eye(d)) @ factor[2].T, np.eye(d), atol=1e-6)
