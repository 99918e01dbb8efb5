"""The real parts that tests stand on, started once a session: Apache Kafka and a server of the MongoDB protocol.

`EDURELAY_TEST_KAFKA` and `EDURELAY_TEST_MONGO` choose them: `embedded` (default), `docker` (testcontainers), or an
address that already runs.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from xdist.scheduler import LoadScopeScheduling

from edurelay.events.ids import new_id
from edurelay.events.topics import ALL
from edurelay.kafka.admin import apply_topics
from edurelay_cli.embedded.kafka import KafkaCluster
from edurelay_cli.embedded.mongo import MongoServer

REPOSITORY = Path(__file__).parents[1]
JARS = REPOSITORY / ".edurelay" / "jars"

#: Folders whose tests share a whole stack. They take longest.
SHARING = ("faults", "e2e")
#: The user property under which a test tells what happened in it.
TOLD = "told"


class TogetherWhatShares(LoadScopeScheduling):  # type: ignore[misc]  # it brings no types
    """Lets the tests of one file run in one process, and those that share a whole stack."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return next((name for name in SHARING if path.startswith(f"tests/{name}/")), path)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> TogetherWhatShares:
    """Say which process gets which tests."""
    return TogetherWhatShares(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    items.sort(key=lambda item: not item.nodeid.startswith(tuple(f"tests/{name}/" for name in SHARING)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what tests told: what was killed when, and what came twice."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    lines = [line for report in reports for name, line in report.user_properties if name == TOLD]
    if lines:
        terminalreporter.section("what was done, and what followed")
        terminalreporter.write_line("\n".join(str(line) for line in lines))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def kafka_bootstrap(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The address of a broker that has every declared topic."""
    choice = os.environ.get("EDURELAY_TEST_KAFKA", "embedded")
    if choice == "embedded":
        cluster = KafkaCluster(tmp_path_factory.mktemp("kafka"), cache=JARS)
        try:
            await cluster.start()
            await apply_topics(cluster.bootstrap, ALL, replication_factor=1)
            yield cluster.bootstrap
        finally:
            await cluster.stop()
    elif choice == "docker":
        from testcontainers.kafka import KafkaContainer

        with KafkaContainer("apache/kafka:4.3.0") as container:
            await apply_topics(container.get_bootstrap_server(), ALL, replication_factor=1)
            yield container.get_bootstrap_server()
    else:
        await apply_topics(choice, ALL, replication_factor=1)
        yield choice


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def mongo_uri(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The address of a server of the MongoDB protocol."""
    choice = os.environ.get("EDURELAY_TEST_MONGO", "embedded")
    if choice == "embedded":
        server = MongoServer(tmp_path_factory.mktemp("mongo"))
        try:
            await server.start()
            yield server.uri
        finally:
            await server.stop()
    elif choice == "docker":
        from testcontainers.mongodb import MongoDbContainer

        with MongoDbContainer("mongo:8") as container:
            yield container.get_connection_url()
    else:
        yield choice


@pytest.fixture
def database_name() -> str:
    """A database that no other test uses."""
    return new_id("test")


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """The folder with the real data and the recordings, beside the repository."""
    folder = REPOSITORY.parent / "shared"
    if not folder.exists():
        pytest.skip(f"the real data is not here: {folder} does not exist")
    return folder
