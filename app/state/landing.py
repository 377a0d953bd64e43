"""The start page: one address, and the examples when they run."""

from collections.abc import Iterable
from dataclasses import dataclass

import reflex as rx

from app.services import scans
from app.services.errors import Invalid, SeamwatchError, Unauthenticated
from app.services.instance import DemoTarget, facts
from app.services.scan_form import ScanForm
from app.state.gate import public
from app.state.session import actor_of
from app.state.shown import new_scan_path, sign_in_path


@dataclass(frozen=True, slots=True)
class ExampleVariant:
    word: str  # "in order", "broken"
    description: str
    page_url: str
    api_url: str
    name: str  # of example and variant, for screen readers


@dataclass(frozen=True, slots=True)
class ExampleCard:
    name: str
    description: str
    variants: list[ExampleVariant]


class LandingState(rx.State):
    """What was typed wrongly, and the examples."""

    error: rx.Field[str] = rx.field("")
    busy: rx.Field[bool] = rx.field(False)
    examples: rx.Field[list[ExampleCard]] = rx.field(default_factory=list)

    @rx.event
    @public
    async def load(self):
        self.error, self.busy = "", False
        self.examples = _cards(facts().demo)

    @rx.event
    @public
    async def scan(self, form: dict[str, str]):
        """Start a scan of the address; the signed-out are told how to get in, and keep what they typed."""
        async for event in self._start(str(form.get("url", ""))[:4000], ""):
            yield event

    @rx.event
    @public
    async def scan_example(self, page_url: str, api_url: str):
        async for event in self._start(str(page_url)[:4000], str(api_url)[:4000]):
            yield event

    async def _start(self, page_url: str, api_url: str):
        self.error, self.busy = "", True
        yield
        try:
            scan_id = await scans.start(await actor_of(self), ScanForm(page_url, api_url))
            yield rx.redirect(f"/scans/{scan_id}")
        except Unauthenticated:
            yield rx.redirect(sign_in_path(new_scan_path(page_url, api_url)))
        except Invalid as error:
            self.error = error.message
            yield rx.set_focus("url")
        except SeamwatchError as error:
            self.error = error.message
        finally:
            self.busy = False


def _cards(targets: Iterable[DemoTarget]) -> list[ExampleCard]:
    """Put the variants of an example ("Notes", "Notes, broken") on one card, in the order listed."""
    cards: dict[str, ExampleCard] = {}
    for target in targets:
        name, _, word = target.name.partition(", ")
        card = cards.setdefault(name, ExampleCard(name, target.description, []))
        said = "" if target.description == card.description else target.description
        card.variants.append(ExampleVariant(word or "in order", said, target.page_url, target.api_url, target.name))
    return list(cards.values())
