"""Settings: from the environment only, checked at the start, shown masked."""

from __future__ import annotations

import pytest

from edurelay.runtime.settings import ServiceSettings

ENVIRONMENT = {
    "EDURELAY_KAFKA": "broker:9092",
    "EDURELAY_MONGO": "mongodb://hub:hunter2@db:27017/?replicaSet=rs0",
    "EDURELAY_HTTP_PORT": "8080",
    "EDURELAY_INTERNAL_TOKEN": "internal-canary",
    "EDURELAY_SEAL_KEYS": "k1:seal-canary",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.usefixtures("environment")
def test_settings_come_from_the_environment() -> None:
    settings = ServiceSettings.load()
    assert (settings.kafka, settings.http_port, settings.http_host) == ("broker:9092", 8080, "127.0.0.1")


def test_a_missing_setting_ends_the_process_with_its_name(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("EDURELAY_KAFKA")
    with pytest.raises(SystemExit, match="EDURELAY_KAFKA: Field required"):
        ServiceSettings.load()


def test_a_wrong_setting_ends_the_process_without_showing_its_value(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("EDURELAY_HTTP_PORT", "canary")
    with pytest.raises(SystemExit) as ended:
        ServiceSettings.load()
    assert "EDURELAY_HTTP_PORT" in str(ended.value)
    assert "canary" not in str(ended.value)


@pytest.mark.usefixtures("environment")
def test_masked_settings_show_addresses_and_hide_secrets() -> None:
    masked = ServiceSettings.load().masked()
    assert masked["mongo"] == "mongodb://[redacted]@db:27017/?replicaSet=rs0"
    assert masked["kafka"] == "broker:9092"
    shown = repr(masked)
    assert not [secret for secret in ("hunter2", "internal-canary", "seal-canary") if secret in shown]


@pytest.mark.usefixtures("environment")
def test_a_subclass_adds_its_own_settings(environment: pytest.MonkeyPatch) -> None:
    class MappingSettings(ServiceSettings):
        mongo_database: str = "edurelay_mapping"

    assert MappingSettings.load().mongo_database == "edurelay_mapping"
    environment.setenv("EDURELAY_MONGO_DATABASE", "elsewhere")
    assert MappingSettings.load().mongo_database == "elsewhere"
