"""Bodies as text, whatever charset a server names."""

import pytest

from app.core.exchange import Exchange, Head, Purpose


def text_of(body: bytes, charset: str) -> str:
    head = Head(200, (("Content-Type", f"text/html; charset={charset}"),))
    return Exchange(1, Purpose.PAGE, "GET", "http://a.example/", response=head, body=body).text()


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("utf-8", "é"),
        ("", "é"),
        ("nonsense", "é"),
        ("latin-1", "Ã©"),
        ("idna", "é"),
        ("undefined", "é"),
        ("unicode_escape", "é"),
        ("a\0b", "é"),
    ],
)
def test_text_is_decoded_by_its_charset_and_as_utf_8_where_that_is_none(charset: str, text: str):
    assert text_of("é".encode(), charset) == text


def test_no_charset_takes_the_square_of_the_length():
    assert len(text_of(b"a-" + b"b9zz" * 500_000, "punycode")) == 2_000_002
