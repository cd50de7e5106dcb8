"""Both half-steps of EM climb one bound, for every model: J <= l, J = l after E, J never falls after M, nor l."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

import tacit
from tacit import as_source
from tacit.cluster.kmeans import Lloyd
from tacit.data.source import Source
from tacit.data.table import Table
from tacit.decomposition.gaps import Free
from tacit.em import LatentModel, em
from tacit.mixture.families.categorical import Categorical
from tacit.mixture.families.correlated import Correlated
from tacit.mixture.families.gaussian import Gaussian
from tacit.mixture.families.normal import Normal
from tacit.mixture.families.product import Product
from tacit.mixture.families.von_mises import VonMises
from tacit.mixture.mixture import Mixture
from tacit.testing import check_latent_model

K = 3
RNG = np.random.default_rng(0)
Z = RNG.integers(0, K, 240)
X = RNG.normal(size=(240, 3)) * [1, 2, 0.5] + 2.5 * np.eye(K)[Z]
WEIGHT = RNG.integers(0, 4, 240).astype(float)
HOLES = np.where(RNG.random(X.shape) < 0.2, np.nan, X)
KNOWN = np.where(RNG.random(240) < 0.2, Z, -1)


def mixed(gaps: float) -> Table:
    columns: dict[str, Any] = {f"x{j}": np.where(RNG.random(240) < gaps, np.nan, x) for j, x in enumerate(X.T)}
    for j in range(2):
        level = np.where(RNG.random(240) < 0.7, Z, RNG.integers(0, K, 240))
        columns[f"c{j}"] = ["abc"[v] if seen else None for v, seen in zip(level, RNG.random(240) >= gaps, strict=True)]
    return Table.read(columns)


def product(table: Table, smoothing: float) -> Product:
    d = len(table.schema.numeric)
    levels = tuple(len(c.levels) for c in table.schema.categorical)
    return Product((Normal.of(table, np.zeros(d), 1e-3, smoothing), Categorical(levels, smoothing)))


class Case(NamedTuple):
    model: LatentModel[Any, Any]
    source: Source
    params: Any


def mixture(family: Any, source: Source, concentration: float = 0.0) -> Case:
    model = Mixture(K, family, concentration)
    rng = np.random.default_rng(1)
    near = np.where(rng.random(240) < 0.5, Z, rng.integers(0, K, 240))
    resp = 0.5 * np.eye(K)[near] + 0.5 * rng.dirichlet(np.ones(K), 240)
    start = model.from_responsibilities(source, lambda b: resp[b.start : b.start + b.n])
    return Case(model, source, start)


def python(family: Any) -> Any:
    """The same family without its kernel."""

    class InPython(type(family)):  # type: ignore[misc]
        def native(self, θ: Any) -> None:
            return None

    made = object.__new__(InPython)
    made.__dict__.update(family.__dict__)
    return made


CASES = {
    "k-means": lambda: Case(Lloyd(K), as_source(X, weight=WEIGHT), X[:K].copy()),
    "k-means, cosine": lambda: Case(Lloyd(K, "cosine"), as_source(X), X[:K] / np.linalg.norm(X[:K], axis=1)[:, None]),
    **{
        f"{kind}, reg_covar {ε}": lambda kind=kind, ε=ε: mixture(Gaussian(kind, ε), as_source(X))
        for kind in ("full", "tied", "diag", "spherical")
        for ε in (1e-6, 0.5)
    },
    "full, weights": lambda: mixture(Gaussian("full"), as_source(X, weight=WEIGHT)),
    "full, some known": lambda: mixture(Gaussian("full"), as_source(X, known=KNOWN)),
    "full, Dirichlet prior": lambda: mixture(Gaussian("full"), as_source(X), 2.0),
    "full, in Python": lambda: mixture(python(Gaussian("full")), as_source(X, weight=WEIGHT, known=KNOWN)),
    "tied, in Python": lambda: mixture(python(Gaussian("tied")), as_source(X)),
    "diag, gaps": lambda: mixture(
        Gaussian("diag"), as_source(np.where(RNG.random(X.shape) < 0.2, np.nan, X), gaps=True)
    ),
    **{
        f"{kind}, gaps": lambda kind=kind: mixture(Gaussian(kind, 0.1, gaps=True), as_source(HOLES, gaps=True))
        for kind in ("full", "tied")
    },
    **{
        f"correlated, gaps, smoothing {s}": lambda s=s: mixture(
            Product((Correlated.of(t := as_source(HOLES, gaps=True), (0, 1, 2), np.zeros(3), 1e-3, s),)), t
        )
        for s in (0.0, 1.0)
    },
    "angles, gaps": lambda: mixture(
        VonMises.of(t := as_source(HOLES, gaps=True), (0, 1, 2), np.full(3, 7.0), np.zeros(3), 1e-3, 0.5), t
    ),
    "one free covariance, gaps": lambda: Case(
        f := Free(np.full(3, 1e-9)), t := as_source(HOLES, gaps=True), f.init(t, RNG)
    ),
    **{
        f"mixed, gaps {gaps}, smoothing {s}": lambda gaps=gaps, s=s: mixture(product(t := mixed(gaps), s), t)
        for gaps in (0.0, 0.3)
        for s in (0.0, 1.0)
    },
    "mixed, in Python": lambda: mixture(python(product(t := mixed(0.3), 1.0)), t.weighing(WEIGHT)),
}
every = pytest.mark.parametrize("name", CASES)


def passes(case: Case, steps: int = 25) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """l(θ_t) [t], J after E [t], J after M [t - 1]."""
    fit = em(case.model, case.source, case.params, tol=0, max_iter=steps, rng=np.random.default_rng(0))
    assert not fit.repairs
    told = np.array([(p, p.after_e, p.after_m) for p in fit.history])
    assert np.isnan(told[-1, 2])
    return told[:, 0], told[:, 1], told[:-1, 2]


@every
def test_both_half_steps_climb_the_bound(name: str) -> None:
    l, after_e, after_m = passes(CASES[name]())
    slack = 1e-6 * (1 + np.abs(l).max())  # responsibilities up to 1e-8 are left out of the sums
    np.testing.assert_allclose(after_e, l, rtol=0, atol=slack)
    assert (after_m >= after_e[:-1] - slack).all()
    assert (after_m <= l[1:] + slack).all()
    assert (np.diff(l) >= -slack).all()
    assert l[-1] > l[0] + 1e-3  # and something was climbed


@every
def test_single_precision_touches_too(name: str) -> None:
    case = CASES[name]()
    block = next(case.source.blocks())
    if isinstance(case.source, Table):
        pytest.skip("a table is read in double precision")
    single = as_source(block.x.astype(np.float32), weight=block.weight, known=block.known, gaps=True)
    l, after_e, _ = passes(Case(case.model, single, case.params))
    np.testing.assert_allclose(after_e, l, rtol=0, atol=1e-5 * (1 + np.abs(l).max()))


@every
def test_the_laws_of_a_latent_model(name: str) -> None:
    case = CASES[name]()
    check_latent_model(case.model, case.source, case.params, steps=4)


def test_components_without_rows_leave_the_bound_finite() -> None:
    """π_k = 0 and N_k = 0: what nobody is in adds nothing to J, and no warning."""
    model, source, start = mixture(Gaussian("diag"), as_source(X))
    empty = start._replace(log_weights=np.array([-np.inf, *np.log([0.5, 0.5])]))
    stats = source.reduce(lambda block: model.expect(empty, block))
    assert stats.counts[0] == 0
    assert model.bound(stats, empty, empty) == pytest.approx(stats.objective, rel=1e-6)


@pytest.mark.parametrize(
    "model",
    [tacit.KMeans(K, random_state=0), tacit.GaussianMixture(K, random_state=0), tacit.JointMixture(K, random_state=0)],
    ids=lambda model: type(model).__name__,
)
def test_estimators_keep_the_bound_and_save_it(model: Any, tmp_path: Any) -> None:
    history = model.fit(X).history_
    np.testing.assert_allclose([p.after_e for p in history], history, rtol=1e-6, atol=1e-6)
    assert all(p.after_m >= p.after_e - 1e-6 for p in history[:-1])
    model.save(tmp_path / "m.tacit")
    assert repr(tacit.load(tmp_path / "m.tacit").history_) == repr(history)


@pytest.mark.parametrize(
    "family", ["normal", "lognormal", "gamma", "poisson", "negative_binomial", "zero+gamma", "zero+lognormal", "full"]
)
def test_every_family_of_a_joint_mixture_keeps_the_bound(family: str) -> None:
    rng = np.random.default_rng(2)
    z = rng.integers(0, 2, 300)
    x = rng.poisson(4 + 8 * z).astype(float)
    if "zero" in family:
        x = np.where(rng.random(300) < 0.3, 0.0, x + rng.random(300) + 0.5)
    elif family in ("lognormal", "gamma"):
        x = x + 0.5 + rng.random(300)
    if family != "full":  # gaps there are hidden too: their bound is not told
        x[rng.random(300) < 0.1] = np.nan
    table = {"x": x, "y": rng.normal(3 * z), "c": np.where(rng.random(300) < 0.2 + 0.6 * z, "a", "b").tolist()}
    families = {"x": family, "y": "full"} if family == "full" else {"x": family}
    history = tacit.JointMixture(3, families=families, random_state=0, tol=0, max_iter=20).fit(table).history_
    slack = 1e-6 * (1 + np.abs(history).max())
    np.testing.assert_allclose([p.after_e for p in history], history, rtol=0, atol=slack)
    assert all(p.after_m >= p.after_e - slack for p in history[:-1])
    assert (np.diff(history) >= -slack).all()
