"""RETRY: key statements (PROTOCOL.md section 7)."""
from __future__ import annotations

import hashlib
from dataclasses import dataclass

from . import cbor, frames, keys
from .errors import ProtocolError

PROTECTED = bytes.fromhex("a10126")
MAX_BODY = 1024
FUTURE, AGE = 300, 7 * 24 * 3600
_FIELDS: frames.Fields = {
    1: ("role", lambda value: value in ("ns", "sfs", "mc")), 2: ("server_id", frames.ID),
    3: ("static_key", frames.B32), 4: ("key_id", frames.KEY_ID), 5: ("epoch", frames.UINT),
    6: ("issued_at", frames.TIME), 7: ("not_after", frames.TIME), 8: ("min_version", frames.UINT),
    9: ("max_version", frames.UINT), 10: ("root_key", frames.PUBLIC),
}


@dataclass(frozen=True)
class KeyStatement:
    """The payload of a RETRY."""

    role: str
    server_id: bytes
    static_key: bytes
    key_id: bytes
    epoch: int
    issued_at: int
    not_after: int
    min_version: int
    max_version: int
    root_key: bytes


@dataclass(frozen=True)
class Expected:
    """What the phone holds when it reads a RETRY."""

    root_pin: bytes
    role: str
    server_id: bytes
    epoch: int


def _signed_bytes(payload: bytes) -> bytes:
    return cbor.encode(["Signature1", PROTECTED, b"", payload])


def sign(root: keys.PrivateKey, statement: KeyStatement) -> bytes:
    """The body of a RETRY."""
    payload = cbor.encode(frames.write_map(vars(statement), _FIELDS))
    return cbor.encode([PROTECTED, {}, payload, keys.sign(root, _signed_bytes(payload))])


def _payload_and_signature(body: bytes) -> tuple[bytes, bytes]:
    if len(body) > MAX_BODY:
        raise ProtocolError("statement too long")
    match cbor.decode(body):
        case [bytes() as protected, dict() as unprotected, bytes() as payload, bytes() as signature] if (
                protected == PROTECTED and not unprotected):
            return payload, signature
    raise ProtocolError("not a COSE_Sign1 of ours")


def verify(body: bytes, expected: Expected, now: int) -> KeyStatement:
    """Return the statement if every rule of section 7 holds."""
    payload, signature = _payload_and_signature(body)
    statement = KeyStatement(**frames.read_map(cbor.decode_map(payload), _FIELDS))
    rules = {
        "root pin": hashlib.sha256(statement.root_key).digest() == expected.root_pin,
        "role": statement.role == expected.role,
        "server id": statement.server_id == expected.server_id,
        "key id": keys.key_id(statement.static_key) == statement.key_id,
        "from the future": statement.issued_at <= now + FUTURE,
        "too old": statement.issued_at >= now - AGE,
        "not after": now < statement.not_after,
        "epoch": statement.epoch > expected.epoch,
        "version": statement.min_version <= 1 <= statement.max_version,
    }
    broken = [rule for rule, holds in rules.items() if not holds]
    if broken:
        raise ProtocolError(f"key statement refused: {', '.join(broken)}")
    keys.verify(statement.root_key, _signed_bytes(payload), signature)
    return statement
