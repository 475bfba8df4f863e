"""The rates of API keys, counted with the `limits` package: in this process, or in a Redis that several servers share.

A session must know at once whether it may answer, and Redis is a network away. So every server counts for itself, and
what it counts is sent to Redis behind its back; the answers tell what the other servers have spent. A limit can be
overdrawn by what each server lets through before it hears of the others: one second and a round trip. While Redis is
gone, each server holds the limits alone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.errors import ConfigurationError
from limits.storage import MemoryStorage, RedisStorage, Storage, storage_from_string
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter, RateLimiter

from rtengine.errors import RtengineError
from rtengine.profile.settings import KeyLimits
from rtengine.protocol.server import RateLimit
from rtengine.session.rates import RateLimits, RateName

SECONDS = 60
SOCKET_SECONDS = 2.0
FRESH_SECONDS = 1.0
"""How long it is not asked again what the other servers have spent."""
LATE_SECONDS = 5.0
"""What has waited for so long is not sent any more: it would be counted in another minute, and hold up what follows."""
MEMORY = "memory://"

log = logging.getLogger("rtengine.server")


@dataclass(slots=True)
class Window:
    """How much of a limit is left, and until when that is so (Unix seconds)."""

    remaining: int
    reset_at: float


class Counters:
    """Both strategies on one storage.

    Requests are counted in a moving window, which lets no burst through. The tokens of a response are known when it is
    over, and must be counted even where that overdraws the limit: that is a fixed window, whose counter only goes up.
    """

    def __init__(self, storage: Storage) -> None:
        self._strategies: Mapping[RateName, RateLimiter] = {
            "requests": MovingWindowRateLimiter(storage),
            "tokens": FixedWindowRateLimiter(storage),
        }

    def window(self, name: RateName, limit: RateLimitItem, key: str) -> Window:
        stats = self._strategies[name].get_window_stats(limit, key)
        return Window(max(0, stats.remaining), stats.reset_time)

    def spend(self, name: RateName, limit: RateLimitItem, key: str, amount: int) -> None:
        self._strategies[name].hit(limit, key, cost=amount)


class KeyRates:
    """The limits of one key, counted in this process."""

    def __init__(self, key: str, limits: KeyLimits, counters: Counters) -> None:
        known: Mapping[RateName, int | None] = {
            "requests": limits.requests_per_minute,
            "tokens": limits.tokens_per_minute,
        }
        self.key = key
        self.limits = {
            name: RateLimitItemPerMinute(limit, 1, f"rtengine/{name}") for name, limit in known.items() if limit
        }
        self._counters = counters

    def left(self) -> list[RateLimit]:
        return [self._told(name, limit.amount, self.window(name)) for name, limit in self.limits.items()]

    def spend(self, name: RateName, amount: int) -> None:
        if amount > 0 and name in self.limits:
            self._counters.spend(name, self.limits[name], self.key, amount)

    def window(self, name: RateName) -> Window:
        return self._counters.window(name, self.limits[name], self.key)

    def _told(self, name: RateName, limit: int, window: Window) -> RateLimit:
        reset = 0.0 if window.remaining == limit else max(0.0, window.reset_at - time.time())
        return RateLimit(name=name, limit=limit, remaining=window.remaining, reset_seconds=round(reset, 3))


class SharedKeyRates(KeyRates):
    """The same, kept up to date with what is counted in Redis."""

    def __init__(self, key: str, limits: KeyLimits, counters: Counters, shared: Counters, behind: Behind) -> None:
        super().__init__(key, limits, counters)
        self._shared = shared
        self._behind = behind
        self._known: dict[RateName, Window] = {}
        self._unanswered = dict.fromkeys(self.limits, 0)
        """What has been spent here since Redis last told what is left."""
        self._asked_at = dict.fromkeys(self.limits, 0.0)
        self.refresh()

    def refresh(self) -> None:
        """Ask what is left, where nothing has been asked for a while."""
        for name, asked_at in self._asked_at.items():
            if time.time() - asked_at > FRESH_SECONDS:
                self._ask(name, 0)

    def left(self) -> list[RateLimit]:
        self.refresh()
        return super().left()

    def spend(self, name: RateName, amount: int) -> None:
        super().spend(name, amount)
        if name in self.limits:
            self._ask(name, amount)

    def window(self, name: RateName) -> Window:
        here, there = super().window(name), self._known.get(name)
        if there is None or there.reset_at <= time.time():
            return here
        left = max(0, there.remaining - self._unanswered[name])
        return here if here.remaining <= left else Window(left, there.reset_at)

    def _ask(self, name: RateName, amount: int) -> None:
        self._asked_at[name] = time.time()
        self._unanswered[name] += amount
        self._behind.run(lambda: self._exchange(name, amount), lambda window: self._learn(name, amount, window))

    def _exchange(self, name: RateName, amount: int) -> Window:
        if amount > 0:
            self._shared.spend(name, self.limits[name], self.key, amount)
        return self._shared.window(name, self.limits[name], self.key)

    def _learn(self, name: RateName, amount: int, window: Window | None) -> None:
        self._unanswered[name] -= amount
        if window is not None:
            self._known[name] = window


class Behind:
    """Talks to Redis on a thread of its own, in order. Answers come back through ``post``, on the loop."""

    def __init__(
        self,
        post: Callable[[Callable[[], None]], object],
        hang_up: Callable[[], None],
        executor: Executor | None = None,
    ) -> None:
        self._post = post
        self._hang_up = hang_up
        self._executor = executor or ThreadPoolExecutor(1, "rates")
        self._lost = False

    def run(self, ask: Callable[[], Window], answer: Callable[[Window | None], None]) -> None:
        self._executor.submit(self._work, ask, answer, time.time() + LATE_SECONDS)

    def close(self) -> None:
        """Forget what has not been asked yet, and wait for what has."""
        self._executor.shutdown(cancel_futures=True)
        self._hang_up()

    def _work(self, ask: Callable[[], Window], answer: Callable[[Window | None], None], latest: float) -> None:
        window: Window | None = None
        try:
            if time.time() < latest:
                window = ask()
                self._lost = False
        except Exception as error:  # whatever the Redis client raises: the limits hold without it
            if not self._lost:
                log.warning("rate counters are out of reach", extra={"fields": {"error": type(error).__name__}})
            self._lost = True
        try:
            self._post(lambda: answer(window))
        except RuntimeError:  # the loop has closed: nobody is left to limit
            log.debug("rate counters answered too late")


class Rates:
    """The rates of every key. ``counters`` is a storage URL of the `limits` package. Raises RtengineError."""

    def __init__(self, counters: str = MEMORY, post: Callable[[Callable[[], None]], object] | None = None) -> None:
        self._here = Counters(MemoryStorage())
        self._keys: dict[str, RateLimits] = {}
        self._shared: tuple[Counters, Behind] | None = None
        if counters != MEMORY:
            if post is None:
                raise ValueError("shared counters answer through a loop")
            redis = _redis(counters)
            self._shared = Counters(redis), Behind(post, redis.storage.close)

    def of(self, key: str, limits: KeyLimits) -> RateLimits:
        """The one counter of a key, by the key's name."""
        known = self._keys.get(key)
        if known is None:
            shared = self._shared
            known = SharedKeyRates(key, limits, self._here, *shared) if shared else KeyRates(key, limits, self._here)
            self._keys[key] = known
        elif isinstance(known, SharedKeyRates):
            known.refresh()
        return known

    def close(self) -> None:
        if self._shared is not None:
            self._shared[1].close()


def _redis(url: str) -> RedisStorage:
    try:
        storage = storage_from_string(url, socket_timeout=SOCKET_SECONDS, socket_connect_timeout=SOCKET_SECONDS)
    except ConfigurationError:
        raise RtengineError(
            "`server.counters` is a Redis URL, and the package for it is missing", "pip install 'rtengine[redis]'"
        ) from None
    except ValueError:
        raise RtengineError("`server.counters` is no Redis URL", "redis://[:password@]host:port[/number]") from None
    assert isinstance(storage, RedisStorage)  # the profile lets no other scheme through
    return storage
