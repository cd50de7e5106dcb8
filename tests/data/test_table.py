"""A table: the same columns from any container, conformed by name, decoded to what they were."""

from __future__ import annotations

import datetime as dt
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.data.schema import OTHER, ColumnSchema, Kind, Schema, parse_types
from tacit.data.table import Table
from tacit.errors import ArgumentError, DataNotice, InputError, SchemaError

COLUMNS = {
    "size": [2.5, None, 3.0, 4.25],
    "count": [1, 20, None, 7],
    "smoker": ["No", "Yes", None, "Yes"],
    "day": ["Sat", "Sun", "Fri", None],
    "paid": [True, None, False, True],
    "when": [dt.date(2020, 1, 1), None, dt.date(2019, 12, 31), dt.date(2020, 3, 1)],
    "at": [dt.datetime(2020, 1, 1, 6), dt.datetime(2020, 1, 2), None, dt.datetime(2020, 1, 2, 12)],
}
CONTAINERS = {
    "dict": lambda: COLUMNS,
    "pandas": lambda: pd.DataFrame(COLUMNS).astype({"count": "Int64", "paid": "boolean"}),
    "pandas of objects": lambda: pd.DataFrame(COLUMNS, dtype=object),
    "pandas, odd index": lambda: pd.DataFrame(COLUMNS, index=[3, 3, 1, 0]),
    "polars": lambda: pl.DataFrame(COLUMNS),
    "polars categories": lambda: pl.DataFrame(COLUMNS).with_columns(pl.col("smoker", "day").cast(pl.Categorical)),
    "pyarrow": lambda: pa.table(COLUMNS),
    "dictionaries": lambda: pa.table(
        {k: pa.array(v).dictionary_encode() if k in ("smoker", "day") else v for k, v in COLUMNS.items()}
    ),
    "chunks": lambda: pa.concat_tables([pa.table(COLUMNS)[:1], pa.table(COLUMNS)[1:]]),
    "record batch": lambda: pa.record_batch(COLUMNS),
    "table": lambda: Table.read(COLUMNS),
}
FILES = {
    ".csv": lambda path: pd.DataFrame(COLUMNS).to_csv(path, index=False),
    ".csv, German": lambda path: pd.DataFrame(COLUMNS).to_csv(path, index=False, sep=";", decimal=","),
    ".parquet": lambda path: pl.DataFrame(COLUMNS).write_parquet(path),
    ".xlsx": lambda path: pd.DataFrame(COLUMNS).to_excel(path, index=False),
    ".jsonl": lambda path: path.write_text(pl.DataFrame(COLUMNS).write_ndjson()),
}


@pytest.mark.parametrize("container", [*CONTAINERS, *FILES])
def test_every_container_gives_the_same_table(container, tmp_path):
    if container in FILES:
        rows = tmp_path / f"t{container.split(',')[0]}"
        FILES[container](rows)
    else:
        rows = CONTAINERS[container]()
    table, plain = Table.read(rows), Table.read(COLUMNS)
    kinds = ["number", "count", "binary", "category", "binary", "datetime", "datetime"]
    if container in ("polars categories", "dictionaries"):
        kinds[2] = "category"  # as it was declared
    assert [c.kind.value for c in table.schema.columns] == kinds
    assert [c.levels for c in table.schema.columns] == [c.levels for c in plain.schema.columns]
    assert [c.n_missing for c in table.schema.columns] == [1] * 7
    assert table.names == tuple(COLUMNS)
    assert (table.n, table.shape) == (4, (4, 4))
    days = [[18262, np.nan, 18261, 18322], [18262.25, 18263, np.nan, 18263.5]]
    wanted = np.array([[2.5, np.nan, 3, 4.25], [1, 20, np.nan, 7], *days]).T
    np.testing.assert_array_equal(table.block.x, wanted)
    np.testing.assert_array_equal(table.block.codes, [[0, 1, 1], [1, 2, -1], [-1, 0, 0], [1, -1, 1]])
    assert table.block.codes.dtype == np.int32
    decoded = table.arrow().to_pydict()
    assert decoded["at"] == COLUMNS["at"]
    assert {k: decoded[k] for k in ("size", "count", "smoker", "day")} == {
        k: COLUMNS[k] for k in ("size", "count", "smoker", "day")
    }
    dates = [None if v is None else dt.date(v.year, v.month, v.day) for v in decoded["when"]]
    assert dates == COLUMNS["when"]
    assert [None if v is None else str(v) for v in decoded["paid"]] == ["True", None, "False", "True"]
    for other in (plain.conform(table.schema), Table.conform(rows, plain.schema)):
        np.testing.assert_array_equal(other.block.x, wanted)
        np.testing.assert_array_equal(other.block.codes, table.block.codes)


def test_arrays_are_tables_of_numbers():
    table = Table.read(np.array([[1.5, 1], [2.5, 2], [np.nan, 3]]))
    assert table.names == ("x0", "x1")
    assert [c.kind.value for c in table.schema.columns] == ["number", "count"]
    rows = np.arange(100).reshape(-1, 1)
    assert Table.read(rows).schema["x0"].kind is Kind.COUNT, "no row numbers where no column has a name"
    assert Table.read([[1, 2], [3, 4.5]]).shape == (2, 2)
    for bad in (np.ones(3), np.ones((2, 2, 2)), [["a", "b"]], 3, None):
        with pytest.raises(InputError, match="a table is a path, a pandas, polars or pyarrow table"):
            Table.read(bad)


def test_typed_numbers_are_not_copied():
    frame = pa.table({"n": pa.array([1, None, 30]), "x": pa.array([1.5, 2.5, 3.5], pa.float32())})
    n, x = Table.read(frame).block.numbers
    assert n.values.ctypes.data == frame["n"].chunk(0).buffers()[1].address
    assert x.values.ctypes.data == frame["x"].chunk(0).buffers()[1].address
    assert x.values.dtype == np.float32


def test_no_table():
    for empty, what in (({}, "columns"), ({"a": []}, "rows"), (pd.DataFrame(index=[1]), "columns")):
        with pytest.raises(InputError, match=f"no {what}"):
            Table.read(empty)
    with pytest.raises(InputError, match="different numbers of cells: 'a' 2, 'b' 1"):
        Table.read({"a": [1, 2], "b": [1]})
    with pytest.raises(InputError, match="column 'a' holds list"):
        Table.read({"a": [[1], [2]]})
    with pytest.raises(InputError, match="column 'a' holds an infinity in row 1"):
        Table.read({"a": [1.0, -np.inf]})
    with pytest.raises(InputError, match="no column to learn from: column 'a': left out, no cell holds a value"):
        Table.read({"a": [None, None]})
    with pytest.raises(InputError, match="two columns are called '1'"):
        Table.read({1: [1], "1": [2]})
    with pytest.raises(InputError, match="collect"):
        Table.read(pl.LazyFrame({"a": [1]}))


def test_columns_are_matched_by_name():
    schema = Table.read(COLUMNS).schema
    shuffled = {"more": [1, 2], **{k: v[:2] for k, v in reversed(COLUMNS.items())}}
    table = Table.conform(shuffled, schema)
    assert table.schema == schema
    assert table.names == tuple(COLUMNS)
    np.testing.assert_array_equal(table.block.x, Table.read(COLUMNS).block[:2].x)
    np.testing.assert_array_equal(table.block.codes, Table.read(COLUMNS).block.codes[:2])
    lacking = {k: v for k, v in COLUMNS.items() if k != "smoker"} | {"smokers": COLUMNS["smoker"]}
    with pytest.raises(SchemaError, match=r"lacks the column 'smoker', which it had at fit; did you mean 'smokers'\?"):
        Table.conform(lacking, schema)


def test_a_left_out_column_may_be_absent_later():
    with pytest.warns(DataNotice, match="column 'who': left out"):
        table = Table.read({"x": np.linspace(0, 1, 30), "who": [f"p{i}" for i in range(30)]})
    later = Table.conform({"x": [0.5]}, table.schema)
    assert later.schema == table.schema
    assert later.names == ("x",)
    assert later.display() == {"x": ["0.5"]}
    assert Table.conform({"x": [0.5], "who": ["new"]}, table.schema).display() == {"x": ["0.5"], "who": ["new"]}


def test_unknown_levels_are_gaps_with_a_notice():
    schema = Table.read(COLUMNS).schema
    rows = {**COLUMNS, "day": ["Mon", "Sun", "Tue", "NA"], "smoker": ["No"] * 4}
    with pytest.warns(DataNotice, match="^column 'day': 'Mon', 'Tue' was no level at fit and is read as a gap$"):
        table = Table.conform(rows, schema)
    np.testing.assert_array_equal(table.block.codes[:, 1], [-1, 2, -1, -1])
    assert table.notices


def test_unknown_levels_join_the_rare_ones():
    cells = np.repeat([f"w{i:02}" for i in range(40)], np.r_[np.full(30, 20), np.ones(10, int)])
    with pytest.warns(DataNotice, match="10 rare levels"):
        schema = Table.read({"c": cells}).schema
    assert schema["c"].levels[-1] == OTHER
    codes = Table.conform({"c": ["w00", "w39", "new", None]}, schema).block.codes[:, 0]
    np.testing.assert_array_equal(codes, [0, 30, 30, -1])


@pytest.mark.parametrize("cells", [["1", "2", "3"], [1, 2, 3], [1.0, 2.0, 3.0], ["1.0", " 2", "3"], ["01", "2", "3,0"]])
def test_levels_that_are_numbers_are_matched_by_value(cells):
    schema = Table.read({"c": [1, 2, 3, None] * 10}).schema
    assert schema["c"].levels == ("1", "2", "3")
    np.testing.assert_array_equal(Table.conform({"c": [*cells, None]}, schema).block.codes[:, 0], [0, 1, 2, -1])
    with pytest.warns(DataNotice, match=r"'1.5'"):
        np.testing.assert_array_equal(Table.conform({"c": [1.5, 2]}, schema).block.codes[:, 0], [-1, 1])


@pytest.mark.parametrize(
    "cells", [["true", "false"], ["True", "False"], ["yes", "no"], ["1", "0"], [True, False], ["t", "f"]]
)
def test_booleans_however_they_are_written(cells):
    schema = Table.read({"c": [True, False]}).schema
    np.testing.assert_array_equal(Table.conform({"c": cells}, schema).block.codes[:, 0], [1, 0])


def test_columns_that_changed_their_kind():
    schema = Table.read({"x": [1.5, 2.5], "d": ["2020-01-01", "2020-01-02"], "c": [1, 2] * 1}).schema
    good = {"x": [1], "d": ["2020-01-03"], "c": [1]}
    assert Table.conform(good, schema).n == 1
    for name, cells, phrase in [
        ("x", ["abc"], "column 'x' holds numbers, but 'abc' is none"),
        ("x", [dt.date(2020, 1, 1)], "column 'x' held numbers at fit and holds date32"),
        ("d", ["soon"], "column 'd' holds dates, but 'soon' is none"),
        ("d", [1.5], "column 'd' held dates at fit and holds double now"),
        ("c", [dt.date(2020, 1, 1)], "column 'c' held numbers at fit"),
    ]:
        with pytest.raises(SchemaError, match=phrase):
            Table.conform({**good, name: cells}, schema)
    with pytest.raises(InputError, match="infinity"):
        Table.conform({**good, "x": [np.inf]}, schema)
    gaps = Table.conform({"x": [None], "d": [None], "c": [None]}, schema)
    assert np.isnan(gaps.block.x).all()
    with pytest.warns(DataNotice, match="column 'x': 1 cell that hold no number, e.g. 'abc', read as gaps"):
        Table.conform({"x": ["abc", "1"], "d": ["2020-01-03"] * 2, "c": [1, 1]}, schema)


def test_a_single_row_is_read_as_the_column_was():
    schema = Table.read({"x": ["1,5", "2,25", "1.234,5"], "d": ["31.1.2020", "1.2.2020", "3.4.2020"]}).schema
    assert (schema["x"].format, schema["d"].format) == (",", "%d.%m.%Y")
    row = Table.conform({"x": ["1,234"], "d": ["5.6.2020"]}, schema)
    assert row.block.x[0, 0] == 1.234
    assert row.arrow()["d"].to_pylist() == [dt.date(2020, 6, 5)]


@given(
    numbers=st.lists(st.floats(-1e6, 1e6), min_size=4, max_size=4),
    codes=st.lists(st.integers(-1, 1), min_size=3, max_size=3),
)
def test_whatever_a_model_draws_is_a_cell(numbers, codes):
    schema = Table.read(COLUMNS).schema
    drawn = schema.decode([numbers], [codes])
    assert drawn.column_names == list(COLUMNS)
    row = drawn.to_pylist()[0]
    assert row["size"] == pytest.approx(round(numbers[0], 2), abs=1e-9)
    assert row["count"] == max(round(numbers[1]), 0)
    assert row["smoker"] == [None, "No", "Yes"][codes[0] + 1]
    assert row["paid"] == [None, False, True][codes[2] + 1]
    first, last = dt.date.min.toordinal(), dt.date.max.toordinal()
    day = min(max(round(numbers[2]) + dt.date(1970, 1, 1).toordinal(), first), last)
    assert row["when"] == dt.date.fromordinal(day)
    again = Table.conform(drawn, schema)
    np.testing.assert_array_equal(again.block.codes[0], codes)
    wanted = np.clip(numbers, [-np.inf, 0, -719162, -719162], [np.inf, np.inf, 2932896, 2932896])
    assert np.all(np.abs(again.block.x[0] - wanted) <= np.array([0.005, 0.5, 0.5, 1e-10]) + 1e-9)


def test_gaps_stay_gaps_and_huge_draws_are_cells():
    schema = Table.read(COLUMNS).schema
    assert set(schema.decode(np.full((1, 4), np.nan), [[-1, -1, -1]]).to_pylist()[0].values()) == {None}
    assert schema.decode([[0, 1e300, 0, 0]], [[0, 0, 0]])["count"].to_pylist()[0] > 1e18


def test_schemas_survive_json():
    schema = Table.read(COLUMNS).schema
    assert Schema.from_json(schema.to_json()) == schema
    assert schema["day"].levels == ("Fri", "Sat", "Sun")
    assert schema.names == tuple(COLUMNS)
    with pytest.raises(KeyError):
        schema["night"]


def test_parse_types():
    assert parse_types("a=number,b c = category,") == {"a": "number", "b c": "category"}
    assert parse_types("x=y=count") == {"x=y": "count"}
    assert parse_types("") == {}
    for bad in ("a", "=number", "a=number b"):
        with pytest.raises(ArgumentError):
            parse_types(bad)


def test_display_shows_cells_as_they_came(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('price,who\n"1,50 €",Ann\n,Bob\n')
    with pytest.warns(DataNotice, match="without the sign '€'"):
        table = Table.read(path)
    assert table.display() == {"price": ["1,50 €", ""], "who": ["Ann", "Bob"]}
    assert table.display([1]) == {"price": [""], "who": ["Bob"]}
    assert table.arrow(["price"]).to_pydict() == {"price": [1.5, None]}
    single = Table.read({"x": np.array([0.1, 1 / 3], np.float32), "y": [0.1, 1 / 3]})
    assert single.display(slice(0, 2)) == {"x": ["0.1", "0.3333333"], "y": ["0.1", "0.333333333333333"]}
    with pytest.raises(ArgumentError, match=r"no column 'prize'; did you mean 'price'\?"):
        table.arrow(["prize"])


def test_later_cells_are_not_rounded_to_the_steps_of_fit():
    schema = Table.read({"n": [1, 20, 3], "x": [0.1, 0.2, 0.4], "d": ["2020-01-01", "2020-01-02", "2020-01-05"]}).schema
    later = {"n": [-1.5, 2], "x": [0.125, 1 / 3], "d": [dt.datetime(2020, 1, 1, 12), None]}
    assert Table.conform(later, schema).arrow().to_pydict() == later


def test_weights_go_with_the_rows():
    table = Table.read(COLUMNS, weight=[1, 2, 3, 4])
    np.testing.assert_array_equal(table.weight, [1, 2, 3, 4])
    np.testing.assert_array_equal(table.block[1:3].weight, [2, 3])
    assert Table.read(table) is table
    again = Table.read(table, types={"count": "number"})
    np.testing.assert_array_equal(again.weight, [1, 2, 3, 4])
    assert again.schema["count"].kind is Kind.NUMBER
    some = Schema((table.schema["day"],))
    np.testing.assert_array_equal(table.conform(some).weight, [1, 2, 3, 4])
    with pytest.raises(InputError, match="sample_weight"):
        Table.read(COLUMNS, weight=[1])


def test_notices_come_as_one_warning():
    rows = {"x": np.linspace(0, 1, 30), "who": [f"p{i}" for i in range(30)], "none": [None] * 30}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table = Table.read(rows)
    assert [w.category for w in caught] == [DataNotice]
    assert caught[0].filename == __file__
    assert str(caught[0].message) == "; ".join(table.notices)
    assert [n.split(":")[0] for n in table.notices] == ["column 'who'", "column 'none'"]


def test_a_schema_says_which_columns_are_which():
    columns = [ColumnSchema(k.value, k) for k in Kind]
    schema = Schema(tuple(columns))
    assert [c.name for c in schema.numeric] == ["number", "count", "datetime"]
    assert [c.name for c in schema.categorical] == ["binary", "category"]
    assert [c.name for c in schema.left_out] == ["text", "identifier", "empty"]
