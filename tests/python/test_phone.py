"""The phone against a scripted server in this process: what a conversation looks like from the phone's side.

The server here is written from the same documents by the same hand, so this checks the client's plumbing and not
the protocol; test_live.py does that.
"""
from __future__ import annotations

import hashlib
import os
import sys
import time
import unittest
from pathlib import Path
from typing import Any, Awaitable, Callable

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from websockets.asyncio.server import ServerConnection, serve

sys.path.insert(0, str(Path(__file__).parent))
from countersign import cbor, channel, decision, frames, keys, links, noise, statement, wire
from countersign.errors import ConnectionEnded, Goodbye, ProtocolError, Refused
from countersign.phone import Account, Enrolment, Phone

REALM, LOGIN, ACCOUNT = bytes(range(16)), b"L" * 16, b"A" * 16
CONTEXT = cbor.encode({1: LOGIN, 2: REALM, 3: "Realm", 4: "Shop", 5: 1_790_000_000})


class Peer:
    """The server's end of one connection."""

    role, server_id = "ns", REALM

    def __init__(self, socket: ServerConnection, static: X25519PrivateKey) -> None:
        self.socket, self.static = socket, static
        self.channel: channel.Channel

    async def handshake(self) -> None:
        key_id = keys.key_id(self.static.public_key().public_bytes_raw())
        kind, body = channel.parse_outer(await self.raw())
        if kind != channel.HELLO or body[:8] != key_id:
            raise ProtocolError("not our HELLO")
        responder = noise.Responder(noise.prologue(self.role, self.server_id, key_id), self.static)
        responder.read_message_1(body[8:])
        message, transport = responder.write_message_2(
            cbor.encode({1: int(time.time()), 2: channel.MAX_OUTER, 3: 240, 200: "from the future"}))
        await self.socket.send(channel.outer(channel.HELLO_OK, message))
        self.channel = channel.Channel(transport)

    async def raw(self) -> bytes:
        message = await self.socket.recv()
        assert isinstance(message, bytes)
        return message

    async def read(self) -> frames.Frame:
        return frames.decode(self.channel.open(await self.raw()))

    async def send(self, name: str, /, **values: Any) -> None:
        await self.socket.send(self.channel.seal(frames.encode(name, **values)))

    async def authenticated(self, public: bytes) -> None:
        auth = await self.read()
        message = decision.channel_auth_message("ns", REALM, self.channel.h, auth["jkt"])
        keys.verify(public, message, auth["sig"])
        await self.send("auth-ok", account=ACCOUNT, state=2, realm_name="Realm", epoch=1)


Script = Callable[[Peer], Awaitable[None]]


class Scripted(unittest.IsolatedAsyncioTestCase):
    """A server whose connections follow `scripts`, one after the other."""

    async def asyncSetUp(self) -> None:
        self.static, self.root, self.key = X25519PrivateKey.generate(), keys.generate(), keys.generate()
        self.scripts: list[Script] = []
        self.errors: list[BaseException] = []
        server = await serve(self._serve, "127.0.0.1", 0, subprotocols=[wire.SUBPROTOCOL], compression=None)
        self.addAsyncCleanup(self._stop, server)
        self.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ns/sigmai"

    async def _stop(self, server: Any) -> None:
        server.close()
        await server.wait_closed()
        self.assertEqual((self.errors, self.scripts), ([], []))

    async def _serve(self, socket: ServerConnection) -> None:
        try:
            await self.scripts.pop(0)(Peer(socket, self.static))
        except BaseException as error:
            self.errors.append(error)
            raise

    def server(self) -> wire.Server:
        public = self.static.public_key().public_bytes_raw()
        pin = hashlib.sha256(keys.public_bytes(self.root)).digest()
        return wire.Server(self.url, "ns", REALM, pin, public, keys.key_id(public), 1)

    def account(self) -> Account:
        return Account(self.server(), self.key, ACCOUNT, 2)

    def link(self) -> str:
        server = self.server()
        return links.text("https://id.example/app", links.EnrolLink(
            server.url, REALM, server.root_pin, server.static_key, server.key_id, server.epoch, b"C" * 16))


class Conversations(Scripted):
    async def test_enrolment_and_its_repetition(self) -> None:
        seen: list[tuple[bytes, bytes]] = []

        async def script(peer: Peer) -> None:
            await peer.handshake()
            self.assertEqual((await peer.read())["code"], b"C" * 16)
            challenge = os.urandom(32)
            await peer.send("enrol-offer", challenge=challenge, realm_name="Realm", client_name="Shop", user="Ada")
            enrol = await peer.read()
            jkt = keys.thumbprint(enrol["public_key"])
            keys.verify(enrol["public_key"],
                        decision.enrol_message("ns", REALM, peer.channel.h, challenge, jkt), enrol["sig"])
            seen.append((enrol["public_key"], enrol["req_id"]))
            if len(seen) == 1:
                return  # the answer is lost
            await peer.send("enrol-ok", req_id=enrol["req_id"], account=ACCOUNT, state=1, number="0042")
            await peer.send("goodbye", code=10)
        self.scripts = [script, script]
        link = links.parse(self.link())
        assert isinstance(link, links.EnrolLink)
        enrolment = Enrolment(link)
        with self.assertRaises(ConnectionEnded):
            await Phone().enrol(enrolment)
        account = await Phone().enrol(enrolment)
        self.assertEqual((account.number, account.state, account.account_id), ("0042", 1, ACCOUNT))
        self.assertEqual(enrolment.offer["user"], "Ada")
        self.assertEqual(seen[0], seen[1])

    async def test_a_refused_enrolment(self) -> None:
        async def used(peer: Peer) -> None:
            await peer.handshake()
            await peer.read()
            await peer.send("enrol-offer", challenge=bytes(32), realm_name="Realm", client_name="Shop", user="Ada")
            await peer.send("refused", req_id=(await peer.read())["req_id"], code=14)
            await peer.send("goodbye", code=2)

        async def unknown(peer: Peer) -> None:
            await peer.handshake()
            await peer.read()
            await peer.send("goodbye", code=2)
        self.scripts = [used, unknown]
        with self.assertRaises(Refused) as refused:
            await Phone().enrol(self.link())
        self.assertEqual(refused.exception.code, 14)
        with self.assertRaises(Goodbye) as goodbye:
            await Phone().enrol(self.link())
        self.assertEqual(goodbye.exception.code, 2)

    async def test_a_login_with_events_in_between(self) -> None:
        public = keys.public_bytes(self.key)

        async def script(peer: Peer) -> None:
            await peer.handshake()
            await peer.authenticated(public)
            await peer.send("pong", nonce=(await peer.read())["nonce"], server_time=99)
            claim = await peer.read()
            self.assertEqual((claim.name, claim["login"]), ("claim-link", LOGIN))
            await peer.send("login-changed", login=LOGIN, state=2, v=2)
            await peer.send("claimed", req_id=claim["req_id"], login=LOGIN, context=CONTEXT, expires_at=1_790_000_120,
                            return_token=b"\xff" * 16, return_url="https://shop.example/back")
            decide = await peer.read()
            decision.verify(decide["jws"], public, decision.Answer(LOGIN, REALM, CONTEXT, "not_me"), peer.channel.cb)
            await peer.send("decided", req_id=decide["req_id"], login=LOGIN, state=4)
            listing = await peer.read()
            entries = [{"login": LOGIN, "state": 3, "client_name": "Shop", "since": 5}]
            await peer.send("logins", req_id=listing["req_id"], logins=entries)
            logout = await peer.read()
            await peer.send("refused", req_id=logout["req_id"], code=15, retry_after=3)
            await peer.send("goodbye", code=4)
        self.scripts = [script]
        connection = await Phone().connect(self.account())
        self.assertEqual(await connection.ping(), 99)
        claimed = await connection.claim(links.text("https://x/app", links.LoginLink(REALM, LOGIN, b"T" * 16)))
        self.assertEqual(claimed.return_to, "https://shop.example/back#cs_return=_____________________w")
        self.assertEqual(claimed.context["client_name"], "Shop")
        self.assertEqual(await connection.refuse(claimed, "not_me"), 4)
        self.assertEqual((await connection.next_event())["v"], 2)
        self.assertEqual(await connection.list_logins(),
                         [{"login": LOGIN, "state": 3, "client_name": "Shop", "since": 5}])
        with self.assertRaises(Refused) as refused:
            await connection.logout(LOGIN)
        self.assertEqual((refused.exception.code, refused.exception.retry_after), (15, 3))
        with self.assertRaises(Goodbye) as goodbye:
            await connection.next_event()
        self.assertEqual(goodbye.exception.code, 4)
        await connection.close()

    async def test_an_offer_a_number_a_start_and_a_vouch(self) -> None:
        public, new = keys.public_bytes(self.key), keys.thumbprint(keys.public_bytes(keys.generate()))
        entry = {"enrolment": b"E" * 16, "name": "New", "app": "app", "since": 5, "jkt": new}
        device = {"account": ACCOUNT, "name": "Old", "app": "app", "state": 2, "since": 4}

        async def script(peer: Peer) -> None:
            await peer.handshake()
            await peer.authenticated(public)
            await peer.send("login-offered", login=LOGIN, client_name="Shop", expires_at=1_790_000_120)
            claim = await peer.read()
            self.assertEqual(claim.name, "claim")
            await peer.send("claimed", req_id=claim["req_id"], login=LOGIN, context=CONTEXT, expires_at=1_790_000_120,
                            digits=2)
            decide = await peer.read()
            said = decision.Answer(LOGIN, REALM, CONTEXT, number="07")
            decision.verify(decide["jws"], public, said, peer.channel.cb)
            await peer.send("decided", req_id=decide["req_id"], login=LOGIN, state=3)
            listing = await peer.read()
            await peer.send("enrolment-waiting", enrolment=entry["enrolment"], name="New")
            await peer.send("enrolments", req_id=listing["req_id"], enrolments=[entry])
            word = await peer.read()
            vouch = decision.Vouch(b"E" * 16, REALM, new, "0042")
            decision.verify(word["jws"], public, vouch, peer.channel.cb)
            await peer.send("device-changed", **device)
            await peer.send("refused", req_id=word["req_id"], code=17)
            await peer.send("devices", req_id=(await peer.read())["req_id"], devices=[device])
            start = await peer.read()
            self.assertEqual((start.name, start["client"]), ("start-login", "shop"))
            await peer.send("claimed", req_id=start["req_id"], login=LOGIN, context=CONTEXT, expires_at=1_790_000_120)
        self.scripts = [script]
        connection = await Phone(app_version="1.2").connect(self.account())
        offer = await connection.next_event()
        claimed = await connection.claim_offered(offer["login"])
        self.assertEqual((claimed.digits, claimed.return_to, claimed.hand_over), (2, None, None))
        self.assertEqual(await connection.approve(claimed, number="07"), 3)
        [waiting] = await connection.list_enrolments()
        self.assertEqual(waiting, entry)
        with self.assertRaises(Refused) as refused:
            await connection.vouch(waiting, "0042")
        self.assertEqual(refused.exception.code, 17)
        self.assertEqual(await connection.list_devices(), [device])
        self.assertEqual([(await connection.next_event()).name for _ in range(2)],
                         ["enrolment-waiting", "device-changed"])
        with self.assertRaises(ProtocolError):
            await connection.start_login("shop")  # nothing to hand over
        await connection.close()

    async def test_close_is_only_a_hint(self) -> None:
        async def script(peer: Peer) -> None:
            await peer.raw()
            await peer.socket.send(channel.outer(channel.CLOSE, b"\0\7"))
        self.scripts = [script]
        with self.assertRaises(ConnectionEnded) as ended:
            await Phone().connect(self.account())
        self.assertEqual(ended.exception.hint, 7)

    async def test_retry_is_followed_once_and_stored_after_the_handshake(self) -> None:
        new, public, root = X25519PrivateKey.generate(), keys.public_bytes(self.key), self.root
        new_public = new.public_key().public_bytes_raw()
        now = int(time.time())
        body = statement.sign(root, statement.KeyStatement(
            "ns", REALM, new_public, keys.key_id(new_public), 2, now, now + 60, 1, 1, keys.public_bytes(root)))

        async def retry(peer: Peer) -> None:
            await peer.raw()
            await peer.socket.send(channel.outer(channel.RETRY, body))
            await peer.socket.wait_closed()

        async def renewed(peer: Peer) -> None:
            peer.static = new
            await peer.handshake()
            await peer.authenticated(public)
        account = self.account()
        old = account.server.static_key
        self.scripts = [retry, retry]
        with self.assertRaises(ProtocolError):
            await Phone().connect(account)
        self.assertEqual(account.server.static_key, old)
        self.scripts = [retry, renewed]
        connection = await Phone().connect(account)
        await connection.close()
        self.assertEqual((account.server.static_key, account.server.epoch), (new_public, 2))


if __name__ == "__main__":
    unittest.main()
