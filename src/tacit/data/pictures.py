"""Pictures from an array file or a folder, all of one size: [n, c, h, w]."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import InputError, MissingExtraError
from ..typing import Array
from .readers import existing

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
SIDE = 64  # of pictures from files, at most


class Pictures(NamedTuple):
    """Pictures, what each is called, and what was decided about them."""

    x: Array  # [n, c, h, w]
    names: tuple[str, ...]
    notices: tuple[str, ...] = ()


def holds_pictures(path: str | os.PathLike[str]) -> bool:
    """Whether a path is a folder without tables, or an array file whose array is none: three or four axes."""
    from .files import ENDINGS

    file = Path(path)
    if file.is_dir():
        return not any(f.suffix.lower() in ENDINGS for f in file.iterdir())
    if file.suffix.lower() not in (".npy", ".npz") or not file.is_file():
        return False
    return any(len(shape) in (3, 4) for _, shape in _shapes(file))


def read_pictures(path: str | os.PathLike[str]) -> Pictures:
    """Pictures in a folder of files, or in a ``.npy`` or ``.npz`` file as [n, h, w], [n, c, h, w] or [n, h, w, c].

    Of an ``.npz`` file the largest such array is taken. Files are brought to one size, at most 64 x 64, grey where all
    are grey; this needs Pillow.

    Raises ``InputError`` where there are no pictures, ``MissingExtraError`` without Pillow for a folder.
    """
    file = Path(path)
    return _folder(file) if file.is_dir() else _array(existing(os.fspath(path)))


def as_pictures(x: Array) -> Array:
    """[n, h, w], [n, c, h, w] or [n, h, w, c] as [n, c, h, w].

    >>> as_pictures(np.zeros((5, 8, 9, 3))).shape, as_pictures(np.zeros((5, 8, 9))).shape
    ((5, 3, 8, 9), (5, 1, 8, 9))
    """
    if x.ndim == 3:
        return x[:, None]
    if x.ndim == 4 and x.shape[3] in (1, 3) and x.shape[1] not in (1, 3):
        return np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    if x.ndim == 4:
        return x
    raise InputError(f"pictures are [n, h, w], [n, c, h, w] or [n, h, w, c]; got {x.ndim} axes")


def _shapes(file: Path) -> list[tuple[str, tuple[int, ...]]]:
    """The arrays of a file and their shapes."""
    try:
        held = np.load(file, mmap_mode="r" if file.suffix.lower() == ".npy" else None, allow_pickle=False)
        if isinstance(held, np.ndarray):
            return [("", held.shape)]
        with held:
            return [(name, _header(held, name)) for name in held.files]
    except Exception:  # NumPy raises many kinds, zipfile more; who reads the file will say it
        return []


def _header(held: Any, name: str) -> tuple[int, ...]:
    """The shape of one array of an ``.npz`` file, without reading the array."""
    from numpy.lib import format as layout

    with held.zip.open(f"{name}.npy") as stream:
        version = layout.read_magic(stream)
        read = layout.read_array_header_1_0 if version == (1, 0) else layout.read_array_header_2_0
        shape: tuple[int, ...] = read(stream)[0]
        return shape


def _array(file: Path) -> Pictures:
    found = [(name, shape) for name, shape in _shapes(file) if len(shape) in (3, 4)]
    if not found:
        raise InputError(f"{file} holds no pictures: no array of three or four axes")
    name = max(found, key=lambda f: int(np.prod(f[1])))[0]
    held = np.load(file, allow_pickle=False)
    x = held if isinstance(held, np.ndarray) else held[name]
    said = (f"of {len(found)} arrays of pictures, {name!r} was taken",) if len(found) > 1 else ()
    x = as_pictures(x)
    if x.dtype.kind not in "fiub" or not len(x):
        raise InputError(f"{file} holds no pictures: an array {x.shape} of {x.dtype}")
    return Pictures(x, tuple(str(i + 1) for i in range(len(x))), said)


def _folder(folder: Path) -> Pictures:
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
    if not files:
        raise InputError(f"{folder} holds no pictures: files that end in {' '.join(SUFFIXES)}")
    try:
        from PIL import Image
    except ImportError:
        raise MissingExtraError("pictures in files need Pillow: pip install 'tacit[deep]'") from None
    sizes, grey = [], True
    for file in files:
        try:
            with Image.open(file) as picture:
                sizes.append(picture.size)
                grey = grey and picture.mode in ("1", "L", "I;16", "LA")
        except OSError as error:
            raise InputError(f"{file} is no picture that can be read: {error}") from None
    wide, high = (float(v) for v in np.median(sizes, axis=0))
    shrink = min(1.0, SIDE / max(wide, high))
    size = max(1, round(wide * shrink)), max(1, round(high * shrink))
    x = np.empty((len(files), 1 if grey else 3, size[1], size[0]), dtype=np.uint8)
    for i, file in enumerate(files):
        with Image.open(file) as picture:
            plain = picture.convert("L" if grey else "RGB").resize(size, Image.Resampling.LANCZOS)
        x[i] = as_pictures(np.asarray(plain)[None])[0]
    same = all(s == size for s in sizes)
    said = () if same else (f"pictures were brought to {size[0]} x {size[1]} pixels",)
    return Pictures(x, tuple(str(p.relative_to(folder)) for p in files), said)
