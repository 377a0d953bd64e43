"""What a provider publishes about itself, judged: OpenID Connect Discovery 1.0, RFC 8414, RFC 7517."""

from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from app.core.openid import OAUTH, OPENID, addresses, keys_of, metadata_problems

ISSUER = "https://id.example/realms/shop"
RSA = RSAKey.generate_key(2048).as_dict(private=False)
EC = ECKey.generate_key("P-256").as_dict(private=False)
ED = OKPKey.generate_key("Ed25519").as_dict(private=False)


def document(issuer: str = ISSUER, /, **changed: Any) -> dict[str, Any]:
    made = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "jwks_uri": f"{issuer}/jwks",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }
    return {name: value for name, value in (made | changed).items() if value is not None}


def test_the_metadata_of_an_issuer_with_a_path_stands_at_two_places():
    assert addresses(f"{ISSUER}/") == (
        (OPENID, "https://id.example/realms/shop/.well-known/openid-configuration"),
        (OAUTH, "https://id.example/.well-known/oauth-authorization-server/realms/shop"),
    )


def test_metadata_as_the_standard_wants_it_has_no_problem():
    assert list(metadata_problems(document(), ISSUER, OPENID, ("RS256",))) == []
    local = "http://localhost:8080"
    assert list(metadata_problems(document(local), local, OPENID, ("RS256",))) == []


@pytest.mark.parametrize(
    ("changed", "warns", "words"),
    [
        ({"issuer": f"{ISSUER}/"}, False, "the slash at the end counts"),
        ({"issuer": "https://other.example"}, False, "“https://other.example”, not “https://id.example/realms/shop”"),
        ({"issuer": None}, False, "The issuer in it is missing"),
        ({"issuer": 7}, False, "The issuer in it is missing"),
        ({"token_endpoint": "http://id.example/token"}, False, "token_endpoint is http, not https"),
        ({"userinfo_endpoint": "http://10.0.0.1/userinfo"}, False, "userinfo_endpoint is http"),
        ({"jwks_uri": "/jwks"}, False, "jwks_uri is not an absolute address"),
        ({"jwks_uri": 5}, False, "jwks_uri is not an address"),
        ({"jwks_uri": "http://["}, False, "jwks_uri is not an absolute address"),
        ({"jwks_uri": None}, False, "jwks_uri is missing"),
        ({"authorization_endpoint": None}, False, "authorization_endpoint is missing"),
        ({"token_endpoint": None}, False, "token_endpoint is missing"),
        ({"subject_types_supported": None}, True, "subject_types_supported is missing"),
        ({"id_token_signing_alg_values_supported": ["ES256"]}, False, "does not list RS256"),
        ({"id_token_signing_alg_values_supported": ["RS256", "none"]}, True, "lists none"),
    ],
)
def test_what_is_wrong_with_the_metadata_is_said(changed: dict[str, Any], warns: bool, words: str):
    (problem,) = metadata_problems(document(**changed), ISSUER, OPENID, ("RS256",))
    assert problem.warns == warns
    assert words in problem.text


def test_an_implicit_only_provider_needs_no_token_endpoint_and_an_oauth_server_no_keys():
    implicit = document(token_endpoint=None, response_types_supported=["id_token"])
    assert list(metadata_problems(implicit, ISSUER, OPENID, ("RS256",))) == []
    oauth = document(jwks_uri=None, id_token_signing_alg_values_supported=None, subject_types_supported=None)
    assert list(metadata_problems(oauth, ISSUER, OAUTH, ())) == []


def test_an_issuer_without_tls_warns_unless_it_is_on_this_machine():
    issuer = "http://id.example"
    problems = list(metadata_problems(document(issuer), issuer, OPENID, ("RS256",)))
    assert problems
    assert all(problem.warns for problem in problems)


@pytest.mark.parametrize(
    ("key", "algorithms"),
    [
        (RSA, {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
        ({**RSA, "alg": "RS256", "use": "sig", "key_ops": ["verify"]}, {"RS256"}),
        (EC, {"ES256"}),
        (ED, {"EdDSA"}),
        ({**ED, "alg": "Ed25519"}, {"EdDSA"}),
        ({**EC, "alg": "RS256"}, set()),
    ],
)
def test_keys_verify_what_their_type_curve_and_algorithm_allow(key: dict[str, Any], algorithms: set[str]):
    (found,), problems = keys_of({"keys": [{**key, "kid": "a"}]})
    assert (found.algorithms, problems) == (algorithms, ())


@pytest.mark.parametrize("key", [{**RSA, "use": "enc"}, {**RSA, "key_ops": ["encrypt"]}, {"kty": "future"}, {}, 7, {**ED, "crv": "X25519"}])
def test_keys_for_other_uses_and_of_unknown_types_are_passed_over(key: Any):
    assert keys_of({"keys": [key]}) == ((), ())


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ({**RSA, "n": "!!"}, "its numbers make no key"),
        ({**RSA, "n": 7}, "as text"),
        ({**EC, "x": EC["y"]}, "its numbers make no key"),
        ({**EC, "crv": "P-9"}, "its numbers make no key"),
        ({**RSA, "n": "A" * 100_000}, "as text"),
        ({**RSA, "n": RSA["n"][:170]}, "it has 10"),
    ],
)
def test_keys_that_cannot_be_used_are_named(key: Any, words: str):
    keys, (problem,) = keys_of({"keys": [{**key, "kid": "broken-one"}]})
    assert (keys, problem.warns) == ((), True)
    assert "broken-one" in problem.text
    assert words in problem.text


@pytest.mark.parametrize(
    "key", [ECKey.generate_key("P-256").as_dict(private=True), OctKey.generate_key(256).as_dict(private=True), {"kty": "RSA", "d": "AQAB"}]
)
def test_a_private_key_that_is_published_is_the_worst(key: Any):
    keys, (problem,) = keys_of({"keys": [key]})
    assert (keys, problem.warns) == ((), False)
    assert "can sign tokens" in problem.text


def test_key_ids_tell_keys_apart():
    _, problems = keys_of({"keys": [{**RSA, "kid": "a"}, {**EC, "kid": "a"}]})
    assert problems == ()  # of two types, as in a rotation
    _, problems = keys_of({"keys": [{**RSA, "kid": "a"}, {**RSA, "kid": "a"}]})
    assert [problem.text for problem in problems] == ["Two keys have the kid a."]
    nameless = {name: value for name, value in EC.items() if name != "kid"}
    _, problems = keys_of({"keys": [{**RSA, "kid": "a"}, nameless]})
    assert "not each has a kid" in problems[0].text


@pytest.mark.parametrize("document", [{}, {"keys": {}}, {"keys": "none"}])
def test_what_is_no_key_set_is_said(document: dict[str, Any]):
    keys, (problem,) = keys_of(document)
    assert (keys, problem.text) == ((), "The key set has no list of keys.")
