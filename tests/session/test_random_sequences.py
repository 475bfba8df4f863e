"""Any sequence of events, legal or not, keeps the promises of the API."""

from __future__ import annotations

import base64
import os
import random
from collections import Counter
from typing import Any

import pytest
from tests.scenario import World, kind_of, prefill
from tests.session.machines import MACHINES
from tests.usage import check_sums

from rtengine.models import jobs
from rtengine.profile.settings import KeyLimits, Limits
from rtengine.protocol.tools import FunctionTool, McpTool
from rtengine.session.effects import Disconnected, Draining, JobResult
from rtengine.tools.address import HostRule
from rtengine.tools.catalog import Catalog, OwnFunction, OwnServer

pytestmark = pytest.mark.property

STEPS = int(os.environ.get("RTENGINE_RANDOM_STEPS", "12000"))
"""How many steps all seeds make together; `make soak` makes a million."""
PER_SESSION = 300
SEEDS = 8

PER_KEY = (KeyLimits(), KeyLimits(), KeyLimits(requests_per_minute=20, tokens_per_minute=500))
TEXTS = ("Yes. ", "Well, ", "that is so", "! And then we went on to something much longer, ", "\n", "…", "42", "好。")


class Wanderer:
    """Does something at random, and remembers what a client would."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        modality = self.random.choice((["audio"], ["text"]))
        detection: Any = self.random.choice(
            (
                None,
                {"type": "server_vad", "idle_timeout_ms": 5000},
                {"type": "server_vad", "interrupt_response": False},
                {"type": "semantic_vad", "eagerness": "high"},
            )
        )
        transcription = self.random.choice((None, {"model": "whisper-1"}))
        self.world = World(
            MACHINES,
            {
                "output_modalities": modality,
                "audio": {"input": {"turn_detection": detection, "transcription": transcription}},
            },
            limits=Limits(session_seconds=100_000, tool_rounds=3, per_key=self.random.choice(PER_KEY)),
            tools=self.random.choice((None, TOOLS)),
        )
        self.voiced = False
        self.calls = 0

    def item_id(self) -> str:
        known: list[str] = [
            event["item"]["id"] for event in self.world.everything if event["type"] == "conversation.item.added"
        ]
        return self.random.choice([*known[-5:], "item_unknown"])

    def approval_request_id(self) -> str:
        asked: list[str] = [
            event["item"]["id"]
            for event in self.world.everything
            if event["type"] == "conversation.item.done" and event["item"]["type"] == "mcp_approval_request"
        ]
        return self.random.choice([*asked[-2:], "item_unknown"])

    def step(self) -> None:
        self.random.choices((self.client, self.audio, self.job, self.time, self.rarely), weights=(30, 25, 45, 10, 1))[
            0
        ]()

    def client(self) -> None:
        item: dict[str, Any] = self.random.choice(
            (
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Ho"}]},
                {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": AUDIO}]},
                {"type": "function_call_output", "call_id": f"call_{self.random.randint(0, 3)}", "output": "1"},
                {"type": "function_call", "call_id": f"call_{self.random.randint(0, 3)}", "name": "f", "arguments": ""},
                {"type": "mcp_list_tools", "server_label": self.random.choice(("far", "home")), "tools": [LAMP]},
                {"type": "message", "role": "user", "status": "incomplete"},
                {
                    "type": "mcp_approval_response",
                    "approval_request_id": self.approval_request_id(),
                    "approve": self.random.random() < 0.7,
                },
            )
        )
        event: dict[str, Any] = self.random.choice(
            (
                {"type": "response.create"},
                {"type": "response.create", "response": {"conversation": "none", "metadata": {"a": "b"}}},
                {"type": "response.create", "response": {"input": [], "output_modalities": ["text"]}},
                {"type": "response.create", "response": {"input": [{"type": "item_reference", "id": self.item_id()}]}},
                {"type": "response.cancel"},
                {"type": "input_audio_buffer.commit"},
                {"type": "input_audio_buffer.clear"},
                {"type": "conversation.item.create", "item": item},
                {"type": "conversation.item.create", "previous_item_id": self.item_id(), "item": item},
                {"type": "conversation.item.delete", "item_id": self.item_id()},
                {"type": "conversation.item.retrieve", "item_id": self.item_id()},
                {
                    "type": "conversation.item.truncate",
                    "item_id": self.item_id(),
                    "content_index": 0,
                    "audio_end_ms": self.random.choice((0, 100, 3000)),
                },
                {"type": "session.update", "session": {"type": "realtime", "instructions": "x"}},
                input_update(turn_detection=None),
                input_update(turn_detection={"type": "semantic_vad", "eagerness": "high"}),
                input_update(format={"type": "audio/pcmu"}),
                input_update(format={"type": "audio/pcm", "rate": 24000}),
                {
                    "type": "session.update",
                    "session": {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "server_vad"}}}},
                },
                {"type": "session.update", "session": {"type": "realtime", "audio": {"output": {"voice": "ash"}}}},
                {"type": "session.update", "session": {"type": "realtime", "output_modalities": ["audio", "text"]}},
                {"type": "session.update", "session": {"type": "realtime", "tools": [REMOTE]}},
                {"type": "response.create", "response": {"tools": [REMOTE], "tool_choice": "required"}},
                {"type": "session.update", "session": {"type": "realtime", "tools": []}},
                {"type": "session.update", "session": {"type": "realtime", "tool_choice": CHOICE}},
                {"type": "session.update", "session": {"type": "realtime", "tool_choice": "auto"}},
                {"type": "response.create", "response": {"audio": {"output": {"voice": "coral"}}}},
                {"type": "output_audio_buffer.clear"},
                {"type": "nonsense"},
            )
        )
        self.world.client({**event, "event_id": f"e{self.random.randint(0, 10**6)}"})

    def audio(self) -> None:
        now = int(self.world.session.data.input.buffer.total_ms)
        edges: list[dict[str, int]] = []
        if self.random.random() < 0.6 and self.world.session.data.session.audio.input.turn_detection is not None:
            kinds = ("silence", "resumed", "ended") if self.voiced else ("speech",)
            kind = self.random.choice(kinds)
            edges = [{kind: now}]
            self.voiced = kind != "ended"
        self.world.audio(self.random.choice((20, 100, 400)), edges)

    def job(self) -> None:
        waiting = [job for job in self.world.jobs.values() if not prefill(job)]
        if waiting:
            job = self.random.choice(waiting)
            self.world.deliver(job, self.result(job))

    def result(self, job: jobs.Job) -> jobs.Result:
        chance = self.random.random()
        if chance < 0.03:
            return jobs.JobFailed("It broke.", "broken")
        if kind_of(job) == "judge":
            return jobs.JudgeDone(chance)
        if isinstance(job.request, jobs.TranscribeRequest):
            return jobs.TranscribeDelta("He") if chance < 0.2 else jobs.TranscribeDone("Hello", 1.0, "en")
        if isinstance(job.request, jobs.SpeakRequest):
            if chance < 0.4:
                return jobs.SpeakDone()
            return jobs.SpeakAudio(bytes(4800), 100.0, job.request.text if chance < 0.7 else "")
        if isinstance(job.request, jobs.ToolRequest):
            return self.tool_result(job.request, chance)
        if chance < 0.6:
            return jobs.GenerateText(self.random.choice(TEXTS))
        if chance < 0.75:
            self.calls += 1
            return jobs.GenerateCall(f"call_{self.calls}", self.random.choice(("f", "own", "lamp", "buy")))
        if chance < 0.85:
            return jobs.GenerateArguments(f"call_{self.calls}", "{}")
        return jobs.GenerateDone(self.random.choice(("stop", "length", "content_filter", "tool_calls")), 9, 9)

    def tool_result(self, request: jobs.ToolRequest, chance: float) -> jobs.Result:
        if request.name is None:
            return jobs.ToolListDone(({"name": "lamp", "input_schema": {}}, {"name": "buy", "input_schema": {}}))
        return jobs.ToolDone("42") if chance < 0.7 else jobs.ToolDone(error="No.", kind="http_error", code=500)

    def time(self) -> None:
        self.world.advance(self.random.choice((0.01, 1.0, 7.0, 130.0)))

    def rarely(self) -> None:
        if self.random.random() < 0.1:
            self.world.receive(self.random.choice((Draining(), Disconnected())))

    def stale(self) -> None:
        self.world.receive(JobResult("job_gone", jobs.GenerateText("late")))


def input_update(**settings: Any) -> dict[str, Any]:
    return {"type": "session.update", "session": {"type": "realtime", "audio": {"input": settings}}}


OWN = FunctionTool(name="own")
HOME = McpTool(server_label="home", require_approval={"never": {"tool_names": ["lamp"]}})
TOOLS = Catalog({"own": OwnFunction(OWN, 60.0)}, {"home": OwnServer(HOME, 60.0)}, (HostRule("mcp.example.com"),))
REMOTE = {"type": "mcp", "server_label": "far", "server_url": "https://mcp.example.com/"}
LAMP = {"name": "lamp", "input_schema": {}}
CHOICE = {"type": "mcp", "server_label": "far"}

AUDIO = base64.b64encode(bytes(9600)).decode()


def check_promises(events: list[dict[str, Any]]) -> None:
    """What a strict client counts on, over everything one session has sent."""
    open_responses: set[str] = set()
    ended: set[str] = set()
    open_items: dict[str, str] = {}
    said: Counter[str] = Counter()
    texts: dict[tuple[str, str], str] = {}
    ids = [event["event_id"] for event in events]
    assert len(ids) == len(set(ids))
    for event in events:
        name = event["type"]
        response_id = event.get("response_id") or event.get("response", {}).get("id")
        if name == "response.created":
            assert response_id not in open_responses | ended
            open_responses.add(response_id)
        elif name == "response.done":
            assert response_id in open_responses, "done without created, or twice"
            check_sums(event["response"]["usage"])
            open_responses.remove(response_id)
            ended.add(response_id)
            assert not [item for item, owner in open_items.items() if owner == response_id], "an item is left open"
        elif response_id is not None:
            assert response_id in open_responses, f"{name} outside of its response"
        if name == "response.output_item.added":
            open_items[event["item"]["id"]] = response_id
        elif name == "response.output_item.done":
            assert open_items.pop(event["item"]["id"]) == response_id
            said[event["item"]["id"]] += 1
        elif name.endswith(".delta") and "audio.delta" not in name and response_id:
            key = (event["item_id"], name.removesuffix(".delta"))
            texts[key] = texts.get(key, "") + event["delta"]
        elif name.endswith((".output_text.done", "_transcript.done", "arguments.done")):
            key = (event["item_id"], name.removesuffix(".done"))
            whole = event.get("text", event.get("transcript", event.get("arguments")))
            assert texts.get(key, "") == whole, "the deltas are not the text"
    assert set(said.values()) <= {1}
    assert not open_responses, "a response without its response.done"
    check_conversation(events)
    check_parts(events)
    check_outputs(events)


def check_conversation(events: list[dict[str, Any]]) -> None:
    """Every item is announced once, after an item that was announced, and done once. A deleted one may come again."""
    announced: set[str] = set()
    done: set[str] = set()
    deleted: set[str] = set()
    for event in events:
        if event["type"] == "conversation.item.added":
            assert event["item"]["id"] not in announced - deleted
            announced.add(event["item"]["id"])
            done.discard(event["item"]["id"])
            deleted.discard(event["item"]["id"])
        elif event["type"] == "conversation.item.done":
            assert event["item"]["id"] in announced - done
            done.add(event["item"]["id"])
        elif event["type"] == "conversation.item.deleted":
            assert event["item_id"] in announced - deleted
            deleted.add(event["item_id"])
        if event.get("previous_item_id") is not None:
            assert event["previous_item_id"] in announced, "the item before was never announced"


def check_parts(events: list[dict[str, Any]]) -> None:
    """What an item says comes between the beginning of a part and its end, and every part that is begun is ended."""
    opened: dict[str, str] = {}
    for event in events:
        name, item_id = event["type"], event.get("item_id", "")
        if name == "response.content_part.added":
            assert item_id not in opened
            opened[item_id] = event["part"]["type"]
        elif name == "response.content_part.done":
            assert opened.pop(item_id) == event["part"]["type"]
        elif name.startswith("response.output_audio"):
            assert opened[item_id] == "audio"
        elif name.startswith("response.output_text"):
            assert opened[item_id] == "text"
        elif name == "response.output_item.done":
            assert event["item"]["id"] not in opened


def check_outputs(events: list[dict[str, Any]]) -> None:
    """A response lists what it has streamed, as it was at the end of each item, and its counts add up."""
    streamed: dict[str, dict[str, dict[str, Any]]] = {}
    lost: set[str] = set()
    for event in events:
        if event["type"] == "response.output_item.done":
            streamed.setdefault(event["response_id"], {})[event["item"]["id"]] = event["item"]
        elif event["type"] in ("conversation.item.deleted", "conversation.item.truncated"):
            lost.add(event["item_id"])
        elif event["type"] == "response.done":
            items = {item["id"]: item for item in event["response"]["output"]}
            expected = streamed.get(event["response"]["id"], {})
            assert {key: item for key, item in items.items() if key not in lost} == {
                key: item for key, item in expected.items() if key not in lost
            }
            assert set(items) <= set(expected)
            usage = event["response"]["usage"]
            assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


@pytest.mark.parametrize("seed", range(SEEDS))
def test_random_sequences_keep_the_promises(seed: int) -> None:
    for number in range(max(1, STEPS // SEEDS // PER_SESSION)):
        wanderer = Wanderer(seed * 100_003 + number)
        for _ in range(PER_SESSION):
            wanderer.step()
            if wanderer.world.session.closed:
                break
        wanderer.world.receive(Disconnected())
        assert wanderer.world.session.closed
        assert not [job for job in wanderer.world.jobs.values() if not prefill(job)], "a job is left behind"
        assert not wanderer.world.timers, "a timer is left behind"
        check_promises(wanderer.world.everything)
