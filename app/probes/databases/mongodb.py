"""MongoDB, by pymongo over a bridge of ours: its client opens its own sockets, and more than one."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import quote

from bson import json_util
from bson.errors import BSONError
from pymongo import AsyncMongoClient
from pymongo.errors import ConfigurationError, ExecutionTimeout, NetworkTimeout, OperationFailure, PyMongoError, ServerSelectionTimeoutError

from app.core.checks import DatabaseCheck
from app.core.results import Cause
from app.net.bridge import Streams, bridged
from app.net.failures import seconds
from app.probes.databases.answer import NotAnswered, cannot, sentence, text_of

PORT = 27017
_READING = frozenset(
    {
        *("ping", "hello", "isMaster", "count", "find", "aggregate", "distinct", "dbStats", "collStats", "serverStatus", "buildInfo"),
        *("replSetGetStatus", "listCollections", "listDatabases", "listIndexes", "connectionStatus", "hostInfo"),
    }
)
# Stages that write, and what runs a script on the server.
_NEVER = frozenset({"$out", "$merge", "$where", "$function", "$accumulator"})
_UNAUTHENTICATED, _UNAUTHORIZED = 18, 13
_MAX_DEPTH = 50


async def first_value(configured: DatabaseCheck, open_stream: Callable[[], Awaitable[Streams]], timeout_s: float) -> str:
    """Run one command that reads; return the first value of the first document, other than its `_id`."""
    command = _command(configured.query, timeout_s)
    async with bridged(open_stream) as path:
        try:
            try:
                answer = await _ask(configured, path, command, timeout_s, "admin")
            except OperationFailure as error:
                # A user belongs to one database: usually this one, else the one that is asked.
                if error.code != _UNAUTHENTICATED or configured.database in ("", "admin"):
                    raise
                answer = await _ask(configured, path, command, timeout_s, configured.database)
        except OperationFailure as error:
            said = str((error.details or {}).get("errmsg", "") or error)
            if error.code in (_UNAUTHENTICATED, _UNAUTHORIZED):
                raise NotAnswered(Cause.LOGIN, f"MongoDB refuses the user: {sentence(said)}") from None
            if isinstance(error, ExecutionTimeout):
                raise TimeoutError from None
            raise NotAnswered(Cause.PROTOCOL, f"MongoDB answers: {sentence(said)}") from None
        except ServerSelectionTimeoutError as error:
            text = f"{configured.host} does not answer as MongoDB on port {configured.port} within {seconds(timeout_s)}."
            raise NotAnswered(Cause.PROTOCOL, text) from error
        except NetworkTimeout:
            raise TimeoutError from None
        except ConfigurationError as error:
            raise cannot(f"MongoDB cannot be asked so: {sentence(str(error))}") from None
        except (PyMongoError, BSONError) as error:
            raise NotAnswered(Cause.PROTOCOL, f"{configured.host} gives no answer that MongoDB's client can read.") from error
    return _first(answer)


async def _ask(configured: DatabaseCheck, path: str, command: Mapping[str, Any], timeout_s: float, users_in: str) -> Mapping[str, Any]:
    credentials: dict[str, Any] = {"username": configured.user, "password": configured.password, "authSource": users_in}
    limit_ms = max(1, int(timeout_s * 900))  # so that its own words come first
    client = AsyncMongoClient(
        f"mongodb://{quote(path, safe='')}/",
        directConnection=True,  # this server, whatever others it names
        serverSelectionTimeoutMS=limit_ms,
        connectTimeoutMS=limit_ms,
        socketTimeoutMS=limit_ms,
        serverMonitoringMode="poll",
        maxPoolSize=1,
        retryReads=False,
        appname="Seamwatch",
        **(credentials if configured.user else {}),
    )
    try:
        return await client[configured.database or "admin"].command(dict(command))
    finally:
        await client.close()


def _command(query: str, timeout_s: float) -> dict[str, Any]:
    if not query.strip():
        return {"ping": 1}
    try:
        command = json_util.loads(query)
    except (ValueError, TypeError, RecursionError, BSONError):
        command = None
    if not isinstance(command, dict) or not command:
        raise cannot("The query is a command of MongoDB as a JSON object, like {“count”: “orders”}.")
    name = next(iter(command))
    if name not in _READING:
        raise cannot(
            f"The command must only read, and {name[:40]} is not on the list of those that do, like ping, count, find or aggregate."
        )
    if never := next((key for key in _keys(command) if key in _NEVER), None):
        raise cannot(f"The command must only read, and {never} may do more.")
    if name in ("find", "aggregate", "count", "distinct"):
        command.setdefault("maxTimeMS", max(1, int(timeout_s * 1000)))
    if name == "find":
        command |= {"limit": 1, "singleBatch": True}
    elif name == "aggregate":
        command["cursor"] = {"batchSize": 1}
    return command


def _keys(value: Any, depth: int = 0) -> list[str]:
    if depth > _MAX_DEPTH:
        raise cannot("The command is nested too deeply.")
    if isinstance(value, dict):
        return [*value, *(key for item in value.values() for key in _keys(item, depth + 1))]
    return [key for item in value for key in _keys(item, depth + 1)] if isinstance(value, list) else []


def _first(answer: Mapping[str, Any]) -> str:
    if "cursor" in answer:
        batch = answer["cursor"].get("firstBatch", [])
        document: Any = batch[0] if batch else {}
    elif "values" in answer:
        document = dict(enumerate(answer["values"][:1]))
    else:
        document = answer
    named = [value for key, value in document.items() if key != "_id"] or list(document.values())
    value = named[0] if named else None
    return text_of(value) if not isinstance(value, dict | list) else json_util.dumps(value)[:1000]
