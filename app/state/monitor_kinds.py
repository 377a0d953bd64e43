"""The form of each kind of monitor, as one table: in which words it is chosen, and with which fields."""

from dataclasses import dataclass

from app.core.checks import MAX_STEPS, Kind
from app.state.form_fields import Field, Part, Repeated, Rows, Section, Sections, Shape
from app.state.monitor_parts import MESSAGE, ORIGINS, UP, call_parts, calls, headers, request


@dataclass(frozen=True, slots=True)
class KindForm:
    kind: Kind
    words: str
    sentence: str
    icon: str
    seam: str  # the question it belongs to
    sections: Sections
    address: str = ""  # path of the field that `?url=` fills
    tried: bool = True  # whether it can be run before it is saved


_PAGE, _API, _OPEN, _WHO, _GROUND, _SELF = (
    "What visitors see", "What the page calls", "What stays open", "Who is signed in", "What it stands on", "What reports by itself",
)  # fmt: skip
SEAMS = (_PAGE, _API, _OPEN, _WHO, _GROUND, _SELF)
_PAGE_URL = Field("page_url", "Page", Shape.ADDRESS, placeholder="https://app.example.com/")
_BY_PERIOD, _BY_CRON = (("rhythm", ("period",)),), (("rhythm", ("cron",)),)

_TABLE = (
    KindForm(
        Kind.PAGE, "A page", "It answers, shows what it should, and stays light enough.", "window", _PAGE,
        (Section("What is asked", request("ask.", methods=False, full=False)),), "ask.url",
    ),
    KindForm(
        Kind.SKEW, "Frontend and backend in step", "Tells when the page's scripts and the API's description no longer change together.",
        "diff", _PAGE,
        (
            Section(
                "What is compared",
                (
                    Part(
                        (
                            _PAGE_URL,
                            Field(
                                "openapi_url", "OpenAPI document", placeholder="https://api.example.com/openapi.json",
                                hint="Empty: only the page's scripts are compared.",
                            ),
                        )
                    ),
                ),
            ),
        ),
        "page_url",
    ),
    KindForm(
        Kind.SCAN, "A whole scan", "Scans again on a schedule, and tells when a verdict changed or a finding is new.", "layers", _PAGE,
        (
            Section(
                "What is scanned",
                (
                    Part(
                        (
                            _PAGE_URL,
                            Field("api_url", "Address of its API, if it differs", placeholder="https://api.example.com"),
                            Field(
                                "fail_on", "New findings count from", Shape.CHOICE, "medium", options="severities", width="m",
                                hint="Those below it stand in the report alone.",
                            ),
                        )
                    ),
                ),
            ),
        ),
        "page_url", tried=False,
    ),
    KindForm(
        Kind.API, "An API call", "One request with headers, body and sign-in; assertions on status, headers, JSON and latency.", "terminal",
        _API, (Section("What is asked", request("ask.", methods=True, full=True)),), "ask.url",
    ),
    KindForm(
        Kind.FLOW, "Several steps", "Log in, read a token, call: steps that share cookies and hand values on.", "list", _API,
        (
            Repeated(
                "steps", "Step",
                (
                    Part((Field("name", "Name", placeholder="Log in", width="m"),)),
                    *request("ask.", methods=True, full=True),
                    Rows(
                        "captures", "Values for later steps", "value",
                        (
                            Field("name", "Name", placeholder="csrf", width="m", bare=True),
                            Field("source", "Taken from", Shape.CHOICE, "json", options="sources", width="m", bare=True),
                            Field("path", "Where", Shape.RAW, placeholder="$.token, a name, a selector or a pattern", bare=True),
                        ),
                        hint="None. A value named csrf is written as {{csrf}} in a later step.", fresh={"source": "json"},
                    ),
                ),
                most=MAX_STEPS, start=({"name": "Step 1", "ask": {"assertions": [UP]}},), fresh={"ask": {"assertions": [UP]}},
            ),
        ),
        "steps.0.ask.url",
    ),
    KindForm(
        Kind.CORS, "CORS", "A call that browsers must allow, or must block, judged as a browser judges it.", "flask", _API,
        (
            Section("The call", call_parts("call.")),
            Section(
                "What a browser must do",
                (
                    Part(
                        (
                            Field("allowed", "This call is", Shape.FLAG, True, options="verdicts", width="m"),
                            Field(
                                "foreign_origins", "Origins that must be blocked", Shape.LINES, ["https://seamwatch.invalid"],
                                hint="One a line. Empty: not asked.", placeholder="https://seamwatch.invalid",
                            ),
                        )
                    ),
                ),
            ),
        ),
        "call.url",
    ),
    KindForm(
        Kind.WEBSOCKET, "WebSocket", "Opens for its own page, refuses a foreign one, and answers what is sent.", "zap", _OPEN,
        (
            Section(
                "What is opened",
                (
                    Part((Field("url", "Address", placeholder="wss://app.example.com/ws"),)),
                    Part(ORIGINS),
                    Rows(
                        "messages", "Messages", "message", MESSAGE, hint="None: it is only opened.", fresh={"how": "text"}, skips=True,
                        ordered=True, most=20,
                    ),
                    headers("headers", advanced=True),
                    Part(
                        (
                            Field("subprotocols", "Subprotocols", Shape.WORDS, [], placeholder="graphql-ws", width="m"),
                            Field(
                                "hold_s", "Stays open for, in seconds", Shape.NUMBER, 0, width="m", owns="A socket is held",
                                hint="0: it is closed at once.",
                            ),
                        ),
                        advanced=True,
                    ),
                ),
            ),
        ),
        "url",
    ),
    KindForm(
        Kind.SOCKETIO, "Socket.IO", "Connects to a namespace, sends an event, and waits for what comes back.", "send", _OPEN,
        (
            Section(
                "What is opened",
                (
                    Part(
                        (
                            Field("url", "Address", Shape.ADDRESS, placeholder="https://app.example.com"),
                            Field("namespace", "Namespace", start="/", width="m"),
                        )
                    ),
                    Part(ORIGINS),
                    Part(
                        (
                            Field("event", "Event to send", placeholder="ping", hint="Empty: it only connects.", width="m"),
                            Field("payload", "Its arguments, a JSON array", placeholder='["hello"]', width="m"),
                            Field("expect_event", "Event that comes back", hint="Empty: the acknowledgement is awaited.", width="m"),
                            Field("expect", "JSONPath that finds something in it", placeholder="$[0].ok", width="m"),
                        )
                    ),
                    Part((Field("auth", "What it says on connecting, a JSON object", Shape.SECRET_AREA),), advanced=True),
                ),
            ),
        ),
        "url",
    ),
    KindForm(
        Kind.COOKIE, "A session cookie", "Its attributes, and which calls a browser sends it with.", "key", _WHO,
        (
            Section("Who sets it", request("ask.", methods=True, full=False, url_label="Address that sets it")),
            Section(
                "The cookie",
                (
                    Part(
                        (
                            Field("name", "Name", placeholder="sessionid", width="m"),
                            Field("secure", "Secure", Shape.TRI, True, options="tri", width="m"),
                            Field("http_only", "HttpOnly", Shape.TRI, True, options="tri", width="m"),
                            Field("same_site", "SameSite", Shape.CHOICE, "", options="same_site", width="m"),
                        )
                    ),
                    calls("sent_with", "Calls that carry it", "A browser sends the cookie with these. None: not asked."),
                    calls("kept_from", "Calls that must not carry it", "A browser keeps it from these. None: not asked."),
                ),
            ),
        ),
        "ask.url",
    ),
    KindForm(
        Kind.OIDC, "Identity provider", "OpenID discovery, its issuer, its keys and its clock.", "passkey", _WHO,
        (
            Section(
                "The provider",
                (
                    Part(
                        (
                            Field("issuer", "Issuer", Shape.ADDRESS, placeholder="https://id.example.com"),
                            Field("algorithms", "A key for each of", Shape.WORDS, ["RS256"], placeholder="RS256, ES256", width="m"),
                            Field("max_clock_s", "Its clock may be off by, in seconds", Shape.NUMBER, 60, width="m"),
                        )
                    ),
                ),
            ),
        ),
        "issuer",
    ),
    KindForm(
        Kind.TLS, "TLS certificate", "How long it is valid, its chain, and the name on it.", "check", _GROUND,
        (
            Section(
                "The certificate",
                (
                    Part(
                        (
                            Field("host", "Host", Shape.HOST, placeholder="app.example.com"),
                            Field("port", "Port", Shape.NUMBER, 443, width="s", owns="A port is"),
                        )
                    ),
                    Part(
                        (
                            Field("days", "Warn when fewer days are left than", Shape.NUMBER, 14, width="m"),
                            Field("server_name", "Name to verify", hint="Empty: the host.", width="m"),
                        )
                    ),
                ),
            ),
        ),
        "host",
    ),
    KindForm(
        Kind.DOMAIN, "Domain's end", "When its registration ends.", "globe", _GROUND,
        (
            Section(
                "The domain",
                (
                    Part(
                        (
                            Field("domain", "Domain", Shape.HOST, placeholder="example.com"),
                            Field("days", "Warn when fewer days are left than", Shape.NUMBER, 30, width="m"),
                        )
                    ),
                ),
            ),
        ),
        "domain",
    ),
    KindForm(
        Kind.DNS, "DNS", "What a name resolves to.", "search", _GROUND,
        (
            Section(
                "The question",
                (
                    Part(
                        (
                            Field("name", "Name", Shape.HOST, placeholder="app.example.com"),
                            Field("record", "Record", Shape.CHOICE, "A", options="records", width="s"),
                        )
                    ),
                    Part(
                        (
                            Field("expect", "Must be answered", Shape.LINES, [], hint="One a line. Empty: anything."),
                            Field("exactly", "And nothing else", Shape.CHECK, False),
                        )
                    ),
                    Part(
                        (Field("resolver", "Ask this resolver", placeholder="192.0.2.53", hint="Empty: the system's.", width="m"),),
                        advanced=True,
                    ),
                ),
            ),
        ),
        "name",
    ),
    KindForm(
        Kind.TCP, "TCP port", "It is open; and answers what is sent, if you say what.", "server", _GROUND,
        (
            Section(
                "The port",
                (
                    Part(
                        (
                            Field("host", "Host", Shape.HOST, placeholder="mail.example.com"),
                            Field("port", "Port", Shape.NUMBER, None, width="s", owns="A port is"),
                        )
                    ),
                    Part(
                        (
                            Field("message.send", "Send", Shape.AREA, hint="Empty: nothing.", placeholder="EHLO seamwatch"),
                            Field("message.how", "The answer", Shape.CHOICE, "text", options="expected", width="m"),
                            Field("message.expect", "What", Shape.RAW, hint="Empty: not looked at.", placeholder="220"),
                        )
                    ),
                ),
            ),
        ),
        "host",
    ),
    KindForm(
        Kind.PING, "Ping", "A machine answers, and how fast.", "activity", _GROUND,
        (
            Section(
                "The machine",
                (
                    Part(
                        (
                            Field("host", "Host", Shape.HOST, placeholder="192.0.2.10"),
                            Field("count", "Pings sent", Shape.NUMBER, 3, width="m", owns="Send 1 to 10"),
                            Field("max_lost", "Of which may be lost", Shape.NUMBER, 0, width="m"),
                        )
                    ),
                ),
            ),
        ),
        "host",
    ),
    KindForm(
        Kind.DATABASE, "Database", "It takes a connection and answers one reading query.", "db", _GROUND,
        (
            Section(
                "The database",
                (
                    Part(
                        (
                            Field("engine", "Engine", Shape.CHOICE, "postgresql", options="engines", width="m"),
                            Field("host", "Host", Shape.HOST, placeholder="db.example.com", width="m"),
                            Field("port", "Port", Shape.NUMBER, 5432, width="s", owns="A port is"),
                        )
                    ),
                    Part(
                        (
                            Field("database", "Database", width="m"),
                            Field("user", "User", width="m"),
                            Field(
                                "password", "Password", Shape.SECRET, width="m",
                                hint="What is typed here moves to the vault; the monitor keeps its name alone.",
                            ),
                            Field("tls", "Encrypted connection (TLS)", Shape.CHECK, False),
                        )
                    ),
                    Part(
                        (
                            Field(
                                "query", "Query", Shape.AREA, placeholder="SELECT 1",
                                hint="It may only read. Empty: the engine's sign of life.",
                            ),
                            Field("expect", "Its first value is", Shape.RAW, hint="Empty: anything.", width="m"),
                        )
                    ),
                ),
            ),
        ),
        "host",
    ),
    KindForm(
        Kind.HEARTBEAT, "Heartbeat", "A job calls us. When it does not, or says that it failed, you hear of it.", "bell", _SELF,
        (
            Section(
                "When a call is expected",
                (
                    Part(
                        (
                            Field(
                                "rhythm", "A call comes", Shape.CHOICE, "period", options="rhythms", steers=True, virtual=("cron", "cron"),
                                width="m",
                            ),
                            Field("period_s", "Each", Shape.SPAN, 3600, when=_BY_PERIOD, absent=None, width="m"),
                            Field(
                                "cron", "Cron expression", when=_BY_CRON, absent="", placeholder="0 3 * * *", steers=True, width="m",
                                hint="Minute, hour, day, month, weekday.", owns="'",
                            ),
                            Field("zone", "Time zone", start="UTC", when=_BY_CRON, absent="UTC", steers=True, width="m"),
                            Field("grace_s", "And may be late by", Shape.SPAN, 300, width="m", owns="Period and grace"),
                        )
                    ),
                ),
            ),
        ),
        "", tried=False,
    ),
)  # fmt: skip
KINDS: dict[Kind, KindForm] = {form.kind: form for form in _TABLE}
