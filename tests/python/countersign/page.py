"""A tiny page-socket client (API.md, The page socket)."""
from __future__ import annotations

import asyncio
import json
from typing import Any, AsyncIterator

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed


class Page:
    """`async for event in page` yields the events as dictionaries until the socket closes."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.close_code: int | None = None

    @classmethod
    async def open(cls, page_url: str, page_token: str, after: int = 0) -> Page:
        """Connect and send the page's first message."""
        socket = await connect(page_url, compression=None, max_size=4096, ping_interval=None, proxy=None,
                               close_timeout=5)
        await socket.send(json.dumps({"page_token": page_token, "after": after}))
        return cls(socket)

    async def next(self, timeout: float | None = 10) -> dict[str, Any]:
        """The next event; `StopAsyncIteration` when the socket has closed."""
        try:
            message = await asyncio.wait_for(self._socket.recv(), timeout)
        except ConnectionClosed as error:
            self.close_code = error.rcvd.code if error.rcvd else None
            raise StopAsyncIteration from None
        event = json.loads(message)
        if not isinstance(event, dict):
            raise ValueError("not an event")
        return event

    async def wait_for(self, type_: str, **members: Any) -> dict[str, Any]:
        """Skip events until one of this type with these members."""
        while True:
            event = await self.next()
            if event.get("type") == type_ and all(event.get(name) == value for name, value in members.items()):
                return event

    async def cancel(self) -> None:
        await self._socket.send(json.dumps({"type": "cancel"}))

    async def close(self) -> None:
        await self._socket.close()

    def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        return self

    async def __anext__(self) -> dict[str, Any]:
        return await self.next(timeout=None)
