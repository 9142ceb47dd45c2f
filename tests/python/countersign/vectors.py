"""`python -m countersign.vectors OUTDIR` writes python-{channel,formats,forms}.json (docs/vectors/README.md).

The vectors of PROTOCOL.md sections 4 (conversations), 5.1, 5.2, 6 and 7 (formats), 5.2 to 5.5 (forms).
"""
from __future__ import annotations

import hashlib
import json
import os
import sys
import uuid
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from . import cbor, channel, decision, frames, keys, links, noise, statement

NOW = 1_790_000_000
COMMENT = "written by the Python client from the documents alone; "


class _Recorder(noise.MlKemResponder):
    """Encapsulates for real and remembers what came out."""

    ciphertext = shared_secret = b""

    def encapsulate(self, encapsulation_key: bytes) -> tuple[bytes, bytes]:
        self.ciphertext, self.shared_secret = super().encapsulate(encapsulation_key)
        return self.ciphertext, self.shared_secret


def _contents() -> list[bytes]:
    """Phone, server, phone, …; the last fills a bucket exactly."""
    login = os.urandom(16)
    logins: list[cbor.Value] = [{1: login, 2: 3, 3: "Büro", 4: NOW}]
    filler = cbor.encode({0: 71, 1: os.urandom(16), 128: bytes(1022 - 27)})
    assert len(filler) == 1022
    return [
        frames.encode("auth-account", jkt=os.urandom(32), sig=os.urandom(64)),
        frames.encode("auth-ok", account=os.urandom(16), state=2, realm_name="Example", epoch=1),
        frames.encode("list-logins", req_id=os.urandom(16)),
        cbor.encode({0: 72, 1: os.urandom(16), 2: logins}),
        frames.encode("logout", req_id=os.urandom(16), login=login),
        filler,
    ]


def conversation(role: str) -> dict[str, Any]:
    """One complete conversation with everything needed to replay it."""
    static, e_phone, e_server = (X25519PrivateKey.generate() for _ in range(3))
    public, server_id, seed, kem = static.public_key().public_bytes_raw(), os.urandom(16), os.urandom(64), _Recorder()
    key_id = keys.key_id(public)
    prologue = noise.prologue(role, server_id, key_id)
    initiator_kem = noise.MlKemInitiator(seed)
    initiator = noise.Initiator(prologue, public, e_phone, initiator_kem)
    responder = noise.Responder(prologue, static, e_server, kem)
    message_1 = initiator.write_message_1()
    responder.read_message_1(message_1)
    welcome = cbor.encode(frames.write_map({"server_time": NOW, "max_outer": channel.MAX_OUTER, "ping_after": 240},
                                           frames.WELCOME))
    message_2, server_transport = responder.write_message_2(welcome)
    _payload, phone_transport = initiator.read_message_2(message_2)
    phone, server = channel.Channel(phone_transport), channel.Channel(server_transport)
    messages = []
    for index, content in enumerate(_contents()):
        name, side = (("phone", phone), ("server", server))[index % 2]
        messages.append({"content": content.hex(), "from": name, "sealed": side.seal(content).hex()})
    return {
        "cb": phone.cb.hex(), "ciphertext": kem.ciphertext.hex(),
        "client_ephemeral_private": e_phone.private_bytes_raw().hex(),
        "comment": COMMENT + "the last content fills the third padding bucket",
        "encapsulation_key": initiator_kem.encapsulation_key.hex(), "h": phone.h.hex(),
        "hello": channel.outer(channel.HELLO, key_id + message_1).hex(),
        "hello_ok": channel.outer(channel.HELLO_OK, message_2).hex(), "kem_seed": seed.hex(),
        "key_id": key_id.hex(), "messages": messages, "prologue": prologue.hex(), "role": role,
        "server_ephemeral_private": e_server.private_bytes_raw().hex(), "server_id": server_id.hex(),
        "server_static_private": static.private_bytes_raw().hex(), "server_static_public": public.hex(),
        "shared_secret": kem.shared_secret.hex(), "welcome": welcome.hex(),
    }


def _retry(root: keys.PrivateKey, role: str, server_id: bytes) -> dict[str, Any]:
    static = X25519PrivateKey.generate().public_key().public_bytes_raw()
    made = statement.KeyStatement(role, server_id, static, keys.key_id(static), 3, NOW, NOW + 86400, 1, 1,
                                  keys.public_bytes(root))
    return {
        "epoch_held": 2, "root_pin": hashlib.sha256(keys.public_bytes(root)).hexdigest(),
        "statement": statement.sign(root, made).hex(), "static_key": static.hex(), "verify_at": NOW + 100,
    }


def _decision(key: keys.PrivateKey, realm: bytes, login: bytes, h: bytes) -> dict[str, Any]:
    context = cbor.encode(frames.write_map(
        {"login": login, "realm": realm, "realm_name": "Example", "client_name": "Shop", "created_at": NOW,
         "text": "Log in to the shop", "browser": "Firefox on Linux", "place": "Zürich"}, frames.CONTEXT))
    cb = channel.channel_binding(h)
    return {
        "cb": cb.hex(), "context": context.hex(), "ctx": decision.context_hash(context).hex(),
        "jws": decision.make(key, decision.Answer(login, realm, context), cb, NOW + 9),
        "login": str(uuid.UUID(bytes=login)), "realm": str(uuid.UUID(bytes=realm)),
    }


def formats() -> dict[str, Any]:
    """One example of each signed or encoded thing."""
    role, realm, login, base = "ns", os.urandom(16), os.urandom(16), "https://id.example/app"
    key, root = keys.generate(), keys.generate()
    public, h, challenge, qr_key = keys.public_bytes(key), os.urandom(32), os.urandom(32), os.urandom(32)
    jkt = keys.thumbprint(public)
    auth = decision.channel_auth_message(role, realm, h, jkt)
    enrol = decision.enrol_message(role, realm, h, challenge, jkt)
    static = X25519PrivateKey.generate().public_key().public_bytes_raw()
    retry = _retry(root, role, realm)
    link = links.EnrolLink("wss://ns.example/ns/sigmai", realm, bytes.fromhex(retry["root_pin"]), static,
                           keys.key_id(static), 2, os.urandom(16))
    qr = links.QrCode(realm, login, NOW + 3, links.qr_mac(qr_key, realm, login, NOW + 3))
    login_link = links.LoginLink(realm, login, os.urandom(16))
    claim = frames.encode("claim-qr", req_id=os.urandom(16), login=login, t=qr.t, mac=qr.mac)
    return {
        "account_public_key": public.hex(), "challenge": challenge.hex(),
        "channel_auth": {"message": auth.hex(), "signature": keys.sign(key, auth).hex()},
        "comment": COMMENT + "hex unless it is a URL or a JWS",
        "decision": _decision(key, realm, login, h),
        "enrol": {"message": enrol.hex(), "signature": keys.sign(key, enrol).hex()},
        "enrol_link": {"code": link.code.hex(), "url": links.text(base, link)},
        "frames": {"claim": claim.hex(), "ping_7": frames.encode("ping", nonce=7).hex()},
        "h": h.hex(), "jkt": jkt.hex(), "jkt_base64url": keys.b64(jkt),
        "login_link": {"token": login_link.token.hex(), "url": links.text(base, login_link)},
        "qr": {"key": qr_key.hex(), "mac": qr.mac.hex(), "t": qr.t, "url": links.text(base, qr)},
        "retry": retry, "role": role, "server_id": realm.hex(),
    }


def _form_frames(jws: str, jkt: bytes) -> list[tuple[str, dict[str, Any]]]:
    """Every frame that came after the first logins, once in each shape."""
    req, one, other = os.urandom(16), os.urandom(16), os.urandom(16)
    context = cbor.encode(frames.write_map({"login": one, "realm": other, "realm_name": "Example",
                                            "client_name": "Shop", "created_at": NOW}, frames.CONTEXT))
    device = {"account": one, "name": "Ada’s phone", "app": "com.example.app", "state": 3, "since": NOW}
    waiting = {"enrolment": one, "name": "Ada’s phone", "app": "com.example.app", "since": NOW, "jkt": jkt}
    return [
        ("auth-account", {"jkt": jkt, "sig": os.urandom(64), "app_version": "2.10.1"}),
        ("auth-enrol", {"code": os.urandom(16), "app_version": "7"}),
        ("claim", {"req_id": req, "login": one}), ("start-login", {"req_id": req, "client": "shop-2"}),
        ("logout-all", {"req_id": req}), ("list-devices", {"req_id": req}),
        ("rename-device", {"req_id": req, "account": one, "action": frames.RENAME, "name": "Ada’s phone"}),
        ("manage-device", {"req_id": req, "account": one, "action": frames.DELETE}),
        ("list-enrolments", {"req_id": req}), ("decide-enrolment", {"req_id": req, "enrolment": one, "jws": jws}),
        ("claimed", {"req_id": req, "login": one, "context": context, "expires_at": NOW + 120, "digits": 2}),
        ("claimed", {"req_id": req, "login": one, "context": context, "expires_at": NOW + 120,
                     "return_token": other, "callback_url": "https://shop.example/app"}),
        ("devices", {"req_id": req, "devices": [device, device | {"state": 2}]}),
        ("enrolments", {"req_id": req, "enrolments": [waiting]}),
        ("login-offered", {"login": one, "client_name": "Shop", "expires_at": NOW + 120}),
        ("enrolment-waiting", {"enrolment": one, "name": "Ada’s phone"}), ("device-changed", device),
        ("refused", {"req_id": req, "code": 17}), ("goodbye", {"code": 13}),
    ]


def _plain(value: Any) -> Any:
    """Values as JSON has them: bytes in hex."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return value.hex() if isinstance(value, bytes) else value


def forms() -> dict[str, Any]:
    """A decision with a number, a vouch, and the frames of directed and started logins and of the user's phones."""
    key, realm, login, enrolment = keys.generate(), os.urandom(16), os.urandom(16), os.urandom(16)
    context, cb, new = os.urandom(100), os.urandom(32), keys.thumbprint(keys.public_bytes(keys.generate()))
    number = decision.make(key, decision.Answer(login, realm, context, number="07"), cb, NOW)
    word, no = (decision.Vouch(enrolment, realm, new, number) for number in ("0042", None))
    vouch, refusal = (decision.make(key, said, cb, NOW) for said in (word, no))
    return {
        "account_public_key": keys.public_bytes(key).hex(), "cb": cb.hex(),
        "comment": COMMENT + "hex unless it is a text, a number or a JWS", "context": context.hex(),
        "decision_with_number": {"jws": number, "number": "07"}, "enrolment": enrolment.hex(),
        "frames": [{"bytes": frames.encode(name, **values).hex(), "name": name, "values": _plain(values)}
                   for name, values in _form_frames(vouch, new)],
        "login": login.hex(), "new_phone_jkt": new.hex(), "realm": realm.hex(),
        "vouch": {"jws": vouch, "number": "0042"}, "vouch_refusal": {"jws": refusal},
    }


def main() -> None:
    """Write all files."""
    out = Path(sys.argv[1])
    for name, value in (("channel", [conversation("ns"), conversation("mc")]), ("formats", formats()),
                        ("forms", forms())):
        (out / f"python-{name}.json").write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
