"""Bytes as text in a page: gzip, then base 85, whose alphabet has nothing that HTML could take for a tag."""

from __future__ import annotations

import base64
import gzip
import hashlib
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

_TO = bytes.maketrans(b"<>&", b",.:")  # of the characters of RFC 1924, the three that mean something in HTML
_FROM = bytes.maketrans(b",.:", b"<>&")


class Packed(NamedTuple):
    """The text, and how many bytes it stands for before the filling up to a multiple of four."""

    text: str
    size: int


def pack(data: bytes) -> Packed:
    """The data compressed, five characters for four bytes; ``page.js`` unpacks them.

    >>> packed = pack(b"x" * 1000)
    >>> len(packed.text) < 60 and not set(packed.text) & set("<>&'/ ")
    True
    """
    small = gzip.compress(data, 9, mtime=0)
    return Packed(base64.b85encode(small, pad=True).translate(_TO).decode("ascii"), len(small))


def unpack(packed: Packed) -> bytes:
    """What ``pack`` packed.

    >>> unpack(pack(b"abc"))
    b'abc'
    """
    return gzip.decompress(base64.b85decode(packed.text.encode("ascii").translate(_FROM))[: packed.size])


def digest(script: bytes) -> str:
    """The source that a content security policy lets run: this script and no other."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'"


@lru_cache(maxsize=1)
def plotly() -> tuple[Packed, str]:
    """The script of the installed Plotly, packed, and its digest."""
    script = (files("plotly") / "package_data" / "plotly.min.js").read_bytes()
    return pack(script), digest(script)
