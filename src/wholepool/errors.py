"""The one exception that a user is meant to read."""


class UserError(ValueError):
    """Bad input: one paragraph that names the file or key, the value, and the remedy."""
