"""Why an exchange did not come off: a name for programs and records, a sentence for people."""

from enum import StrEnum


class Failure(StrEnum):
    """The names. A failed exchange is an answer like any other, recorded and given again."""

    ADDRESS = "address_denied"
    AUTHORITY = "authority_unknown"
    CLOSED = "closed_early"
    CONNECT = "not_connected"
    CREDENTIAL = "credential_missing"
    ECHO = "secret_repeated"
    MALFORMED = "malformed_response"
    RESOLVE = "name_not_resolved"
    SIZE = "response_too_large"
    TIME = "time_limit"
    TLS = "not_vouched_for"


class ExchangeFailed(Exception):
    """An exchange came to nothing; what the other side saw of it is not known."""

    def __init__(self, failure: Failure, told: str, peer: str = "") -> None:
        """``told`` holds no secret; ``peer`` is the address that was spoken to, if any."""
        super().__init__(told)
        self.failure = failure
        self.told = told
        self.peer = peer
