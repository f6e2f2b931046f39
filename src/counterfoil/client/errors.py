"""What a flow of the client raises, beside `HttpFailure` where no usable answer came."""


class Refused(Exception):
    """The server said no. ``error`` is its code (RFC 6749 §5.2, §4.1.2.1), for programs."""

    def __init__(self, error: str, description: str = "") -> None:
        super().__init__(f"{error}: {description}" if description else error)
        self.error = error
        self.description = description


class NotTrusted(Exception):
    """What came back is not what this client asked for. It may be an attack: nothing is used."""


class SignInNeeded(Exception):
    """There are no tokens, or they have ended: the person has to sign in (again)."""


class CacheUnusable(Exception):
    """The cache cannot be read or written. The text says which, why, and what to do."""
