"""Which identity providers the settings name, and which values cannot be used."""

import pytest

from app.settings import BadSetting, load

PAIR = {"SEAMWATCH_OIDC_KC_CLIENT_ID": "id", "SEAMWATCH_OIDC_KC_CLIENT_SECRET": "secret"}


@pytest.mark.parametrize(
    "issuer",
    ["https://id.example", "https://id.example/realms/main/", "http://localhost:94", "http://127.0.0.1:94", "http://[::1]:94"],
)
def test_an_issuer_is_kept_to_the_letter(tmp_path, issuer: str):
    [provider] = load({**PAIR, "SEAMWATCH_DATA_DIR": str(tmp_path), "SEAMWATCH_OIDC_KC_ISSUER": issuer}).providers
    assert (provider.key, provider.issuer, provider.scope) == ("kc", issuer, "openid email profile")


@pytest.mark.parametrize(
    "issuer",
    [
        "http://id.example", "http://localhost.evil.example", "http://127.0.0.1.evil.example", "ftp://id.example", "id.example",
        "https://", "https://id.example?x=1", "https://id.example#x", "https://user@id.example",
    ],
)  # fmt: skip
def test_an_issuer_whose_answers_could_be_changed_on_the_way_is_refused(tmp_path, issuer: str):
    with pytest.raises(BadSetting, match="SEAMWATCH_OIDC_KC_ISSUER"):
        load({**PAIR, "SEAMWATCH_DATA_DIR": str(tmp_path), "SEAMWATCH_OIDC_KC_ISSUER": issuer})


@pytest.mark.parametrize(("set_", "asked"), [("email", "openid email"), ("openid,email", "openid email"), ("openid", "openid")])
def test_openid_is_always_asked_for(tmp_path, set_: str, asked: str):
    given = {**PAIR, "SEAMWATCH_DATA_DIR": str(tmp_path), "SEAMWATCH_OIDC_KC_ISSUER": "https://id.example", "SEAMWATCH_OIDC_KC_SCOPE": set_}
    [provider] = load(given).providers
    assert provider.scope == asked
    assert "secret" not in repr(provider)
