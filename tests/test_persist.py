"""What is saved comes back; what is damaged, foreign or missing is refused by name."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tacit import persist
from tacit.base import Estimator
from tacit.data.table import ColumnSchema, Kind, Schema
from tacit.errors import ModelFileError, TacitWarning


class Box(Estimator):
    """A user's estimator, with anything as its parameter and anything learned."""

    def __init__(self, content: object = None) -> None:
        self.content = content

    def learn(self, value: object) -> Box:
        self.value_ = value
        return self


def through(value: object, tmp: Path, **given: object) -> object:
    path = tmp / "box.tacit"
    Box().learn(value).save(path)
    return persist.load(path, classes=[Box], **given).value_


numbers = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text())
values = st.recursive(
    numbers,
    lambda v: st.lists(v) | st.tuples(v, v) | st.dictionaries(st.text(), v) | st.dictionaries(st.integers(), v),
    max_leaves=8,
)
arrays = hnp.arrays(
    st.sampled_from([np.float16, np.float32, np.float64, np.int8, np.int32, np.int64, np.uint64, np.bool_]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)


def same(a: object, b: object) -> bool:
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a):
        return math.isnan(b)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    return type(a) is type(b) and a == b


@given(values)
def test_plain_values_return_as_they_were(tmp_path_factory, value):
    assert same(value, through(value, tmp_path_factory.mktemp("box")))


@given(arrays, st.sampled_from(["C", "F"]))
def test_arrays_return_bit_for_bit(tmp_path_factory, array, order):
    array = np.asarray(array, order=order)
    back = through(array, tmp_path_factory.mktemp("box"))
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()


def test_views_of_any_stride_return_as_their_values(tmp_path):
    base = np.arange(24.0).reshape(4, 6)
    for view in (base[::2, ::3], base[:, ::-1], base.T, np.broadcast_to(base[0], (3, 6))):
        np.testing.assert_array_equal(through(view, tmp_path), view)


def test_records_names_scalars_and_generators_return(tmp_path):
    schema = Schema((ColumnSchema("age", Kind.NUMBER, step=1.0), ColumnSchema("job", Kind.CATEGORY, ("a", "b"))))
    assert through(schema, tmp_path) == schema
    names = np.array(["age", "job"], dtype=object)
    back = through(names, tmp_path)
    assert back.dtype == object
    assert list(back) == list(names)
    assert through(np.float32(1.5), tmp_path) == np.float32(1.5)
    assert type(through(np.float32(1.5), tmp_path)) is np.float32
    assert through(np.dtype("float32"), tmp_path) == np.float32
    rng, legacy = np.random.default_rng(3), np.random.RandomState(3)
    rng.random(5)
    legacy.normal(size=3)
    back_rng, back_legacy = through(rng, tmp_path), through(legacy, tmp_path)
    assert back_rng.random() == rng.random()
    assert back_legacy.normal() == legacy.normal()  # the cached second normal travels too


def test_estimators_nest(tmp_path):
    path = tmp_path / "outer.tacit"
    inner = Box(content=[1, 2]).learn(np.arange(3))
    Box(content=inner).save(path)
    back = persist.load(path, classes=[Box]).content
    assert back.content == [1, 2]
    np.testing.assert_array_equal(back.value_, inner.value_)


def test_what_is_the_users_is_asked_for(tmp_path):
    path = tmp_path / "box.tacit"
    with pytest.warns(TacitWarning, match="content"):
        Box(content=math.hypot).save(path)
    with pytest.raises(ModelFileError, match=r"classes=\[Box\]"):
        persist.load(path)
    with pytest.raises(ModelFileError, match=r"content was saved by name only \(hypot\)"):
        persist.load(path, classes=[Box])
    assert persist.load(path, classes=[Box], content=math.hypot).content is math.hypot


@pytest.mark.parametrize("value", [object(), 1 + 2j, {1, 2}, np.array([object()]), np.array([1j])])
def test_what_has_no_form_is_refused_by_name(tmp_path, value):
    with pytest.raises(ModelFileError, match="value_ cannot be saved"):
        Box().learn(value).save(tmp_path / "box.tacit")
    assert not list(tmp_path.iterdir())


def test_a_missing_file_a_foreign_file_a_newer_file(tmp_path):
    from safetensors.numpy import save_file

    with pytest.raises(FileNotFoundError, match=r"nothing\.tacit"):
        persist.load(tmp_path / "nothing.tacit")
    (tmp_path / "text.tacit").write_text("not a model")
    with pytest.raises(ModelFileError, match="not a tacit model"):
        persist.load(tmp_path / "text.tacit")
    save_file({"w": np.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelFileError, match="but not a tacit model"):
        persist.load(tmp_path / "other.safetensors")
    content = {"format": 99, "tacit": "9.0", "sha256": "", "model": {}}
    save_file({}, tmp_path / "new.tacit", {"tacit": json.dumps(content)})
    with pytest.raises(ModelFileError, match=r"tacit 9\.0 .* upgrade"):
        persist.load(tmp_path / "new.tacit")


def test_no_flipped_bit_and_no_cut_goes_unnoticed(tmp_path):
    path = tmp_path / "box.tacit"
    Box(content="x").learn(np.arange(6.0)).save(path)
    whole = path.read_bytes()
    flipped = (
        whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :] for at in range(len(whole)) for bit in range(8)
    )
    for damaged in (*(whole[:n] for n in range(len(whole))), *flipped):
        path.write_bytes(damaged)
        try:
            back = persist.load(path, classes=[Box])
        except ModelFileError:
            continue
        # the flip hit what carries no meaning: padding, or the version that wrote the file
        assert back.content == "x"
        np.testing.assert_array_equal(back.value_, np.arange(6.0))


def test_saving_over_a_model_is_atomic(tmp_path, monkeypatch):
    path = tmp_path / "box.tacit"
    Box().learn(1).save(path)
    monkeypatch.setattr("os.fsync", lambda fd: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        Box().learn(2).save(path)
    assert persist.load(path, classes=[Box]).value_ == 1
    assert [p.name for p in tmp_path.iterdir()] == ["box.tacit"]


def test_the_header_is_readable_without_tacit(tmp_path):
    path = tmp_path / "box.tacit"
    Box(content=2).save(path)
    raw = path.read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    tree = json.loads(header["__metadata__"]["tacit"])["model"]["tree"]
    assert tree["estimator"] == "Box"
    assert tree["parameters"] == {"content": 2}
