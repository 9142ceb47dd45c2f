"""The WebSocket (PROTOCOL.md section 2) and the handshake over it (sections 3, 4 and 7)."""
from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from . import channel, frames, links, noise, statement
from .errors import ConnectionEnded, Goodbye, ProtocolError

SUBPROTOCOL = Subprotocol("countersign.sigmai.v1")


@dataclass
class Server:
    """What a phone stores about a server (section 1)."""

    url: str
    role: str
    server_id: bytes
    root_pin: bytes
    static_key: bytes
    key_id: bytes
    epoch: int


class NeedsRetry(Exception):
    """The server answered HELLO with RETRY."""

    def __init__(self, body: bytes) -> None:
        super().__init__("RETRY")
        self.body = body


async def open_socket(url: str) -> ClientConnection:
    """A WebSocket as section 2 wants it: our subprotocol, no extensions, binary messages up to 32,786 bytes."""
    links.check_socket_url(url)
    socket = await connect(url, subprotocols=[SUBPROTOCOL], compression=None, max_size=channel.MAX_OUTER,
                           ping_interval=None, proxy=None, open_timeout=10, close_timeout=5)
    if socket.subprotocol != SUBPROTOCOL:
        await socket.close()
        raise ProtocolError("the server does not speak our subprotocol")
    return socket


async def receive_outer(socket: ClientConnection, timeout: float | None) -> tuple[int, bytes, bytes]:
    """One outer frame: type, body, whole message. A CLOSE or the socket's end raises `ConnectionEnded`."""
    try:
        message = await asyncio.wait_for(socket.recv(), timeout)
    except ConnectionClosed as error:
        raise ConnectionEnded(websocket_code=error.rcvd.code if error.rcvd else None) from error
    if isinstance(message, str):
        raise ProtocolError("a text message")
    kind, body = channel.parse_outer(message)
    if kind == channel.CLOSE:
        raise ConnectionEnded(hint=int.from_bytes(body, "big"))
    return kind, body, message


@dataclass
class Wire:
    """An encrypted connection: frames in, frames out."""

    socket: ClientConnection
    channel: channel.Channel
    welcome: dict[str, Any] = field(default_factory=dict)

    async def send(self, content: bytes) -> None:
        """Seal and send one frame."""
        try:
            await self.socket.send(self.channel.seal(content))
        except ConnectionClosed as error:
            # What the server said last may still wait to be read; the next receive tells.
            if not error.rcvd:
                raise ConnectionEnded() from error

    async def receive(self, timeout: float | None = 10) -> frames.Frame:
        """The next frame; `goodbye` is raised as `Goodbye`."""
        kind, _body, message = await receive_outer(self.socket, timeout)
        if kind != channel.DATA:
            raise ProtocolError("a frame out of turn")
        frame = frames.decode(self.channel.open(message))
        if frame.name == "goodbye":
            raise Goodbye(frame["code"])
        return frame

    async def close(self) -> None:
        await self.socket.close()


def hello(server: Server) -> tuple[noise.Initiator, bytes]:
    """A handshake and its HELLO."""
    initiator = noise.Initiator(noise.prologue(server.role, server.server_id, server.key_id), server.static_key)
    return initiator, channel.outer(channel.HELLO, server.key_id + initiator.write_message_1())


def finish(initiator: noise.Initiator, body: bytes) -> tuple[channel.Channel, dict[str, Any]]:
    """Read HELLO_OK's body: the channel and the welcome."""
    payload, transport = initiator.read_message_2(body)
    welcome = frames.decode_welcome(payload)
    return channel.Channel(transport, welcome["max_outer"]), welcome


async def _attempt(server: Server, timeout: float) -> Wire:
    socket = await open_socket(server.url)
    try:
        initiator, message = hello(server)
        await socket.send(message)
        kind, body, _message = await receive_outer(socket, timeout)
        if kind == channel.RETRY:
            raise NeedsRetry(body)
        if kind != channel.HELLO_OK:
            raise ProtocolError("HELLO was not answered by HELLO_OK")
        established, welcome = finish(initiator, body)
        return Wire(socket, established, welcome)
    except ConnectionClosed as error:
        raise ConnectionEnded(websocket_code=error.rcvd.code if error.rcvd else None) from error
    except BaseException:
        await socket.close()
        raise


async def dial(server: Server, timeout: float = 10) -> Wire:
    """Connect and shake hands; follow one RETRY, and store its key only when the new handshake has completed."""
    try:
        return await _attempt(server, timeout)
    except NeedsRetry as retry:
        expected = statement.Expected(server.root_pin, server.role, server.server_id, server.epoch)
        new = statement.verify(retry.body, expected, int(time.time()))
    renewed = Server(server.url, server.role, server.server_id, server.root_pin, new.static_key, new.key_id, new.epoch)
    try:
        wire = await _attempt(renewed, timeout)
    except NeedsRetry as again:
        raise ProtocolError("a second RETRY in one attempt") from again
    server.static_key, server.key_id, server.epoch = new.static_key, new.key_id, new.epoch
    return wire
