"""Cells of text: what they mean as numbers, dates and gaps."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tacit.data.cells import MISSING, dates, numbers, step_of, texts

NAN = float("nan")


def read(*cells: str | None, default: str = "."):
    return numbers(pa.array(cells, pa.string()), default)


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1", "2.5", None, "-3e2"], [1, 2.5, NAN, -300]),
        (["1,5", "2,25"], [1.5, 2.25]),
        (["1.234,5", "2"], [1234.5, 2]),
        (["1,234.5", "2"], [1234.5, 2]),
        (["1,234", "2,345,678"], [1234, 2345678]),
        (["1.234.567", "1.234"], [1234567, 1234]),
        (["1.234", "5.678"], [1.234, 5.678]),
        (["1 234", "12\u00a0345", "1'000'000"], [1234, 12345, 1000000]),
        (["$1", "$2.50", "-$3"], [1, 2.5, -3]),
        (["12 €", "1,50 €"], [12, 1.5]),
        (["12%", "13.5 %"], [12, 13.5]),
        (["(5)", "7", "\u22122"], [-5, 7, -2]),
        ([" 1", "2 ", "+3"], [1, 2, 3]),
        (["NA", "1", "n/a", "?", "#DIV/0!", "-", ".", "unknown"], [NAN, 1] + [NAN] * 6),
        ([".5", "5.", "0.5"], [0.5, 5, 0.5]),
        (["1e5", "1E-3"], [1e5, 1e-3]),
        (["inf", "-Infinity", "NA", "1"], [np.inf, -np.inf, NAN, 1]),
    ],
)
def test_numbers(cells, values):
    found = read(*cells)
    assert not found.strays
    np.testing.assert_array_equal(found.values, values)


def test_a_comma_of_two_minds_follows_the_file():
    np.testing.assert_array_equal(read("1,234", "5,678").values, [1234, 5678])
    np.testing.assert_array_equal(read("1,234", "5,678", default=",").values, [1.234, 5.678])
    np.testing.assert_array_equal(read("1.234", "5.678", default=",").values, [1234, 5678])
    np.testing.assert_array_equal(read("1.5", "5.678", default=",").values, [1.5, 5.678])


def test_what_is_no_number_is_counted():
    assert read("1", "x1", "x1", "two").strays == {"x1": 2, "two": 1}
    assert read("12", "13%").strays == {"13%": 1}
    assert read("1.5", "1,5").strays, "a point and a comma contradict each other"
    assert read("1-2", "3-4").strays
    assert read("192.168.0.1").strays
    assert read("12abc", "--5", "1e", "e5").strays.keys() == {"12abc", "--5", "1e", "e5"}


def test_leading_zeros_make_codes():
    assert read("00501", "10001").padded
    assert read("007", "NA", "1").padded
    assert not read("0", "0.5", "10").padded
    assert not read("0.501", "01.5").padded


@given(
    st.lists(st.floats(-1e12, 1e12).map(lambda v: round(v, 3)), min_size=1, max_size=20),
    st.sampled_from([(".", ","), (",", "."), (".", " "), (",", "\u202f"), (".", ""), (",", "")]),
)
def test_numbers_written_in_any_country_come_back(values, marks):
    decimal, thousands = marks
    written = [f"{v:,.3f}".replace(",", "T").replace(".", decimal).replace("T", thousands) for v in values]
    np.testing.assert_array_equal(read(*written, default=decimal).values, values)


@given(st.lists(st.one_of(st.floats(allow_nan=False), st.integers(-(10**18), 10**18)), min_size=1, max_size=20))
def test_numbers_written_by_python_come_back(values):
    found = read(*map(repr, values))
    assert not found.strays
    np.testing.assert_array_equal(found.values, np.array(values, float))


@pytest.mark.parametrize(
    ("cells", "wanted"),
    [
        (["2020-01-31", None, "1969-12-31"], [dt.date(2020, 1, 31), None, dt.date(1969, 12, 31)]),
        (["2020-01-31T06:00:00", "2020-02-01 18:00"], [dt.datetime(2020, 1, 31, 6), dt.datetime(2020, 2, 1, 18)]),
        (["2020-01-31T06:00Z", "2020-02-01T20:00+02:00"], [dt.datetime(2020, 1, 31, 6), dt.datetime(2020, 2, 1, 18)]),
        (["31.1.2020", "1.2.2020"], [dt.date(2020, 1, 31), dt.date(2020, 2, 1)]),
        (["1/31/2020", "2/1/2020"], [dt.date(2020, 1, 31), dt.date(2020, 2, 1)]),
        (["2/1/2020", "31/1/2020"], [dt.date(2020, 1, 2), dt.date(2020, 1, 31)]),
        (["Jan 31, 2020", "Feb 1, 2020"], [dt.date(2020, 1, 31), dt.date(2020, 2, 1)]),
        (["31 January 2020", "?"], [dt.date(2020, 1, 31), None]),
        (["1/31/2020 3:15 PM"], [dt.datetime(2020, 1, 31, 15, 15)]),
        (["2020-01", "2020-02"], [dt.date(2020, 1, 1), dt.date(2020, 2, 1)]),
    ],
)  # fmt: skip
def test_dates(cells, wanted):
    def days(t):
        at = t if isinstance(t, dt.datetime) else dt.datetime.combine(t, dt.time())
        return (at - dt.datetime(1970, 1, 1)) / dt.timedelta(days=1)

    found = dates(pa.array(cells))
    np.testing.assert_array_equal(found.days, [NAN if t is None else days(t) for t in wanted])
    again = dates(pa.array(cells), (found.format,))
    np.testing.assert_array_equal(again.days, found.days)


def test_what_is_no_date():
    for cells in (
        ["31.2.2020"],
        ["2020-01-31", "x"],
        ["12.5", "13.5"],
        ["hello 2020"],
        ["12:30"],
        ["1.2.3.4"],
        ["May"],
    ):
        assert dates(pa.array(cells)) is None, cells


def test_day_and_month_that_could_stand_either_way():
    assert dates(pa.array(["1/2/2020", "3/4/2020"])).ambiguous
    assert not dates(pa.array(["1/2/2020", "3/14/2020"])).ambiguous
    assert not dates(pa.array(["1.2.2020", "3.4.2020"])).ambiguous


@given(st.lists(st.one_of(st.none(), st.text(max_size=6), st.sampled_from(sorted(MISSING))), max_size=30))
def test_every_cell_keeps_its_text_or_is_missing(cells):
    found = texts(pa.array(cells, pa.string()))
    back = found.spread({t: t for t in found.texts}, None, object)
    assert back.tolist() == [None if c is None else c.strip() for c in cells]
    assert sum(found.counts().values()) == sum(c is not None and c.strip() not in MISSING for c in cells)


@given(st.integers(-(10**6), 10**6), st.integers(0, 6))
def test_the_step_of_a_grid(k, decimals):
    assume(k % 10)
    assert step_of(np.array([0.0, k / 10**decimals])) == float(f"1e-{decimals}")


def test_the_step_of_extreme_values():
    assert step_of(np.array([1e300, 1e18])) == 1.0
    assert step_of(np.array([1e-18])) is None
    assert step_of(np.array([0.0])) == 1.0
