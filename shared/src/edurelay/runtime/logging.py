"""Logs: one JSON object a line on stderr, our own and the libraries' alike, with no secret in any of them."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import MutableMapping
from typing import Any, cast

import orjson
import structlog
from structlog.stdlib import BoundLogger, ProcessorFormatter

from edurelay.runtime.secrets import redact
from edurelay.runtime.tracing import current_trace_id

__all__ = ["BoundLogger", "configure_logging", "get_logger"]

#: At DEBUG these write keys, values and whole documents into the log, so that they are never let below INFO.
_TALKATIVE = ("aiokafka", "pymongo", "motor")

Fields = MutableMapping[str, Any]


def get_logger(name: str) -> BoundLogger:
    """Return the logger of a module; `name` is its `__name__`."""
    return structlog.stdlib.get_logger(name)


def configure_logging(service: str, level: str) -> None:
    """Send everything that this process logs at `level` or above to stderr as JSON, marked with the service's name."""

    def add_origin(_logger: Any, _method: str, fields: Fields) -> Fields:
        fields["service"] = service
        trace = current_trace_id()
        if trace is not None:
            fields["trace_id"] = trace
        return fields

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_origin,
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[
                ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _redact,
                structlog.processors.JSONRenderer(serializer=_to_json),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(root.level, logging.INFO))
    logging.captureWarnings(capture=True)


def _redact(_logger: Any, _method: str, fields: Fields) -> Fields:
    """Run last, after exceptions have become text: an exception's message is where secrets hide."""
    return cast("Fields", redact(fields))


def _to_json(fields: Fields, **_: Any) -> str:
    try:
        return orjson.dumps(fields, default=str).decode()
    except TypeError:
        # A lone surrogate or a huge number, out of what somebody sent us: a log line must not be lost for it.
        return json.dumps(fields, default=str, ensure_ascii=False).encode("utf-8", "replace").decode()
