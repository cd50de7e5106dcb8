"""Tables with words that are read in parts: the same density, answers and pages as of a table in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest

from tacit import PCA, JointMixture, KMeans, Table, explore, load, scan, write_answers
from tacit.data import files, parts
from tacit.data.parts import TableParts
from tacit.errors import ArgumentError, InputError, SchemaError


@pytest.fixture(scope="module")
def people() -> pa.Table:
    """Two groups of numbers, counts and words, with gaps."""
    rng = np.random.default_rng(0)
    z = rng.integers(0, 2, 1500)
    height = rng.normal(160 + 20 * z, 5).round(1)
    return pa.table(
        {
            "height": pa.array(np.where(rng.random(1500) < 0.05, np.nan, height), from_pandas=True),
            "visits": pa.array(rng.poisson(2 + 6 * z)),
            "city": pa.array(np.where(rng.random(1500) < 0.8, np.where(z, "Rome", "Oslo"), "Bern")),
        }
    )


@pytest.fixture(params=["parquet", "arrow", "csv"])
def folder(request: pytest.FixtureRequest, people: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(files, "PART_BYTES", 4096)
    path = tmp_path / "people"
    path.mkdir()
    for i, some in enumerate((people.slice(0, 900), people.slice(900))):
        file = path / f"{i}.{request.param}"
        if request.param == "parquet":
            pq.write_table(some, file, row_group_size=211)
        elif request.param == "arrow":
            with pa.ipc.new_file(file, some.schema) as sink:
                sink.write_table(some, max_chunksize=300)
        else:
            pc.write_csv(some, file)
    return path


def test_a_density_of_files_is_that_of_the_table(folder: Path, people: pa.Table) -> None:
    """All rows are drawn here, so that the steps over the files go on from the fit in memory."""
    held, table = JointMixture(2, tol=1e-7, random_state=0).fit(people), Table.read(people)
    found = JointMixture(2, tol=1e-7, random_state=0).fit(str(folder))
    assert found.schema_.names == held.schema_.names
    assert found.score(table) == pytest.approx(held.score(table), abs=1e-4)
    assert found.history_[-1] == pytest.approx(held.history_[-1], abs=1e-4)
    np.testing.assert_allclose(found.score_samples(str(folder)), found.score_samples(table), rtol=1e-9)
    np.testing.assert_array_equal(found.predict(str(folder)), found.predict(table))
    assert (np.diff(found.history_) > -1e-9).all()


@pytest.mark.parametrize("dependence", ["independent", "tree"])
def test_all_rows_count_though_few_settle_the_parts(
    folder: Path, people: pa.Table, dependence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "CELLS", 900)
    drawn = TableParts(folder).drawn
    assert drawn is not None
    assert drawn.n == 300
    found = JointMixture(2, dependence=dependence, random_state=0).fit(str(folder))
    few = JointMixture(2, dependence=dependence, random_state=0).fit(drawn)
    assert found.score(people) > few.score(people)


def test_pictures_of_kinds_come_from_rows_of_all_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "CELLS", 300)
    drawn = TableParts(folder, {"visits": "number"}).drawn
    assert drawn is not None
    assert [str(c.kind) for c in drawn.schema.columns] == ["number", "number", "category"]
    assert set(drawn.schema["city"].levels) == {"Bern", "Oslo", "Rome"}


def test_answers_are_written_part_by_part(folder: Path, people: pa.Table, tmp_path: Path) -> None:
    model = JointMixture(2, random_state=0).fit(people)
    out = tmp_path / "answers.parquet"
    n = write_answers(out, folder, append=True, group=model.predict, p=model.predict_proba)
    answer = pq.read_table(out)
    assert n == answer.num_rows == 1500
    assert answer.column_names == ["height", "visits", "city", "group", "p_0", "p_1"]
    np.testing.assert_array_equal(answer["group"], model.predict(people))
    np.testing.assert_allclose(answer["p_1"], model.predict_proba(people)[:, 1])
    assert write_answers(out, folder, filled=model.impute) == 1500
    filled = pq.read_table(out)
    assert filled.column_names == people.column_names
    assert pq.read_table(out)["height"].null_count == 0


def test_answers_of_numbers(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(5000, 3))
    for i in range(2):
        pq.write_table(pa.table({f"c{j}": x[i::2, j] for j in range(3)}), tmp_path / f"{i}.parquet", row_group_size=999)
    rows, out = scan(tmp_path), tmp_path.parent / f"{tmp_path.name}-out.parquet"
    model, pca = KMeans(4, random_state=0).fit(rows), PCA(2).fit(rows)
    write_answers(out, rows, group=model.predict, z=pca.transform)
    answer = pq.read_table(out)
    np.testing.assert_array_equal(answer["group"], model.predict(rows))
    np.testing.assert_allclose(np.stack([answer["z_0"], answer["z_1"]], axis=1), pca.transform(rows), rtol=1e-12)
    write_answers(out, x, group=KMeans(4, random_state=0).fit(x).predict, append=True)
    assert pq.read_table(out).column_names == ["x0", "x1", "x2", "group"]


def test_what_is_written_is_whole_or_not_there(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "answers.parquet"
    seen = []

    def tired(part: pa.Table) -> np.ndarray:
        seen.append(part.num_rows)
        if len(seen) > 2:
            raise RuntimeError("enough")
        return np.zeros(part.num_rows)

    with pytest.raises(RuntimeError, match="enough"):
        write_answers(out, folder, nothing=tired)
    assert not out.exists()
    assert not list(tmp_path.glob(".*"))
    with pytest.raises(ArgumentError, match="nothing is asked"):
        write_answers(out, folder)


def test_what_is_refused(folder: Path, people: pa.Table, tmp_path: Path) -> None:
    model = JointMixture(2, random_state=0).fit(people)
    with pytest.raises(InputError, match="write_answers"):
        model.impute(str(folder))
    with pytest.raises(InputError, match="sample_weight is for rows in memory"):
        JointMixture(2).fit(str(folder), sample_weight=np.ones(1500))
    other = tmp_path / "other"
    other.mkdir()
    pq.write_table(people.drop_columns("city"), other / "0.parquet")
    with pytest.raises(SchemaError, match="'city'"):
        model.predict(str(other))


def test_a_page_of_files_says_what_it_looked_at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "CELLS", 1200)
    found = explore(str(folder), max_components=3)
    assert found.table.num_rows == 400
    assert any("400 of 1,500 rows, drawn at random" in line for line in found.source.notices)
    assert "1500 rows, of which 400 drawn at random" in found.findings["summary"][0]


def test_a_density_of_files_is_saved(folder: Path, people: pa.Table, tmp_path: Path) -> None:
    model = JointMixture(2, random_state=0).fit(str(folder))
    model.save(tmp_path / "m")
    np.testing.assert_array_equal(load(tmp_path / "m").predict(people), model.predict(people))


def test_a_table_on_a_cluster_gives_what_files_give(folder: Path, people: pa.Table) -> None:
    dd = pytest.importorskip("dask.dataframe")
    held = JointMixture(2, tol=1e-7, random_state=0).fit(people)
    there = dd.from_pandas(people.to_pandas(), npartitions=3)
    found = JointMixture(2, tol=1e-7, random_state=0).fit(there)
    assert found.score(people) == pytest.approx(held.score(people), abs=1e-4)
    labels = found.predict(there)
    assert hasattr(labels, "dask")  # lazy
    np.testing.assert_array_equal(labels.compute(), found.predict(people))
    np.testing.assert_allclose(found.score_samples(there).compute(), found.score_samples(people), rtol=1e-9)


def test_columns_may_be_chosen(tmp_path: Path) -> None:
    table = pa.table({"a": [1.0, 2.0], "word": ["x", "y"], "b": [3, 4], "w": [1.0, 0.0]})
    pq.write_table(table, tmp_path / "t.parquet")
    pc.write_csv(table, tmp_path / "t.csv")
    for file in ("t.parquet", "t.csv"):
        rows = scan(tmp_path / file, columns=["b", "a"], weight="w")
        assert rows.columns == ("b", "a")
        assert rows[[1]].block.x.tolist() == [[4.0, 2.0]]
        assert rows.weight.tolist() == [1, 0]
        with pytest.raises(InputError, match="no column 'c'"):
            scan(tmp_path / file, columns=["c"])
