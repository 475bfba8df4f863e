"""From the files of a profile to its parts, with a finding for everything that is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path as FilePath
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from rtengine.chart.overlay import LayeredFile
from rtengine.errors import ModelError, RtengineError
from rtengine.models.registry import Kind, adapter_settings
from rtengine.profile.document import KINDS, ModelChoices, ProfileFile
from rtengine.profile.environment import strings, substitute
from rtengine.profile.layers import PREFIX, Layers
from rtengine.profile.settings import PipelineSettings
from rtengine.profile.shipped import find, shipped_files
from rtengine.profile.tools import check_tools
from rtengine.protocol.formats import allowed_rates, voice_name
from rtengine.protocol.session import RealtimeSession, Session, TranscriptionSession
from rtengine.protocol.turn_detection import SemanticVad, TranscriptionSemanticVad
from rtengine.source.finding import FileError, Finding, Path, Severity
from rtengine.source.shape import explain
from rtengine.source.suggestion import suggest

T = TypeVar("T", bound=BaseModel)

NEEDED_MACHINES = ("session",)
SECRETS_IN = ("models", "keys", "tools")
SET_BY_SERVER = ("id", "object", "expires_at")
SESSIONS: dict[str, type[RealtimeSession] | type[TranscriptionSession]] = {
    "realtime": RealtimeSession,
    "transcription": TranscriptionSession,
}
_SECRET = re.compile(r"(^|[_-])(key|secret|token|password|authorization)$", re.IGNORECASE)


class Reading:
    """One pass over a profile. ``strict`` makes a variable that is not set an error."""

    def __init__(self, layers: Layers, environ: Mapping[str, str], *, strict: bool) -> None:
        self.findings: list[Finding] = []
        self._layers = layers
        self._strict = strict
        self._substitution = substitute(layers.document, environ)
        self._document = self._substitution.document
        self.file = self._valid(self._document, ProfileFile, ())
        self.settings = {kind: settings for kind in KINDS if (settings := self._adapter(kind)) is not None}
        self.session = self._session()
        self.machines = self._machines()
        self._check_name()
        self._check_environment()
        self._check_secrets()
        self._check_keys()
        for number, message, path, hint in check_tools(self.file, self.session, self.tools_folder) if self.file else ():
            self._add(number, message, path, hint=hint)
        if self.file is not None and self.session is not None:
            self._check_models(self.session, self.file.models)
            self._check_requests(self.session)

    @property
    def tools_folder(self) -> FilePath:
        """Of the file that `tools:` stands in."""
        return self._layers.origin(("tools",)).folder

    @property
    def name(self) -> str:
        return str(self._document["profile"])

    @property
    def kinds(self) -> frozenset[Kind]:
        """The parts that have a model, whether its settings are in order or not."""
        models = self._document.get("models")
        return frozenset(kind for kind in KINDS if isinstance(models, dict) and isinstance(models.get(kind), dict))

    @property
    def pipeline(self) -> PipelineSettings:
        """With the path of the dataflow as it is from here. Called when there are no findings about it."""
        settings = PipelineSettings.model_validate(self._document.get("pipeline", {}))
        if settings.dataflow is None:
            return settings
        folder = self._layers.origin(("pipeline", "dataflow")).folder
        return settings.model_copy(update={"dataflow": str(folder / FilePath(settings.dataflow).expanduser())})

    def _add(
        self, number: str, message: str, path: Path, *, key: bool = False, hint: str = "", severity: Severity = "error"
    ) -> None:
        file = self._layers.origin(path).file
        self.findings.append(file.finding(PREFIX + number, message, path, key=key, hint=hint, severity=severity))

    def _valid(self, value: Any, model: type[T], at: Path, context: dict[str, Any] | None = None) -> T | None:
        try:
            return model.model_validate(value, context=context)
        except ValidationError as error:
            mistakes = explain(error, model)
        for mistake in mistakes:
            path = (*at, *mistake.path)
            if path in self._substitution.missing:
                continue  # told once, as the variable that is not set
            message = mistake.message
            if path in self._substitution.filled:
                # The value may be a secret, so it is not repeated.
                wrong = message.split(" (got ")[0].partition(" does not match ")
                told = f"does not match {wrong[2]}" if wrong[1] else wrong[0]
                message = f"{told} (its value comes from the environment)"
            self._add(mistake.number, message, path, key=mistake.key, hint=mistake.hint)
        return None

    def _adapter(self, kind: Kind) -> BaseModel | None:
        models = self._document.get("models")
        choice = models.get(kind) if isinstance(models, dict) else None
        if not isinstance(choice, dict) or not isinstance(choice.get("adapter"), str):
            return None
        try:
            model = adapter_settings(kind, choice["adapter"])
        except ModelError as error:
            self._add("103", error.message.rstrip("."), ("models", kind, "adapter"), hint=error.hint)
            return None
        settings = {key: value for key, value in choice.items() if key != "adapter"}
        return self._valid(settings, model, ("models", kind))

    def _session(self) -> Session | None:
        given = self._document.get("session")
        if not isinstance(given, dict):
            return None
        kind = given.get("type")
        if not isinstance(kind, str) or kind not in SESSIONS:
            message = "the key 'type' is missing" if kind is None else f"there is no session of type {kind!r}"
            path: Path = ("session",) if kind is None else ("session", "type")
            self._add(
                "012" if kind is None else "010", message, path, key=kind is None, hint=suggest(str(kind), SESSIONS)
            )
            return None
        for field in SET_BY_SERVER:
            if field in given:
                self._add("301", f"the server sets '{field}' itself", ("session", field), key=True, hint="remove it")
        settable = {key: value for key, value in given.items() if key not in SET_BY_SERVER}
        return self._valid(settable, SESSIONS[kind], ("session",), allowed_rates())

    def _machines(self) -> dict[str, FilePath]:
        machines = self._document.get("machines")
        found: dict[str, FilePath] = {}
        if not isinstance(machines, dict):
            return found
        shipped = shipped_files("machines")
        for role, reference in machines.items():
            if not isinstance(reference, str):
                continue
            path = ("machines", role)
            try:
                found[role] = find("machines", reference, self._layers.origin(path).folder)
            except RtengineError as error:
                self._add("104", error.message, path, hint=error.hint)
                continue
            if found[role] != shipped.get(role) and self._plays_another(role, found[role]):
                del found[role]  # what it would do in that part is not worth telling
                found.update({name: path for name, path in shipped.items() if name == role})
        for role in NEEDED_MACHINES:
            if role not in machines:
                hint = "add `extends: default`" if "extends" not in self._document else ""
                self._add("105", f"no machine plays the part '{role}'", ("machines",), key=True, hint=hint)
        return found

    def _plays_another(self, role: str, path: FilePath) -> bool:
        """Whether the file describes another machine than the one that it is to be; with a finding then."""
        try:
            name = LayeredFile.read(path, partial(find, "machines")).plain().get("machine")
        except FileError:
            return False  # the check of the machine tells why
        if not isinstance(name, str) or name == role:
            return False
        known = role in shipped_files("machines")
        message = f"this file describes the machine '{name}', not '{role}'" if known else f"unknown machine '{role}'"
        hint = f"write `{name}: {path.name}`" if known else f"did you mean '{name}'?"
        self._add("106", message, ("machines", role), key=not known, hint=hint)
        return True

    def _check_name(self) -> None:
        name, stem = self._document.get("profile"), self._layers.chain[0].path.stem
        if isinstance(name, str) and name != stem:
            hint = f"write `profile: {stem}`, or name the file {name}.yaml"
            self._add("102", f"the file of the profile '{name}' is named '{stem}'", ("profile",), hint=hint)

    def _check_environment(self) -> None:
        for path, name in self._substitution.missing.items():
            hint = f"export {name}=…, or write a default: ${{{name}:-…}}"
            severity: Severity = "error" if self._strict else "warning"
            self._add("201", f"the environment variable {name} is not set", path, hint=hint, severity=severity)
        for path in self._substitution.malformed:
            hint = "references are ${NAME} and ${NAME:-default}; a plain $ is $$"
            self._add("202", "'${' begins no reference to an environment variable", path, hint=hint)
        for path in self._substitution.stray:
            message = "references to environment variables are not read here: the text stays as it is"
            self._add("203", message, path, severity="warning")

    def _check_secrets(self) -> None:
        found = [entry for part in SECRETS_IN for entry in strings(self._layers.document.get(part), (part,))]
        for path, text in found:
            if text and _SECRET.search(str(path[-1])) and path not in self._substitution.filled:
                name = "_".join(part for part in path[1:] if isinstance(part, str)).upper().replace("-", "_")
                hint = f"write ${{{name}}}, and set the variable where the server runs"
                self._add(
                    "204", f"the secret '{path[-1]}' is written into the file", path, hint=hint, severity="warning"
                )

    def _check_keys(self) -> None:
        names: dict[str, str] = {}
        for name, settings in (self.file.keys if self.file else {}).items():
            first = names.setdefault(settings.key.get_secret_value(), name)
            if first != name:
                self._add("205", f"the keys '{first}' and '{name}' are the same", ("keys", name, "key"))

    def _check_models(self, session: Session, models: ModelChoices) -> None:
        if isinstance(session, RealtimeSession):
            if models.chat is None:
                self._add("302", "a realtime session needs a chat model", ("models",), key=True)
            if "audio" in session.output_modalities and models.voice is None:
                hint = "add `voice:`, or set `output_modalities: [text]`"
                self._add("302", "a session that answers with audio needs a voice", ("models",), key=True, hint=hint)
        heard = session.audio.input
        path: Path = ("session", "audio", "input", "transcription")
        if models.transcriber is None and heard.transcription is not None:
            self._add("302", "a session that transcribes needs a transcriber", path, key=True)
        if models.transcriber is None and isinstance(heard.turn_detection, SemanticVad | TranscriptionSemanticVad):
            place: Path = ("session", "audio", "input", "turn_detection", "type")
            self._add("302", "semantic_vad reads what was said, and needs a transcriber", place)
        self._check_voice(session)
        known = getattr(self.settings.get("transcriber"), "languages", None)
        if known is None or heard.transcription is None:
            return
        wanted = heard.transcription
        named: list[tuple[str, Path]] = [(wanted.language, (*path, "language"))] if wanted.language else []
        named += [(each, (*path, "languages", at)) for at, each in enumerate(wanted.languages or ())]
        for language, place in named:
            if language.lower().split("-")[0] not in known:
                self._add("302", f"the transcriber does not know the language '{language}'", place)

    def _check_voice(self, session: Session) -> None:
        known = getattr(self.settings.get("voice"), "voice_names", None)
        if not isinstance(session, RealtimeSession) or known is None:
            return
        name = voice_name(session.audio.output.voice)
        if name not in known:
            hint = suggest(name, sorted(known), "voices")
            self._add("302", f"there is no voice '{name}'", ("session", "audio", "output", "voice"), hint=hint)

    def _check_requests(self, session: Session) -> None:
        """What the machines refuse every client: a session that began with it could not be updated any more."""
        heard = session.audio.input.transcription
        if heard is not None and heard.delay is not None:
            path: Path = ("session", "audio", "input", "transcription", "delay")
            self._add("306", "no transcriber has a delay to set", path, key=True, hint="remove it")
        if not isinstance(session, RealtimeSession):
            return
        if session.prompt is not None:
            hint = "write what it says as `instructions`"
            self._add("306", "no prompts are stored on the server", ("session", "prompt"), key=True, hint=hint)
        if session.reasoning is not None and not getattr(self.settings.get("chat"), "reasoning", False):
            hint = "if the model has one, say so: `reasoning: true` beside `adapter: openai`"
            self._add("302", "the chat model has no reasoning effort", ("session", "reasoning"), key=True, hint=hint)
