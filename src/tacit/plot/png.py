"""Arrays as PNG files, and pictures side by side as one."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np

from ..typing import Array


def png(x: Array) -> bytes:
    """Pixels of bytes as a PNG file (ISO/IEC 15948): header, compressed rows, end.

    [h, w] is grey; the last axis of [h, w, c] holds grey and opacity, a colour, or a colour and opacity.

    >>> png(np.zeros((2, 3), np.uint8))[:8]
    b'\\x89PNG\\r\\n\\x1a\\n'
    """
    h, w = x.shape[:2]
    rows = np.concatenate([np.zeros((h, 1), np.uint8), np.ascontiguousarray(x, np.uint8).reshape(h, -1)], axis=1)
    kind_of_pixel = {1: 0, 2: 4, 3: 2, 4: 6}[1 if x.ndim == 2 else x.shape[2]]
    header = struct.pack(">IIBBBBB", w, h, 8, kind_of_pixel, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )


def uri(x: Array) -> str:
    """The same as an address that holds the whole picture."""
    return "data:image/png;base64," + base64.b64encode(png(x)).decode("ascii")


def pixels(pictures: Array, low: float = 0.0, high: float = 1.0) -> Array:
    """Pictures [..., c, h, w] as bytes [..., h, w] or [..., h, w, 3]; ``low`` is black and ``high`` white.

    >>> pixels(np.array([[[[0.0, 0.5, 2.0]]]])).tolist()
    [[[0, 128, 255]]]
    """
    x = np.clip((np.asarray(pictures, dtype=np.float64) - low) / ((high - low) or 1.0), 0, 1)
    x = np.rint(255 * x).astype(np.uint8)
    if x.shape[-3] == 3:
        return np.moveaxis(x, -3, -1)
    first: Array = x[..., 0, :, :]
    return first


def opaque(x: Array, where: Array) -> Array:
    """Pictures [..., h, w(, 3)] of bytes with opacity: those ``where`` is false [...] are not seen.

    >>> opaque(np.full((2, 1, 1), 9, np.uint8), np.array([True, False])).tolist()
    [[[[9, 255]]], [[[9, 0]]]]
    """
    x = x[..., None] if x.ndim == where.ndim + 2 else x
    seen = np.broadcast_to(where.reshape(*where.shape, 1, 1, 1), (*x.shape[:-1], 1))
    return np.concatenate([x, 255 * seen.astype(np.uint8)], axis=-1)


def mosaic(x: Array, gap: int = 1, ground: int = 128) -> Array:
    """Pictures [rows, columns, h, w(, c)] of bytes as one, ``gap`` pixels apart.

    >>> mosaic(np.zeros((2, 3, 4, 5), np.uint8)).shape
    (9, 17)
    """
    r, c, h, w = x.shape[:4]
    out = np.full((r * (h + gap) - gap, c * (w + gap) - gap, *x.shape[4:]), ground, np.uint8)
    for i in range(r):
        for j in range(c):
            out[i * (h + gap) : i * (h + gap) + h, j * (w + gap) : j * (w + gap) + w] = x[i, j]
    return out
