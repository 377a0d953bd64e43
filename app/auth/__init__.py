"""Signing in and out. One module a way in; a provider adds its own beside `owner`, and `routes` includes it."""
