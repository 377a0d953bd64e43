"""Every permission decision: who may do what, and what the others are told."""

import pytest

from app.services.access import RULES, Action, Actor, Role, may, require
from app.services.errors import Forbidden, Unauthenticated


def actor(role: Role) -> Actor:
    return Actor(1, "Bob", 1, "Alice's workspace", role)


def test_every_action_names_the_least_role_that_may():
    assert set(RULES) == set(Action)


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (Role.OWNER, set(Action)),
        (Role.ADMIN, set(Action) - {Action.TRANSFER_WORKSPACE, Action.DELETE_WORKSPACE}),
        (
            Role.EDITOR,
            {
                *(Action.READ_SCANS, Action.START_SCANS, Action.CHANGE_SCANS, Action.READ_MEMBERS),
                *(Action.READ_SECRETS, Action.CHANGE_SECRETS, Action.MAKE_PERSONAL_TOKENS),
                *(Action.READ_MONITORS, Action.CHANGE_MONITORS, Action.RUN_CHECKS),
            },
        ),
        (Role.VIEWER, {Action.READ_SCANS, Action.READ_MONITORS, Action.READ_MEMBERS, Action.MAKE_PERSONAL_TOKENS}),
    ],
)
def test_what_each_role_may(role: Role, allowed: set[Action]):
    assert {action for action in Action if may(actor(role), action)} == allowed


@pytest.mark.parametrize("action", Action)
def test_nobody_may_do_anything(action: Action):
    assert not may(None, action)
    with pytest.raises(Unauthenticated, match="not signed in"):
        require(None, action)


def test_a_viewer_is_told_who_can():
    with pytest.raises(Forbidden, match=r"You are a viewer here and may not start scans. Editors can\."):
        require(actor(Role.VIEWER), Action.START_SCANS)
