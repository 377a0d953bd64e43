"""Reflex only: ports, origins, plugins. Everything an operator sets comes from `app.settings`."""

import os
from urllib.parse import urlsplit

import reflex as rx
from reflex_base.constants import StateManagerMode

from app import node
from app.core.urls import is_loopback_host
from app.settings import ROOT, settings

_settings = settings()
# Hot reload watches what is ours to edit; by default it watches the data directory too, and starts anew at each write to the database.
os.environ.setdefault("REFLEX_HOT_RELOAD_OVERRIDE_PATHS", f"{ROOT / 'app'}:{ROOT / 'assets'}")
os.environ.setdefault("REFLEX_USE_GRANIAN", "true")  # else it depends on what the examples have installed
node.put_on_path(_settings.data_dir / "node")
if not is_loopback_host(urlsplit(_settings.public_url).hostname or ""):
    # Where the browser finds the socket. On this machine Reflex derives it from the port, which in development is another one.
    os.environ.setdefault("REFLEX_API_URL", _settings.public_url)

config = rx.Config(
    app_name="app",
    app_module_import="app.app",
    frontend_port=_settings.port,
    backend_host=_settings.host,
    deploy_url=_settings.public_url,
    cors_allowed_origins=_settings.allowed_origins,  # Reflex's own default lets every origin in, with credentials
    state_manager_mode=StateManagerMode.MEMORY,  # the default writes states, cookies included, into world-readable pickles
    telemetry_enabled=False,
    show_built_with_reflex=False,
    frontend_lazy_bundled_libraries=True,
    disable_plugins=[rx.plugins.SitemapPlugin],
)
