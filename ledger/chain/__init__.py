"""The log itself: appending, following, reading, auditing."""
