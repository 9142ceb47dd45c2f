"""A tiny REST client (API.md), standard library only. Blocking: use `asyncio.to_thread` beside a phone."""
from __future__ import annotations

import json
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

_OPENER = build_opener(ProxyHandler({}))


class RestError(Exception):
    """A problem (API.md, Errors)."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(f"{status} {problem}")
        self.status = status
        self.code = problem.get("code")
        self.problem = problem


class Rest:
    """One API key at one base URL."""

    def __init__(self, base: str, key: str, realm: str | None = None) -> None:
        self.base = base.rstrip("/")
        self._key = key
        self._realm = realm

    def call(self, method: str, path: str, body: dict[str, Any] | None = None, **query: Any) -> Any:
        """Call `path`; a path that does not begin with `/` is below `/v1/realms/{realm}/`."""
        if not path.startswith("/"):
            path = f"/v1/realms/{self._realm}/{path}"
        url = self.base + path + (f"?{urlencode(query)}" if query else "")
        headers = {"Authorization": f"Bearer {self._key}"}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        try:
            with _OPENER.open(Request(url, data, headers, method=method), timeout=75) as answer:
                raw = answer.read()
        except HTTPError as error:
            with error:
                raw = error.read()
            try:
                problem = json.loads(raw)
            except ValueError:
                problem = {"detail": raw.decode("utf-8", "replace")}
            raise RestError(error.code, problem if isinstance(problem, dict) else {}) from None
        return json.loads(raw) if raw else None

    def get(self, path: str, **query: Any) -> Any:
        return self.call("GET", path, **query)

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return self.call("POST", path, {} if body is None else body)

    def put(self, path: str, body: dict[str, Any]) -> Any:
        return self.call("PUT", path, body)

    def patch(self, path: str, body: dict[str, Any]) -> Any:
        return self.call("PATCH", path, body)
