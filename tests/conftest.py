"""The real parts that tests stand on, started once a session: Apache Kafka and a server of the MongoDB protocol.

`EDURELAY_TEST_KAFKA` and `EDURELAY_TEST_MONGO` choose them: `embedded` (default), `docker` (testcontainers), or an
address that already runs.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from edurelay.events.ids import new_id
from edurelay.events.topics import ALL
from edurelay.kafka.admin import apply_topics
from edurelay_cli.embedded.kafka import KafkaCluster
from edurelay_cli.embedded.mongo import MongoServer

REPOSITORY = Path(__file__).parents[1]
JARS = REPOSITORY / ".edurelay" / "jars"


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
