"""``rtengine draw``: a machine file as a diagram."""

from __future__ import annotations

from typing import Annotated

import typer

from rtengine.profile.shipped import find
from rtengine.source.file import SourceFile
