"""The JSON Schema of profiles, for editors, with the settings of every adapter and the session's fields."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from rtengine.models.registry import Kind, adapter_names, adapter_settings
from rtengine.profile.document import KINDS, ProfileFile
from rtengine.profile.reading import SESSIONS, SET_BY_SERVER


def profile_schema() -> dict[str, Any]:
    """Draft-07 would do for editors; pydantic writes 2020-12, which they read as well."""
    models = create_model(
        "ModelChoices", __config__=ConfigDict(extra="forbid"), **{kind: _adapters(kind) for kind in KINDS}
    )
    session: Any = reduce(or_, (_settable(model) for model in SESSIONS.values()))
    document: type[BaseModel] = create_model(
        "ProfileFile",
        __base__=ProfileFile,
        models=(models | None, Field(None, description="The models behind the server")),
        session=(session | None, Field(None, description=ProfileFile.model_fields["session"].description)),
        machines=(dict[str, str] | None, Field(None, description=ProfileFile.model_fields["machines"].description)),
    )
    schema = document.model_json_schema()
    schema["title"] = "rtengine profile"
    return schema


def _adapters(kind: Kind) -> Any:
    """The union of the settings of every adapter of this part, told apart by ``adapter``."""
    choices: list[Any] = [
        create_model(
            f"{kind.title()}{name.title().replace('-', '')}",
            __base__=adapter_settings(kind, name),
            adapter=(_only(name), Field(description="Name of the adapter")),
        )
        for name in adapter_names(kind)
    ]
    union: Any = reduce(or_, choices)
    if len(choices) > 1:
        union = Annotated[union, Field(discriminator="adapter")]
    return (union | None, None)


def _only(name: str) -> Any:
    return Literal[name]


def _settable(session: type[BaseModel]) -> type[BaseModel]:
    fields = {name: (info.annotation, info) for name, info in session.model_fields.items() if name not in SET_BY_SERVER}
    return create_model(session.__name__, __config__=ConfigDict(extra="forbid"), **fields)  # type: ignore[call-overload,no-any-return]
