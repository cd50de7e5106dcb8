"""Files: what is written comes back, whatever the separator and encoding; and one clear error a kind of damage."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import warnings

import numpy as np
import openpyxl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tacit.data.cells import MISSING
from tacit.data.readers import read_path
from tacit.errors import InputError

WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"], include_characters="\n"), max_size=8
)
CELLS = st.one_of(WORDS, st.integers(-999, 999).map(str), st.floats(-99, 99).map(repr))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=12),
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    zipped=st.booleans(),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_cells_come_back_from_csv(rows, delimiter, encoding, zipped, end, tmp_path):
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([["one", "two", "three"], *rows])
    data = out.getvalue().encode(encoding)
    path = tmp_path / ("t.csv.gz" if zipped else "t.csv")
    path.write_bytes(gzip.compress(data) if zipped else data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        raw = read_path(path)
    assert raw.named
    assert raw.frame.column_names == ["one", "two", "three"]
    back = list(zip(*(raw.frame[name].to_pylist() for name in raw.frame.column_names)))
    assert back == [tuple(c or None for c in row) for row in rows]


def write(tmp_path, content, name="t.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


BAD = {
    "empty": ("", "t.csv is empty"),
    "only a header": ("a,b\n", "no rows, only the names of 2 columns"),
    "only empty lines": ("\n\n", "only empty lines"),
    "binary": (bytes(range(256)), "binary data"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + b"\x00" * 50, "binary data"),
    "one cell too many": ("a,b\n1,2\n3,4,5\n", r"t.csv, line 3: 3 cells where the first line has 2"),
    "one cell too few": ("a,b\n1,2\n\n3\n", r"line 4: 1 cells where the first line has 2"),
    "after a quoted line end": ('a,b\n"x\ny",2\n3\n', r"line 4: 1 cells"),
    "after Excel's line": ("sep=;\na;b\n1;2\n3\n", r"line 4: 1 cells where the first line has 2"),
    "names twice": ("a,b,a\n1,2,3\n", "two columns are called 'a'"),
    "wrong mark": (b"\xff\xfea,b\n1,2\n\x00", "marked as utf-16 but is not"),
}


@pytest.mark.parametrize("case", BAD)
def test_damaged_text_files(case, tmp_path):
    content, phrase = BAD[case]
    with pytest.raises(InputError, match=phrase):
        read_path(write(tmp_path, content))


def test_files_that_are_not_there(tmp_path):
    (tmp_path / "wine.csv").write_text("a\n1\n")
    with pytest.raises(InputError, match=r"no such file: .*wien.csv; did you mean 'wine.csv'\?"):
        read_path(tmp_path / "wien.csv")
    with pytest.raises(InputError, match="there is no folder"):
        read_path(tmp_path / "nowhere" / "wine.csv")
    with pytest.raises(InputError, match="is a folder, not a table"):
        read_path(tmp_path)
    with pytest.raises(InputError, match=r"ending that is not read.*\.parquet"):
        read_path(write(tmp_path, "x", "t.docx"))
    with pytest.raises(InputError, match="there is no sample 'wien'; did you mean 'wine'"):
        read_path("sample:wien")


@pytest.mark.parametrize(
    ("name", "content", "phrase"),
    [
        ("t.csv.gz", gzip.compress(b"a,b\n1,2\n" * 99, mtime=0)[:-9], "damaged gzip"),
        ("t.csv.gz", gzip.compress(b"", mtime=0), "is empty"),
        ("t.parquet", b"hello", "no Parquet file"),
        ("t.xlsx", b"hello", "no Excel workbook"),
        ("t.jsonl", b'{"a": 1,\n', "one JSON object a line"),
        ("t.jsonl", b'{"a": 1, "b": {"c": 2}}\n', "column 'b' is nested"),
        ("t.npy", b"hello", "no array file"),
        ("t.npz", b"hello", "no array file"),
    ],
)
def test_other_damaged_files(name, content, phrase, tmp_path):
    with pytest.raises(InputError, match=phrase):
        read_path(write(tmp_path, content, name))


def test_array_files(tmp_path):
    np.savez(tmp_path / "one.npz", points=np.eye(2))
    np.savez(tmp_path / "data.npz", target=np.ones(2), data=np.eye(2))
    np.savez(tmp_path / "two.npz", a=np.eye(2), b=np.ones(2))
    np.save(tmp_path / "objects.npy", np.array([[{}]]), allow_pickle=True)
    np.save(tmp_path / "flat.npy", np.ones(3))
    for name in ("one.npz", "data.npz"):
        raw = read_path(tmp_path / name)
        assert raw.frame.column_names == ["x0", "x1"]
        assert not raw.named
    with pytest.raises(InputError, match="holds the arrays a, b: save one, or call it X"):
        read_path(tmp_path / "two.npz")
    with pytest.raises(InputError, match="Python objects, which are not read"):
        read_path(tmp_path / "objects.npy")
    with pytest.raises(InputError, match="1-dimensional array"):
        read_path(tmp_path / "flat.npy")


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
def test_western_encodings_are_read_with_a_notice(encoding, tmp_path):
    word = "Zürich" if encoding == "cp1252" else "Z\x81rich"
    raw = read_path(write(tmp_path, f"city,x\nBern,1\n{word},2\n".encode(encoding)))
    assert raw.frame["city"].to_pylist() == ["Bern", word]
    assert raw.notices == (f"{tmp_path / 't.csv'} is not UTF-8 (see line 3) and was read as {encoding}",)


@pytest.mark.parametrize(
    ("text", "names", "decimal", "named"),
    [
        ("a,b\n1,2\n", ["a", "b"], ".", True),
        ("a;b\n1,5;2\n", ["a", "b"], ",", True),
        ("a;b\n1.5;2\n", ["a", "b"], ".", True),
        ("a;b\n1,234;2\n", ["a", "b"], ",", True),
        ("a\tb\n1,234\t2\n", ["a", "b"], ".", True),
        ("a|b\nx,y|2\n", ["a", "b"], ".", True),
        ("sep=;\na;b\n1,5;2\n", ["a", "b"], ",", True),
        ("name;date\nDoe, John;Jan 5, 2020\nRoe, Jane;Jan 6, 2020\n", ["name", "date"], ".", True),
        ("\n\na,b\n\n1,2\n", ["a", "b"], ".", True),
        ("a\n1\n2\n", ["a"], ".", True),
        ("1,2\n3,4\n", ["x0", "x1"], ".", False),
        ("x,1\ny,2\n", ["x0", "x1"], ".", False),
        ("p,x\np,y\ne,x\n", ["x0", "x1"], ".", False),
        ("country,1990,1991,1992\nChad,1.5,2.5,3\n", ["country", "1990", "1991", "1992"], ".", True),
        (",a\n0,1\n1,2\n", ["column 1", "a"], ".", True),
        ('"a b", c\n1,2\n', ["a b", "c"], ".", True),
        ("a  b\n 1.5 2\n12   30\n", ["a", "b"], ".", True),
        ("1.5e0 2.5e0\n3.5e0 4.5e0\n", ["x0", "x1"], ".", False),
        ("total cost\n1\n2\n", ["total cost"], ".", True),
    ],
)
def test_separator_names_and_decimal_mark(text, names, decimal, named, tmp_path):
    raw = read_path(write(tmp_path, text))
    assert (raw.frame.column_names, raw.decimal, raw.named) == (names, decimal, named)
    assert raw.frame.num_rows == sum(bool(line) for line in text.splitlines() if "sep=" not in line) - named
    assert bool(raw.notices) == (not named)


def test_a_workbook(tmp_path):
    book = openpyxl.Workbook()
    for row in (
        [None, None],
        ["size", "word", "when", "mixed", None],
        [1, "x", dt.datetime(2020, 1, 1), 1],
        [2.5, "#N/A", dt.datetime(2020, 1, 2), "one"],
        [None, "y", None, None],
    ):
        book.active.append(row)
    book.create_sheet("more")
    book.save(tmp_path / "t.xlsx")
    raw = read_path(tmp_path / "t.xlsx")
    assert raw.frame.to_pydict() == {
        "size": [1, 2.5, None],
        "word": ["x", None, "y"],
        "when": [dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 2), None],
        "mixed": ["1", "one", None],
    }
    assert raw.notices == (f"{tmp_path / 't.xlsx'}: read the first sheet, 'Sheet', of 2",)
    empty = openpyxl.Workbook()
    empty.save(tmp_path / "e.xlsx")
    with pytest.raises(InputError, match="the sheet 'Sheet' is empty"):
        read_path(tmp_path / "e.xlsx")


def test_json_lines_and_parquet_keep_their_types(tmp_path):
    raw = read_path(write(tmp_path, '{"a": 1, "b": "x"}\n{"a": 2.5, "b": null}\n', "t.jsonl"))
    assert raw.frame.to_pydict() == {"a": [1, 2.5], "b": ["x", None]}
    import pyarrow.parquet as pq

    frame = pa.table({"a": pa.array([1, None], pa.int8()), "b": pa.array(["x", "y"]).dictionary_encode()})
    pq.write_table(frame, tmp_path / "t.parquet")
    assert read_path(tmp_path / "t.parquet").frame.equals(frame)


def test_long_files_are_read_whole(tmp_path):
    lines = "".join(f"{i},word {i % 7}\n" for i in range(30_000))
    raw = read_path(write(tmp_path, "i,w\n" + lines))
    assert raw.frame["i"].to_pylist() == [str(i) for i in range(30_000)]
    with pytest.raises(InputError, match=r"line 30002: 3 cells"):
        read_path(write(tmp_path, "i,w\n" + lines + "1,2,3\n"))


def test_missing_codes_stay_as_they_are_written(tmp_path):
    codes = sorted(MISSING - {""})
    raw = read_path(write(tmp_path, "a,b\n" + "".join(f'"{c}",1\n' for c in codes)))
    assert raw.frame["a"].to_pylist() == codes
