"""The commands on folders of files, which are read in parts, and on a cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import tacit
from tacit.cli import console

from .test_commands import bad, ok


@pytest.fixture(autouse=True)
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pa.Table:
    """A folder of two groups of numbers with a city each."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    z = rng.integers(0, 2, 400)
    table = pa.table(
        {
            "height": pa.array(rng.normal(160 + 30 * z, 4)),
            "weight": pa.array(rng.normal(60 + 30 * z, 4)),
            "city": np.where(rng.random(400) < 0.9, np.where(z, "Rome", "Oslo"), "Bern"),
        }
    )
    Path("people").mkdir()
    pq.write_table(table.slice(0, 250), "people/0.parquet", row_group_size=100)
    pq.write_table(table.slice(250), "people/1.parquet")
    pq.write_table(table, "all.parquet")
    return table


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=False,
        dashboard_address="127.0.0.1:0",
        host="127.0.0.1",
        protocol="tcp",
    ) as running:
        yield running.scheduler_address


def test_numbers_of_a_folder(people: pa.Table) -> None:
    said = json.loads(ok("fit", "kmeans", "people", "-o", "m.tacit", "--n-clusters", 2, "--json"))
    assert said["columns"] == ["height", "weight"]
    held = tacit.KMeans(2, random_state=0).fit(people.select(["height", "weight"]))
    model = tacit.load("m.tacit")
    np.testing.assert_allclose(model.cluster_centers_, held.cluster_centers_)
    assert "400 rows" in ok("predict", "m.tacit", "people", "-o", "groups.parquet", "--append")
    groups = pq.read_table("groups.parquet")
    assert groups.column_names == ["height", "weight", "city", "group"]
    np.testing.assert_array_equal(groups["group"], held.predict(people.select(["height", "weight"])))
    ok("transform", "m.tacit", "people", "-o", "z.parquet")
    assert pq.read_table("z.parquet").shape == (400, 2)


def test_passes_are_shown(people: pa.Table) -> None:
    rows, seen = tacit.scan("people", columns=["height", "weight"]), []
    rows.tell = lambda done, n: seen.append((done, n))
    tacit.KMeans(2, random_state=0).fit(rows)
    assert all(n == 400 for _, n in seen)
    assert sum(done == 400 for done, _ in seen) > 2  # passes
    with console.passes(rows):
        tacit.PCA(1).fit(rows)
    assert rows.tell is None


def test_columns_of_a_folder_are_chosen() -> None:
    assert json.loads(ok("fit", "gmm", "people", "-o", "m.tacit", "--columns", "height", "--json"))["columns"] == [
        "height"
    ]
    assert "no column 'size'" in bad("fit", "gmm", "people", "-o", "m.tacit", "--columns", "size")


def test_all_kinds_of_a_folder(people: pa.Table) -> None:
    ok("fit", "joint", "people", "-o", "m.tacit", "--n-components", 2)
    table = tacit.Table.read(people)
    model = tacit.load("m.tacit")
    ok("score", "m.tacit", "people", "-o", "scores.parquet")
    np.testing.assert_allclose(pq.read_table("scores.parquet")["score"], model.score_samples(table), rtol=1e-9)
    assert float(ok("score", "m.tacit", "people")) == pytest.approx(model.score(table), rel=1e-6)
    gaps = people.set_column(0, "height", pa.array([None] * 400, pa.float64()))
    pq.write_table(gaps, "people/0.parquet")
    Path("people/1.parquet").unlink()
    ok("impute", "m.tacit", "people", "-o", "filled.parquet")
    filled = pq.read_table("filled.parquet")
    assert filled.column_names == people.column_names
    assert filled["height"].null_count == 0


def test_a_page_of_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tacit.data.parts, "CELLS", 600)
    found = json.loads(ok("explore", "people", "-o", "page.html", "--json"))
    assert found["table"]["drawn_from"] == 400
    assert found["table"]["rows"] == 200
    assert Path("page.html").stat().st_size > 10_000


def test_answers_in_parts_need_a_parquet_file() -> None:
    ok("fit", "kmeans", "people", "-o", "m.tacit", "--n-clusters", 2)
    assert "-o ANSWERS.parquet" in bad("predict", "m.tacit", "people")
    assert "-o ANSWERS.parquet" in bad("predict", "m.tacit", "people", "-o", "groups.csv")


def test_a_cluster_fits_what_this_machine_fits(cluster: str, people: pa.Table) -> None:
    ok("fit", "kmeans", "people", "-o", "m.tacit", "--n-clusters", 2, "--scheduler", cluster)
    held = tacit.KMeans(2, random_state=0).fit(people.select(["height", "weight"]))
    np.testing.assert_allclose(tacit.load("m.tacit").cluster_centers_, held.cluster_centers_)
    ok("fit", "joint", "people", "-o", "j.tacit", "--n-components", 2, "--scheduler", cluster)
    ok("fit", "joint", "all.parquet", "-o", "k.tacit", "--n-components", 2)
    ours, theirs = (tacit.load(file).score(people) for file in ("j.tacit", "k.tacit"))
    assert ours == pytest.approx(theirs, abs=1e-3)
    ok("explore", "people", "-o", "page.html", "--scheduler", cluster)
    assert Path("page.html").exists()


def test_what_a_cluster_is_refused() -> None:
    pytest.importorskip("distributed")
    assert "no Dask scheduler at" in bad("fit", "kmeans", "people", "-o", "m.tacit", "--scheduler", "tcp://127.0.0.1:9")
    said = bad("fit", "kmeans", "people", "--columns", "height", "--scheduler", "tcp://127.0.0.1:9")
    assert "--columns" in said
