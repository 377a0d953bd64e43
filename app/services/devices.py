"""What a User-Agent header says of a device, in words by which its owner knows it again. It proves nothing: anybody can write one.

A table instead of a library: browsers have frozen their User-Agent, so that more than name and system cannot be read from it.
"""

import re

# The first that is found counts: Edge and Opera also say Chrome, and Chrome also says Safari.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("HeadlessChrome/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
# An iPad says Macintosh, an Android says Linux as well.
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
)
_PRODUCT = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,30}")


def words(user_agent: str) -> str:
    """Return "Firefox on Linux", "curl", or "Unknown device"."""
    browser = next((name for token, name in _BROWSERS if token in user_agent), "")
    system = next((name for token, name in _SYSTEMS if token in user_agent), "")
    if not browser:
        product = _PRODUCT.match(user_agent)
        browser = product[0] if product and product[0] != "Mozilla" else ""
    if browser and system:
        return f"{browser} on {system}"
    return browser or system or "Unknown device"
