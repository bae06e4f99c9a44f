"""Text from strangers in CSV files that people open with a spreadsheet program."""

from __future__ import annotations

import re
from typing import Any

_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def escape(cell: Any) -> Any:
    """A text that a spreadsheet program would take for a formula gets an apostrophe before it.

    Numbers and other texts stay as they are. Rule after OWASP, "CSV Injection".
    """
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell


def unescape(cell: str) -> str:
    """What `escape` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
