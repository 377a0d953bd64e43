"""Where a sign-in may lead: our own pages, whatever the address says."""

import pytest

from app.auth.cookie import safe_next


@pytest.mark.parametrize(
    "path",
    ["/", "/scans", "/scans/new?page=https%3A%2F%2Fapp.example&api=", "/scans/abc#COR-01", "/a//b", "/é", "/auth/invitation?token=abc"],
)
def test_paths_of_our_pages_are_kept(path: str):
    assert safe_next(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "", "scans", "//evil.test", "///evil.test", "/\\evil.test", "\\\\evil.test", "https://evil.test", "javascript:alert(1)",
        "/\t/evil.test", "/\n/evil.test", " //evil.test", "/ /evil.test", "/\x00", "/a\\..\\evil", "/\x7f", "//[", "/auth/owner",
        "/auth/invitation", "/auth/logout", "/" + "x" * 5000, "http:/evil.test", "http:evil.test", "?next=//evil.test",
    ],
)  # fmt: skip
def test_everything_else_leads_home(path: str):
    assert safe_next(path) == "/"
