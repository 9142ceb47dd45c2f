"""The maps inside DATA (PROTOCOL.md section 5, docs/protocol.cddl): a table, an encoder, a strict decoder."""
from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Callable

from . import cbor
from .errors import ProtocolError

Check = Callable[[Any], bool]


def _bytes(size: int) -> Check:
    return lambda value: isinstance(value, bytes) and len(value) == size


def _number(low: int, high: int) -> Check:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _text(low: int, high: int) -> Check:
    return lambda value: isinstance(value, str) and low <= len(value.encode()) <= high


def _matches(pattern: str) -> Check:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value, re.ASCII) is not None


ID = REQ = MAC = TOKEN = CODE = _bytes(16)
B32, SIG, PUBLIC, KEY_ID = _bytes(32), _bytes(64), _bytes(65), _bytes(8)
UINT = TIME = _number(0, (1 << 64) - 1)
TEXT, NAME, JWS, URL = _text(0, 32766), _text(1, 100), _text(1, 2048), _text(1, 500)
QR_TIME = _number(0, (1 << 32) - 1)
ACCOUNT_STATE, LOGIN_STATE, REFUSAL, CLOSE_CODE = _number(1, 4), _number(1, 7), _number(1, 24), _number(1, 13)
NUMBER, CLIENT_NAME = _matches("[0-9]{4}"), _matches("[a-z][a-z0-9-]{0,99}")
APP_VERSION = _matches("[0-9]{1,9}([.][0-9]{1,9}){0,5}")  # another text counts as none: not ours to send
RENAME, BLOCK, UNBLOCK, DELETE = 1, 2, 3, 4  # what manage-device does
OPTIONAL, REQUIRED = 1, 2  # factor wishes
NONE, SET, LOCKED, WIPED = 1, 2, 3, 4  # PIN states
LOCK, WIPE, PSD2 = 1, 2, 3  # PIN policies
FACTOR_WISH, PIN_STATE, PIN_POLICY = _number(OPTIONAL, REQUIRED), _number(NONE, WIPED), _number(LOCK, PSD2)
Fields = dict[int, tuple[str, Check]]  # a name ending in "?" is optional


def read_map(pairs: dict[int, cbor.Value], fields: Fields) -> dict[str, Any]:
    """Name the values of a map; unknown keys below 128 are refused, others skipped (section 5)."""
    unknown = [key for key in pairs if key not in fields and key < 128]
    if unknown:
        raise ProtocolError(f"unknown critical keys {unknown}")
    values: dict[str, Any] = {}
    for key, (name, check) in fields.items():
        if key not in pairs:
            if not name.endswith("?"):
                raise ProtocolError(f"{name} is missing")
            continue
        if not check(pairs[key]):
            raise ProtocolError(f"{name} has the wrong form")
        values[name.rstrip("?")] = pairs[key]
    return values


def write_map(values: dict[str, Any], fields: Fields) -> dict[int, cbor.Value]:
    """The reverse of `read_map`."""
    keys = {name.rstrip("?"): key for key, (name, _check) in fields.items()}
    pairs: dict[int, cbor.Value] = {keys[name]: value for name, value in values.items() if value is not None}
    read_map(pairs, fields)
    return pairs


LOGIN_ENTRY: Fields = {1: ("login", ID), 2: ("state", LOGIN_STATE), 3: ("client_name", TEXT), 4: ("since", TIME)}
DEVICE: Fields = {1: ("account", ID), 2: ("name", NAME), 3: ("app", NAME), 4: ("state", ACCOUNT_STATE),
                  5: ("since", TIME)}
ENROLMENT_ENTRY: Fields = {1: ("enrolment", ID), 2: ("name", NAME), 3: ("app", NAME), 4: ("since", TIME),
                           5: ("jkt", B32)}
WELCOME: Fields = {1: ("server_time", TIME), 2: ("max_outer", UINT), 3: ("ping_after", UINT)}
CONTEXT: Fields = {
    1: ("login", ID), 2: ("realm", ID), 3: ("realm_name", TEXT), 4: ("client_name", TEXT), 5: ("created_at", TIME),
    6: ("text?", TEXT), 7: ("browser?", TEXT), 8: ("place?", TEXT),
}


def _entries(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


# name → (frame type, fields). `auth-…`, `claim` and `manage-device` have several shapes; see `_shape`.
FRAMES: dict[str, tuple[int, Fields]] = {
    "auth-account": (1, {1: ("kind", _number(1, 1)), 2: ("jkt", B32), 3: ("sig", SIG),
                         5: ("app_version?", APP_VERSION)}),
    "auth-enrol": (1, {1: ("kind", _number(2, 2)), 4: ("code", CODE), 5: ("app_version?", APP_VERSION)}),
    "auth-device": (1, {1: ("kind", _number(3, 3)), 3: ("sig", SIG), 5: ("app_version?", APP_VERSION),
                        6: ("public_key", PUBLIC)}),
    "enrol": (2, {1: ("req_id", REQ), 2: ("public_key", PUBLIC), 3: ("sig", SIG), 4: ("app_id", NAME),
                  5: ("device_name", NAME), 6: ("attestation?", JWS), 7: ("key_list?", JWS), 8: ("r?", B32)}),
    "ping": (3, {1: ("nonce", UINT)}),
    "claim-qr": (4, {1: ("req_id", REQ), 2: ("login", ID), 3: ("t", QR_TIME), 4: ("mac", MAC)}),
    "claim-link": (4, {1: ("req_id", REQ), 2: ("login", ID), 5: ("token", TOKEN)}),
    "claim": (4, {1: ("req_id", REQ), 2: ("login", ID)}),
    "decide": (5, {1: ("req_id", REQ), 2: ("login", ID), 3: ("jws", JWS), 4: ("attestation?", JWS),
                   5: ("key_list?", JWS), 6: ("r?", B32)}),
    "logout": (6, {1: ("req_id", REQ), 2: ("login", ID)}),
    "list-logins": (7, {1: ("req_id", REQ)}),
    "start-login": (8, {1: ("req_id", REQ), 2: ("client", CLIENT_NAME)}),
    "logout-all": (9, {1: ("req_id", REQ)}),
    "list-devices": (10, {1: ("req_id", REQ)}),
    "rename-device": (11, {1: ("req_id", REQ), 2: ("account", ID), 3: ("action", _number(RENAME, RENAME)),
                           4: ("name", NAME)}),
    "manage-device": (11, {1: ("req_id", REQ), 2: ("account", ID), 3: ("action", _number(BLOCK, DELETE))}),
    "list-enrolments": (12, {1: ("req_id", REQ)}),
    "decide-enrolment": (13, {1: ("req_id", REQ), 2: ("enrolment", ID), 3: ("jws", JWS)}),
    "set-pin": (16, {1: ("req_id", REQ), 2: ("request", B32)}),
    "store-pin": (17, {1: ("req_id", REQ), 2: ("record", _bytes(192))}),
    "try-pin": (18, {1: ("req_id", REQ), 2: ("ke1", _bytes(96))}),
    "prove-pin": (19, {1: ("req_id", REQ), 2: ("ke3", _bytes(64))}),
    "attest": (20, {1: ("req_id", REQ), 2: ("factor?", ID), 3: ("ctx", B32)}),
    "forget-pin": (21, {1: ("req_id", REQ)}),
    "auth-ok": (64, {1: ("account", ID), 2: ("state", ACCOUNT_STATE), 3: ("realm_name", TEXT), 4: ("epoch", UINT)}),
    "enrol-offer": (65, {1: ("challenge", B32), 2: ("realm_name", TEXT), 3: ("client_name", TEXT),
                         4: ("user", TEXT), 5: ("factor_wish?", FACTOR_WISH), 6: ("account?", ID)}),
    "enrol-ok": (66, {1: ("req_id", REQ), 2: ("account", ID), 3: ("state", ACCOUNT_STATE), 4: ("number?", NUMBER)}),
    "refused": (67, {1: ("req_id", REQ), 2: ("code", REFUSAL), 3: ("retry_after?", UINT)}),
    "pong": (68, {1: ("nonce", UINT), 2: ("server_time", TIME)}),
    "claimed": (69, {1: ("req_id", REQ), 2: ("login", ID), 3: ("context", lambda v: isinstance(v, bytes)),
                     4: ("expires_at", TIME), 5: ("return_token?", TOKEN), 6: ("return_url?", URL),
                     7: ("digits?", UINT), 8: ("callback_url?", URL), 9: ("challenge?", B32),
                     10: ("factor_cb?", B32), 11: ("greatest_age?", UINT), 12: ("factor?", ID)}),
    "decided": (70, {1: ("req_id", REQ), 2: ("login", ID), 3: ("state", LOGIN_STATE)}),
    "done": (71, {1: ("req_id", REQ)}),
    "logins": (72, {1: ("req_id", REQ), 2: ("logins", _entries)}),
    "devices": (73, {1: ("req_id", REQ), 2: ("devices", _entries)}),
    "enrolments": (74, {1: ("req_id", REQ), 2: ("enrolments", _entries)}),
    "login-changed": (80, {1: ("login", ID), 2: ("state", LOGIN_STATE), 3: ("v", UINT)}),
    "account-changed": (81, {1: ("state", ACCOUNT_STATE)}),
    "goodbye": (82, {1: ("code", CLOSE_CODE)}),
    "login-offered": (83, {1: ("login", ID), 2: ("client_name", NAME), 3: ("expires_at", TIME)}),
    "enrolment-waiting": (84, {1: ("enrolment", ID), 2: ("name", NAME)}),
    "device-changed": (85, DEVICE),
    "sfs-ready": (96, {1: ("state", PIN_STATE), 2: ("tries_left", UINT), 3: ("policy", PIN_POLICY),
                       4: ("least_digits", UINT), 5: ("epoch", UINT), 6: ("wait?", UINT)}),
    "pin-offered": (97, {1: ("req_id", REQ), 2: ("response", _bytes(64))}),
    "pin-evaluated": (98, {1: ("req_id", REQ), 2: ("ke2", _bytes(320)), 3: ("tries_left", UINT)}),
    "attested": (99, {1: ("req_id", REQ), 2: ("factor", ID), 3: ("attestation", JWS), 4: ("key_list", JWS)}),
}
# Optional fields that come together or not at all.
_PROOF = ("attestation", "key_list", "r")
TOGETHER: dict[str, tuple[str, ...]] = {"enrol": _PROOF, "decide": _PROOF,
                                        "claimed": ("challenge", "factor_cb", "greatest_age", "factor")}
_KINDS = {"auth-account": 1, "auth-enrol": 2, "auth-device": 3}
_LISTS = {"logins": LOGIN_ENTRY, "devices": DEVICE, "enrolments": ENROLMENT_ENTRY}
_BY_TYPE = {kind: name for name, (kind, _fields) in FRAMES.items()}


@dataclass(frozen=True)
class Frame:
    """A decoded frame: its name in protocol.cddl and its values by name."""

    name: str
    values: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def get(self, name: str) -> Any:
        return self.values.get(name)


def _check_together(name: str, values: dict[str, Any]) -> None:
    group = TOGETHER.get(name, ())
    if len({member in values for member in group}) > 1:
        raise ProtocolError(f"only some of {', '.join(group)}")


def encode(name: str, /, **values: Any) -> bytes:
    """Encode the frame `name`; `None` leaves an optional field out."""
    kind, fields = FRAMES[name]
    if name in _KINDS:
        values["kind"] = _KINDS[name]
    _check_together(name, {key: value for key, value in values.items() if value is not None})
    if name in _LISTS:
        values[name] = [write_map(entry, _LISTS[name]) for entry in values[name]]
    pairs: dict[int, cbor.Value] = {0: kind}
    return cbor.encode(pairs | write_map(values, fields))


def _shape(kind: int, pairs: dict[int, cbor.Value]) -> str:
    if kind == 1:
        return "auth-enrol" if pairs.get(1) == 2 else "auth-device" if pairs.get(1) == 3 else "auth-account"
    if kind == 4:
        return "claim-link" if 5 in pairs else "claim-qr" if 3 in pairs or 4 in pairs else "claim"
    if kind == 11:
        return "rename-device" if pairs.get(3) == RENAME else "manage-device"
    try:
        return _BY_TYPE[kind]
    except KeyError:
        raise ProtocolError(f"unknown frame type {kind}") from None


def decode(content: bytes) -> Frame:
    """Decode one frame, strictly."""
    pairs = cbor.decode_map(content)
    kind = pairs.pop(0, None)
    if not isinstance(kind, int) or isinstance(kind, bool):
        raise ProtocolError("no frame type")
    name = _shape(kind, pairs)
    values = read_map(pairs, FRAMES[name][1])
    _check_together(name, values)
    if name in _LISTS:
        values[name] = [read_map(entry, _LISTS[name]) for entry in values[name]]
    return Frame(name, values)


def decode_context(data: bytes) -> dict[str, Any]:
    """The context of a claimed login, section 5.2."""
    return read_map(cbor.decode_map(data), CONTEXT)


def decode_welcome(data: bytes) -> dict[str, Any]:
    """The payload of HELLO_OK, section 4."""
    return read_map(cbor.decode_map(data), WELCOME)
