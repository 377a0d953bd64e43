"""Exchanges as a scan would have recorded them, for tests of what is concluded from them."""

from app.core.exchange import Exchange, Head, Headers, Purpose

PAGE = "https://app.example/"


def answer(
    number: int,
    purpose: Purpose,
    url: str,
    body: str | bytes = b"",
    media_type: str = "text/html",
    status: int = 200,
    *headers: tuple[str, str],
    reason: str = "",
    method: str = "GET",
) -> Exchange:
    content = body.encode() if isinstance(body, str) else body
    sent: Headers = (("content-type", media_type), *headers) if media_type else headers
    return Exchange(number, purpose, method, url, response=Head(status, sent), reason=reason, body=content)


def page(body: str | bytes, *headers: tuple[str, str], media_type: str = "text/html", status: int = 200, url: str = PAGE) -> Exchange:
    return answer(1, Purpose.PAGE, url, body, media_type, status, *headers)
