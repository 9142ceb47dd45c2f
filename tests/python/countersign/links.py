"""Links and QR codes (PROTOCOL.md section 6)."""
from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from typing import Union
from urllib.parse import urlsplit

from . import cbor, frames, keys
from .errors import ProtocolError

MAX_TEXT = 2048


@dataclass(frozen=True)
class EnrolLink:
    """`#e1.`"""

    url: str
    realm: bytes
    root_pin: bytes
    static_key: bytes
    key_id: bytes
    epoch: int
    code: bytes


@dataclass(frozen=True)
class QrCode:
    """`#q1.`"""

    realm: bytes
    login: bytes
    t: int
    mac: bytes


@dataclass(frozen=True)
class LoginLink:
    """`#l1.`"""

    realm: bytes
    login: bytes
    token: bytes


@dataclass(frozen=True)
class SfsLink:
    """`#s1.`"""

    url: str
    server_id: bytes
    root_pin: bytes
    static_key: bytes
    key_id: bytes
    epoch: int


Link = Union[EnrolLink, QrCode, LoginLink, SfsLink]
_ENROL: frames.Fields = {
    1: ("url", frames.TEXT), 2: ("realm", frames.ID), 3: ("root_pin", frames.B32), 4: ("static_key", frames.B32),
    5: ("key_id", frames.KEY_ID), 6: ("epoch", frames.UINT), 7: ("code", frames.CODE),
}
_SFS: frames.Fields = {
    1: ("url", frames.TEXT), 2: ("server_id", frames.ID), 3: ("root_pin", frames.B32), 4: ("static_key", frames.B32),
    5: ("key_id", frames.KEY_ID), 6: ("epoch", frames.UINT),
}


def check_socket_url(url: str) -> None:
    """`wss://`, or `ws://` to a loopback address (section 2)."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError as error:
        raise ProtocolError("not a URL") from error
    if parts.scheme == "wss" and host:
        return
    if parts.scheme != "ws":
        raise ProtocolError("not a WebSocket URL")
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ProtocolError("ws:// is for loopback addresses only")


def qr_mac(key: bytes, realm: bytes, login: bytes, t: int) -> bytes:
    """Made by NS; here for vectors."""
    return hmac.digest(key, b"countersign/qr/v1\0" + realm + login + t.to_bytes(4, "big"), "sha256")[:16]


def parse(text: str) -> Link:
    """Read any of the four; refuse everything else."""
    if len(text.encode()) > MAX_TEXT:
        raise ProtocolError("text too long")
    _before, hash_sign, fragment = text.partition("#")
    kind, dot, encoded = fragment.partition(".")
    if not hash_sign or not dot:
        raise ProtocolError("no payload")
    payload = keys.unb64(encoded)
    if kind in ("e1", "s1"):
        pairs = cbor.decode_map(payload)
        link = EnrolLink(**frames.read_map(pairs, _ENROL)) if kind == "e1" else SfsLink(**frames.read_map(pairs, _SFS))
        if keys.key_id(link.static_key) != link.key_id:
            raise ProtocolError("key id does not belong to the static key")
        check_socket_url(link.url)
        return link
    if kind == "q1" and len(payload) == 52:
        return QrCode(payload[:16], payload[16:32], int.from_bytes(payload[32:36], "big"), payload[36:])
    if kind == "l1" and len(payload) == 48:
        return LoginLink(payload[:16], payload[16:32], payload[32:])
    raise ProtocolError("unknown kind, version or length")


def text(base: str, link: Link) -> str:
    """The URL of a link, `base` being everything before `#`."""
    if isinstance(link, EnrolLink):
        return f"{base}#e1.{keys.b64(cbor.encode(frames.write_map(vars(link), _ENROL)))}"
    if isinstance(link, SfsLink):
        return f"{base}#s1.{keys.b64(cbor.encode(frames.write_map(vars(link), _SFS)))}"
    if isinstance(link, QrCode):
        return f"{base}#q1.{keys.b64(link.realm + link.login + link.t.to_bytes(4, 'big') + link.mac)}"
    return f"{base}#l1.{keys.b64(link.realm + link.login + link.token)}"
