"""Who came back from an identity provider, as it says: checked in form, not yet anybody here."""

from dataclasses import dataclass

from app.services.errors import Forbidden
from app.settings import settings

MAX_ID_CHARS, MAX_LABEL_CHARS, MAX_NAME_CHARS = 255, 320, 120


@dataclass(frozen=True, slots=True)
class Arrival:
    """An identity is (issuer, subject) and nothing else: names and addresses are for people to read."""

    provider: str  # key of the provider in the settings
    issuer: str
    subject: str
    name: str = ""
    email: str = ""
    email_verified: bool = False
    orgs: tuple[str, ...] = ()  # GitHub organisations
    label: str = ""  # the login or address there, for people to tell it by

    def __post_init__(self) -> None:
        if not self.issuer or not 0 < len(self.subject) <= MAX_ID_CHARS or len(self.issuer) > MAX_ID_CHARS:
            raise Forbidden(f"{self.provider_label} did not say who you are.")

    @property
    def provider_label(self) -> str:
        return next((one.label for one in settings().providers if one.key == self.provider), self.provider)


def shown(text: object, most_chars: int) -> str:
    """Return a text that a provider sent as one line of visible characters; "" for anything but text."""
    if not isinstance(text, str):
        return ""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:most_chars].strip()
