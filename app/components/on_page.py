"""What a page asks of the browser beyond its elements: where the focus goes, and a question before typed text is lost."""

import reflex as rx
from reflex_base.utils.imports import ImportDict
from reflex_components_core.el.elements.base import BaseHTML


class FocusOn(BaseHTML):
    """Gives the focus to the element with an id, whenever `turn` changes. `rx.set_focus` knows no ids that are made in a loop.

    Unless somebody went into a field since they last pressed, chose or submitted something: what they type would go elsewhere.
    """

    tag = "span"

    target: rx.Var[str]
    turn: rx.Var[int]

    def _exclude_props(self) -> list[str]:
        return ["target", "turn"]

    def add_imports(self) -> ImportDict:
        return {"react": ["useEffect", "useRef"]}

    def add_hooks(self) -> list[str | rx.Var]:
        watch = (
            "const acts = (event) => { "
            "if (event.type === 'submit' || event.target.closest?.('button, select')) wentOn.current = false; }; "
            "const enters = (event) => { if (event.target.matches?.('input, textarea')) wentOn.current = true; }; "
            "const heard = { click: acts, change: acts, submit: acts, focusin: enters }; "
            "for (const name in heard) document.addEventListener(name, heard[name], true); "
            "return () => { for (const name in heard) document.removeEventListener(name, heard[name], true); };"
        )
        # After the next paint: what is to be focused may just have been added. Our own move is nobody's.
        move = (
            "requestAnimationFrame(() => { if (wentOn.current) return; "
            f"document.getElementById({self.target!s})?.focus(); wentOn.current = false; }})"
        )
        return [
            "const wentOn = useRef(false);",
            f"useEffect(() => {{ {watch} }}, []);",
            f"useEffect(() => {{ if ({self.turn!s}) {move}; }}, [{self.turn!s}]);",
        ]


class KeepTyped(BaseHTML):
    """Asks before the page is left while something in the form named `form` was typed and not `saved`: by a link, Back or Forward,
    reloading or closing.

    A link whose words say that nothing is kept has the attribute `data-leaves`, and asks nothing.
    """

    tag = "span"

    form: rx.Var[str]
    saved: rx.Var[bool]

    def _exclude_props(self) -> list[str]:
        return ["form", "saved"]

    def add_imports(self) -> ImportDict:
        return {"react": ["useEffect", "useRef"], "react-router": "useBlocker"}

    def add_hooks(self) -> list[str | rx.Var]:
        agrees = "window.confirm('Leave without saving? What you typed is lost.')"
        listen = (
            "typed.current = false; "
            f"const note = (event) => {{ typed.current = typed.current || event.target.form?.id === {self.form!s}; }}; "
            f"const ask = (event) => {{ if (typed.current && !{self.saved!s}) event.preventDefault(); }}; "
            # Before the router hears of the click, which changes the page without the browser's leaving it.
            "const follow = (event) => { const link = event.target.closest?.('a[href]'); "
            f"if (!link || !typed.current || {self.saved!s} || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return; "
            "if (link.target === '_blank' || link.hasAttribute('download') || link.getAttribute('href').startsWith('#')) return; "
            f"if (link.hasAttribute('data-leaves') || {agrees}) {{ typed.current = false; return; }} "
            "event.preventDefault(); event.stopPropagation(); }; "
            "document.addEventListener('input', note); window.addEventListener('beforeunload', ask); "
            "document.addEventListener('click', follow, true); "
            "return () => { document.removeEventListener('input', note); window.removeEventListener('beforeunload', ask); "
            "document.removeEventListener('click', follow, true); };"
        )
        # Back and Forward have happened when a page hears of them: the router takes the step back until this is answered.
        answer = f"if (held.state !== 'blocked') return; if ({agrees}) {{ typed.current = false; held.proceed(); }} else held.reset();"
        return [
            "const typed = useRef(false);",
            f"const held = useBlocker(({{ historyAction }}) => historyAction === 'POP' && typed.current && !{self.saved!s});",
            f"useEffect(() => {{ {listen} }}, [{self.saved!s}]);",
            f"useEffect(() => {{ {answer} }}, [held]);",
        ]
