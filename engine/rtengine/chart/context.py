"""What an instance remembers: one small class per machine, an attribute per variable of its ``context``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class Context:
    """Base of the classes that ``context_class`` makes. A variable that the file does not declare cannot be set."""

    __slots__: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in variables(self).items())})"


def context_class(machine: str, names: Iterable[str]) -> type[Context]:
    return type(f"{machine}.context", (Context,), {"__slots__": tuple(names)})


def variables(context: Context) -> dict[str, Any]:
    """The variables by name, in the file's order."""
    return {name: getattr(context, name) for name in type(context).__slots__}
