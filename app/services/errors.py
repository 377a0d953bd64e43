"""What services raise. `code` is stable, for programs; the text is for people; `status` is for the doors that speak HTTP."""

from dataclasses import dataclass


class SeamwatchError(Exception):
    code = "error"
    status = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Unauthenticated(SeamwatchError):
    code = "unauthenticated"
    status = 401

    def __init__(self, message: str = "") -> None:
        super().__init__(message or "You are not signed in. Sign in, then try again.")


class Forbidden(SeamwatchError):
    code = "forbidden"
    status = 403


class NotFound(SeamwatchError):
    """It does not exist, or belongs to another workspace: both answer alike."""

    code = "not_found"
    status = 404


class Conflict(SeamwatchError):
    """It is not in a state in which this can be done."""

    code = "conflict"
    status = 409


class Limited(SeamwatchError):
    """Too much at once, or within a time. `retry_after_s`: in how many seconds it may be tried again; 0 where nobody knows."""

    code = "limited"
    status = 429

    def __init__(self, message: str, *, retry_after_s: int = 0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class FieldError:
    field: str  # "page_url", "calls.0.method"
    message: str


class Invalid(SeamwatchError):
    """What was entered cannot be used. `errors` names every field at fault, `field` and the text the first."""

    code = "invalid"
    status = 422

    def __init__(self, field: str, message: str, *more: FieldError) -> None:
        super().__init__(message)
        self.field = field
        self.errors = (FieldError(field, message), *more)
