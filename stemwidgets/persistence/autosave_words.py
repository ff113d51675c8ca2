"""Notices of a page about a session that was kept, or could not be."""

from datetime import UTC, datetime

from stemwidgets.persistence.cache import StoredSession
from stemwidgets.state.errors import in_words

STILL_HERE = "All is still on this page; Export writes it where there is room."
PASSED_OVER = "What was kept after that is damaged and was passed over."


def said(stored: StoredSession) -> str:
    """Description of what was restored, with room for when it was kept."""
    if stored.cut_short:
        return "Restored a training that was cut short {}: Continue trains it to its end."
    return (
        "Restored what was chosen on {}."
        if stored.model is None
        else "Restored the training of {}."
    )


def dated(words: str, stored: StoredSession) -> str:
    """Words with the date and time of a stored session in them."""
    when = datetime.fromisoformat(stored.when).astimezone()
    return words.format(f"{when:%Y-%m-%d %H:%M}")


def not_kept(error: Exception) -> str:
    """Reason why a session could not be kept, with the reassurance that nothing is lost."""
    return f"This session cannot be kept: {in_words(error).rstrip('.')}. {STILL_HERE}"


def now() -> str:
    """Date and time as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")
