"""What was just made from a report, with Undo: above everything, on whatever page it led to."""

import reflex as rx

from app.components.toast import toast
from app.state.watch import MadeState


def made_note() -> rx.Component:
    return toast(MadeState.said, on_close=MadeState.close, undo=MadeState.undo, can_undo=MadeState.can_undo)
