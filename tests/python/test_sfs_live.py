"""The phone and its SFS against a running server: PINs, attestations, enrolments and logins with a second factor.

Like test_live.py: COUNTERSIGN_DATA names the server's data directory, whose `ready.json` must have `sfs` and
`sfs_root`.
"""
from __future__ import annotations

import asyncio
import hashlib
import os
import sys
import time
import unittest
import uuid
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from countersign import decision, factor, frames, keys, links, opaque, sfs, wire
from countersign.errors import ConnectionEnded, Goodbye, Refused, WrongPin
from countersign.phone import Account, Claimed, Connection, Enrolment, Phone
from live import LiveCase, World, start

SETTINGS = {"enrolment_confirm": ["none", "number"], "number_match": {"qr": False, "link": False, "directed": False}}
PIN, OTHER, WRONG = "27182818", "31415926", "16180339"
APP = "countersign.python"  # the default of `Phone`
NEEDED = {"kinds": ["pin"], "max_age": 0}
STRICT: World  # requires a second factor at the enrolment
PLAIN: World  # does not


def root_key(world: World) -> bytes:
    """The public key of the SFS's root, which the pin of its link must belong to."""
    root, link = keys.unb64(world.sfs_root or ""), links.parse(world.sfs or "")
    assert isinstance(link, links.SfsLink) and hashlib.sha256(root).digest() == link.root_pin
    return root


async def until_wished(world: World) -> None:
    """Waits until every pod goes by the realm's new settings: they learn of them a moment later."""
    link = links.parse(world.shop.post("enrolments", {"user_id": world.user(), "confirm": "none"})["link"])
    assert isinstance(link, links.EnrolLink)
    server = wire.Server(link.url, "ns", link.realm, link.root_pin, link.static_key, link.key_id, link.epoch)
    agree = 0
    async with asyncio.timeout(20):
        while agree < 6:
            connection = await wire.dial(server)
            await connection.send(frames.encode("auth-enrol", code=link.code))
            agree = agree + 1 if (await connection.receive()).get("factor_wish") == frames.REQUIRED else 0
            await connection.close()


def setUpModule() -> None:
    global STRICT, PLAIN
    PLAIN, STRICT = start(SETTINGS, sfs=True), start(SETTINGS, sfs=True)
    LiveCase.world = PLAIN
    for world in (PLAIN, STRICT):
        app = {"display_name": "The phone of these tests", "sfs": [{"root": world.sfs_root}]}
        world.root.put(f"/v1/realms/{world.name}/apps/{APP}", app)
    STRICT.root.patch(f"/v1/realms/{STRICT.name}", {"settings": {"enrolment_factor": "required"}})
    asyncio.run(until_wished(STRICT))


class SfsCase(LiveCase):
    def setUp(self) -> None:
        self.judge = factor.Judge(root_key(PLAIN))

    def device(self) -> sfs.Device:
        return sfs.Device.new(PLAIN.sfs or "")

    async def at_sfs(self, device: sfs.Device) -> sfs.Connection:
        connection = await sfs.connect(device)
        self.addAsyncCleanup(connection.close)
        return connection

    async def with_pin(self) -> sfs.Connection:
        """A new device whose PIN is set and proven."""
        connection = await self.at_sfs(self.device())
        await connection.set_pin(PIN)
        await connection.prove_pin(PIN)
        return connection

    async def wrong(self, connection: sfs.Connection, pin: str = WRONG) -> int:
        """Try a wrong PIN. Returns how many tries are left."""
        with self.assertRaises(WrongPin) as wrong:
            await connection.prove_pin(pin)
        return wrong.exception.tries_left

    def occasion(self) -> factor.Occasion:
        """Nobody's."""
        return factor.Occasion(os.urandom(16), os.urandom(32), os.urandom(32), os.urandom(32), "login", b"x")

    def accepted(self, proof: factor.Proof, occasion: factor.Occasion, sub: bytes | None = None) -> dict[str, Any]:
        """What NS would accept now, and what SFS promises beyond that."""
        expected = factor.Expected(occasion.ctx(proof.r), sub)
        claims = factor.verify(self.judge, proof.attestation, proof.key_list, expected, int(time.time()))
        self.assertEqual(claims["sub"], str(uuid.UUID(bytes=proof.factor)))
        self.assertEqual(uuid.UUID(claims["iss"]).bytes, self.device().server.server_id)
        self.assertLessEqual(0, claims["iat"] - claims["auth_time"])
        self.assertLessEqual(claims["iat"] - claims["auth_time"], 60 if claims["policy"] == "psd2" else 300)
        self.assertLess(abs(claims["iat"] - time.time()), 60)
        return claims


class Pins(SfsCase):
    async def test_a_new_device_has_no_pin(self) -> None:
        connection = await self.at_sfs(self.device())
        self.assertEqual((connection.state, connection.wait), (frames.NONE, None))
        self.assertLessEqual(4, connection.least_digits)
        self.assertEqual(connection.wire.welcome["max_outer"], 8210)
        self.assertLess(abs(await connection.ping() - time.time()), 60)
        await self.refused(20, connection.prove_pin(PIN))
        with self.assertRaises(Refused) as refused:
            await connection.attest(bytes(32))
        self.assertIn(refused.exception.code, (20, 21))

    async def test_a_pin_is_set_proven_and_attested(self) -> None:
        device = self.device()
        connection = await self.at_sfs(device)
        await connection.set_pin(PIN)
        await self.refused(21, connection.attest(bytes(32)))
        await connection.prove_pin(PIN)
        occasion = self.occasion()
        first = await connection.prove(occasion)
        claims = self.accepted(first, occasion)
        self.assertEqual(claims["policy"], factor.POLICIES[connection.policy - 1])
        again, other = await connection.prove(occasion, first.factor), await connection.prove(occasion)
        self.accepted(again, occasion, first.factor)
        self.accepted(other, occasion)
        self.assertNotEqual(first.factor, other.factor)
        await self.refused(22, connection.attest(bytes(32), os.urandom(16)))
        second = await self.at_sfs(device)
        self.assertEqual((second.state, second.tries_left), (frames.SET, 5))
        await self.refused(21, second.prove(occasion, first.factor))
        await second.prove_pin(PIN)
        self.accepted(await second.prove(occasion, first.factor), occasion, first.factor)

    async def test_somebody_elses_factor_is_unknown(self) -> None:
        one, two = await self.with_pin(), await self.with_pin()
        proof = await one.prove(self.occasion())
        await self.refused(22, two.attest(bytes(32), proof.factor))

    async def test_a_wrong_pin_takes_a_try_and_the_right_one_brings_all_back(self) -> None:
        connection = await self.with_pin()
        self.assertEqual([await self.wrong(connection) for _ in range(2)], [4, 3])
        self.assertEqual((await self.at_sfs(connection.device)).tries_left, 3)
        connection = await self.at_sfs(connection.device)
        await connection.prove_pin(PIN)
        self.assertEqual((await self.at_sfs(connection.device)).tries_left, 5)

    async def test_a_wrong_proof(self) -> None:
        connection = await self.with_pin()
        login = self.login_of(connection)
        await connection.command("try-pin", "pin-evaluated", ke1=login.ke1)
        await self.refused(18, connection.command("prove-pin", "done", ke3=os.urandom(64)))
        await connection.prove_pin(PIN)

    def login_of(self, connection: sfs.Connection, pin: str = PIN) -> opaque.Login:
        return opaque.Login(sfs.password(connection.device.secret, pin),
                            sfs.opaque_context(connection.wire.channel.cb))

    async def test_only_the_latest_evaluation_is_proven(self) -> None:
        connection = await self.with_pin()
        first, second = self.login_of(connection), self.login_of(connection)
        ke2 = (await connection.command("try-pin", "pin-evaluated", ke1=first.ke1))["ke2"]
        await connection.command("try-pin", "pin-evaluated", ke1=second.ke1)
        await self.refused(18, connection.command("prove-pin", "done", ke3=first.finish(ke2)))
        await connection.prove_pin(PIN)

    async def test_a_proof_belongs_to_its_channel(self) -> None:
        connection = await self.with_pin()
        login = opaque.Login(sfs.password(connection.device.secret, PIN), sfs.opaque_context(os.urandom(32)))
        ke2 = (await connection.command("try-pin", "pin-evaluated", ke1=login.ke1))["ke2"]
        with self.assertRaises(opaque.NotAuthentic):
            login.finish(ke2)
        await connection.prove_pin(PIN)

    async def test_after_the_third_wrong_pin_the_next_has_to_wait(self) -> None:
        connection = await self.with_pin()
        self.assertEqual([await self.wrong(connection) for _ in range(3)], [4, 3, 2])
        with self.assertRaises(Refused) as refused:
            await connection.prove_pin(PIN)
        self.assertEqual(refused.exception.code, 15)
        self.assertIn(refused.exception.retry_after, range(1, 31))
        ready = await self.at_sfs(connection.device)
        self.assertEqual((ready.state, ready.tries_left), (frames.SET, 2))
        self.assertIn(ready.wait, range(1, 31))

    async def test_the_pin_is_changed_by_who_knows_it(self) -> None:
        device = (await self.with_pin()).device
        connection = await self.at_sfs(device)
        await self.refused(21, connection.set_pin(OTHER))
        await connection.change(PIN, OTHER)
        await self.refused(21, connection.attest(bytes(32)))
        await self.wrong(connection, PIN)
        await connection.prove_pin(OTHER)
        occasion = self.occasion()
        self.accepted(await connection.prove(occasion), occasion)

    async def test_factors_survive_a_change_of_the_pin(self) -> None:
        connection, occasion = await self.with_pin(), self.occasion()
        proof = await connection.prove(occasion)
        await connection.change(PIN, OTHER)
        await connection.prove_pin(OTHER)
        self.accepted(await connection.prove(occasion, proof.factor), occasion, proof.factor)

    async def test_forget(self) -> None:
        connection = await self.with_pin()
        proof = await connection.prove(self.occasion())
        await connection.forget()
        again = await self.at_sfs(connection.device)
        self.assertEqual(again.state, frames.NONE)
        await self.refused(20, again.prove_pin(PIN))
        await again.set_pin(PIN)
        await again.prove_pin(PIN)
        await self.refused(22, again.attest(bytes(32), proof.factor))

    async def test_what_is_out_of_turn_or_no_message_of_opaque(self) -> None:
        connection = await self.at_sfs(self.device())
        await self.refused(1, connection.command("store-pin", "done", record=os.urandom(192)))
        for request in (bytes(32), b"\xff" * 32):
            await self.refused(1, connection.command("set-pin", "pin-offered", request=request))
        await connection.command("set-pin", "pin-offered", request=opaque.Registration(b"x").request)
        await self.refused(1, connection.command("store-pin", "done", record=bytes(192)))
        await connection.set_pin(PIN)
        await self.refused(1, connection.command("prove-pin", "done", ke3=bytes(64)))
        await self.refused(1, connection.command("try-pin", "pin-evaluated", ke1=bytes(96)))
        await connection.prove_pin(PIN)

    async def test_an_evaluation_is_for_its_connection(self) -> None:
        one = await self.with_pin()
        login = self.login_of(one)
        ke2 = (await one.command("try-pin", "pin-evaluated", ke1=login.ke1))["ke2"]
        two = await self.at_sfs(one.device)
        await self.refused(1, two.command("prove-pin", "done", ke3=login.finish(ke2)))
        await two.prove_pin(PIN)

    async def test_a_wrong_signature(self) -> None:
        device = self.device()
        connection = await wire.dial(device.server)
        self.addAsyncCleanup(connection.close)
        signature = keys.sign(device.key, b"something else")
        await connection.send(frames.encode("auth-device", sig=signature, public_key=device.public_key))
        with self.assertRaises(Goodbye) as goodbye:
            await connection.receive()
        self.assertEqual(goodbye.exception.code, 2)

    async def test_a_command_of_an_account_is_a_frame_out_of_turn(self) -> None:
        connection = await self.at_sfs(self.device())
        await connection.wire.send(frames.encode("list-logins", req_id=bytes(16)))
        with self.assertRaises(ConnectionEnded) as ended:
            await connection.wire.receive()
        self.assertEqual(ended.exception.hint, 1)


class FactorCase(SfsCase):
    """Accounts whose realm requires a factor."""

    async def asyncSetUp(self) -> None:
        self.world = STRICT

    def new(self, user_id: str) -> Enrolment:
        link = links.parse(self.world.shop.post("enrolments", {"user_id": user_id, "confirm": "none"})["link"])
        assert isinstance(link, links.EnrolLink)
        return Enrolment(link)

    async def with_factor(self) -> tuple[Account, str, sfs.Connection]:
        """An account with a factor, its user, and where the PIN has just been proven."""
        at_sfs, user_id = await self.with_pin(), self.world.user()

        async def prove(occasion: factor.Occasion, old: bytes | None) -> factor.Proof:
            proof = await at_sfs.prove(occasion, old)
            self.accepted(proof, occasion, old)
            return proof
        enrolment = self.new(user_id)
        account = await Phone().enrol(enrolment, prove)
        self.assertEqual((enrolment.offer["factor_wish"], account.state), (frames.REQUIRED, 2))
        self.assertIsNotNone(account.factor)
        return account, user_id, at_sfs

    async def claimed(self, connection: Connection, **body: Any) -> tuple[dict[str, Any], Any, Claimed]:
        login, page = await self.login(second_factor=NEEDED, **body)
        claimed = await self.claim_by_qr(connection, page)
        self.assertEqual((len(claimed.challenge or b""), claimed.greatest_age), (32, 0))
        self.assertEqual(claimed.factor_cb, connection.wire.channel.cb)
        return login, page, claimed


class Enrolments(FactorCase):
    async def test_without_a_factor_nobody_enrols_and_the_code_stays_good(self) -> None:
        enrolment, at_sfs = self.new(self.world.user()), await self.with_pin()
        await self.refused(23, Phone().enrol(enrolment))
        self.assertEqual((await Phone().enrol(enrolment, at_sfs.prove)).state, 2)

    async def test_an_attestation_for_something_else(self) -> None:
        enrolment, at_sfs = self.new(self.world.user()), await self.with_pin()
        changes: list[dict[str, Any]] = [
            {"server_id": os.urandom(16)}, {"challenge": os.urandom(32)}, {"cb": os.urandom(32)},
            {"jkt": os.urandom(32)}, {"purpose": "login"}, {"payload": b"x"}]
        for change in changes:
            async def prove(occasion: factor.Occasion, old: bytes | None) -> factor.Proof:
                return await at_sfs.prove(factor.Occasion(**(vars(occasion) | change)), old)
            with self.subTest(list(change)):
                await self.refused(24, Phone().enrol(enrolment, prove))
        enrolment.factor = None
        self.assertEqual((await Phone().enrol(enrolment, at_sfs.prove)).state, 2)

    async def test_another_r_another_root_and_an_app_without_sfs(self) -> None:
        enrolment, at_sfs = self.new(self.world.user()), await self.with_pin()
        impostor = keys.generate()

        async def another_r(occasion: factor.Occasion, old: bytes | None) -> factor.Proof:
            proof = await at_sfs.prove(occasion, old)
            return factor.Proof(proof.factor, proof.attestation, proof.key_list, os.urandom(32))

        async def another_root(occasion: factor.Occasion, old: bytes | None) -> factor.Proof:
            proof = await at_sfs.prove(occasion, old)
            claims = decision.read(proof.key_list, self.judge.root, factor.KEY_LIST)
            return factor.Proof(proof.factor, proof.attestation, decision.sign(impostor, factor.KEY_LIST, claims),
                                proof.r)
        for prove in (another_r, another_root):
            await self.refused(24, Phone().enrol(enrolment, prove))
        await self.refused(24, Phone(f"org.example.py{os.urandom(4).hex()}").enrol(enrolment, at_sfs.prove))
        enrolment.factor = None
        self.assertEqual((await Phone().enrol(enrolment, at_sfs.prove)).state, 2)

    async def test_without_a_wish_there_is_no_factor(self) -> None:
        self.world = PLAIN
        enrolment, at_sfs = self.new(self.world.user()), await self.with_pin()
        account = await Phone().enrol(enrolment, at_sfs.prove)
        self.assertNotIn("factor_wish", enrolment.offer)
        self.assertIsNone(account.factor)


class Logins(FactorCase):
    async def test_an_approval_with_the_pin(self) -> None:
        account, user_id, at_sfs = await self.with_factor()
        connection = await self.connect(account)
        login, _page, claimed = await self.claimed(connection)
        await at_sfs.prove_pin(PIN)
        occasion = connection.occasion(claimed)
        proof = await at_sfs.prove(occasion, account.factor)
        self.accepted(proof, occasion, account.factor)
        await self.refused(23, connection.approve(claimed))
        self.assertEqual(await connection.approve(claimed, proof=proof), 3)
        identity = self.world.shop.post(f"logins/{login['id']}/redeem")
        self.check_identity(identity, account, user_id, claimed, proof.attestation)
        # What its members are is not PROTOCOL.md's to say.
        self.assertIsInstance(identity["second_factor"], dict)
        self.assertTrue(identity["second_factor"])

    async def test_a_login_that_needs_none_has_none(self) -> None:
        account, user_id, _at_sfs = await self.with_factor()
        connection = await self.connect(account)
        login, page = await self.login()
        claimed = await self.claim_by_qr(connection, page)
        self.assertIsNone(claimed.challenge)
        self.assertEqual(await connection.approve(claimed), 3)
        identity = self.world.shop.post(f"logins/{login['id']}/redeem")
        self.check_identity(identity, account, user_id, claimed)
        self.assertIsNone(identity.get("second_factor"))

    async def test_bad_attestations_leave_the_login_open(self) -> None:
        account, _user_id, at_sfs = await self.with_factor()
        connection = await self.connect(account)
        _login, _page, claimed = await self.claimed(connection)
        await at_sfs.prove_pin(PIN)
        good = connection.occasion(claimed)
        changes: list[dict[str, Any]] = [
            {"server_id": os.urandom(16)}, {"challenge": os.urandom(32)}, {"cb": os.urandom(32)},
            {"jkt": os.urandom(32)}, {"purpose": "enrol"}, {"payload": claimed.context_bytes + b"x"}]
        for change in changes:
            with self.subTest(list(change)):
                proof = await at_sfs.prove(factor.Occasion(**(vars(good) | change)), account.factor)
                await self.refused(24, connection.approve(claimed, proof=proof))
        for another in (await at_sfs.prove(good), await (await self.with_pin()).prove(good)):
            await self.refused(24, connection.approve(claimed, proof=another))
        proof = await at_sfs.prove(good, account.factor)
        self.assertEqual(await connection.approve(claimed, proof=proof), 3)

    async def test_the_decision_names_the_attestation_that_goes_with_it(self) -> None:
        account, _user_id, at_sfs = await self.with_factor()
        connection = await self.connect(account)
        _login, _page, claimed = await self.claimed(connection)
        await at_sfs.prove_pin(PIN)
        proof, other = [await at_sfs.prove(connection.occasion(claimed), account.factor) for _ in range(2)]

        async def say(said: str | None, sent: factor.Proof | None) -> frames.Frame:
            answer = decision.Answer(claimed.login, claimed.realm, claimed.context_bytes, attestation=said)
            jws = decision.make(account.key, answer, connection.wire.channel.cb, int(time.time()))
            fields = {} if sent is None else sent.fields()
            return await connection.command("decide", "decided", login=claimed.login, jws=jws, **fields)
        for said, sent in ((None, proof), (other.attestation, proof), (proof.attestation, None)):
            await self.refused(13, say(said, sent))
        self.assertEqual((await say(proof.attestation, proof))["state"], 3)

    async def test_an_attestation_is_still_good_on_the_next_connection(self) -> None:
        account, user_id, at_sfs = await self.with_factor()
        connection = await self.connect(account)
        login, page = await self.login(second_factor=NEEDED)
        qr = (await page.wait_for("qr"))["text"]
        claimed = await connection.claim(qr)
        await at_sfs.prove_pin(PIN)
        proof = await at_sfs.prove(connection.occasion(claimed), account.factor)
        await connection.close()
        connection = await self.connect(account)
        self.assertNotEqual(connection.wire.channel.cb, claimed.factor_cb)
        self.assertEqual(await connection.claim(qr), claimed)
        decide = os.urandom(16)
        for _ in range(2):
            self.assertEqual(await connection.approve(claimed, decide, proof=proof), 3)
        identity = self.world.shop.post(f"logins/{login['id']}/redeem")
        self.check_identity(identity, account, user_id, claimed, proof.attestation)

    async def test_a_pin_proven_before_the_claim_is_too_old(self) -> None:
        account, _user_id, at_sfs = await self.with_factor()
        connection = await self.connect(account)
        await asyncio.sleep(8)  # the tolerance is 5 seconds
        _login, _page, claimed = await self.claimed(connection)
        early = await at_sfs.prove(connection.occasion(claimed), account.factor)
        await self.refused(24, connection.approve(claimed, proof=early))
        await at_sfs.prove_pin(PIN)
        proof = await at_sfs.prove(connection.occasion(claimed), account.factor)
        self.assertEqual(await connection.approve(claimed, proof=proof), 3)

    async def test_a_greater_age_lets_an_earlier_proof_do(self) -> None:
        account, _user_id, at_sfs = await self.with_factor()
        connection = await self.connect(account)
        await asyncio.sleep(8)
        _login, page = await self.login(second_factor=NEEDED | {"max_age": 60})
        claimed = await self.claim_by_qr(connection, page)
        self.assertEqual(claimed.greatest_age, 60)
        proof = await at_sfs.prove(connection.occasion(claimed), account.factor)
        self.assertEqual(await connection.approve(claimed, proof=proof), 3)

    async def test_who_cannot_prove_it_refuses(self) -> None:
        account, _user_id, _at_sfs = await self.with_factor()
        connection = await self.connect(account)
        login, page, claimed = await self.claimed(connection)
        self.assertEqual(await connection.refuse(claimed, "no_second_factor"), 4)
        self.assertEqual((await page.wait_for("state", state="refused"))["reason"], "no_second_factor")
        current = self.state(login, 2)
        self.assertEqual((current["state"], current["reason"]), ("refused", "no_second_factor"))

    async def test_an_account_without_a_factor_cannot_claim(self) -> None:
        self.world = PLAIN
        account, _user_id = await self.enrol()
        connection = await self.connect(account)
        _login, page = await self.login(second_factor=NEEDED)
        await self.refused(23, self.claim_by_qr(connection, page))


if __name__ == "__main__":
    unittest.main()
