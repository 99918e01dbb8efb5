"""The common ground of all internal messages."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError


class MalformedMessage(ValueError):
    """A message does not have the form that its topic declares; it belongs into the dead-letter topic."""


class InternalMessage(BaseModel):
    """An internal message as a JSON object. Unknown fields are ignored, so that old and new replicas get along."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    def encode(self) -> bytes:
        """Return the message as JSON text."""
        return self.model_dump_json(exclude_none=True).encode()

    @classmethod
    def decode(cls, value: bytes) -> Self:
        """Read a message back. Raises `MalformedMessage`."""
        try:
            return cls.model_validate_json(value)
        except ValidationError as error:
            raise MalformedMessage(str(error)) from error
