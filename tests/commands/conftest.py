import pytest

from app.core.findings import Certainty, Evidence, Finding, Framework, Mend, SeamKind, Severity
from app.core.report import SCHEMA_VERSION, Architecture, CallReport, Part, Report, RequestReport, Seam, Site, Technology
from app.core.verdict import Look, Outcome, SentRequest, Step

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def report() -> Report:
    """A report with one blocked call, one unknown call, and text that tries to be markup."""
    mend = Mend(Framework.DJANGO, "settings.py", 'CORS_ALLOW_HEADERS = (*default_headers, "x-workspace-id")', install="django-cors-headers")
    finding = Finding(
        "COR-06", Severity.HIGH, SeamKind.CORS, "The API does not allow the header `x-workspace-id`",
        Certainty.OBSERVED,
        "The browser stops after the preflight.", "1 call blocked",
        (Evidence("access-control-allow-headers: accept", "accept", 2), Evidence(HOSTILE, "", 3)),
        ("call-1",), "Access to fetch …", (mend,),
    )  # fmt: skip
    step = Step(
        "preflight_headers",
        "Preflight: a header is refused",
        "P5",
        Outcome.STOP,
        looks=(Look("missing", "x-workspace-id", "x-workspace-id"),),
    )
    blocked = CallReport(
        "call-1", "POST", "https://api.example/api/x", "", (("x-workspace-id", "1"),), "include",
        "https://app.example", "script", "fetch(…)",
        False, False, "P5", "", True, Certainty.OBSERVED, "", None, None, "Access to fetch …", (), (step,),
        (SentRequest("preflight", "https://api.example/api/x", "POST", "https://app.example", "x-workspace-id"),), (2,),
    )  # fmt: skip
    unknown = CallReport(
        "call-2", "GET", "https://api.example/api/y", "", (), "omit", "https://app.example", "script", "", None, None, "", "", False,
        Certainty.UNKNOWN, "The host did not answer.", None, None, "", (), (), (), (3,),
    )  # fmt: skip
    request = RequestReport(
        1, "page", "GET", "https://app.example/", (("Accept", "text/html"),), 200, "OK", (("Content-Type", "text/html"),), 10, False,
        "text/html", HOSTILE, "", 0, 12.3, "127.0.0.1:443",
    )  # fmt: skip
    return Report(
        SCHEMA_VERSION,
        Site("https://app.example/", "https://app.example/", "https://app.example", ("https://api.example",), "2026-11-22T08:14:00Z", 6200,
             "Browsers block the only call: it is refused."),
        Architecture("decoupled", "separate origins", 0.9, ("An empty `#root`",)),
        (Technology("Django", "framework", "https://api.example", "/", 0.97, "yes", "5.2", ("csrftoken",)),),
        (Part("page", "page", "Page origin", "app.example"), Part("api-1", "api", "API origin", "api.example")),
        (Seam("page", SeamKind.PAGE, "page", "answers over TLS"),
         Seam("cors", SeamKind.CORS, "api-1", "refused", "2 calls, 1 blocked", Severity.HIGH, True, findings=("COR-06",))),
        (blocked, unknown), (finding,), (request,),
    )  # fmt: skip
