"""Files as tables: one reader a format, one clear error a kind of damage."""

from __future__ import annotations

import csv
import gzip
import io
import os
import re
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from ..errors import InputError
from .cells import MISSING, decides
from .frames import check_names
from .schema import nearest_name

FORMATS = ".csv .csv.gz .tsv .txt .parquet .xlsx .jsonl .npy .npz"


class Raw(NamedTuple):
    """A table as it came, before anything is inferred."""

    frame: Any  # pyarrow.Table
    decimal: str = "."  # the decimal mark of the file, where a number alone does not tell
    notices: tuple[str, ...] = ()
    named: bool = True  # False where the columns had no names


def read_path(path: str | os.PathLike[str]) -> Raw:
    """The table in a file, or ``sample:NAME``."""
    text = os.fspath(path)
    if text.startswith("sample:"):
        from .datasets import sample

        return Raw(sample(text.removeprefix("sample:")))
    file = existing(text)
    suffixes = [s.lower() for s in file.suffixes]
    suffix = suffixes[-2] if suffixes[-1:] == [".gz"] and len(suffixes) > 1 else "".join(suffixes[-1:])
    if suffix in (".npy", ".npz"):
        array = read_array(file)
        if array.ndim != 2 or array.dtype.kind not in "biuf":
            raise InputError(
                f"{file} holds a {array.ndim}-dimensional array of {array.dtype}, not a table of numbers [n, d]"
            )
        return Raw(pa.table({f"x{j}": np.ascontiguousarray(array[:, j]) for j in range(array.shape[1])}), named=False)
    if suffix == ".parquet":
        return Raw(_parquet(file))
    if suffix in (".xlsx", ".xlsm"):
        return _excel(file)
    if suffix in (".jsonl", ".ndjson"):
        return Raw(_jsonl(file))
    if suffix in (".csv", ".tsv", ".txt", ".data", ".tab", ""):
        return _csv(file)
    raise InputError(f"{file} has an ending that is not read as a table: tacit reads {FORMATS}")


def existing(path: str) -> Path:
    """The file at ``path``, or an error that names the nearest one."""
    file = Path(path).expanduser()
    if file.is_dir():
        raise InputError(f"{path} is a folder, not a table")
    if not file.exists():
        there = [p.name for p in file.parent.iterdir()] if file.parent.is_dir() else []
        hint = nearest_name(file.name, there) if there else ""
        missing = "" if file.parent.is_dir() else f": there is no folder {file.parent}"
        raise InputError(f"no such file: {path}{missing}{hint}")
    if not file.stat().st_size:
        raise InputError(f"{path} is empty")
    return file


def read_array(file: Path) -> Any:
    """The array of a ``.npy`` file, memory-mapped, or of a ``.npz`` file: its only one, or ``X`` or ``data``."""
    try:
        held = np.load(file, mmap_mode="r" if file.suffix.lower() == ".npy" else None, allow_pickle=False)
        if isinstance(held, np.ndarray):
            return held
        with held:
            names = held.files
            pick = names[0] if len(names) == 1 else next((n for n in ("X", "data") if n in names), None)
            if pick is None:
                raise InputError(f"{file} holds the arrays {', '.join(names)}: save one, or call it X")
            return held[pick]
    except InputError:
        raise
    except Exception:  # NumPy raises many kinds, zipfile and pickle more
        raise InputError(
            f"{file} is no array file, or it is damaged, or it holds Python objects, which are not read"
        ) from None


def _parquet(file: Path) -> Any:
    import pyarrow.parquet as pq

    try:
        frame = pq.read_table(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{file} is no Parquet file that can be read: {_first_line(error)}") from None
    return _checked(file, frame)


def _jsonl(file: Path) -> Any:
    import pyarrow.json as pj

    try:
        frame = pj.read_json(_stream(file))
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{file} does not hold one JSON object a line: {_first_line(error)}") from None
    for field in frame.schema:
        if pa.types.is_nested(field.type):
            raise InputError(f"{file}: column {field.name!r} is nested ({field.type}): flatten it or take it out")
    return _checked(file, frame)


def _excel(file: Path) -> Raw:
    import zipfile

    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, OSError) as error:
        raise InputError(f"{file} is no Excel workbook that can be read: {_first_line(error)}") from None
    try:
        sheet, others = book.worksheets[0], [s.title for s in book.worksheets[1:]]
        rows = [row for row in sheet.iter_rows(values_only=True) if any(v is not None for v in row)]
        title = sheet.title
    finally:
        book.close()
    if not rows:
        raise InputError(f"{file}: the sheet {title!r} is empty")
    width = max(max((j + 1 for j, v in enumerate(row) if v is not None), default=0) for row in rows)
    names = [str(v) if v is not None else f"column {j + 1}" for j, v in enumerate((*rows[0], *[None] * width)[:width])]
    check_names(names, f"{file}: ")
    columns = [[row[j] if j < len(row) else None for row in rows[1:]] for j in range(width)]
    frame = pa.table(dict(zip(names, map(_excel_column, columns), strict=True)))
    notice = (f"{file}: read the first sheet, {title!r}, of {1 + len(others)}",) if others else ()
    return Raw(_checked(file, frame), notices=notice)


def _excel_column(values: list[Any]) -> Any:
    """Cells of one type keep it, mixed ones become text; formulas that failed are missing codes and stay."""
    values = [None if isinstance(v, str) and v.strip() in MISSING else v for v in values]
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([None if v is None else str(v) for v in values], type=pa.string())


def _csv(file: Path) -> Raw:
    import pyarrow.csv as pc

    data, notices = _text(file)
    lines, sep = _first_lines(file, data[: 1 << 16], cut=len(data) > 1 << 16)
    if _in_blanks(lines):
        data = b"\n".join(b"\t".join(line.split()) for line in data.splitlines())
        lines = ["\t".join(line.split()) for line in lines]
    names, delimiter, decimal, skip, header = _layout(file, lines, sep)
    if not header:
        notices.append(f"{file}: the first line holds data and no names, so the columns are called x0, x1, ...")
    ragged: list[Any] = []

    def note(row: Any) -> str:
        ragged.append(row)
        return "skip"

    try:
        frame = pc.read_csv(
            pa.BufferReader(data),
            read_options=pc.ReadOptions(column_names=names, skip_rows=skip, block_size=1 << 24),
            parse_options=pc.ParseOptions(
                delimiter=delimiter, newlines_in_values=b'"' in data, invalid_row_handler=note
            ),
            convert_options=cells_as_they_are(names),
        )
    except pa.ArrowInvalid as error:
        raise InputError(f"{file} is no table that can be read: {_first_line(error)}") from None
    if ragged:
        _explain_ragged(file, data, delimiter, skip)
    return Raw(_checked(file, frame.slice(1) if header else frame), decimal, tuple(notices), header)


def cells_as_they_are(names: list[str]) -> Any:
    """How Arrow reads text files whose cells are to stay text: only an empty one is none."""
    import pyarrow.csv as pc

    return pc.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=True,
    )


class Layout(NamedTuple):
    """How a text file holds its table."""

    names: list[str]
    delimiter: str
    decimal: str
    skip: int  # lines before the first that counts
    header: bool  # whether that one holds the names


def layout(file: Path) -> Layout:
    """The layout of a text file, from its first lines."""
    with file.open("rb") as f:
        start = f.read(1 << 16)
    lines, sep = _first_lines(file, start, cut=len(start) == 1 << 16)
    return _layout(file, lines, sep)


def _first_lines(file: Path, start: bytes, cut: bool) -> tuple[list[str], str]:
    """The lines of the start of a file that hold anything, and the separator that its first line may declare."""
    lines = start.decode(errors="ignore").splitlines()
    if cut:
        lines = lines[:-1] or lines
    said = re.fullmatch(r"sep=(.)", lines[0])  # a line that Excel writes and reads
    lines = [line for line in lines[1 if said else 0 :] if line.strip()]
    if not lines:
        raise InputError(f"{file} holds only empty lines")
    return lines, said[1] if said else ""


def _layout(file: Path, lines: list[str], sep: str) -> Layout:
    try:
        delimiter = sep or _delimiter(lines)
        header = _has_header(lines, delimiter)
        first = next(csv.reader(lines, delimiter=delimiter))
        decimal = _decimal(lines, delimiter)
    except csv.Error as error:
        raise InputError(f"{file} is no table that can be read: {error}") from None
    names = [(name.strip() or f"column {j + 1}") if header else f"x{j}" for j, name in enumerate(first)]
    check_names(names, f"{file}: ")
    return Layout(names, delimiter, decimal, int(bool(sep)), header)


def _explain_ragged(file: Path, data: bytes, delimiter: str, skip: int) -> None:
    text = io.StringIO(data.decode(errors="replace"), newline="")
    reader = csv.reader(text, delimiter=delimiter)
    width, line = 0, 1 + skip
    for row in islice(reader, skip, None):
        width = width or len(row)
        if row and len(row) != width:
            raise InputError(
                f"{file}, line {line}: {len(row)} cells where the first line has {width}; "
                f"is a separator ({delimiter!r}) or a quote missing, or one too many?"
            )
        line = reader.line_num + 1
    raise InputError(f"{file} has lines of different lengths")


def _checked(file: Path, frame: Any) -> Any:
    if not frame.num_columns:
        raise InputError(f"{file} has no columns")
    check_names(frame.column_names, f"{file}: ")
    if not frame.num_rows:
        raise InputError(f"{file} has no rows, only the names of {frame.num_columns} columns")
    return frame


def _stream(file: Path) -> Any:
    return pa.BufferReader(_bytes(file))


def _bytes(file: Path) -> bytes:
    data = file.read_bytes()
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError) as error:
            raise InputError(f"{file} is a damaged gzip file: {error}") from None
        if not data:
            raise InputError(f"{file} is empty")
    return data


_BOMS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def _text(file: Path) -> tuple[bytes, list[str]]:
    """The file as UTF-8, and what is to be said about the encoding it had."""
    data = _bytes(file)
    for bom, name in _BOMS.items():
        if data.startswith(bom):
            try:
                return data.decode(name).encode(), []
            except UnicodeDecodeError as error:
                raise InputError(
                    f"{file} is marked as {name} but is not: {error.reason} at byte {error.start}"
                ) from None
    head = data[: 1 << 16]
    if b"\0" in head or sum(b < 32 and b not in b"\t\n\r\f\x1b" for b in head) > 0.01 * len(head):
        raise InputError(f"{file} is no table: it holds binary data; tacit reads {FORMATS}")
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        name = "latin-1" if re.search(rb"[\x81\x8d\x8f\x90\x9d]", data) else "cp1252"
        return data.decode(name).encode(), [f"{file} is not UTF-8 (see line {line}) and was read as {name}"]
    return data, []


def _delimiter(lines: list[str]) -> str:
    """The separator that cuts the first lines into most equal rows."""
    sample = lines[:200]

    def score(delimiter: str) -> tuple[float, int]:
        widths = [len(row) for row in csv.reader(sample, delimiter=delimiter) if row]
        first = widths[0] if widths else 1
        return (sum(w == first for w in widths) / max(len(widths), 1) if first > 1 else 0.0, first)

    return max(",;\t|", key=lambda d: score(d))


def _in_blanks(lines: list[str]) -> bool:
    """Whether the cells are numbers with nothing but blanks between them, as numerical programs write tables."""
    rows = [line.split() for line in lines[1:200]]
    wide = len(rows) > 0 and len(rows[0]) > 1 and len({len(row) for row in rows} | {len(lines[0].split())}) == 1
    return wide and not any(c in lines[0] for c in ",;\t|") and all(_PLAIN.fullmatch(c) for row in rows for c in row)


_PLAIN = re.compile(r"[-+]?[\d.,]*\d[\d.,]*([eE][-+]?\d+)?%?")


def _has_header(lines: list[str], delimiter: str) -> bool:
    """Whether the first line names the columns: no cell of it is a number, or they count up as years do."""
    rows = [[c.strip() for c in row] for row in csv.reader(lines[:100], delimiter=delimiter) if row]
    first, rest = rows[0], rows[1:]
    numbers = [c for c in first if _PLAIN.fullmatch(c)]
    if numbers:
        return len(numbers) > 2 and all(c.isdigit() for c in numbers) and _counts_up([int(c) for c in numbers])
    if not rest:
        return True
    columns = [[row[j] for row in rest if j < len(row)] for j in range(len(first))]
    if any(_PLAIN.fullmatch(c) for column in columns for c in column):
        return True
    return not all(name in column for name, column in zip(first, columns, strict=True))


def _counts_up(years: list[int]) -> bool:
    return all(b - a == years[1] - years[0] > 0 for a, b in pairwise(years))


def _decimal(lines: list[str], delimiter: str) -> str:
    """The decimal mark of the file: what its first numbers prove, a comma where ``;`` leaves it open."""
    cells = (c.strip() for row in csv.reader(lines[1:1000], delimiter=delimiter) for c in row)
    found = [c for c in cells if _PLAIN.fullmatch(c)]
    proofs = [decides(c.lstrip("+-").rstrip("%").split("e")[0].split("E")[0]) for c in found]
    commas, dots = proofs.count(","), proofs.count(".")
    if commas or dots:
        return "," if commas > dots else "."
    return "," if delimiter == ";" and any("," in c for c in found) else "."


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
