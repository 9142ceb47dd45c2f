"""The handshake `Noise_NKhfs_25519+MLKEM768_AESGCM_SHA256`, both roles (PROTOCOL.md section 4).

Ephemeral keys and the KEM can be injected, so that vectors can be replayed.
"""
from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .errors import ProtocolError

NAME = b"Noise_NKhfs_25519+MLKEM768_AESGCM_SHA256"
TAG = 16
EK_SIZE, CT_SIZE = 1184, 1088
MESSAGE_1_SIZE = 32 + EK_SIZE + TAG + TAG
MESSAGE_2_OVERHEAD = 32 + CT_SIZE + TAG + TAG


def prologue(role: str, server_id: bytes, key_id: bytes) -> bytes:
    """`"countersign/1" ‖ 00 ‖ role ‖ 00 ‖ server id ‖ key id`."""
    if role not in ("ns", "sfs", "mc") or len(server_id) != 16 or len(key_id) != 8:
        raise ValueError("bad prologue input")
    return b"countersign/1\0" + role.encode() + b"\0" + server_id + key_id


class InitiatorKem(Protocol):
    """The phone's half of ML-KEM-768."""

    encapsulation_key: bytes

    def decapsulate(self, ciphertext: bytes) -> bytes: ...


class ResponderKem(Protocol):
    """The server's half: (ciphertext, shared secret)."""

    def encapsulate(self, encapsulation_key: bytes) -> tuple[bytes, bytes]: ...


class MlKemInitiator:
    """A real key pair, fresh or from FIPS 203's 64-byte seed `d ‖ z`."""

    def __init__(self, seed: bytes | None = None) -> None:
        self._key = MLKEM768PrivateKey.generate() if seed is None else MLKEM768PrivateKey.from_seed_bytes(seed)
        self.encapsulation_key = self._key.public_key().public_bytes_raw()

    def decapsulate(self, ciphertext: bytes) -> bytes:
        return self._key.decapsulate(ciphertext)


class MlKemResponder:
    """Real encapsulation; refuses a key that FIPS 203 section 7.2 refuses."""

    def encapsulate(self, encapsulation_key: bytes) -> tuple[bytes, bytes]:
        try:
            public = MLKEM768PublicKey.from_public_bytes(encapsulation_key)
        except ValueError as error:
            raise ProtocolError("encapsulation key refused") from error
        secret, ciphertext = public.encapsulate()
        return ciphertext, secret


@dataclass
class ReplayKem:
    """Both halves with known values, for vectors."""

    encapsulation_key: bytes
    ciphertext: bytes
    shared_secret: bytes

    def decapsulate(self, ciphertext: bytes) -> bytes:
        if ciphertext != self.ciphertext:
            raise ProtocolError("not the recorded ciphertext")
        return self.shared_secret

    def encapsulate(self, encapsulation_key: bytes) -> tuple[bytes, bytes]:
        if encapsulation_key != self.encapsulation_key:
            raise ProtocolError("not the recorded encapsulation key")
        return self.ciphertext, self.shared_secret


def dh(private: X25519PrivateKey, public: bytes) -> bytes:
    """X25519; an all-zero result is refused (the library raises ValueError)."""
    try:
        return private.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError as error:
        raise ProtocolError("X25519 key refused") from error


def hkdf2(chaining_key: bytes, material: bytes) -> tuple[bytes, bytes]:
    """Noise section 4.3, two outputs."""
    temp = hmac.digest(chaining_key, material, "sha256")
    first = hmac.digest(temp, b"\x01", "sha256")
    return first, hmac.digest(temp, first + b"\x02", "sha256")


class CipherState:
    """AES-256-GCM with 4 zero bytes and an 8-byte big-endian counter."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)
        self.n = 0

    def _nonce(self) -> bytes:
        return bytes(4) + self.n.to_bytes(8, "big")

    def encrypt(self, plaintext: bytes, ad: bytes = b"") -> bytes:
        sealed = self._aead.encrypt(self._nonce(), plaintext, ad)
        self.n += 1
        return sealed

    def decrypt(self, ciphertext: bytes, ad: bytes = b"") -> bytes:
        try:
            plaintext = self._aead.decrypt(self._nonce(), ciphertext, ad)
        except (InvalidTag, ValueError) as error:
            raise ProtocolError("message does not open") from error
        self.n += 1
        return plaintext


class SymmetricState:
    """Noise section 5.2."""

    def __init__(self, prologue_: bytes, server_static: bytes) -> None:
        self.h = self.ck = hashlib.sha256(NAME).digest()
        self._cipher: CipherState | None = None
        self.mix_hash(prologue_)
        self.mix_hash(server_static)

    def mix_hash(self, data: bytes) -> None:
        self.h = hashlib.sha256(self.h + data).digest()

    def mix_key(self, material: bytes) -> None:
        self.ck, key = hkdf2(self.ck, material)
        self._cipher = CipherState(key)

    def encrypt_and_hash(self, plaintext: bytes) -> bytes:
        assert self._cipher is not None
        sealed = self._cipher.encrypt(plaintext, self.h)
        self.mix_hash(sealed)
        return sealed

    def decrypt_and_hash(self, sealed: bytes) -> bytes:
        assert self._cipher is not None
        plaintext = self._cipher.decrypt(sealed, self.h)
        self.mix_hash(sealed)
        return plaintext

    def split(self) -> tuple[CipherState, CipherState]:
        first, second = hkdf2(self.ck, b"")
        return CipherState(first), CipherState(second)


@dataclass
class Transport:
    """What a finished handshake leaves: two directions and the handshake hash."""

    send: CipherState
    receive: CipherState
    h: bytes


class Initiator:
    """The phone."""

    def __init__(self, prologue_: bytes, server_static: bytes, ephemeral: X25519PrivateKey | None = None,
                 kem: InitiatorKem | None = None) -> None:
        self._state = SymmetricState(prologue_, server_static)
        self._server_static = server_static
        self._e = ephemeral or X25519PrivateKey.generate()
        self._kem: InitiatorKem = kem or MlKemInitiator()

    def write_message_1(self) -> bytes:
        """`e, es, e1`, empty payload."""
        state, e = self._state, self._e.public_key().public_bytes_raw()
        state.mix_hash(e)
        state.mix_key(dh(self._e, self._server_static))
        return e + state.encrypt_and_hash(self._kem.encapsulation_key) + state.encrypt_and_hash(b"")

    def read_message_2(self, message: bytes) -> tuple[bytes, Transport]:
        """`e, ee, ekem1`; returns the payload (welcome) and the transport."""
        if len(message) < MESSAGE_2_OVERHEAD:
            raise ProtocolError("message 2 is too short")
        state, e, at = self._state, message[:32], 32 + CT_SIZE + TAG
        state.mix_hash(e)
        state.mix_key(dh(self._e, e))
        ciphertext = state.decrypt_and_hash(message[32:at])
        state.mix_key(self._kem.decapsulate(ciphertext))
        payload = state.decrypt_and_hash(message[at:])
        to_server, to_phone = state.split()
        return payload, Transport(send=to_server, receive=to_phone, h=state.h)


class Responder:
    """The server; here only for vectors and tests."""

    def __init__(self, prologue_: bytes, static: X25519PrivateKey, ephemeral: X25519PrivateKey | None = None,
                 kem: ResponderKem | None = None) -> None:
        self._state = SymmetricState(prologue_, static.public_key().public_bytes_raw())
        self._s = static
        self._e = ephemeral or X25519PrivateKey.generate()
        self._kem: ResponderKem = kem or MlKemResponder()
        self._peer = self._ek = b""

    def read_message_1(self, message: bytes) -> None:
        """`e, es, e1`, empty payload."""
        if len(message) != MESSAGE_1_SIZE:
            raise ProtocolError("message 1 has the wrong length")
        state, self._peer, at = self._state, message[:32], 32 + EK_SIZE + TAG
        state.mix_hash(self._peer)
        state.mix_key(dh(self._s, self._peer))
        self._ek = state.decrypt_and_hash(message[32:at])
        state.decrypt_and_hash(message[at:])

    def write_message_2(self, payload: bytes) -> tuple[bytes, Transport]:
        """`e, ee, ekem1` and the welcome."""
        state, e = self._state, self._e.public_key().public_bytes_raw()
        state.mix_hash(e)
        state.mix_key(dh(self._e, self._peer))
        ciphertext, secret = self._kem.encapsulate(self._ek)
        message = e + state.encrypt_and_hash(ciphertext)
        state.mix_key(secret)
        message += state.encrypt_and_hash(payload)
        to_server, to_phone = state.split()
        return message, Transport(send=to_phone, receive=to_server, h=state.h)
