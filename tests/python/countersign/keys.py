"""P-256 keys, raw signatures and the thumbprint (PROTOCOL.md introduction and section 1)."""
from __future__ import annotations

import base64
import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .errors import ProtocolError

PrivateKey = ec.EllipticCurvePrivateKey


def generate() -> PrivateKey:
    """A fresh P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def public_bytes(key: PrivateKey) -> bytes:
    """`04 ‖ x ‖ y`, 65 bytes."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def sign(key: PrivateKey, message: bytes) -> bytes:
    """ECDSA with SHA-256, raw `r ‖ s`."""
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def check_public(public_key: bytes) -> ec.EllipticCurvePublicKey:
    """An uncompressed point on the curve, or `ProtocolError`."""
    if len(public_key) != 65 or public_key[0] != 4:
        raise ProtocolError("public key of the wrong form")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public_key)
    except ValueError as error:
        raise ProtocolError("not a point on the curve") from error


def verify(public_key: bytes, message: bytes, signature: bytes) -> None:
    """Raise `ProtocolError` unless `signature` is good."""
    if len(signature) != 64:
        raise ProtocolError("signature of the wrong form")
    point = check_public(public_key)
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    try:
        point.verify(der, message, ec.ECDSA(hashes.SHA256()))
    except (ValueError, InvalidSignature) as error:
        raise ProtocolError("signature does not verify") from error


def b64(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def unb64(text: str) -> bytes:
    """Strict reverse of `b64`: one text for one byte string."""
    try:
        data = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except ValueError as error:
        raise ProtocolError("not base64url") from error
    if b64(data) != text:
        raise ProtocolError("not canonical base64url")
    return data


def thumbprint(public_key: bytes) -> bytes:
    """jkt, section 1."""
    x, y = b64(public_key[1:33]), b64(public_key[33:65])
    return hashlib.sha256(f'{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}'.encode()).digest()


def key_id(static_key: bytes) -> bytes:
    """First 8 bytes of SHA-256(static key), section 1."""
    return hashlib.sha256(static_key).digest()[:8]
