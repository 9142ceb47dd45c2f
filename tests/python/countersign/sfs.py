"""An asyncio phone for its SFS: a PIN that nobody else learns, and attestations of it (PROTOCOL.md section 9)."""
from __future__ import annotations

import os
import re
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from . import decision, factor, frames, keys, links, opaque
from .errors import ProtocolError, WrongPin
from .session import Session
from .wire import Server, Wire, dial

TRIES, LEAST_DIGITS, MOST_DIGITS = 5, 4, 12


class BadPin(ValueError):
    """A PIN that this phone does not set."""


@dataclass
class Device:
    """What a phone stores for its SFS."""

    server: Server
    key: keys.PrivateKey = field(default_factory=keys.generate)
    secret: bytes = field(default_factory=lambda: os.urandom(32))

    @classmethod
    def new(cls, link: str | links.SfsLink) -> Device:
        """A device that SFS has never seen, at the SFS of a `#s1.` link."""
        given = links.parse(link) if isinstance(link, str) else link
        if not isinstance(given, links.SfsLink):
            raise ProtocolError("not the link of an SFS")
        return cls(Server(given.url, "sfs", given.server_id, given.root_pin, given.static_key, given.key_id,
                          given.epoch))

    @property
    def public_key(self) -> bytes:
        return keys.public_bytes(self.key)


def password(secret: bytes, pin: str) -> bytes:
    """OPAQUE's password: the PIN bound to the device (section 9.2)."""
    info = b"countersign/pin/v1\0" + pin.encode("ascii")
    return HKDF(hashes.SHA256(), 32, None, info).derive(secret)


def opaque_context(cb: bytes) -> bytes:
    """The context of a check: this channel (section 9.2)."""
    return b"countersign/sfs-opaque/v1" + cb


def is_pin(pin: str) -> bool:
    """4 to 12 ASCII digits."""
    return re.fullmatch(f"[0-9]{{{LEAST_DIGITS},{MOST_DIGITS}}}", pin, re.ASCII) is not None


def check_new_pin(pin: str, least_digits: int) -> None:
    """Refuse what is no PIN, is too short, or would be tried first: one digit again and again, a row of digits."""
    if not is_pin(pin) or len(pin) < least_digits:
        raise BadPin(f"a PIN has {max(LEAST_DIGITS, least_digits)} to {MOST_DIGITS} digits")
    steps = {(int(b) - int(a)) % 10 for a, b in zip(pin, pin[1:])}
    if len(steps) == 1 and steps <= {0, 1, 9}:
        raise BadPin("anybody would try this first")


class Connection(Session):
    """A connection authenticated as a device."""

    def __init__(self, wire: Wire, device: Device, app_version: str | None = None) -> None:
        super().__init__(wire)
        self.device = device
        self.app_version = app_version
        self.state = self.tries_left = self.policy = self.least_digits = self.epoch = 0
        self.wait: int | None = None

    async def authenticate(self) -> None:
        """Section 9.1: sign for this channel."""
        server, public = self.device.server, self.device.public_key
        message = decision.channel_auth_message(server.role, server.server_id, self.wire.channel.h,
                                                keys.thumbprint(public))
        await self.wire.send(frames.encode("auth-device", sig=keys.sign(self.device.key, message), public_key=public,
                                           app_version=self.app_version))
        ready = await self.wire.receive()
        if ready.name != "sfs-ready":
            raise ProtocolError("not the answer to our authentication")
        self.state, self.tries_left, self.policy = ready["state"], ready["tries_left"], ready["policy"]
        self.least_digits, self.epoch, self.wait = ready["least_digits"], ready["epoch"], ready.get("wait")

    async def set_pin(self, pin: str) -> None:
        """Set the first PIN, or another one after `prove_pin`. It has to be proven before anything is attested."""
        check_new_pin(pin, self.least_digits)
        registration = opaque.Registration(password(self.device.secret, pin))
        offered = await self.command("set-pin", "pin-offered", request=registration.request)
        await self.command("store-pin", "done", record=registration.finish(offered["response"]))
        self.state, self.tries_left, self.wait = frames.SET, TRIES, None

    async def prove_pin(self, pin: str) -> None:
        """Take a try and prove the PIN. `WrongPin` when the phone itself finds that it is not the one."""
        if not is_pin(pin):
            raise ValueError("not a PIN")
        login = opaque.Login(password(self.device.secret, pin), opaque_context(self.wire.channel.cb))
        evaluated = await self.command("try-pin", "pin-evaluated", ke1=login.ke1)
        self.tries_left = evaluated["tries_left"]
        try:
            ke3 = login.finish(evaluated["ke2"])
        except opaque.WrongPassword:
            raise WrongPin(self.tries_left) from None
        await self.command("prove-pin", "done", ke3=ke3)
        self.tries_left, self.wait = TRIES, None

    async def change(self, old: str, new: str) -> None:
        """Prove the old PIN, set the new one."""
        check_new_pin(new, self.least_digits)
        await self.prove_pin(old)
        await self.set_pin(new)

    async def attest(self, ctx: bytes, factor_id: bytes | None = None) -> frames.Frame:
        """Have a context attested, for this factor or a new one."""
        attested = await self.command("attest", "attested", factor=factor_id, ctx=ctx)
        if factor_id not in (None, attested["factor"]):
            raise ProtocolError("another factor than asked for")
        return attested

    async def prove(self, occasion: factor.Occasion, factor_id: bytes | None = None) -> factor.Proof:
        """What NS wants to see at this occasion, after `prove_pin`. `Phone.enrol` takes this as its `prove`."""
        r = factor.fresh_r()
        attested = await self.attest(occasion.ctx(r), factor_id)
        return factor.Proof(attested["factor"], attested["attestation"], attested["key_list"], r)

    async def forget(self) -> None:
        """Delete the PIN and all factors."""
        await self.command("forget-pin", "done")
        self.state = frames.NONE


async def connect(device: Device, app_version: str | None = None) -> Connection:
    """Connect and authenticate. `Goodbye` says why not."""
    connection = Connection(await dial(device.server), device, app_version)
    try:
        await connection.authenticate()
    except BaseException:
        await connection.close()
        raise
    return connection
