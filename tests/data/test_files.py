"""Rows in files, read anew at each pass: the same answers as in memory, and clear refusals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
from sklearn.model_selection import KFold, cross_val_score

from tacit import PCA, GaussianMixture, KMeans, as_source, scan
from tacit.data import files, mapped, source
from tacit.data.mapped import Mapped
from tacit.data.stream import Stream, ahead
from tacit.errors import InputError, SchemaError
from tacit.typing import Array

FORMATS = ["parquet", "folder", "arrow", "csv", "mapped"]


@pytest.fixture(scope="module")
def X() -> Array:
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(c, 1, (900, 3)) for c in (0, 6, 12)])
    return rows[rng.permutation(len(rows))]


def saved(X: Array, kind: str, folder: Path) -> Path:
    """X in a file or a folder of one format, in small pieces of unequal length, one of them empty."""
    table = pa.table({f"c{j}": X[:, j] for j in range(X.shape[1])})
    path = folder / f"rows.{kind}"
    if kind == "parquet":
        pq.write_table(table, path, row_group_size=411)
    elif kind == "folder":
        path.mkdir()
        pq.write_table(table.slice(0, 1000), path / "1.parquet", row_group_size=333)
        pq.write_table(table.slice(0, 0), path / "2.parquet")
        pq.write_table(table.slice(1000).select(["c2", "c0", "c1"]), path / "3.parquet")
        (path / "_SUCCESS").touch()
    elif kind == "arrow":
        with pa.ipc.new_file(path, table.schema) as sink:
            sink.write_table(table, max_chunksize=500)
    elif kind == "csv":
        pc.write_csv(table, path)
    else:
        path = path.with_suffix(".npy")
        np.save(path, X)
    return path


@pytest.fixture(params=FORMATS)
def streamed(request: pytest.FixtureRequest, X: Array, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setattr(files, "HELD", 0)  # every file is large
    monkeypatch.setattr(files, "PART_BYTES", 4096)
    monkeypatch.setattr(files, "READ_BYTES", 2048)
    monkeypatch.setattr(mapped, "READ_BYTES", 2048)
    path = saved(X, request.param, tmp_path)
    rows = as_source(str(path))
    assert isinstance(rows, Stream | Mapped)
    assert len(list(rows.blocks())) > 5
    return str(path)


@pytest.mark.parametrize("kind", ["parquet", "folder", "arrow"])
def test_a_glance_reads_little(X: Array, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PCA guesses the mean from some rows: from all over a file they would cost a pass of their own."""
    monkeypatch.setattr(files, "HELD", 0)
    monkeypatch.setattr(files, "PART_BYTES", 4096)
    monkeypatch.setattr(files, "READ_BYTES", 2048)
    rows = as_source(str(saved(X, kind, tmp_path)))
    assert isinstance(rows, Stream)
    read, of_piece = [0], rows.pieces.read

    def counted(piece: int) -> Iterator[Any]:
        for part in of_piece(piece):
            read[0] += len(part[0].values)
            yield part

    monkeypatch.setattr(rows.pieces, "read", counted)
    some = rows.glance(64)
    assert 32 <= some.n <= 64
    assert read[0] < 0.5 * len(X)
    assert (np.abs(some.x.mean(0) - X.mean(0)) < X.std(0)).all()


def test_a_file_gives_the_answers_of_its_rows_in_memory(X: Array, streamed: str) -> None:
    ours, theirs = KMeans(3, random_state=0).fit(X), KMeans(3, random_state=0).fit(streamed)
    np.testing.assert_allclose(theirs.cluster_centers_, ours.cluster_centers_, rtol=1e-9)
    np.testing.assert_array_equal(theirs.labels_, ours.labels_)
    np.testing.assert_array_equal(theirs.predict(streamed), ours.predict(X))
    np.testing.assert_allclose(PCA(2).fit(streamed).transform(streamed), PCA(2).fit_transform(X), atol=1e-9)
    for kind in ("full", "tied", "diag", "spherical"):
        a, b = (GaussianMixture(3, covariance_type=kind, random_state=0).fit(rows) for rows in (X, streamed))
        np.testing.assert_allclose(b.means_, a.means_, atol=1e-6)
        np.testing.assert_allclose(b.score_samples(streamed), a.score_samples(X), atol=1e-6)


def test_rows_by_number(X: Array, streamed: str) -> None:
    at = np.array([2699, 0, 1500, 1500, 7])
    rows = as_source(streamed)
    np.testing.assert_array_equal(rows.take(at).x, X[at])
    np.testing.assert_array_equal(rows[10:13].block.x, X[10:13])
    assert len(rows) == len(X)
    assert rows.take(np.empty(0, int)).n == 0
    with pytest.raises(IndexError):
        rows.take(np.array([len(X)]))


def test_blocks_are_capped_and_in_order(X: Array, streamed: str) -> None:
    rows = as_source(streamed)
    blocks = list(rows.blocks(100))
    assert max(b.n for b in blocks) <= 100
    assert [b.start for b in blocks] == np.cumsum([0, *(b.n for b in blocks[:-1])]).tolist()
    np.testing.assert_array_equal(np.concatenate([b.x for b in blocks]), X)


def test_of_many_rows_random_draws_see_a_sample(X: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MANY", X.size - 1)
    monkeypatch.setattr(source, "SOME", 300)
    few = as_source(X).few.block.x
    assert few.shape == (100, 3)
    assert {*map(tuple, few)} <= {*map(tuple, X)}
    np.testing.assert_array_equal(as_source(np.asfortranarray(X)).few.block.x, few)
    assert abs(few.mean() - X.mean()) < 5 * X.std() / np.sqrt(100)
    weight = np.where(X[:, 0] < 3, 1.0, 0.0)
    assert (as_source(X, weight=weight).few.block.x[:, 0] < 3).all()
    fit = KMeans(3, random_state=0).fit(X)
    assert sorted(fit.cluster_centers_[:, 0].round()) == [0, 6, 12]


def test_a_sample_is_drawn_by_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MANY", 10)
    monkeypatch.setattr(source, "SOME", 2000)
    x = np.random.default_rng(0).random((20_000, 1))
    weight = np.where(x[:, 0] < 0.5, 3.0, 1.0)
    share = (as_source(x, weight=weight).few.block.x < 0.5).mean()
    assert abs(share - 0.74) < 0.04  # about 3 : 1, less what is drawn without replacement


def test_rows_that_are_alike_are_sampled_as_often_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MANY", 10)
    monkeypatch.setattr(source, "SOME", 2000)
    x = (np.random.default_rng(0).random((20_000, 1)) < 0.3).astype(float)
    assert abs(as_source(x).few.block.x.mean() - x.mean()) < 4 * np.sqrt(0.21 / 2000)


def test_a_column_of_weights(X: Array, tmp_path: Path) -> None:
    w = np.random.default_rng(1).integers(0, 3, len(X)).astype(float)
    pq.write_table(pa.table({"w": w, **{f"c{j}": X[:, j] for j in range(3)}}), tmp_path / "w.parquet")
    ours = GaussianMixture(3, random_state=0).fit(np.repeat(X, w.astype(int), axis=0))
    rows = scan(tmp_path / "w.parquet", weight="w")
    assert rows.columns == ("c0", "c1", "c2")
    start = KMeans(3, random_state=0).fit(rows)
    theirs = GaussianMixture(3, random_state=0, init=start).fit(rows)
    np.testing.assert_allclose(np.sort(theirs.means_, axis=0), np.sort(ours.means_, axis=0), atol=1e-4)
    w[5] = -1
    pq.write_table(pa.table({"w": w, "c": X[:, 0]}), tmp_path / "w.parquet")
    with pytest.raises(InputError, match="'w' holds the weight -1 in row 5"):
        KMeans(2).fit(scan(tmp_path / "w.parquet", weight="w"))
    with pytest.raises(InputError, match="no column 'v'"):
        scan(tmp_path / "w.parquet", weight="v")


def test_cross_validation_takes_a_scan(X: Array, tmp_path: Path) -> None:
    rows = scan(saved(X, "parquet", tmp_path))
    cut = KFold(3)
    ours = cross_val_score(GaussianMixture(2, random_state=0), X, cv=cut)
    np.testing.assert_allclose(cross_val_score(GaussianMixture(2, random_state=0), rows, cv=cut), ours, rtol=1e-6)


def test_bad_files(X: Array, tmp_path: Path) -> None:
    def write(name: str, **columns: object) -> Path:
        pq.write_table(pa.table(columns), tmp_path / name, row_group_size=2)
        return tmp_path / name

    with pytest.raises(InputError, match=r"NaN.*row 2, column 'b'"):
        KMeans(2).fit(scan(write("gap.parquet", a=[1.0, 2, 3], b=[1.0, 2, None])))
    with pytest.raises(InputError, match=r"infinity.*row 2, column 'a'"):
        KMeans(2).fit(scan(write("inf.parquet", a=[1.0, 2, np.inf])))
    with pytest.raises(InputError, match="column 'word'"):
        scan(write("words.parquet", word=["a", "b"]))
    with pytest.raises(InputError, match="no rows"):
        scan(write("none.parquet", a=pa.array([], pa.float64())))
    folder = tmp_path / "changed"
    folder.mkdir()
    with pytest.raises(InputError, match="holds no files"):
        scan(folder)
    write("changed/1.parquet", a=[1.0], b=[1.0])
    write("changed/2.parquet", a=[1.0], c=[1.0])
    with pytest.raises(SchemaError, match=r"1.parquet has a column 'b' that 2.parquet lacks"):
        scan(folder)
    (folder / "3.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="different formats"):
        scan(folder)
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(InputError, match=r"torn.parquet cannot be read"):
        scan(tmp_path / "torn.parquet")
    with pytest.raises(InputError, match="cannot be read in parts"):
        scan(write("rows.xyz", a=[1.0]))
    with pytest.raises(InputError, match="bring their own weights"):
        KMeans(2).fit(scan(write("two.parquet", a=[1.0, 2, 3])), sample_weight=[1, 1, 1])


def test_an_error_on_the_reading_thread_reaches_the_caller() -> None:
    def items() -> object:
        yield 1
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(ahead(items()))  # type: ignore[arg-type]


def test_a_pass_that_is_left_leaves_no_thread(X: Array, tmp_path: Path) -> None:
    import threading

    rows = scan(saved(X, "parquet", tmp_path))
    blocks = rows.blocks()
    next(blocks)
    blocks.close()  # type: ignore[attr-defined]
    assert not [t for t in threading.enumerate() if t.name.startswith("tacit-read-ahead")]


@pytest.mark.filterwarnings("ignore:.*converge", "ignore:X does not have valid feature names")
@pytest.mark.parametrize("name", ["FactorAnalysis", "PPCA", "BayesianGaussianMixture", "MiniBatchKMeans"])
def test_other_models_give_the_answers_of_memory(name: str, X: Array, streamed: str) -> None:
    import tacit

    size = 1 if name in ("FactorAnalysis", "PPCA") else 3
    held, there = (getattr(tacit, name)(size, random_state=0, max_iter=20).fit(rows) for rows in (X, streamed))
    verb = "predict_proba" if name == "BayesianGaussianMixture" else "transform"
    np.testing.assert_allclose(getattr(there, verb)(X), getattr(held, verb)(X), rtol=1e-6, atol=1e-6)
