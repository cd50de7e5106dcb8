"""Files of numbers larger than memory: Parquet, Arrow and CSV files or folders of them, and mapped arrays."""

from __future__ import annotations

import mmap
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import pyarrow as pa

from ..errors import InputError, SchemaError
from .block import Block, Column
from .cells import MISSING
from .frames import check_names, number_column
from .mapped import READ_BYTES, copying
from .memory import MemorySource
from .schema import nearest_name
from .stream import PART_BYTES, Pieces, Stream

HELD = 1 << 28  # bytes of numbers up to which a file is read as a whole
ENDINGS = {".parquet": "parquet", ".arrow": "arrow", ".feather": "arrow", ".ipc": "arrow", ".csv": "csv"}


def scan(path: str | PathLike[str], *, columns: Sequence[str] | None = None, weight: str | None = None) -> Stream:
    """The rows of a file or a folder of files, read anew at each pass and never all at once.

    Parquet, Arrow (``.arrow``, ``.feather``) and CSV files with numbers in every column; a folder holds files of one
    format and of the same columns, and is read in the order of their names. ``columns`` are those to learn from, all if
    None; ``weight`` names a column of weights. The source has a length and takes row numbers, for cross-validation:
    what it then gives is in memory.

    Raises ``InputError`` for what cannot be read, ``SchemaError`` where files differ in their columns.

    >>> import pyarrow.parquet, tempfile
    >>> file = tempfile.mkdtemp() + "/rows.parquet"
    >>> pyarrow.parquet.write_table(pa.table({"a": [1.0, 2.0, 3.0], "b": [4, 5, 6]}), file)
    >>> rows = scan(file)
    >>> len(rows), rows.columns, rows[[2, 0]].block.x.tolist()
    (3, ('a', 'b'), [[3.0, 6.0], [1.0, 4.0]])
    """
    wanted = None if columns is None else [*columns, *([weight] if weight not in (None, *columns) else [])]
    return Stream(pieces_of(Path(fspath(path)).expanduser(), columns=wanted), weight=weight)


def is_large(path: object) -> bool:
    """Whether this is the path of rows that are read in parts: a folder, an Arrow file, or more than ``HELD`` bytes."""
    if not isinstance(path, str | PathLike) or fspath(path).startswith("sample:"):
        return False
    file = Path(path).expanduser()
    if file.is_dir():
        return True
    if not (file.is_file() and file.suffix.lower() in ENDINGS):
        return False
    return ENDINGS[file.suffix.lower()] == "arrow" or _numbers(file) > HELD


def _numbers(file: Path) -> int:
    """About how many bytes the numbers of a file take in memory."""
    if file.suffix.lower() != ".parquet":
        return file.stat().st_size
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file, memory_map=True) as held:
            return 8 * int(held.metadata.num_rows * held.metadata.num_columns)
    except (pa.ArrowInvalid, OSError):
        return 0  # whoever reads it says what is wrong


def pieces_of(path: Path, words: bool = False, columns: Sequence[Any] | None = None) -> Files:
    """What ``scan`` reads, or what ``Parts`` reads if columns may hold ``words``."""
    from .readers import existing

    if path.is_dir():
        files = sorted(f for f in path.iterdir() if f.is_file() and f.name[0] not in "._")
        if not files:
            raise InputError(f"the folder {path} holds no files")
    else:
        files = [existing(str(path))]
    kinds = {ENDINGS.get(f.suffix.lower()) for f in files}
    if None in kinds:
        odd = next(f for f in files if f.suffix.lower() not in ENDINGS)
        raise InputError(f"{odd} cannot be read in parts: tacit reads {' '.join(ENDINGS)} so, or folders of these")
    if len(kinds) > 1:
        raise InputError(f"the folder {path} holds files of different formats: {', '.join(sorted(map(str, kinds)))}")
    kind = kinds.pop()
    formats: dict[str | None, type[Files]] = {"parquet": Parquet, "arrow": Arrow, "csv": CSV}
    return formats[kind](files, words, columns)


class Files(Pieces, ABC):
    """Files with the same columns, of which some are read; of numbers alone, unless ``words``."""

    def __init__(self, files: list[Path], words: bool = False, columns: Sequence[str] | None = None) -> None:
        self.files, self.words, self.wanted = files, words, list(columns or ())
        self.where: list[Any] = []  # of each piece
        lengths: list[int] = []
        first: Any = None
        for file in files:
            try:
                schema, pieces = self.look(file)
            except (pa.ArrowInvalid, OSError) as error:
                raise InputError(f"{file} cannot be read: {str(error).splitlines()[0]}") from None
            check_names(schema.names, f"{file}: ")
            first = schema if first is None else first
            _same(first, schema, files[0], file)
            for where, n in pieces:
                if n:
                    self.where.append((file, where))
                    lengths.append(n)
        if not lengths:
            raise InputError(f"{files[0]}{' and the others hold' if len(files) > 1 else ' holds'} no rows")
        self.check(files[0], first.names)
        self.columns, self.lengths = tuple(columns or first.names), lengths
        for name in () if words else self.columns:
            number_column(name, pa.array([], first.field(name).type))  # refuses words and dates by name

    @abstractmethod
    def look(self, file: Path) -> tuple[Any, list[tuple[Any, int]]]:
        """The schema of a file, and its pieces: where each is, and how many rows it has."""

    def check(self, file: Path, names: Sequence[str]) -> None:
        """Columns that are asked for and not there are refused by name."""
        for name in self.wanted:
            if name not in names:
                raise InputError(f"{file} has no column {name!r}{nearest_name(name, names)}")

    @cached_property
    def part_rows(self) -> int:
        return max(1, PART_BYTES // (8 * len(self.columns)))

    @abstractmethod
    def batches(self, piece: int) -> Iterator[Any]:
        """The record batches of a piece."""

    def frames(self, piece: int) -> Iterator[Any]:
        """A piece as record batches of at most ``part_rows`` rows, the columns in one order."""
        for batch in self.batches(piece):
            for lo in range(0, batch.num_rows, self.part_rows):
                part = batch.slice(lo, self.part_rows) if batch.num_rows > self.part_rows else batch
                yield part.select(self.columns)

    def read(self, piece: int) -> Iterator[tuple[Column, ...]]:
        for part in self.frames(piece):
            yield tuple(number_column(name, part.column(name)) for name in self.columns)


def _same(first: Any, other: Any, one: Path, two: Path) -> None:
    if set(first.names) != set(other.names):
        name = sorted(set(first.names) ^ set(other.names))[0]
        has, lacks = (one, two) if name in first.names else (two, one)
        raise SchemaError(f"{has.name} has a column {name!r} that {lacks.name} lacks: all files need the same columns")


class Parquet(Files):
    """Row groups, small neighbours together."""

    def look(self, file: Path) -> tuple[Any, list[tuple[Any, int]]]:
        import pyarrow.parquet as pq

        with pq.ParquetFile(file, memory_map=True) as held:
            about, schema = held.metadata, held.schema_arrow
        most = PART_BYTES // (8 * max(1, len(schema.names)))
        pieces: list[tuple[list[int], int]] = []
        for g in range(about.num_row_groups):
            n = about.row_group(g).num_rows
            if pieces and pieces[-1][1] + n <= most:
                pieces[-1] = ([*pieces[-1][0], g], pieces[-1][1] + n)
            else:
                pieces.append(([g], n))
        return schema, pieces

    def batches(self, piece: int) -> Iterator[Any]:
        import pyarrow.parquet as pq

        file, groups = self.where[piece]
        with pq.ParquetFile(file, buffer_size=1 << 20, pre_buffer=False) as held:
            yield from held.iter_batches(self.part_rows, row_groups=groups, columns=list(self.columns))


class Arrow(Files):
    """Record batches of mapped files."""

    def __init__(self, files: list[Path], words: bool = False, columns: Sequence[str] | None = None) -> None:
        self.maps: dict[Path, tuple[mmap.mmap, Any]] = {}
        super().__init__(files, words, columns)

    def look(self, file: Path) -> tuple[Any, list[tuple[Any, int]]]:
        with file.open("rb") as f:
            pages = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
        held = pa.ipc.open_file(pa.py_buffer(pages))
        self.maps[file] = pages, held
        return held.schema, [(i, held.get_batch(i).num_rows) for i in range(held.num_record_batches)]

    def batches(self, piece: int) -> Iterator[Any]:
        file, batch = self.where[piece]
        yield self.maps[file][1].get_batch(batch)

    def read(self, piece: int) -> Iterator[tuple[Column, ...]]:
        file, _ = self.where[piece]
        with copying(file, self.maps[file][0]) as copy:
            for columns in super().read(piece):
                rows = max(1, READ_BYTES // sum(c.values.itemsize for c in columns))
                for part in MemorySource(Block(0, columns)).blocks(rows):
                    assert isinstance(part.numbers, tuple)
                    values = copy(*(c.values for c in part.numbers))
                    yield tuple(c._replace(values=x) for c, x in zip(part.numbers, values, strict=True))

    def release(self) -> None:
        for pages, _ in self.maps.values():
            pages.madvise(mmap.MADV_DONTNEED)


class CSV(Files):
    """Text, parsed at each pass: a Parquet file of the same rows is read many times faster."""

    def look(self, file: Path) -> tuple[Any, list[tuple[Any, int]]]:
        n, schema = 0, None
        for batch in self._batches(file):
            n += batch.num_rows
            schema = batch.schema
        if schema is None:
            raise InputError(f"{file} has no rows")
        return schema, [(None, n)]

    def batches(self, piece: int) -> Iterator[Any]:
        return self._batches(self.where[piece][0])

    def _batches(self, file: Path) -> Iterator[Any]:
        import pyarrow.csv as pc

        from .readers import cells_as_they_are, layout

        look = layout(file)
        self.check(file, look.names)
        with pc.open_csv(
            file,
            read_options=pc.ReadOptions(column_names=look.names, skip_rows=look.skip + look.header, block_size=1 << 24),
            parse_options=pc.ParseOptions(delimiter=look.delimiter),
            convert_options=cells_as_they_are(look.names)
            if self.words
            else pc.ConvertOptions(
                include_columns=self.wanted,
                column_types=dict.fromkeys(look.names, pa.float64()),
                decimal_point=look.decimal,
                null_values=sorted(MISSING),
            ),
        ) as reader:
            yield from reader
