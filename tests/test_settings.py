"""Settings: what a bad value is answered with, what the defaults are, and which combinations are refused."""

import os
import re
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.settings import ROOT, BadSetting, Settings, load, read_env_file


def read(tmp_path: Path, **values: str) -> Settings:
    return load({"SEAMWATCH_DATA_DIR": str(tmp_path), **{f"SEAMWATCH_{name}": value for name, value in values.items()}})


def test_defaults_serve_localhost_and_let_only_it_in(tmp_path: Path):
    settings = read(tmp_path)
    assert (settings.public_url, settings.host, settings.port) == ("http://localhost:3000", "127.0.0.1", 3000)
    assert settings.allowed_origins == ("http://localhost:3000", "http://127.0.0.1:3000")
    assert settings.allowed_hosts == {"localhost:3000", "127.0.0.1:3000"}
    assert settings.database_url == f"sqlite+aiosqlite:///{tmp_path}/seamwatch.db"
    assert settings.private_targets
    assert not settings.https


def test_a_key_is_made_once_readable_by_its_owner_only(tmp_path: Path):
    first, second = read(tmp_path), read(tmp_path)
    assert first.secret_key == second.secret_key
    assert len(first.secret_key) >= 32
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600


def test_settings_that_are_printed_tell_no_secret(tmp_path: Path):
    secrets = {"SECRET_KEY": "k" * 40, "DATABASE_URL": "postgresql://u:hunter2@db/x", "VALKEY_URL": "valkey://:hunter2@v/0"}
    provider = {"GITHUB_CLIENT_ID": "id", "GITHUB_CLIENT_SECRET": "hunter2"}
    printed = repr(read(tmp_path, VAULT_KEYS=f"{'A' * 43}=", **secrets, **provider))
    assert not [word for word in ("hunter2", "k" * 40, "A" * 43) if word in printed]


def test_an_empty_key_file_is_not_taken_for_a_key(tmp_path: Path):
    (tmp_path / "secret_key").touch()
    with pytest.raises(BadSetting, match="holds no key"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PORT", "abc", "SEAMWATCH_PORT: 'abc' is not a port number (1 to 65535)."),
        ("PORT", "0", "is not a port number"),
        ("PORT", "65536", "is not a port number"),
        ("PORT", "３０００", "is not a port number"),
        ("PUBLIC_URL", "seam.example", "is not an origin"),
        ("PUBLIC_URL", "https://seam.example/app", "is not an origin"),
        ("PUBLIC_URL", "https://user@seam.example", "is not an origin"),
        ("PUBLIC_URL", "https://seam.example:port", "is not an origin"),
        ("PUBLIC_URL", "http://seam.example", "in clear text"),
        ("ALLOWED_ORIGINS", "*", "would let any page"),
        ("ALLOWED_ORIGINS", "null", "would let any page"),
        ("ALLOWED_ORIGINS", "https://a.example, b", "is not an origin"),
        ("HOST", "everywhere", "is not an IP address"),
        ("DATABASE_URL", "mysql://root:hunter2@db/x", "neither sqlite"),
        ("SECRET_KEY", "short", "shorter than 32"),
        ("PRIVATE_TARGETS", "maybe", "neither on nor off"),
        ("CA_FILE", "/no/such/file.pem", "there is no file"),
        ("RESOLVE", "app.example:443", "is not host:port:address"),
        ("RESOLVE", "app.example:443:nowhere", "is not host:port:address"),
        ("MAX_SCANS", "0", "is not a number of scans"),
    ],
)
def test_a_bad_value_is_named_in_one_line(tmp_path: Path, name: str, value: str, said: str):
    with pytest.raises(BadSetting) as raised:
        read(tmp_path, **{name: value})
    assert str(raised.value).startswith(f"SEAMWATCH_{name}: ")
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_a_bad_value_ends_the_process_with_its_line_alone(tmp_path: Path):
    ended = subprocess.run(
        [sys.executable, "-c", "from app.settings import settings; settings()"],
        cwd=ROOT,
        env={**os.environ, "SEAMWATCH_PORT": "abc"},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1
    assert ended.stderr == "SEAMWATCH_PORT: 'abc' is not a port number (1 to 65535).\n"


def test_an_unencrypted_origin_beside_an_encrypted_address_is_refused(tmp_path: Path):
    with pytest.raises(BadSetting, match="is not encrypted"):
        read(tmp_path, PUBLIC_URL="https://seam.example", ALLOWED_ORIGINS="http://seam.example")


def test_behind_a_proxy_on_the_same_machine_private_targets_are_off(tmp_path: Path):
    assert not read(tmp_path, PUBLIC_URL="https://seam.example").private_targets
    assert not read(tmp_path, HOST="0.0.0.0").private_targets
    assert read(tmp_path, HOST="0.0.0.0", PRIVATE_TARGETS="on").private_targets


def test_a_public_address_lets_in_itself_and_the_health_check_on_the_machine(tmp_path: Path):
    settings = read(tmp_path, PUBLIC_URL="https://seam.example:443/", PORT="8080")
    assert settings.allowed_origins == ("https://seam.example",)
    assert settings.allowed_hosts == {"seam.example", "localhost:8080", "127.0.0.1:8080"}
    assert settings.https


def test_development_on_two_ports_lets_both_in_and_names_the_one_with_our_routes(tmp_path: Path):
    environ = {"SEAMWATCH_DATA_DIR": str(tmp_path), "REFLEX_ENV_MODE": "dev", "REFLEX_FRONTEND_PORT": "3000", "REFLEX_BACKEND_PORT": "8000"}
    settings = load(environ)
    assert {"http://localhost:3000", "http://localhost:8000"} <= set(settings.allowed_origins)
    assert "localhost:8000" in settings.allowed_hosts
    assert settings.backend_url == "http://localhost:8000"
    assert read(tmp_path).backend_url == "http://localhost:3000"


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("sqlite:////srv/seam.db", "sqlite+aiosqlite:////srv/seam.db"),
        ("sqlite:///var/other.db", f"sqlite+aiosqlite:///{ROOT}/var/other.db"),
        ("postgres://u:p@db:5432/seam", "postgresql+asyncpg://u:p@db:5432/seam"),
        ("postgresql+psycopg://u:p@db/seam", "postgresql+asyncpg://u:p@db/seam"),
    ],
)
def test_a_database_address_gets_the_asynchronous_driver(tmp_path: Path, given: str, used: str):
    assert read(tmp_path, DATABASE_URL=given).database_url == used


def test_resolve_entries_stand_in_for_dns(tmp_path: Path):
    settings = read(tmp_path, RESOLVE="App.example:443:10.0.0.7, api.example:8000:[::1]")
    assert settings.resolve == (("app.example:443", "10.0.0.7"), ("api.example:8000", "::1"))


def test_the_environment_wins_over_the_file(tmp_path: Path):
    file = tmp_path / ".env"
    file.write_text("# ours\nexport SEAMWATCH_PORT=4000 # not 3000\nSEAMWATCH_MAX_SCANS='7'\n\nnonsense\n")
    assert read_env_file(file) == {"SEAMWATCH_PORT": "4000", "SEAMWATCH_MAX_SCANS": "7"}
    settings = load({"SEAMWATCH_DATA_DIR": str(tmp_path), "SEAMWATCH_PORT": "5000"}, file)
    assert (settings.port, settings.max_scans) == (5000, 7)


def test_the_example_file_names_every_setting_and_changes_nothing(tmp_path: Path):
    names = set(read_env_file(ROOT / ".env.example"))
    text = "".join(path.read_text() for path in (ROOT / "app" / "settings").glob("*.py"))
    read_by_us = set(re.findall(r'(?<!\.)get\("([A-Z_]+)"', text)) - {"GOOGLE_ISSUER", "GITHUB_API_URL"}  # stand-ins, for tests
    read_by_us |= {f"{key}_CLIENT_{half}" for key in re.findall(r'_pair\(get, "([A-Z]+)"', text) for half in ("ID", "SECRET")}
    assert {f"SEAMWATCH_{name}" for name in read_by_us} == names
    assert load({"SEAMWATCH_DATA_DIR": str(tmp_path)}, ROOT / ".env.example") == read(tmp_path)


def test_of_many_that_start_at_once_all_have_the_same_key(tmp_path: Path):
    with ThreadPoolExecutor(16) as starters:
        keys = set(starters.map(lambda _: read(tmp_path).secret_key, range(64)))
    assert len(keys) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600
