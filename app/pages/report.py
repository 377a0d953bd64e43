"""The report of one scan: verdict, seam map, findings, calls, exchanges."""

from typing import Any

import reflex as rx

from app.components.button import button
from app.state.report import ReportState
from app.state.scan import ScanState


def report_actions() -> list[Any]:
    """Return the buttons of the top bar."""
    return [button("Scan again", icon_name="rotate", on_click=ScanState.rescan, class_name="desk")]


def report_body() -> rx.Component:
    return rx.el.div(rx.el.h1(ReportState.sentence), rx.el.p(ReportState.detail, class_name="m"), class_name="head")
