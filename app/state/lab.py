"""The CORS lab: the case as typed, and the verdict that follows. Nothing is sent, except when a signed-in user asks the server."""

import asyncio
from dataclasses import dataclass, replace
from typing import Any

import reflex as rx

from app.core.console import ConsoleMatch, explain_console
from app.core.cors_request import url_parts
from app.core.cors_rules import title_of_rule
from app.core.lab import MAX_HOPS, MAX_TEXT, BadText, Judgement, LabAnswer, LabCase, from_link, judge_case, parse_answer, to_link
from app.core.lab_cases import DEFAULT, MAX_CODE, READY, case_of_console, read_fetch, write_fetch
from app.services import lab
from app.services.errors import Invalid, SeamwatchError, Unauthenticated
from app.services.instance import facts
from app.state.gate import public
from app.state.lab_view import AnswerRow, HeaderRow, MatchView, VerdictView, cleaned, path_of, title_of, verdict_view, visited
from app.state.report_view import prose
from app.state.session import actor_of
from app.state.shown import counted, sign_in_path

MAX_HEADERS = 20
MAX_MATCHES = 8
MAX_CONSOLE = 20_000
_CREDENTIALS = ("omit", "same-origin", "include")
_MODES = ("cors", "no-cors", "same-origin")
_REDIRECTS = ("follow", "manual", "error")
_BODIES = ("", "text", "urlencoded", "multipart", "blob", "bytes")


@dataclass(slots=True)
class _Answer:
    """One URL's answers as typed."""

    url: str
    preflight: str = ""
    actual: str = ""
    preflight_error: str = ""
    actual_error: str = ""


class LabState(rx.State):
    """What the lab shows. Fields are filled once and then belong to the browser; `filled` rises when they are to be filled anew."""

    origin: rx.Field[str] = rx.field("")
    url: rx.Field[str] = rx.field("")
    method: rx.Field[str] = rx.field("")
    headers: rx.Field[list[HeaderRow]] = rx.field(default_factory=list)
    body: rx.Field[str] = rx.field("")
    body_type: rx.Field[str] = rx.field("")
    credentials: rx.Field[str] = rx.field("same-origin")
    mode: rx.Field[str] = rx.field("cors")
    redirect: rx.Field[str] = rx.field("follow")
    answers: rx.Field[list[AnswerRow]] = rx.field(default_factory=list)
    filled: rx.Field[int] = rx.field(0)
    ready: rx.Field[str] = rx.field("")  # key of the ready case that is loaded unchanged

    verdict: rx.Field[VerdictView] = rx.field(default_factory=VerdictView)
    code: rx.Field[str] = rx.field("")
    code_note: rx.Field[str] = rx.field("")
    link: rx.Field[str] = rx.field("")
    title: rx.Field[str] = rx.field("CORS lab · Seamwatch")
    note: rx.Field[str] = rx.field("")  # about the link that was opened

    url_error: rx.Field[str] = rx.field("")
    ask_error: rx.Field[str] = rx.field("")
    sign_in: rx.Field[str] = rx.field("")  # address of the sign-in page; set when the signed-out ask
    asking: rx.Field[bool] = rx.field(False)

    pasting: rx.Field[bool] = rx.field(False)
    pasted: rx.Field[bool] = rx.field(False)  # something was pasted
    matches: rx.Field[list[MatchView]] = rx.field(default_factory=list)

    _headers: rx.Field[dict[int, tuple[str, str]]] = rx.field(default_factory=dict)
    _answers: rx.Field[list[_Answer]] = rx.field(default_factory=list)
    _next_header: int = 1
    _base: str = ""  # origin of this installation, for links
    _judgement: Judgement | None = None
    _found: rx.Field[list[ConsoleMatch]] = rx.field(default_factory=list)

    @rx.event
    @public
    async def load(self):
        """Show the case of the address; without one, keep what is there, or start with the first ready one."""
        text = str(self.router.url.query_parameters.get("case") or "")
        self.note = self.ask_error = self.sign_in = ""
        self.pasting, self._base = False, facts().public_url
        if not text:
            if self._judgement is None:
                await self._fill(DEFAULT, READY[0].key)
            return
        try:
            await self._fill(from_link(text))
        except BadText as error:
            self.note = str(error)
            await self._fill(DEFAULT, READY[0].key)

    # Filling the fields.

    async def _fill(self, case: LabCase, ready: str = "") -> None:
        """Put a case into every field and judge it."""
        case = cleaned(case)
        self.origin, self.url, self.method = case.origin, case.url, case.method
        self.body = case.body if case.body in _BODIES else ""
        self.body_type = case.body_type
        self.credentials = case.credentials if case.credentials in _CREDENTIALS else "same-origin"
        self.mode = case.mode if case.mode in _MODES else "cors"
        self.redirect = case.redirect if case.redirect in _REDIRECTS else "follow"
        self._headers = dict(enumerate(case.headers[:MAX_HEADERS], start=self._next_header))
        self._next_header += len(self._headers)
        self._answers = [_Answer(answer.url, answer.preflight, answer.actual) for answer in case.answers[:MAX_HOPS]]
        if not self._answers or _bare(self._answers[0].url) != _bare(case.url):
            self._answers.insert(0, _Answer(case.url))
        self.url_error = self.ask_error = self.code_note = ""
        self.filled += 1
        await self._judge()
        self.ready = ready
        self._show_headers()

    def _show_headers(self) -> None:
        self.headers = [HeaderRow(number, name, value) for number, (name, value) in self._headers.items()]

    def _case(self) -> LabCase:
        return LabCase(
            self.origin, self.url, self.method or "GET", tuple(pair for pair in self._headers.values() if pair[0].strip()), self.body,
            self.body_type if self.body == "blob" else "", self.credentials, self.mode, self.redirect,
            tuple(LabAnswer(answer.url, answer.preflight, answer.actual) for answer in self._answers if answer.preflight or answer.actual),
        )  # fmt: skip

    # The verdict.

    async def _judge(self) -> None:
        """Judge what is typed. A text that cannot be read shows its error and keeps the last verdict."""
        if not self._answers:
            return  # no page has loaded a case; only an event made by hand comes here
        self.ready = ""
        self._answers[0].url = self.url
        if not self._read_answers():
            self._show_answers()
            return
        case = self._case()
        try:
            # Long answers take tens of milliseconds, in which every other tab would wait.
            self._judgement = await asyncio.to_thread(judge_case, case)
        except BadText as error:
            self.url_error = str(error)
            return
        self._add_hop(self._judgement)
        self._show_answers()
        self.verdict = verdict_view(self._judgement)
        self.title = title_of(self.verdict)
        self.code = write_fetch(case)
        self.link = f"{self._base}/cors?case={to_link(case)}"

    def _read_answers(self) -> bool:
        well = True
        for answer in self._answers:
            for kind in ("preflight", "actual"):
                error = _error_in(getattr(answer, kind))
                setattr(answer, f"{kind}_error", error)
                well = well and not error
        return well

    def _add_hop(self, judgement: Judgement) -> None:
        """Give a redirect's target its own fields."""
        missing = judgement.missing
        if missing and len(self._answers) < MAX_HOPS and all(_bare(answer.url) != _bare(missing.url) for answer in self._answers):
            self._answers.append(_Answer(missing.url))

    def _show_answers(self) -> None:
        judgement = self._judgement
        sent = visited(judgement) if judgement else {}
        missing = judgement.missing if judgement else None
        rows = []
        for number, answer in enumerate(self._answers):
            bare = _bare(answer.url)
            if number and bare not in sent:
                continue  # no redirect leads there any more; its texts are kept
            path = path_of(bare)
            rows.append(
                AnswerRow(
                    number, bare if number else "", f"OPTIONS {path}", f"{self.method or 'GET'} {path}" if not number else path,
                    answer.preflight, answer.actual, "preflight" in sent.get(bare, set()),
                    missing.kind if missing and _bare(missing.url) == bare else "", answer.preflight_error, answer.actual_error,
                )
            )  # fmt: skip
        self.answers = rows

    # The call, as it is typed.

    @rx.event
    @public
    async def set_origin(self, text: str):
        self.origin = _line(text)
        await self._judge()

    @rx.event
    @public
    async def set_url(self, text: str):
        self.url, self.url_error = _line(text), ""
        await self._judge()

    @rx.event
    @public
    async def set_method(self, text: str):
        self.method = _line(text)
        await self._judge()

    @rx.event
    @public
    async def set_credentials(self, value: str):
        self.credentials = value if value in _CREDENTIALS else self.credentials
        await self._judge()

    @rx.event
    @public
    async def set_mode(self, value: str):
        self.mode = value if value in _MODES else self.mode
        await self._judge()

    @rx.event
    @public
    async def set_redirect(self, value: str):
        self.redirect = value if value in _REDIRECTS else self.redirect
        await self._judge()

    @rx.event
    @public
    async def set_body(self, value: str):
        self.body = value if value in _BODIES else ""
        await self._judge()

    @rx.event
    @public
    async def set_body_type(self, text: str):
        self.body_type = _line(text)
        await self._judge()

    @rx.event
    @public
    async def add_header(self):
        if len(self._headers) < MAX_HEADERS:
            self._headers[self._next_header] = ("", "")
            self._next_header += 1
            self._show_headers()

    @rx.event
    @public
    async def remove_header(self, number: int):
        if self._headers.pop(number, None) is not None:
            self._show_headers()
            await self._judge()

    @rx.event
    @public
    async def set_header_name(self, number: int, text: str):
        if number in self._headers:
            self._headers[number] = (_line(text), self._headers[number][1])
            await self._judge()

    @rx.event
    @public
    async def set_header_value(self, number: int, text: str):
        if number in self._headers:
            self._headers[number] = (self._headers[number][0], _line(text))
            await self._judge()

    @rx.event
    @public
    async def read_code(self, text: str):
        """Take the call from pasted JavaScript; the answers stay."""
        if not str(text).strip():
            self.code_note = ""
            return
        call = read_fetch(str(text)[: MAX_CODE + 1], self.origin)
        if call is None:
            self.code_note = "No call found in this code."
            return
        case = self._case()
        answers = tuple(replace(answer, url=call.url) if _bare(answer.url) == _bare(case.url) else answer for answer in case.answers)
        body = call.body if call.body in _BODIES else ""
        await self._fill(
            LabCase(case.origin, call.url, call.method, call.headers, body or "", "", call.credentials, call.mode, call.redirect, answers)
        )
        self.code_note = f"Read: {call.method} {call.url}" + (f", {counted(len(call.headers), 'header')}" if call.headers else "")

    # The answers, as they are typed.

    @rx.event
    @public
    async def set_preflight(self, number: int, text: str):
        if 0 <= number < len(self._answers):
            self._answers[number].preflight = str(text)[: MAX_TEXT + 1]
            await self._judge()

    @rx.event
    @public
    async def set_actual(self, number: int, text: str):
        if 0 <= number < len(self._answers):
            self._answers[number].actual = str(text)[: MAX_TEXT + 1]
            await self._judge()

    @rx.event
    @public
    async def apply_changes(self):
        if self._judgement and self._judgement.mended:
            await self._fill(self._judgement.mended)

    @rx.event
    @public
    async def start_with(self, key: str):
        for case in READY:
            if case.key == key:
                self.note = ""
                await self._fill(case.case, case.key)

    @rx.event(background=True, supersedes=True)
    @public
    async def ask(self):
        """Ask the server for its real answers, for the signed-in."""
        async with self:
            self.ask_error, self.sign_in, self.url_error, self.asking = "", "", "", True
            case, actor = self._case(), await actor_of(self)
        answered, error = None, None
        try:
            answered = await lab.ask(actor, case)
        except SeamwatchError as refused:
            error = refused
        async with self:
            self.asking = False
            match error:
                case Unauthenticated():
                    self.sign_in = sign_in_path(f"/cors?case={to_link(case)}")
                case Invalid(field="url", message=message):
                    self.url_error = message
                case SeamwatchError(message=message):
                    self.ask_error = message
            if answered and any(answer.preflight or answer.actual for answer in answered.answers):
                await self._fill(answered)
            elif answered:
                self.ask_error = "A browser sends nothing for this call, so there is nothing to ask."

    # A console error.

    @rx.event
    @public
    async def toggle_pasting(self):
        self.pasting = not self.pasting
        self.pasted, self.matches, self._found = False, [], []

    @rx.event
    @public
    async def explain(self, text: str):
        """Find the rules of the messages in a pasted text."""
        clean = str(text)[:MAX_CONSOLE]
        self._found = list(explain_console(clean)[:MAX_MATCHES])
        self.pasted = bool(clean.strip())
        self.matches = [
            MatchView(
                number, match.rule, match.browser, match.text[:400], title_of_rule(match.rule), prose(match.advice),
                case_of_console(match) is not None,
            )
            for number, match in enumerate(self._found)
        ]  # fmt: skip

    @rx.event
    @public
    async def take_match(self, number: int):
        """Put the case of a console message into the fields."""
        case = case_of_console(self._found[number]) if 0 <= number < len(self._found) else None
        if case is not None:
            self.note = ""
            await self._fill(case)


def _line(text: Any) -> str:
    return str(text)[:MAX_TEXT].strip()


def _error_in(text: str) -> str:
    """Return why an answer cannot be read, or ""."""
    try:
        parse_answer(text)
    except BadText as error:
        return str(error)
    return ""


def _bare(url: str) -> str:
    """Return a URL as answers are kept by; the text itself where it is no URL."""
    parts = url_parts(url.split("#")[0])
    return parts.bare if parts else url
