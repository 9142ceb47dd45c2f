"""The ways in which a conversation can fail."""
from __future__ import annotations

REFUSALS = {
    1: "not_allowed", 2: "unknown_login", 3: "stale_qr", 4: "bad_capability", 5: "already_claimed",
    6: "already_decided", 7: "expired", 8: "cancelled", 9: "wrong_user", 10: "account_pending",
    11: "account_blocked", 12: "account_deleted", 13: "bad_decision", 14: "bad_enrolment",
    15: "rate_limited", 16: "unavailable", 17: "wrong_number", 18: "wrong_pin", 19: "pin_locked", 20: "no_pin",
    21: "pin_not_proven", 22: "unknown_factor", 23: "second_factor_needed", 24: "bad_attestation",
}  # section 5.4
CLOSES = {
    1: "protocol", 2: "auth_failed", 3: "timeout", 4: "displaced", 5: "blocked", 6: "deleted",
    7: "draining", 8: "too_slow", 9: "busy", 10: "done", 11: "rekey", 12: "internal",
    13: "update_required",
}  # section 5.4


class ProtocolError(Exception):
    """Bytes that break PROTOCOL.md."""


class Refused(Exception):
    """The server answered a command with `refused` (section 5.4)."""

    def __init__(self, code: int, retry_after: int | None = None) -> None:
        super().__init__(f"refused {code} {REFUSALS.get(code, '?')}")
        self.code = code
        self.retry_after = retry_after


class Goodbye(Exception):
    """The authentic end of a connection (section 5.3)."""

    def __init__(self, code: int) -> None:
        super().__init__(f"goodbye {code} {CLOSES.get(code, '?')}")
        self.code = code


class ConnectionEnded(Exception):
    """The connection ended without `goodbye`; `hint` is an unauthenticated CLOSE code (section 3)."""

    def __init__(self, hint: int | None = None, websocket_code: int | None = None) -> None:
        super().__init__(f"connection ended (CLOSE {hint}, WebSocket {websocket_code})")
        self.hint = hint
        self.websocket_code = websocket_code


class WrongPin(Exception):
    """Not the PIN, as this phone finds out from KE2 (section 9.3): nothing has been sent that would say so."""

    def __init__(self, tries_left: int) -> None:
        super().__init__(f"wrong PIN, {tries_left} tries left")
        self.tries_left = tries_left
