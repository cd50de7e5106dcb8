"""What a column is taken for, and why; `types` overrules."""

from __future__ import annotations

import datetime as dt
import json
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.data.datasets import samples
from tacit.data.infer import FEW_INTEGERS, MOST_LEVELS, infer
from tacit.data.schema import OTHER, Kind
from tacit.data.table import Table
from tacit.errors import ArgumentError, DataNotice, InputError


def kind(cells, name="c", **more):
    return infer(name, cells if isinstance(cells, pa.Array) else pa.array(cells), **more)


def text(cells):
    return [None if c is None else str(c) for c in cells]


@pytest.mark.parametrize("as_text", [True, False])
@pytest.mark.parametrize(
    ("cells", "wanted", "step"),
    [
        ([1.5, 2.25, 3.0], Kind.NUMBER, 0.01),
        ([1, 2, 30], Kind.COUNT, 1),
        ([-1, 2, 30], Kind.NUMBER, 1),
        ([0, 1, 0, 1], Kind.BINARY, None),
        ([1.0, 2.0] * 10, Kind.BINARY, None),
        ([0.5, 1.5] * 10, Kind.BINARY, None),
        ([0.5, 1.5, 1.5], Kind.NUMBER, 0.1),
        ([1, 2, 3, 4, 5] * 10, Kind.CATEGORY, None),
        ([1, 2, 3, 4, 5, 6] * 10, Kind.COUNT, 1),
        ([1, 2, 3], Kind.COUNT, 1),
        ([1.5, 2.5, 3.5] * 10, Kind.NUMBER, 0.1),
        ([7] * 30, Kind.COUNT, 1),
        ([np.pi, np.e], Kind.NUMBER, None),
        ([None, 3, None], Kind.COUNT, 1),
        ([1e18, 3e18, -1e18], Kind.NUMBER, 1),
        ([1e300, 3e300, -1e300], Kind.NUMBER, 1),
    ],
)
def test_numbers(cells, wanted, step, as_text):
    schema = kind(text(cells) if as_text else cells)
    assert (schema.kind, schema.step) == (wanted, step)
    assert schema.n_missing == cells.count(None)


def test_gaps_make_no_floats_of_counts():
    assert kind([1.0, np.nan, 30.0]).kind is Kind.COUNT
    assert kind([1.0, np.nan, 30.0]).n_missing == 1
    assert kind([0.0, np.nan, 1.0]).levels == ("0", "1")


@pytest.mark.parametrize(
    ("cells", "wanted"),
    [
        (["yes", "no", "yes"], Kind.BINARY),
        (["a", "b", "c"], Kind.CATEGORY),
        (["a"] * 9, Kind.CATEGORY),
        (["00501", "10001", "00501", "12345"], Kind.CATEGORY),
        (["2020-01-31", "2020-02-01"], Kind.DATETIME),
        (["20200131", "20200201", "20200202"], Kind.DATETIME),
        ([f"person {i}" for i in range(50)], Kind.TEXT),
        ([f"K{i}" for i in range(50)], Kind.IDENTIFIER),
        ([f"a{i}@b.org" for i in range(20)] * 9, Kind.IDENTIFIER),
        ([f"https://x.org/{i}" for i in range(20)] * 9, Kind.IDENTIFIER),
        ([f"K{i}" for i in range(200)] * 9, Kind.IDENTIFIER),
        ([None, ""], Kind.EMPTY),
        (["NA", "?"], Kind.EMPTY),
    ],
)
def test_words(cells, wanted):
    schema = kind(pa.array(cells, pa.string()))
    assert schema.kind is wanted
    assert bool(schema.notice) == (wanted in (Kind.TEXT, Kind.IDENTIFIER, Kind.EMPTY))


@pytest.mark.parametrize(
    ("cells", "wanted"),
    [
        (pa.array([True, False, None]), Kind.BINARY),
        (pa.array([True]), Kind.BINARY),
        (pa.array([dt.date(2020, 1, 1)]), Kind.DATETIME),
        (pa.array([dt.datetime(2020, 1, 1)]), Kind.DATETIME),
        (pa.array([dt.datetime(2020, 1, 1, tzinfo=dt.UTC)]), Kind.DATETIME),
        (pa.array([dt.timedelta(1), dt.timedelta(2)]), Kind.COUNT),
        (pa.array([20200131, 20200201, 20200202]), Kind.DATETIME),
        (pa.array(["x", "y"]).dictionary_encode(), Kind.CATEGORY),
        (pa.array([f"K{i}" for i in range(50)]).dictionary_encode(), Kind.CATEGORY),
        (pa.array([1, 2, 3]).dictionary_encode(), Kind.CATEGORY),
        (pa.nulls(3), Kind.EMPTY),
        (pa.array([1.5, 2]).cast(pa.decimal128(5, 2)), Kind.NUMBER),
    ],
)
def test_types_of_arrow(cells, wanted):
    assert kind(cells).kind is wanted


def test_levels_are_in_an_order_that_does_not_depend_on_the_rows():
    assert kind(["b", "a", "a10", "a9"]).levels == ("a", "a9", "a10", "b")
    assert kind(text([10, 9, 1, 10] * 10)).levels == ("1", "9", "10")
    ordered = pd.Series(pd.Categorical(["lo", "hi"], ["lo", "mid", "hi"], ordered=True))
    assert Table.read(pd.DataFrame({"c": ordered})).schema["c"].levels == ("lo", "hi")
    assert Table.read({"c": pl.Series(["lo", "hi"], dtype=pl.Categorical)}).schema["c"].levels == ("hi", "lo")


@pytest.mark.parametrize("numbers", [True, False])
def test_no_column_explodes(numbers):
    counts = np.r_[np.arange(100, 50, -1), np.ones(60, int)]
    cells = np.repeat(np.arange(1000, 1110), counts)
    schema = kind(cells if numbers else [f"w{i}" for i in cells], kind=Kind.CATEGORY if numbers else None)
    assert schema.kind is Kind.CATEGORY
    assert len(schema.levels) == 51
    assert schema.levels[-1] == OTHER
    assert "60 rare levels (60 cells)" in schema.notice
    many = kind([f"w{i % 300}" for i in range(3000)], kind=Kind.CATEGORY)
    assert len(many.levels) == MOST_LEVELS
    again = kind([f"w{i % 300}" for i in range(3000)] + [OTHER] * 9, kind=Kind.CATEGORY)
    assert again.levels.count(OTHER) == 1
    assert again.levels[-1] == OTHER
    few = kind([f"w{i}" for i in range(20)] + ["w0"] * 50)
    assert len(few.levels) == 20
    assert not few.notice


@pytest.mark.parametrize(
    ("name", "cells", "wanted"),
    [
        ("row", np.arange(1, 51), Kind.IDENTIFIER),
        ("row", np.random.default_rng(0).permutation(50), Kind.IDENTIFIER),
        ("PassengerId", np.arange(50) * 3, Kind.IDENTIFIER),
        ("customer_id", np.arange(50) * 3, Kind.IDENTIFIER),
        ("zip", np.repeat(np.arange(30) * 7, 10), Kind.CATEGORY),
        ("hospital_number", np.arange(50) * 3, Kind.IDENTIFIER),
        ("number", np.repeat(np.arange(30) * 7, 10), Kind.COUNT),
        ("price", np.arange(50) * 3, Kind.COUNT),
        ("bid", np.arange(50) * 3, Kind.COUNT),
        ("valid", np.arange(50) * 3, Kind.COUNT),
    ],
)
def test_codes_are_known_by_name(name, cells, wanted):
    assert kind(cells, name).kind is wanted
    assert kind(cells, name, named=False).kind is Kind.COUNT, "the columns of an array have no names"
    assert kind(cells, name, kind=Kind.NUMBER).kind is Kind.NUMBER


def test_a_few_stray_cells_become_gaps():
    cells = [*text(np.linspace(1, 2, 60)), "about 3"]
    schema = kind(cells)
    assert (schema.kind, schema.n_missing) == (Kind.NUMBER, 1)
    assert "1 cell that hold no number, e.g. 'about 3'" in schema.notice
    assert kind(text(np.linspace(1, 2, 60)) + [f"w{i}" for i in range(30)]).kind in (Kind.IDENTIFIER, Kind.TEXT)
    assert kind(["1", "x"], kind=Kind.NUMBER).n_missing == 1


def test_codes_for_missing_among_numbers_and_words():
    numbers = kind([*text(range(0, 80, 2)), "unknown", "none", ".", "NA"])
    assert (numbers.kind, numbers.n_missing) == (Kind.COUNT, 4)
    assert set(numbers.missing) == {"unknown", "none", ".", "NA"}
    words = kind(["none", "yes", "unknown", "NA"])
    assert (words.levels, words.missing, words.n_missing) == (("none", "unknown", "yes"), ("NA",), 1)


@pytest.mark.parametrize(
    ("cells", "alarm"),
    [
        ([*range(20, 90), 999, 999], "999 stands 2 times"),
        ([*range(20, 90), -9, -9], "-9 stands 2 times"),
        ([*range(20, 90), -1, -1, -1], "-1 stands 3 times"),
        ([*range(20, 90), 999], ""),
        ([*range(20, 99), 99, 99], ""),
        ([*range(-20, 90), -9, -9], ""),
    ],
)
def test_numbers_that_look_like_codes_for_missing_are_only_remarked_on(cells, alarm):
    schema = kind(cells)
    assert alarm in schema.notice
    assert bool(schema.notice) == bool(alarm)
    assert schema.n_missing == 0


def test_signs_are_said():
    assert kind(["$1", "$2.5"]).notice == "read as numbers without the sign '$'"
    assert kind(["10%", "20%"]).notice == "read as numbers without the sign '%'"
    assert "month/day" in kind(["1/2/2020", "3/4/2020"]).notice


REFUSED = {
    *(("1", k) for k in ("datetime",)),
    *(("1.5", k) for k in ("datetime", "count")),
    *(("x", k) for k in ("number", "count", "datetime")),
    *(("True", k) for k in ("datetime",)),
    *(("2020-01-01", k) for k in ("number", "count")),
}


@pytest.mark.parametrize("wanted", [k for k in Kind if k is not Kind.EMPTY])
@pytest.mark.parametrize(
    "cells",
    [
        pa.array([1, 2, 1, None]),
        pa.array([1.5, 2.5, 1.5, None]),
        pa.array(["1", "2", "1", None]),
        pa.array(["x", "y", "x", None]),
        pa.array([True, False, True, None]),
        pa.array([dt.date(2020, 1, 1), dt.date(2020, 1, 2), dt.date(2020, 1, 1), None]),
        pa.array(["2020-01-01", "2020-01-02", "2020-01-01", None]),
        pa.array(["x", "y", "x", None]).dictionary_encode(),
        pa.array(["1", "2", "1", None]).dictionary_encode(),
    ],
)
def test_what_the_user_says_is_done_or_refused(cells, wanted):
    if (str(cells[0]), wanted.value) in REFUSED:
        with pytest.raises(InputError, match="column 'c'"):
            Table.read({"c": cells}, types={"c": wanted})
        return
    schema = infer("c", cells, wanted)
    assert schema.kind is wanted
    assert schema.n_missing == 1
    if not (wanted.numeric or wanted.categorical):
        return
    table = Table.read({"c": cells}, types={"c": wanted})
    gap = np.isnan(table.block.x[3, 0]) if wanted.numeric else table.block.codes[3, 0] == -1
    assert gap
    back = table.arrow()["c"].to_pylist()
    assert back[3] is None
    assert back[0] == back[2] != back[1]


def test_integers_beyond_the_machines():
    assert Table.read({"c": [2**63, 2**70, 1]}).block.x.ravel().tolist() == [2.0**63, 2.0**70, 1.0]


def test_types_name_known_columns_and_kinds():
    with pytest.raises(
        ArgumentError, match=r"types names a column 'agee', which the table lacks; did you mean 'age'\?"
    ):
        Table.read({"age": [1]}, types={"agee": "number"})
    with pytest.raises(ArgumentError, match="column 'age' cannot be 'numbr': the kinds are number, count, binary"):
        Table.read({"age": [1]}, types={"age": "numbr"})
    with pytest.raises(InputError, match="column 'a' cannot be read as numbers: 'x' is none"):
        Table.read({"a": ["x", "y"]}, types={"a": "number"})
    with pytest.raises(InputError, match=r"column 'a' cannot be a count: it holds 1\.5"):
        Table.read({"a": [1.5, 2]}, types={"a": "count"})
    with pytest.raises(InputError, match="column 'a' cannot be read as dates: 'x'"):
        Table.read({"a": ["2020-01-01", "x"]}, types={"a": "datetime"})
    with pytest.raises(InputError, match="column 'a' cannot be binary: 3 different values"):
        Table.read({"a": ["x", "y", "z"]}, types={"a": "binary"})
    assert Table.read({"year": [1952, 1957]}, types={"year": "datetime"}).schema["year"].format == "%Y"


@given(st.lists(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4)), min_size=1))
def test_any_column_is_something(cells):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataNotice)
        try:
            table = Table.read({"c": cells, "x": [1.5] * len(cells)})
        except InputError as error:
            if "infinity in row" in str(error) and any("inf" in str(v).lower() for v in cells):
                return
            raise
        column = table.schema["c"]
        assert len(column.levels) <= MOST_LEVELS
        assert Table.conform({"c": cells, "x": [1.5] * len(cells)}, table.schema).schema == table.schema


# Real tables -----------------------------------------------------------------------------------------------------

SAME = {
    "numeric": {Kind.NUMBER, Kind.COUNT},
    "categorical": {Kind.BINARY, Kind.CATEGORY},
    "ordinal": {Kind.CATEGORY},
    "text": {Kind.TEXT, Kind.IDENTIFIER},
    "id": {Kind.IDENTIFIER},
    "split": {Kind.BINARY},
}
OTHERWISE = {  # where the people who described the table saw it otherwise, and why we cannot
    "credit_g": {
        "installment_commitment": Kind.CATEGORY,  # 1 .. 4: FEW_INTEGERS
        "residence_since": Kind.CATEGORY,  # 1 .. 4
        "existing_credits": Kind.CATEGORY,  # 1 .. 4
        "num_dependents": Kind.BINARY,  # 1 or 2
    },
    "horse_colic": {
        "mucous_membranes": Kind.COUNT,  # codes 1 .. 6: more than FEW_INTEGERS
        "lesion1": Kind.CATEGORY,  # codes with leading zeros, said to be an id
        "lesion2": Kind.CATEGORY,
        "lesion3": Kind.CATEGORY,
    },
    "titanic3": {"body": Kind.COUNT},  # a number written on a body
}
LUMPED = {("horse_colic", "lesion1"), ("titanic3", "boat")}


@pytest.mark.filterwarnings("ignore::tacit.errors.DataNotice")
@pytest.mark.parametrize("name", ["adult", "credit_g", "horse_colic", "mushroom", "titanic3"])
def test_real_tables_are_what_people_said_they_are(name, shared_data):
    assert FEW_INTEGERS == 5
    table = Table.read(shared_data / "mixed" / f"{name}.csv.gz")
    described = json.loads((shared_data / "mixed" / f"{name}.schema.json").read_text())
    assert table.n == described["rows"]
    assert len(table.schema.columns) == len(described["columns"])
    for column, said in zip(table.schema.columns, described["columns"]):
        assert column.name == said["name"]
        assert column.n_missing == said["missing"]
        if column.name in OTHERWISE.get(name, {}):
            assert column.kind is OTHERWISE[name][column.name]
            continue
        assert column.kind in SAME[said["kind"]], column
        if column.kind.categorical and "levels" in said:
            if (name, column.name) in LUMPED:
                assert set(column.levels) - {OTHER} < set(said["levels"])
            else:
                assert set(column.levels) == set(said["levels"])
        if "min" in said:
            j = table.schema.numeric.index(column)
            x = table.block.numbers[j].decode()
            assert (np.nanmin(x), np.nanmax(x)) == (said["min"], said["max"])


@pytest.mark.filterwarnings("ignore::tacit.errors.DataNotice")
@pytest.mark.parametrize("name", samples())
def test_samples_are_read_and_come_back(name):
    table = Table.read(f"sample:{name}")
    again = Table.conform(table.arrow(), table.schema)
    for a, b in zip(table.block.numbers, again.block.numbers):
        np.testing.assert_allclose(a.decode(), b.decode(), rtol=1e-15)
    np.testing.assert_array_equal(table.block.codes, again.block.codes)


def test_samples_are_what_an_analyst_expects():
    tips = {c.name: c.kind.value for c in Table.read("sample:tips").schema.columns}
    assert tips == {
        "total_bill": "number", "tip": "number", "sex": "binary", "smoker": "binary", "day": "category",
        "time": "binary", "size": "count",
    }  # fmt: skip
    assert {c.kind for c in Table.read("sample:wine").schema.columns} == {Kind.NUMBER, Kind.COUNT}
    with pytest.warns(DataNotice, match="country.*iso_alpha.*iso_num"):
        world = Table.read("sample:gapminder")
    assert [c.name for c in world.schema.left_out] == ["country", "iso_alpha", "iso_num"]
    assert world.schema["continent"].levels == ("Africa", "Americas", "Asia", "Europe", "Oceania")
    assert world.schema["year"].kind is Kind.COUNT
