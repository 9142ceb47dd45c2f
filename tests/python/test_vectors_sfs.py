"""Replays docs/vectors/*-sfs.json."""
from __future__ import annotations

import json
import sys
import unittest
import uuid
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from countersign import factor
from countersign.errors import ProtocolError
from test_vectors import VECTORS, unhex


class Proofs(unittest.TestCase):
    def each(self) -> list[dict[str, Any]]:
        paths = sorted(VECTORS.glob("*-sfs.json"))
        self.assertIn("rust-sfs.json", [path.name for path in paths])
        return [json.loads(path.read_text(encoding="utf-8")) for path in paths]

    def judge(self, file: dict[str, Any], shown: dict[str, str]) -> None:
        expected = factor.Expected(unhex(file["context"]["ctx"]), uuid.UUID(file["factor"]).bytes, file["claimed_at"])
        factor.verify(factor.Judge(unhex(file["root"])), shown["attestation"], shown["key_list"], expected, file["now"])

    def test_the_context(self) -> None:
        for file in self.each():
            given = {name: value if name == "purpose" else unhex(value) for name, value in file["context"].items()}
            occasion = factor.Occasion(given["server_id"], given["challenge"], given["cb"], given["jkt"],
                                       given["purpose"], given["payload"])
            self.assertEqual(occasion.ctx(given["r"]), given["ctx"])

    def test_what_is_accepted(self) -> None:
        for file in self.each():
            self.judge(file, file["accepted"])

    def test_what_is_refused(self) -> None:
        for file in self.each():
            self.assertGreaterEqual(len(file["refused"]), 18)
            for shown in file["refused"]:
                with self.subTest(shown["why"]), self.assertRaises(ProtocolError):
                    self.judge(file, shown)


if __name__ == "__main__":
    unittest.main()
