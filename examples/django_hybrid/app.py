"""A pin board in Django: pages from templates, and a JavaScript component that is mounted in one and talks to a DRF API.

    python -m examples.django_hybrid.app [--port 5119] [--broken]

Signing in and out are forms with a CSRF token. The component gets its first cards from the template (json_script), and adds and
removes cards by the API with the session cookie and the X-CSRFToken header.

--fault settings    Two settings are wrong. The API's routes end in a slash, but the component's URLs do not, and Django
                    redirects (API-04). And django-cors-headers lets every site in the world read with the visitor's
                    cookies (COR-11).

The settings are in settings.py, the fault too.
"""

import os
import tempfile
from pathlib import Path

from django.core.management import call_command

from examples.serving import LOOPBACK, parse_options

FAULTS = {"settings": "slash redirects (API-04), and any origin allowed with credentials (COR-11)"}


def main(argv: list[str] | None = None) -> None:
    import django  # settings.py reads the environment, so it is loaded after the command line

    options = parse_options(argv, about=__doc__, port=5119, faults=FAULTS)
    with tempfile.TemporaryDirectory(prefix="django-hybrid-") as folder:
        os.environ["DJANGO_SETTINGS_MODULE"] = "examples.django_hybrid.settings"
        os.environ["BOARD_DATABASE"] = str(Path(folder) / "board.sqlite3")
        os.environ["BOARD_FAULT"] = options.fault
        django.setup()
        call_command("migrate", verbosity=0)
        call_command("runserver", f"{LOOPBACK}:{options.port}", use_reloader=False, insecure_serving=True, skip_checks=True)


if __name__ == "__main__":
    main()
