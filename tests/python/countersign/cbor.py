"""Deterministic CBOR, exactly the subset of PROTOCOL.md section 5.

Values are `int`, `bytes`, `str`, `bool`, `list` and `dict` whose keys are unsigned integers.
"""
from __future__ import annotations

from typing import TypeAlias, Union

from .errors import ProtocolError

Value: TypeAlias = Union[int, bytes, str, bool, list["Value"], dict[int, "Value"]]
MAX_DEPTH = 8


class CborError(ProtocolError):
    """Not in the subset, or not in its only allowed encoding."""


def encode(value: Value) -> bytes:
    """Encode `value`: shortest forms, map keys in bytewise order."""
    return _encode(value, 0)


def decode(data: bytes) -> Value:
    """Decode one item; refuse everything that is not its deterministic encoding."""
    value, end = _decode(data, 0, 0)
    if end != len(data):
        raise CborError("bytes after the item")
    return value


def decode_map(data: bytes) -> dict[int, Value]:
    """Decode an item that must be a map."""
    value = decode(data)
    if not isinstance(value, dict):
        raise CborError("not a map")
    return value


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << (8 * size):
            return bytes([major << 5 | info]) + number.to_bytes(size, "big")
    raise CborError("number too large")


def _encode(value: Value, depth: int) -> bytes:
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        text = value.encode("utf-8")
        return _head(3, len(text)) + text
    if depth >= MAX_DEPTH:
        raise CborError("too deep")
    if isinstance(value, list):
        return _head(4, len(value)) + b"".join(_encode(item, depth + 1) for item in value)
    if isinstance(value, dict):
        pairs = []
        for key, item in value.items():
            if isinstance(key, bool) or not isinstance(key, int) or key < 0:
                raise CborError("a key is not an unsigned integer")
            pairs.append((_head(0, key), _encode(item, depth + 1)))
        return _head(5, len(pairs)) + b"".join(key + item for key, item in sorted(pairs))
    raise CborError(f"{type(value).__name__} is not in the subset")


def _take(data: bytes, at: int, size: int) -> tuple[bytes, int]:
    if size > len(data) - at:
        raise CborError("truncated")
    return data[at:at + size], at + size


def _decode_head(data: bytes, at: int) -> tuple[int, int, int, int]:
    first, at = _take(data, at, 1)
    major, info = first[0] >> 5, first[0] & 31
    if info < 24:
        return major, info, info, at
    if info > 27:
        raise CborError("indefinite length or reserved head")
    size = 1 << (info - 24)
    raw, at = _take(data, at, size)
    number = int.from_bytes(raw, "big")
    if major != 7 and (number < 24 or (size > 1 and number < 1 << (4 * size))):
        raise CborError("not the shortest form")
    return major, info, number, at


def _decode(data: bytes, at: int, depth: int) -> tuple[Value, int]:
    major, info, number, at = _decode_head(data, at)
    if major == 0:
        return number, at
    if major == 1:
        return -1 - number, at
    if major == 2:
        return _take(data, at, number)
    if major == 3:
        raw, at = _take(data, at, number)
        try:
            return raw.decode("utf-8"), at
        except UnicodeDecodeError:
            raise CborError("text is not UTF-8") from None
    if major in (4, 5):
        if depth >= MAX_DEPTH:
            raise CborError("too deep")
        return _decode_list(data, at, number, depth) if major == 4 else _decode_map(data, at, number, depth)
    if major == 7 and info in (20, 21):
        return info == 21, at
    raise CborError("tag, float, null, undefined or unknown simple value")


def _decode_list(data: bytes, at: int, count: int, depth: int) -> tuple[Value, int]:
    items: list[Value] = []
    for _ in range(count):
        item, at = _decode(data, at, depth + 1)
        items.append(item)
    return items, at


def _decode_map(data: bytes, at: int, count: int, depth: int) -> tuple[Value, int]:
    pairs: dict[int, Value] = {}
    last = -1
    for _ in range(count):
        major, _info, key, at = _decode_head(data, at)
        if major != 0:
            raise CborError("a key is not an unsigned integer")
        if key <= last:
            raise CborError("keys out of order or twice")
        last = key
        pairs[key], at = _decode(data, at, depth + 1)
    return pairs, at
