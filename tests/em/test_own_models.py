"""The three models of docs/em.md, as they stand there: laws, recovered parameters, figures."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import poisson

from tacit import as_source, plot
from tacit.em import em, restarts
from tacit.testing import check_latent_model

PAGE = Path(__file__).parents[2] / "docs" / "em.md"


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    """What the page defines: its blocks without a prompt."""
    names: dict[str, Any] = {"__name__": "page"}
    for block in re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        if ">>>" not in block:
            exec(compile(block, str(PAGE), "exec"), names)
    return names


def rows(name: str, n: int = 400) -> Any:
    rng = np.random.default_rng(1)
    side = rng.random(n) < 0.4
    if name == "TwoCoins":
        return rng.binomial(10, np.where(side, 0.25, 0.7)).astype(float)[:, None]
    if name == "ZeroInflatedPoisson":
        return np.where(side, 0, rng.poisson(3.0, n)).astype(float)[:, None]
    x = rng.normal(size=n)
    return np.column_stack([np.ones(n), x, np.where(side, 2 + x, -2 - 0.5 * x) + rng.normal(0, 0.3, n)])


def model(page: dict[str, Any], name: str) -> Any:
    return page[name](2) if name == "Regressions" else page[name]()


MODELS = ("TwoCoins", "ZeroInflatedPoisson", "Regressions")


@pytest.mark.parametrize("name", MODELS)
def test_the_laws(page: dict[str, Any], name: str) -> None:
    w = np.random.default_rng(0).integers(0, 3, 60)
    check_latent_model(model(page, name), as_source(rows(name, 60)), steps=5)
    check_latent_model(model(page, name), as_source(rows(name, 60), weight=w), steps=3, seed=1)


@pytest.mark.parametrize("name", MODELS)
def test_each_takes_about_thirty_lines(page: dict[str, Any], name: str) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    code = next(b for b in blocks if f"class {name}(" in b)
    assert len([line for line in code.splitlines() if line.strip()]) <= 32


def test_coins_and_counts_are_recovered(page: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    for name, wanted in (("TwoCoins", [0.25, 0.7]), ("ZeroInflatedPoisson", [0.4, 3.0])):
        m, source = model(page, name), as_source(rows(name, 5000))
        fit = restarts(m, source, 4, tol=1e-10, max_iter=500, rng=rng)
        np.testing.assert_allclose(np.sort(fit.params), wanted, atol=0.1)


def test_the_likelihood_of_counts_is_scipys(page: dict[str, Any]) -> None:
    x = rows("ZeroInflatedPoisson")
    s = model(page, "ZeroInflatedPoisson").expect(np.array([0.3, 2.0]), next(as_source(x).blocks()))
    wanted = np.log(0.3 * (x == 0) + 0.7 * poisson(2.0).pmf(x)).sum()
    assert s.objective == pytest.approx(wanted, rel=1e-12)


def test_a_single_line_is_least_squares(page: dict[str, Any]) -> None:
    data = rows("Regressions")
    m = page["Regressions"](1)
    fit = em(m, as_source(data), m.init(as_source(data), np.random.default_rng(0)), tol=0, max_iter=1, rng=None)  # type: ignore[arg-type]
    beta, residual, *_ = np.linalg.lstsq(data[:, :-1], data[:, -1], rcond=None)
    np.testing.assert_allclose(fit.params.beta[0], beta, rtol=1e-9)
    np.testing.assert_allclose(fit.params.variance[0], residual[0] / len(data), rtol=1e-9)


@pytest.mark.parametrize("name", MODELS)
def test_the_figures_show_the_laws(page: dict[str, Any], name: str) -> None:
    m, source = model(page, name), as_source(rows(name))
    start = m.init(source, np.random.default_rng(3))
    figure = plot.coordinate_ascent(m, source, start, steps=5)
    curves = {t.name: np.array(t.y, dtype=float) for t in figure.data}
    assert len(curves["l(θ)"]) == 81  # of the second panel, which has the same name
    line = curves["l(θ)"]
    bounds = [v for k, v in curves.items() if k and k.startswith("J(")]
    assert bounds
    for bound in bounds:
        seen = np.isfinite(bound) & np.isfinite(line)
        assert (bound[seen] <= line[seen] + 1e-6 * (1 + abs(line[seen]))).all()
        assert np.abs(bound - line)[seen].min() < 1e-2 * np.ptp(line[seen]) + 1e-9  # they touch
    climbed = np.array(figure.data[1].y)
    assert (np.diff(climbed) >= -1e-9).all()
