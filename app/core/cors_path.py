"""The verdict path: the steps a browser takes for one call, each with what it looked at, told for people.

Built from what `cors_fetch` recorded per hop; the checks are asked again, so that steps after the stop say what would happen there.
"""

from collections.abc import Callable, Iterator

from app.core import cors_checks as checks
from app.core import cors_words as words
from app.core.cors_checks import Response, Stop
from app.core.cors_fetch import Decision, Find, Hop
from app.core.cors_headers import SAFELISTED_METHODS, Profile
from app.core.cors_request import BadCall, Request, build
from app.core.urls import same_site
from app.core.verdict import FetchCall, Look, Outcome, Step

_PREFLIGHT_ORDER = ("preflight_origin", "preflight_credentials", "preflight_status", "preflight_method", "preflight_headers")


def refused_step(bad: BadCall) -> Step:
    """Return the one step of a call that throws before any network."""
    faulty = bad.value or bad.name
    looks = (Look(bad.name or "value", bad.value, faulty),) if bad.value else (Look("value", bad.name, faulty),)
    return Step("build", "fetch() refuses the call", bad.rule, Outcome.STOP, bad.detail, looks)


def path_of(call: FetchCall, decision: Decision, exposed: tuple[str, ...], find: Find, dropped: tuple[str, ...]) -> tuple[Step, ...]:
    """Return every step of a decided call in the order taken; redirects repeat the list with the next `hop`."""
    return tuple(_Path(call, decision, exposed, find, dropped).steps())


class _Path:
    def __init__(self, call: FetchCall, decision: Decision, exposed: tuple[str, ...], find: Find, dropped: tuple[str, ...]) -> None:
        self.call = call
        self.decision = decision
        self.exposed = exposed
        self.find = find
        self.dropped = dropped
        self.stopped = False
        built = build(call, Profile.CHROMIUM)
        assert isinstance(built, Request)  # a refused call has no decision
        self.values = built.headers

    @property
    def credentialed(self) -> bool:
        return self.call.credentials == "include"

    def steps(self) -> Iterator[Step]:
        if self.dropped:
            looks = tuple(Look("dropped", name, name) for name in self.dropped)
            rule = "Q2" if self.call.mode == "no-cors" else "Q6"
            detail = "The browser drops these headers without a word: scripts may not set them here."
            yield Step("build", "Headers are dropped", rule, Outcome.PASS, detail, looks, 0, self.decision.hops[0].url.href)
        last = self.decision.hops[-1]
        for hop in self.decision.hops:
            yield from self._hop(hop, self.decision.stop if hop is last else None, final=hop is last)

    def _hop(self, hop: Hop, stop: Stop | None, *, final: bool) -> Iterator[Step]:
        yield from self._gates(hop, stop)
        if hop.tainting == "cors" or (stop is not None and not hop.tainting):
            yield from self._preflight(hop, stop)
        yield from self._answer(hop, stop, final=final)
        yield from self._cookie(hop)

    def _step(self, hop: Hop, key: str, title: str, rule: str, detail: str, *looks: Look, stop: bool = False) -> Step:
        outcome = Outcome.NOT_REACHED if self.stopped else Outcome.STOP if stop else Outcome.PASS
        if stop:
            self.stopped = True
        return Step(key, title, rule, outcome, detail, looks, hop.index, hop.url.href)

    def _gates(self, hop: Hop, stop: Stop | None) -> Iterator[Step]:
        page, url = self.call.origin, hop.url
        if stop is not None and stop.step == "build":
            yield self._step(
                hop, "build", "The port is blocked", stop.rule, "Browsers connect to no port of the bad ports list.",
                Look("port", stop.value, stop.value), stop=True,
            )  # fmt: skip
            return
        if page.startswith("https:") and url.scheme == "http":
            blocked = stop is not None and stop.step == "mixed_content"
            detail = (
                "A page on https may not call http: the browser blocks it before anything is sent."
                if blocked
                else "The page is on https and the target on http, which is allowed for this machine only."
            )
            title = "Mixed content" if blocked else "Mixed content: loopback is allowed"
            looks = (Look("page", page), Look("url", url.href, "http:" if blocked else ""))
            yield self._step(hop, "mixed_content", title, "T1", detail, *looks, stop=blocked)
        looks = (Look("origin", page), Look("target", url.origin if url.is_http else url.href))
        if stop is not None and stop.step == "cross_origin":
            title, detail = words.REFUSED_BRANCH[stop.reason]
            yield self._step(hop, "cross_origin", title, stop.rule, detail, *looks, stop=True)
        elif self.stopped:
            return
        else:
            title, rule, detail = words.branch(hop, page)
            if hop.origin != page:
                looks = (*looks, Look("sent origin", hop.origin, hop.origin))
            yield self._step(hop, "cross_origin", title, rule, detail, *looks)

    def _preflight(self, hop: Hop, stop: Stop | None) -> Iterator[Step]:
        if self.stopped:
            return
        looks = [Look("method", hop.method), *(Look(name, self.values.get(name, "")) for name in hop.names)]
        reasons = words.why_preflight(hop, self.values)
        if not hop.asks:
            yield self._step(hop, "preflight_needed", "No preflight: a simple request", "M5", reasons, looks[0])
            return
        if hop.cached:
            yield self._step(hop, "preflight_needed", "Preflight answered from the cache", "P7", words.CACHED, *looks)
            return
        yield self._step(hop, "preflight_needed", "Preflight needed", "M5", reasons, *looks)
        head = hop.preflight
        if head is None:
            return
        order = list(_PREFLIGHT_ORDER)
        if stop is not None and stop.reason in ("preflight_redirect", "preflight_location", "conflicting_locations"):
            order.insert(0, order.pop(2))  # a redirect ends it before the CORS check
        request_checks = self._preflight_checks(hop, head)
        for key in order:
            check = request_checks.get(key)
            if check is not None:
                yield self._checked(hop, key, check, head, stop)

    def _preflight_checks(self, hop: Hop, head: Response) -> dict[str, Callable[[], Stop | None]]:
        bad_list = checks.lists_check(head)
        found: dict[str, Callable[[], Stop | None]] = {
            "preflight_origin": lambda: checks.as_preflight(checks.origin_check(head, hop.origin, self.credentialed)),
            "preflight_status": lambda: checks.status_check(head),
        }
        if self.credentialed:
            found["preflight_credentials"] = lambda: checks.as_preflight(checks.credentials_check(head, True))
        if hop.method not in SAFELISTED_METHODS or (bad_list and bad_list.step == "preflight_method"):
            found["preflight_method"] = lambda: (
                bad_list if bad_list and bad_list.step == "preflight_method" else checks.method_check(head, hop.method, self.credentialed)
            )
        if hop.names or (bad_list and bad_list.step == "preflight_headers"):
            found["preflight_headers"] = lambda: (
                bad_list
                if bad_list and bad_list.step == "preflight_headers"
                else checks.headers_check(head, hop.names, self.credentialed, Profile.CHROMIUM)
            )
        return found

    def _checked(self, hop: Hop, key: str, check: Callable[[], Stop | None], head: Response, stop: Stop | None) -> Step:
        """Turn one check of a response into its step: passed, stopped, or what it would say."""
        if stop is not None and stop.step == key and not self.stopped:
            said, stops = stop, True
        else:
            said, stops = check(), False
        title, rule, detail = words.checked(key, said, hop, head, self.credentialed)
        if self.stopped:
            detail = f"Would {'stop here too' if said else 'pass'}: {words.lower_first(detail)}"
        return self._step(hop, key, title, rule, detail, *words.looks(key, said, hop, head), stop=stops)

    def _answer(self, hop: Hop, stop: Stop | None, *, final: bool) -> Iterator[Step]:
        head = hop.actual
        if head is None:
            known = self.find(hop.url.bare) if self.stopped and hop.tainting else None
            head = Response.of(known.actual) if known and known.actual else None
            if head is None:
                return
        net_stop = stop is not None and stop.step == "redirect" and stop.reason in ("invalid_redirect", "conflicting_locations")
        if net_stop and stop is not None:
            yield self._redirect_stop(hop, head, stop)
        if hop.tainting == "cors":
            yield self._checked(hop, "answer_origin", lambda: checks.origin_check(head, hop.origin, self.credentialed), head, stop)
            if self.credentialed:
                yield self._checked(hop, "answer_credentials", lambda: checks.credentials_check(head, True), head, stop)
        if stop is not None and stop.step == "redirect" and not net_stop:
            yield self._redirect_stop(hop, head, stop)
        elif not final and hop.location is not None:
            following = self.decision.hops[hop.index + 1]
            detail = words.followed(hop, following, loses_token="authorization" in self.values)
            looks = (Look("status", str(head.status)), Look("location", hop.location))
            yield self._step(hop, "redirect", "Redirect is followed", "D1", detail, *looks)
        if final:
            yield self._readable(hop, head, stop)

    def _redirect_stop(self, hop: Hop, head: Response, stop: Stop) -> Step:
        title, detail = words.REDIRECT_STOPS[stop.reason]
        location = ", ".join(head.locations)
        looks = (Look("status", str(head.status)), Look("location", location, location))
        return self._step(hop, "redirect", title, stop.rule, detail, *looks, stop=True)

    def _readable(self, hop: Hop, head: Response, stop: Stop | None) -> Step:
        if stop is not None and stop.reason == "proxy_auth":
            detail = "Chromium takes 407 from anything but a proxy for an error; the standard would let the script read it."
            return self._step(hop, "answer_readable", "Status 407", stop.rule, detail, Look("status", "407", "407"), stop=True)
        if stop is not None and stop.step == "answer_readable":
            looks = (Look("cross-origin-resource-policy", stop.value, stop.value), Look("origin", self.call.origin))
            detail = "The server keeps other origins from loading this resource in mode no-cors."
            return self._step(hop, "answer_readable", "Resource policy refuses the page", stop.rule, detail, *looks, stop=True)
        if self.stopped:
            status = Look("status", str(head.status))
            return self._step(hop, "answer_readable", "Answer for the script", "X1", "The script would get the answer.", status)
        kind = self.decision.type
        if kind == "opaque":
            return self._step(hop, "answer_readable", "Opaque answer", "M3", words.OPAQUE, Look("type", kind))
        if kind == "opaqueredirect":
            return self._step(hop, "answer_readable", "Opaque redirect", "D1", words.OPAQUE_REDIRECT, Look("type", kind))
        hidden = sorted(head.fields.keys() - set(self.exposed))
        looks = [Look("status", str(head.status)), Look("readable", ", ".join(self.exposed))]
        if hidden:
            looks.append(Look("hidden", ", ".join(hidden)))
        detail = "Any status is readable, also errors; other headers need Access-Control-Expose-Headers."
        return self._step(hop, "answer_readable", "The script reads the answer", "X1", detail, *looks)

    def _cookie(self, hop: Hop) -> Iterator[Step]:
        sends = self.credentialed or (hop.tainting == "basic" and self.call.credentials != "omit")
        if not sends or not hop.tainting or not hop.url.is_http:
            return
        title, rule, detail = words.cookie(self.call.origin, hop, same_site(self.call.origin, hop.url.bare))
        if self.stopped and hop.actual is None:
            detail = f"Would be sent: {words.lower_first(detail)}"
        step = Step("cookie", title, rule, Outcome.PASS, detail, (Look("credentials", self.call.credentials),), hop.index, hop.url.href)
        if self.stopped and hop.actual is None:
            step = Step(step.key, step.title, step.rule, Outcome.NOT_REACHED, detail, step.looks, step.hop, step.url)
        yield step
