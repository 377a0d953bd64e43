"""What a page's Content-Security-Policy does to its calls. Source: https://www.w3.org/TR/upgrade-insecure-requests/"""

import re

from app.core.exchange import Exchange

_META = re.compile(r"<meta\b[^>]*http-equiv=[\"']?content-security-policy[^>]*upgrade-insecure-requests", re.I)


def upgrades_insecure_requests(page: Exchange | None) -> bool:
    """Whether the page's policy turns its http:// calls into https:// before anything else looks at them (section 3.2)."""
    if page is None or page.response is None:
        return False
    policies = page.response.values("content-security-policy")
    directives = [directive.strip().lower() for policy in policies for directive in re.split("[;,]", policy)]
    return "upgrade-insecure-requests" in directives or bool(_META.search(page.text()[:200_000]))


def upgraded(url: str) -> str:
    """Return the URL as such a page requests it."""
    return f"https://{url[7:]}" if url[:7].lower() == "http://" else url
