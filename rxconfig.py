"""Reflex's own settings."""

import reflex as rx

config = rx.Config(
    app_name="app",
    app_module_import="app.app",
    telemetry_enabled=False,
    show_built_with_reflex=False,
    state_manager_mode="memory",
    frontend_lazy_bundled_libraries=True,
    plugins=[rx.plugins.RadixThemesPlugin(theme=rx.theme(gray_color="slate", accent_color="blue", radius="medium", scaling="95%"))],
    disable_plugins=[rx.plugins.SitemapPlugin],
)
