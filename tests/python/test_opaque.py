"""OPAQUE: the vectors of RFC 9807 appendix C.1.1, and what the client half refuses.

`OpaqueServer` is the server half from the same RFC, for tests without a server only.
"""
from __future__ import annotations

import hmac
import os
import sys
import unittest
from pathlib import Path
from typing import Any

import rbcl
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

sys.path.insert(0, str(Path(__file__).parent))
from countersign import opaque
from countersign.errors import ProtocolError

VECTOR = {name: bytes.fromhex(value) for name, value in {
    "oprf_seed": "f433d0227b0b9dd54f7c4422b600e764e47fb503f1f9a0f0a47c6606b054a7fd"
                 "c65347f1a08f277e22358bbabe26f823fca82c7848e9a75661f4ec5d5c1989ef",
    "server_private_key": "47451a85372f8b3537e249d7b54188091fb18edde78094b43e2ba42b5eb89f0d",
    "server_public_key": "b2fe7af9f48cc502d016729d2fe25cdd433f2c4bc904660b2a382c9b79df1a78",
    "envelope_nonce": "ac13171b2f17bc2c74997f0fce1e1f35bec6b91fe2e12dbd323d23ba7a38dfec",
    "masking_nonce": "38fe59af0df2c79f57b8780278f5ae47355fe1f817119041951c80f612fdfc6d",
    "server_nonce": "71cd9960ecef2fe0d0f7494986fa3d8b2bb01963537e60efb13981e138e3d4a1",
    "client_nonce": "da7e07376d6d6f034cfa9bb537d11b8c6b4238c334333d1f0aebb380cae6a6cc",
    "client_keyshare_seed": "82850a697b42a505f5b68fcdafce8c31f0af2b581f063cf1091933541936304b",
    "server_keyshare_seed": "05a4f54206eef1ba2f615bc0aa285cb22f26d1153b5b40a1e85ff80da12f982f",
    "blind_registration": "76cfbfe758db884bebb33582331ba9f159720ca8784a2a070a265d9c2d6abe01",
    "blind_login": "6ecc102d2e7a7cf49617aad7bbe188556792d4acd60a1a8a8d2b65d4b0790308",
    "registration_request": "5059ff249eb1551b7ce4991f3336205bde44a105a032e747d21bf382e75f7a71",
    "registration_response": "7408a268083e03abc7097fc05b587834539065e86fb0c7b6342fcf5e01e5b019"
                             "b2fe7af9f48cc502d016729d2fe25cdd433f2c4bc904660b2a382c9b79df1a78",
    "registration_upload": "76a845464c68a5d2f7e442436bb1424953b17d3e2e289ccbaccafb57ac5c3675"
                           "1ac5844383c7708077dea41cbefe2fa15724f449e535dd7dd562e66f5ecfb958"
                           "64eadddec9db5874959905117dad40a4524111849799281fefe3c51fa82785c5"
                           "ac13171b2f17bc2c74997f0fce1e1f35bec6b91fe2e12dbd323d23ba7a38dfec"
                           "634b0f5b96109c198a8027da51854c35bee90d1e1c781806d07d49b76de6a28b"
                           "8d9e9b6c93b9f8b64d16dddd9c5bfb5fea48ee8fd2f75012a8b308605cdd8ba5",
    "KE1": "c4dedb0ba6ed5d965d6f250fbe554cd45cba5dfcce3ce836e4aee778aa3cd44d"
           "da7e07376d6d6f034cfa9bb537d11b8c6b4238c334333d1f0aebb380cae6a6cc"
           "6e29bee50701498605b2c085d7b241ca15ba5c32027dd21ba420b94ce60da326",
    "KE2": "7e308140890bcde30cbcea28b01ea1ecfbd077cff62c4def8efa075aabcbb471"
           "38fe59af0df2c79f57b8780278f5ae47355fe1f817119041951c80f612fdfc6d"
           "d6ec60bcdb26dc455ddf3e718f1020490c192d70dfc7e403981179d8073d1146"
           "a4f9aa1ced4e4cd984c657eb3b54ced3848326f70331953d91b02535af44d9fe"
           "dc80188ca46743c52786e0382f95ad85c08f6afcd1ccfbff95e2bdeb015b166c"
           "6b20b92f832cc6df01e0b86a7efd92c1c804ff865781fa93f2f20b446c8371b6"
           "71cd9960ecef2fe0d0f7494986fa3d8b2bb01963537e60efb13981e138e3d4a1"
           "c4f62198a9d6fa9170c42c3c71f1971b29eb1d5d0bd733e40816c91f7912cc4a"
           "660c48dae03e57aaa38f3d0cffcfc21852ebc8b405d15bd6744945ba1a93438a"
           "162b6111699d98a16bb55b7bdddfe0fc5608b23da246e7bd73b47369169c5c90",
    "KE3": "4455df4f810ac31a6748835888564b536e6da5d9944dfea9e34defb9575fe5e2"
           "661ef61d2ae3929bcf57e53d464113d364365eb7d1a57b629707ca48da18e442",
    "session_key": "42afde6f5aca0cfa5c163763fbad55e73a41db6b41bc87b8e7b62214a8eedc67"
                   "31fa3cb857d657ab9b3764b89a84e91ebcb4785166fbb02cedfcbdfda215b96f",
    "export_key": "1ef15b4fa99e8a852412450ab78713aad30d21fa6966c9b8c9fb3262a970dc62"
                  "950d4dd4ed62598229b1b72794fc0335199d9f7fcc6eaedde92cc04870e63f16",
}.items()}
PASSWORD, CONTEXT, CREDENTIAL = b"CorrectHorseBatteryStaple", b"OPAQUE-POC", b"1234"


def identity(data: bytes) -> bytes:
    """The stretching function of the vectors."""
    return data


class OpaqueServer:
    """The server half: one key, any number of records."""

    def __init__(self, oprf_seed: bytes | None = None, private: bytes | None = None) -> None:
        self._oprf_seed = oprf_seed or os.urandom(64)
        self._private = private or opaque.random_scalar()
        self.public = bytes(rbcl.crypto_scalarmult_ristretto255_base(self._private))

    def _evaluate(self, blinded: bytes, credential: bytes) -> bytes:
        seed = opaque.expand(self._oprf_seed, credential + b"OprfKey", opaque.N)
        return opaque.multiply(opaque.derive_key_pair(seed, b"OPAQUE-DeriveKeyPair")[0], blinded)

    def register(self, request: bytes, credential: bytes) -> bytes:
        return self._evaluate(request, credential) + self.public

    def answer(self, record: bytes, ke1: bytes, credential: bytes, context: bytes,
               random: tuple[bytes, bytes, bytes] | None = None) -> tuple[bytes, bytes]:
        """KE2 and the KE3 to wait for; `random` is masking nonce, server nonce, key share seed."""
        masking_nonce, nonce, seed = random or tuple(os.urandom(opaque.N) for _ in range(3))
        client_public, masking_key, envelope = record[:32], record[32:96], record[96:]
        pad = opaque.expand(masking_key, masking_nonce + b"CredentialResponsePad", 32 + len(envelope))
        masked = bytes(a ^ b for a, b in zip(self.public + envelope, pad))
        keyshare, keyshare_public = opaque.derive_dh_key_pair(seed)
        inner = self._evaluate(ke1[:32], credential) + masking_nonce + masked + nonce + keyshare_public
        secrets = (opaque.multiply(keyshare, ke1[64:]) + opaque.multiply(self._private, ke1[64:])
                   + opaque.multiply(keyshare, client_public))
        said = opaque.preamble(context, client_public, ke1, self.public, inner)
        server_mac, client_mac, _session_key = opaque.key_schedule(secrets, said)
        return inner + server_mac, client_mac


class Vectors(unittest.TestCase):
    def server(self) -> OpaqueServer:
        return OpaqueServer(VECTOR["oprf_seed"], VECTOR["server_private_key"])

    def registration(self) -> opaque.Registration:
        return opaque.Registration(PASSWORD, identity, VECTOR["blind_registration"])

    def login(self, **changes: Any) -> opaque.Login:
        given: dict[str, Any] = dict(
            password=PASSWORD, context=CONTEXT, stretch=identity, blind=VECTOR["blind_login"],
            nonce=VECTOR["client_nonce"], keyshare_seed=VECTOR["client_keyshare_seed"])
        return opaque.Login(**(given | changes))

    def test_sizes(self) -> None:
        self.assertEqual((opaque.REQUEST, opaque.RESPONSE, opaque.RECORD), (32, 64, 192))
        self.assertEqual((opaque.KE1, opaque.KE2, opaque.KE3), (96, 320, 64))

    def test_registration(self) -> None:
        registration = self.registration()
        self.assertEqual(registration.request, VECTOR["registration_request"])
        record = registration.finish(VECTOR["registration_response"], VECTOR["envelope_nonce"])
        self.assertEqual((record, registration.export_key), (VECTOR["registration_upload"], VECTOR["export_key"]))

    def test_login(self) -> None:
        login = self.login()
        self.assertEqual(login.ke1, VECTOR["KE1"])
        self.assertEqual(login.finish(VECTOR["KE2"]), VECTOR["KE3"])
        self.assertEqual((login.session_key, login.export_key), (VECTOR["session_key"], VECTOR["export_key"]))

    def test_server_half(self) -> None:
        server = self.server()
        self.assertEqual(server.public, VECTOR["server_public_key"])
        self.assertEqual(server.register(VECTOR["registration_request"], CREDENTIAL), VECTOR["registration_response"])
        random = (VECTOR["masking_nonce"], VECTOR["server_nonce"], VECTOR["server_keyshare_seed"])
        self.assertEqual(server.answer(VECTOR["registration_upload"], VECTOR["KE1"], CREDENTIAL, CONTEXT, random),
                         (VECTOR["KE2"], VECTOR["KE3"]))

    def test_a_wrong_password(self) -> None:
        for wrong in (b"", b"correctHorseBatteryStaple", PASSWORD + b"\0"):
            login = self.login(password=wrong)
            ke2, _ke3 = self.server().answer(VECTOR["registration_upload"], login.ke1, CREDENTIAL, CONTEXT)
            with self.assertRaises(opaque.WrongPassword):
                login.finish(ke2)
            self.assertEqual((login.export_key, login.session_key), (b"", b""))

    def test_a_wrong_context(self) -> None:
        for wrong in (b"", b"OPAQUE-POD", CONTEXT + b"\0"):
            with self.assertRaises(opaque.NotAuthentic):
                self.login(context=wrong).finish(VECTOR["KE2"])

    def test_every_flipped_byte_of_ke2(self) -> None:
        for index in range(len(VECTOR["KE2"])):
            changed = bytearray(VECTOR["KE2"])
            changed[index] ^= 2
            with self.subTest(index), self.assertRaises((ProtocolError, opaque.WrongPassword)):
                self.login().finish(bytes(changed))

    def test_wrong_lengths(self) -> None:
        for wrong in (b"", VECTOR["KE2"][:-1], VECTOR["KE2"] + b"\0"):
            with self.assertRaises(ProtocolError):
                self.login().finish(wrong)
        for wrong in (b"", VECTOR["registration_response"][:-1], VECTOR["registration_response"] + b"\0"):
            with self.assertRaises(ProtocolError):
                self.registration().finish(wrong)

    def test_the_own_element_reflected(self) -> None:
        with self.assertRaises(ProtocolError):
            self.login().finish(VECTOR["KE1"][:32] + VECTOR["KE2"][32:])
        with self.assertRaises(ProtocolError):
            self.registration().finish(VECTOR["registration_request"] + VECTOR["server_public_key"])
        # The own key share as the server's: no MAC for that.
        with self.assertRaises(ProtocolError):
            self.login().finish(VECTOR["KE2"][:224] + VECTOR["KE1"][64:] + VECTOR["KE2"][256:])

    def test_the_identity_and_what_is_no_element(self) -> None:
        order = bytes.fromhex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
        for bad in (bytes(32), b"\xff" * 32, b"\1" + bytes(31), order):
            for at in (0, 224):
                with self.subTest((bad, at)), self.assertRaises(ProtocolError):
                    self.login().finish(VECTOR["KE2"][:at] + bad + VECTOR["KE2"][at + 32:])
            for response in (bad + VECTOR["server_public_key"], VECTOR["registration_response"][:32] + bad):
                with self.subTest(response), self.assertRaises(ProtocolError):
                    self.registration().finish(response)

    def test_another_servers_record(self) -> None:
        login = self.login()
        ke2, _ke3 = OpaqueServer().answer(VECTOR["registration_upload"], login.ke1, CREDENTIAL, CONTEXT)
        with self.assertRaises(opaque.WrongPassword):
            login.finish(ke2)

    def test_with_argon2id_and_fresh_randomness(self) -> None:
        server, registration = OpaqueServer(), opaque.Registration(b"a")
        record = registration.finish(server.register(registration.request, CREDENTIAL))
        login = opaque.Login(b"a", CONTEXT)
        ke2, ke3 = server.answer(record, login.ke1, CREDENTIAL, CONTEXT)
        self.assertTrue(hmac.compare_digest(login.finish(ke2), ke3))
        self.assertEqual(login.export_key, registration.export_key)
        unstretched = opaque.Login(b"a", CONTEXT, identity)
        with self.assertRaises(opaque.WrongPassword):
            unstretched.finish(server.answer(record, unstretched.ke1, CREDENTIAL, CONTEXT)[0])
        self.assertNotEqual(opaque.Login(b"a", CONTEXT).ke1[:32], login.ke1[:32])


class Parts(unittest.TestCase):
    def test_expand_message_xmd(self) -> None:
        # RFC 9380 appendix K.3, SHA-512, empty message, 32 bytes.
        dst = b"QUUX-V01-CS02-with-expander-SHA512-256"
        self.assertEqual(opaque.expand_message_xmd(b"", dst, 0x20).hex(),
                         "6b9a7312411d92f921c6f68ca0b6380730a1a4d982c507211a90964c394179ba")

    def test_hkdf(self) -> None:
        for size in (1, 64, 65, 192):
            self.assertEqual(opaque.expand(b"k" * 64, b"info", size),
                             HKDFExpand(hashes.SHA512(), size, b"info").derive(b"k" * 64))

    def test_argon2id(self) -> None:
        # libsodium's against OpenSSL's.
        other = Argon2id(salt=bytes(16), length=64, iterations=2, lanes=1, memory_cost=19456)
        self.assertEqual(opaque.argon2id(b"x\0y"), other.derive(b"x\0y"))


if __name__ == "__main__":
    unittest.main()
