"""A server of the MongoDB protocol on WiredTiger, from a package: SecantusDB."""

from __future__ import annotations

import sys
from pathlib import Path

from edurelay_cli.embedded.process import Process, free_port


class MongoServer:
    """One server on loopback, its data below `folder`; a second start finds the data again."""

    def __init__(self, folder: Path, *, logs: Path | None = None) -> None:
        self.folder = folder
        self.logs = logs or folder
        self.port = free_port()
        self.process: Process | None = None

    @property
    def uri(self) -> str:
        """The address for clients. They send no write twice by themselves: for each write that may come again this
        server looks through the last ten thousand."""
        return f"mongodb://127.0.0.1:{self.port}/?directConnection=true&retryWrites=false"

    async def start(self) -> None:
        """Start the server and wait until it answers. Raises `ProcessFailed`."""
        data = self.folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        program = Path(sys.executable).with_name("secantusd-py")
        command = [str(program), "--port", str(self.port), "--storage-path", str(data), "--log-level", "WARNING"]
        self.process = Process("mongo", command, self.logs / "mongo.log")
        await self.process.start()
        await self.process.until_accepting(self.port, 60)

    async def stop(self) -> None:
        """End the server."""
        if self.process is not None:
            await self.process.stop()
