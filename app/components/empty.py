"""Empty: what is missing, how it comes, one primary button."""

from typing import Any

import reflex as rx


def empty(missing: Any, how: Any, *actions: Any) -> rx.Component:
    return rx.el.div(rx.el.b(missing), how, rx.el.div(*actions, class_name="row wrap") if actions else None, class_name="empty")
