"""What a connection to a folder of CSV files is configured with; the names are those of its public document."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from edurelay_connector_runner.connectors.generic_csv import presets
from edurelay_connector_runner.connectors.generic_csv.layout import Layout
from edurelay_connector_runner.connectors.generic_csv.shape import Shape


class Config(BaseModel):
    """Where the files lie, and how they are laid out: by a `preset`, or by a `layout` of one's own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    import_path: str = Field(alias="importPath", min_length=1, description="The folder that is read.")
    export_path: str | None = Field(default=None, alias="exportPath", description="The folder that is written to.")
    s3_bucket: str | None = Field(default=None, alias="s3Bucket", description="Not read; it may stand here.")
    preset: str | None = Field(default=None, description="The name of a layout that comes with the connector.")
    layout: Layout | None = None

    @field_validator("preset")
    @classmethod
    def _known_preset(cls, value: str | None) -> str | None:
        if value is not None:
            presets.load(value)
        return value

    @field_validator("layout")
    @classmethod
    def _compiles(cls, value: Layout | None) -> Layout | None:
        if value is not None:
            for name in value.streams:
                try:
                    Shape(value, name)
                except ValueError as error:
                    raise ValueError(f"streams.{name}: {error}") from error
        return value

    @model_validator(mode="before")
    @classmethod
    def _no_bucket_alone(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("s3Bucket") and not values.get("importPath"):
            raise ValueError("files in an S3 bucket cannot be read; importPath is needed, a folder with CSV files")
        return values

    @model_validator(mode="after")
    def _one_layout(self) -> Self:
        if self.preset is not None and self.layout is not None:
            raise ValueError("give a preset or a layout, not both")
        return self

    @property
    def effective_layout(self) -> Layout:
        """The layout that is in force."""
        return self.layout or presets.load(self.preset or presets.DEFAULT)


class Credentials(BaseModel):
    """A folder needs none; these are taken because the public document has them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    aws_access_key: SecretStr | None = Field(default=None, alias="awsAccessKey")
    aws_secret_key: SecretStr | None = Field(default=None, alias="awsSecretKey")
