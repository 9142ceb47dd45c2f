"""A realm of a running server, and what live tests do in it again and again."""
from __future__ import annotations

import asyncio
import json
import os
import secrets
import time
import unittest
import uuid
from pathlib import Path
from typing import Any, Awaitable

from countersign import decision, keys, wire
from countersign.errors import ConnectionEnded, Refused
from countersign.page import Page
from countersign.phone import Account, Claimed, Connection, Phone
from countersign.rest import Rest, RestError

RETURN_URL = "https://site.example/back"


class World:
    """A realm, two clients (one without, one with return URLs) and a user for each test that wants one."""

    def __init__(self, data: Path, ready: dict[str, Any], settings: dict[str, Any]) -> None:
        self.sfs, self.sfs_root = ready.get("sfs"), ready.get("sfs_root")  # a `#s1.` link; a public key
        self.root = Rest(ready["rest"], (data / "root-api-key").read_text(encoding="utf-8").strip())
        self.name = f"py-{secrets.token_hex(6)}"
        self.realm = self.root.post("/v1/realms", {
            "name": self.name, "display_name": "Python realm", "settings": settings})
        self.realm_id = uuid.UUID(self.realm["id"]).bytes
        self.admin = Rest(ready["rest"], self._key({"role": "realm-admin"}), self.name)
        self.shop = self.client("shop", {"origins": []})
        self.site = self.client("site", {"origins": [], "return_urls": [RETURN_URL]})

    def _key(self, what: dict[str, Any]) -> str:
        return str(self.root.post("/v1/api-keys", what | {"realm": self.name})["secret"])

    def client(self, name: str, settings: dict[str, Any]) -> Rest:
        """A client, and REST with its key."""
        path = f"/v1/realms/{self.name}/clients"
        client = self.root.post(path, {"name": name, "display_name": f"The {name}"} | settings)
        return Rest(self.root.base, self._key({"role": "registrar", "client": client["id"]}), self.name)

    def user(self) -> str:
        """A new user."""
        user_id = f"user-{secrets.token_hex(6)}"
        self.shop.put(f"users/{user_id}", {"display_name": "Ada Example"})
        return user_id


def start(settings: dict[str, Any], sfs: bool = False) -> World:
    """A realm with these settings where COUNTERSIGN_DATA says; without it the tests are skipped, and with `sfs` also
    when the server has no SFS."""
    required = os.environ.get("COUNTERSIGN_LIVE_REQUIRED") == "1"
    data = Path(os.environ.get("COUNTERSIGN_DATA") or "/nonexistent")
    missing = [name for name in ("ready.json", "root-api-key") if not (data / name).is_file()]
    if missing and required:
        raise RuntimeError(f"COUNTERSIGN_LIVE_REQUIRED=1, but {data} has no {missing}")
    if missing:
        raise unittest.SkipTest("COUNTERSIGN_DATA does not name the data directory of a running server")
    ready = json.loads((data / "ready.json").read_text(encoding="utf-8"))
    if sfs and not {"sfs", "sfs_root"} <= set(ready):
        if required:
            raise RuntimeError(f"COUNTERSIGN_LIVE_REQUIRED=1, but {data}/ready.json has no sfs or no sfs_root")
        raise unittest.SkipTest("the server has no SFS")
    return World(data, ready, settings)


class LiveCase(unittest.IsolatedAsyncioTestCase):
    world: World

    async def enrol(self, user_id: str | None = None) -> tuple[Account, str]:
        """An active account of a user: the first, or one that an administrator admits."""
        user_id = user_id or self.world.user()
        try:
            enrolment = self.world.shop.post("enrolments", {"user_id": user_id, "confirm": "none"})
        except RestError as error:
            self.assertEqual(error.code, "further_phone")
            enrolment = self.world.shop.post("enrolments", {"user_id": user_id, "confirm": "admin"})
        account = await Phone().enrol(enrolment["link"])
        if enrolment["confirm"] == "admin":
            self.world.admin.post(f"enrolments/{enrolment['id']}/admit")
        else:
            self.assertEqual(account.state, 2)
        return account, user_id

    async def connect(self, account: Account) -> Connection:
        connection = await Phone().connect(account)
        self.addAsyncCleanup(connection.close)
        return connection

    async def login(self, rest: Rest | None = None, **body: Any) -> tuple[dict[str, Any], Page]:
        """A new login and its page."""
        login: dict[str, Any] = (rest or self.world.shop).post("logins", body)
        page = await Page.open(login["page_url"], login["page_token"])
        self.addAsyncCleanup(page.close)
        return login, page

    async def claim_by_qr(self, connection: Connection, page: Page) -> Claimed:
        return await connection.claim((await page.wait_for("qr"))["text"])

    def state(self, login: dict[str, Any], after: int, rest: Rest | None = None) -> dict[str, Any]:
        """Long poll."""
        current: dict[str, Any] = (rest or self.world.shop).get(f"logins/{login['id']}", wait=10, after=after)
        return current

    def assert_problem(self, status: int, code: str, rest: Rest, path: str, body: dict[str, Any] | None = None) -> None:
        with self.assertRaises(RestError) as problem:
            rest.post(path, body)
        self.assertEqual((problem.exception.status, problem.exception.code), (status, code))

    def check_identity(self, identity: dict[str, Any], account: Account, user_id: str, claimed: Claimed,
                       attestation: str | None = None) -> None:
        """What redeem says, and the decision verified by ourselves."""
        self.assertEqual(identity["user_id"], user_id)
        self.assertEqual(uuid.UUID(identity["login_id"]).bytes, claimed.login)
        self.assertEqual(uuid.UUID(identity["account_id"]).bytes, account.account_id)
        public = keys.public_bytes(account.key)
        self.assertEqual(keys.unb64(identity["public_key"]), public)
        self.assertEqual(keys.unb64(identity["context"]), claimed.context_bytes)
        answer = decision.Answer(claimed.login, self.world.realm_id, claimed.context_bytes, attestation=attestation)
        claims = decision.verify(identity["decision"], public, answer)
        self.assertLess(abs(claims["iat"] - time.time()), 120)

    async def assert_ends(self, socket: Any) -> ConnectionEnded:
        """The connection ends without another frame than CLOSE."""
        with self.assertRaises(ConnectionEnded) as ended:
            await wire.receive_outer(socket, 15)
        await asyncio.wait_for(socket.wait_closed(), 10)
        return ended.exception

    async def refused(self, code: int, command: Awaitable[Any]) -> None:
        """The command is refused with this code."""
        with self.assertRaises(Refused) as refused:
            await command
        self.assertEqual(refused.exception.code, code)
