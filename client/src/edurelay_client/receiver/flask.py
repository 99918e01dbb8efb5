"""Receiving with Flask (the extra `flask`)."""

from __future__ import annotations

from typing import BinaryIO, cast

from flask import Blueprint, Response, request

from edurelay_client.receiver.blocking import BlockingReceiver


class Receiver(BlockingReceiver):
    """`application.register_blueprint(Receiver(secrets, handle).blueprint("/webhooks"))`"""

    def blueprint(self, path: str, *, name: str = "edurelay_webhooks") -> Blueprint:
        """Return a blueprint that receives at `path`. An application with several gives each a name of its own."""
        blueprint = Blueprint(name, __name__)
        blueprint.add_url_rule(path, "receive", self._respond, methods=["POST"])
        return blueprint

    def _respond(self) -> Response:
        answer = self.receive(dict(request.headers), cast("BinaryIO", request.stream))
        return Response(answer.body, answer.status, dict(answer.headers))
