"""The examples in a real Chromium: the right ones work without a word in the console, the broken ones fail as browsers make them fail."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Error, Page, expect

from examples.manifest import every_variant
from examples.runner import Offer

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]
Offers = dict[tuple[str, str], Offer]
TIMEOUT_MS = 20_000


class Watched:
    """A tab that remembers what its console and its uncaught errors said."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.said: list[str] = []
        page.on("console", self._note)
        page.on("pageerror", self._note_error)

    def _note_error(self, error: Error) -> None:
        self.said.append(str(error))

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.said.append(message.text)

    async def open(self, offer: Offer) -> None:
        await self.page.goto(offer.page_url)

    async def leave(self) -> None:
        """Leave the tab as it was: nothing shown, heard or stored. Examples store cookies and nothing else."""
        await self.page.goto("about:blank")
        await self.page.unroute_all()
        await self.page.context.clear_cookies()
        self.page.remove_listener("console", self._note)
        self.page.remove_listener("pageerror", self._note_error)

    async def status_is(self, text: str) -> None:
        await expect(self.page.locator("[role=status]").first).to_have_text(text)

    async def hears(self, part: str) -> None:
        """Wait until the console has said this."""
        while not any(part in said for said in self.said):
            await self.page.wait_for_event("console", timeout=TIMEOUT_MS)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def only_page(browser: Browser) -> AsyncIterator[Page]:
    """One tab for all tests: a process of Chromium's for each costs more than most of them."""
    # The authority of https_reports is thrown away at each start, so the browser is told not to ask who signed.
    context = await browser.new_context(ignore_https_errors=True)
    context.set_default_timeout(TIMEOUT_MS)
    expect.set_options(timeout=TIMEOUT_MS)
    yield await context.new_page()
    await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def tab(only_page: Page) -> AsyncIterator[Watched]:
    watched = Watched(only_page)
    yield watched
    await watched.leave()


@pytest.mark.parametrize("name", dict.fromkeys(example.name for example, _ in every_variant()))
async def test_right_variant_loads_without_a_word_in_the_console(offers: Offers, tab: Watched, name: str):
    await tab.open(offers[name, "right"])
    await tab.page.wait_for_load_state("networkidle" if not offers[name, "right"].example.sockets else "load")
    assert tab.said == []


async def test_shop_sells_and_shows_the_orders_in_place(offers: Offers, tab: Watched):
    await tab.open(offers["flask_shop", "right"])
    await tab.page.get_by_role("link", name="Sign in").click()
    await tab.page.get_by_label("Your name").fill("Bob")
    await tab.page.get_by_role("button", name="Sign in").click()
    await tab.page.get_by_role("link", name="Linen apron").click()
    await tab.page.get_by_role("button", name="Order").click()
    await tab.status_is("1 × Linen apron is on its way.")
    await tab.page.get_by_role("button", name="Show my orders").click()
    await expect(tab.page.locator("#orders")).to_have_text("1 × Linen apron")
    assert tab.said == []


async def test_broken_shop_reads_the_sign_in_page_as_json(offers: Offers, tab: Watched):
    await tab.open(offers["flask_shop", "broken"])
    async with tab.page.expect_event("pageerror"):
        await tab.page.get_by_role("button", name="Show my orders").click()
    assert "Unexpected token '<'" in tab.said[0]
    assert "is not valid JSON" in tab.said[0]


async def test_note_is_kept(offers: Offers, tab: Watched):
    await tab.open(offers["bottle_notes", "right"])
    await tab.page.get_by_label("New note").fill("From Chromium")
    await tab.page.get_by_role("button", name="Keep").click()
    await expect(tab.page.get_by_text("From Chromium")).to_be_visible()
    assert tab.said == []


@pytest.mark.parametrize(
    ("variant", "reason"),
    [
        ("broken", "No 'Access-Control-Allow-Origin' header is present on the requested resource."),
        ("twice", "The 'Access-Control-Allow-Origin' header contains multiple values"),
    ],
)
async def test_broken_notes_may_not_be_read(offers: Offers, tab: Watched, variant: str, reason: str):
    await tab.open(offers["bottle_notes", variant])
    await tab.status_is("Not up to date: Failed to fetch")
    await tab.hears("has been blocked by CORS policy")
    await tab.hears(reason)


async def test_measurement_is_saved_and_deleted(offers: Offers, tab: Watched):
    await tab.open(offers["fastapi_data", "right"])
    await expect(tab.page.locator("#summary")).to_contain_text("on average")
    await tab.page.get_by_label("°C at Harbour").fill("7.5")
    await tab.page.get_by_role("row", name="Harbour").get_by_role("button", name="Save").click()
    await tab.status_is("Harbour is saved.")
    await expect(tab.page.get_by_label("°C at Harbour")).to_have_value("7.5")
    await tab.page.get_by_role("row", name="Old Town").get_by_role("button", name="Delete").click()
    await tab.status_is("Old Town is gone.")
    await expect(tab.page.get_by_text("Old Town", exact=True)).to_have_count(0)
    assert tab.said == []


async def test_broken_measurements_are_shown_but_neither_header_nor_method_is_allowed(offers: Offers, tab: Watched):
    offer = offers["fastapi_data", "broken"]
    await tab.open(offer)
    await expect(tab.page.get_by_label("°C at Harbour")).to_be_visible()
    blocked = "blocked by CORS policy: Response to preflight request doesn't pass access control check: It does not have HTTP ok status."
    await tab.hears(f"Access to fetch at '{offer.api_url}/summary' from origin '{offer.page_url.rstrip('/')}' has been {blocked}")
    await tab.page.get_by_role("row", name="Harbour").get_by_role("button", name="Delete").click()
    await tab.hears(f"Access to fetch at '{offer.api_url}/1' from origin '{offer.page_url.rstrip('/')}' has been {blocked}")


async def add_book(tab: Watched) -> None:
    await tab.page.get_by_label("Title").fill("Solaris")
    await tab.page.get_by_label("Author").fill("Stanisław Lem")
    await tab.page.get_by_role("button", name="Add").click()


async def test_book_is_added(offers: Offers, tab: Watched):
    await tab.open(offers["flask_api", "right"])
    await add_book(tab)
    await tab.status_is("The book is on the shelf.")
    await expect(tab.page.get_by_text("Solaris")).to_be_visible()
    assert tab.said == []


async def test_book_is_not_added_when_the_preflight_is_redirected(offers: Offers, tab: Watched):
    await tab.open(offers["flask_api", "broken"])
    await expect(tab.page.get_by_text("Invisible Cities")).to_be_visible()  # a GET may be redirected
    await add_book(tab)
    await tab.hears("Redirect is not allowed for a preflight request.")


async def test_books_are_not_read_when_the_allowed_origin_ends_in_a_slash(offers: Offers, tab: Watched):
    await tab.open(offers["flask_api", "origin"])
    await tab.hears("No 'Access-Control-Allow-Origin' header is present on the requested resource.")
    # flask-cors shows the misspelt origin to those only who send none; see test_examples_answer.py.


async def pin(tab: Watched, offer: Offer) -> None:
    await tab.open(offer)
    await tab.page.get_by_label("Your name").fill("Charlie")
    await tab.page.get_by_role("button", name="Sign in to pin").click()
    await tab.page.get_by_label("New card").fill("Buy milk")
    async with tab.page.expect_response(lambda response: "/api/cards" in response.url and response.request.method == "GET"):
        await tab.page.get_by_role("button", name="Pin", exact=True).click()


async def test_card_is_pinned_and_unpinned(offers: Offers, tab: Watched):
    await pin(tab, offers["django_hybrid", "right"])
    await expect(tab.page.get_by_text("Buy milk")).to_be_visible()
    await tab.page.get_by_role("button", name="Unpin").click()
    await expect(tab.page.get_by_text("Buy milk")).to_have_count(0)
    assert tab.said == []


async def test_card_is_lost_in_a_redirect(offers: Offers, tab: Watched):
    offer = offers["django_hybrid", "broken"]
    await pin(tab, offer)
    await tab.page.wait_for_load_state("networkidle")
    await expect(tab.page.get_by_text("Buy milk")).to_have_count(0)
    assert tab.said == []  # nothing tells of it: that is what makes it nasty


@pytest.mark.parametrize(
    ("name", "variant", "status"),
    [
        ("flask_chat", "right", "Connected by WebSocket."),
        ("flask_chat", "broken", "Connected by long polling."),
        ("channels_chat", "right", "Connected."),
    ],
)
async def test_message_comes_back_to_everybody(offers: Offers, tab: Watched, browser: Browser, name: str, variant: str, status: str):
    other = await browser.new_page()
    await other.goto(offers[name, variant].page_url)
    await expect(other.locator("#status")).to_have_text(status)
    await tab.open(offers[name, variant])
    await tab.status_is(status)
    await tab.page.get_by_label("Message").fill("Is anybody here?")
    await tab.page.get_by_role("button", name="Send").click()
    for reader in (tab.page, other):
        await expect(reader.locator("#messages")).to_contain_text("Is anybody here?")
    await other.close()
    if variant == "right":
        assert tab.said == []


@pytest.mark.parametrize(("name", "code"), [("flask_chat", 400), ("channels_chat", 404), ("fastapi_ws", 404)])
async def test_websocket_is_refused_when_broken(offers: Offers, tab: Watched, name: str, code: int):
    await tab.open(offers[name, "broken"])
    await tab.hears(f"failed: Error during WebSocket handshake: Unexpected response code: {code}")


async def test_ticker_ticks_and_echo_answers(offers: Offers, tab: Watched):
    await tab.open(offers["fastapi_ws", "right"])
    await expect(tab.page.locator("#price")).not_to_have_text("–")
    await tab.page.get_by_label("Say something").fill("hello")
    await tab.page.get_by_role("button", name="Echo").click()
    await tab.status_is("The server says: hello")
    assert tab.said == []


async def keep_bookmark(tab: Watched) -> None:
    await tab.status_is("Nothing kept yet.")
    await tab.page.get_by_label("Title").fill("The Fetch standard")
    await tab.page.get_by_label("Address").fill("https://fetch.spec.whatwg.org/")
    posted = tab.page.expect_response(lambda response: response.request.method == "POST" and response.status == 201)
    listed = tab.page.expect_response(lambda response: response.request.method == "GET" and "/api/bookmarks" in response.url)
    async with posted, listed:
        await tab.page.get_by_role("button", name="Keep").click()


async def test_bookmark_is_kept_in_the_session(offers: Offers, tab: Watched):
    await tab.open(offers["tortoise_api", "right"])
    await keep_bookmark(tab)
    await expect(tab.page.get_by_role("link", name="The Fetch standard")).to_be_visible()
    await tab.page.get_by_role("button", name="Remove").click()
    await tab.status_is("Nothing kept yet.")
    assert tab.said == []


async def test_bookmarks_are_not_read_when_the_wildcard_meets_credentials(offers: Offers, tab: Watched):
    await tab.open(offers["tortoise_api", "broken"])
    await tab.hears("must not be the wildcard '*' when the request's credentials mode is 'include'")


async def test_bookmark_is_lost_when_the_cookie_is_of_another_site(offers: Offers, tab: Watched):
    await tab.open(offers["tortoise_api", "site"])
    await keep_bookmark(tab)
    await tab.page.wait_for_load_state("networkidle")
    await expect(tab.page.get_by_role("link", name="The Fetch standard")).to_have_count(0)
    await tab.status_is("Nothing kept yet.")


async def test_quotes_and_the_other_route_are_shown(offers: Offers, tab: Watched):
    await tab.open(offers["spa_bundle", "right"])
    await expect(tab.page.get_by_text("Grace Hopper")).to_be_visible()
    await tab.page.get_by_role("link", name="About").click()
    await expect(tab.page.get_by_text("Three quotes, one server")).to_be_visible()
    await tab.page.reload()
    await expect(tab.page.get_by_text("Three quotes, one server")).to_be_visible()
    assert tab.said == []


async def test_removed_chunk_is_taken_for_a_page_when_broken(offers: Offers, tab: Watched):
    await tab.open(offers["spa_bundle", "broken"])
    failed = await tab.page.evaluate('import("/assets/removed.js").catch((error) => error.message)')
    assert "Failed to fetch dynamically imported module" in failed
    await tab.hears('the server responded with a MIME type of "text/html"')


async def test_quotes_are_not_found_at_a_development_address(offers: Offers, tab: Watched):
    # Some machines know this host, and some have no name server that would say quickly that they do not.
    await tab.page.route("http://host.docker.internal:8000/**", lambda route: route.abort("namenotresolved"))
    await tab.open(offers["spa_bundle", "address"])
    await expect(tab.page.locator(".bad")).to_have_text("Failed to fetch")
    await tab.hears("net::ERR_NAME_NOT_RESOLVED")


async def test_reports_follow_the_next_link(offers: Offers, tab: Watched):
    await tab.open(offers["https_reports", "right"])
    await tab.status_is("All reports are up to date.")
    await tab.page.get_by_role("button", name="More").click()
    await expect(tab.page.get_by_text("April 2026: the search")).to_be_visible()
    assert tab.said == []


async def test_plain_http_is_blocked_on_the_secure_page(offers: Offers, tab: Watched):
    offer = offers["https_reports", "broken"]
    await tab.open(offer)
    await tab.hears(f"Mixed Content: The page at '{offer.page_url}' was loaded over HTTPS, but requested an insecure resource")
    await tab.page.get_by_role("button", name="More").click()
    await expect(tab.page.locator("#status")).to_have_text("Failed to fetch")
    await expect(tab.page.get_by_text("April 2026: the search")).to_have_count(0)
