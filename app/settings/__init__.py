"""Settings: from the environment and `.env`, read once, frozen. A bad value stops the start with one line.

The environment wins over `.env` (SEAMWATCH_ENV_FILE names another file). Every variable starts with SEAMWATCH_; `.env.example`
explains each.
"""

import base64
import functools
import ipaddress
import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from app.core.urls import is_loopback_host, is_private_host, parse_stand_in
from app.settings import private_file
from app.settings import providers as identity_providers
from app.settings.providers import Provider

VERSION = "0.1.0"
# How scans of the command line identify themselves; those of an installation say where it is (`Settings.user_agent`).
USER_AGENT = f"Seamwatch/{VERSION} (scan from the command line)"
PREFIX = "SEAMWATCH_"
ROOT = Path(__file__).resolve().parent.parent.parent
WEB = ROOT / os.environ.get("REFLEX_WEB_WORKDIR", ".web")  # where Reflex builds the pages
MIN_SECRET_LENGTH = 32
# Public resolvers of three operators, by address and over TLS's port, which most networks let out.
ANCHORS = "1.1.1.1:443, 8.8.8.8:443, 9.9.9.9:443"


class BadSetting(ValueError):
    """One setting cannot be used. The text names the variable, what it holds and what it may hold."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{PREFIX}{name}: {problem}")


@dataclass(frozen=True, slots=True)
class Settings:
    public_url: str  # origin at which browsers reach us, serialized: "https://seam.example"
    backend_url: str  # origin that serves our own routes; differs only in development, where pages have a port of their own
    host: str  # IP address to bind
    port: int
    database_url: str = field(repr=False)  # SQLAlchemy's, with the asynchronous driver; may hold a password
    secret_key: str = field(repr=False)
    allowed_origins: tuple[str, ...]  # serialized; whose pages may open our socket and send unsafe requests
    allowed_hosts: frozenset[str]  # values of Host that we answer to
    private_targets: bool  # whether loopback and private addresses may be scanned
    listed_targets: tuple[str, ...]  # networks (CIDR) that may be scanned beside public addresses; only without `private_targets`
    ca_file: Path | None  # more certificate authorities to trust in targets
    resolve: tuple[tuple[str, str], ...]  # ("host:port" in lower case, address), which stands in for DNS
    data_dir: Path
    max_scans: int  # running at the same time
    max_scans_per_user: int  # queued and running, of one user
    scans_per_hour: int  # started by one user
    providers: tuple[Provider, ...]  # how people sign in, beside links and passkeys
    join_domains: tuple[str, ...]  # whose verified e-mail addresses may join without an invitation; in lower case
    join_github_orgs: tuple[str, ...]  # whose members may; in lower case
    join_role: str  # what those two become in the first workspace
    join_open: bool  # whether anybody may join, into a workspace of their own
    vault_keys: tuple[str, ...] = field(repr=False)  # newest first; () when the file in the data directory holds them
    valkey_url: str = field(repr=False)  # "" for counters in memory
    anchors: tuple[tuple[str, int], ...]  # (host, port) that answer as long as our own network works; () asks none
    keep_results_days: int  # results one by one
    keep_hours_days: int  # rollups of hours; those of days are kept for years
    trusted_proxies: int  # how many proxies stand in front; so many entries of X-Forwarded-For are believed

    @property
    def user_agent(self) -> str:
        """How scans identify themselves: the address is where whoever reads a log finds what a scan asks, and who to talk to."""
        return f"Seamwatch/{VERSION} (+{self.public_url}/findings)"

    @property
    def https(self) -> bool:
        return self.public_url.startswith("https://")

    @property
    def sqlite(self) -> bool:
        return self.database_url.startswith("sqlite")


def read_env_file(path: Path) -> dict[str, str]:
    """Return the `NAME=value` lines of a file; no file, no lines. Quotes around a value are taken off, `#` starts a comment."""
    if not path.is_file():
        return {}
    found: dict[str, str] = {}
    for line in path.read_text("utf-8").splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if not equals or name.startswith("#"):
            continue
        value = value.strip()
        quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
        found[name.strip()] = value[1:-1] if quoted else value.partition(" #")[0].strip()
    return found


def _origin(name: str, text: str) -> str:
    """Return a serialized origin, or raise BadSetting."""
    wrong = BadSetting(name, f"'{text}' is not an origin. Write scheme, host and port only, like https://seam.example.")
    try:
        parts = urlsplit(text.strip().rstrip("/"))
        port = parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query or parts.fragment or parts.username:
        raise wrong
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    default = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + (f":{port}" if port and port != default else "")


def _bind_address(text: str) -> str:
    try:
        return str(ipaddress.ip_address("127.0.0.1" if text == "localhost" else text.strip("[]")))
    except ValueError:
        raise BadSetting("HOST", f"'{text}' is not an IP address to bind, like 127.0.0.1, 0.0.0.0 or ::1.") from None


def _integer(name: str, text: str, low: int, high: int, what: str) -> int:
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise BadSetting(name, f"'{text}' is not {what} ({low} to {high}).")
    return int(text)


def _switch(name: str, text: str) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if text.lower() not in words:
        raise BadSetting(name, f"'{text}' is neither on nor off.")
    return words[text.lower()]


def _database_url(text: str, data_dir: Path) -> str:
    if not text:
        return f"sqlite+aiosqlite:///{data_dir / 'seamwatch.db'}"
    scheme, separator, rest = text.partition("://")
    family = scheme.partition("+")[0]
    if separator and family == "sqlite" and rest.startswith("/") and len(rest) > 1:
        path = Path(rest[1:])
        return f"sqlite+aiosqlite:///{path if path.is_absolute() else ROOT / path}"
    if separator and family in ("postgresql", "postgres") and rest:
        return f"postgresql+asyncpg://{rest}"
    # The value may hold a password, so it is not repeated.
    raise BadSetting("DATABASE_URL", "neither sqlite:///path/to/file.db nor postgresql://user:password@host/database.")


def _secret_key(text: str, data_dir: Path) -> str:
    """Return the key from the setting, else from a 0600 file in the data directory, which the first start makes."""
    if text:
        if len(text) < MIN_SECRET_LENGTH:
            raise BadSetting("SECRET_KEY", f"shorter than {MIN_SECRET_LENGTH} characters. Leave it out and a key is made for you.")
        return text
    path = data_dir / "secret_key"
    if not path.exists():
        with suppress(FileExistsError):  # another process made it meanwhile
            private_file.write(path, secrets.token_urlsafe(48), replace=False)
    key = path.read_text("ascii").strip()
    if len(key) < MIN_SECRET_LENGTH:
        raise BadSetting("SECRET_KEY", f"the file {path} holds no key. Remove it, and the next start makes a new one.")
    return key


def _resolve(text: str) -> tuple[tuple[str, str], ...]:
    """Read host:port:address entries, parted by commas."""
    try:
        return tuple(map(parse_stand_in, filter(None, map(str.strip, text.split(",")))))
    except ValueError as error:
        raise BadSetting("RESOLVE", str(error)) from None


def _networks(text: str) -> tuple[str, ...]:
    try:
        return tuple(str(ipaddress.ip_network(entry.strip())) for entry in text.split(",") if entry.strip())
    except ValueError as error:
        raise BadSetting("LISTED_TARGETS", f"{error}. Write networks like 10.20.0.0/16, parted by commas.") from None


def _anchors(text: str) -> tuple[tuple[str, int], ...]:
    """Read host:port entries, parted by commas. "off" names none."""
    found: list[tuple[str, int]] = []
    for entry in () if text.lower() == "off" else filter(None, map(str.strip, text.split(","))):
        host, _, port = entry.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65535:
            raise BadSetting("ANCHORS", f"'{entry}' is not a host and a port like 9.9.9.9:443. Write 'off' to ask nobody.")
        found.append((host.strip("[]"), int(port)))
    return tuple(found)


def _words(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(entry.strip().lower().removeprefix("@") for entry in text.split(",") if entry.strip()))


def _providers(get: Callable[[str], str], names: Iterable[str]) -> tuple[Provider, ...]:
    try:
        return identity_providers.read(get, names, _origin)
    except BadSetting:
        raise
    except ValueError as error:
        name, problem = error.args
        raise BadSetting(name, problem) from None


def _vault_keys(text: str) -> tuple[str, ...]:
    keys = tuple(filter(None, map(str.strip, text.split(","))))
    for key in keys:
        try:
            right = len(base64.urlsafe_b64decode(key)) == 32
        except ValueError:
            right = False
        if not right:
            raise BadSetting("VAULT_KEYS", "holds something that is no key. `python -m app vault-key` prints a new one.")
    return keys


def _reflex_ports(environ: Mapping[str, str]) -> list[int]:
    """Return the ports Reflex gives its two halves in development: it hands them to its children by the environment."""
    return [int(text) for name in ("FRONTEND", "BACKEND") if (text := environ.get(f"REFLEX_{name}_PORT", "")).isdigit()]


def _backend_url(environ: Mapping[str, str], public_url: str) -> str:
    parts, port = urlsplit(public_url), environ.get("REFLEX_BACKEND_PORT", "")
    if environ.get("REFLEX_ENV_MODE") == "dev" and port.isdigit() and is_loopback_host(parts.hostname or ""):
        return f"{parts.scheme}://{parts.hostname}:{port}"
    return public_url


def load(environ: Mapping[str, str], env_file: Path | None = None) -> Settings:
    """Read, check and complete the settings.

    Side effects: makes the data directory (0700) and, without SEAMWATCH_SECRET_KEY, the key file in it.

    Raises:
        BadSetting: at the first value that cannot be used, and for combinations that would be unsafe.
    """
    values = {**(read_env_file(env_file) if env_file else {}), **environ}

    def get(name: str, default: str = "") -> str:
        return values.get(PREFIX + name, "").strip() or default

    host = _bind_address(get("HOST", "127.0.0.1"))
    port = _integer("PORT", get("PORT", "3000"), 1, 65535, "a port number")
    public_url = _origin("PUBLIC_URL", get("PUBLIC_URL", f"http://localhost:{port}"))
    public_host = urlsplit(public_url).hostname or ""
    if public_url.startswith("http://") and not is_private_host(public_host):
        raise BadSetting("PUBLIC_URL", f"'{public_url}' would send session cookies over the internet in clear text. Use https://.")

    # Reached as localhost, everything at hand is reached as 127.0.0.1 too, and in development at two ports.
    local_ports = sorted({port, *_reflex_ports(values)})
    twins = [f"http://{name}:{number}" for number in local_ports for name in ("localhost", "127.0.0.1")]
    if listed := get("ALLOWED_ORIGINS"):
        if "*" in listed or "null" in listed.lower().split(","):
            raise BadSetting("ALLOWED_ORIGINS", "'*' and 'null' would let any page act for the signed-in. List the origins.")
        more = [_origin("ALLOWED_ORIGINS", entry) for entry in listed.split(",")]
    else:
        more = twins if is_loopback_host(public_host) else []
    origins = tuple(dict.fromkeys([public_url, *more]))
    if public_url.startswith("https://") and (clear := [entry for entry in origins if entry.startswith("http://")]):
        raise BadSetting("ALLOWED_ORIGINS", f"'{clear[0]}' is not encrypted, but SEAMWATCH_PUBLIC_URL is.")

    # Whoever may scan private addresses can look around in our network: never by default where others sign in.
    private_targets = is_loopback_host(host) and is_loopback_host(public_host)
    if text := get("PRIVATE_TARGETS"):
        private_targets = _switch("PRIVATE_TARGETS", text)

    ca_file = Path(text) if (text := get("CA_FILE")) else None
    if ca_file and not ca_file.is_file():
        raise BadSetting("CA_FILE", f"there is no file '{ca_file}'.")

    data_dir = Path(get("DATA_DIR", str(ROOT / "var")))
    data_dir = data_dir if data_dir.is_absolute() else ROOT / data_dir
    database_url = _database_url(get("DATABASE_URL"), data_dir)
    resolve = _resolve(get("RESOLVE"))
    listed_targets = _networks(get("LISTED_TARGETS"))
    join_role = get("JOIN_ROLE", "viewer").lower()
    if join_role not in ("viewer", "editor", "admin"):
        raise BadSetting("JOIN_ROLE", f"'{join_role}' is none of viewer, editor and admin.")
    join_open = _switch("JOIN_OPEN", get("JOIN_OPEN", "off"))
    valkey_url = get("VALKEY_URL")
    if valkey_url and not valkey_url.startswith(("valkey://", "valkeys://", "redis://", "rediss://")):
        raise BadSetting("VALKEY_URL", "not an address like valkey://host:6379/0.")
    limits = [
        _integer("MAX_SCANS", get("MAX_SCANS", "4"), 1, 100, "a number of scans"),
        _integer("MAX_SCANS_PER_USER", get("MAX_SCANS_PER_USER", "5"), 1, 1000, "a number of scans"),
        _integer("SCANS_PER_HOUR", get("SCANS_PER_HOUR", "120"), 1, 100_000, "a number of scans"),
    ]
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        secret_key = _secret_key(get("SECRET_KEY"), data_dir)
    except OSError as error:
        raise BadSetting("DATA_DIR", f"'{data_dir}' cannot be written ({error.strerror}).") from error

    return Settings(
        public_url=public_url,
        backend_url=_backend_url(values, public_url),
        host=host,
        port=port,
        database_url=database_url,
        secret_key=secret_key,
        allowed_origins=origins,
        # A health check on the machine itself asks for the loopback names; DNS rebinding cannot make a browser send these.
        allowed_hosts=frozenset(origin.partition("://")[2] for origin in (*origins, *twins)),
        private_targets=private_targets,
        ca_file=ca_file,
        resolve=resolve,
        data_dir=data_dir,
        max_scans=limits[0],
        max_scans_per_user=limits[1],
        scans_per_hour=limits[2],
        listed_targets=listed_targets,
        providers=_providers(get, values),
        join_domains=_words(get("JOIN_DOMAINS")),
        join_github_orgs=_words(get("JOIN_GITHUB_ORGS")),
        join_role=join_role,
        join_open=join_open,
        vault_keys=_vault_keys(get("VAULT_KEYS")),
        valkey_url=valkey_url,
        anchors=_anchors(get("ANCHORS", ANCHORS)),
        keep_results_days=_integer("KEEP_RESULTS_DAYS", get("KEEP_RESULTS_DAYS", "7"), 1, 366, "a number of days"),
        keep_hours_days=_integer("KEEP_HOURS_DAYS", get("KEEP_HOURS_DAYS", "90"), 1, 3660, "a number of days"),
        trusted_proxies=_integer("TRUSTED_PROXIES", get("TRUSTED_PROXIES", "0"), 0, 10, "a number of proxies"),
    )


@functools.lru_cache(maxsize=4)
def _settings(*_of_reflex: str | None) -> Settings:
    try:
        return load(os.environ, Path(os.environ.get(f"{PREFIX}ENV_FILE") or ROOT / ".env"))
    except BadSetting as error:
        raise SystemExit(str(error)) from None


def settings() -> Settings:
    """Return the settings of this process; on a bad value print its line and end the process with code 1."""
    # Reflex chooses the ports of development after its configuration, and with it these settings, were first read.
    return _settings(*(os.environ.get(name) for name in ("REFLEX_ENV_MODE", "REFLEX_FRONTEND_PORT", "REFLEX_BACKEND_PORT")))
