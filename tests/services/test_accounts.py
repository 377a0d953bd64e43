"""Who may come in by a provider, and what people see and change of their own account."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from sqlmodel import delete, select, update

from app import db
from app.models import AuditEvent, Identity, Installation, Membership, Passkey, User, now
from app.services import accounts, invitations, sessions, ways_in
from app.services.access import Actor, Role
from app.services.accounts import Arrived
from app.services.arrival import Arrival, shown
from app.services.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from app.settings import _settings
from tests.conftest import Cast, add_actor

ISSUER = "https://id.example"
DANA = Arrival("keycloak", ISSUER, "dana-1", "Dana Vega", "dana@team.example", True, label="dana@team.example")


@pytest.fixture
def policy(cast: Cast, configure: pytest.MonkeyPatch):
    """Return a function that sets variables; one OpenID provider is configured, and nobody may join."""

    def set_(**variables: str) -> None:
        for name, value in variables.items():
            configure.setenv(f"SEAMWATCH_{name}", value)
        _settings.cache_clear()

    set_(OIDC_KEYCLOAK_ISSUER=ISSUER, OIDC_KEYCLOAK_CLIENT_ID="id", OIDC_KEYCLOAK_CLIENT_SECRET="secret")
    set_(GITHUB_CLIENT_ID="id", GITHUB_CLIENT_SECRET="secret")
    return set_


async def install(cast: Cast) -> None:
    async with db.transaction() as session:
        session.add(Installation(owner_id=cast.alice.user_id, workspace_id=cast.alice.workspace_id))


async def in_browser(who: Actor | Arrived) -> Actor:
    """Return the actor of a new session."""
    secret = await sessions.create(who.user_id, who.workspace_id, "keycloak")
    actor = await sessions.actor(f"seam={secret}")
    assert actor is not None
    return actor


async def role_in(arrived: Arrived) -> str:
    async with db.reading() as session:
        return (await session.get_one(Membership, (arrived.workspace_id, arrived.user_id))).role


# Who may join


async def test_without_a_rule_nobody_joins(policy, cast: Cast):
    await install(cast)
    with pytest.raises(Forbidden, match=r"dana@team\.example has no account here"):
        await accounts.arrive(DANA)
    async with db.reading() as session:
        assert len((await session.exec(select(User))).all()) == 3


@pytest.mark.parametrize("email", ["dana@team.example", "Dana@TEAM.Example"])
async def test_a_verified_address_of_a_listed_domain_joins_the_first_workspace(policy, cast: Cast, email: str):
    await install(cast)
    policy(JOIN_DOMAINS="other.example, team.example", JOIN_ROLE="editor")
    arrived = await accounts.arrive(replace(DANA, email=email))
    assert arrived.workspace_id == cast.alice.workspace_id
    assert await role_in(arrived) == "editor"
    async with db.reading() as session:
        actions = (await session.exec(select(AuditEvent.action).where(AuditEvent.actor_user_id == arrived.user_id))).all()
    assert list(actions) == ["member.joined", "identity.linked"]


@pytest.mark.parametrize(
    "arrival",
    [
        replace(DANA, email_verified=False),
        replace(DANA, email="dana@sub.team.example"),
        replace(DANA, email="dana@team.example.evil.example"),
        replace(DANA, email="dana@evil.example,x@team.example"),
        replace(DANA, email="dana@evil.example@team.example"),
        replace(DANA, email="dana @team.example"),
        replace(DANA, email="team.example"),
        replace(DANA, email=""),
    ],
)
async def test_other_addresses_do_not_join_by_domain(policy, cast: Cast, arrival: Arrival):
    await install(cast)
    policy(JOIN_DOMAINS="team.example")
    with pytest.raises(Forbidden):
        await accounts.arrive(arrival)


async def test_an_unverified_address_of_a_listed_domain_is_told_to_verify_it(policy, cast: Cast):
    await install(cast)
    policy(JOIN_DOMAINS="team.example")
    with pytest.raises(Forbidden, match=r"Keycloak has not verified the e-mail address dana@team\.example"):
        await accounts.arrive(replace(DANA, email_verified=False))


async def test_a_member_of_a_listed_organisation_joins(policy, cast: Cast):
    await install(cast)
    policy(JOIN_GITHUB_ORGS="acme")
    octo = Arrival("github", "https://github.com", "1", "Octo", orgs=("Other", "ACME"))
    assert await role_in(await accounts.arrive(octo)) == "viewer"
    with pytest.raises(Forbidden):
        await accounts.arrive(replace(octo, subject="2", orgs=("acme-2",)))


async def test_before_there_is_an_owner_no_domain_joins(policy):
    policy(JOIN_DOMAINS="team.example")
    with pytest.raises(Forbidden, match="has no owner yet"):
        await accounts.arrive(DANA)


async def test_where_anybody_may_join_each_has_a_workspace_of_their_own(policy, cast: Cast):
    policy(JOIN_OPEN="on")
    dana = await accounts.arrive(DANA)
    emil = await accounts.arrive(replace(DANA, subject="emil-1"))
    assert dana.workspace_id != emil.workspace_id
    assert await role_in(dana) == await role_in(emil) == "owner"


async def test_an_invitation_lets_in_whom_no_rule_does_and_works_once(policy, cast: Cast):
    alice = await in_browser(cast.alice)
    token = (await invitations.make(alice, "editor")).link.partition("token=")[2]
    arrived = await accounts.arrive(DANA, token)
    assert arrived.workspace_id == cast.alice.workspace_id
    assert await role_in(arrived) == "editor"
    assert await accounts.arrive(DANA, token) == arrived  # in a second tab, the same one
    with pytest.raises(Forbidden, match="used already"):
        await accounts.arrive(replace(DANA, subject="emil-1"), token)


async def test_who_has_a_workspace_is_asked_before_an_invitation_counts(policy, cast: Cast):
    policy(JOIN_OPEN="on")
    arrived = await accounts.arrive(DANA)
    token = (await made(await in_browser(cast.alice))).partition("token=")[2]
    assert await accounts.arrive(DANA, token) == replace(arrived, asked=True)  # a link to the sign-in that anybody may have written
    assert await accounts.arrive(DANA, "x" * 43) == replace(arrived, asked=True)  # its page says that there is none
    async with db.reading() as session:
        assert await session.get(Membership, (cast.alice.workspace_id, arrived.user_id)) is None


async def test_who_is_in_no_workspace_any_more_joins_by_an_invitation(policy, cast: Cast):
    policy(JOIN_OPEN="on")
    arrived = await accounts.arrive(DANA)
    async with db.transaction() as session:
        await session.exec(delete(Membership).where(Membership.user_id == arrived.user_id))  # pyright: ignore[reportArgumentType]
    token = (await made(await in_browser(cast.alice))).partition("token=")[2]
    assert await accounts.arrive(DANA, token) == Arrived(arrived.user_id, cast.alice.workspace_id)


async def test_a_wrong_invitation_makes_no_account(policy, cast: Cast):
    with pytest.raises(Forbidden):
        await accounts.arrive(DANA, "x" * 43)
    async with db.reading() as session:
        assert len((await session.exec(select(User))).all()) == 3


async def test_many_arrivals_at_once_make_one_user(policy, cast: Cast):
    policy(JOIN_OPEN="on")
    arrived = await asyncio.gather(*(accounts.arrive(DANA) for _ in range(5)))
    assert len(set(arrived)) == 1


async def test_who_left_every_workspace_is_judged_anew(policy, cast: Cast):
    await install(cast)
    policy(JOIN_DOMAINS="team.example")
    arrived = await accounts.arrive(DANA)
    async with db.transaction() as session:
        await session.exec(delete(Membership).where(Membership.user_id == arrived.user_id))  # pyright: ignore[reportArgumentType]
    assert await accounts.arrive(DANA) == arrived
    async with db.transaction() as session:
        await session.exec(delete(Membership).where(Membership.user_id == arrived.user_id))  # pyright: ignore[reportArgumentType]
    policy(JOIN_DOMAINS="")
    with pytest.raises(Forbidden):
        await accounts.arrive(DANA)


async def test_the_next_session_starts_in_the_workspace_last_used(policy, cast: Cast):
    policy(JOIN_OPEN="on")
    arrived = await accounts.arrive(DANA)
    alice = await in_browser(cast.alice)
    async with db.transaction() as session:
        await invitations.accept(session, arrived.user_id, (await made(alice)).partition("token=")[2])
    assert (await accounts.arrive(DANA)).workspace_id == arrived.workspace_id
    await sessions.create(arrived.user_id, cast.alice.workspace_id, "keycloak")
    assert (await accounts.arrive(DANA)).workspace_id == cast.alice.workspace_id


async def made(actor: Actor) -> str:
    return (await invitations.make(actor, "viewer")).link


async def test_a_disabled_user_is_refused(policy, cast: Cast):
    policy(JOIN_OPEN="on")
    await accounts.arrive(DANA)
    async with db.transaction() as session:
        await session.exec(update(User).values(disabled_at=now()))
    with pytest.raises(Forbidden, match="disabled"):
        await accounts.arrive(DANA)


@pytest.mark.parametrize("subject", ["", "x" * 256])
def test_an_identity_without_a_usable_subject_is_none(subject: str):
    with pytest.raises(Forbidden):
        Arrival("github", ISSUER, subject)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (" Dana \n Vega\x00", "Dana Vega"),
        (None, ""),
        (7, ""),
        ({"a": 1}, ""),
        ("x" * 500, "x" * 120),
        ("\u202eevil", "evil"),
        ("\ud800", ""),
    ],
)
def test_a_name_that_a_provider_sent_is_one_line_of_visible_characters(sent: object, kept: str):
    assert shown(sent, 120) == kept


# One's own account


@pytest.fixture
async def dana(policy, cast: Cast) -> Actor:
    policy(JOIN_OPEN="on")
    return await in_browser(await accounts.arrive(DANA))


async def test_the_profile_lists_identities_and_what_can_be_linked(dana: Actor):
    profile = await accounts.profile(dana)
    assert (profile.name, profile.email) == ("Dana Vega", "dana@team.example")
    [row] = profile.identities
    assert (row.provider_label, row.label, row.only_way_in) == ("Keycloak", "dana@team.example", True)
    assert [button.key for button in profile.linkable] == ["github"]


async def test_the_only_way_in_cannot_be_unlinked(dana: Actor):
    [row] = (await accounts.profile(dana)).identities
    with pytest.raises(Conflict, match="only way in"):
        await accounts.unlink(dana, row.id)


async def test_the_owner_can_unlink_the_last_identity_since_the_console_prints_a_link(dana: Actor):
    async with db.transaction() as session:
        session.add(Installation(owner_id=dana.user_id, workspace_id=dana.workspace_id))
    [row] = (await accounts.profile(dana)).identities
    assert not row.only_way_in
    await accounts.unlink(dana, row.id)


async def test_with_a_passkey_the_last_identity_can_be_unlinked(dana: Actor):
    [row] = (await accounts.profile(dana)).identities
    async with db.transaction() as session:
        session.add(Passkey(user_id=dana.user_id, name="Key", credential_id=b"1", public_key=b"2"))
    await accounts.unlink(dana, row.id)
    async with db.reading() as session:
        assert not (await session.exec(select(Identity))).all()


async def test_of_two_identities_unlinked_at_once_one_stays(dana: Actor):
    await accounts.arrive(Arrival("github", "https://github.com", "1", label="dana"), link_user_id=dana.user_id)
    ids = [row.id for row in (await accounts.profile(dana)).identities]
    results = await asyncio.gather(*(accounts.unlink(dana, one) for one in ids), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "NoneType"]


async def test_an_identity_of_a_provider_that_is_gone_does_not_count_as_a_way_in(dana: Actor, policy):
    await accounts.arrive(Arrival("github", "https://github.com", "1", label="dana"), link_user_id=dana.user_id)
    policy(GITHUB_CLIENT_ID="", GITHUB_CLIENT_SECRET="")
    mine = {row.provider: row for row in (await accounts.profile(dana)).identities}
    assert (mine["keycloak"].only_way_in, mine["github"].only_way_in) == (True, False)
    with pytest.raises(Conflict):
        await accounts.unlink(dana, mine["keycloak"].id)
    await accounts.unlink(dana, mine["github"].id)


@pytest.mark.parametrize("wrong", ["", "x" * 16, "x" * 5000, None, 7, True, [], {"a": 1}, "\ud800"])
async def test_an_identity_id_that_is_not_mine_is_not_found(dana: Actor, wrong: object):
    with pytest.raises(NotFound):
        await accounts.unlink(dana, wrong)


async def test_charlie_cannot_unlink_what_is_danas(dana: Actor, cast: Cast):
    [row] = (await accounts.profile(dana)).identities
    charlie = await in_browser(cast.charlie)
    with pytest.raises(NotFound) as theirs:
        await accounts.unlink(charlie, row.id)
    with pytest.raises(NotFound) as none:
        await accounts.unlink(charlie, "x" * 16)
    assert theirs.value.message == none.value.message


async def test_a_new_name_counts_at_once_and_stands_in_the_log(dana: Actor):
    await accounts.rename(dana, "  Dana V. ")
    again = await sessions.actor_of(dana.session)
    assert again is not None
    assert again.name == "Dana V."
    async with db.reading() as session:
        event = (await session.exec(select(AuditEvent).where(AuditEvent.action == "user.changed"))).one()
    assert (event.before, event.after) == ("Dana Vega", "Dana V.")


@pytest.mark.parametrize("wrong", ["", "  ", "x" * 121, "a\nb", None, 7, ["Dana"], "\ud800"])
async def test_a_name_that_cannot_be_used_is_refused(dana: Actor, wrong: object):
    with pytest.raises(Invalid):
        await accounts.rename(dana, wrong)


async def test_nobody_and_tokens_have_no_profile(dana: Actor):
    with pytest.raises(Unauthenticated):
        await accounts.profile(None)
    with pytest.raises(Forbidden):
        await accounts.profile(replace(dana, token="t"))


# The ways in


async def test_the_options_name_what_to_register(policy, database: Path):
    options = await ways_in.options()
    assert [(one.key, one.redirect_uri) for one in options.providers] == [
        ("github", "http://localhost:3000/auth/callback/github"),
        ("keycloak", "http://localhost:3000/auth/callback/keycloak"),
    ]
    assert not options.passkeys
    await add_actor("Erin", Role.OWNER)
