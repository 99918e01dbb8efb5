"""A receiver of webhooks that behaves as badly as it is told, on a real socket."""

from edurelay_sandbox.receiver.certificates import Authority
from edurelay_sandbox.receiver.names import Names
from edurelay_sandbox.receiver.script import Hang, HangUp, Read, Script, Send, Step, answer
from edurelay_sandbox.receiver.server import Receiver, Request

__all__ = ["Authority", "Hang", "HangUp", "Names", "Read", "Receiver", "Request", "Script", "Send", "Step", "answer"]
