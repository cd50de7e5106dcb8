"""Bytes that travel as text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tacit.report.pack import pack, plotly, unpack


@given(st.binary(max_size=300))
def test_what_is_packed_comes_back(data: bytes) -> None:
    packed = pack(data)
    assert unpack(packed) == data
    assert not set(packed.text) & set("<>&'\"/\\ ")


def test_plotly_is_well_below_two_megabytes() -> None:
    packed, digest = plotly()
    assert len(packed.text) < 1_900_000
    assert b"newPlot" in unpack(packed)
    assert digest.startswith("'sha256-")
