"""What a page asks of the browser beyond its elements: where the focus goes, and a question before typed text is lost."""

import reflex as rx
from reflex_base.utils.imports import ImportDict
from reflex_components_core.el.elements.base import BaseHTML


class FocusOn(BaseHTML):
    """Gives the focus to the element with an id, whenever `turn` changes. `rx.set_focus` knows no ids that are made in a loop."""

    tag = "span"

    target: rx.Var[str]
    turn: rx.Var[int]

    def _exclude_props(self) -> list[str]:
        return ["target", "turn"]

    def add_imports(self) -> ImportDict:
        return {"react": "useEffect"}

    def add_hooks(self) -> list[str | rx.Var]:
        # After the next paint: what is to be focused may just have been added.
        move = f"requestAnimationFrame(() => document.getElementById({self.target!s})?.focus())"
        return [f"useEffect(() => {{ if ({self.turn!s}) {move}; }}, [{self.turn!s}]);"]


class KeepTyped(BaseHTML):
    """Asks before the page is left by reloading or closing while something in the form named `form` was typed and not `saved`."""

    tag = "span"

    form: rx.Var[str]
    saved: rx.Var[bool]

    def _exclude_props(self) -> list[str]:
        return ["form", "saved"]

    def add_imports(self) -> ImportDict:
        return {"react": "useEffect"}

    def add_hooks(self) -> list[str | rx.Var]:
        effect = (
            "let typed = false; "
            f"const note = (event) => {{ typed = typed || event.target.form?.id === {self.form!s}; }}; "
            f"const ask = (event) => {{ if (typed && !{self.saved!s}) event.preventDefault(); }}; "
            "document.addEventListener('input', note); window.addEventListener('beforeunload', ask); "
            "return () => { document.removeEventListener('input', note); window.removeEventListener('beforeunload', ask); };"
        )
        return [f"useEffect(() => {{ {effect} }}, [{self.saved!s}]);"]
