"""Outer frames (PROTOCOL.md section 3), padding (section 5), sealing and opening (section 4)."""
from __future__ import annotations

import hashlib

from .errors import ProtocolError
from .noise import MESSAGE_1_SIZE, MESSAGE_2_OVERHEAD, TAG, Transport

VERSION = 1
HELLO, HELLO_OK, RETRY, DATA, CLOSE = 0x01, 0x02, 0x03, 0x10, 0x1F
BUCKETS = (256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
MAX_OUTER = 2 + BUCKETS[-1] + TAG  # 32,786
MAX_MESSAGES = 1 << 20


def outer(kind: int, body: bytes) -> bytes:
    """`version ‖ type ‖ body`."""
    return bytes([VERSION, kind]) + body


def parse_outer(message: bytes) -> tuple[int, bytes]:
    """Split an outer frame; refuse unknown versions, types and lengths."""
    if len(message) < 2 or message[0] != VERSION:
        raise ProtocolError("not an outer frame of version 1")
    kind, body = message[1], message[2:]
    fits = {
        HELLO: len(body) == 8 + MESSAGE_1_SIZE,
        HELLO_OK: MESSAGE_2_OVERHEAD <= len(body) <= MAX_OUTER - 2,
        RETRY: 1 <= len(body) <= 1024,
        DATA: len(body) - TAG in BUCKETS,
        CLOSE: len(body) == 2,
    }
    if not fits.get(kind, False):
        raise ProtocolError("unknown type or wrong length of an outer frame")
    return kind, body


def pad(content: bytes) -> bytes:
    """`u16 n ‖ content ‖ zeros` in the smallest bucket."""
    for bucket in BUCKETS:
        if len(content) + 2 <= bucket:
            return len(content).to_bytes(2, "big") + content + bytes(bucket - 2 - len(content))
    raise ProtocolError("content too large")


def unpad(plaintext: bytes) -> bytes:
    """Reverse of `pad`, which has exactly one right answer."""
    if len(plaintext) not in BUCKETS:
        raise ProtocolError("not a padding bucket")
    size = int.from_bytes(plaintext[:2], "big")
    if size + 2 > len(plaintext):
        raise ProtocolError("length beyond the plaintext")
    content = plaintext[2:2 + size]
    if pad(content) != plaintext:
        raise ProtocolError("bucket too large or padding not zero")
    return content


def channel_binding(h: bytes) -> bytes:
    """cb, section 4."""
    return hashlib.sha256(b"countersign/cb/v1" + h).digest()


class Channel:
    """An established channel: contents in, outer DATA frames out, and back."""

    def __init__(self, transport: Transport, max_outer: int = MAX_OUTER) -> None:
        self._transport = transport
        self.max_outer = max_outer
        self.h = transport.h
        self.cb = channel_binding(transport.h)

    def seal(self, content: bytes) -> bytes:
        if self._transport.send.n >= MAX_MESSAGES:
            raise ProtocolError("message limit reached, connect again")
        plaintext = pad(content)
        if 2 + len(plaintext) + TAG > self.max_outer:
            raise ProtocolError("larger than the peer accepts")
        return outer(DATA, self._transport.send.encrypt(plaintext))

    def open(self, message: bytes) -> bytes:
        kind, body = parse_outer(message)
        if kind != DATA:
            raise ProtocolError("not DATA")
        if self._transport.receive.n >= MAX_MESSAGES:
            raise ProtocolError("message limit reached, connect again")
        return unpad(self._transport.receive.decrypt(body))
