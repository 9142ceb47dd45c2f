"""An asyncio phone (PROTOCOL.md sections 5.1 to 5.5). sfs.py has what it does with its SFS."""
from __future__ import annotations

import os
import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Awaitable, Callable

from . import decision, factor, frames, keys, links
from .errors import ConnectionEnded, Goodbye, ProtocolError, Refused
from .session import Session
from .wire import Server, Wire, dial

EVENTS = ("login-changed", "account-changed", "login-offered", "enrolment-waiting", "device-changed")
# Has the second factor attested for an occasion: an old factor, or a new one (None).
Prove = Callable[[factor.Occasion, "bytes | None"], Awaitable[factor.Proof]]


@dataclass
class Enrolment:
    """An enrolment under way: keep it, and the answer can be asked for again with the same key and req_id."""

    link: links.EnrolLink
    key: keys.PrivateKey = field(default_factory=keys.generate)
    req_id: bytes = field(default_factory=lambda: os.urandom(16))
    offer: dict[str, Any] = field(default_factory=dict)
    factor: bytes | None = None


@dataclass
class Account:
    """What a phone stores for an account."""

    server: Server
    key: keys.PrivateKey
    account_id: bytes
    state: int
    number: str | None = None
    factor: bytes | None = None  # at the app's SFS

    @property
    def jkt(self) -> bytes:
        return keys.thumbprint(keys.public_bytes(self.key))


@dataclass(frozen=True)
class Claimed:
    """A login this account has."""

    login: bytes
    realm: bytes
    context_bytes: bytes
    context: dict[str, Any]
    expires_at: int
    return_token: bytes | None
    return_url: str | None
    digits: int | None = None  # so many, in the browser, for the user to type here
    callback_url: str | None = None
    challenge: bytes | None = None  # an approval needs an attestation for it (section 9.4)
    factor_cb: bytes | None = None
    greatest_age: int | None = None  # in seconds; 0: the PIN after the claim

    @property
    def return_to(self) -> str | None:
        """The URL to open in the browser after a claim by link (section 5.2)."""
        if self.return_token is None or self.return_url is None:
            return None
        return f"{self.return_url}#cs_return={keys.b64(self.return_token)}"

    @property
    def hand_over(self) -> tuple[str, str] | None:
        """What an app that started this login gives its back end: login id and return token (section 5.2)."""
        if self.return_token is None:
            return None
        return str(uuid.UUID(bytes=self.login)), keys.b64(self.return_token)


class Connection(Session):
    """A connection authenticated as an account."""

    events = EVENTS

    def __init__(self, wire: Wire, account: Account, app_version: str | None = None) -> None:
        super().__init__(wire)
        self.account = account
        self.app_version = app_version
        self.realm_name = ""

    async def authenticate(self) -> None:
        """Section 5.1: sign for this channel."""
        server, jkt = self.account.server, self.account.jkt
        message = decision.channel_auth_message(server.role, server.server_id, self.wire.channel.h, jkt)
        await self.wire.send(frames.encode("auth-account", jkt=jkt, sig=keys.sign(self.account.key, message),
                                           app_version=self.app_version))
        answer = await self.wire.receive()
        if answer.name != "auth-ok" or answer["account"] != self.account.account_id:
            raise ProtocolError("not the answer to our authentication")
        self.account.state, self.realm_name = answer["state"], answer["realm_name"]

    def _event(self, frame: frames.Frame) -> None:
        if frame.name == "account-changed":
            self.account.state = frame["state"]

    async def claim(self, text: str, req_id: bytes | None = None) -> Claimed:
        """Claim by the text of a QR code or by a login link."""
        link = links.parse(text)
        if not isinstance(link, (links.QrCode, links.LoginLink)) or link.realm != self.account.server.server_id:
            raise ProtocolError("not a login of this account's realm")
        if isinstance(link, links.QrCode):
            answer = await self.command("claim-qr", "claimed", req_id, login=link.login, t=link.t, mac=link.mac)
        else:
            answer = await self.command("claim-link", "claimed", req_id, login=link.login, token=link.token)
        return self._claimed(answer)

    async def claim_offered(self, login: bytes, req_id: bytes | None = None) -> Claimed:
        """Claim what waits for this account: no code."""
        return self._claimed(await self.command("claim", "claimed", req_id, login=login))

    async def start_login(self, client: str, req_id: bytes | None = None) -> Claimed:
        """Start a login at a client, by the client's name in the realm."""
        claimed = self._claimed(await self.command("start-login", "claimed", req_id, client=client))
        if claimed.return_token is None or claimed.callback_url is None:
            raise ProtocolError("nothing to hand over")
        return claimed

    def _claimed(self, answer: frames.Frame) -> Claimed:
        context = frames.decode_context(answer["context"])
        if context["login"] != answer["login"] or context["realm"] != self.account.server.server_id:
            raise ProtocolError("the context is not this login's")
        return Claimed(answer["login"], context["realm"], answer["context"], context, answer["expires_at"],
                       *(answer.get(name) for name in ("return_token", "return_url", "digits", "callback_url",
                                                       "challenge", "factor_cb", "greatest_age")))

    def occasion(self, claimed: Claimed) -> factor.Occasion:
        """What the second factor must be attested for, to approve this login."""
        if claimed.challenge is None or claimed.factor_cb is None:
            raise ValueError("this login needs no second factor")
        return factor.Occasion(claimed.realm, claimed.challenge, claimed.factor_cb, self.account.jkt, "login",
                               claimed.context_bytes)

    async def _say(self, answer: decision.Answer, req_id: bytes | None, proof: factor.Proof | None = None) -> int:
        jws = decision.make(self.account.key, answer, self.wire.channel.cb, int(time.time()))
        fields = {} if proof is None else proof.fields()
        return int((await self.command("decide", "decided", req_id, login=answer.login, jws=jws, **fields))["state"])

    async def approve(self, claimed: Claimed, req_id: bytes | None = None, number: str | None = None,
                      proof: factor.Proof | None = None) -> int:
        """`number` is what the browser shows, when there are `digits`; `proof` for what is `occasion`. Returns the
        login's state."""
        answer = decision.Answer(claimed.login, claimed.realm, claimed.context_bytes, number=number,
                                 attestation=proof and proof.attestation)
        return await self._say(answer, req_id, proof)

    async def refuse(self, claimed: Claimed, reason: str = "declined", req_id: bytes | None = None) -> int:
        """`reason` is one of `decision.REASONS`. Returns the login's state."""
        return await self._say(decision.Answer(claimed.login, claimed.realm, claimed.context_bytes, reason), req_id)

    async def logout(self, login: bytes, req_id: bytes | None = None) -> None:
        await self.command("logout", "done", req_id, login=login)

    async def list_logins(self, req_id: bytes | None = None) -> list[dict[str, Any]]:
        """What is open or running."""
        return list((await self.command("list-logins", "logins", req_id))["logins"])

    async def logout_all(self, req_id: bytes | None = None) -> None:
        await self.command("logout-all", "done", req_id)

    async def list_devices(self, req_id: bytes | None = None) -> list[dict[str, Any]]:
        """The user's phones."""
        return list((await self.command("list-devices", "devices", req_id))["devices"])

    async def rename_device(self, account: bytes, name: str, req_id: bytes | None = None) -> None:
        await self.command("rename-device", "done", req_id, account=account, action=frames.RENAME, name=name)

    async def manage_device(self, account: bytes, action: int, req_id: bytes | None = None) -> None:
        """`action` is `frames.BLOCK`, `UNBLOCK` or `DELETE`."""
        await self.command("manage-device", "done", req_id, account=account, action=action)

    async def list_enrolments(self, req_id: bytes | None = None) -> list[dict[str, Any]]:
        """New phones of the user that wait for a word."""
        return list((await self.command("list-enrolments", "enrolments", req_id))["enrolments"])

    async def vouch(self, entry: dict[str, Any], number: str | None, req_id: bytes | None = None) -> None:
        """Let a listed new phone in with the number it shows, or turn it away with None."""
        word = decision.Vouch(entry["enrolment"], self.account.server.server_id, entry["jkt"], number)
        jws = decision.make(self.account.key, word, self.wire.channel.cb, int(time.time()))
        await self.command("decide-enrolment", "done", req_id, enrolment=entry["enrolment"], jws=jws)


class Phone:
    """A phone: an app on a device."""

    def __init__(self, app_id: str = "countersign.python", device_name: str = "Python",
                 app_version: str | None = None) -> None:
        self.app_id = app_id
        self.app_version = app_version
        self.device_name = device_name

    async def enrol(self, link: str | links.Link | Enrolment, prove: Prove | None = None) -> Account:
        """Enrol with a link, or again with an `Enrolment` whose answer was lost. `Account.number` is for the user.

        When the realm wishes a second factor, `prove` brings one (`sfs.Connection.prove`); without, none is sent.
        """
        if isinstance(link, str):
            link = links.parse(link)
        enrolment = Enrolment(link) if isinstance(link, links.EnrolLink) else link
        if not isinstance(enrolment, Enrolment):
            raise ProtocolError("not an enrolment link")
        given = enrolment.link
        server = Server(given.url, "ns", given.realm, given.root_pin, given.static_key, given.key_id, given.epoch)
        wire = await dial(server)
        try:
            return await self._enrol(wire, server, enrolment, prove)
        finally:
            await wire.close()

    async def _enrol(self, wire: Wire, server: Server, enrolment: Enrolment, prove: Prove | None) -> Account:
        await wire.send(frames.encode("auth-enrol", code=enrolment.link.code, app_version=self.app_version))
        offer = await wire.receive()
        if offer.name != "enrol-offer":
            raise ProtocolError("no enrol-offer")
        enrolment.offer = offer.values
        public = keys.public_bytes(enrolment.key)
        jkt = keys.thumbprint(public)
        message = decision.enrol_message(server.role, server.server_id, wire.channel.h, offer["challenge"], jkt)
        fields = {}
        if prove is not None and offer.get("factor_wish") is not None:
            occasion = factor.Occasion(server.server_id, offer["challenge"], wire.channel.cb, jkt, "enrol")
            proof = await prove(occasion, enrolment.factor)
            enrolment.factor, fields = proof.factor, proof.fields()
        await wire.send(frames.encode("enrol", req_id=enrolment.req_id, public_key=public,
                                      sig=keys.sign(enrolment.key, message), app_id=self.app_id,
                                      device_name=self.device_name, **fields))
        answer = await wire.receive()
        if answer.get("req_id") != enrolment.req_id:
            raise ProtocolError("an answer to nothing we asked")
        if answer.name == "refused":
            raise Refused(answer["code"], answer.get("retry_after"))
        if answer.name != "enrol-ok":
            raise ProtocolError("no enrol-ok")
        try:
            await wire.receive()
            raise ProtocolError("enrol-ok must be followed by goodbye")
        except (Goodbye, ConnectionEnded):
            pass  # goodbye 10; we have our answer either way
        return Account(server, enrolment.key, answer["account"], answer["state"], answer.get("number"),
                       enrolment.factor)

    async def connect(self, account: Account) -> Connection:
        """Connect and authenticate. `Goodbye` says why not."""
        connection = Connection(await dial(account.server), account, self.app_version)
        try:
            await connection.authenticate()
        except BaseException:
            await connection.close()
            raise
        return connection
