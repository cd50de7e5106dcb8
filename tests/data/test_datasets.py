"""Samples: real tables out of the installed packages, unlabelled."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from sklearn import datasets

from tacit.data.datasets import sample, samples
from tacit.errors import InputError


@pytest.mark.parametrize("name", ["wine", "breast_cancer", "digits", "iris"])
def test_scikit_learns_tables_come_without_their_labels(name):
    bunch = getattr(datasets, f"load_{name}")()
    frame = sample(name)
    assert frame.column_names == list(bunch.feature_names)
    np.testing.assert_array_equal(np.column_stack([c.to_numpy() for c in frame.columns]), bunch.data)


def test_measured_targets_are_columns():
    assert sample("diabetes").column_names[-1] == "progression"
    assert sample("diabetes")["age"].to_pylist()[:2] == [59, 48]
    assert sample("linnerud").num_columns == 6


@pytest.mark.parametrize("name", ["gapminder", "tips", "wind"])
def test_plotlys_tables_are_as_plotly_gives_them(name):
    data = pytest.importorskip("plotly.data", reason="plotly is not installed")
    frame = sample(name)
    wanted = getattr(data, name)(return_type="pyarrow")
    assert frame.column_names == wanted.column_names
    for column in frame.column_names:
        if frame[column].to_pylist() != [str(v) for v in wanted[column].to_pylist()]:
            read = [float(v) for v in frame[column].to_pylist()]
            np.testing.assert_allclose(read, wanted[column].to_numpy(), rtol=1e-12)


def test_unknown_samples():
    assert len(samples()) == len(set(samples())) == 14
    with pytest.raises(InputError, match=r"no sample 'gapmynder'; did you mean 'gapminder'\? The samples are breast_"):
        sample("gapmynder")
    with pytest.raises(InputError, match=r"no sample 'zzz'\. The samples are breast_cancer, carshare"):
        sample("zzz")


def test_pandas_is_not_needed():
    code = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name in ('pandas', 'polars'): raise ModuleNotFoundError(name=name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "import numpy as np, pyarrow as pa\n"
        "from tacit import Table, as_source\n"
        "Table.read('sample:tips'); as_source('sample:wine'); as_source(pa.table({'a': [1, None]}), gaps=True)\n"
        "Table.read(np.eye(3)); as_source(np.eye(3))\n"
        "assert not {'plotly', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)
