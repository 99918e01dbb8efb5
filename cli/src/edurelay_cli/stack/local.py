"""The stack itself: stores first, then the services, then two tenants; stopped in the opposite order."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from edurelay.events.topics import ALL
from edurelay.kafka.admin import apply_topics
from edurelay_cli.embedded.kafka import KafkaCluster
from edurelay_cli.embedded.mongo import MongoServer
from edurelay_cli.embedded.process import Process, ProcessFailed, tail_of
from edurelay_cli.stack import services
from edurelay_cli.stack.keeper import Keeper
from edurelay_cli.stack.state import StackFolder

TENANTS = ("Northfield School", "Southbank College")
START_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class StackOptions:
    """How a stack is to be: how many brokers and webhook dispatchers it has. `kafka` and `mongo` are addresses of
    servers that already run; `env` adds settings."""

    brokers: int = 1
    dispatchers: int = 1
    kafka: str | None = None
    mongo: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    stop_seconds: float = 25.0


class LocalStack:
    """Edurelay on loopback, as an async context manager: entered, every `/readyz` is green."""

    def __init__(
        self, folder: StackFolder, options: StackOptions | None = None, say: Callable[[str], None] | None = None
    ) -> None:
        self.folder = folder
        self.options = options or StackOptions()
        self.services = services.declare(self.options.dispatchers)
        self.tenants: list[dict[str, str]] = []
        self._say = say or (lambda line: None)
        self._secrets = folder.secrets()
        self._kafka: KafkaCluster | None = None
        self._mongo: MongoServer | None = None
        self._keepers: dict[str, Keeper] = {}
        self._ready = False
        self.bootstrap = self.options.kafka or ""
        self.mongo_uri = self.options.mongo or ""

    @property
    def gateway_url(self) -> str:
        """The gateway's base URL."""
        return self.services["gateway"].url

    @property
    def admin_token(self) -> str:
        """The token for the administration of tenants and keys."""
        return self._secrets.admin_token

    def process(self, name: str) -> Process:
        """Return one process by its name: `gateway`, `mapping`, …, `kafka-1`, `mongo`."""
        return self._keepers[name].process

    def restarts(self, name: str) -> int:
        """How often a process had to be started again."""
        return self._keepers[name].restarts

    async def __aenter__(self) -> Self:
        try:
            await self._start_stores()
            await self._start_services()
            self.tenants = await self._ensure_tenants()
        except BaseException:
            await self.stop()
            raise
        self._ready = True
        self._describe()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """End the services side by side, then the stores; safe at any moment."""
        self._ready = False
        for group in (tuple(self.services), tuple(self._keepers)):
            stopping = [self._keepers.pop(name) for name in group if name in self._keepers]
            await asyncio.gather(*(keeper.stop(self.options.stop_seconds) for keeper in stopping))
        self.folder.stack_file.unlink(missing_ok=True)

    async def _start_stores(self) -> None:
        starting = []
        if self.options.kafka is None:
            self._say("starting Apache Kafka")
            self._kafka = KafkaCluster(
                self.folder.data / f"kafka-{self.options.brokers}",
                brokers=self.options.brokers,
                cache=self.folder.jars,
                logs=self.folder.logs,
            )
            self.bootstrap = self._kafka.bootstrap
            starting.append(self._kafka.start())
        if self.options.mongo is None:
            self._say("starting the database")
            self._mongo = MongoServer(self.folder.data / "mongo", logs=self.folder.logs)
            self.mongo_uri = self._mongo.uri
            starting.append(self._mongo.start())
        try:
            await asyncio.gather(*starting)
        finally:
            self._keep_stores()
        await apply_topics(self.bootstrap, ALL, replication_factor=self._replication)

    def _keep_stores(self) -> None:
        nodes = self._kafka.nodes if self._kafka else []
        started = [node.process for node in nodes] + [self._mongo.process if self._mongo else None]
        for process in started:
            if process is not None:
                self._keepers[process.name] = Keeper(process, self._describe)
                self._keepers[process.name].watch()

    @property
    def _replication(self) -> int:
        return self._kafka.replication if self._kafka else 1

    async def _start_services(self) -> None:
        common = {
            "EDURELAY_KAFKA": self.bootstrap,
            "EDURELAY_MONGO": self.mongo_uri,
            "EDURELAY_REPLICATION_FACTOR": str(self._replication),
            "EDURELAY_ADMIN_TOKEN": self._secrets.admin_token,
            "EDURELAY_INTERNAL_TOKEN": self._secrets.internal_token,
            "EDURELAY_SEAL_KEYS": self._secrets.seal_keys,
            "EDURELAY_EGRESS_ALLOW": os.environ.get("EDURELAY_EGRESS_ALLOW", "127.0.0.0/8,::1/128,localhost"),
            "EDURELAY_FILE_ROOTS": os.environ.get("EDURELAY_FILE_ROOTS", str(Path.cwd())),
            **self.options.env,
        }
        self._say("starting the services")
        for service in self.services.values():
            env = services.environment(service, self.services, common)
            process = Process(service.name, service.command, self.folder.logs / f"{service.name}.log", env)
            self._keepers[service.name] = Keeper(process, self._describe)
            await self._keepers[service.name].start()
        async with aiohttp.ClientSession() as session:
            await asyncio.gather(*(self._until_ready(session, service) for service in self.services.values()))

    async def _until_ready(self, session: aiohttp.ClientSession, service: services.Service) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + START_SECONDS
        said = "it does not answer"
        while loop.time() < deadline:
            try:
                async with session.get(f"{service.url}/readyz", timeout=aiohttp.ClientTimeout(total=5)) as answer:
                    if answer.status == 200:
                        return
                    said = await answer.text()
            except (aiohttp.ClientError, TimeoutError):
                if self._keepers[service.name].restarts > 3:
                    break
            await asyncio.sleep(0.1)
        log = self.folder.logs / f"{service.name}.log"
        raise ProcessFailed(f"{service.name} is not ready: {said}; the end of {log}:\n{tail_of(log)}")

    async def _ensure_tenants(self) -> list[dict[str, str]]:
        """Return two tenants with a working key each: those of an earlier start where they still exist."""
        known = {tenant["name"]: tenant for tenant in self.folder.tenants()}
        tenants = [known.get(name) or await self.new_tenant(name) for name in TENANTS]
        async with aiohttp.ClientSession(self.gateway_url) as session:
            for tenant in tenants:
                async with session.get(
                    "/v1/endpoints", headers={"Authorization": f"Bearer {tenant['api_key']}"}
                ) as answer:
                    if answer.status == 401:
                        tenant.update(await self.new_tenant(tenant["name"]))
        self.folder.keep_tenants(tenants)
        return tenants

    async def new_tenant(self, name: str) -> dict[str, str]:
        """Return the `id`, `name` and `api_key` of a tenant that did not exist before."""
        headers = {"Authorization": f"Bearer {self.admin_token}"}
        async with aiohttp.ClientSession(self.gateway_url, headers=headers, raise_for_status=True) as session:
            async with session.post("/v1/tenants", json={"name": name}) as answer:
                tenant = await answer.json()
            async with session.post(f"/v1/tenants/{tenant['id']}/keys", json={"name": "local stack"}) as answer:
                key = await answer.json()
        return {"id": tenant["id"], "name": name, "api_key": key["api_key"]}

    def _describe(self) -> None:
        """Write `stack.json`. It appears only once everything is ready, since others wait for it."""
        if not self._ready:
            return
        processes: list[dict[str, Any]] = []
        for name, keeper in self._keepers.items():
            url = self.services[name].url if name in self.services else None
            processes.append({"name": name, "pid": keeper.process.pid, "url": url})
        self.folder.describe(
            {
                "gateway_url": self.gateway_url,
                "admin_token": self.admin_token,
                "tenants": self.tenants,
                "kafka": {"bootstrap_servers": self.bootstrap},
                "mongo": {"uri": self.mongo_uri},
                "processes": processes,
                "supervisor": os.getpid(),
            }
        )
