"""A login with Countersign, from a site's server: create, wait, redeem. Python 3.9 or later, standard library only.

COUNTERSIGN_REST, COUNTERSIGN_REALM and COUNTERSIGN_API_KEY (a client's key) say where and as whom.
The first line on standard output is what a site gives its browser; the second says who has logged in.
Ends with 0 when somebody has, 1 when not, 2 when the server does not let us ask.
"""
import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from urllib.parse import quote

PATIENCE = 5  # so often a request that met a busy or restarting server is made again


class Problem(Exception):
    """What the server answers instead: application/problem+json, docs/problems.md."""

    def __init__(self, status, problem, retry_after):
        wrong = [f"{e.get('pointer')}: {e.get('detail')}" for e in problem.get("errors", [])]
        super().__init__(problem.get("detail") or ", ".join(wrong) or problem.get("title") or f"HTTP {status}")
        self.status, self.code, self.request_id = status, problem.get("code"), problem.get("request_id")
        self.retry_after = retry_after


class Countersign:
    def __init__(self, rest, realm, key):
        self.base, self.key = f"{rest.rstrip('/')}/v1/realms/{quote(realm, safe='')}", key

    def once(self, method, path, body, idempotency_key, timeout):
        headers = {"Authorization": f"Bearer {self.key}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if idempotency_key:
            headers["Idempotency-Key"] = idempotency_key
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            try:
                problem = json.load(error)
            except ValueError:
                problem = {}  # something in between has answered
            retry_after = error.headers.get("Retry-After", "")
            raise Problem(error.code, problem, int(retry_after) if retry_after.isdigit() else None) from None

    def call(self, method, path, body=None, idempotent=False, timeout=10):
        """One request, made again under the same Idempotency-Key when its answer was lost or the server was busy."""
        idempotency_key = str(uuid.uuid4()) if idempotent else None
        for left in reversed(range(PATIENCE)):
            try:
                return self.once(method, path, body, idempotency_key, timeout)
            except Problem as problem:
                if left == 0 or problem.status not in (429, 500, 502, 503, 504) or problem.code == "internal":
                    raise
                pause = 1 if problem.retry_after is None else problem.retry_after
                if pause > 60:
                    raise  # a person should hear of it instead
            except (OSError, http.client.HTTPException):
                if left == 0:
                    raise
                pause = 1
            time.sleep(pause)

    def create_login(self, **login):
        return self.call("POST", "/logins", login, idempotent=True)

    def wait(self, login_id):
        """Until the login is final. What the browser says about it authenticates nobody: this does."""
        v = 0
        while True:
            login = self.call("GET", f"/logins/{login_id}?wait=30&after={v}", timeout=45)
            if login["state"] not in ("pending", "claimed"):
                return login
            v = login["v"]

    def redeem(self, login_id, return_token=None):
        """Who it is. `return_token` is what the browser brought to `return_url#cs_return=…`, when it came by link."""
        body = {} if return_token is None else {"return_token": return_token}
        return self.call("POST", f"/logins/{login_id}/redeem", body, idempotent=True)


def main():
    where = [os.environ.get(name) for name in ("COUNTERSIGN_REST", "COUNTERSIGN_REALM", "COUNTERSIGN_API_KEY")]
    if not all(where):
        print("set COUNTERSIGN_REST, COUNTERSIGN_REALM and COUNTERSIGN_API_KEY", file=sys.stderr)
        return 2
    countersign = Countersign(*where)
    try:
        # Who asks. A site says its browser's address, and the hash of a cookie as "binding".
        who = {"address": "127.0.0.1"}
        login = countersign.create_login(text="Log in to the Python example", browser="examples/python", initiator=who)
        print(json.dumps({"page_url": login["page_url"], "page_token": login["page_token"]}), flush=True)
        login = countersign.wait(login["id"])
        if login["state"] != "approved":
            print(f"nobody is logged in: {login['state']} ({login.get('reason', 'no reason')})", file=sys.stderr)
            return 1
        identity = countersign.redeem(login["id"])
    except Problem as problem:
        print(f"{problem.status} {problem.code}: {problem} (request {problem.request_id})", file=sys.stderr)
        return 2
    except (OSError, http.client.HTTPException) as error:
        print(f"the server cannot be reached: {error}", file=sys.stderr)
        return 2
    print(f"{identity['user_id']} is logged in, by {identity['via']}, until {identity['ends_at']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
