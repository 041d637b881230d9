"""Time that tests own."""


class Clock:
    """Seconds since the epoch, moved by hand. Call it to read it."""

    def __init__(self, now: float = 1_705_749_600.0) -> None:  # 2024-01-20T11:20:00Z, inside the seed's own day
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds
