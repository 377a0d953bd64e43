"""A chat room in Django Channels, served by Daphne.

    python -m examples.channels_chat.app [--port 5123] [--broken]

--fault wsgi    "daphne" is missing from INSTALLED_APPS, so runserver is Django's own WSGI server, which knows no WebSocket:
                the handshake reaches Django as a plain GET and is answered with 404 (WS-01).
"""

import os

from django.core.management import call_command

from examples.serving import LOOPBACK, parse_options

FAULTS = {"wsgi": "served by WSGI, which knows no WebSocket (WS-01)"}


def main(argv: list[str] | None = None) -> None:
    import django  # settings.py reads the environment, so it is loaded after the command line

    options = parse_options(argv, about=__doc__, port=5123, faults=FAULTS)
    os.environ["DJANGO_SETTINGS_MODULE"] = "examples.channels_chat.settings"
    os.environ["CHAT_FAULT"] = options.fault
    django.setup()
    call_command("runserver", f"{LOOPBACK}:{options.port}", use_reloader=False, insecure_serving=True, skip_checks=True)


if __name__ == "__main__":
    main()
