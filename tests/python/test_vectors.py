"""Replays docs/vectors and checks the refusals that need no server."""
from __future__ import annotations

import hashlib
import json
import sys
import tempfile
import unittest
import uuid
from pathlib import Path
from typing import Any, Iterator
from unittest import mock

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

sys.path.insert(0, str(Path(__file__).parent))
from countersign import cbor, channel, decision, frames, keys, links, noise, statement, vectors
from countersign.errors import ProtocolError

VECTORS = Path(__file__).resolve().parents[2] / "docs" / "vectors"


def unhex(value: str) -> bytes:
    return bytes.fromhex(value)


def flips(data: bytes) -> Iterator[bytes]:
    """Every byte flipped, in its lowest and highest bit."""
    for index in range(len(data)):
        for bit in (0x01, 0x80):
            changed = bytearray(data)
            changed[index] ^= bit
            yield bytes(changed)


class Files(unittest.TestCase):
    def each(self, pattern: str) -> list[tuple[str, Any]]:
        paths = sorted(VECTORS.glob(pattern))
        self.assertGreaterEqual({path.name.split("-")[0] for path in paths}, {"rust", "python"})
        return [(path.name, json.loads(path.read_text(encoding="utf-8"))) for path in paths]

    def conversations(self) -> list[dict[str, Any]]:
        files = [file for _name, file in self.each("*-channel.json")]
        self.assertTrue(all(len(file) >= 2 for file in files))
        return [case for file in files for case in file]


class Channel(Files):
    def replay_kem(self, case: dict[str, Any]) -> noise.ReplayKem:
        return noise.ReplayKem(*(unhex(case[n]) for n in ("encapsulation_key", "ciphertext", "shared_secret")))

    def private(self, case: dict[str, Any], name: str) -> X25519PrivateKey:
        return X25519PrivateKey.from_private_bytes(unhex(case[name]))

    def phone(self, case: dict[str, Any], kem: noise.InitiatorKem) -> noise.Initiator:
        return noise.Initiator(unhex(case["prologue"]), unhex(case["server_static_public"]),
                               self.private(case, "client_ephemeral_private"), kem)

    def server(self, case: dict[str, Any]) -> noise.Responder:
        return noise.Responder(unhex(case["prologue"]), self.private(case, "server_static_private"),
                               self.private(case, "server_ephemeral_private"), self.replay_kem(case))

    def bodies(self, case: dict[str, Any]) -> tuple[bytes, bytes]:
        kind_1, hello = channel.parse_outer(unhex(case["hello"]))
        kind_2, hello_ok = channel.parse_outer(unhex(case["hello_ok"]))
        self.assertEqual((kind_1, kind_2, len(unhex(case["hello"]))), (channel.HELLO, channel.HELLO_OK, 1258))
        return hello, hello_ok

    def check(self, case: dict[str, Any], transport: noise.Transport, role: str) -> None:
        """Seal what `role` sent and open what it got, byte for byte."""
        own = channel.Channel(transport)
        self.assertEqual((own.h.hex(), own.cb.hex()), (case["h"], case["cb"]))
        for message in case["messages"]:
            if message["from"] == role:
                self.assertEqual(own.seal(unhex(message["content"])).hex(), message["sealed"])
            else:
                self.assertEqual(own.open(unhex(message["sealed"])).hex(), message["content"])

    def test_inputs(self) -> None:
        for case in self.conversations():
            static = unhex(case["server_static_public"])
            self.assertEqual(self.private(case, "server_static_private").public_key().public_bytes_raw(), static)
            self.assertEqual(keys.key_id(static).hex(), case["key_id"])
            self.assertEqual(noise.prologue(case["role"], unhex(case["server_id"]), unhex(case["key_id"])).hex(),
                             case["prologue"])
            self.assertGreater(frames.decode_welcome(unhex(case["welcome"]))["server_time"], 0)
            self.assertEqual([m["from"] for m in case["messages"]], ["phone", "server"] * (len(case["messages"]) // 2))

    def test_as_phone(self) -> None:
        for case in self.conversations():
            hello, hello_ok = self.bodies(case)
            phone = self.phone(case, self.replay_kem(case))
            self.assertEqual(unhex(case["key_id"]) + phone.write_message_1(), hello)
            welcome, transport = phone.read_message_2(hello_ok)
            self.assertEqual(welcome.hex(), case["welcome"])
            self.check(case, transport, "phone")

    def test_as_phone_from_the_kem_seed(self) -> None:
        seen = 0
        for case in self.conversations():
            if "kem_seed" not in case:
                continue
            seen += 1
            hello, hello_ok = self.bodies(case)
            phone = self.phone(case, noise.MlKemInitiator(unhex(case["kem_seed"])))
            self.assertEqual(phone.write_message_1(), hello[8:])
            self.check(case, phone.read_message_2(hello_ok)[1], "phone")
        self.assertGreaterEqual(seen, 2)

    def test_as_server(self) -> None:
        for case in self.conversations():
            hello, hello_ok = self.bodies(case)
            server = self.server(case)
            server.read_message_1(hello[8:])
            message_2, transport = server.write_message_2(unhex(case["welcome"]))
            self.assertEqual(message_2, hello_ok)
            self.check(case, transport, "server")

    def test_every_flipped_byte_of_the_handshake_is_refused(self) -> None:
        case = self.conversations()[0]
        hello, hello_ok = self.bodies(case)
        for changed in flips(hello[8:]):
            with self.assertRaises(ProtocolError):
                self.server(case).read_message_1(changed)
        for changed in flips(hello_ok):
            phone = self.phone(case, self.replay_kem(case))
            phone.write_message_1()
            with self.assertRaises(ProtocolError):
                phone.read_message_2(changed)

    def test_flipped_replayed_and_reordered_data_is_refused(self) -> None:
        case = self.conversations()[0]
        hello, _hello_ok = self.bodies(case)
        server = self.server(case)
        server.read_message_1(hello[8:])
        own = channel.Channel(server.write_message_2(unhex(case["welcome"]))[1])
        first, second = [unhex(m["sealed"]) for m in case["messages"] if m["from"] == "phone"][:2]
        for changed in flips(first):
            with self.assertRaises(ProtocolError):
                own.open(changed)
        with self.assertRaises(ProtocolError):
            own.open(second)
        own.open(first)
        with self.assertRaises(ProtocolError):
            own.open(first)

    def test_another_role_server_or_key_does_not_open(self) -> None:
        case = self.conversations()[0]
        hello, _hello_ok = self.bodies(case)
        for change in ({"role": "sfs"}, {"server_id": "00" * 16}, {"key_id": "00" * 8}):
            other = case | change
            wrong = noise.prologue(other["role"], unhex(other["server_id"]), unhex(other["key_id"]))
            with self.assertRaises(ProtocolError):
                self.server(case | {"prologue": wrong.hex()}).read_message_1(hello[8:])

    def test_weak_keys_are_refused(self) -> None:
        for public in (bytes(32), (1).to_bytes(32, "little")):
            with self.assertRaises(ProtocolError):
                noise.dh(X25519PrivateKey.generate(), public)
        with self.assertRaises(ProtocolError):
            noise.MlKemResponder().encapsulate(b"\xff" * noise.EK_SIZE)

    def test_a_fresh_handshake(self) -> None:
        static = X25519PrivateKey.generate()
        public = static.public_key().public_bytes_raw()
        prologue = noise.prologue("ns", bytes(16), keys.key_id(public))
        phone, server = noise.Initiator(prologue, public), noise.Responder(prologue, static)
        server.read_message_1(phone.write_message_1())
        message_2, at_server = server.write_message_2(b"welcome")
        payload, at_phone = phone.read_message_2(message_2)
        self.assertEqual((payload, at_phone.h), (b"welcome", at_server.h))
        self.assertEqual(channel.Channel(at_server).open(channel.Channel(at_phone).seal(b"x")), b"x")


class Formats(Files):
    def test_the_same_members(self) -> None:
        def shape(value: Any) -> Any:
            return {k: shape(v) for k, v in value.items()} if isinstance(value, dict) else type(value).__name__
        shapes = [shape(file) for _name, file in self.each("*-formats.json")]
        self.assertTrue(all(one == shapes[0] for one in shapes))

    def test_signatures(self) -> None:
        for _name, file in self.each("*-formats.json"):
            public, jkt, h = unhex(file["account_public_key"]), unhex(file["jkt"]), unhex(file["h"])
            server_id, role = unhex(file["server_id"]), file["role"]
            self.assertEqual((keys.thumbprint(public), keys.b64(jkt)), (jkt, file["jkt_base64url"]))
            messages = {
                "channel_auth": decision.channel_auth_message(role, server_id, h, jkt),
                "enrol": decision.enrol_message(role, server_id, h, unhex(file["challenge"]), jkt),
            }
            for member, message in messages.items():
                self.assertEqual(message.hex(), file[member]["message"])
                signature = unhex(file[member]["signature"])
                keys.verify(public, message, signature)
                for changed in flips(signature):
                    with self.assertRaises(ProtocolError):
                        keys.verify(public, message, changed)

    def test_decision(self) -> None:
        for _name, file in self.each("*-formats.json"):
            case, public = file["decision"], unhex(file["account_public_key"])
            context = unhex(case["context"])
            login, realm = uuid.UUID(case["login"]).bytes, uuid.UUID(case["realm"]).bytes
            read = frames.decode_context(context)
            self.assertEqual((read["login"], read["realm"]), (login, realm))
            self.assertEqual(decision.context_hash(context).hex(), case["ctx"])
            answer = decision.Answer(login, realm, context)
            claims = decision.verify(case["jws"], public, answer, unhex(case["cb"]))
            self.assertEqual(claims["decision"], "approve")
            wrong = [
                (answer, bytes(32)), (decision.Answer(realm, realm, context), None),
                (decision.Answer(login, login, context), None), (decision.Answer(login, realm, context + b"x"), None),
                (decision.Answer(login, realm, context, "not_me"), None),
            ]
            for other, cb in wrong:
                with self.assertRaises(ProtocolError):
                    decision.verify(case["jws"], public, other, cb)
            for changed in flips(case["jws"].encode()):
                with self.assertRaises(ProtocolError):
                    decision.verify(changed.decode("latin-1"), public, answer)

    def test_own_refusal(self) -> None:
        key, answer = keys.generate(), decision.Answer(bytes(16), bytes(16), b"\xa0", "not_me")
        jws = decision.make(key, answer, bytes(32), 1)
        claims = decision.verify(jws, keys.public_bytes(key), answer, bytes(32))
        self.assertEqual((claims["decision"], claims["reason"]), ("refuse", "not_me"))

    def test_links(self) -> None:
        for _name, file in self.each("*-formats.json"):
            realm, login = unhex(file["server_id"]), uuid.UUID(file["decision"]["login"]).bytes
            enrol = links.parse(file["enrol_link"]["url"])
            assert isinstance(enrol, links.EnrolLink)
            self.assertEqual((enrol.code.hex(), enrol.realm), (file["enrol_link"]["code"], realm))
            qr = links.parse(file["qr"]["url"])
            mac = links.qr_mac(unhex(file["qr"]["key"]), realm, login, file["qr"]["t"])
            self.assertEqual(qr, links.QrCode(realm, login, file["qr"]["t"], mac))
            self.assertEqual(mac.hex(), file["qr"]["mac"])
            login_link = links.parse(file["login_link"]["url"])
            self.assertEqual(login_link, links.LoginLink(realm, login, unhex(file["login_link"]["token"])))
            for link, member in ((enrol, "enrol_link"), (qr, "qr"), (login_link, "login_link")):
                self.assertEqual(links.text("https://id.example/app", link), file[member]["url"])

    def test_frames(self) -> None:
        for _name, file in self.each("*-formats.json"):
            self.assertEqual(frames.encode("ping", nonce=7).hex(), file["frames"]["ping_7"])
            self.assertEqual(frames.decode(unhex(file["frames"]["ping_7"])).values, {"nonce": 7})
            claim = frames.decode(unhex(file["frames"]["claim"]))
            self.assertEqual((claim.name, claim["t"], claim["mac"].hex()),
                             ("claim-qr", file["qr"]["t"], file["qr"]["mac"]))
            self.assertEqual(frames.encode(claim.name, **claim.values).hex(), file["frames"]["claim"])

    def test_retry(self) -> None:
        for _name, file in self.each("*-formats.json"):
            case, now = file["retry"], file["retry"]["verify_at"]
            body, pin, server_id = unhex(case["statement"]), unhex(case["root_pin"]), unhex(file["server_id"])
            good = (pin, file["role"], server_id, case["epoch_held"])
            made = statement.verify(body, statement.Expected(*good), now)
            self.assertEqual(made.static_key.hex(), case["static_key"])
            for changed in flips(body):
                with self.assertRaises(ProtocolError):
                    statement.verify(changed, statement.Expected(*good), now)
            for wrong in ((bytes(32), *good[1:]), (pin, "mc", *good[2:]), (*good[:2], bytes(16), good[3]),
                          (*good[:3], made.epoch), (*good[:3], made.epoch + 1)):
                with self.assertRaises(ProtocolError):
                    statement.verify(body, statement.Expected(*wrong), now)
            for when in (made.issued_at - 300, min(made.issued_at + 7 * 86400, made.not_after - 1)):
                statement.verify(body, statement.Expected(*good), when)
            for when in (made.issued_at - 301, made.issued_at + 7 * 86400 + 1, made.not_after):
                with self.assertRaises(ProtocolError):
                    statement.verify(body, statement.Expected(*good), when)


class Statement(unittest.TestCase):
    """RETRY statements that are well signed and still refused."""

    def test_rules(self) -> None:
        root = keys.generate()
        pin = hashlib.sha256(keys.public_bytes(root)).digest()
        expected, now, static = statement.Expected(pin, "ns", bytes(16), 1), 1_790_000_000, bytes(range(32))
        good: dict[str, Any] = dict(
            role="ns", server_id=bytes(16), static_key=static, key_id=keys.key_id(static), epoch=2, issued_at=now,
            not_after=now + 10 ** 8, min_version=1, max_version=1, root_key=keys.public_bytes(root))

        def made(**changes: Any) -> bytes:
            return statement.sign(root, statement.KeyStatement(**(good | changes)))
        statement.verify(made(), expected, now)
        statement.verify(made(issued_at=now - 7 * 86400), expected, now)
        for changes in ({"role": "sfs"}, {"server_id": b"x" * 16}, {"key_id": bytes(8)}, {"epoch": 1}, {"epoch": 0},
                        {"issued_at": now + 301}, {"issued_at": now - 7 * 86400 - 1}, {"not_after": now},
                        {"min_version": 2, "max_version": 2}, {"min_version": 0, "max_version": 0},
                        {"root_key": keys.public_bytes(keys.generate())}):
            with self.subTest(changes), self.assertRaises(ProtocolError):
                statement.verify(made(**changes), expected, now)
        with self.assertRaises(ProtocolError):
            statement.verify(b"\xd2" + made(), expected, now)  # tagged
        with self.assertRaises(ProtocolError):
            statement.verify(made() + b"\0", expected, now)


class Padding(unittest.TestCase):
    def test_buckets(self) -> None:
        for size, bucket in ((1, 256), (254, 256), (255, 512), (510, 512), (511, 1024), (32766, 32768)):
            padded = channel.pad(b"x" * size)
            self.assertEqual(len(padded), bucket)
            self.assertEqual(channel.unpad(padded), b"x" * size)
        with self.assertRaises(ProtocolError):
            channel.pad(bytes(32767))

    def test_refusals(self) -> None:
        good = channel.pad(b"abc")
        for bad in (b"", good[:-1], good + b"\0", good + bytes(256), good[:-1] + b"\1", good[:5] + b"\1" + good[6:],
                    b"\x00\xff" + good[2:], b"\xff\xff" + good[2:], bytes(65536), bytes(300)):
            with self.assertRaises(ProtocolError):
                channel.unpad(bad)

    def test_outer_frames(self) -> None:
        for bad in (b"", b"\x01", b"\x02\x1f\0\1", b"\x01\x1f\0", b"\x01\x1f\0\0\1", b"\x01\x04",
                    b"\x01\x10" + bytes(271), b"\x01\x10" + bytes(273), b"\x01\x01" + bytes(1255),
                    b"\x01\x02" + bytes(1151), b"\x01\x03" + bytes(1025)):
            with self.assertRaises(ProtocolError):
                channel.parse_outer(bad)
        self.assertEqual(channel.parse_outer(b"\x01\x1f\0\1"), (channel.CLOSE, b"\0\1"))


class Cbor(unittest.TestCase):
    def test_there_and_back(self) -> None:
        values: list[cbor.Value] = [{}, {0: 1}, [],
                                    {1: b"", 128: "ü", 70000: [True, False, -1, -(1 << 64), (1 << 64) - 1]},
                                    {n: n for n in (0, 23, 24, 255, 256, 65535, 65536, 1 << 32)}, "x" * 300]
        for value in values:
            self.assertEqual(cbor.decode(cbor.encode(value)), value)

    def test_refusals(self) -> None:
        bad = {
            "empty": "", "after the item": "a000", "long int": "a1001800", "long int 2": "a100190001",
            "long int 4": "a1001a00000001", "long int 8": "a1001b0000000000000001", "long bytes": "a100580100",
            "long map": "b8010001", "indefinite map": "bf0001ff", "indefinite bytes": "a1005f4100ff",
            "indefinite list": "a1009f01ff", "indefinite text": "a1007f6161ff", "order": "a201000000",
            "order long": "a21818000100", "twice": "a200000000", "negative key": "a12001", "text key": "a1616101",
            "bytes key": "a1410001", "null": "a100f6", "undefined": "a100f7", "half": "a100f90000",
            "float": "a100fa00000000", "double": "a100fb0000000000000000", "tag": "a100c001", "tagged map": "d9d9f7a0",
            "simple": "a100e0", "simple 24": "a100f820", "false, long": "a100f814", "UTF-8": "a10061ff",
            "surrogate": "a10063eda080", "overlong UTF-8": "a10062c080", "truncated": "a10041", "short map": "a20001",
            "reserved": "a1001c", "huge list": "a1009bffffffffffffffff", "huge text": "a1007bffffffffffffffff",
        }
        for name, data in bad.items():
            with self.subTest(name), self.assertRaises(cbor.CborError):
                cbor.decode_map(unhex(data))
        for data in ("80", "00", "60", "f5"):
            with self.assertRaises(cbor.CborError):
                cbor.decode_map(unhex(data))

    def test_depth(self) -> None:
        deepest = b"\xa1\x00" + b"\x81" * 6 + b"\x80"
        self.assertEqual(cbor.encode(cbor.decode(deepest)), deepest)
        with self.assertRaises(cbor.CborError):
            cbor.decode(b"\xa1\x00" + b"\x81" * 7 + b"\x80")


class Frames(unittest.TestCase):
    def test_critical_and_extension_keys(self) -> None:
        self.assertEqual(frames.decode(cbor.encode({0: 68, 1: 7, 2: 9, 128: [{5: "later"}]})).values,
                         {"nonce": 7, "server_time": 9})
        bad: list[dict[int, cbor.Value]] = [
            {1: 7, 2: 9}, {0: 68, 1: 7}, {0: 68, 1: 7, 2: 9, 3: 0}, {0: 68, 1: 7, 2: 9, 127: 0}, {0: 68, 1: "7", 2: 9},
            {0: 68, 1: -1, 2: 9}, {0: 68, 1: True, 2: 9}, {0: 63}, {0: 82, 1: 14}, {0: 82, 1: 0}, {0: True, 1: 1},
            {0: 71, 1: bytes(15)}, {0: 4, 1: bytes(16), 2: bytes(16), 3: 1, 4: bytes(16), 5: bytes(16)},
            {0: 4, 1: bytes(16), 2: bytes(16), 3: 1}, {0: 1, 1: 3}, {0: 72, 1: bytes(16), 2: [{1: bytes(16)}]},
            {0: 5, 1: bytes(16), 2: bytes(16), 3: "x" * 2049}, {0: 66, 1: bytes(16), 2: bytes(16), 3: 1, 4: "12a4"},
        ]
        for pairs in bad:
            with self.subTest(pairs), self.assertRaises(ProtocolError):
                frames.decode(cbor.encode(pairs))


class Links(unittest.TestCase):
    def test_refusals(self) -> None:
        def enrol(**changes: Any) -> str:
            static = bytes(range(32))
            fields: dict[str, Any] = dict(
                url="wss://ns.example/ns/sigmai", realm=bytes(16), root_pin=bytes(32), static_key=static,
                key_id=keys.key_id(static), epoch=1, code=bytes(16))
            return links.text("https://id.example/app", links.EnrolLink(**(fields | changes)))
        links.parse(enrol())
        for url in ("ws://127.0.0.1:9000/ns/sigmai", "ws://[::1]/ns/sigmai", "ws://localhost/ns/sigmai"):
            links.parse(enrol(url=url))
        for url in ("ws://ns.example/ns/sigmai", "ws://127.0.0.1.example/ns/sigmai",
                    "https://ns.example/ns/sigmai", "x"):
            with self.assertRaises(ProtocolError):
                links.parse(enrol(url=url))
        qr = links.text("https://id.example/app", links.QrCode(bytes(16), bytes(16), 1, bytes(16)))
        for text in ("", "https://id.example/app", qr + "=", qr + "A", qr[:-1], qr.replace("#q1.", "#q2."),
                     qr.replace("#q1.", "#l1."), qr.replace("#", ""), "x" * 2048 + qr, qr[:-1] + "!",
                     enrol(key_id=bytes(8)), enrol() + "AA"):
            with self.subTest(text[:80]), self.assertRaises(ProtocolError):
                links.parse(text)


class Generator(unittest.TestCase):
    def test_writes_all_files(self) -> None:
        with tempfile.TemporaryDirectory() as out, mock.patch("sys.argv", ["vectors", out]):
            vectors.main()
            self.assertEqual({path.name for path in Path(out).iterdir()},
                             {"python-channel.json", "python-formats.json", "python-forms.json"})


if __name__ == "__main__":
    unittest.main()
