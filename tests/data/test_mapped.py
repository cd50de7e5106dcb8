"""Mapped arrays are read in parts: any view of them, and errors for files that change."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tacit import PCA, as_source
from tacit.data import files, mapped
from tacit.errors import InputError
from tacit.typing import Array


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "HELD", 0)
    monkeypatch.setattr(mapped, "READ_BYTES", 512)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.npy"
    np.save(path, np.random.default_rng(0).normal(size=(2000, 5)))
    return path


VIEWS = {
    "all rows": lambda x: x,
    "later rows": lambda x: x[700:],
    "every other row": lambda x: x[::2],
    "some columns": lambda x: x[:, 1:4],
    "turned around": lambda x: x[::-1],
}


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
@pytest.mark.parametrize("view", VIEWS)
def test_blocks_are_the_rows_of_any_view(file: Path, view: str, mode: str) -> None:
    x: Array = VIEWS[view](np.load(file, mmap_mode=mode))
    source = as_source(x)
    assert isinstance(source, mapped.Mapped)
    blocks = list(source.blocks())
    assert len(blocks) > 50
    assert [b.start for b in blocks] == np.cumsum([0, *(b.n for b in blocks[:-1])]).tolist()
    np.testing.assert_array_equal(np.concatenate([b.x for b in blocks]), x)
    np.testing.assert_array_equal(source.take(np.array([5, 999, 5])).x, x[[5, 999, 5]])


def test_changes_that_are_only_in_memory_are_seen(file: Path) -> None:
    x = np.load(file, mmap_mode="c")
    x[0] = 7
    assert (next(iter(as_source(x).blocks())).x[0] == 7).all()


def test_a_mapping_that_begins_within_a_file(tmp_path: Path) -> None:
    rows = np.arange(60_000, dtype=np.float32).reshape(-1, 4)
    (tmp_path / "raw").write_bytes(bytes(8192 + 12) + rows.tobytes())
    x = np.memmap(tmp_path / "raw", np.float32, "r", offset=8192 + 12, shape=rows.shape)
    np.testing.assert_array_equal(np.concatenate([b.x for b in as_source(x).blocks()]), rows)


def test_bad_numbers_are_named_in_the_first_pass(file: Path) -> None:
    x = np.load(file)
    x[1234, 3] = np.inf
    np.save(file, x)
    with pytest.raises(InputError, match=r"infinity.*row 1234, column 3"):
        PCA(2).fit(str(file))


def test_a_file_that_was_cut_is_an_error(file: Path) -> None:
    source = as_source(str(file))
    size = file.stat().st_size
    with file.open("r+b") as f:
        f.truncate(size // 2)
    with pytest.raises(InputError, match="shorter"):
        list(source.blocks())
