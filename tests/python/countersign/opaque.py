"""The client half of OPAQUE-3DH (RFC 9807) with the configuration of PROTOCOL.md section 9.2.

ristretto255-SHA512 (OPRF of RFC 9497, mode 0x00), HKDF-SHA512, HMAC-SHA512, no identities. ristretto255 and Argon2id
are libsodium's; everything else is written here from the RFCs. What is random can be given, to replay vectors.
"""
from __future__ import annotations

import hashlib
import hmac
import os
from typing import Callable

import rbcl
from nacl.bindings import crypto_pwhash_ALG_ARGON2ID13, crypto_pwhash_alg

from .errors import ProtocolError

N, N_HASH = 32, 64  # elements, scalars, nonces and seeds; hashes, MACs and keys
ENVELOPE = N + N_HASH
REQUEST, RESPONSE, RECORD = N, 2 * N, N + N_HASH + ENVELOPE
KE1, KE2, KE3 = 3 * N, 2 * N + (N + ENVELOPE) + 2 * N + N_HASH, N_HASH
SUITE = b"OPRFV1-\x00-ristretto255-SHA512"
IDENTITY = bytes(N)
Stretch = Callable[[bytes], bytes]


class WrongPassword(Exception):
    """The envelope does not open: not the password of the record."""


class NotAuthentic(ProtocolError):
    """The envelope opens, but the server does not prove that it knows this exchange."""


def argon2id(data: bytes) -> bytes:
    """The stretching function: Argon2id 0x13, 19,456 KiB, 2 passes, 1 lane, zeros for salt, 64 bytes."""
    return bytes(crypto_pwhash_alg(N_HASH, data, bytes(16), 2, 19456 * 1024, crypto_pwhash_ALG_ARGON2ID13))


def two(data: bytes) -> bytes:
    """`u16 length ‖ data`."""
    return len(data).to_bytes(2, "big") + data


def mac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha512")


def extract(data: bytes) -> bytes:
    """HKDF-Extract without salt."""
    return mac(b"", data)


def expand(key: bytes, info: bytes, size: int = N_HASH) -> bytes:
    """HKDF-Expand."""
    okm, block = b"", b""
    while len(okm) < size:
        block = mac(key, block + info + bytes([len(okm) // N_HASH + 1]))
        okm += block
    return okm[:size]


def derive_secret(key: bytes, label: bytes, transcript_hash: bytes) -> bytes:
    """Derive-Secret of RFC 9807 section 6.4.2.1."""
    full = b"OPAQUE-" + label
    sized = bytes([len(full)]) + full + bytes([len(transcript_hash)]) + transcript_hash
    return expand(key, N_HASH.to_bytes(2, "big") + sized)


def expand_message_xmd(message: bytes, dst: bytes, size: int) -> bytes:
    """RFC 9380 section 5.3.1 with SHA-512."""
    tail = dst + bytes([len(dst)])
    first = hashlib.sha512(bytes(128) + message + size.to_bytes(2, "big") + b"\0" + tail).digest()
    block, out, count = bytes(N_HASH), b"", 0
    while len(out) < size:
        count += 1
        mixed = bytes(a ^ b for a, b in zip(first, block))
        block = hashlib.sha512(mixed + bytes([count]) + tail).digest()
        out += block
    return out[:size]


def element(data: bytes) -> bytes:
    """A canonical element that is not the identity, or `ProtocolError`."""
    if len(data) != N or data == IDENTITY or not rbcl.crypto_core_ristretto255_is_valid_point(data):
        raise ProtocolError("not an element")
    return data


def multiply(scalar: bytes, point: bytes) -> bytes:
    try:
        return bytes(rbcl.crypto_scalarmult_ristretto255(scalar, element(point)))
    except RuntimeError as error:
        raise ProtocolError("the identity element") from error


def hash_to_scalar(data: bytes, dst: bytes) -> bytes:
    return bytes(rbcl.crypto_core_ristretto255_scalar_reduce(expand_message_xmd(data, dst, 64)))


def hash_to_group(data: bytes) -> bytes:
    uniform = expand_message_xmd(data, b"HashToGroup-" + SUITE, 64)
    return element(bytes(rbcl.crypto_core_ristretto255_from_hash(uniform)))


def random_scalar() -> bytes:
    return bytes(rbcl.crypto_core_ristretto255_scalar_reduce(os.urandom(64)))


def derive_key_pair(seed: bytes, info: bytes) -> tuple[bytes, bytes]:
    """DeriveKeyPair of RFC 9497: private, public."""
    for counter in range(256):
        private = hash_to_scalar(seed + two(info) + bytes([counter]), b"DeriveKeyPair" + SUITE)
        if private != bytes(N):
            return private, bytes(rbcl.crypto_scalarmult_ristretto255_base(private))
    raise ProtocolError("no key from this seed")


def derive_dh_key_pair(seed: bytes) -> tuple[bytes, bytes]:
    return derive_key_pair(seed, b"OPAQUE-DeriveDiffieHellmanKeyPair")


def envelope_keys(randomized_password: bytes, nonce: bytes, server_public: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """Client's private and public key, the envelope's tag, the export key (RFC 9807 section 4.1)."""
    auth_key, export_key = (expand(randomized_password, nonce + label) for label in (b"AuthKey", b"ExportKey"))
    private, public = derive_dh_key_pair(expand(randomized_password, nonce + b"PrivateKey", N))
    tag = mac(auth_key, nonce + server_public + two(server_public) + two(public))  # no identities: the keys
    return private, public, tag, export_key


def preamble(context: bytes, client_public: bytes, ke1: bytes, server_public: bytes, inner_ke2: bytes) -> bytes:
    """What both sign; `inner_ke2` is KE2 without its MAC."""
    return b"OPAQUEv1-" + two(context) + two(client_public) + ke1 + two(server_public) + inner_ke2


def key_schedule(secrets: bytes, said: bytes) -> tuple[bytes, bytes, bytes]:
    """Server's MAC, client's MAC, session key of RFC 9807 section 6.4."""
    prk, said_hash = extract(secrets), hashlib.sha512(said).digest()
    handshake_secret = derive_secret(prk, b"HandshakeSecret", said_hash)
    server_mac = mac(derive_secret(handshake_secret, b"ServerMAC", b""), said_hash)
    with_server_mac = hashlib.sha512(said + server_mac).digest()
    client_mac = mac(derive_secret(handshake_secret, b"ClientMAC", b""), with_server_mac)
    return server_mac, client_mac, derive_secret(prk, b"SessionKey", said_hash)


class _Blinded:
    """A password blinded for the server, and what becomes of the server's evaluation."""

    def __init__(self, password: bytes, stretch: Stretch, blind: bytes | None) -> None:
        self._password, self._stretch, self._blind = password, stretch, blind or random_scalar()
        self.blinded = multiply(self._blind, hash_to_group(password))

    def randomized_password(self, evaluated: bytes) -> bytes:
        if evaluated == self.blinded:
            raise ProtocolError("our own element came back")
        inverse = bytes(rbcl.crypto_core_ristretto255_scalar_invert(self._blind))
        unblinded = multiply(inverse, evaluated)
        output = hashlib.sha512(two(self._password) + two(unblinded) + b"Finalize").digest()
        return extract(output + self._stretch(output))


class Registration:
    """Registers a password: send `request`, give the answer to `finish`, send what it returns."""

    def __init__(self, password: bytes, stretch: Stretch = argon2id, blind: bytes | None = None) -> None:
        self._oprf = _Blinded(password, stretch, blind)
        self.request = self._oprf.blinded
        self.export_key = b""

    def finish(self, response: bytes, nonce: bytes | None = None) -> bytes:
        """The record for the server."""
        if len(response) != RESPONSE:
            raise ProtocolError("not a registration response")
        server_public, nonce = element(response[N:]), nonce or os.urandom(N)
        randomized_password = self._oprf.randomized_password(response[:N])
        _private, public, tag, self.export_key = envelope_keys(randomized_password, nonce, server_public)
        return public + expand(randomized_password, b"MaskingKey") + nonce + tag


class Login:
    """Proves a password: send `ke1`, give KE2 to `finish`, send the KE3 that it returns."""

    def __init__(self, password: bytes, context: bytes, stretch: Stretch = argon2id, blind: bytes | None = None,
                 nonce: bytes | None = None, keyshare_seed: bytes | None = None) -> None:
        self._context = context
        self._oprf = _Blinded(password, stretch, blind)
        self._keyshare, keyshare_public = derive_dh_key_pair(keyshare_seed or os.urandom(N))
        self.ke1 = self._oprf.blinded + (nonce or os.urandom(N)) + keyshare_public
        self.export_key = self.session_key = b""

    def finish(self, ke2: bytes) -> bytes:
        """`WrongPassword` when the envelope does not open, `NotAuthentic` when only the server's MAC is wrong."""
        if len(ke2) != KE2:
            raise ProtocolError("not a KE2")
        evaluated, masking_nonce, masked = ke2[:N], ke2[N:2 * N], ke2[2 * N:3 * N + ENVELOPE]
        server_keyshare, server_mac = element(ke2[-N - N_HASH:-N_HASH]), ke2[-N_HASH:]
        randomized_password = self._oprf.randomized_password(evaluated)
        pad = expand(expand(randomized_password, b"MaskingKey"), masking_nonce + b"CredentialResponsePad", len(masked))
        unmasked = bytes(a ^ b for a, b in zip(masked, pad))
        server_public, nonce, given_tag = unmasked[:N], unmasked[N:2 * N], unmasked[2 * N:]
        private, public, tag, export_key = envelope_keys(randomized_password, nonce, server_public)
        if not hmac.compare_digest(tag, given_tag):
            raise WrongPassword()
        secrets = (multiply(self._keyshare, server_keyshare) + multiply(self._keyshare, server_public)
                   + multiply(private, server_keyshare))
        said = preamble(self._context, public, self.ke1, server_public, ke2[:-N_HASH])
        expected_mac, client_mac, session_key = key_schedule(secrets, said)
        if not hmac.compare_digest(expected_mac, server_mac):
            raise NotAuthentic("the server's MAC")
        self.export_key, self.session_key = export_key, session_key
        return client_mac
