"""The door: one block whatever the container, nothing copied that is usable, one clear error a kind of bad input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.estimator_checks import _NotAnArray

from tacit import kernels
from tacit.base import Estimator
from tacit.data.block import Column
from tacit.data.source import as_source
from tacit.data.table import Table
from tacit.errors import ArgumentError, DataNotice, InputError

X = np.array([[1, 2, 0], [4, 5, 1], [7, 8, 0], [10, 11, 1]])
NAMES = ["a", "b", "c"]


class Tensor:
    """What a tensor of torch offers, for where torch is not installed."""

    def __init__(self, a: np.ndarray, dtype: str = "torch.float64") -> None:
        self.a, self.dtype = a, dtype

    def detach(self) -> Tensor:
        return Tensor(self.a, self.dtype)

    def cpu(self) -> Tensor:
        return self

    def float(self) -> Tensor:
        return Tensor(self.a.astype(np.float32), "torch.float32")

    def numpy(self) -> np.ndarray:
        if self.dtype == "torch.bfloat16":
            raise TypeError("Got unsupported ScalarType BFloat16")
        return self.a


def _memmap(tmp_path, a):
    held = np.memmap(tmp_path / "x.bin", dtype=a.dtype, mode="w+", shape=a.shape)
    held[:] = a
    return held


CONTAINERS = {
    "C": lambda x, _: x,
    "F": lambda x, _: np.asfortranarray(x),
    "view": lambda x, _: np.repeat(np.repeat(x, 2, axis=0), 3, axis=1)[::2, ::3],
    "backwards": lambda x, _: x[::-1, ::-1].copy()[::-1, ::-1],
    "read-only": lambda x, _: np.lib.stride_tricks.as_strided(x, x.shape, x.strides, writeable=False),
    "swapped bytes": lambda x, _: x.astype(x.dtype.newbyteorder(">")),
    "memory map": lambda x, tmp: _memmap(tmp, x),
    "list": lambda x, _: x.tolist(),
    "array protocol": lambda x, _: _NotAnArray(x),
    "tensor": lambda x, _: Tensor(x),
    "pandas": lambda x, _: pd.DataFrame(x, columns=NAMES),
    "pandas, column by column": lambda x, _: pd.DataFrame({k: x[:, j].copy() for j, k in enumerate(NAMES)}),
    "polars": lambda x, _: pl.DataFrame(np.asarray(x, np.float32) if x.dtype == np.float16 else x, schema=NAMES),
    "pyarrow": lambda x, _: pa.table({k: np.ascontiguousarray(x[:, j]) for j, k in enumerate(NAMES)}),
    "record batch": lambda x, _: pa.record_batch({k: np.ascontiguousarray(x[:, j]) for j, k in enumerate(NAMES)}),
    "chunks": lambda x, _: pa.concat_tables([pa.table(dict(zip(NAMES, p.T.copy()))) for p in (x[:1], x[1:])]),
    "table": lambda x, _: Table.read(pa.table(dict(zip(NAMES, x.T.copy()))), types=dict.fromkeys(NAMES, "number")),
    "source": lambda x, _: as_source(x),
}


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"])
@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container_gives_the_same_block(container, dtype, tmp_path):
    source = as_source(CONTAINERS[container](X.astype(dtype), tmp_path))
    assert source.shape == X.shape
    np.testing.assert_array_equal(source.block.x, X)
    assert source.block.x.dtype == (np.float32 if dtype in ("f2", "f4") and container != "list" else np.float64)
    np.testing.assert_array_equal(kernels.hash_rows(source.block), kernels.hash_rows(as_source(X).block))


@pytest.mark.parametrize("container", CONTAINERS)
def test_booleans_are_zero_and_one(container, tmp_path):
    if container == "table":
        return  # a boolean column is a category there
    source = as_source(CONTAINERS[container](X % 2 == 1, tmp_path))
    np.testing.assert_array_equal(source.block.x, X % 2)


@pytest.mark.parametrize("container", ["C", "F", "view", "backwards", "read-only", "memory map", "tensor"])
def test_usable_arrays_are_not_copied(container, tmp_path):
    x = CONTAINERS[container](X.astype(np.float32), tmp_path)
    assert np.shares_memory(as_source(x).block.numbers, x.a if container == "tensor" else x)


def test_frames_are_not_copied():
    values = X.astype(float)
    frame = pd.DataFrame(values, columns=NAMES, copy=False)
    block = as_source(frame).block
    assert np.shares_memory(block.numbers, frame.to_numpy())
    assert block.numbers.strides == values.strides
    mixed = pd.DataFrame({"i": [1, 2], "f": np.array([0.5, 1.5], np.float32), "b": [True, False]})
    for name, column in zip(mixed, as_source(mixed).block.numbers):
        assert isinstance(column, Column)
        assert np.shares_memory(column.values, mixed[name].to_numpy())
    arrow = pa.table({"i": pa.array([1, None, 3]), "f": pa.array([0.5, 1.5, 2.5])})
    first, second = as_source(arrow, gaps=True).block.numbers
    assert first.values.ctypes.data == arrow["i"].chunk(0).buffers()[1].address
    assert first.valid.ctypes.data == arrow["i"].chunk(0).buffers()[0].address
    assert second.valid is None
    series = pl.DataFrame({"i": [1, None, 3]})
    assert (
        np.shares_memory(
            as_source(series, gaps=True).block.numbers[0].values, series["i"].to_arrow().to_numpy(zero_copy_only=False)
        )
        or series["i"].to_arrow().buffers()[1].address
        == as_source(series, gaps=True).block.numbers[0].values.ctypes.data
    )


def test_mixed_and_nullable_columns():
    frame = pd.DataFrame(
        {
            "n": pd.array([1, None, 3], dtype="Int64"),
            "b": pd.array([True, None, False], dtype="boolean"),
            "f": pd.array([0.5, 1.5, None], dtype="Float32"),
            "u": np.array([1, 2, 3], np.uint8),
        }
    )
    wanted = [[1, 1, 0.5, 1], [np.nan, np.nan, 1.5, 2], [3, 0, np.nan, 3]]
    for table in (frame, pl.from_pandas(frame), pa.Table.from_pandas(frame)):
        np.testing.assert_array_equal(as_source(table, gaps=True).block.x, wanted)
        with pytest.raises(InputError, match=r"Input X contains NaN.*row 1, column 'n'"):
            as_source(table)


def test_torch_tensors_share_their_memory():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    x = torch.arange(6.0).reshape(3, 2)
    assert np.shares_memory(as_source(x).block.numbers, x.numpy())
    np.testing.assert_array_equal(as_source(x.to(torch.bfloat16).requires_grad_()).block.x, x.numpy())


def test_tensors_of_a_type_that_numpy_lacks():
    np.testing.assert_array_equal(as_source(Tensor(X, "torch.bfloat16")).block.x, X)


def test_sparse_formats_become_csr_and_duplicates_are_summed():
    twice = sp.coo_matrix(([1.0, 2.0, 5.0], ([0, 0, 1], [1, 1, 0])), shape=(3, 2))
    for rows in (twice, twice.tocsr(), twice.tocsc(), sp.csr_array(twice), twice.tolil(), twice.astype(np.int32)):
        block = as_source(rows, sparse=True).block
        np.testing.assert_array_equal(block.x, twice.toarray())
        assert len(block.csr.data) == 2
    unsummed = sp.csr_matrix(([1.0, 2.0], [1, 1], [0, 2]), shape=(1, 2))
    as_source(unsummed, sparse=True)
    assert unsummed.nnz == 2, "the input was changed"
    kept = sp.random(9, 4, 0.5, format="csr", dtype=np.float32, random_state=0)
    assert np.shares_memory(as_source(kept, sparse=True).block.csr.data, kept.data)


BAD = {
    "one-dimensional": (np.ones(3), "Expected 2D array, got 1D array instead"),
    "three-dimensional": (np.ones((2, 2, 2)), "Found array with dim 3"),
    "complex": (np.ones((2, 2)) * 1j, "Complex data not supported"),
    "words": (np.array([["a", "b"]]), "not compatible with arrays of bytes/strings"),
    "a list of paths": (["a.csv", "b.csv"], "Expected 2D array, got 1D array"),
    "dates": (np.array([["2020-01-01"]], dtype="M8[D]"), "X must hold numbers, not datetime64"),
    "no rows": (np.empty((0, 3)), r"0 sample\(s\)"),
    "no columns": (np.empty((3, 0)), r"0 feature\(s\)"),
    "NaN": (np.array([[1, 2], [3, np.nan]]), r"Input X contains NaN.*row 1, column 1"),
    "infinity": (np.array([[1, np.inf], [3, 4]]), r"Input X contains infinity.*row 0, column 1"),
    "ragged": ([[1, 2], [3]], "inhomogeneous"),
    "a frame with words": (pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}), "could not convert column 'b' to float.*'x'"),
    "a frame without rows": (pd.DataFrame({"a": []}), r"0 sample\(s\)"),
    "a frame without columns": (pd.DataFrame(index=[1, 2]), r"0 feature\(s\)"),
    "a frame with names twice": (pd.DataFrame(np.eye(2), columns=["a", "a"]), "two columns are called 'a'"),
    "a lazy frame": (pl.LazyFrame({"a": [1]}), "collect"),
    "sparse NaN": (sp.csr_matrix([[0, 1.0], [np.nan, 2]]), "Input X contains NaN.*row 1, column 0"),
    "an arrow table with lists": (pa.table({"a": [[1], [2]]}), "column 'a'"),
    "no such file": ("nowhere.csv", "no such file: nowhere.csv"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_clear_error(case):
    rows, phrase = BAD[case]
    with pytest.raises(InputError, match=f"(?s){phrase}"):
        as_source(rows, sparse=True)


def test_bad_input_keeps_the_kind_of_error_that_scikit_learn_raises():
    with pytest.raises(TypeError, match="Sparse data was passed"):
        as_source(sp.csr_matrix(np.eye(2)))
    with pytest.raises(TypeError, match=r"argument must be .* string.* number"):
        as_source(np.array([[{"a": 1}]], dtype=object))
    np.testing.assert_array_equal(as_source(np.array([[1, 2.5]], dtype=object)).block.x, [[1, 2.5]])


def test_gaps_where_they_are_taken_but_never_infinities():
    rows = np.array([[1, np.nan], [3, 4]])
    np.testing.assert_array_equal(as_source(rows, gaps=True).block.x, rows)
    for bad in (rows * np.inf, pd.DataFrame(rows * np.inf)):
        with pytest.raises(InputError, match="infinity"):
            as_source(bad, gaps=True)
    assert as_source(np.array([[1e30, -1e38]], np.float32).repeat(9, axis=0)).shape == (9, 2)


def test_masked_cells_are_gaps():
    masked = np.ma.masked_array([[1, 2], [3, 4]], [[False, True], [False, False]])
    np.testing.assert_array_equal(as_source(masked, gaps=True).block.x, [[1, np.nan], [3, 4]])
    with pytest.raises(InputError, match=r"NaN.*row 0, column 1"):
        as_source(masked)


def test_the_estimator_is_named():
    class Model(Estimator):
        pass

    with pytest.raises(InputError, match="Model does not accept missing values encoded as NaN"):
        as_source([[np.nan]], estimator=Model())


def test_a_table_with_categories_is_refused_by_models_of_numbers():
    table = Table.read({"a": [1.5, 2.5, None], "b": ["x", "y", "x"]})
    with pytest.raises(InputError, match="also has categories"):
        as_source(table)
    assert as_source(table, gaps=True) is table
    with pytest.raises(InputError, match=r"row 2, column 'a'"):
        as_source(Table.read({"a": [1.5, 2.5, None]}))


@pytest.mark.parametrize(
    ("weight", "phrase"),
    [
        ([1, 2], r"sample_weight.shape == \(2,\), expected \(4,\)!"),
        (np.ones((4, 1)), "Sample weights must be 1D array or scalar"),
        ([1, 2, -3, 4], "Negative values in data passed to `sample_weight`.*-3 in row 2"),
        ([1, np.nan, 1, 1], "Input sample_weight contains NaN, in row 1"),
        ([1, np.inf, 1, 1], "Input sample_weight contains infinity"),
        ([0, 0, 0, 0], "at least one non-zero"),
        (["a", "b", "c", "d"], "must hold numbers"),
    ],
)
def test_bad_weights(weight, phrase):
    with pytest.raises(InputError, match=phrase):
        as_source(X, weight=weight)


def test_weights_of_any_kind():
    for w in ([1, 0, 2, 3], np.array([1, 0, 2, 3], ">i4"), pd.Series([1, 0, 2, 3]), pl.Series([1, 0, 2, 3])):
        np.testing.assert_array_equal(as_source(X, weight=w).weight, [1, 0, 2, 3])
    np.testing.assert_array_equal(as_source(X, weight=2.5).weight, [2.5] * 4)
    source = as_source(X, weight=[1, 2, 3, 4])
    np.testing.assert_array_equal(as_source(source, weight=[4, 3, 2, 1]).weight, [4, 3, 2, 1])
    np.testing.assert_array_equal(source.weight, [1, 2, 3, 4])


@pytest.mark.parametrize(
    ("known", "phrase"),
    [
        ([0, 1], r"known.shape == \(2,\), expected \(4,\)"),
        ([0, 1, -2, 0], "row 2 holds -2"),
        ([0.5, 1, 0, 0], "component numbers"),
        (["a", "b", "c", "d"], "component numbers"),
    ],
)
def test_bad_known(known, phrase):
    with pytest.raises(InputError, match=phrase):
        as_source(X, known=known)
    np.testing.assert_array_equal(as_source(X, known=[0, 1, -1, 5.0]).block.known, [0, 1, -1, 5])


class Door(Estimator):
    def fit(self, X):
        self.rows_ = self._rows(X, reset=True)
        return self

    def see(self, X):
        return self._rows(X, reset=False)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow", "file"])
def test_names_and_width_are_those_of_fit(library, tmp_path):
    def frame(names):
        made = pd.DataFrame(X.astype(float), columns=names)
        if library == "file":
            path = tmp_path / f"{'-'.join(names)}.csv"
            made.to_csv(path, index=False)
            return path
        return {"pandas": lambda f: f, "polars": pl.from_pandas, "pyarrow": pa.Table.from_pandas}[library](made)

    door = Door().fit(frame(NAMES))
    assert list(door.feature_names_in_) == NAMES
    assert door.n_features_in_ == 3
    np.testing.assert_array_equal(door.see(frame(NAMES)).block.x, X)
    with pytest.raises(ValueError, match="feature names should match"):
        door.see(frame(["a", "b", "z"]))
    with pytest.raises(ValueError, match="feature names"):
        door.see(frame(["b", "a", "c"]))
    with (
        pytest.warns(UserWarning, match="does not have valid feature names"),
        pytest.raises(ValueError, match="2 feat"),
    ):
        door.see(X[:, :2])
    assert not hasattr(door.fit(X), "feature_names_in_")


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".csv", ".csv.gz", ".parquet", ".xlsx", ".jsonl"])
def test_paths(suffix, tmp_path):
    frame, path = pd.DataFrame(X.astype(float), columns=NAMES), tmp_path / f"x{suffix}"
    if suffix == ".npy":
        np.save(path, X)
    elif suffix == ".npz":
        np.savez(path, X=X, y=np.ones(4))
    else:
        write = {".csv": frame.to_csv, ".csv.gz": frame.to_csv, ".xlsx": frame.to_excel, ".parquet": frame.to_parquet}
        if suffix == ".jsonl":
            frame.to_json(path, orient="records", lines=True)
        else:
            write[suffix](path, index=False)
    for given_path in (path, str(path)):
        source = as_source(given_path)
        np.testing.assert_array_equal(source.block.x, X)
        assert source.columns == (None if suffix[:3] == ".np" else tuple(NAMES))


def test_array_files_are_mapped_not_read(tmp_path):
    np.save(tmp_path / "x.npy", X.astype(float))
    numbers = as_source(tmp_path / "x.npy").block.numbers
    while not isinstance(numbers, np.memmap):
        numbers = numbers.base
        assert numbers is not None, "the file was read into memory"


def test_files_for_models_of_numbers(tmp_path):
    (tmp_path / "w.csv").write_text("a,b\n1,x\n2,y\n")
    with pytest.raises(InputError, match="column 'b' holds 'x', which is no number"):
        as_source(tmp_path / "w.csv")
    (tmp_path / "e.csv").write_text("a,b\n1,\n2,\n")
    with pytest.raises(InputError, match="column 'b' holds no value in any row"):
        as_source(tmp_path / "e.csv", gaps=True)
    (tmp_path / "d.csv").write_text("a;b\n1,5;2\n2,25;NA\n")
    np.testing.assert_array_equal(as_source(tmp_path / "d.csv", gaps=True).block.x, [[1.5, 2], [2.25, np.nan]])
    assert as_source("sample:wine").shape == (178, 13)


@given(
    n=st.integers(1, 40),
    size=st.integers(1, 50),
    seed=st.integers(0, 5),
    epoch=st.integers(0, 3),
    world=st.integers(1, 4),
)
def test_batches_are_a_pure_function_of_their_position(n, size, seed, epoch, world):
    source = as_source(np.random.default_rng(n).normal(size=(n, 2)), weight=np.arange(n) + 1.0)
    alone = [b.x for b in source.batches(size, seed, epoch)]
    assert sorted(np.concatenate(alone)[:, 0]) == sorted(source.block.x[:, 0])
    assert all(len(b) == size for b in alone[:-1])
    for start in range(len(alone) + 1):
        again = [b.x for b in source.batches(size, seed, epoch, start)]
        assert len(again) == len(alone) - start
        assert all(np.array_equal(a, b) for a, b in zip(again, alone[start:]))
    if world > size:
        with pytest.raises(ArgumentError, match="cannot be dealt"):
            next(source.batches(size, seed, epoch, rank=0, world=world))
        return
    shares = [[b.x for b in source.batches(size, seed, epoch, rank=r, world=world)] for r in range(world)]
    steps = {len(s) for s in shares}
    assert len(steps) == 1, "every process takes as many steps"
    for i, whole in enumerate(alone[: steps.pop()]):
        dealt = np.empty_like(whole)
        for r in range(world):
            dealt[r::world] = shares[r][i]
        np.testing.assert_array_equal(dealt, whole)


def test_batches_depend_on_rows_seed_and_epoch_not_on_position():
    rows = np.random.default_rng(0).normal(size=(50, 2))
    a, b = as_source(rows, weight=rows[:, 0] ** 2), as_source(rows[::-1].copy())
    for one, other in zip(a.batches(7, 0, 0), b.batches(7, 0, 0)):
        np.testing.assert_array_equal(one.x, other.x)
        np.testing.assert_allclose(one.weight, one.x[:, 0] ** 2)
    first = next(a.batches(50, 0, 0)).x
    assert not np.array_equal(first, next(a.batches(50, 0, 1)).x)
    assert not np.array_equal(first, next(a.batches(50, 1, 0)).x)


def test_a_notice_is_a_warning_that_can_be_silenced():
    with pytest.warns(DataNotice, match="column 'who': left out"):
        Table.read({"who": [f"p{i}" for i in range(50)], "x": np.linspace(0, 1, 50)})
