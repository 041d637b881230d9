"""After how long a run is slow: asked of the history of its job, once in a while for each job.

What is usual changes with every end, but hardly: the watchdog, which looks at each run every few minutes, asks seldom.
"""

from relay.domain.jobs import Job
from relay.domain.outcomes import before, slow_after
from relay.errors import StoreUnavailable
from relay.store.jobs import Jobs

WHILE = 600.0  # seconds for which an answer serves
REMEMBERED = 10_000  # jobs


class JobLimits:
    """`now` is any clock that goes on."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._answers: dict[tuple[Job, float], tuple[float, float | None]] = {}

    async def slow_after(self, job: Job, percent: float, now: float) -> float | None:
        """Seconds; None where too little is known of the job, or the store is away."""
        at, limit = self._answers.pop((job, percent), (float("-inf"), None))
        if not 0 <= now - at < WHILE:
            try:
                at, limit = now, slow_after(before(await self._jobs.ends(job), "", float("inf")), percent)
            except StoreUnavailable:
                return None
        self._answers[job, percent] = at, limit
        if len(self._answers) > REMEMBERED:
            del self._answers[next(iter(self._answers))]
        return limit
