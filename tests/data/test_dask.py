"""Rows on many machines: the answers of rows in memory, also when a worker dies in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from tacit import PCA, GaussianMixture, KMeans, as_source, load
from tacit.cluster.kmeans import Lloyd
from tacit.em import em
from tacit.errors import InputError
from tacit.typing import Array

da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")
distributed = pytest.importorskip("distributed")


@pytest.fixture(autouse=True)
def _time_limit() -> Iterator[None]:
    """No test may hang."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError("a test with Dask took more than 90 seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(90)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def X() -> Array:
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(c, 1, (700, 3)) for c in (0, 6, 12)])
    return rows[rng.permutation(len(rows))]


def spread(X: Array, kind: str) -> Any:
    """X as a Dask collection."""
    if kind == "array":
        return da.from_array(X, chunks=((500, 1, 900, 699), (2, 1)))  # columns in two chunks
    if kind == "array of unknown length":
        rows = da.from_array(X, chunks=(600, 3))
        return rows[rows[:, 0] > -1e9]
    frame = dd.from_pandas(pd.DataFrame(X, columns=["a", "b", "c"]), npartitions=4, sort=False)
    if kind == "frame":
        return frame
    if kind == "frame with an empty partition":
        empty = dd.from_pandas(pd.DataFrame(X[:0], columns=["a", "b", "c"]), npartitions=1)
        return dd.concat([empty, frame, empty])
    raise AssertionError(kind)


KINDS = ["array", "array of unknown length", "frame", "frame with an empty partition"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_answers_are_those_of_memory(X: Array, kind: str) -> None:
    there = spread(X, kind)
    ours, theirs = KMeans(3, random_state=0).fit(X), KMeans(3, random_state=0).fit(there)
    np.testing.assert_allclose(theirs.cluster_centers_, ours.cluster_centers_, rtol=1e-9)
    assert theirs.inertia_ == pytest.approx(ours.inertia_, rel=1e-9)
    assert isinstance(theirs.labels_, da.Array)
    assert isinstance(theirs.transform(there), da.Array)  # lazy where the input was
    np.testing.assert_array_equal(theirs.labels_.compute(), ours.labels_)
    np.testing.assert_allclose(theirs.transform(there).compute(), ours.transform(X), atol=1e-9)
    np.testing.assert_allclose(theirs.score_samples(there).compute(), ours.score_samples(X), atol=1e-9)
    assert theirs.score(there) == pytest.approx(ours.score(X), rel=1e-9)


@pytest.mark.parametrize(
    "model",
    [
        PCA(2),
        PCA(2, whiten=True, svd_solver="covariance_eigh"),
        *(GaussianMixture(3, covariance_type=kind, random_state=0) for kind in ("full", "tied", "diag", "spherical")),
        *(GaussianMixture(3, init_params=init, random_state=0) for init in ("k-means++", "random_from_data", "random")),
    ],
    ids=lambda model: "-".join(map(str, model.get_params().values()))[:40],
)
def test_other_models_too(X: Array, model: Any) -> None:
    there = spread(X, "array")
    ours, theirs = clone(model).fit(X), clone(model).fit(there)
    for verb in ("transform", "predict", "predict_proba", "score_samples"):
        if hasattr(ours, verb):
            answer = getattr(theirs, verb)(there)
            assert isinstance(answer, da.Array)
            np.testing.assert_allclose(answer.compute(), getattr(ours, verb)(X), atol=1e-7)
    assert float(theirs.score(there)) == pytest.approx(ours.score(X), rel=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_by_number_and_in_blocks(X: Array, kind: str) -> None:
    rows = as_source(spread(X, kind))
    assert rows.shape == X.shape
    at = np.array([2099, 0, 700, 700])
    np.testing.assert_array_equal(rows.take(at).x, X[at])
    blocks = list(rows.blocks(300))
    np.testing.assert_array_equal(np.concatenate([b.x for b in blocks]), X)
    assert [b.start for b in blocks] == np.cumsum([0, *(b.n for b in blocks[:-1])]).tolist()
    np.testing.assert_array_equal(rows.order, as_source(X).order)


def test_weights(X: Array) -> None:
    w = np.random.default_rng(1).integers(0, 3, len(X))
    ours = KMeans(3, random_state=0).fit(X, sample_weight=w)
    for weight in (w, da.from_array(w, chunks=100)):
        theirs = KMeans(3, random_state=0).fit(spread(X, "array"), sample_weight=weight)
        np.testing.assert_allclose(theirs.cluster_centers_, ours.cluster_centers_, rtol=1e-9)


def test_integers_stay_exact() -> None:
    x = np.arange(40).reshape(20, 2)
    there = da.from_array(x, chunks=(7, 2))
    assert as_source(there).dtype == np.float64
    assert as_source(there.astype("float32")).dtype == np.float32
    ours = KMeans(2, random_state=0).fit(x)
    np.testing.assert_array_equal(KMeans(2, random_state=0).fit(there).cluster_centers_, ours.cluster_centers_)


def test_bad_rows(X: Array) -> None:
    bad = X.copy()
    bad[1500, 1] = np.nan
    with pytest.raises(InputError, match=r"NaN.*row 1500, column 1"):
        KMeans(3).fit(da.from_array(bad, chunks=(400, 3)))
    with pytest.raises(InputError, match=r"NaN.*row 1500, column 'b'"):
        KMeans(3).fit(dd.from_pandas(pd.DataFrame(bad, columns=["a", "b", "c"]), npartitions=3, sort=False))
    bad[1500, 1] = np.inf
    with pytest.raises(InputError, match=r"infinity.*row 1500, column 1"):
        KMeans(3).fit(da.from_array(bad, chunks=(400, 3)))
    with pytest.raises(InputError, match="2D array"):
        KMeans(3).fit(da.zeros(10))
    with pytest.raises(InputError, match="0 sample"):
        KMeans(3).fit(da.zeros((0, 3)))
    with pytest.raises(InputError, match="'word'"):
        KMeans(1).fit(dd.from_pandas(pd.DataFrame({"word": ["x", "y"]}), npartitions=1))
    fitted = KMeans(3, random_state=0).fit(X)
    with pytest.raises(ValueError, match="expecting 3 features"):
        fitted.predict(da.zeros((5, 2)))


def test_any_model_of_em_runs_there(X: Array) -> None:
    start = X[:3].astype(np.float64)
    here, there = (
        em(Lloyd(3), as_source(rows), start, tol=0, max_iter=50, rng=np.random.default_rng(0))
        for rows in (X, spread(X, "array"))
    )
    np.testing.assert_allclose(there.params, here.params, rtol=1e-9)
    assert there.n_iter == here.n_iter


@contextmanager
def cluster(workers: int) -> Iterator[None]:
    """Processes of one thread, and a client of theirs."""
    where = {"dashboard_address": "127.0.0.1:0", "host": "127.0.0.1"}
    with (
        distributed.LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, **where) as processes,
        distributed.Client(processes),
    ):
        yield


def test_on_a_cluster_of_processes(X: Array) -> None:
    ours = KMeans(3, random_state=0).fit(X)
    answers = []
    for workers in (1, 2):
        with cluster(workers):
            answers.append(KMeans(3, random_state=0).fit(spread(X, "array")))
            np.testing.assert_array_equal(answers[-1].labels_.compute(), ours.labels_)
    np.testing.assert_array_equal(answers[0].cluster_centers_, answers[1].cluster_centers_)  # bits
    np.testing.assert_allclose(answers[0].cluster_centers_, ours.cluster_centers_, rtol=1e-9)


def test_what_is_large_goes_out_once(X: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = PCA(2).fit(X)
    monkeypatch.setattr("tacit.data.dask.LARGE", 0)
    with cluster(2):
        theirs = PCA(2).fit(spread(X, "array"))
        np.testing.assert_allclose(theirs.transform(spread(X, "array")).compute(), ours.transform(X), atol=1e-9)
    np.testing.assert_allclose(theirs.components_, ours.components_, atol=1e-9)


class Operator:
    """A scheduler and workers as somebody starts them by hand."""

    def __init__(self, folder: Path) -> None:
        self.file, self.folder = folder / "scheduler.json", folder
        self.started: list[subprocess.Popen[bytes]] = []
        where = ("--host", "127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0")
        self.run("scheduler", *where, "--no-dashboard", "--scheduler-file", self.file)
        while not self.file.exists():
            time.sleep(0.05)

    def run(self, *command: object) -> subprocess.Popen[bytes]:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        words = [sys.executable, "-m", "dask", *map(str, command)]
        self.started.append(subprocess.Popen(words, cwd=self.folder, **quiet))  # type: ignore[call-overload]
        return self.started[-1]

    def worker(self) -> subprocess.Popen[bytes]:
        return self.run("worker", "--scheduler-file", self.file, "--nthreads", 1, "--no-nanny", "--no-dashboard")

    def stop(self) -> None:
        for process in reversed(self.started):
            process.kill()
            process.wait()


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    there = Operator(tmp_path)
    yield there
    there.stop()


def test_a_worker_killed_in_the_middle_of_a_fit_changes_nothing(X: Array, operator: Operator) -> None:
    victim, _ = operator.worker(), operator.worker()
    ours = em(Lloyd(4), as_source(X), X[:4], tol=0, max_iter=12, rng=np.random.default_rng(0))

    def read(part: Array) -> Array:
        time.sleep(0.02)
        return part

    slow = da.from_array(X, chunks=(300, 3)).map_blocks(read, dtype=X.dtype)  # anew at each pass
    seen = threading.Event()
    with distributed.Client(scheduler_file=str(operator.file)) as client:
        client.wait_for_workers(2, timeout=60)

        def kill() -> None:
            seen.wait()
            os.kill(victim.pid, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        passes: list[int] = []

        def on_pass(i: int, _objective: float) -> None:
            passes.append(i)
            if i == 2:
                seen.set()

        theirs = em(Lloyd(4), as_source(slow), X[:4], tol=0, max_iter=12, rng=np.random.default_rng(0), on_pass=on_pass)
        killer.join()
        assert victim.wait() == -signal.SIGKILL
        assert len(client.scheduler_info()["workers"]) == 1
    assert max(passes) > 3  # it went on after the worker had died
    np.testing.assert_allclose(theirs.params, ours.params, rtol=1e-9)
    assert theirs.n_iter == ours.n_iter


def test_a_model_of_rows_elsewhere_is_saved_without_their_labels(X: Array, tmp_path: Path) -> None:
    model = KMeans(3, random_state=0).fit(da.from_array(X, chunks=(500, 3)))
    model.save(tmp_path / "m")
    back = load(tmp_path / "m")
    assert not hasattr(back, "labels_")
    np.testing.assert_array_equal(back.predict(X), model.labels_)
