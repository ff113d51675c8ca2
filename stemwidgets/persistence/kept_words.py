"""What a page says of a session that was kept, or could not be."""

from datetime import UTC, datetime

from stemwidgets.persistence.cache import Found
from stemwidgets.state.errors import in_words

STILL_HERE = "All is still on this page; Export writes it where there is room."
PASSED_OVER = "What was kept after that is damaged and was passed over."


def said(found: Found) -> str:
    """What was brought back, in words, with room for when it was kept."""
    if found.cut_short:
        return "Restored a training that was cut short {}: Continue trains it to its end."
    return (
        "Restored what was chosen on {}." if found.model is None else "Restored the training of {}."
    )


def dated(words: str, found: Found) -> str:
    """Words with the date and time of what was found in them."""
    when = datetime.fromisoformat(found.when).astimezone()
    return words.format(f"{when:%Y-%m-%d %H:%M}")


def not_kept(error: Exception) -> str:
    """Why a session could not be kept, and that nothing is lost."""
    return f"This session cannot be kept: {in_words(error).rstrip('.')}. {STILL_HERE}"


def now() -> str:
    """Date and time as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")
