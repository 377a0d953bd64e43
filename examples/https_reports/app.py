"""Reports in Flask behind a proxy that ends TLS, as in nearly every production.

    python -m examples.https_reports.app [--port 5136] [--ca-file FILE] [--broken]

The certificate is made at each start, by an authority of its own, whose certificate is written to --ca-file: give that to the
client ("curl --cacert FILE"). A browser warns once.

--fault scheme    The app does not know of the proxy (no ProxyFix), so the `next` links of its API say http:// (API-05); and
                  the page calls an http:// address, which browsers block as mixed content (DEP-02).
"""

import argparse
from pathlib import Path

from flask import Flask, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.serving import make_server

from examples.front import make_certificate, serve_front
from examples.serving import LOOPBACK, parse_options

FAULTS = {"scheme": "no ProxyFix (API-05), and a call to an http:// address (DEP-02)"}
CA_FILE = Path(__file__).parent / ".certificates" / "ca.pem"
PAGE_SIZE = 3
REPORTS = [
    "January 2026: visits rose by a tenth after the new start page.",
    "February 2026: a quiet month, and the fastest pages so far.",
    "March 2026: two hours of outage on the 14th, explained inside.",
    "April 2026: the search finds what people look for.",
    "May 2026: half of all visits come from phones.",
    "June 2026: the archive has moved, and every old link still works.",
    "July 2026: holidays, and a third fewer visits.",
    "August 2026: back to the figures of spring.",
]


def create_app(fault: str = "") -> Flask:
    app = Flask(__name__)
    if fault != "scheme":
        # One proxy stands in front; what it says of scheme, host and client is believed, and no more.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)

    @app.get("/")
    def index() -> str:
        # There is no such host. A browser refuses the call before it looks for one.
        status_url = "http://status.reports.example/api/status" if fault == "scheme" else url_for("status")
        return render_template("reports.html", reports=REPORTS[:PAGE_SIZE], total=len(REPORTS), status_url=status_url)

    @app.get("/api/status")
    def status() -> ResponseReturnValue:
        return jsonify(state="All reports are up to date.")

    @app.get("/api/reports")
    def list_reports() -> ResponseReturnValue:
        page = max(1, request.args.get("page", 1, type=int))
        start = (page - 1) * PAGE_SIZE
        more = start + PAGE_SIZE < len(REPORTS)
        return jsonify(
            results=REPORTS[start : start + PAGE_SIZE],
            next=url_for("list_reports", page=page + 1, _external=True) if more else None,
        )

    return app


def main(argv: list[str] | None = None) -> None:
    own = argparse.ArgumentParser(add_help=False)
    own.add_argument("--ca-file", type=Path, default=CA_FILE)
    arguments, rest = own.parse_known_args(argv)
    options = parse_options(rest, about=__doc__, port=5136, faults=FAULTS)
    certificate = make_certificate()
    certificate.write_authority(arguments.ca_file)
    server = make_server(LOOPBACK, 0, create_app(options.fault), threaded=True)
    serve_front(options.port, server.server_port, certificate)
    print(f"Reports: https://{LOOPBACK}:{options.port}/ (authority: {arguments.ca_file})", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
