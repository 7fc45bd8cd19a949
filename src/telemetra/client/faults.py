"""What the system says when a connection fails, in a few words."""

from __future__ import annotations

import os
import ssl


def told(error: OSError, *, within_seconds: float) -> str:
    """Return what the system says of a connection that did not come about within so many seconds."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The server's certificate is not trusted: {error.verify_message}."
    if isinstance(error, TimeoutError):
        return f"no answer within {within_seconds:g} s"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error}"
    # Numbers of the name service are negative, and a failure of several addresses has none.
    number = error.errno or 0
    return os.strerror(number) if number > 0 else error.strerror or str(error)
