"""Directed logins, numbers, logins that an app starts, a user's phones, app versions: against a running server.

Like test_live.py: COUNTERSIGN_DATA names the server's data directory.
"""
from __future__ import annotations

import asyncio
import os
import sys
import unittest
import uuid
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from countersign import cbor, decision, frames, keys
from countersign.errors import ConnectionEnded, Goodbye
from countersign.page import Page
from countersign.phone import Account, Claimed, Connection, Phone
from live import LiveCase, World, start

SETTINGS = {"enrolment_confirm": ["none", "number", "phone", "admin"],
            "number_match": {"qr": False, "link": True, "directed": True}}
CALLBACK = "https://site.example/app"
WORLD: World


def setUpModule() -> None:
    global WORLD
    WORLD = LiveCase.world = start(SETTINGS)


def other(number: str) -> str:
    """A wrong number of the same length."""
    return str((int(number) + 1) % 10 ** len(number)).zfill(len(number))


class Forms(LiveCase):
    async def phones(self, many: int = 2) -> tuple[list[Account], list[Connection], str]:
        """So many connected phones of one user; what they heard of each other's coming is forgotten."""
        user_id = WORLD.user()
        accounts = [(await self.enrol(user_id))[0] for _ in range(many)]
        return accounts, [await self.connect(account) for account in accounts], user_id

    async def event(self, connection: Connection, kind: str, /, **values: Any) -> frames.Frame:
        """The next event of this kind with these values; others are skipped."""
        while True:
            event = await connection.next_event()
            if event.name == kind and all(event[key] == value for key, value in values.items()):
                return event

    async def assert_goodbye(self, code: int, connection: Connection) -> None:
        with self.assertRaises(Goodbye) as goodbye:
            while True:
                await connection.next_event()
        self.assertEqual(goodbye.exception.code, code)

    async def number(self, page: Page) -> str:
        """What the page shows while the login is claimed."""
        number = (await page.wait_for("state", state="claimed"))["number"]
        self.assertRegex(number, r"\A[0-9]{2}\Z")
        return str(number)

    def bytes_of(self, login: dict[str, Any]) -> bytes:
        return uuid.UUID(login["id"]).bytes


class Logins(Forms):
    async def test_a_login_directed_at_a_user_reaches_each_phone_and_takes_a_number(self) -> None:
        accounts, (one, two), user_id = await self.phones()
        login, page = await self.login(to_user=user_id)
        for connection in (one, two):
            offer = await self.event(connection, "login-offered", login=self.bytes_of(login))
            self.assertEqual(offer["client_name"], "The shop")
            self.assertEqual([(entry["login"], entry["state"]) for entry in await connection.list_logins()],
                             [(offer["login"], 1)])
        claimed = await one.claim_offered(offer["login"])
        self.assertEqual((claimed.return_token, claimed.digits, claimed.expires_at), (None, 2, offer["expires_at"]))
        self.assertEqual(await one.claim_offered(offer["login"]), claimed)
        await self.refused(5, two.claim_offered(offer["login"]))
        self.assertEqual(await two.list_logins(), [])
        number = await self.number(page)
        self.assertEqual(await one.approve(claimed, number=number), 3)
        current = self.state(login, 2)
        self.assertEqual((current["state"], current["via"]), ("approved", "directed"))
        identity = WORLD.shop.post(f"logins/{login['id']}/redeem")
        self.assertEqual((identity["user_id"], uuid.UUID(identity["account_id"]).bytes), (user_id, accounts[0].account_id))
        answer = decision.Answer(claimed.login, claimed.realm, claimed.context_bytes, number=number)
        decision.verify(identity["decision"], keys.unb64(identity["public_key"]), answer)

    async def test_a_login_directed_at_an_account_is_nobody_elses(self) -> None:
        accounts, (one, two), _user_id = await self.phones()
        (stranger, _), (login, _page) = await self.enrol(), await self.login(
            to_account=str(uuid.UUID(bytes=accounts[1].account_id)))
        await self.event(two, "login-offered", login=self.bytes_of(login))
        for connection in (one, await self.connect(stranger)):
            await self.refused(2, connection.claim_offered(self.bytes_of(login)))
            self.assertEqual(await connection.list_logins(), [])
        await two.claim_offered(self.bytes_of(login))

    async def test_without_a_code_only_what_was_directed_is_claimed(self) -> None:
        account, user_id = await self.enrol()
        connection = await self.connect(account)
        for body in ({}, {"expected_user": user_id}):
            login, _page = await self.login(**body)
            await self.refused(2, connection.claim_offered(self.bytes_of(login)))
        await self.refused(2, connection.claim_offered(os.urandom(16)))
        missing, _page = await self.login(to_user=f"nobody-{user_id}")
        self.assertEqual(missing["state"], "pending")
        away, _page = await self.login(to_user=user_id)
        await connection.close()
        self.assertEqual([entry["login"] for entry in await (await self.connect(account)).list_logins()],
                         [self.bytes_of(away)])

    async def numbered(self, connection: Connection, **body: Any) -> tuple[dict[str, Any], Page, Claimed]:
        login, page = await self.login(number_match=True, **body)
        claimed = await self.claim_by_qr(connection, page)
        self.assertEqual(claimed.digits, 2)
        return login, page, claimed

    async def test_a_wrong_and_a_missing_number_refuse_the_login(self) -> None:
        account, _user_id = await self.enrol()
        connection = await self.connect(account)
        for give in (other, lambda _number: None):
            login, page, claimed = await self.numbered(connection)
            given, req_id = give(await self.number(page)), os.urandom(16)
            for _ in range(2):
                self.assertEqual(await connection.approve(claimed, req_id, given), 4)
            event = await page.wait_for("state", state="refused")
            self.assertEqual(event["reason"], "wrong_number")
            self.assertNotIn("number", event)
            current = self.state(login, 2)
            self.assertEqual((current["state"], current["reason"]), ("refused", "wrong_number"))

    async def test_what_is_no_number_costs_no_try(self) -> None:
        account, _user_id = await self.enrol()
        connection = await self.connect(account)
        _login, page, claimed = await self.numbered(connection)
        number = await self.number(page)
        for malformed in (f"0{number}", number[:1], "", "ab"):
            await self.refused(13, connection.approve(claimed, number=malformed))
        self.assertEqual(await connection.approve(claimed, number=number), 3)

    async def test_a_refusal_takes_no_number_and_what_asks_for_none_ignores_one(self) -> None:
        account, _user_id = await self.enrol()
        connection = await self.connect(account)
        login, page, claimed = await self.numbered(connection)
        said = decision.Answer(claimed.login, claimed.realm, claimed.context_bytes, "declined").claims()
        claims = said | {"number": await self.number(page), "iat": 1, "cb": keys.b64(connection.wire.channel.cb)}
        jws = decision.sign(account.key, "cs-login+jwt", claims)
        await self.refused(13, connection.command("decide", "decided", login=claimed.login, jws=jws))
        self.assertEqual(await connection.refuse(claimed), 4)
        self.assertEqual(self.state(login, 2)["reason"], "declined")
        _login, page = await self.login()
        claimed = await self.claim_by_qr(connection, page)
        self.assertIsNone(claimed.digits)
        self.assertEqual(await connection.approve(claimed, number="07"), 3)  # nobody asked, nobody minds

    async def test_the_way_of_the_claim_asks_for_the_number(self) -> None:
        account, _user_id = await self.enrol()
        connection = await self.connect(account)
        _login, page = await self.login()
        claimed = await connection.claim((await page.wait_for("link"))["url"])
        self.assertEqual(claimed.digits, 2)
        self.assertEqual(await connection.approve(claimed, number=await self.number(page)), 3)

    async def test_an_app_starts_a_login_and_hands_it_over(self) -> None:
        site = WORLD.client(f"app-{os.urandom(4).hex()}", {"callback_urls": [CALLBACK, f"{CALLBACK}/2"]})
        name = next(client["name"] for client in WORLD.admin.get("clients")["items"] if client["callback_urls"])
        (account, user_id), (stranger, _) = await self.enrol(), await self.enrol()
        connection, req_id = await self.connect(account), os.urandom(16)
        claimed = await connection.start_login(name, req_id)
        self.assertEqual(await connection.start_login(name, req_id), claimed)
        self.assertEqual((claimed.callback_url, claimed.return_url, claimed.digits), (CALLBACK, None, None))
        self.assertEqual(claimed.context["client_name"], f"The {name}")
        self.assertNotEqual((await connection.start_login(name)).login, claimed.login)
        await self.refused(2, (await self.connect(stranger)).claim_offered(claimed.login))
        for nobody in ("site", "no-such-client"):
            await self.refused(2, connection.start_login(nobody))
        assert claimed.hand_over is not None
        login, token = claimed.hand_over
        path = f"logins/{login}/redeem"
        self.assert_problem(409, "not_approved", site, path, {"return_token": token})
        self.assertEqual(await connection.approve(claimed), 3)
        self.assertEqual(site.get(f"logins/{login}")["via"], "app")
        self.assert_problem(404, "not_found", WORLD.site, path, {"return_token": token})
        for wrong in ({}, {"return_token": keys.b64(os.urandom(16))}):
            self.assert_problem(403, "wrong_return_token", site, path, wrong)
        self.check_identity(site.post(path, {"return_token": token}), account, user_id, claimed)

    async def test_logout_everywhere(self) -> None:
        _accounts, (one, two), _user_id = await self.phones()
        stranger = await self.connect((await self.enrol())[0])
        logins = []
        for connection in (one, one, two, stranger):
            login, page = await self.login()
            await connection.approve(await self.claim_by_qr(connection, page))
            logins.append(login)
        await one.logout_all()
        self.assertEqual([(now["state"], now.get("reason")) for now in (self.state(login, 0) for login in logins)],
                         [("ended", "everywhere")] * 3 + [("approved", None)])
        await self.event(two, "login-changed", login=self.bytes_of(logins[2]), state=7)
        await one.logout_all()


class Devices(Forms):
    async def test_phones_are_listed_and_renamed(self) -> None:
        accounts, (one, two), user_id = await self.phones()
        listed = {entry["account"]: entry for entry in await one.list_devices()}
        self.assertEqual(set(listed), {account.account_id for account in accounts})
        self.assertEqual({(entry["name"], entry["app"], entry["state"]) for entry in listed.values()},
                         {("Python", "countersign.python", 2)})
        await one.rename_device(accounts[1].account_id, "Büro")
        event = await self.event(one, "device-changed", name="Büro")
        self.assertEqual(event.values, listed[accounts[1].account_id] | {"name": "Büro"})
        path = f"accounts/{uuid.UUID(bytes=accounts[1].account_id)}"
        self.assertEqual(WORLD.shop.get(path)["device"], "Büro")
        await two.rename_device(accounts[1].account_id, "Mine")
        await self.event(one, "device-changed", name="Mine")
        third, _ = await self.enrol(user_id)
        event = await self.event(one, "device-changed", account=third.account_id)
        self.assertEqual(event["state"], 2)

    async def test_a_phone_is_blocked_unblocked_and_deleted_by_another(self) -> None:
        accounts, (one, two), _user_id = await self.phones()
        lost = accounts[1]
        login, page = await self.login()
        await two.approve(await self.claim_by_qr(two, page))
        await one.manage_device(lost.account_id, frames.BLOCK)
        await self.event(one, "device-changed", account=lost.account_id, state=3)
        await self.assert_goodbye(5, two)
        self.assertEqual(self.state(login, 3)["reason"], "account_blocked")
        await one.manage_device(lost.account_id, frames.UNBLOCK)
        two = await self.connect(lost)
        self.assertEqual(lost.state, 2)
        await one.manage_device(lost.account_id, frames.DELETE)
        await self.assert_goodbye(6, two)
        await self.event(one, "device-changed", account=lost.account_id, state=4)
        self.assertEqual([entry["account"] for entry in await one.list_devices()], [accounts[0].account_id])
        await self.refused(2, one.manage_device(lost.account_id, frames.UNBLOCK))

    async def test_a_phone_blocks_itself(self) -> None:
        accounts, (one, two), _user_id = await self.phones()
        await two.manage_device(accounts[1].account_id, frames.BLOCK)
        await self.assert_goodbye(5, two)
        await one.manage_device(accounts[1].account_id, frames.UNBLOCK)

    async def test_what_an_administrator_has_blocked_stays_blocked(self) -> None:
        accounts, (one, _two), _user_id = await self.phones()
        path = f"accounts/{uuid.UUID(bytes=accounts[1].account_id)}"
        WORLD.admin.post(f"{path}/block")
        await self.refused(1, one.manage_device(accounts[1].account_id, frames.UNBLOCK))
        self.assertEqual(WORLD.shop.get(path)["state"], "blocked")
        await one.manage_device(accounts[1].account_id, frames.DELETE)

    async def test_somebody_elses_phone_does_not_exist(self) -> None:
        (account, _), (stranger, _) = await self.enrol(), await self.enrol()
        connection = await self.connect(stranger)
        for whose in (account.account_id, os.urandom(16)):
            for action in (frames.BLOCK, frames.UNBLOCK, frames.DELETE):
                await self.refused(2, connection.manage_device(whose, action))
            await self.refused(2, connection.rename_device(whose, "Mine now"))
        path = f"accounts/{uuid.UUID(bytes=account.account_id)}"
        self.assertEqual(WORLD.shop.get(path)["device"], "Python")

    async def test_a_name_that_is_none_and_an_action_that_is_none(self) -> None:
        account, _user_id = await self.enrol()
        connection = await self.connect(account)
        for name in (" ", "a\nb", "\u202ename"):
            await self.refused(1, connection.rename_device(account.account_id, name))
        wrong: list[dict[int, cbor.Value]] = [{3: 1}, {3: 1, 4: ""}, {3: 1, 4: "x" * 101}, {3: 2, 4: "name"}]
        for rest in wrong:
            req_id = os.urandom(16)
            await connection.wire.send(cbor.encode({0: 11, 1: req_id, 2: account.account_id} | rest))
            self.assertEqual((await connection.wire.receive()).values, {"req_id": req_id, "code": 1})
        await connection.wire.send(cbor.encode({0: 11, 1: os.urandom(16), 2: account.account_id, 3: 5}))
        with self.assertRaises(ConnectionEnded) as ended:
            await connection.wire.receive()
        self.assertEqual(ended.exception.hint, 1)


class Enrolments(Forms):
    async def newcomer(self, user_id: str, confirm: str = "phone") -> tuple[str, Account]:
        """A new phone that waits: the path of its enrolment, its account."""
        enrolment = WORLD.shop.post("enrolments", {"user_id": user_id, "confirm": confirm})
        return f"enrolments/{enrolment['id']}", await Phone(device_name="New phone").enrol(enrolment["link"])

    async def test_an_old_phone_lets_a_new_one_in(self) -> None:
        account, user_id = await self.enrol()
        old = await self.connect(account)
        path, new = await self.newcomer(user_id)
        number = new.number or ""
        self.assertEqual(new.state, 1)
        waiting = await self.event(old, "enrolment-waiting", name="New phone")
        [entry] = await old.list_enrolments()
        self.assertEqual((entry["enrolment"], entry["name"], entry["app"], entry["jkt"]),
                         (waiting["enrolment"], "New phone", "countersign.python", new.jkt))
        connection = await self.connect(new)
        await self.refused(10, connection.list_enrolments())
        await self.refused(10, connection.vouch(entry, number))
        self.assert_problem(409, "not_allowed", WORLD.shop, f"{path}/confirm", {"number": number})
        await self.refused(17, old.vouch(entry, other(number)))
        await old.vouch(entry, number)
        self.assertEqual((await self.event(connection, "account-changed"))["state"], 2)
        event = await self.event(old, "device-changed", account=new.account_id)
        self.assertEqual((event["name"], event["state"]), ("New phone", 2))
        self.assertEqual(await old.list_enrolments(), [])
        await old.vouch(entry, number)  # its answer might have been lost
        await self.refused(6, old.vouch(entry, None))
        current = WORLD.shop.get(path)
        self.assertEqual(current["state"], "confirmed")
        said = decision.Vouch(entry["enrolment"], WORLD.realm_id, new.jkt, number)
        decision.verify(current["approval"], keys.public_bytes(account.key), said, old.wire.channel.cb)

    async def test_three_wrong_numbers_and_a_refusal_delete_the_new_account(self) -> None:
        account, user_id = await self.enrol()
        old = await self.connect(account)
        for refuse in (False, True):
            path, new = await self.newcomer(user_id)
            [entry] = await old.list_enrolments()
            connection = await self.connect(new)
            if refuse:
                await old.vouch(entry, None)
            else:
                for _ in range(3):
                    await self.refused(17, old.vouch(entry, other(new.number or "")))
            await self.assert_goodbye(6, connection)
            self.assertEqual(WORLD.shop.get(path)["state"], "refused")
            await self.refused(6, old.vouch(entry, new.number))
            if refuse:
                await old.vouch(entry, None)
            else:
                await self.refused(6, old.vouch(entry, other(new.number or "")))
                await self.refused(6, old.vouch(entry, None))

    async def test_a_word_that_is_not_good_uses_no_try_up(self) -> None:
        account, user_id = await self.enrol()
        old = await self.connect(account)
        path, new = await self.newcomer(user_id)
        [entry] = await old.list_enrolments()
        good, cb = decision.Vouch(entry["enrolment"], WORLD.realm_id, new.jkt, new.number), old.wire.channel.cb
        signed = good.claims() | {"iat": 1, "cb": keys.b64(cb)}
        wrong = [
            decision.make(account.key, good, os.urandom(32), 1), decision.make(keys.generate(), good, cb, 1),
            decision.make(new.key, good, cb, 1), decision.sign(account.key, "cs-login+jwt", signed),
            decision.sign(account.key, good.typ, signed | {"more": 1}),
            decision.sign(account.key, good.typ, signed | {"decision": "refuse"}),
            decision.sign(account.key, good.typ, signed | {"realm": str(uuid.UUID(int=1))}),
            decision.sign(account.key, good.typ, signed | {"enrolment": str(uuid.UUID(int=1))}),
            decision.sign(account.key, good.typ, signed | {"jkt": keys.b64(bytes(32))}),
            decision.sign(account.key, good.typ, signed | {"number": int(new.number or "")}),
            decision.sign(account.key, good.typ, {k: v for k, v in signed.items() if k != "number"}), "no.j.ws", "",
        ]
        for jws in wrong:
            with self.subTest(jws):
                command = cbor.encode({0: 13, 1: os.urandom(16), 2: entry["enrolment"], 3: jws})
                await old.wire.send(command)
                self.assertEqual((await old.wire.receive()).get("code"), 13)
        await old.vouch(entry, new.number)
        self.assertEqual(WORLD.shop.get(path)["state"], "confirmed")

    async def test_who_has_no_say(self) -> None:
        (account, user_id), (stranger, _) = await self.enrol(), await self.enrol()
        old = await self.connect(account)
        _path, new = await self.newcomer(user_id)
        [entry] = await old.list_enrolments()
        elsewhere = await self.connect(stranger)
        self.assertEqual(await elsewhere.list_enrolments(), [])
        for number in (new.number, None):
            await self.refused(2, elsewhere.vouch(entry, number))
        await self.refused(2, old.vouch(entry | {"enrolment": os.urandom(16)}, new.number))
        for confirm in ("admin",):
            path, other_new = await self.newcomer(user_id, confirm)
            waiting = {"enrolment": uuid.UUID(path.split("/")[1]).bytes, "jkt": other_new.jkt}
            await self.refused(1, old.vouch(waiting, other_new.number or "0000"))
        self.assertEqual(len(await old.list_enrolments()), 1)
        body = {"user_id": WORLD.user(), "confirm": "phone"}
        self.assert_problem(422, "confirm_not_allowed", WORLD.shop, "enrolments", body)


class Versions(Forms):
    async def until(self, admitted: bool, account: Account) -> None:
        """Connects until every pod goes by the realm's new settings: they learn of them a moment later."""
        agree = 0
        async with asyncio.timeout(20):
            while agree < 6:
                try:
                    connection = await Phone().connect(account)
                except Goodbye as goodbye:
                    self.assertEqual(goodbye.code, 13)
                    agree = 0 if admitted else agree + 1
                else:
                    await connection.close()
                    agree = agree + 1 if admitted else 0

    async def test_an_app_that_is_too_old_neither_enrols_nor_connects(self) -> None:
        app = f"org.example.py{os.urandom(4).hex()}"
        WORLD.admin.put(f"apps/{app}", {"display_name": "An app", "min_version": "2.10"})
        enrolment = WORLD.shop.post("enrolments", {"user_id": WORLD.user(), "confirm": "none"})
        for old in (None, "2", "2.9.99"):
            await self.refused(1, Phone(app, app_version=old).enrol(enrolment["link"]))
        account = await Phone(app, app_version="2.10.1").enrol(enrolment["link"])
        for old in (None, "2.9"):
            with self.assertRaises(Goodbye) as goodbye:
                await Phone(app, app_version=old).connect(account)
            self.assertEqual(goodbye.exception.code, 13)
        for new in ("2.10", "2.10.0", "10"):
            self.addAsyncCleanup((await Phone(app, app_version=new).connect(account)).close)
        shown = WORLD.shop.get(f"accounts/{uuid.UUID(bytes=account.account_id)}")
        self.assertEqual((shown["app"], shown["app_version"]), (app, "10"))

    async def test_where_only_listed_apps_may_others_may_not(self) -> None:
        account, _user_id = await self.enrol()
        WORLD.root.patch(f"/v1/realms/{WORLD.name}", {"settings": {"listed_apps_only": True}})
        try:
            await self.until(False, account)
            enrolment = WORLD.shop.post("enrolments", {"user_id": WORLD.user(), "confirm": "none"})
            await self.refused(1, Phone().enrol(enrolment["link"]))
            WORLD.admin.put("apps/org.example.listed", {"display_name": "Listed"})
            await Phone("org.example.listed").enrol(enrolment["link"])
        finally:
            WORLD.root.patch(f"/v1/realms/{WORLD.name}", {"settings": {"listed_apps_only": False}})
        await self.until(True, account)


if __name__ == "__main__":
    unittest.main()
