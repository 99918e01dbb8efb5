"""Settings come only from the environment (`EDURELAY_*`), are checked at the start, and are shown masked."""

from __future__ import annotations

from typing import Self

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from edurelay.runtime.secrets import without_secrets

PREFIX = "EDURELAY_"


class ServiceSettings(BaseSettings):
    """What every service has to be told; a service adds its own by subclassing.

    `seal_keys` is `kid:base64(32 bytes),…`, of which the first seals and all unseal. `egress_allow` lists the CIDRs
    and host names that outbound HTTP may reach although the address guard refuses them. `instance` is a name that this
    process keeps over restarts and shares with no other replica, such as a StatefulSet's pod name.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", hide_input_in_errors=True, frozen=True)

    kafka: str
    mongo: str
    http_host: str = "127.0.0.1"
    http_port: int
    internal_token: SecretStr
    seal_keys: SecretStr
    log_level: str = "INFO"
    drain_seconds: float = 20.0
    egress_allow: str = ""
    replication_factor: int = 1
    instance: str = ""

    @classmethod
    def load(cls) -> Self:
        """Read the environment. Ends the process with one line for each variable that is missing or wrong."""
        try:
            return cls()
        except ValidationError as error:
            wrong = [f"{PREFIX}{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()]
            raise SystemExit("\n".join(wrong)) from None

    def masked(self) -> dict[str, str]:
        """Return every setting as text, secrets and passwords within addresses left out."""
        return {name: without_secrets(str(getattr(self, name))) for name in type(self).model_fields}
