"""As much of a MongoDB server as a client needs to log in and ask: the wire protocol (OP_MSG, and OP_QUERY for the first hello) and
SCRAM-SHA-256. There is no real server to be had from PyPI.
"""

import asyncio
import base64
import hashlib
import hmac
import os
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import bson

_OP_REPLY, _OP_QUERY, _OP_MSG = 1, 2004, 2013
_HELLO = {
    "helloOk": True,
    "ismaster": True,
    "isWritablePrimary": True,
    "maxBsonObjectSize": 16_777_216,
    "maxMessageSizeBytes": 48_000_000,
    "maxWriteBatchSize": 100_000,
    "minWireVersion": 0,
    "maxWireVersion": 21,
    "saslSupportedMechs": ["SCRAM-SHA-256"],
    "ok": 1.0,
}
Answer = Callable[[dict[str, Any]], dict[str, Any] | None]  # None: never


def failure(code: int, message: str) -> dict[str, Any]:
    return {"ok": 0.0, "code": code, "errmsg": message, "codeName": "x"}


class Scram:
    """The server's side of one login (RFC 5802, RFC 7677)."""

    def __init__(self, password: str) -> None:
        self._password, self._first, self._server_first, self._salted = password, "", "", b""

    def start(self, payload: bytes) -> bytes:
        self._first = payload.decode().removeprefix("n,,")
        nonce = dict(part.split("=", 1) for part in self._first.split(","))["r"]
        salt = os.urandom(16)
        self._server_first = f"r={nonce}{base64.b64encode(os.urandom(9)).decode()},s={base64.b64encode(salt).decode()},i=4096"
        self._salted = hashlib.pbkdf2_hmac("sha256", self._password.encode(), salt, 4096)
        return self._server_first.encode()

    def finish(self, payload: bytes) -> bytes | None:
        """Return the server's signature, or None for a wrong password."""
        without_proof, _, proof = payload.decode().rpartition(",p=")
        client_key = hmac.digest(self._salted, b"Client Key", "sha256")
        said = f"{self._first},{self._server_first},{without_proof}".encode()
        signature = hmac.digest(hashlib.sha256(client_key).digest(), said, "sha256")
        if bytes(a ^ b for a, b in zip(client_key, signature, strict=True)) != base64.b64decode(proof):
            return None
        server_key = hmac.digest(self._salted, b"Server Key", "sha256")
        return b"v=" + base64.b64encode(hmac.digest(server_key, said, "sha256"))


def handler(
    answer: Answer, users: dict[tuple[str, str], str] | None = None, asked: list[dict[str, Any]] | None = None
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """Make the handler of a server's connections.

    Args:
        answer: what a command is answered that is no part of a login.
        users: (database, name) → password; with any, commands need a login.
        asked: gets every command.
    """

    def reply(command: dict[str, Any], state: dict[str, Any]) -> dict[str, Any] | None:
        name, database = next(iter(command)), command.get("$db", "admin")
        if name in ("hello", "ismaster", "isMaster"):
            return dict(_HELLO)
        if name == "saslStart":
            user = dict(part.split("=", 1) for part in bytes(command["payload"]).decode().removeprefix("n,,").split(","))["n"]
            if (users or {}).get((database, user)) is None:
                return failure(18, "Authentication failed.")
            state["scram"] = Scram((users or {})[database, user])
            return {"conversationId": 1, "done": False, "payload": state["scram"].start(bytes(command["payload"])), "ok": 1.0}
        if name == "saslContinue":
            signature = b"" if state.get("in") else state["scram"].finish(bytes(command["payload"]))
            if signature is None:
                return failure(18, "Authentication failed.")
            state["in"] = True
            return {"conversationId": 1, "done": True, "payload": signature, "ok": 1.0}
        if asked is not None:
            asked.append(command)
        if name == "endSessions":
            return {"ok": 1.0}
        return answer(command) if not users or state.get("in") else failure(13, "command requires authentication")

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        state: dict[str, Any] = {}
        while True:
            length, number, _, kind = struct.unpack("<iiii", await reader.readexactly(16))
            body = await reader.readexactly(length - 16)
            if kind == _OP_QUERY:
                document = bson.decode(body[body.index(b"\0", 4) + 9 :])
                head = struct.pack("<iqii", 8, 0, 0, 1)
            else:
                document = bson.decode(body[5:])
                head = struct.pack("<iB", 0, 0)
            answered = reply(document, state)
            if answered is None:
                continue
            wire = head + bson.encode(answered)
            writer.write(struct.pack("<iiii", 16 + len(wire), 0, number, _OP_REPLY if kind == _OP_QUERY else _OP_MSG) + wire)
            await writer.drain()

    return talk
