"""The phone against a running server.

COUNTERSIGN_DATA names the server's data directory (with `ready.json` and `root-api-key`); without it these tests are
skipped, or fail when COUNTERSIGN_LIVE_REQUIRED=1. They make a realm of their own and leave it behind.
"""
from __future__ import annotations

import asyncio
import os
import sys
import time
import unittest
import uuid
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from countersign import cbor, channel, decision, frames, keys, links, wire
from countersign.errors import Goodbye, Refused
from countersign.page import Page
from countersign.phone import Enrolment, Phone
from live import RETURN_URL, LiveCase, World, start

NO_CEREMONY = {"enrolment_confirm": ["none", "number"], "number_match": {"qr": False, "link": False, "directed": False}}
WORLD: World


def setUpModule() -> None:
    global WORLD
    WORLD = LiveCase.world = start(NO_CEREMONY)


class Live(LiveCase):
    # ---- enrolment ----
    async def test_enrolment_with_number(self) -> None:
        user_id = WORLD.user()
        enrolment = WORLD.shop.post("enrolments", {"user_id": user_id, "confirm": "number"})
        path = f"enrolments/{enrolment['id']}"
        self.assertEqual((enrolment["state"], enrolment["v"]), ("pending", 1))
        self.assert_problem(409, "not_redeemed", WORLD.shop, f"{path}/confirm", {"number": "0000"})
        link = links.parse(enrolment["link"])
        assert isinstance(link, links.EnrolLink)
        self.assertEqual(link.realm, WORLD.realm_id)
        pending = Enrolment(link)
        account = await Phone(device_name="Python's phone").enrol(pending)
        self.assertEqual(account.state, 1)
        number = account.number or ""
        self.assertRegex(number, r"\A[0-9]{4}\Z")
        self.assertEqual(set(pending.offer), {"challenge", "realm_name", "client_name", "user"})
        current = WORLD.shop.get(path, wait=10, after=1)
        self.assertEqual((current["state"], current["v"]), ("redeemed", 2))
        self.assertEqual(uuid.UUID(current["account_id"]).bytes, account.account_id)
        self.assertNotIn("link", current)

        connection = await self.connect(account)
        self.assertEqual(account.state, 1)
        _login, page = await self.login()
        with self.assertRaises(Refused) as refused:
            await self.claim_by_qr(connection, page)
        self.assertEqual(refused.exception.code, 10)

        wrong = f"{(int(number) + 1) % 10000:04}"
        self.assert_problem(403, "wrong_number", WORLD.shop, f"{path}/confirm", {"number": wrong})
        confirmed = WORLD.shop.post(f"{path}/confirm", {"number": number})
        self.assertEqual((confirmed["state"], confirmed["v"]), ("confirmed", 3))
        event = await connection.next_event()
        self.assertEqual((event.name, event["state"]), ("account-changed", 2))
        self.assertEqual(account.state, 2)
        await self.claim_by_qr(connection, page)
        shown = WORLD.shop.get(f"accounts/{current['account_id']}")
        self.assertEqual((shown["user_id"], shown["state"], shown["online"]), (user_id, "active", True))

    async def test_three_wrong_numbers_refuse_the_enrolment(self) -> None:
        enrolment = WORLD.shop.post("enrolments", {"user_id": WORLD.user(), "confirm": "number"})
        account = await Phone().enrol(enrolment["link"])
        wrong = f"{(int(account.number or '') + 1) % 10000:04}"
        path = f"enrolments/{enrolment['id']}"
        for _ in range(3):
            self.assert_problem(403, "wrong_number", WORLD.shop, f"{path}/confirm", {"number": wrong})
        self.assertEqual(WORLD.shop.get(path)["state"], "refused")
        self.assert_problem(409, "already_decided", WORLD.shop, f"{path}/confirm", {"number": account.number})

    async def test_a_code_is_used_once_and_its_answer_can_be_had_again(self) -> None:
        enrolment = WORLD.shop.post("enrolments", {"user_id": WORLD.user(), "confirm": "number"})
        link = links.parse(enrolment["link"])
        assert isinstance(link, links.EnrolLink)
        first = Enrolment(link)
        account = await Phone().enrol(first)
        again = await Phone().enrol(first)
        self.assertEqual((again.account_id, again.state, again.number),
                         (account.account_id, account.state, account.number))
        # A used code still gets an offer; another key, and another req_id, do not get the account.
        for other in (Enrolment(link), Enrolment(link, key=first.key)):
            with self.assertRaises(Refused) as refused:
                await Phone().enrol(other)
            self.assertEqual(refused.exception.code, 14)
        WORLD.shop.post(f"enrolments/{enrolment['id']}/confirm", {"number": account.number})
        confirmed = await Phone().enrol(first)
        self.assertEqual((confirmed.account_id, confirmed.state, confirmed.number), (account.account_id, 2, None))

    async def test_an_unknown_and_a_cancelled_code(self) -> None:
        enrolment = WORLD.shop.post("enrolments", {"user_id": WORLD.user(), "confirm": "none"})
        link = links.parse(enrolment["link"])
        assert isinstance(link, links.EnrolLink)
        WORLD.shop.post(f"enrolments/{enrolment['id']}/cancel")
        for code in (os.urandom(16), link.code):
            with self.assertRaises(Goodbye) as goodbye:
                await Phone().enrol(links.EnrolLink(**(vars(link) | {"code": code})))
            self.assertEqual(goodbye.exception.code, 2)

    async def test_a_bad_enrol_does_not_use_the_code_up(self) -> None:
        enrolment = WORLD.shop.post("enrolments", {"user_id": WORLD.user(), "confirm": "none"})
        with self.assertRaises(Refused) as refused:
            await Phone(device_name=" ").enrol(enrolment["link"])
        self.assertEqual(refused.exception.code, 14)
        self.assertEqual((await Phone().enrol(enrolment["link"])).state, 2)

    async def test_blocking_and_deleting_say_goodbye(self) -> None:
        account, _user_id = await self.enrol()
        connection = await self.connect(account)
        path = f"accounts/{uuid.UUID(bytes=account.account_id)}"
        WORLD.admin.post(f"{path}/block")
        for code in (5, 6):
            with self.assertRaises(Goodbye) as goodbye:
                await connection.next_event() if code == 5 else await Phone().connect(account)
            self.assertEqual(goodbye.exception.code, code)
            if code == 5:
                WORLD.admin.call("DELETE", path)

    # ---- logins ----
    async def test_login_by_qr(self) -> None:
        account, user_id = await self.enrol()
        connection = await self.connect(account)
        self.assertLess(abs(await connection.ping() - time.time()), 60)
        login, page = await self.login(text="Log in to the shop", browser="Firefox", place="Zürich")
        first = await page.next()
        self.assertEqual((first["type"], first["state"], first["v"]), ("state", "pending", 1))
        self.assertGreater(first["seconds_left"], 60)
        claimed = await self.claim_by_qr(connection, page)
        self.assertEqual(claimed.login, uuid.UUID(login["id"]).bytes)
        self.assertEqual([claimed.context.get(name) for name in ("text", "browser", "place")],
                         ["Log in to the shop", "Firefox", "Zürich"])
        self.assertIsNone(claimed.return_token)
        await page.wait_for("state", state="claimed", v=2)
        self.assertEqual(self.state(login, 1)["state"], "claimed")
        self.assertEqual(await connection.approve(claimed), 3)
        await page.wait_for("state", state="approved", v=3)
        current = self.state(login, 2)
        self.assertEqual((current["state"], current["v"], current["redeemed"]), ("approved", 3, False))
        path = f"logins/{login['id']}/redeem"
        self.check_identity(WORLD.shop.post(path), account, user_id, claimed)
        self.assert_problem(409, "already_redeemed", WORLD.shop, path)
        self.assertTrue(self.state(login, 0)["redeemed"])

    async def test_refusal_not_me(self) -> None:
        account, _user_id = await self.enrol()
        connection = await self.connect(account)
        login, page = await self.login()
        claimed = await self.claim_by_qr(connection, page)
        self.assertEqual(await connection.refuse(claimed, "not_me"), 4)
        event = await page.wait_for("state", state="refused")
        self.assertEqual((event["v"], event["reason"]), (3, "not_me"))
        with self.assertRaises(StopAsyncIteration):
            await page.next()
        self.assertEqual(page.close_code, 1000)
        current = self.state(login, 2)
        self.assertEqual((current["state"], current["reason"]), ("refused", "not_me"))
        self.assert_problem(409, "not_approved", WORLD.shop, f"logins/{login['id']}/redeem")

    async def test_login_by_link(self) -> None:
        account, user_id = await self.enrol()
        connection = await self.connect(account)
        login, page = await self.login(WORLD.site, return_url=RETURN_URL)
        claimed = await connection.claim((await page.wait_for("link"))["url"])
        self.assertEqual(claimed.login, uuid.UUID(login["id"]).bytes)
        assert claimed.return_token is not None and claimed.return_to is not None
        self.assertEqual(claimed.return_url, RETURN_URL)
        self.assertEqual(await connection.approve(claimed), 3)
        path = f"logins/{login['id']}/redeem"
        self.assert_problem(403, "wrong_return_token", WORLD.site, path)
        self.assert_problem(403, "wrong_return_token", WORLD.site, path, {"return_token": keys.b64(os.urandom(16))})
        token = claimed.return_to.partition("#cs_return=")[2]
        self.check_identity(WORLD.site.post(path, {"return_token": token}), account, user_id, claimed)

    async def test_a_link_without_a_return_url_still_takes_the_return_token(self) -> None:
        account, user_id = await self.enrol()
        connection = await self.connect(account)
        login, page = await self.login()
        url, qr = (await page.wait_for("link"))["url"], (await page.wait_for("qr"))["text"]
        claimed = await connection.claim(url)
        assert claimed.return_token is not None
        self.assertEqual((claimed.return_url, claimed.return_to), (None, None))
        self.assertEqual(await connection.claim(qr), claimed)
        self.assertEqual(await connection.approve(claimed), 3)
        path = f"logins/{login['id']}/redeem"
        self.assert_problem(403, "wrong_return_token", WORLD.shop, path)
        token = keys.b64(claimed.return_token)
        self.check_identity(WORLD.shop.post(path, {"return_token": token}), account, user_id, claimed)
        self.assert_problem(409, "already_redeemed", WORLD.shop, path)

    async def test_a_page_that_resumes_gets_the_state_first(self) -> None:
        login, page = await self.login()
        await page.wait_for("qr")
        again = await Page.open(login["page_url"], login["page_token"], after=1)
        self.addAsyncCleanup(again.close)
        self.assertEqual([(await again.next())["type"] for _ in range(3)], ["state", "link", "qr"])
        await again.cancel()
        for one in (page, again):
            await one.wait_for("state", state="cancelled", v=3)
        late = await Page.open(login["page_url"], login["page_token"], after=3)
        self.assertEqual((await late.next())["state"], "cancelled")

    async def test_logout_from_the_phone(self) -> None:
        account, _user_id = await self.enrol()
        connection = await self.connect(account)
        login, page = await self.login()
        claimed = await self.claim_by_qr(connection, page)
        await connection.approve(claimed)
        WORLD.shop.post(f"logins/{login['id']}/redeem")
        listed = {entry["login"]: entry["state"] for entry in await connection.list_logins()}
        self.assertEqual(listed, {claimed.login: 3})
        await connection.logout(claimed.login)
        current = self.state(login, 3)
        self.assertEqual((current["state"], current["v"], current["reason"]), ("ended", 4, "phone"))
        await page.wait_for("state", state="ended", v=4, reason="phone")
        self.assertEqual(await connection.list_logins(), [])

    async def test_cancel_reaches_the_phone(self) -> None:
        account, _user_id = await self.enrol()
        connection = await self.connect(account)
        login, page = await self.login()
        claimed = await self.claim_by_qr(connection, page)
        WORLD.shop.post(f"logins/{login['id']}/cancel")
        while (event := await connection.next_event())["v"] < 3:
            pass
        self.assertEqual((event.name, event["login"], event["state"]), ("login-changed", claimed.login, 5))
        with self.assertRaises(Refused) as refused:
            await connection.approve(claimed)
        self.assertEqual(refused.exception.code, 8)

    async def test_repeated_commands_get_the_same_answer(self) -> None:
        account, _user_id = await self.enrol()
        connection = await self.connect(account)
        _login, page = await self.login()
        qr, req_id = (await page.wait_for("qr"))["text"], os.urandom(16)
        claimed = await connection.claim(qr, req_id)
        self.assertEqual(await connection.claim(qr, req_id), claimed)
        self.assertEqual(await connection.claim(qr), claimed)
        decide = os.urandom(16)
        self.assertEqual(await connection.approve(claimed, decide), 3)
        self.assertEqual(await connection.approve(claimed, decide), 3)
        await connection.close()
        second = await self.connect(account)
        self.assertEqual(await second.approve(claimed, decide), 3)
        for repeated in (second.refuse(claimed), second.approve(claimed)):
            with self.assertRaises(Refused) as refused:
                await repeated
            self.assertEqual(refused.exception.code, 6)
        await second.logout(claimed.login)
        await second.logout(claimed.login)
        self.assertEqual(await second.approve(claimed, decide), 7)

    async def test_a_decision_for_another_channel_is_refused(self) -> None:
        account, _user_id = await self.enrol()
        connection = await self.connect(account)
        _login, page = await self.login()
        claimed = await self.claim_by_qr(connection, page)
        answer = decision.Answer(claimed.login, claimed.realm, claimed.context_bytes)
        jws = decision.make(account.key, answer, os.urandom(32), int(time.time()))
        with self.assertRaises(Refused) as refused:
            await connection.command("decide", "decided", login=claimed.login, jws=jws)
        self.assertEqual(refused.exception.code, 13)
        self.assertEqual(await connection.approve(claimed), 3)

    async def test_a_stale_and_a_forged_qr(self) -> None:
        account, _user_id = await self.enrol()
        connection = await self.connect(account)
        _login, page = await self.login()
        old = (await page.wait_for("qr"))["text"]
        code = links.parse(old)
        assert isinstance(code, links.QrCode)
        forged = links.QrCode(code.realm, code.login, code.t, bytes([code.mac[0] ^ 1]) + code.mac[1:])
        with self.assertRaises(Refused) as refused:
            await connection.claim(links.text("https://x.example/app", forged))
        self.assertEqual(refused.exception.code, 4)
        deadline, fresh = time.monotonic() + 7, old
        while time.monotonic() < deadline:
            fresh = (await page.wait_for("qr"))["text"]
        with self.assertRaises(Refused) as refused:
            await connection.claim(old)
        self.assertEqual(refused.exception.code, 3)
        claimed = await connection.claim(fresh)
        self.assertEqual(await connection.claim(old), claimed)  # good enough for who has it already

    async def test_somebody_elses_login(self) -> None:
        (first, _), (second, _) = await self.enrol(), await self.enrol()
        one, two = await self.connect(first), await self.connect(second)
        _login, page = await self.login()
        qr = (await page.wait_for("qr"))["text"]
        claimed = await one.claim(qr)
        with self.assertRaises(Refused) as refused:
            await two.claim(qr)
        self.assertEqual(refused.exception.code, 5)
        with self.assertRaises(Refused) as refused:
            await two.approve(claimed)
        self.assertEqual(refused.exception.code, 2)
        self.assertEqual(await one.approve(claimed), 3)
        with self.assertRaises(Refused) as refused:
            await two.logout(claimed.login)
        self.assertEqual(refused.exception.code, 2)

    async def test_another_user_than_expected(self) -> None:
        account, _user_id = await self.enrol()
        connection = await self.connect(account)
        _login, page = await self.login(expected_user=WORLD.user())
        with self.assertRaises(Refused) as refused:
            await self.claim_by_qr(connection, page)
        self.assertEqual(refused.exception.code, 9)

    # ---- the channel ----
    async def test_the_newest_connection_displaces(self) -> None:
        account, _user_id = await self.enrol()
        older = await self.connect(account)
        newer = await self.connect(account)
        with self.assertRaises(Goodbye) as goodbye:
            await older.next_event()
        self.assertEqual(goodbye.exception.code, 4)
        await asyncio.wait_for(older.wire.socket.wait_closed(), 10)
        self.assertEqual(older.wire.socket.close_code, 4004)
        await newer.ping()

    async def test_a_flipped_byte_in_hello(self) -> None:
        account, _user_id = await self.enrol()
        _initiator, message = wire.hello(account.server)
        # version, type, key id, e (first byte; last byte's top bit), e1, e1's tag, payload's tag
        for index, bit in ((0, 1), (1, 1), (2, 1), (10, 1), (41, 0x80), (42, 1), (1241, 1), (1257, 1)):
            with self.subTest(index):
                socket = await wire.open_socket(account.server.url)
                self.addAsyncCleanup(socket.close)
                changed = bytearray(message)
                changed[index] ^= bit
                await socket.send(bytes(changed))
                ended = await self.assert_ends(socket)
                self.assertEqual((ended.hint, socket.close_code), (1, 1002))

    async def test_a_flipped_byte_in_the_first_data(self) -> None:
        account, _user_id = await self.enrol()
        for index in (2, 100, 257, 273):
            with self.subTest(index):
                connection = await wire.dial(account.server)
                self.addAsyncCleanup(connection.close)
                server = account.server
                signed = decision.channel_auth_message(server.role, server.server_id, connection.channel.h, account.jkt)
                content = frames.encode("auth-account", jkt=account.jkt, sig=keys.sign(account.key, signed))
                changed = bytearray(connection.channel.seal(content))
                changed[index] ^= 1
                await connection.socket.send(bytes(changed))
                ended = await self.assert_ends(connection.socket)
                self.assertEqual((ended.hint, connection.socket.close_code), (1, 1002))

    async def test_wrong_bytes_always_end_alike(self) -> None:
        account, _user_id = await self.enrol()
        wrong: dict[str, Any] = {
            "a frame of another version": lambda _channel: bytes([2, channel.DATA]) + bytes(272),
            "a CLOSE": lambda _channel: channel.outer(channel.CLOSE, b"\0\x01"),
            "no CBOR": lambda sealer: sealer.seal(b"\xff"),
            "nothing": lambda sealer: sealer.seal(b""),
            "an unknown frame type": lambda sealer: sealer.seal(cbor.encode({0: 9})),
            "a critical key": lambda sealer: sealer.seal(cbor.encode({0: 3, 1: 7, 127: 0})),
            "a command out of turn": lambda sealer: sealer.seal(frames.encode("auth-enrol", code=bytes(16))),
        }
        for name, make in wrong.items():
            with self.subTest(name):
                connection = (await self.connect(account)).wire
                await connection.socket.send(make(connection.channel))
                ended = await self.assert_ends(connection.socket)
                self.assertEqual((ended.hint, connection.socket.close_code), (1, 1002))

    async def test_a_text_message_ends_the_connection(self) -> None:
        account, _user_id = await self.enrol()
        socket = (await self.connect(account)).wire.socket
        await socket.send("hello")
        ended = await self.assert_ends(socket)
        self.assertEqual((ended.hint, socket.close_code), (1, 1002))

    async def test_a_wrong_signature_and_an_unknown_key_get_the_same_answer(self) -> None:
        account, _user_id = await self.enrol()
        for jkt in (account.jkt, os.urandom(32)):
            connection = await wire.dial(account.server)
            self.addAsyncCleanup(connection.close)
            await connection.send(frames.encode("auth-account", jkt=jkt, sig=keys.sign(account.key, b"something else")))
            with self.assertRaises(Goodbye) as goodbye:
                await connection.receive()
            self.assertEqual(goodbye.exception.code, 2)

    async def test_welcome(self) -> None:
        account, _user_id = await self.enrol()
        connection = await self.connect(account)
        self.assertEqual(connection.wire.welcome["max_outer"], 8210)
        self.assertLess(abs(connection.wire.welcome["server_time"] - time.time()), 60)
        self.assertGreater(connection.wire.welcome["ping_after"], 0)


if __name__ == "__main__":
    unittest.main()
