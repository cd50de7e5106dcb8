"""The worked uses, in small: what they promise holds."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "examples"


@pytest.fixture
def example(monkeypatch):
    """An example by its name, as a module."""
    monkeypatch.syspath_prepend(str(FOLDER))

    def load(name: str) -> ModuleType:
        return importlib.import_module(name)

    return load


def test_near_duplicates(example, shared_data):
    found = example("near_duplicates").main(str(shared_data / "olivetti" / "olivetti.npz"), persons=12)
    assert found["recall"] >= 0.95
    assert found["precision"] > 0.5


def test_the_same_picture_in_other_light_is_no_distance_away(example):
    module, g = example("near_duplicates"), np.random.default_rng(0)
    a = g.uniform(50, 180, (64, 64)).astype(np.float32)
    assert module.apart(a, a) == 0
    assert module.apart(1.2 * a + 10, a) < 0.01
    assert module.apart(np.roll(a, 1, axis=0), a) == 0
    assert module.apart(g.permutation(a.ravel()).reshape(64, 64), a) > 20


def test_compression(example, shared_data):
    module = example("compression")
    with np.load(shared_data / "mnist" / "mnist.npz") as file:
        curves = module.curves(file["x_train"][:300, :, :], file["x_test"][:100])
    for curve in curves.values():
        bits, quality = np.array(curve).T
        assert (np.diff(bits) > 0).all()  # more bits, better pictures
        assert (np.diff(quality) > 0).all()
    x = np.arange(2 * 8 * 8.0).reshape(2, 8, 8)
    np.testing.assert_array_equal(module.together(module.patches(x), x), x)
    assert module.entropy(np.array([0, 1, 2, 3])) == 2


def test_user_groups(example, tmp_path, capsys):
    g = np.random.default_rng(0)
    z = g.integers(0, 2, 400)
    rows = ["age,plan,visits,left"]
    for kind in z:
        age = g.normal((25, 55)[kind], 4)
        plan = "free" if g.random() < (0.9, 0.2)[kind] else "paid"
        visits = "" if g.random() < 0.1 else str(g.poisson((12, 2)[kind]))
        rows.append(f"{age:.1f},{plan},{visits},{'yes' if g.random() < (0.1, 0.6)[kind] else 'no'}")
    path = tmp_path / "users.csv"
    path.write_text("\n".join(rows))
    found = example("user_groups").main(str(path))
    assert found["groups"] == 2
    assert found["agreement"] > 0.95
    assert found["gain"] > 1
    assert abs(found["shares"][0][1] - found["shares"][1][1]) > 0.3  # those who leave
    assert "group 1" in capsys.readouterr().out
