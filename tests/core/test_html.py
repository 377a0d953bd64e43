"""What is read from a page's markup."""

import pytest
from answers import PAGE, answer, page

from app.core.exchange import Purpose
from app.core.html import MAX_FORMS, MAX_LINKS, MAX_SCRIPTS, decode_page, is_html, read_page

ENCODINGS = [
    ("byte order mark", b"\xef\xbb\xbfh\xc3\xa9", "text/html; charset=latin1", "hé"),
    ("UTF-16 with its mark", "é".encode("utf-16-le").join((b"\xff\xfe", b"")), "text/html", "é"),
    ("Content-Type", b"h\xe9", "text/html; charset=ISO-8859-1", "hé"),
    ("latin1 means windows-1252", b"\x80", "text/html; charset=latin1", "€"),
    ("meta charset", b'<meta charset="windows-1251">\xef', "text/html", '<meta charset="windows-1251">п'),
    ("meta http-equiv", b'<meta http-equiv=Content-Type content="text/html; charset=koi8-r">\xc1', "text/html",
     '<meta http-equiv=Content-Type content="text/html; charset=koi8-r">а'),
    ("meta cannot claim UTF-16", b"<meta charset=utf-16>h\xc3\xa9", "text/html", "<meta charset=utf-16>hé"),
    ("an unknown label", b"h\xc3\xa9", "text/html; charset=nonsense", "hé"),
    ("broken bytes", b"h\xff!", "text/html", "h\ufffd!"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "content_type", "text"), [case[1:] for case in ENCODINGS], ids=[case[0] for case in ENCODINGS])
def test_a_page_is_decoded_as_browsers_do(body: bytes, content_type: str, text: str):
    assert decode_page(body, content_type) == text


BASES = [
    ("", "a.js", "https://app.example/a.js"),
    ('<base href="/shop/">', "a.js", "https://app.example/shop/a.js"),
    ('<base href="https://cdn.example/x/">', "../a.js", "https://cdn.example/a.js"),
    ('<base href="//cdn.example/">', "a.js", "https://cdn.example/a.js"),
    ('<base target="_blank"><base href="/first/"><base href="/second/">', "a.js", "https://app.example/first/a.js"),
    ('<base href="javascript:alert(1)">', "a.js", "https://app.example/a.js"),
    ('<base href="http://[broken">', "a.js", "https://app.example/a.js"),
]


@pytest.mark.parametrize(("base", "src", "absolute"), BASES)
def test_addresses_resolve_against_the_first_usable_base(base: str, src: str, absolute: str):
    facts = read_page(page(f'{base}<script src="{src}"></script><link rel=stylesheet href="{src}"><a href="{src}">x</a>'))
    assert (facts.scripts[0].src, facts.styles, facts.links) == (absolute, (absolute,), (absolute,))


FORMS = [
    ("<form>", ("GET", PAGE, "")),
    ("<form method=post>", ("POST", PAGE, "")),
    ('<form method=POST action="/buy?x=1#y">', ("POST", f"{PAGE}buy?x=1", "")),
    ("<form method=dialog action=/x>", ("DIALOG", f"{PAGE}x", "")),
    ("<form method=put action=/x>", ("GET", f"{PAGE}x", "")),  # HTML knows no PUT
    ('<form method=post enctype="Multipart/Form-Data" action=/x>', ("POST", f"{PAGE}x", "multipart/form-data")),
    ('<form method=post action="javascript:void 0">', ("POST", PAGE, "")),
]


@pytest.mark.parametrize(("tag", "expected"), FORMS)
def test_a_form_goes_where_a_browser_would_send_it(tag: str, expected: tuple[str, str, str]):
    (form,) = read_page(page(f"{tag}<input name=a></form>")).forms
    assert (form.method, form.action, form.enctype) == expected


@pytest.mark.parametrize("name", ["csrfmiddlewaretoken", "csrf_token", "authenticity_token", "_csrf", "__RequestVerificationToken", "XSRF"])
def test_a_csrf_field_is_known_by_its_name_and_its_value_is_not_kept(name: str):
    facts = read_page(
        page(f'<form method=post><input type=hidden name="{name}" value="s3cret"></form><meta name=csrf-token content=s3cret>')
    )
    assert facts.csrf_fields == (name,)
    assert "s3cret" not in repr(facts)


def test_an_empty_or_visible_field_is_no_csrf_field():
    html = '<form method=post><input type=hidden name=csrf_token value=""><input name=csrf_code value=1></form>'
    assert read_page(page(html)).csrf_fields == ()


def test_only_what_a_reader_sees_is_counted():
    hidden = "<style>a{}</style><script>let x</script><noscript>Enable it</noscript><template>no</template>"
    html = f"<title>Title</title><body>{hidden}<p>four\n\n  five</p>"
    assert read_page(page(html)).visible_chars == len("four five")


def test_scripts_keep_their_order_type_and_crossorigin_and_data_blocks_do_not_run():
    html = (
        '<script src=/a.js></script><script type=module crossorigin src=/b.js></script><script type="application/json">{}</script>'
        '<script type=importmap>{}</script><script type="text/javascript; charset=utf-8">let a</script><script type=text/template></script>'
    )
    scripts = read_page(page(html)).scripts
    assert [(tag.src, tag.crossorigin, tag.runs) for tag in scripts] == [
        (f"{PAGE}a.js", None, True),
        (f"{PAGE}b.js", "anonymous", True),
        ("", None, False),
        ("", None, False),
        ("", None, True),
        ("", None, False),
    ]


def test_states_and_markers_are_read_from_tags_not_from_text():
    facts = read_page(page('<p>ng-version="1" window.__INITIAL_STATE__ data-page</p><div id="app" data-page="{}"></div>'))
    assert (facts.markers, facts.states, facts.roots) == (("data-page",), (), ("#app",))
    html = '<script id="cards" type="application/json">[]</script><script>window.__INITIAL_STATE__={}</script>'
    assert read_page(page(html)).states == ('json_script "cards"', "window.__INITIAL_STATE__")


def test_a_refresh_is_read_with_its_target():
    assert read_page(page('<META HTTP-EQUIV="Refresh" CONTENT="0; URL=/next">')).refresh == f"{PAGE}next"


HOSTILE = [
    ("nothing", b""),
    ("only zeros", b"\0" * 10_000),
    ("an unclosed tag", b"<script src='" + b"x" * 100_000),
    ("an unclosed comment", b"<!--" * 10_000),
    ("an unclosed script", b"<script>" + b"</scrip>" * 10_000),
    ("a hundred thousand attributes", b"<div " + b"a=1 " * 100_000 + b">"),
    ("a deep nest", b"<div>" * 100_000),
    ("deep formatting", b"<b><i>" * 20_000),
    ("tables in tables", b"<table><tr><td>" * 3_000),
    ("entities", b"&amp;&#x0;&#xFFFFFFFF;&notit;" * 10_000),
    ("a long address", b"<a href='https://" + b"a." * 50_000 + b"'>x</a>"),
    ("a wrong encoding", "<p>\u4e2d</p>".encode("gb18030") * 1_000),
]  # fmt: skip


@pytest.mark.parametrize("body", [case[1] for case in HOSTILE], ids=[case[0] for case in HOSTILE])
def test_hostile_markup_is_read_without_error(body: bytes):
    facts = read_page(page(body))
    assert facts.url == PAGE
    assert all(len(link) < 10_000 for link in facts.links)


def test_what_there_is_too_much_of_is_cut():
    facts = read_page(page(b"<script src=/a.js></script>" * (MAX_SCRIPTS + 10)))
    assert len(facts.scripts) == MAX_SCRIPTS
    many = "".join(f"<a href=/{n}>x</a><form action=/{n}></form>" for n in range(MAX_LINKS + 100))
    facts = read_page(page(many))
    assert (len(facts.links), len(facts.forms)) == (MAX_LINKS, MAX_FORMS)


def test_a_page_of_five_megabytes_is_read_to_its_end():
    html = b"<p>" + b"lorem ipsum dolor " * 280_000 + b"</p><script src=/last.js></script>"
    assert len(html) > 5_000_000
    assert read_page(page(html)).scripts[0].src == f"{PAGE}last.js"


def test_only_what_a_browser_shows_as_html_is_read():
    assert not is_html(page("<p>", media_type="application/json"))
    assert is_html(page("<!DOCTYPE html><p>", media_type=""))
    assert not is_html(page("plain", media_type=""))
    assert read_page(answer(1, Purpose.PAGE, PAGE, "<script src=/a.js></script>", "text/plain")).scripts == ()
