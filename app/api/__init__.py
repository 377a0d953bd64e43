"""The REST API, version 1. Cookies count for nothing here: a session's own downloads stand in `downloads`, outside /api."""
