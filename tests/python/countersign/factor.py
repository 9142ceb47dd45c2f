"""What a second factor is attested for, and how an attestation is judged (PROTOCOL.md section 9.4)."""
from __future__ import annotations

import hashlib
import os
import uuid
from dataclasses import dataclass, field
from typing import Any

from . import decision, keys
from .errors import ProtocolError

ATTESTATION, KEY_LIST = "cs-2fa+jwt", "cs-sfs-keys+jwt"
POLICIES = ("lock", "wipe", "psd2")
LIFETIME, TOLERANCE, MAX_KEYS = 60, 5, 4


def lp(data: bytes) -> bytes:
    """`u32 length ‖ data`."""
    return len(data).to_bytes(4, "big") + data


@dataclass(frozen=True)
class Occasion:
    """For which account, on which channel, for what."""

    server_id: bytes  # NS's: the realm
    challenge: bytes
    cb: bytes
    jkt: bytes
    purpose: str  # "enrol" or "login"
    payload: bytes = b""  # the context bytes of a login

    def ctx(self, r: bytes) -> bytes:
        """The second-factor context, all that SFS sees."""
        parts = (r, self.server_id, self.challenge, self.cb, self.jkt, self.purpose.encode(),
                 hashlib.sha256(self.payload).digest())
        return hashlib.sha256(b"countersign/2fa-ctx/v1\0" + b"".join(lp(part) for part in parts)).digest()


def fresh_r() -> bytes:
    return os.urandom(32)


@dataclass(frozen=True)
class Proof:
    """An attestation, with what NS needs to judge it."""

    factor: bytes  # kept with the account
    attestation: str
    key_list: str
    r: bytes

    def fields(self) -> dict[str, Any]:
        """As `enrol` and `decide` carry it."""
        return {"attestation": self.attestation, "key_list": self.key_list, "r": self.r}


@dataclass(frozen=True)
class Key:
    """An attestation key of a key list."""

    public_key: bytes
    nbf: int
    exp: int


@dataclass(frozen=True)
class KeyList:
    """A key list whose signature is good."""

    iss: str
    seq: int
    keys: dict[str, Key]
    iat: int
    exp: int


@dataclass
class Judge:
    """What NS has and remembers to judge the attestations of one root."""

    root: bytes  # public key
    newest: KeyList | None = None
    killed: set[str] = field(default_factory=set)  # thumbprints
    used: set[tuple[str, str]] = field(default_factory=set)


@dataclass(frozen=True)
class Expected:
    """What an attestation must say."""

    ctx: bytes
    factor: bytes | None = None  # None: whichever, at an enrolment
    claimed_at: int | None = None  # at greatest age 0: the PIN was proven after that
    greatest_age: int | None = None  # otherwise


def _number(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ProtocolError("not a number")
    return value


def _bytes(value: Any, size: int) -> bytes:
    data = keys.unb64(value) if isinstance(value, str) else b""
    if len(data) != size:
        raise ProtocolError("not so many bytes in base64url")
    return data


def _uuid(value: Any) -> bytes:
    try:
        parsed = uuid.UUID(value)
    except (ValueError, AttributeError, TypeError) as error:
        raise ProtocolError("not a UUID") from error
    if str(parsed) != value:
        raise ProtocolError("not the text of a UUID")
    return parsed.bytes


def _members(value: Any, *names: str) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != set(names):
        raise ProtocolError("members")
    return value


def read_key_list(jws: str, root: bytes) -> KeyList:
    """A key list by this root."""
    claims = _members(decision.read(jws, root, KEY_LIST), "iss", "seq", "keys", "iat", "exp")
    _uuid(claims["iss"])
    listed: dict[str, Key] = {}
    if not isinstance(claims["keys"], list) or not 1 <= len(claims["keys"]) <= MAX_KEYS:
        raise ProtocolError("too few or too many keys")
    for entry in claims["keys"]:
        _members(entry, "kid", "key", "nbf", "exp")
        public_key = _bytes(entry["key"], 65)
        keys.check_public(public_key)
        kid = keys.b64(keys.thumbprint(public_key))
        if entry["kid"] != kid or kid in listed:
            raise ProtocolError("a key id that is not the key's, or a key twice")
        listed[kid] = Key(public_key, _number(entry["nbf"]), _number(entry["exp"]))
    return KeyList(claims["iss"], _number(claims["seq"]), listed, _number(claims["iat"]), _number(claims["exp"]))


def read_attestation(jws: str, public_key: bytes) -> dict[str, Any]:
    """The claims of an attestation by this key, in the right form."""
    claims = _members(decision.read(jws, public_key, ATTESTATION),
                      "iss", "sub", "ctx", "amr", "policy", "auth_time", "iat", "exp", "jti")
    _uuid(claims["iss"])
    _uuid(claims["sub"])
    _bytes(claims["ctx"], 32)
    _bytes(claims["jti"], 16)
    for name in ("auth_time", "iat", "exp"):
        _number(claims[name])
    if claims["amr"] != ["pin"] or claims["policy"] not in POLICIES:
        raise ProtocolError("amr or policy")
    if not claims["auth_time"] <= claims["iat"] <= claims["exp"] <= claims["iat"] + LIFETIME:
        raise ProtocolError("lifetime")
    return claims


def verify(judge: Judge, attestation: str, key_list: str, expected: Expected, now: int) -> dict[str, Any]:
    """The claims, if NS accepts this now; `judge` remembers it."""
    given = read_key_list(key_list, judge.root)
    current = given if judge.newest is None or given.seq > judge.newest.seq else judge.newest
    judge.newest = current
    if now >= current.exp:
        raise ProtocolError("the key list is over")
    kid = decision.header(attestation).get("kid")
    if not isinstance(kid, str) or kid not in current.keys or kid in judge.killed:
        raise ProtocolError("not a listed key")
    key = current.keys[kid]
    claims = read_attestation(attestation, key.public_key)
    once = (claims["iss"], claims["jti"])
    rules = {
        "iss": claims["iss"] == current.iss,
        "not one of the key's times": key.nbf <= claims["iat"] < key.exp,
        "from the future": claims["iat"] <= now + TOLERANCE,
        "over": claims["exp"] >= now - TOLERANCE,
        "sub": expected.factor is None or claims["sub"] == str(uuid.UUID(bytes=expected.factor)),
        "ctx": claims["ctx"] == keys.b64(expected.ctx),
        "proven before the claim": expected.claimed_at is None
                                   or claims["auth_time"] >= expected.claimed_at - TOLERANCE,
        "proven too long ago": expected.greatest_age is None
                               or claims["auth_time"] >= now - expected.greatest_age - TOLERANCE,
        "used before": once not in judge.used,
    }
    broken = [rule for rule, holds in rules.items() if not holds]
    if broken:
        raise ProtocolError(f"attestation refused: {', '.join(broken)}")
    judge.used.add(once)
    return claims
