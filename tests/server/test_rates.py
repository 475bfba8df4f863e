"""The rates of keys, counted in this process and in a Redis that several servers share."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import closing
from pathlib import Path
from queue import Queue
from typing import Any, TypeVar

import pytest
from fakeredis import FakeRedisConnection, FakeServer
from limits import strategies
from limits.storage import RedisStorage, memory
from redis import ConnectionPool

from rtengine.errors import RtengineError
from rtengine.profile.settings import KeyLimits
from rtengine.server import rates as module
from rtengine.server.rates import Behind, KeyRates, Rates, Window

pytestmark = pytest.mark.unit

T = TypeVar("T")

BOTH = KeyLimits(requests_per_minute=2, tokens_per_minute=100)


class Clock:
    """Stands in for the module ``time``."""

    def __init__(self) -> None:
        self.now = 1_000_000_020.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for place in (memory, strategies, module):
        monkeypatch.setattr(place, "time", clock)
    return clock


def told(rates: Any) -> dict[str, tuple[int, int, float]]:
    return {each.name: (each.limit, each.remaining, each.reset_seconds) for each in rates.left()}


def test_a_limit_that_is_not_set_is_not_told(clock: Clock) -> None:
    assert told(Rates().of("a", KeyLimits())) == {}
    assert told(Rates().of("a", KeyLimits(tokens_per_minute=5))) == {"tokens": (5, 5, 0.0)}


def test_what_is_spent_is_gone_for_a_minute(clock: Clock) -> None:
    rates = Rates().of("a", BOTH)
    rates.spend("requests", 1)
    rates.spend("tokens", 30)
    clock.now += 20
    rates.spend("requests", 1)
    assert told(rates) == {"requests": (2, 0, 40.0), "tokens": (100, 70, 40.0)}
    clock.now += 40.5
    assert told(rates)["requests"][:2] == (2, 1)
    assert told(rates)["tokens"] == (100, 100, 0.0)


def test_tokens_can_be_overdrawn_and_are_never_below_zero(clock: Clock) -> None:
    rates = Rates().of("a", BOTH)
    rates.spend("tokens", 250)
    assert told(rates)["tokens"] == (100, 0, 60.0)
    rates.spend("tokens", 0)
    assert told(rates)["tokens"] == (100, 0, 60.0)


def test_sessions_of_a_key_share_and_keys_do_not(clock: Clock) -> None:
    rates = Rates()
    rates.of("a", BOTH).spend("tokens", 60)
    rates.of("a", BOTH).spend("tokens", 60)
    assert told(rates.of("a", BOTH))["tokens"][1] == 0
    assert told(rates.of("b", BOTH))["tokens"][1] == 100


# --- shared ---------------------------------------------------------------------------------------------------------


class Later(Executor):
    """An executor and a loop at once: work and answers wait until the test lets them go."""

    def __init__(self) -> None:
        self.work: list[Callable[[], None]] = []

    def submit(self, function: Callable[..., T], /, *args: Any, **named: Any) -> Future[T]:
        future = Future[T]()
        self.work.append(lambda: future.set_result(function(*args, **named)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.work.clear()

    def go(self) -> None:
        while self.work:
            self.work.pop(0)()


class SharedRates(Rates):
    """Counts in a Redis inside this process, when the test says so."""

    def __init__(self, server: FakeServer) -> None:
        super().__init__()
        self.later = Later()
        pool = ConnectionPool(connection_class=FakeRedisConnection, server=server)
        redis = RedisStorage("redis://localhost", connection_pool=pool)
        behind = Behind(lambda answer: answer(), redis.storage.close, self.later)
        self._shared = module.Counters(redis), behind


@pytest.fixture
def redis() -> FakeServer:
    return FakeServer()


def test_two_servers_share_what_a_key_has_left(redis: FakeServer) -> None:
    with closing(SharedRates(redis)) as one, closing(SharedRates(redis)) as other:
        check_two(one, other)


def check_two(one: SharedRates, other: SharedRates) -> None:
    here, there = one.of("a", BOTH), other.of("a", BOTH)
    here.spend("tokens", 60)
    here.spend("requests", 1)
    one.later.go()
    assert told(there)["tokens"][1] == 100  # it has not heard of it
    there.spend("tokens", 10)
    there.spend("requests", 1)
    other.later.go()
    assert told(there)["tokens"][:2] == (100, 30)
    assert told(there)["requests"][:2] == (2, 0)
    assert 0 < told(there)["requests"][2] <= 60


def test_what_is_spent_here_counts_before_redis_has_answered(redis: FakeServer) -> None:
    with closing(SharedRates(redis)) as one:
        here = one.of("a", BOTH)
        here.spend("tokens", 40)
        one.later.go()
        here.spend("tokens", 50)
        assert told(here)["tokens"][1] == 10
        one.later.go()
        assert told(here)["tokens"][1] == 10


def test_without_redis_each_server_holds_the_limits_alone(redis: FakeServer, caplog: pytest.LogCaptureFixture) -> None:
    redis.connected = False
    with closing(SharedRates(redis)) as rates:
        here = rates.of("a", BOTH)
        here.spend("tokens", 90)
        here.spend("tokens", 10)
        rates.later.go()
        assert told(here)["tokens"][1] == 0
        assert [record.getMessage() for record in caplog.records] == ["rate counters are out of reach"]
        redis.connected = True
        here.spend("tokens", 5)
        rates.later.go()
        redis.connected = False
        here.spend("tokens", 5)
        rates.later.go()
        assert len(caplog.records) == 2


def test_what_has_waited_for_a_lost_redis_is_not_counted_when_it_is_back(clock: Clock) -> None:
    later = Later()
    asked, answers = list[str](), list[Window | None]()

    def ask(name: str) -> Callable[[], Window]:
        def exchange() -> Window:
            asked.append(name)
            return Window(1, clock.now + 60)

        return exchange

    behind = Behind(lambda answer: answer(), later.work.clear, later)
    behind.run(ask("old"), answers.append)
    clock.now += 30  # so long the ones before it took to fail
    behind.run(ask("new"), answers.append)
    later.go()
    assert asked == ["new"]
    assert answers == [None, Window(1, clock.now + 60)]


def test_an_answer_after_the_loop_has_closed_is_dropped() -> None:
    def closed(answer: Callable[[], None]) -> None:
        raise RuntimeError("Event loop is closed")

    later = Later()
    answers: list[Window | None] = []
    Behind(closed, later.work.clear, later).run(lambda: Window(1, 2.0), answers.append)
    later.go()
    assert answers == []


@pytest.mark.end_to_end
@pytest.mark.skipif(shutil.which("redis-server") is None, reason="there is no redis-server on this machine")
def test_a_real_redis_counts_for_two_servers(tmp_path: Path) -> None:
    address = tmp_path / "redis.sock"
    command = ["redis-server", "--port", "0", "--unixsocket", str(address), "--save", "", "--dir", str(tmp_path)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        assert any("ready to accept connections" in line.lower() for line in server.stdout)
        check_threads(f"redis+unix://{address}")
    finally:
        server.terminate()
        server.communicate()


def check_threads(url: str) -> None:
    answers: Queue[Callable[[], None]] = Queue()
    with closing(Rates(url, answers.put)) as one, closing(Rates(url, answers.put)) as other:
        one.of("a", BOTH).spend("tokens", 60)
        for _ in range(3):  # what is left of either limit, and then of what is spent
            answers.get(timeout=60)()
        there = other.of("a", BOTH)
        for _ in range(2):
            answers.get(timeout=60)()
        assert told(there)["tokens"][:2] == (100, 40)
        assert told(there)["requests"][:2] == (2, 2)


def test_a_url_that_means_nothing_is_refused() -> None:
    with pytest.raises(RtengineError, match="no Redis URL"):
        Rates("redis://127.0.0.1:port", lambda answer: None)
    assert isinstance(Rates().of("a", BOTH), KeyRates)
