"""Short-time power of the last second, and the noise floor under it.

A classifier of speech answers late and in coarse steps; where a sound begins and ends is seen in its power. Powers are
mean squares of PCM16 samples over one hop (8 or 10 ms).
"""

from __future__ import annotations

from dataclasses import dataclass, field

HISTORY = 128
"""Hops remembered: about a second."""

_SETTLE = 32
"""A hop is taken for noise only this many hops later, when it is known that no utterance began with it."""
_FIRST = 12
"""Hops after which a first guess of the noise floor is made."""

_FULL_SCALE = 32768.0**2
_QUIETEST = _FULL_SCALE * 10**-7.2
"""Nothing below -72 dBFS is a voice."""
_LOWEST_FLOOR = _FULL_SCALE * 10**-7.8
"""No room is quieter than -78 dBFS: less is digital silence, which tells nothing about the room."""
_ABOVE_FLOOR = 10**0.9
_BELOW_PEAK = 10**-3.5
"""A voice fades in and out over tens of milliseconds; 35 dB under its peak is where ears and labels put its edges."""

_BELOW_ONSET = 10**-2.4
_LOWEST_ONSET, _HIGHEST_ONSET = _FULL_SCALE * 10**-6.4, _FULL_SCALE * 10**-5.2
"""While a voice sets in, most of its loudness is still to come. What lies 35 dB under the little that was heard may be
breath or room: so 24 dB under it, and for a voice that grows as loud as most do, -52 dBFS."""
FAINT_VOICE = _FULL_SCALE * 10**-5.0
"""A voice whose loudest parts are below -50 dBFS cannot be told from a room."""

_WAKING = 28
"""For so many hops after digital silence a faint sound may be a room that begins to be heard, or a voice."""
_LOUDEST_ROOM = _FULL_SCALE * 10**-4.6
_STEADY_ROOM = 3.0
_SMOOTH = 4

_RISE = 0.04
_FALL = 0.2
"""How far one hop moves the floor towards its own power."""
_OUTLIER = 4.0
_LEAK = 1.002
"""Rise per hop while somebody speaks: about 1 dB a second."""
_STEADY = 4.0
_FAINT = 10**-1.2
_SUSTAINED = 6


@dataclass(slots=True)
class Loudness:
    """Powers of the last hops and an adaptive noise floor."""

    hops: int = 0
    """Hops seen so far: the clock of this object."""
    floor: float = _LOWEST_FLOOR
    _ring: list[float] = field(default_factory=lambda: [0.0] * HISTORY)
    _awake: int = 0
    """Hops since digital silence, counted up to ``_WAKING``, with their total and their loudest stretch."""
    _total: float = 0.0
    _loudest: float = 0.0

    @property
    def ready(self) -> bool:
        """Whether enough was heard to tell a voice from the noise under it."""
        waking = 0 < self._awake < _WAKING and self._loudest < _LOUDEST_ROOM
        return self.hops >= _FIRST and not waking and self._smooth() >= FAINT_VOICE

    def push(self, power: float, idle: bool, quiet: bool) -> None:
        """Take the next hop. ``idle``: there is no utterance. ``quiet``: nor has there been a sign of one."""
        hops = self.hops
        self._ring[hops % HISTORY] = power
        self.hops = hops + 1
        if power < _LOWEST_FLOOR:
            self._awake, self._total, self._loudest = 0, 0.0, 0.0
        elif self._awake < _WAKING:
            self._wake(power, idle)
        if hops < _FIRST:
            if hops == _FIRST - 1:
                self.floor = self._first_floor()
        elif power < self.floor:
            self.floor = max(self.floor + (power - self.floor) * _FALL, _LOWEST_FLOOR)
        elif not quiet:
            self.floor *= _LEAK
        elif hops >= _SETTLE:
            older = self._ring[(hops - _SETTLE) % HISTORY]
            if older > self.floor:
                self.floor += (min(older, self.floor * _OUTLIER) - self.floor) * _RISE

    def _wake(self, power: float, idle: bool) -> None:
        """A sound after digital silence that stays faint and steady for longer than any consonant is the room."""
        self._awake += 1
        self._total += power
        self._loudest = max(self._loudest, self._smooth())
        if idle and self._awake == _WAKING:
            mean = self._total / _WAKING
            if self._loudest < min(_LOUDEST_ROOM, mean * _STEADY_ROOM):
                self.floor = max(self.floor, mean)

    def _first_floor(self) -> float:
        """A steady sound at the start is noise; of any other, the quietest hop is the noise."""
        first = self._ring[:_FIRST]
        quietest, loudest = min(first), max(first)
        steady = loudest < quietest * _STEADY
        return max(sum(first) / _FIRST if steady else quietest, _LOWEST_FLOOR)

    def gate(self, peak: float) -> float:
        """Power that a hop must exceed to belong to a voice whose loudest hop has the power ``peak``."""
        return max(self.floor * _ABOVE_FLOOR, peak * _BELOW_PEAK, _QUIETEST)

    def onset_gate(self, peak: float) -> float:
        """The same for the beginning of a voice, whose loudest hop so far has the power ``peak``."""
        return max(self.gate(peak), min(max(peak * _BELOW_ONSET, _LOWEST_ONSET), _HIGHEST_ONSET))

    def peak(self, hops: int) -> float:
        """The loudest of the last ``hops``."""
        return max(self._last(hops), default=0.0)

    def admit(self, hops: int) -> None:
        """The last ``hops`` are a voice though they are hardly louder than the noise: bring the gate below them."""
        self.floor = max(min(self.floor, min(self._last(hops)) / _ABOVE_FLOOR * 0.9), _LOWEST_FLOOR)

    def onset(self, earliest: int, gate: float, gap: int) -> int:
        """The hop at which the present sound began: back from now, over quiet gaps of up to ``gap`` hops.

        A gap may be half as long again when the sound before it was sustained: the "s" of "st", and no click.
        """
        found, at, held = self.hops, self.hops - 1, 0
        lowest, wide = max(earliest, self.hops - HISTORY, 0), gap * 3 // 2
        while at >= lowest and found - at <= wide + _SUSTAINED:
            held = held + 1 if self._ring[at % HISTORY] > gate else 0
            away = found - (at + held - 1)
            if held and (away <= gap + 1 or (held >= _SUSTAINED and away <= wide + 1)):
                found = at
            at -= 1
        return found

    def background(self, first: int, last: int, peak: float) -> float | None:
        """A gate above the sound of the hops from ``first`` to ``last``, if it is far too faint to be the voice."""
        powers = sorted(self._ring[at % HISTORY] for at in range(first, last))
        gate = powers[len(powers) // 2] * _ABOVE_FLOOR
        return gate if gate < peak * _FAINT else None

    def _smooth(self) -> float:
        return sum(self._last(_SMOOTH)) / _SMOOTH

    def _last(self, hops: int) -> list[float]:
        first = max(self.hops - min(hops, HISTORY), 0)
        return [self._ring[at % HISTORY] for at in range(first, self.hops)]
