"""Commands and their answers over an encrypted connection (PROTOCOL.md section 5.2), to any service.

One task uses a connection at a time: a command reads until its answer and keeps the events that arrive in between
for `next_event`.
"""
from __future__ import annotations

import os
import secrets
from collections import deque
from typing import Any

from . import frames
from .errors import ProtocolError, Refused
from .wire import Wire


class Session:
    """A connection on which commands are sent."""

    events: tuple[str, ...] = ()  # what may arrive unasked

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._events: deque[frames.Frame] = deque()

    async def command(self, frame: str, wanted: str, req_id: bytes | None = None, **values: Any) -> frames.Frame:
        """Send a command and wait for its answer; pass `req_id` again to repeat one whose answer was lost."""
        req_id = req_id or os.urandom(16)
        await self.wire.send(frames.encode(frame, req_id=req_id, **values))
        answer = await self._answer(wanted, "req_id", req_id)
        if "login" in values and answer.get("login") not in (None, values["login"]):
            raise ProtocolError("the answer names another login")
        return answer

    async def _answer(self, wanted: str, by: str, value: Any) -> frames.Frame:
        while True:
            frame = await self.wire.receive()
            if frame.name in self.events:
                self._event(frame)
                self._events.append(frame)
            elif frame.get(by) != value:
                raise ProtocolError("an answer to nothing we asked")
            elif frame.name == "refused":
                raise Refused(frame["code"], frame.get("retry_after"))
            elif frame.name == wanted:
                return frame
            else:
                raise ProtocolError(f"{frame.name} instead of {wanted}")

    def _event(self, frame: frames.Frame) -> None:
        """What an event changes here."""

    async def next_event(self, timeout: float | None = 10) -> frames.Frame:
        """The next event; `Goodbye` and `ConnectionEnded` are raised."""
        if self._events:
            return self._events.popleft()
        frame = await self.wire.receive(timeout)
        if frame.name not in self.events:
            raise ProtocolError("an answer nobody asked for")
        self._event(frame)
        return frame

    async def ping(self) -> int:
        """Section 5.2: still here. Returns the server's time."""
        nonce = secrets.randbits(32)
        await self.wire.send(frames.encode("ping", nonce=nonce))
        return int((await self._answer("pong", "nonce", nonce))["server_time"])

    async def close(self) -> None:
        await self.wire.close()
