"""A shop where people log in with Countersign. Nothing but Python's standard library."""

import http.cookies, http.server, json, os, pathlib, secrets, sys, urllib.error, urllib.request

LOGINS = "http://127.0.0.1:8080/v1/realms/shop/logins"
ORIGIN = "http://127.0.0.1:8001"
KEY = os.environ.get("KEY") or sys.exit("KEY is not set: `export KEY=…` in this terminal, with the client's API key")
PAGE = pathlib.Path(__file__).with_name("page.html")
sessions = {}  # session cookie: the login of this browser and, once it is redeemed, the user


def countersign(path, *body):
    """Asks Countersign: GET, or with a body POST."""
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    request = urllib.request.Request(LOGINS + path, *(json.dumps(b).encode() for b in body), headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as no:
        problem = json.load(no)
        wrong = [f"{e['pointer']}: {e['detail']}" for e in problem.get("errors", [])]
        return no.code, {"error": problem.get("detail") or ", ".join([problem["code"], *wrong])}
    except urllib.error.URLError as gone:
        return 502, {"error": f"Countersign does not answer: {gone.reason}"}


class Shop(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/":
            return self.answer(200, PAGE.read_bytes(), "text/html")
        mine = sessions.get(self.cookie("session"), {})
        # Asked each time: the phone may have logged out.
        lives = "user" in mine and countersign("/" + mine["login"])[1].get("state") == "approved"
        self.answer(200, {"user": mine["user"]} if lives else {})

    def do_POST(self):
        if self.headers["Origin"] != ORIGIN:  # the page of somebody else
            return self.answer(403, {"error": f"open {ORIGIN}/"})
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        mine = sessions.get(self.cookie("session"), {})
        browser = self.cookie("browser") or secrets.token_urlsafe()
        if self.path in ("/login", "/pay"):
            who = {"binding": browser, "address": self.client_address[0]}
            wish = {"text": "Log in to the example shop", "return_url": ORIGIN + "/", "initiator": who}
            if self.path == "/pay":
                if "user" not in mine:
                    return self.answer(401, {"error": "Log in first."})
                pin = {"kinds": ["pin"], "max_age": 0}  # entered for this payment
                wish |= {"text": "Pay 20 EUR to the example shop", "expected_user": mine["user"], "second_factor": pin}
            status, told = countersign("", wish)
            mine = {"login": told.get("id")}
        else:  # redeems the login that this browser began, and no other
            status, told = countersign(f"/{mine.get('login')}/redeem", {"return_token": sent.get("return_token")})
            mine = {**mine, "user": told.get("user_id")}
            told = told if status >= 400 else {"user": told["user_id"], "pin": "second_factor" in told}
        if status >= 400:
            return self.answer(status, told)
        sessions.pop(self.cookie("session"), None)
        session = secrets.token_urlsafe()  # a new one: whoever knew the old one has nothing
        sessions[session] = mine
        self.answer(status, told, "application/json", f"session={session}", f"browser={browser}; Max-Age=31536000")

    def cookie(self, name):
        found = http.cookies.SimpleCookie(self.headers["Cookie"]).get(name)
        return found and found.value

    def answer(self, status, body, kind="application/json", *cookies):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for cookie in cookies:
            self.send_header("Set-Cookie", cookie + "; HttpOnly; SameSite=Lax; Path=/")
        self.end_headers()
        self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

    def log_message(self, *_):  # quiet, please
        pass


print(f"The shop is open: {ORIGIN}/", flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(ORIGIN.rsplit(":", 1)[1])), Shop).serve_forever()
