"""How plain values are written for people: times, hosts, sentences. Pure."""

from datetime import UTC, datetime
from urllib.parse import urlencode, urlsplit

PAGE_ROWS = 50  # a var is sent whole at each change, so no list in a state grows beyond this
SIGN_IN = "/sign-in"
NEW_SCAN = "/scans/new"


def host_of(url: str) -> str:
    """Return "app.example:8000" of an absolute URL, or the text itself when there is no host in it."""
    return urlsplit(url).netloc or url


def without_scheme(url: str) -> str:
    """Return a URL as it is shown: "https://" is left out, anything else stays."""
    return url.removeprefix("https://")


def when(moment: datetime) -> str:
    """Return "22 Nov 2026, 08:14 UTC"."""
    at = moment.astimezone(UTC)
    return f"{at.day} {at:%b %Y, %H:%M} UTC"


def when_ms(at_ms: int) -> str:
    """Return a moment in ms since 1970 as "22 Nov 2026, 08:14 UTC"."""
    return when(datetime.fromtimestamp(at_ms / 1000, UTC))


def day(moment: datetime) -> str:
    """Return "22 Nov 2026", in UTC."""
    at = moment.astimezone(UTC)
    return f"{at.day} {at:%b %Y}"


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds(duration_s: float) -> str:
    """Return "0.9 s", "12 s", "2 min 5 s"."""
    if duration_s < 10:
        return f"{duration_s:.1f} s"
    if duration_s < 60:
        return f"{duration_s:.0f} s"
    return f"{int(duration_s // 60)} min {int(duration_s % 60)} s"


def counted(number: int, word: str, many: str = "") -> str:
    """Return "1 request", "2 requests"."""
    return f"{number} {word if number == 1 else many or word + 's'}"


def plain(sentence: str) -> str:
    """Return a sentence without the backticks that mark code in it."""
    return sentence.replace("`", "")


def pieces(sentence: str) -> list[tuple[bool, str]]:
    """Split a sentence at its backticks into (is code, text)."""
    return [(index % 2 == 1, text) for index, text in enumerate(sentence.split("`")) if text]


def new_scan_path(page_url: str = "", api_url: str = "") -> str:
    """Return the address of the scan form, filled in."""
    asked = {name: value for name, value in (("url", page_url.strip()), ("api", api_url.strip())) if value}
    return f"{NEW_SCAN}?{urlencode(asked)}" if asked else NEW_SCAN


def sign_in_path(then: str) -> str:
    """Return the address of the sign-in page that leads on to `then`."""
    return f"{SIGN_IN}?{urlencode({'next': then})}"


def ago(moment: datetime, now: datetime) -> str:
    """Return how long something is past, for people: "just now", "5 minutes ago", "3 days ago"; the date, after 30 days."""
    past_s = (now - moment).total_seconds()
    if past_s < 90:
        return "just now"
    for unit_s, word, below in ((60, "minute", 3600), (3600, "hour", 86_400), (86_400, "day", 30 * 86_400)):
        if past_s < below:
            return f"{counted(max(1, int(past_s // unit_s)), word)} ago"
    return day(moment)
