"""Counters and latencies of a server, in the text format of Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from rtengine import __version__
from rtengine.observe.spans import Span
from rtengine.observe.timeline import TurnTiming

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_LATENCIES = (0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
_DURATIONS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0)
_LAGS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


class Metrics:
    """What one server counts, in a registry of its own. Names of keys and what was said are not in it."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a time beside every series, which nothing reads
        self.stages: tuple[str, ...] = ()
        """Of the pipeline, by name."""
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._sessions = Counter("rtengine_sessions", "Sessions that were opened.", registry=registry)
        self._refused = Counter(
            "rtengine_sessions_refused", "Connections that got no session, by error code.", ["code"], registry=registry
        )
        self._responses = Counter("rtengine_responses", "Responses, by how they ended.", ["status"], registry=registry)
        self._errors = Counter("rtengine_errors", "Error events, by code.", ["code"], registry=registry)
        self._turns = Counter("rtengine_turns", "Turns of users that were committed.", registry=registry)
        self._transcriptions = Counter(
            "rtengine_transcriptions", "Transcriptions, by how they ended.", ["status"], registry=registry
        )
        self._tools = Counter("rtengine_tool_calls", "Tool calls, by how they ended.", ["status"], registry=registry)
        self._tokens = Counter("rtengine_tokens", "Tokens of responses, by kind.", ["kind"], registry=registry)
        self._heard = Counter("rtengine_transcribed_seconds", "Audio that was transcribed.", registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(name, text, labels, buckets=buckets, registry=registry)

        self._created = histogram(
            "rtengine_response_created_seconds", "End of the user's turn to response.created.", _LATENCIES, "after"
        )
        self._first_audio = histogram(
            "rtengine_first_audio_seconds", "End of the user's turn to the first audio delta.", _LATENCIES, "after"
        )
        self._first_token = histogram(
            "rtengine_first_token_seconds", "Chat model asked to its first token.", _LATENCIES
        )
        self._transcription = histogram(
            "rtengine_transcription_seconds", "Length of transcriptions that were completed.", _LATENCIES
        )
        self._response = histogram("rtengine_response_seconds", "response.created to response.done.", _DURATIONS)
        self._lag = histogram("rtengine_event_loop_lag_seconds", "How late the event loop was, each second.", _LAGS)

    def watch(self, sessions: Callable[[], int], missing: Callable[[], Iterable[str]]) -> None:
        """Tell, whenever somebody looks, how many sessions are open and which of ``stages`` take jobs."""
        self._registry.register(_Standing(self, sessions, missing))

    def page(self) -> bytes:
        """Everything, as text of the type ``CONTENT_TYPE``."""
        return generate_latest(self._registry)

    # --- what the server tells

    def opened(self) -> None:
        self._sessions.inc()

    def refused(self, code: str | None) -> None:
        self._refused.labels(code or "server_error").inc()

    def lagged(self, seconds: float) -> None:
        self._lag.observe(seconds)

    # --- what is observed of sessions

    def sent(self, event: dict[str, Any]) -> None:
        kind = event["type"]
        if kind == "error":
            self._errors.labels(event["error"].get("code") or event["error"]["type"]).inc()
        elif kind == "response.done":
            response = event["response"]
            self._responses.labels(response["status"]).inc()
            if response.get("usage") is not None:
                self._spend(response["usage"])

    def turn(self, timing: TurnTiming) -> None:
        if timing.created_ms is not None:
            self._created.labels(timing.reference).observe(timing.created_ms / 1e3)
        if timing.first_audio_ms is not None:
            self._first_audio.labels(timing.reference).observe(timing.first_audio_ms / 1e3)

    def span(self, span: Span) -> None:
        status = span.fields.get("status")
        match span.kind:
            case "turn" if status == "committed":
                self._turns.inc()
            case "transcription":
                self._transcriptions.labels(status).inc()
                if status == "completed":
                    self._transcription.observe(span.seconds)
                    self._heard.inc(float(str(span.fields["audio_seconds"])))
            case "response":
                self._response.observe(span.seconds)
            case "first_token":
                self._first_token.observe(span.seconds)
            case "tool":
                self._tools.labels(status).inc()

    def _spend(self, usage: dict[str, Any]) -> None:
        read, written = usage["input_token_details"], usage["output_token_details"]
        counts = {
            "input_text": read["text_tokens"] - read["cached_tokens_details"]["text_tokens"],
            "input_text_cached": read["cached_tokens_details"]["text_tokens"],
            "input_audio": read["audio_tokens"],
            "input_image": read["image_tokens"],
            "output_text": written["text_tokens"],
            "output_audio": written["audio_tokens"],
        }
        for kind, count in counts.items():
            self._tokens.labels(kind).inc(count)


class _Standing(Collector):
    """What is looked up and not counted."""

    def __init__(self, metrics: Metrics, sessions: Callable[[], int], missing: Callable[[], Iterable[str]]) -> None:
        self._metrics = metrics
        self._sessions = sessions
        self._missing = missing

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield GaugeMetricFamily("rtengine_sessions_open", "Sessions that are open.", value=self._sessions())
        missing = set(self._missing())
        ready = GaugeMetricFamily("rtengine_stage_ready", "Whether a stage takes jobs.", labels=["stage"])
        for stage in self._metrics.stages:
            ready.add_metric([stage], float(stage not in missing))
        yield ready
        info = GaugeMetricFamily("rtengine_info", "The server's version.", labels=["version"])
        info.add_metric([__version__], 1.0)
        yield info
