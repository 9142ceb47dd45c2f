"""Replays docs/vectors/*-forms.json, and what of the newer frames and signatures needs no server."""
from __future__ import annotations

import json
import sys
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from countersign import cbor, decision, frames, keys
from countersign.errors import ProtocolError
from test_vectors import VECTORS, flips, unhex

ID = bytes(16)


def plain(value: Any) -> Any:
    """Decoded values as the vectors have them."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [plain(part) for part in value]
    return value.hex() if isinstance(value, bytes) else value


class Forms(unittest.TestCase):
    def each(self) -> list[dict[str, Any]]:
        paths = sorted(VECTORS.glob("*-forms.json"))
        self.assertIn("python-forms.json", [path.name for path in paths])
        return [json.loads(path.read_text(encoding="utf-8")) for path in paths]

    def test_frames(self) -> None:
        new = {"claim", "start-login", "logout-all", "list-devices", "rename-device", "manage-device", "devices",
               "list-enrolments", "decide-enrolment", "enrolments", "login-offered", "enrolment-waiting",
               "device-changed"}
        for file in self.each():
            self.assertLessEqual(new, {frame["name"] for frame in file["frames"]})
            for given in file["frames"]:
                with self.subTest(given["name"]):
                    frame = frames.decode(unhex(given["bytes"]))
                    values = {name: value for name, value in frame.values.items() if name != "kind"}
                    self.assertEqual((frame.name, plain(values)), (given["name"], given["values"]))
                    self.assertEqual(frames.encode(frame.name, **values).hex(), given["bytes"])

    def test_signatures(self) -> None:
        for file in self.each():
            realm, public, cb = unhex(file["realm"]), unhex(file["account_public_key"]), unhex(file["cb"])
            login, context, word = unhex(file["login"]), unhex(file["context"]), unhex(file["new_phone_jkt"])
            enrolment = unhex(file["enrolment"])
            number = file["decision_with_number"]
            given: list[tuple[str, Any, list[Any]]] = [
                (number["jws"], decision.Answer(login, realm, context, number=number["number"]),
                 [decision.Answer(login, realm, context), decision.Answer(login, realm, context, number="08")]),
                (file["vouch"]["jws"], decision.Vouch(enrolment, realm, word, file["vouch"]["number"]),
                 [decision.Vouch(enrolment, realm, word, None), decision.Vouch(enrolment, realm, bytes(32), "0042"),
                  decision.Vouch(ID, realm, word, "0042"), decision.Vouch(enrolment, ID, word, "0042"),
                  decision.Answer(login, realm, context)]),
                (file["vouch_refusal"]["jws"], decision.Vouch(enrolment, realm, word, None),
                 [decision.Vouch(enrolment, realm, word, "0042")]),
            ]
            for jws, said, others in given:
                decision.verify(jws, public, said, cb)
                for other in others:
                    with self.assertRaises(ProtocolError):
                        decision.verify(jws, public, other, cb)
                with self.assertRaises(ProtocolError):
                    decision.verify(jws, public, said, bytes(32))
                for changed in flips(jws.encode()):
                    with self.assertRaises(ProtocolError):
                        decision.verify(changed.decode("latin-1"), public, said)

    def test_a_signature_of_the_other_type_counts_for_nothing(self) -> None:
        key, cb = keys.generate(), bytes(32)
        answer, vouch = decision.Answer(ID, ID, b""), decision.Vouch(ID, ID, bytes(32), "0042")
        for claims, typ, said in ((vouch.claims(), answer.typ, vouch), (answer.claims(), vouch.typ, answer)):
            jws = decision.sign(key, typ, claims | {"iat": 1, "cb": keys.b64(cb)})
            with self.assertRaises(ProtocolError):
                decision.verify(jws, keys.public_bytes(key), said, cb)

    def test_what_a_phone_does_not_sign(self) -> None:
        for wrong in (decision.Answer(ID, ID, b"", "bored"), decision.Answer(ID, ID, b"", "declined", "07")):
            with self.assertRaises(ValueError):
                decision.make(keys.generate(), wrong, bytes(32), 1)

    def test_refusals(self) -> None:
        device: dict[int, cbor.Value] = {1: ID, 2: "x", 3: "x", 4: 1, 5: 1}
        bad: list[dict[int, cbor.Value]] = [
            {0: 1, 1: 2, 4: ID, 5: "1.x"}, {0: 1, 1: 2, 4: ID, 5: 1}, {0: 1, 1: 2, 4: ID, 5: "1.2.3.4.5.6.7"},
            {0: 1, 1: 2, 4: ID, 5: ""}, {0: 1, 1: 2, 4: ID, 5: "1\n"}, {0: 1, 1: 2, 4: ID, 5: "١"},
            {0: 4, 1: ID, 2: ID, 4: ID}, {0: 4, 1: ID, 2: ID, 3: 1 << 32, 4: ID}, {0: 4, 1: ID, 2: ID, 6: 0},
            {0: 8, 1: ID}, {0: 8, 1: ID, 2: "Shop"}, {0: 8, 1: ID, 2: "s" * 101}, {0: 8, 1: ID, 2: "shop\n"},
            {0: 9, 1: ID, 2: ID}, {0: 10}, {0: 11, 1: ID, 2: ID, 3: 1}, {0: 11, 1: ID, 2: ID, 3: 2, 4: "name"},
            {0: 11, 1: ID, 2: ID, 3: 5}, {0: 11, 1: ID, 2: ID, 3: 0}, {0: 11, 1: ID, 2: ID, 3: 1, 4: "x" * 101},
            {0: 11, 1: ID, 2: ID, 3: 1, 4: ""}, {0: 11, 1: ID, 2: ID}, {0: 13, 1: ID, 2: ID},
            {0: 13, 1: ID, 2: ID, 3: ""}, {0: 14, 1: ID}, {0: 66, 1: ID, 2: ID, 3: 1, 4: "042"},
            {0: 67, 1: ID, 2: 25}, {0: 67, 1: ID, 2: 0}, {0: 73, 1: ID, 2: [device | {4: 5}]},
            {0: 73, 1: ID, 2: [device | {6: 0}]}, {0: 73, 1: ID, 2: {}}, {0: 73, 1: ID, 2: [1]},
            {0: 74, 1: ID, 2: [{1: ID, 2: "x", 3: "x", 4: 1}]}, {0: 82, 1: 14}, {0: 83, 1: ID, 2: "Shop"},
            {0: 84, 1: ID, 2: ""}, {0: 85} | device | {4: 0}, {0: 86, 1: ID},
        ]
        for pairs in bad:
            with self.subTest(pairs), self.assertRaises(ProtocolError):
                frames.decode(cbor.encode(pairs))
        frames.decode(cbor.encode({0: 73, 1: ID, 2: [device | {128: "later"}]}))


if __name__ == "__main__":
    unittest.main()
