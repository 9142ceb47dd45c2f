"""SFS without a server: contexts, attestations, frames, links, and the phone against a scripted SFS in this process.

The SFS here is by the same hand as the phone, so it checks the plumbing; test_sfs_live.py judges a running one.
"""
from __future__ import annotations

import hashlib
import hmac
import os
import sys
import time
import unittest
import uuid
from pathlib import Path
from typing import Any

from websockets.exceptions import ConnectionClosed

sys.path.insert(0, str(Path(__file__).parent))
from countersign import cbor, decision, factor, frames, keys, links, sfs
from countersign.errors import ConnectionEnded, Goodbye, ProtocolError, Refused, WrongPin
from countersign.phone import Enrolment, Phone
from test_opaque import OpaqueServer
from test_phone import ACCOUNT, CONTEXT, LOGIN, REALM, Peer, Scripted
from test_vectors import flips

ID, SFS_ID, FACTOR, NOW = bytes(16), b"S" * 16, b"\xab" * 16, 1_790_000_000
PIN, OTHER = "271828", "314159"
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def without(members: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in members.items() if key != name}


def attestation_claims(ctx: bytes, /, **changes: Any) -> dict[str, Any]:
    return {
        "iss": str(uuid.UUID(bytes=SFS_ID)), "sub": str(uuid.UUID(bytes=FACTOR)), "ctx": keys.b64(ctx), "amr": ["pin"],
        "policy": "lock", "auth_time": NOW - 10, "iat": NOW, "exp": NOW + 60, "jti": keys.b64(os.urandom(16)),
    } | changes


def entry(key: keys.PrivateKey, **changes: Any) -> dict[str, Any]:
    """A key in a key list."""
    public = keys.public_bytes(key)
    return {"kid": keys.b64(keys.thumbprint(public)), "key": keys.b64(public), "nbf": NOW - 100,
            "exp": NOW + 100} | changes


def list_claims(*entries: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"iss": str(uuid.UUID(bytes=SFS_ID)), "seq": 7, "keys": list(entries), "iat": NOW - 50,
            "exp": NOW + 1000} | changes


class Contexts(unittest.TestCase):
    def test_ctx(self) -> None:
        by_hand = bytes.fromhex(
            "636f756e7465727369676e2f3266612d6374782f763100"  # countersign/2fa-ctx/v1, 00
            "00000020" + "11" * 32 + "00000010" + "22" * 16 + "00000020" + "33" * 32 + "00000020" + "44" * 32
            + "00000020" + "55" * 32)
        challenge, cb, jkt, r = b"\x33" * 32, b"\x44" * 32, b"\x55" * 32, b"\x11" * 32
        of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        enrol = by_hand + bytes.fromhex("00000005" "656e726f6c" "00000020" + of_nothing)
        self.assertEqual(factor.Occasion(b"\x22" * 16, challenge, cb, jkt, "enrol").ctx(r),
                         hashlib.sha256(enrol).digest())
        of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        login = by_hand + bytes.fromhex("00000005" "6c6f67696e" "00000020" + of_abc)
        self.assertEqual(factor.Occasion(b"\x22" * 16, challenge, cb, jkt, "login", b"abc").ctx(r),
                         hashlib.sha256(login).digest())

    def test_everything_counts(self) -> None:
        good: dict[str, Any] = dict(server_id=bytes(16), challenge=bytes(32), cb=bytes(32), jkt=bytes(32),
                                    purpose="login", payload=b"x")
        seen = {factor.Occasion(**good).ctx(bytes(32)), factor.Occasion(**good).ctx(b"r" * 32)}
        for name, value in (("server_id", ID[1:] + b"1"), ("challenge", b"c" * 32), ("cb", b"b" * 32),
                            ("jkt", b"j" * 32), ("purpose", "enrol"), ("payload", b"y")):
            seen.add(factor.Occasion(**(good | {name: value})).ctx(bytes(32)))
        self.assertEqual(len(seen), 8)

    def test_password_and_opaque_context(self) -> None:
        # HKDF by hand: extract without salt, one block of expand.
        prk = hmac.digest(bytes(32), b"s" * 32, "sha256")
        self.assertEqual(sfs.password(b"s" * 32, "2718"), hmac.digest(prk, b"countersign/pin/v1\x002718\1", "sha256"))
        self.assertNotEqual(sfs.password(b"s" * 32, "2718"), sfs.password(b"t" * 32, "2718"))
        self.assertEqual(sfs.opaque_context(b"c" * 32), b"countersign/sfs-opaque/v1" + b"c" * 32)

    def test_new_pins(self) -> None:
        for good in ("2718", "1357", "271828182845", "0007", "1212"):
            sfs.check_new_pin(good, 4)
        for bad in ("", "271", "2718281828459", "27a8", "२७१८", " 2718", "2718\n", "0000", "1234", "9876", "8901",
                    "000000000000", "0987654321"):
            with self.subTest(bad), self.assertRaises(sfs.BadPin):
                sfs.check_new_pin(bad, 4)
        with self.assertRaises(sfs.BadPin):
            sfs.check_new_pin("2718", 6)


class Attestations(unittest.TestCase):
    def setUp(self) -> None:
        self.root, self.key, self.old_key = keys.generate(), keys.generate(), keys.generate()
        self.judge = factor.Judge(keys.public_bytes(self.root))
        self.ctx = os.urandom(32)
        self.expected = factor.Expected(self.ctx, FACTOR, claimed_at=NOW - 10)

    def attestation(self, key: keys.PrivateKey | None = None, typ: str = "cs-2fa+jwt", **changes: Any) -> str:
        return decision.sign(key or self.key, typ, attestation_claims(self.ctx, **changes))

    def key_list(self, root: keys.PrivateKey | None = None, typ: str = "cs-sfs-keys+jwt", **changes: Any) -> str:
        claims = list_claims(entry(self.old_key, exp=NOW - 1), entry(self.key), **changes)
        return decision.sign(root or self.root, typ, claims)

    def judged(self, attestation: str, key_list: str | None = None, **changes: Any) -> dict[str, Any]:
        expected = factor.Expected(**(vars(self.expected) | changes))
        return factor.verify(self.judge, attestation, key_list or self.key_list(), expected, NOW)

    def refused(self, attestation: str, key_list: str | None = None, **changes: Any) -> None:
        with self.assertRaises(ProtocolError):
            self.judged(attestation, key_list, **changes)

    def test_good_ones(self) -> None:
        self.assertEqual(self.judged(self.attestation())["policy"], "lock")
        for changes in ({"iat": NOW + 5, "exp": NOW + 65}, {"iat": NOW - 15, "exp": NOW - 5, "auth_time": NOW - 15},
                        {"policy": "wipe"}, {"policy": "psd2"}, {"exp": NOW + 1}, {"auth_time": NOW - 15}):
            with self.subTest(changes):
                self.judged(self.attestation(**changes))
        other = self.attestation(sub=str(uuid.UUID(int=1)), auth_time=NOW - 305)
        self.judged(other, factor=None, claimed_at=None, greatest_age=300)

    def test_bad_attestations(self) -> None:
        good = attestation_claims(self.ctx)
        bad: dict[str, str] = {
            "another key": self.attestation(keys.generate()),
            "the root's key": self.attestation(self.root),
            "another's signature": ".".join([*self.attestation().split(".")[:2],
                                             self.attestation(keys.generate()).split(".")[2]]),
            "another type": self.attestation(typ="cs-login+jwt"),
            "another issuer": self.attestation(iss=str(uuid.UUID(int=1))),
            "another factor": self.attestation(sub=str(uuid.UUID(int=1))),
            "an upper-case factor": self.attestation(sub=str(uuid.UUID(bytes=FACTOR)).upper()),
            "another context": self.attestation(ctx=keys.b64(os.urandom(32))),
            "a short context": self.attestation(ctx=keys.b64(self.ctx[:31])),
            "a padded context": self.attestation(ctx=keys.b64(self.ctx) + "="),
            "another method": self.attestation(amr=["pin", "face"]),
            "a text for the method": self.attestation(amr="pin"),
            "an unknown policy": self.attestation(policy="none"),
            "proven before the claim": self.attestation(auth_time=NOW - 16),
            "from the future": self.attestation(iat=NOW + 6, exp=NOW + 60),
            "over": self.attestation(iat=NOW - 66, exp=NOW - 6),
            "for too long": self.attestation(exp=NOW + 61),
            "over before it began": self.attestation(exp=NOW - 1),
            "a fraction": self.attestation(iat=float(NOW)),
            "true": self.attestation(auth_time=True),
            "a text for a time": self.attestation(exp=str(NOW + 60)),
            "a short jti": self.attestation(jti=keys.b64(bytes(15))),
            "one member more": self.attestation(nonce="x"),
            "no JWS": "x", "nothing signed": self.attestation().rpartition(".")[0] + ".",
        } | {f"no {name}": decision.sign(self.key, "cs-2fa+jwt", without(good, name)) for name in good}
        for name, attestation in bad.items():
            with self.subTest(name):
                self.refused(attestation)
        self.assertEqual(self.judge.used, set())
        for changed in flips(self.attestation().encode()):
            self.refused(changed.decode("latin-1"))

    def test_the_greatest_age(self) -> None:
        self.judged(self.attestation(auth_time=NOW - 65), claimed_at=None, greatest_age=60)
        self.refused(self.attestation(auth_time=NOW - 66), claimed_at=None, greatest_age=60)

    def test_an_attestation_counts_once(self) -> None:
        good = self.attestation()
        self.judged(good)
        self.refused(good)
        # The same with the other of the two good signatures.
        signing_input, _dot, signature = good.rpartition(".")
        raw = keys.unb64(signature)
        high_s = raw[:32] + (P256_ORDER - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
        decision.read(f"{signing_input}.{keys.b64(high_s)}", keys.public_bytes(self.key), "cs-2fa+jwt")
        self.refused(f"{signing_input}.{keys.b64(high_s)}")

    def test_bad_key_lists(self) -> None:
        good, one = list_claims(entry(self.key)), entry(self.key)

        def signed(claims: dict[str, Any]) -> str:
            return decision.sign(self.root, "cs-sfs-keys+jwt", claims)
        off_curve = b"\4" + bytes(63) + b"\1"
        bad: dict[str, str] = {
            "another root": self.key_list(keys.generate()),
            "another type": self.key_list(typ="cs-2fa+jwt"),
            "over": self.key_list(exp=NOW),
            "another issuer": self.key_list(iss=str(uuid.UUID(int=1))),
            "no UUID": self.key_list(iss="x"),
            "an empty list": signed(list_claims()),
            "five keys": signed(list_claims(one, *(entry(keys.generate()) for _ in range(4)))),
            "a key twice": signed(list_claims(one, one)),
            "a key id that is another's": signed(list_claims(entry(self.key, kid=entry(self.old_key)["kid"]))),
            "a compressed key": signed(list_claims(one | {"key": keys.b64(b"\2" + bytes(32))})),
            "no point": signed(list_claims(one, {"kid": keys.b64(keys.thumbprint(off_curve)),
                                                 "key": keys.b64(off_curve), "nbf": 1, "exp": 2})),
            "not this key": signed(list_claims(entry(self.old_key))),
            "not yet": signed(list_claims(entry(self.key, nbf=NOW + 1))),
            "no more": signed(list_claims(entry(self.key, exp=NOW - 1))),
            "a fraction": self.key_list(seq=7.0),
            "a list of texts": signed(list_claims() | {"keys": ["x"]}),
            "one member more": self.key_list(jku="https://evil.example/"),
            "one member more in a key": signed(list_claims(one | {"use": "sig"})),
            "one member less in a key": signed(list_claims(without(one, "nbf"))),
        } | {f"no {name}": signed(without(good, name)) for name in good}
        for name, key_list in bad.items():
            with self.subTest(name):
                self.judge.newest = None
                self.refused(self.attestation(), key_list)
        self.judge.newest = None
        self.judged(self.attestation(), signed(good))
        for changed in flips(signed(good).encode()):
            self.refused(self.attestation(), changed.decode("latin-1"))

    def test_the_newest_list_decides(self) -> None:
        without_key = decision.sign(self.root, "cs-sfs-keys+jwt", list_claims(entry(self.old_key), seq=8))
        self.judged(self.attestation(), self.key_list(seq=7))
        self.refused(self.attestation(), without_key)
        self.refused(self.attestation(), self.key_list(seq=7))  # the older one comes too late
        self.judged(self.attestation(), self.key_list(seq=9))
        self.judged(self.attestation(), without_key)

    def test_a_killed_key(self) -> None:
        self.judge.killed.add(entry(self.key)["kid"])
        self.refused(self.attestation())


class Decisions(unittest.TestCase):
    def test_att(self) -> None:
        key, cb, attestation = keys.generate(), bytes(32), "a.b.c"
        answer = decision.Answer(LOGIN, REALM, CONTEXT, attestation=attestation)
        jws = decision.make(key, answer, cb, NOW)
        claims = decision.verify(jws, keys.public_bytes(key), answer, cb)
        self.assertEqual(claims["att"], keys.b64(hashlib.sha256(b"a.b.c").digest()))
        for other in (decision.Answer(LOGIN, REALM, CONTEXT),
                      decision.Answer(LOGIN, REALM, CONTEXT, attestation="a.b.d")):
            with self.assertRaises(ProtocolError):
                decision.verify(jws, keys.public_bytes(key), other, cb)

    def test_refusals(self) -> None:
        answer = decision.Answer(LOGIN, REALM, CONTEXT, "no_second_factor")
        self.assertEqual(answer.claims()["reason"], "no_second_factor")
        self.assertNotIn("att", answer.claims())
        with self.assertRaises(ValueError):
            decision.Answer(LOGIN, REALM, CONTEXT, "no_second_factor", attestation="a.b.c").claims()


class Frames(unittest.TestCase):
    def test_there_and_back(self) -> None:
        key = keys.public_bytes(keys.generate())
        given: list[tuple[str, int, dict[str, Any]]] = [
            ("auth-device", 1, {"sig": bytes(64), "public_key": key}),
            ("auth-device", 1, {"sig": bytes(64), "app_version": "2.10", "public_key": key}),
            ("set-pin", 16, {"req_id": ID, "request": bytes(32)}),
            ("store-pin", 17, {"req_id": ID, "record": bytes(192)}),
            ("try-pin", 18, {"req_id": ID, "ke1": bytes(96)}),
            ("prove-pin", 19, {"req_id": ID, "ke3": bytes(64)}),
            ("attest", 20, {"req_id": ID, "ctx": bytes(32)}),
            ("attest", 20, {"req_id": ID, "factor": ID, "ctx": bytes(32)}),
            ("forget-pin", 21, {"req_id": ID}),
            ("sfs-ready", 96, {"state": 1, "tries_left": 5, "policy": 1, "least_digits": 4, "epoch": 1}),
            ("sfs-ready", 96, {"state": 4, "tries_left": 0, "policy": 3, "least_digits": 6, "epoch": 1, "wait": 300}),
            ("pin-offered", 97, {"req_id": ID, "response": bytes(64)}),
            ("pin-evaluated", 98, {"req_id": ID, "ke2": bytes(320), "tries_left": 4}),
            ("attested", 99, {"req_id": ID, "factor": ID, "attestation": "a.b.c", "key_list": "d.e.f"}),
            ("enrol", 2, {"req_id": ID, "public_key": key, "sig": bytes(64), "app_id": "app", "device_name": "Phone",
                          "attestation": "a.b.c", "key_list": "d.e.f", "r": bytes(32)}),
            ("decide", 5, {"req_id": ID, "login": ID, "jws": "g.h.i", "attestation": "a.b.c", "key_list": "d.e.f",
                           "r": bytes(32)}),
            ("enrol-offer", 65, {"challenge": bytes(32), "realm_name": "R", "client_name": "C", "user": "U",
                                 "factor_wish": 2}),
            ("claimed", 69, {"req_id": ID, "login": ID, "context": CONTEXT, "expires_at": 1, "challenge": bytes(32),
                             "factor_cb": bytes(32), "greatest_age": 0, "factor": bytes(16)}),
        ]
        for name, kind, values in given:
            with self.subTest(name):
                content = frames.encode(name, **values)
                self.assertEqual(cbor.decode_map(content)[0], kind)
                frame = frames.decode(content)
                self.assertEqual((frame.name, without(frame.values, "kind")), (name, values))
        for code in range(18, 25):
            self.assertEqual(frames.decode(frames.encode("refused", req_id=ID, code=code))["code"], code)

    def test_bytes(self) -> None:
        self.assertEqual(frames.encode("attest", req_id=b"\1" * 16, ctx=b"\2" * 32).hex(),
                         "a3" "0014" "0150" + "01" * 16 + "035820" + "02" * 32)
        self.assertEqual(frames.encode("sfs-ready", state=2, tries_left=3, policy=1, least_digits=4, epoch=1,
                                       wait=30).hex(), "a7" "001860" "0102" "0203" "0301" "0404" "0501" "06181e")

    def test_refusals(self) -> None:
        key, ready = keys.public_bytes(keys.generate()), {0: 96, 1: 1, 2: 5, 3: 1, 4: 4, 5: 1}
        enrol: dict[int, cbor.Value] = {0: 2, 1: ID, 2: key, 3: bytes(64), 4: "app", 5: "Phone"}
        decide: dict[int, cbor.Value] = {0: 5, 1: ID, 2: ID, 3: "g.h.i"}
        claimed: dict[int, cbor.Value] = {0: 69, 1: ID, 2: ID, 3: CONTEXT, 4: 1}
        offer: dict[int, cbor.Value] = {0: 65, 1: bytes(32), 2: "R", 3: "C", 4: "U"}
        bad: list[dict[int, cbor.Value]] = [
            {0: 1, 1: 3, 3: bytes(64)}, {0: 1, 1: 3, 6: key}, {0: 1, 1: 3, 2: bytes(32), 3: bytes(64), 6: key},
            {0: 1, 1: 3, 3: bytes(64), 6: key[:64]}, {0: 1, 1: 4, 3: bytes(64), 6: key},
            {0: 16, 1: ID, 2: bytes(31)}, {0: 17, 1: ID, 2: bytes(191)}, {0: 18, 1: ID, 2: bytes(97)},
            {0: 19, 1: ID, 2: bytes(63)}, {0: 20, 1: ID, 2: ID}, {0: 20, 1: ID, 2: bytes(15), 3: bytes(32)},
            {0: 21}, {0: 22, 1: ID}, {0: 15, 1: ID},
            *(ready | change for change in ({1: 0}, {1: 5}, {3: 0}, {3: 4}, {2: -1}, {4: "4"}, {7: 0})),
            {0: 96, 1: 1, 2: 5, 3: 1, 4: 4}, {0: 97, 1: ID, 2: bytes(63)}, {0: 98, 1: ID, 2: bytes(320)},
            {0: 98, 1: ID, 2: bytes(319), 3: 4}, {0: 99, 1: ID, 2: ID, 3: "a.b.c"},
            {0: 99, 1: ID, 2: ID, 3: "a" * 2049, 4: "d.e.f"}, {0: 100, 1: ID}, {0: 67, 1: ID, 2: 25},
            *(offer | {5: wish} for wish in (0, 3, True)),
            *(enrol | some for some in ({6: "a.b.c"}, {6: "a.b.c", 7: "d.e.f"}, {8: bytes(32)},
                                        {6: "a.b.c", 7: "d.e.f", 8: bytes(31)})),
            *(decide | some for some in ({4: "a.b.c"}, {5: "d.e.f", 6: bytes(32)}, {6: bytes(32)},
                                         {4: "", 5: "d.e.f", 6: bytes(32)})),
            *(claimed | some for some in ({9: bytes(32)}, {9: bytes(32), 10: bytes(32)}, {11: 0},
                                          {9: bytes(31), 10: bytes(32), 11: 0})),
        ]
        for pairs in bad:
            with self.subTest(pairs), self.assertRaises(ProtocolError):
                frames.decode(cbor.encode(pairs))
        with self.assertRaises(ProtocolError):
            frames.encode("decide", req_id=ID, login=ID, jws="g.h.i", attestation="a.b.c")
        self.assertIsNone(frames.decode(frames.encode("decide", req_id=ID, login=ID, jws="g.h.i", r=None)).get("r"))


class Links(unittest.TestCase):
    def link(self, **changes: Any) -> links.SfsLink:
        static = bytes(range(32))
        fields: dict[str, Any] = dict(url="wss://sfs.example/sfs/sigmai", server_id=SFS_ID, root_pin=bytes(32),
                                      static_key=static, key_id=keys.key_id(static), epoch=1)
        return links.SfsLink(**(fields | changes))

    def test_there_and_back(self) -> None:
        for url in ("wss://sfs.example/sfs/sigmai", "ws://127.0.0.1:9000/sfs/sigmai", "ws://[::1]/sfs/sigmai"):
            link = self.link(url=url)
            text = links.text("https://app.example/x", link)
            self.assertTrue(text.startswith("https://app.example/x#s1."))
            self.assertEqual(links.parse(text), link)
            self.assertEqual(links.parse("anything" + text.partition("x")[2]), link)
        device = sfs.Device.new(text)
        self.assertEqual((device.server.role, device.server.server_id, len(device.secret)), ("sfs", SFS_ID, 32))

    def test_refusals(self) -> None:
        good = self.link()
        text = links.text("https://app.example/x", good)
        pairs: dict[int, cbor.Value] = {1: good.url, 2: SFS_ID, 3: bytes(32), 4: good.static_key, 5: good.key_id, 6: 1}

        def made(pairs: dict[int, cbor.Value], kind: str = "s1") -> str:
            return f"https://app.example/x#{kind}.{keys.b64(cbor.encode(pairs))}"
        self.assertEqual(links.parse(made(pairs)), good)
        self.assertEqual(links.parse(made(pairs | {128: "later"})), good)
        bad = [
            made(pairs | {5: bytes(8)}), made(pairs | {1: "ws://sfs.example/sfs/sigmai"}),
            made(pairs | {1: "https://sfs.example/sfs/sigmai"}), made(pairs | {2: bytes(15)}),
            made(pairs | {3: bytes(31)}), made(pairs | {6: -1}), made(pairs | {7: bytes(16)}),
            made({key: value for key, value in pairs.items() if key != 6}), made(pairs, "e1"), made(pairs, "s2"),
            made(pairs, "q1"), made(pairs, "l1"), made(pairs, "S1"), text + "=", text[:-1], text.replace("#", ""),
            "x" * 2048 + text,
        ]
        for text in bad:
            with self.subTest(text[:80]), self.assertRaises(ProtocolError):
                links.parse(text)

    def test_a_link_of_another_kind_makes_no_device(self) -> None:
        with self.assertRaises(ProtocolError):
            sfs.Device.new(links.text("https://x/app", links.LoginLink(REALM, LOGIN, bytes(16))))


class ScriptedSfs:
    """An SFS with one device, without waits and deadlines."""

    def __init__(self) -> None:
        self.opaque = OpaqueServer()
        self.root, self.key = keys.generate(), keys.generate()
        self.record: bytes | None = None
        self.tries, self.factors = 5, set[bytes]()

    async def __call__(self, peer: Peer) -> None:
        """One connection, until the phone leaves."""
        peer.role, peer.server_id = "sfs", SFS_ID
        await peer.handshake()
        auth = await peer.read()
        message = decision.channel_auth_message("sfs", SFS_ID, peer.channel.h, keys.thumbprint(auth["public_key"]))
        keys.verify(auth["public_key"], message, auth["sig"])
        await peer.send("sfs-ready", state=1 if self.record is None else 2, tries_left=self.tries, policy=1,
                        least_digits=4, epoch=1)
        self.proven_at, self.ke3 = 0, b""
        try:
            while True:
                await self._answer(peer, await peer.read())
        except ConnectionClosed:
            pass

    async def _answer(self, peer: Peer, command: frames.Frame) -> None:
        if command.name == "ping":
            await peer.send("pong", nonce=command["nonce"], server_time=99)
            return
        answer, values = self._act(peer, command)
        await peer.send(answer, req_id=command["req_id"], **values)

    def _act(self, peer: Peer, command: frames.Frame) -> tuple[str, dict[str, Any]]:
        context = b"countersign/sfs-opaque/v1" + peer.channel.cb
        match command.name:
            case "set-pin" if self.record is not None and not self.proven_at:
                return "refused", {"code": 21}
            case "set-pin":
                return "pin-offered", {"response": self.opaque.register(command["request"], b"device")}
            case "store-pin":
                self.record, self.tries, self.proven_at = command["record"], 5, 0
            case "try-pin" if self.record is None:
                return "refused", {"code": 20}
            case "try-pin":
                self.tries -= 1
                ke2, self.ke3 = self.opaque.answer(self.record or b"", command["ke1"], b"device", context)
                return "pin-evaluated", {"ke2": ke2, "tries_left": self.tries}
            case "prove-pin" if command["ke3"] != self.ke3:
                return "refused", {"code": 18}
            case "prove-pin":
                self.tries, self.proven_at = 5, int(time.time())
            case "attest" if not self.proven_at:
                return "refused", {"code": 21}
            case "attest" if command.get("factor") not in {None, *self.factors}:
                return "refused", {"code": 22}
            case "attest":
                return "attested", self._attested(command)
            case "forget-pin":
                self.record, self.factors = None, set()
        return "done", {}

    def _attested(self, command: frames.Frame) -> dict[str, Any]:
        now, name = int(time.time()), command.get("factor") or os.urandom(16)
        self.factors.add(name)
        claims = attestation_claims(command["ctx"], sub=str(uuid.UUID(bytes=name)), auth_time=self.proven_at,
                                    iat=now, exp=now + 60)
        listed = list_claims(entry(self.key, nbf=now - 1, exp=now + 100), iat=now, exp=now + 100)
        return {"factor": name, "attestation": decision.sign(self.key, "cs-2fa+jwt", claims),
                "key_list": decision.sign(self.root, "cs-sfs-keys+jwt", listed)}


class Conversations(Scripted):
    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.sfs = ScriptedSfs()
        self.judge = factor.Judge(keys.public_bytes(self.sfs.root))
        static = self.static.public_key().public_bytes_raw()
        self.device = sfs.Device.new(links.SfsLink(self.url, SFS_ID, bytes(32), static, keys.key_id(static), 1))

    async def connect(self) -> sfs.Connection:
        """Connect to the SFS, which is what the next script must be."""
        self.scripts.append(self.sfs)
        connection = await sfs.connect(self.device, "1.0")
        self.addAsyncCleanup(connection.close)
        return connection

    async def refused(self, code: int, command: Any) -> None:
        with self.assertRaises(Refused) as refused:
            await command
        self.assertEqual(refused.exception.code, code)

    async def test_a_pin_is_set_proven_changed_and_forgotten(self) -> None:
        one = await self.connect()
        self.assertEqual((one.state, one.tries_left, one.policy, one.least_digits), (frames.NONE, 5, frames.LOCK, 4))
        self.assertEqual(await one.ping(), 99)
        await self.refused(20, one.prove_pin(PIN))
        with self.assertRaises(sfs.BadPin):
            await one.set_pin("1234")
        await one.set_pin(PIN)
        await self.refused(21, one.attest(bytes(32)))
        with self.assertRaises(WrongPin) as wrong:
            await one.prove_pin(OTHER)
        self.assertEqual((wrong.exception.tries_left, one.tries_left), (4, 4))
        await self.refused(21, one.set_pin(OTHER))
        await one.prove_pin(PIN)
        self.assertEqual(one.tries_left, 5)
        two = await self.connect()
        self.assertEqual(two.state, frames.SET)
        await two.change(PIN, OTHER)
        with self.assertRaises(WrongPin):
            await two.prove_pin(PIN)
        await two.prove_pin(OTHER)
        await two.forget()
        self.assertEqual((await self.connect()).state, frames.NONE)

    async def test_another_device_secret_is_another_pin(self) -> None:
        one = await self.connect()
        await one.set_pin(PIN)
        self.device.secret = os.urandom(32)
        with self.assertRaises(WrongPin):
            await one.prove_pin(PIN)

    async def test_attestations(self) -> None:
        one = await self.connect()
        await one.set_pin(PIN)
        await one.prove_pin(PIN)
        occasion = factor.Occasion(REALM, os.urandom(32), os.urandom(32), os.urandom(32), "login", CONTEXT)
        first = await one.prove(occasion)
        again = await one.prove(occasion, first.factor)
        other = await one.prove(occasion)
        self.assertEqual(first.factor, again.factor)
        self.assertNotEqual(first.factor, other.factor)
        self.assertEqual(len({first.r, again.r, other.r}), 3)
        for proof in (first, again, other):
            expected = factor.Expected(occasion.ctx(proof.r), proof.factor)
            factor.verify(self.judge, proof.attestation, proof.key_list, expected, int(time.time()))
        await self.refused(22, one.prove(occasion, os.urandom(16)))

    async def test_an_enrolment_and_a_login_with_a_factor(self) -> None:
        challenge, seen = os.urandom(32), list[str]()

        def judge(frame: frames.Frame, occasion: factor.Occasion, sub: bytes | None) -> None:
            claims = factor.verify(self.judge, frame["attestation"], frame["key_list"],
                                   factor.Expected(occasion.ctx(frame["r"]), sub), int(time.time()))
            seen.append(claims["sub"])

        async def enrols(peer: Peer) -> None:
            await peer.handshake()
            await peer.read()
            await peer.send("enrol-offer", challenge=challenge, realm_name="Realm", client_name="Shop", user="Ada",
                            factor_wish=frames.REQUIRED)
            enrol = await peer.read()
            jkt = keys.thumbprint(enrol["public_key"])
            judge(enrol, factor.Occasion(REALM, challenge, peer.channel.cb, jkt, "enrol"), None)
            if len(seen) == 1:
                return  # the answer is lost
            await peer.send("enrol-ok", req_id=enrol["req_id"], account=ACCOUNT, state=2)
            await peer.send("goodbye", code=10)

        async def logs_in(peer: Peer) -> None:
            await peer.handshake()
            await peer.authenticated(keys.public_bytes(account.key))
            claim, old_cb = await peer.read(), b"o" * 32  # of the channel of the first claim
            await peer.send("claimed", req_id=claim["req_id"], login=LOGIN, context=CONTEXT, expires_at=NOW,
                            challenge=challenge, factor_cb=old_cb, greatest_age=0, factor=bytes(16))
            decide = await peer.read()
            judge(decide, factor.Occasion(REALM, challenge, old_cb, account.jkt, "login", CONTEXT), account.factor)
            said = decision.Answer(LOGIN, REALM, CONTEXT, attestation=decide["attestation"])
            decision.verify(decide["jws"], keys.public_bytes(account.key), said, peer.channel.cb)
            await peer.send("decided", req_id=decide["req_id"], login=LOGIN, state=3)

        at_sfs = await self.connect()
        await at_sfs.set_pin(PIN)
        await at_sfs.prove_pin(PIN)
        self.scripts = [enrols, enrols]
        link = links.parse(self.link())
        assert isinstance(link, links.EnrolLink)
        enrolment = Enrolment(link)
        with self.assertRaises(ConnectionEnded):
            await Phone().enrol(enrolment, at_sfs.prove)
        account = await Phone().enrol(enrolment, at_sfs.prove)
        self.assertEqual([str(uuid.UUID(bytes=account.factor or b""))] * 2, seen)

        self.scripts = [logs_in]
        connection = await Phone().connect(account)
        self.addAsyncCleanup(connection.close)
        claimed = await connection.claim_offered(LOGIN)
        self.assertEqual((claimed.challenge, claimed.factor_cb, claimed.greatest_age), (challenge, b"o" * 32, 0))
        proof = await at_sfs.prove(connection.occasion(claimed), account.factor)
        self.assertEqual(await connection.approve(claimed, proof=proof), 3)

    async def test_without_a_wish_no_factor_is_shown(self) -> None:
        async def enrols(peer: Peer) -> None:
            await peer.handshake()
            await peer.read()
            await peer.send("enrol-offer", challenge=bytes(32), realm_name="Realm", client_name="Shop", user="Ada")
            enrol = await peer.read()
            self.assertEqual([enrol.get(name) for name in ("attestation", "key_list", "r")], [None] * 3)
            await peer.send("enrol-ok", req_id=enrol["req_id"], account=ACCOUNT, state=2)

        async def never(_occasion: factor.Occasion, _factor: bytes | None) -> factor.Proof:
            raise AssertionError("nobody wished it")
        self.scripts = [enrols]
        self.assertIsNone((await Phone().enrol(self.link(), never)).factor)

    async def test_a_login_without_a_challenge_is_no_occasion(self) -> None:
        async def script(peer: Peer) -> None:
            await peer.handshake()
            await peer.authenticated(keys.public_bytes(self.key))
            claim = await peer.read()
            await peer.send("claimed", req_id=claim["req_id"], login=LOGIN, context=CONTEXT, expires_at=NOW)
        self.scripts = [script]
        connection = await Phone().connect(self.account())
        self.addAsyncCleanup(connection.close)
        claimed = await connection.claim_offered(LOGIN)
        self.assertIsNone(claimed.challenge)
        with self.assertRaises(ValueError):
            connection.occasion(claimed)

    async def test_an_sfs_that_does_not_know_the_record_is_not_believed(self) -> None:
        one = await self.connect()
        await one.set_pin(PIN)
        self.sfs.opaque = OpaqueServer()
        with self.assertRaises(WrongPin):
            await one.prove_pin(PIN)

    async def test_goodbye(self) -> None:
        async def script(peer: Peer) -> None:
            peer.role, peer.server_id = "sfs", SFS_ID
            await peer.handshake()
            await peer.read()
            await peer.send("goodbye", code=2)
        self.scripts = [script]
        with self.assertRaises(Goodbye) as goodbye:
            await sfs.connect(self.device)
        self.assertEqual(goodbye.exception.code, 2)


if __name__ == "__main__":
    unittest.main()
