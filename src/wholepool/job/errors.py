"""The exceptions that end a stage in order, and words for their messages."""

import difflib
from typing import Any

#: the remedy for a file that a stage has made and that is not, or no longer, what it should be
AGAIN = "delete it and run the same command again"


class UserError(ValueError):
    """Bad input: one paragraph that names the file or key, the value, and the remedy."""


class Interrupted(BaseException):
    """The job was asked to stop, and its state is on disk: it is to be resumed.

    No Exception, like KeyboardInterrupt: nobody must take it for a failure and go on.
    """


def suggestion(word: Any, known: Any) -> str:
    """'; did you mean ...?' where something known is spelt alike, else what is known."""
    close = difflib.get_close_matches(str(word), list(known), n=1)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known: {', '.join(known)}" if known else ""
