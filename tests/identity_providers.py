"""Identity providers on loopback for tests: a stand-in for GitHub, a forger of OpenID Connect, and the real mock provider."""

import base64
import functools
import hashlib
import html
import json
import secrets
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jws
from joserfc.jwk import OctKey, RSAKey

CLIENT_ID, CLIENT_SECRET = "seamwatch-test", "the-secret-of-the-client"


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: object = ""  # text, bytes, or what becomes JSON
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: dict[str, str]
    form: dict[str, str]
    authorization: str


class Provider:
    """A server on a port of its own; `answer` says what it answers."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *_args: object) -> None:  # noqa: A002
                """Say nothing."""

            def _serve(self) -> None:
                parts = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
                asked = Asked(self.command, parts.path, _flat(parts.query), _flat(body), self.headers.get("authorization", ""))
                provider.asked.append(asked)
                answer = provider.answer(asked)
                data = answer.body if isinstance(answer.body, bytes) else None
                if data is None:
                    data = (answer.body if isinstance(answer.body, str) else json.dumps(answer.body)).encode()
                self.send_response(answer.status)
                for name, value in {"content-type": answer.content_type, "content-length": str(len(data)), **answer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = _serve  # noqa: N815

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, asked: Asked) -> Answer:
        raise NotImplementedError

    def times_asked(self, path: str) -> int:
        return sum(asked.path == path for asked in self.asked)


def _flat(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}


def s256(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _back(query: dict[str, str], **answer: str) -> Answer:
    """Send the browser back with an answer, and with its state."""
    values = {**answer, **({"state": query["state"]} if "state" in query else {})}
    return Answer(302, headers={"location": f"{query['redirect_uri']}?{urlencode(values)}"})


@dataclass
class GitHubUser:
    id: Any
    login: str
    name: str | None = None
    emails: list[dict[str, Any]] = field(default_factory=list)
    orgs: list[str] = field(default_factory=list)


def mail(email: str, *, verified: bool = True, primary: bool = True) -> dict[str, Any]:
    return {"email": email, "verified": verified, "primary": primary, "visibility": None}


class GitHub(Provider):
    """What GitHub does with an OAuth application: authorization code with PKCE, /user, /user/emails, /user/orgs."""

    def __init__(self) -> None:
        super().__init__()
        self.users = {
            "octo": GitHubUser(1001, "octo", "Octo Cat", [mail("octo@github.example")]),
            "hubot": GitHubUser(1002, "hubot", None, []),
            "bob": GitHubUser(1003, "bob", "Bob Marsh", [mail("bob@team.example")]),
            "mallory": GitHubUser(6666, "mallory", "<img src=x onerror=alert(1)>", [mail("octo@github.example", verified=False)]),
        }
        self.codes: dict[str, dict[str, str]] = {}
        self.tokens: dict[str, tuple[str, str]] = {}  # token → (login, scopes)

    def code(self, login: str, query: dict[str, str]) -> str:
        """Return a code as GitHub gives one to whoever signs in there."""
        code = secrets.token_hex(10)
        self.codes[code] = {**query, "login": login}
        return code

    def answer(self, asked: Asked) -> Answer:
        match asked.method, asked.path:
            case "GET", "/login/oauth/authorize":
                return self._ask(asked.query)
            case "POST", "/login/oauth/authorize":
                if asked.form["user"] not in self.users:
                    return _back(asked.form, error="access_denied", error_description="The user has denied <b>your application</b> access.")
                return _back(asked.form, code=self.code(asked.form["user"], asked.form))
            case "POST", "/login/oauth/access_token":
                return self._token(asked.form)
            case "GET", "/api/user" | "/api/user/emails" | "/api/user/orgs":
                return self._user(asked)
            case _:
                return Answer(404, {"message": "Not Found"})

    def _ask(self, query: dict[str, str]) -> Answer:
        if query.get("client_id") != CLIENT_ID or query.get("code_challenge_method") != "S256":
            return Answer(400, {"error": "bad request"})
        kept = "".join(f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">' for name, value in query.items())
        buttons = "".join(f'<button name="user" value="{login}">Sign in as {login}</button>' for login in self.users)
        page = f'<!doctype html><h1>GitHub</h1><form method="post">{kept}{buttons}<button name="user" value="">Cancel</button></form>'
        return Answer(body=page, content_type="text/html")

    def _token(self, form: dict[str, str]) -> Answer:
        granted = self.codes.pop(form.get("code", ""), None)
        # GitHub answers 200 also when it refuses.
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return Answer(body={"error": "incorrect_client_credentials", "error_description": "<b>no</b>"})
        if granted is None:
            return Answer(body={"error": "bad_verification_code", "error_description": "<b>no</b>"})
        if granted["redirect_uri"] != form.get("redirect_uri") or granted["code_challenge"] != s256(form.get("code_verifier", "")):
            return Answer(body={"error": "bad_verification_code", "error_description": "<b>no</b>"})
        token = f"gho_{secrets.token_hex(18)}"
        self.tokens[token] = granted["login"], granted.get("scope", "")
        return Answer(body={"access_token": token, "token_type": "bearer", "scope": granted.get("scope", "").replace(" ", ",")})

    def _user(self, asked: Asked) -> Answer:
        login, scopes = self.tokens.get(asked.authorization.removeprefix("Bearer "), ("", ""))
        user = self.users.get(login)
        if user is None:
            return Answer(401, {"message": "Bad credentials"})
        if asked.path == "/api/user":
            # The address that somebody shows in public: as they wrote it, verified or not.
            shown = user.emails[0]["email"] if user.emails else None
            return Answer(body={"id": user.id, "login": user.login, "name": user.name, "email": shown})
        if asked.path == "/api/user/emails":
            return Answer(body=user.emails) if "user:email" in scopes.split() else Answer(404, {"message": "Not Found"})
        if "read:org" not in scopes.split():
            return Answer(403, {"message": "Forbidden"})
        start = (int(asked.query["page"]) - 1) * int(asked.query["per_page"])
        return Answer(body=[{"login": org} for org in user.orgs[start : start + int(asked.query["per_page"])]])


Claims = dict[str, Any]


@functools.cache
def _key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "key-1", "use": "sig"})


class Forger(Provider):
    """An OpenID provider that lies as a test says. Whoever is sent to it is signed in as "subject-1", at once."""

    def __init__(self) -> None:
        super().__init__()
        self.key = _key()
        self.published: list[Any] = [self.key]
        self.header: dict[str, Any] = {"alg": "RS256", "kid": "key-1"}
        self.change_document: Callable[[Claims], Claims] = lambda document: document
        self.change_claims: Callable[[Claims], Claims] = lambda claims: claims
        self.change_token: Callable[[Claims], Claims] = lambda token: token
        self.change_back: Callable[[Claims], Claims] = lambda query: query
        self.userinfo: Answer = Answer(body={"sub": "subject-1", "email": "one@forger.example", "email_verified": True, "name": "One"})
        self.document: Answer | None = None
        self._codes: dict[str, dict[str, str]] = {}

    def answer(self, asked: Asked) -> Answer:
        match asked.path:
            case "/.well-known/openid-configuration":
                return self.document or Answer(body=self.change_document(self._document()))
            case "/jwks":
                return Answer(body={"keys": [key.as_dict(private=False) for key in self.published]})
            case "/authorize":
                code = secrets.token_hex(10)
                self._codes[code] = asked.query
                return _back(asked.query, **self.change_back({"code": code}))
            case "/token":
                return self._token(asked)
            case "/userinfo":
                return self.userinfo
            case _:
                return Answer(404)

    def _document(self) -> Claims:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "jwks_uri": f"{self.url}/jwks",
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def _token(self, asked: Asked) -> Answer:
        granted = self._codes.pop(asked.form.get("code", ""), None)
        if granted is None or granted["code_challenge"] != s256(asked.form.get("code_verifier", "")):
            return Answer(400, {"error": "invalid_grant", "error_description": "<b>no</b>"})
        at = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT_ID, "sub": "subject-1", "iat": at, "exp": at + 300, "nonce": granted["nonce"]}
        token = {"access_token": "at", "token_type": "Bearer", "id_token": self.sign(self.change_claims(claims))}
        return Answer(body=self.change_token(token))

    def sign(self, claims: Claims) -> str:
        payload = json.dumps(claims)
        if self.header["alg"] == "none":
            parts = (json.dumps(self.header), payload)
            return ".".join(base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in parts) + "."
        if self.header["alg"] == "HS256":  # signed with what everybody can read: the public key
            return jws.serialize_compact(self.header, payload, OctKey.import_key(self.key.as_pem(private=False)), algorithms=["HS256"])
        return jws.serialize_compact(self.header, payload, self.key, algorithms=[self.header["alg"]])


@contextmanager
def openid_mock(data_dir: Path) -> Iterator[str]:
    """Run oidc-provider-mock in a process of its own, which keeps its deprecated imports to itself; give its issuer."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce", "True"]
        with (data_dir / "oidc-mock.log").open("w") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(f"{url}/.well-known/openid-configuration", process)
            yield url
        finally:
            process.terminate()
            process.wait(20)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert process.poll() is None, "the identity provider ended"
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"{url} does not answer after a minute")


def put_openid_user(issuer: str, subject: str, claims: dict[str, Any]) -> None:
    """Tell the mock who somebody is; without it, it knows of a subject only an unverified address."""
    request = urllib.request.Request(
        f"{issuer}/users/{subject}", json.dumps(claims).encode(), {"content-type": "application/json"}, method="PUT"
    )
    with urllib.request.urlopen(request, timeout=10):
        pass
