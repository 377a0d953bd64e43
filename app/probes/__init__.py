"""One file per protocol: each sends one request through `app.net` and records it as an exchange."""
