"""Tokens: an access token made and checked, and what authentication costs a request. Run: .venv/bin/python -m bench.tokens

CPU time of this process, the best of several interleaved rounds. Beside each stands its bare limit: the signature alone, and a route of
the same application that asks nobody who they are.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

ROUNDS = 25


async def best(works: dict[str, tuple[int, Callable[[], Awaitable[object]]]]) -> dict[str, float]:
    """Return µs of CPU per call of each: (calls a round, what to call)."""
    found: dict[str, float] = dict.fromkeys(works, float("inf"))
    for _ in range(ROUNDS):
        for name, (calls, work) in works.items():
            began = time.process_time()
            for _ in range(calls):
                await work()
            found[name] = min(found[name], (time.process_time() - began) / calls * 1e6)
    return found


async def main() -> None:
    import httpx
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    from app import db, migrations, web
    from app.models import Membership, User, Workspace, now
    from app.services import access_tokens, bearers, grants, rates, tokens
    from app.services.access import Actor, Role, Scope

    await migrations.at_start()
    async with db.transaction() as session:
        workspace, user = Workspace(name="Bench"), User(name="Bench")
        session.add_all([workspace, user])
        await session.flush()
        assert workspace.id
        assert user.id
        session.add(Membership(workspace_id=workspace.id, user_id=user.id, role=Role.OWNER.value))
    actor = Actor(user.id, "Bench", workspace.id, "Bench", Role.OWNER, session="0" * 64)
    secret = (await tokens.make(actor, tokens.NewToken("bench", (Scope.SCANS_READ,)))).secret
    issued = await grants.exchange(secret)
    until, scopes = now() + timedelta(days=1), frozenset({Scope.SCANS_READ})

    key, message = ec.generate_private_key(ec.SECP256R1()), issued.access_token.rpartition(".")[0].encode()
    signature = key.sign(message, ec.ECDSA(hashes.SHA256()))

    async def sign() -> None:
        key.sign(message, ec.ECDSA(hashes.SHA256()))

    async def verify() -> None:
        key.public_key().verify(signature, message, ec.ECDSA(hashes.SHA256()))

    found = await best(
        {
            "mint": (200, lambda: access_tokens.mint("user", "client", "grant", scopes, until)),
            "sign": (200, sign),
            "check": (200, lambda: access_tokens.read(issued.access_token)),
            "verify": (200, verify),
            "pat": (200, lambda: bearers.actor_of(secret)),
        }
    )
    for label, ours, bare in (("access token made", "mint", "sign"), ("access token checked", "check", "verify")):
        print(f"{label:<26} {found[ours]:6.0f} µs; the signature alone {found[bare]:.0f} µs: {found[ours] / found[bare]:.1f} ×")
    print(f"API token, remembered      {found['pat']:6.1f} µs")

    async def unlimited(*_of: object) -> None:
        """Thousands of requests a second from one place are what the rates are against."""

    rates.hit = unlimited
    transport = httpx.ASGITransport(web.Guard(web.api))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:3000") as client:

        async def get(path: str, token: str = "") -> None:
            answer = await client.get(path, headers={"authorization": f"Bearer {token}"} if token else None)
            assert answer.status_code == 200, answer.text

        found = await best(
            {
                "open": (40, lambda: get("/.well-known/oauth-authorization-server")),
                "pat": (40, lambda: get("/api/v1/me", secret)),
                "jwt": (40, lambda: get("/api/v1/me", issued.access_token)),
            }
        )
    print(f"a route open to all        {found['open'] / 1000:6.2f} ms, client included")
    for name, label in (("pat", "GET /me, API token"), ("jwt", "GET /me, access token")):
        print(f"{label:<26} {found[name] / 1000:6.2f} ms: {found[name] / found['open']:.2f} ×")
    await db.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"SEAMWATCH_DATA_DIR": folder, "SEAMWATCH_ENV_FILE": os.devnull}
        asyncio.run(main())
