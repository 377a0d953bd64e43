"""The CORS verdict engine: what a browser does with one `fetch()`, and why.

`judge` takes a call and the server's answers by URL, and follows the Fetch standard step by step in two profiles at once: Chromium
156 (the verdict) and the letter of the standard (where it differs). Rules are numbered as in the documentation of the findings.
Nothing is sent: an answer that is not known yet comes back as `Missing`.
"""

from app.core import cors_fetch, cors_path
from app.core.cors_console import console_text
from app.core.cors_fetch import Decision, Find
from app.core.cors_headers import Profile, readable_names, unsafe_names
from app.core.cors_request import BadCall, Request, build, url_parts
from app.core.verdict import Answer, Answers, FetchCall, Missing, Verdict


def judge(call: FetchCall, answers: Answers, *, with_path: bool = True, standard_default: Answer | None = None) -> Verdict | Missing:
    """Judge one call.

    Args:
        answers: by absolute URL without fragment, as a browser writes it; other spellings of a URL are found too, but slower.
        with_path: without it `Verdict.path` is empty and a verdict costs a third.
        standard_default: what the server says where only the standard's profile asks and no answer is known (Chromium and the
            standard may send different preflights); None returns `Missing` for these too.

    Returns:
        The verdict, or what has to be sent next to reach one. Add its answer to `answers` and judge again.
    """
    request = build(call, Profile.CHROMIUM)
    if isinstance(request, BadCall):
        return _refused(call, request, with_path)
    find = _finder(answers)
    dropped = request.dropped
    decision = cors_fetch.run(request, find, Profile.CHROMIUM)
    if isinstance(decision, Missing):
        return decision
    alike = cors_fetch.is_alike_in_both_profiles(call, decision)
    standard = decision if alike else _standard(call, find, standard_default)
    if isinstance(standard, Missing):
        return standard
    return _verdict(call, decision, standard, find, dropped, with_path)


def preflight_names(call: FetchCall) -> tuple[str, ...]:
    """Return the header names that Chromium's preflight for this call asks for, sorted: Access-Control-Request-Headers (A.3).

    Empty for a call that fetch() refuses, and for mode no-cors. Whether there is a preflight also depends on the method and origin.
    """
    request = build(call, Profile.CHROMIUM)
    if isinstance(request, BadCall) or request.mode != "cors":
        return ()
    return unsafe_names(request.headers, Profile.CHROMIUM)


def _finder(answers: Answers) -> Find:
    normal: dict[str, Answer] = {}

    def find(url: str) -> Answer | None:
        answer = answers.get(url)
        if answer is not None:
            return answer
        if not normal:
            for key, value in answers.items():
                parts = url_parts(key)
                if parts is not None:
                    normal.setdefault(parts.bare, value)
        return normal.get(url)

    return find


def _standard(call: FetchCall, find: Find, default: Answer | None) -> Decision | Missing:
    request = build(call, Profile.STANDARD)
    assert isinstance(request, Request)  # both profiles refuse the same calls

    def find_or_default(url: str) -> Answer | None:
        answer = find(url)
        if default is None:
            return answer
        if answer is None:
            return default
        if answer.preflight is None or answer.actual is None:
            return Answer(answer.preflight or default.preflight, answer.actual or default.actual)
        return answer

    return cors_fetch.run(request, find_or_default, Profile.STANDARD)


def _refused(call: FetchCall, bad: BadCall, with_path: bool) -> Verdict:
    path = (cors_path.refused_step(bad),) if with_path else ()
    return Verdict(
        allowed=False,
        allowed_standard=False,
        rule=bad.rule,
        type="",
        preflight=False,
        acrh=None,
        credentialed=call.credentials == "include",
        exposed=(),
        requests=(),
        console=bad.console,
        path=path,
    )


def _verdict(call: FetchCall, decision: Decision, standard: Decision, find: Find, dropped: tuple[str, ...], with_path: bool) -> Verdict:
    credentialed = call.credentials == "include"
    exposed = readable_names(decision.answer.fields, decision.type, credentialed) if decision.answer else ()
    differs = decision.allowed != standard.allowed
    rule = decision.rule
    if differs and decision.allowed and standard.rule == "P4":
        rule = "P4"  # decided by what Chromium lets "*" cover
    first = decision.first_preflight
    return Verdict(
        allowed=decision.allowed,
        allowed_standard=standard.allowed,
        rule=rule,
        type=decision.type,
        preflight=first is not None,
        acrh=first.acrh if first else None,
        credentialed=credentialed,
        exposed=exposed,
        requests=tuple(decision.sent),
        console=console_text(decision.stop, call.origin, decision.hops) if decision.stop else "",
        path=cors_path.path_of(call, decision, exposed, find, dropped) if with_path else (),
        standard_rule=standard.rule if differs else "",
    )
