"""The daemon's log on standard error: one record a line, for people or as JSON; never a byte of an agent unescaped."""

import json
import logging
import sys

from cagents_fs.model.lines import iso
from cagents_fs.model.text import safe_text

FACTS = ("event", "instruction")


class _Lines(logging.Formatter):
    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        message = safe_text(record.getMessage(), limit=4000)
        if record.exc_info:
            message += " " + safe_text(self.formatException(record.exc_info), limit=8000)
        facts = {name: value for name in FACTS if (value := getattr(record, name, None)) is not None}
        if self._as_json:
            fields = {"time": iso(record.created), "level": record.levelname.lower(), "message": message, **facts}
            return json.dumps(fields).replace("\x7f", "\\u007f")
        about = f" [{facts['instruction']}]" if "instruction" in facts else ""
        return f"{iso(record.created)} {record.levelname.lower()}{about} {message}"


def set_up(log_format: str, *, verbose: bool, quiet: bool = False) -> None:
    """Send the log to standard error, as `text` or `json`; with `verbose` every move, with `quiet` only errors."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines(as_json=log_format == "json"))
    logger = logging.getLogger("cagents_fs")
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO if verbose else logging.ERROR if quiet else logging.WARNING)
    logger.propagate = False
    logging.getLogger("watchdog").setLevel(logging.CRITICAL)  # an overflow is said once, by us
