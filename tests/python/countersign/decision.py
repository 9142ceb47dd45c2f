"""Decision and vouch, compact JWSs (PROTOCOL.md sections 5.2 and 5.5), and the two channel signatures (section 5.1)."""
from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass
from typing import Any

from . import keys
from .errors import ProtocolError

REASONS = ("declined", "not_me", "no_second_factor")


def channel_auth_message(role: str, server_id: bytes, h: bytes, jkt: bytes) -> bytes:
    """What an account signs to authenticate."""
    return b"countersign/channel-auth/v1\0" + role.encode() + b"\0" + server_id + h + jkt


def enrol_message(role: str, server_id: bytes, h: bytes, challenge: bytes, jkt: bytes) -> bytes:
    """What a new key signs to enrol."""
    return b"countersign/enrol/v1\0" + role.encode() + b"\0" + server_id + h + challenge + jkt


def context_hash(context: bytes) -> bytes:
    """The claim `ctx`, before base64url."""
    return hashlib.sha256(b"countersign/login-ctx/v1\0" + context).digest()


@dataclass(frozen=True)
class Answer:
    """What the user says to which login."""

    login: bytes
    realm: bytes
    context: bytes
    reason: str | None = None  # None approves
    number: str | None = None  # what the browser shows, where `digits` asked for it
    attestation: str | None = None  # that goes with it

    typ = "cs-login+jwt"

    def claims(self) -> dict[str, Any]:
        """All of them but `iat` and `cb`."""
        if self.reason is not None and (self.reason not in REASONS or self.number is not None
                                        or self.attestation is not None):
            raise ValueError("reason")
        att = None if self.attestation is None else keys.b64(hashlib.sha256(self.attestation.encode()).digest())
        return {
            "login": str(uuid.UUID(bytes=self.login)), "realm": str(uuid.UUID(bytes=self.realm)),
            "ctx": keys.b64(context_hash(self.context)), "decision": "refuse" if self.reason else "approve",
        } | _without_none({"reason": self.reason, "number": self.number, "att": att})


@dataclass(frozen=True)
class Vouch:
    """What the user says to a new phone, on an old one (section 5.5)."""

    enrolment: bytes
    realm: bytes
    jkt: bytes  # of the new phone's key
    number: str | None  # what the new phone shows; None refuses

    typ = "cs-vouch+jwt"

    def claims(self) -> dict[str, Any]:
        """All of them but `iat` and `cb`."""
        return {
            "enrolment": str(uuid.UUID(bytes=self.enrolment)), "realm": str(uuid.UUID(bytes=self.realm)),
            "jkt": keys.b64(self.jkt), "decision": "refuse" if self.number is None else "approve",
        } | _without_none({"number": self.number})


def _without_none(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def sign(key: keys.PrivateKey, typ: str, claims: dict[str, Any]) -> str:
    """A compact JWS with our header."""
    said = {"alg": "ES256", "typ": typ, "kid": keys.b64(keys.thumbprint(keys.public_bytes(key)))}
    signing_input = ".".join(keys.b64(json.dumps(part, separators=(",", ":")).encode()) for part in (said, claims))
    return f"{signing_input}.{keys.b64(keys.sign(key, signing_input.encode()))}"


def make(key: keys.PrivateKey, answer: Answer | Vouch, cb: bytes, iat: int) -> str:
    """Sign `answer` for the connection whose channel binding is `cb`."""
    return sign(key, answer.typ, answer.claims() | {"iat": iat, "cb": keys.b64(cb)})


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ProtocolError("a member twice")
    return members


def _object(encoded: str) -> dict[str, Any]:
    try:
        value = json.loads(keys.unb64(encoded).decode("utf-8"), object_pairs_hook=_no_duplicates)
    except ValueError as error:
        raise ProtocolError("not JSON") from error
    if not isinstance(value, dict):
        raise ProtocolError("not a JSON object")
    return value


def read(jws: str, public_key: bytes, typ: str) -> dict[str, Any]:
    """The claims of a compact JWS with our header by this key."""
    parts = jws.split(".")
    if len(parts) != 3 or len(jws) > 2048:
        raise ProtocolError("not a compact JWS")
    keys.verify(public_key, ".".join(parts[:2]).encode(), keys.unb64(parts[2]))
    if header(jws) != {"alg": "ES256", "typ": typ, "kid": keys.b64(keys.thumbprint(public_key))}:
        raise ProtocolError("header")
    return _object(parts[1])


def header(jws: str) -> dict[str, Any]:
    """What a JWS says of itself; `read` compares it."""
    return _object(jws.partition(".")[0])


def verify(jws: str, public_key: bytes, answer: Answer | Vouch, cb: bytes | None = None) -> dict[str, Any]:
    """Return the claims if `jws` is exactly this answer by this key; `cb=None` does not compare the binding."""
    claims = read(jws, public_key, answer.typ)
    expected = answer.claims()
    rest = {name: value for name, value in claims.items() if name not in expected}
    if {name: claims.get(name) for name in expected} != expected or set(rest) != {"iat", "cb"}:
        raise ProtocolError("claims")
    if type(rest["iat"]) is not int or not isinstance(rest["cb"], str) or len(keys.unb64(rest["cb"])) != 32:
        raise ProtocolError("iat or cb")
    if cb is not None and rest["cb"] != keys.b64(cb):
        raise ProtocolError("signed for another channel")
    return claims
