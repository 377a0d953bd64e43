"""What people search for, whatever a client sent."""

MAX_CHARS = 200


def sought(text: object) -> str:
    """Return what a client searches for as every database takes it; "" for what is no text."""
    if not isinstance(text, str):
        return ""
    return text.strip()[:MAX_CHARS].replace("\0", "\ufffd").encode("utf-8", "replace").decode()
