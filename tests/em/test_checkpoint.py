"""A fit that was stopped at any moment ends with the bits of one that nothing disturbed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from tacit import as_source
from tacit.cluster.kmeans import Lloyd
from tacit.data.block import Block
from tacit.data.source import Source
from tacit.em import LatentModel, em, kept_in
from tacit.errors import ArgumentError, CheckpointError, ModelFileError
from tacit.typing import Array, Doubles


@pytest.fixture(scope="module")
def X() -> Array:
    return np.random.default_rng(0).normal(size=(3000, 4))


class Stop(Exception):
    """The power is gone."""


def fit(X: Array, folder: Path | None = None, *, stop_at: int = -1, **how: Any) -> Any:
    rows = as_source(X)

    def on_pass(i: int, _objective: float) -> None:
        if i == stop_at:
            raise Stop

    kept = None if folder is None else kept_in(folder, rows, {"K": 6})
    rng = np.random.default_rng(1)
    params = np.concatenate([X[:5], [[50.0] * 4]])  # the last has no rows: a repair draws from the generator
    how = {"tol": 0, "max_iter": 40, "trace": True} | how
    fit = em(Lloyd(6), rows, params, rng=rng, on_pass=on_pass, checkpoint=kept, every=0, **how)
    return fit, rng.random()


@pytest.mark.parametrize("stop_at", [0, 1, 7, 39])
def test_it_goes_on_with_the_same_bits(X: Array, tmp_path: Path, stop_at: int) -> None:
    whole, number = fit(X)
    with pytest.raises(Stop):
        fit(X, tmp_path, stop_at=stop_at)
    rest, again = fit(X, tmp_path)
    assert whole.repairs
    np.testing.assert_array_equal(rest.params, whole.params)
    np.testing.assert_array_equal(np.array(rest.trace), np.array(whole.trace))
    assert [(float(p), p.after_e, p.after_m) for p in rest.history[:-1]] == [
        (float(p), p.after_e, p.after_m) for p in whole.history[:-1]
    ]
    assert (rest.objective, rest.n_iter, rest.repairs, again) == (whole.objective, whole.n_iter, whole.repairs, number)
    finished, again = fit(X, tmp_path)
    np.testing.assert_array_equal(finished.params, whole.params)
    assert (len(finished.history), again) == (len(whole.history), number)


def test_time_runs_out_and_comes_again(X: Array, tmp_path: Path) -> None:
    whole, _ = fit(X)
    first, _ = fit(X, tmp_path, max_seconds=0)
    assert first.n_iter == 0
    assert not first.converged
    rest, _ = fit(X, tmp_path)
    np.testing.assert_array_equal(rest.params, whole.params)


class Pair(NamedTuple):
    """Parameters of somebody else's model."""

    mean: Doubles
    spread: tuple[float, Pair | None]


class Sums(NamedTuple):
    objective: float
    weight: float
    total: Doubles


class Own(LatentModel[Pair, Sums]):
    """The mean, by steps of a half."""

    def init(self, source: Source, rng: np.random.Generator) -> Pair:
        return Pair(np.zeros(4), (1.0, None))

    def expect(self, params: Pair, block: Block) -> Sums:
        δ = block.x - params.mean
        return Sums(-float((δ**2).sum()), float(block.n), δ.sum(axis=0))

    def maximise(self, stats: Sums, params: Pair) -> Pair:
        return Pair(params.mean + 0.5 * stats.total / stats.weight, (2.0, None))


def test_the_records_of_anybodys_model_come_back(X: Array, tmp_path: Path) -> None:
    rows, model = as_source(X + 3), Own()

    def run(folder: Path | None, max_iter: int) -> Any:
        rng = np.random.default_rng(0)
        kept = None if folder is None else kept_in(folder, rows, {})
        return em(model, rows, model.init(rows, rng), tol=0, max_iter=max_iter, rng=rng, checkpoint=kept, every=0)

    run(tmp_path, 3)
    whole, rest = run(None, 9), run(tmp_path, 9)
    assert isinstance(rest.params, Pair)
    np.testing.assert_array_equal(rest.params.mean, whole.params.mean)
    assert rest.params.spread == (2.0, None)


def test_what_is_not_ours_is_refused(X: Array, tmp_path: Path) -> None:
    fit(X, tmp_path)
    other = X.copy()
    other[17, 2] += 1e-9
    with pytest.raises(ArgumentError, match="content"):
        fit(other, tmp_path)
    with pytest.raises(ArgumentError, match="rows = 3000"):
        fit(X[:-1], tmp_path)
    with pytest.raises(ArgumentError, match="K = 6"):
        kept_in(tmp_path, as_source(X), {"K": 7}).read()
    fit(X[::-1].copy(), tmp_path)  # the same rows in another order are the same rows
    file = tmp_path / "em.tacit"
    file.write_bytes(file.read_bytes()[:-7])
    with pytest.raises(ModelFileError):
        fit(X, tmp_path)
    with pytest.raises(ArgumentError, match="is a folder"):
        fit(X, file)


def test_weights_are_part_of_the_rows(X: Array, tmp_path: Path) -> None:
    w = np.ones(len(X))
    kept_in(tmp_path, as_source(X, weight=w), {}).write({})
    assert kept_in(tmp_path, as_source(X), {}).read() is not None
    w[3] = 2
    with pytest.raises(ArgumentError, match="content"):
        kept_in(tmp_path, as_source(X, weight=w), {}).read()


def test_a_full_disk_leaves_the_last_good_state(X: Array, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    whole, _ = fit(X)
    with pytest.raises(Stop):
        fit(X, tmp_path, stop_at=5)

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(CheckpointError, match=r"cannot be written: No space left.*goes on from there"):
            fit(X, tmp_path)
    assert [f.name for f in tmp_path.iterdir()] == ["em.tacit"]  # no remains
    np.testing.assert_array_equal(fit(X, tmp_path)[0].params, whole.params)


RUN = """
import sys, time
import numpy as np
from tacit import as_source
from tacit.cluster.kmeans import Lloyd
from tacit.em import em, kept_in

X = np.random.default_rng(0).normal(size=(3000, 4))
rows = as_source(X)
slow = float(sys.argv[2])
fit = em(Lloyd(9), rows, X[:9], tol=0, max_iter=40, rng=np.random.default_rng(0), every=0,
         checkpoint=kept_in(sys.argv[1], rows, {}), on_pass=lambda i, _: (print(i, flush=True), time.sleep(slow)))
np.save(sys.argv[1] + "/answer.npy", fit.params)
"""


def test_kill_9(tmp_path: Path) -> None:
    def run(folder: Path, slow: float) -> subprocess.Popen[str]:
        folder.mkdir(exist_ok=True)
        words = [sys.executable, "-c", RUN, str(folder), str(slow)]
        return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)

    undisturbed = run(tmp_path / "whole", 0)
    killed = run(tmp_path / "killed", 0.02)
    assert killed.stdout is not None
    assert undisturbed.stdout is not None
    for line in killed.stdout:
        if int(line) >= 6:
            time.sleep(0.01)
            killed.send_signal(signal.SIGKILL)
            break
    assert killed.wait() == -signal.SIGKILL
    killed.stdout.close()
    again = run(tmp_path / "killed", 0)
    told = again.communicate(timeout=60)[0].split()
    undisturbed.communicate(timeout=60)
    assert int(told[0]) > 0  # not from the start
    np.testing.assert_array_equal(np.load(tmp_path / "killed/answer.npy"), np.load(tmp_path / "whole/answer.npy"))


def test_kmeans_goes_on_through_its_runs(X: Array, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tacit import KMeans
    from tacit.cluster import kmeans
    from tacit.em import engine

    def model(folder: Path | None, **how: Any) -> KMeans:
        how = {"random_state": 3, "n_init": 3, "tol": 0, "max_iter": 30} | how
        return KMeans(7, checkpoint=folder, algorithm="lloyd", **how)

    whole = model(None).fit(X)
    passes = 0

    def counted(*given: Any, **named: Any) -> Any:
        def on_pass(i: int, _objective: float) -> None:
            nonlocal passes
            passes += 1
            if passes == 45:  # in the second run
                raise Stop

        return engine.em(*given, **named | {"on_pass": on_pass, "every": 0})

    with monkeypatch.context() as patch:
        patch.setattr(kmeans, "em", counted)
        with pytest.raises(Stop):
            model(tmp_path).fit(X)
    assert sorted(f.name for f in tmp_path.iterdir()) == ["run-0.tacit", "run-1.tacit"]
    rest = model(tmp_path).fit(X)
    np.testing.assert_array_equal(rest.cluster_centers_, whole.cluster_centers_)
    np.testing.assert_array_equal(rest.labels_, whole.labels_)
    assert rest.inertia_ == whole.inertia_
    with pytest.raises(ArgumentError, match="random_state"):
        model(tmp_path, random_state=4).fit(X)
    assert model(None, max_seconds=0).fit(X).n_iter_ == 0


LONG: dict[str, dict[str, Any]] = {
    "GaussianMixture": {"n_components": 4, "tol": 0, "max_iter": 25, "n_init": 2},
    "BayesianGaussianMixture": {"n_components": 4, "tol": 0, "max_iter": 25},
    "FactorAnalysis": {"n_components": 1, "tol": 0, "max_iter": 25},
    "PPCA": {"n_components": 1, "method": "em", "tol": 0, "max_iter": 25},
    "JointMixture": {"n_components": 3, "tol": 0, "max_iter": 25},
}


@pytest.mark.filterwarnings("ignore:.*converge")
@pytest.mark.parametrize("name", LONG)
def test_estimators_go_on_where_the_time_ran_out(
    name: str, X: Array, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a clock that each look at moves by a second, the first fit ends after some steps."""
    import tacit
    from tacit.em import engine

    make = getattr(tacit, name)
    whole = make(**LONG[name], random_state=0).fit(X)
    seconds = iter(range(10**6))
    with monkeypatch.context() as patch:
        patch.setattr(engine.time, "monotonic", lambda: float(next(seconds)))
        first = make(**LONG[name], random_state=0, checkpoint=tmp_path, max_seconds=30).fit(X)
    assert 0 < first.n_iter_ < 25
    rest = make(**LONG[name], random_state=0, checkpoint=tmp_path).fit(X)
    assert rest.n_iter_ == whole.n_iter_ == 25
    np.testing.assert_array_equal(rest.score_samples(X), whole.score_samples(X))
    with pytest.raises(ArgumentError, match="random_state"):
        make(**LONG[name], random_state=1, checkpoint=tmp_path).fit(X)
