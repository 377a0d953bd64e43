"""A form that the browser itself posts, for routes of the server that answer with a full load."""

import reflex as rx
from reflex_components_core.el.elements.base import BaseHTML


class NativeForm(BaseHTML):
    """`rx.el.form` without `on_submit` would swallow it."""

    tag = "form"

    action: rx.Var[str]
    method: rx.Var[str]
