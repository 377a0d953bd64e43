# ruff: noqa: E501, SIM102 - the conditions read better whole
"""How the two halves of a site are joined: rendered by the server, decoupled, or both; on one origin, behind a proxy, or on two."""

import re
from collections.abc import Sequence

from app.core.exchange import Exchange, Purpose
from app.core.html import PageFacts, read_page
from app.core.inventory import Inventory, SourceKind
from app.core.observation import is_redirect
from app.core.report import Architecture, Technology
from app.core.urls import origin_of, parse, resolve, same_site

SHELL_CHARS = 200  # fewer visible characters than this, and a page is a shell that scripts fill
MEANINGFUL_CHARS = 400
_UNKNOWN = "unknown"
_SERVER_DRIVEN = frozenset({"Next.js", "Nuxt", "SvelteKit", "Astro", "HTMX", "Inertia", "Turbo", "Alpine.js"})
_COMPONENTS = frozenset({"React", "Vue", "Angular", "Svelte", "AngularJS"})
_TEMPLATING = frozenset({"Flask", "Django", "Bottle", "Rails", "Laravel", "PHP"})
_HASHED = re.compile(r"[-.][\w-]{8,20}\.(?:m?js)(?:$|\?)")
_LOGIN = re.compile(r"log-?in|sign-?in|/auth|/sso|/oauth|accounts\.", re.I)
_WALL_TEXT = re.compile(
    r"<title>\s*(?:Just a moment\.\.\.|Attention Required! \| Cloudflare|Access denied \| |DDoS-Guard|Checking your browser|Vercel Security Checkpoint|"
    r"Please Wait\.\.\. \| Cloudflare|Pardon Our Interruption|Human Verification|One moment, please\.\.\.)|"
    r"/cdn-cgi/challenge-platform/|_cf_chl_opt|cf-browser-verification|captcha-delivery\.com|px-captcha|_Incapsula_Resource|"
    r"Request unsuccessful\. Incapsula|sgcaptcha|awswaf\.com|AwsWafIntegration", re.I)  # fmt: skip
_FRAMEWORK_CATEGORIES = frozenset({"framework", "server"})


def is_bot_wall(exchange: Exchange) -> bool:
    """Whether a bot protection answered instead of the site: what lies behind is unknown, not bad."""
    if exchange.header("cf-mitigated") == "challenge" or exchange.header("x-vercel-mitigated") == "challenge":
        return True
    if exchange.status not in (200, 202, 401, 403, 405, 429, 503) or not exchange.body:
        return False
    if exchange.media_type not in ("text/html", ""):
        return False
    text = exchange.text()[:60_000]
    if not _WALL_TEXT.search(text):
        return False
    # Cloudflare adds its challenge script to good pages, too: with 200 only a page that is nothing but the wall counts.
    return exchange.status != 200 or (len(text) < 40_000 and read_page(exchange).visible_chars < 600 and not read_page(exchange).roots)


def classify(exchanges: Sequence[Exchange], inventory: Inventory, technologies: Sequence[Technology]) -> Architecture:
    """Tell how frontend and backend are joined, with the evidence."""
    page = next(
        (item for item in reversed(exchanges) if item.purpose is Purpose.PAGE and item.url == inventory.page_url and item.response), None
    )
    if page is None:
        return Architecture(_UNKNOWN, _UNKNOWN, 0, ("The page gave no answer.",))
    if is_bot_wall(page):
        return Architecture(_UNKNOWN, _UNKNOWN, 0, (f"A bot protection answered the page with status {page.status}.",))
    elsewhere = _login_elsewhere(exchanges, inventory)
    if elsewhere:
        return Architecture(_UNKNOWN, _UNKNOWN, 0.2, (f"The page redirects to a login on another site: {elsewhere}.",))
    if page.media_type not in ("text/html", "application/xhtml+xml", ""):
        joining, lines = _joining(exchanges, inventory, technologies)
        return Architecture(_UNKNOWN, joining, 0.3, (f"The address answers {page.media_type}, not a page.", *lines))
    if page.status >= 400:
        return Architecture(_UNKNOWN, _UNKNOWN, 0.2, (f"The page answered with status {page.status}.",))
    facts = read_page(page)
    kind, confidence, evidence = _kind(facts, inventory, technologies)
    joining, lines = _joining(exchanges, inventory, technologies)
    if kind == "server-rendered" and joining == _UNKNOWN:
        joining, lines = "same origin", ["Pages and their forms come from one origin."]
    return Architecture(kind, joining, round(confidence, 2), (*evidence, *lines))


def _login_elsewhere(exchanges: Sequence[Exchange], inventory: Inventory) -> str:
    for exchange in exchanges:
        if exchange.purpose is Purpose.PAGE and is_redirect(exchange.response):
            target = resolve(exchange.header("location") or "", exchange.url) or ""
            if target.startswith("http") and not same_site(target, exchange.url) and _LOGIN.search(target):
                if target.partition("#")[0] == inventory.page_url or not any(item.url == target for item in exchanges[exchange.id :]):
                    return origin_of(target)
    return ""


def _kind(facts: PageFacts, inventory: Inventory, technologies: Sequence[Technology]) -> tuple[str, float, list[str]]:
    names = [item.name for item in technologies]
    driven = [name for name in names if name in _SERVER_DRIVEN]
    components = [name for name in names if name in _COMPONENTS]
    running = [tag for tag in facts.scripts if tag.runs]
    bundles = [tag for tag in running if tag.src and (tag.type == "module" or _HASHED.search(tag.src))]
    own_calls = [call for call in inventory.calls if call.source.kind in (SourceKind.SCRIPT, SourceKind.PAGE)]
    is_shell = facts.visible_chars < SHELL_CHARS
    posts = [form for form in facts.forms if form.method == "POST"]
    templated = bool(facts.csrf_fields) or (facts.visible_chars >= MEANINGFUL_CHARS and bool(facts.links or facts.forms))
    evidence = [f"The HTML has {facts.visible_chars} visible characters" + (": a shell that scripts fill." if is_shell else ".")]
    if facts.csrf_fields:
        evidence.append(f"Its forms carry the hidden field {facts.csrf_fields[0]}.")
    if bundles:
        evidence.append(f"It loads {len(bundles)} bundled script{'s' if len(bundles) > 1 else ''}: {bundles[0].src.rpartition('/')[2]}.")
    if own_calls:
        evidence.append(f"Its scripts make {len(own_calls)} call{'s' if len(own_calls) > 1 else ''} to an API.")
    if facts.states:
        evidence.append(f"The server embedded data for a script: {facts.states[0]}.")
    if driven:
        evidence.append(f"{driven[0]} mixes both: HTML from the server, then scripts.")
        return "hybrid", 0.9, evidence
    islands = bool(facts.states) or (bool(components) and not is_shell and templated)
    if is_shell and (bundles or components) and not facts.csrf_fields:
        return "decoupled", 0.95 if own_calls or inventory.sockets else 0.8, evidence
    if islands and (templated or facts.visible_chars >= SHELL_CHARS) and running:
        return "hybrid", 0.85 if facts.csrf_fields or facts.states else 0.7, evidence
    if own_calls and (templated or posts or _server_of(technologies, inventory)):
        # A template that fetches: both halves are in play, unless the page is nothing but a mount for its script.
        if not is_shell or facts.forms:
            cross = any(origin_of(call.url) != inventory.page_origin for call in own_calls)
            return ("decoupled" if cross and not facts.forms else "hybrid"), 0.65, evidence
        return "decoupled", 0.7, evidence
    if own_calls or inventory.sockets:
        return "decoupled", 0.65, evidence
    if is_shell and running and not facts.forms:
        return "decoupled", 0.55, evidence
    if templated or posts or facts.links or facts.visible_chars >= SHELL_CHARS:
        server = _server_of(technologies, inventory)
        if server:
            evidence.append(f"{server} renders pages.")
        if not running:
            evidence.append("It runs no script.")
        return "server-rendered", 0.9 if facts.csrf_fields or server else 0.75, evidence
    return _UNKNOWN, 0.3, evidence


def _server_of(technologies: Sequence[Technology], inventory: Inventory) -> str:
    """Return the template-rendering framework that answers at the page's root, or ""."""
    return next(
        (item.name for item in technologies if item.name in _TEMPLATING and item.origin == inventory.page_origin and item.prefix == "/"), ""
    )


def _joining(exchanges: Sequence[Exchange], inventory: Inventory, technologies: Sequence[Technology]) -> tuple[str, list[str]]:
    others = [origin for origin in inventory.api_origins if origin != inventory.page_origin]
    called_here = inventory.page_origin in inventory.api_origins
    if others and not (called_here and _share(inventory, others[0]) < _share(inventory, inventory.page_origin)):
        count = sum(origin_of(call.url) == others[0] for call in inventory.calls)
        calls = f"{count} call{'s' if count != 1 else ''}" if count else "The API"
        return "separate origins", [f"{calls} go{'es' if count in (0, 1) else ''} to {others[0]}; the page is on {inventory.page_origin}."]
    if not called_here:
        return _UNKNOWN, []
    difference = _other_server(exchanges, inventory, technologies)
    if difference:
        return "same origin, proxied", [difference]
    return "same origin", ["The calls go to the page's own origin."]


def _share(inventory: Inventory, origin: str) -> int:
    return sum(origin_of(call.url) == origin for call in inventory.calls)


def _other_server(exchanges: Sequence[Exchange], inventory: Inventory, technologies: Sequence[Technology]) -> str:
    """Return why the API's prefix seems to be another server than the page's, or ""."""
    prefixes = [
        parsed.pathname
        for base in inventory.api_bases
        if origin_of(base) == inventory.page_origin and (parsed := parse(base)) and parsed.pathname != "/"
    ]
    for prefix in prefixes:
        own = {
            item.name
            for item in technologies
            if item.origin == inventory.page_origin and item.prefix == prefix and item.category in _FRAMEWORK_CATEGORIES
        }
        root = {
            item.name
            for item in technologies
            if item.origin == inventory.page_origin and item.prefix == "/" and item.category in _FRAMEWORK_CATEGORIES
        }
        fronted = {
            item.name
            for item in technologies
            if item.origin == inventory.page_origin and item.prefix == "/" and item.category in ("proxy", "host")
        }
        if own and not root and fronted:
            return f"{prefix} is answered by {sorted(own)[0]} behind {sorted(fronted)[0]}, which serves the page."
        if own and root and not own & root:
            return f"{prefix} is answered by {sorted(own)[0]}, the page by {sorted(root)[0]}."
        page = next((item for item in exchanges if item.purpose is Purpose.PAGE and item.url == inventory.page_url and item.response), None)
        below = [item for item in exchanges if item.response and item.method == "GET" and item.purpose is not Purpose.PAGE
                 and origin_of(item.url) == inventory.page_origin and (parsed := parse(item.url)) and parsed.pathname.startswith(prefix)]  # fmt: skip
        for name in ("server", "x-powered-by"):
            if page is None:
                break
            here, there = page.header(name), {item.header(name) for item in below}
            if below and len(there) == 1 and (value := there.pop()) != here and (value or here):
                return f"{prefix} answers with {name}: {value or 'none'}, the page with {here or 'none'}."
    return ""
