"""When a channel that fails is tried again, and by what. Pure.

A failure of the channel's shape (it cannot be resolved, reached or negotiated, answers 5xx or what it never would, or
breaks off) says nothing about the message, so it costs no attempt, as long as nothing else got through on that channel
and host since the message failed last. With a second message, or where surely nothing was sent, the channel is paused:
what is due there parks (scripts/include/parking.lua), and one delivery at a time probes it.
"""

from relay.domain.deliveries import Trial

FIRST_PROBE = 2.0  # seconds until a channel that fails is tried again; doubled each time
LAST_PROBE = 60.0  # seconds between two tries, at the most
LONGEST_DOUBT = 900.0  # seconds between two sends of a message that may have arrived, at the most
DOUBT_SHARE = 0.25  # of the time since it may have arrived that passes between two sends of it


def retry_in(trial: Trial, retry_after: float | None = None) -> float:
    """Return the seconds until the channel is tried again, by this delivery or another one."""
    failed = trial.faults if trial.probe is None else trial.probe
    return max(min(LAST_PROBE, FIRST_PROBE * 2.0 ** min(failed, 10)), retry_after or 0.0)


def repeats_in(trial: Trial, now: float) -> float:
    """Return the seconds for which a message that may have arrived, which nothing can find out, is not sent again.

    A channel that let others through since, or did not even answer a probe without a message and answers one now, has
    recovered: 0. Otherwise it may be one that takes messages and loses its answers, so each try may make a double:
    fewer, the longer it lasts.
    """
    if not trial.doubted or max(trial.works, trial.deaf) > trial.repeated:
        return 0.0
    gap = min(LONGEST_DOUBT, max(FIRST_PROBE, DOUBT_SHARE * (now - trial.doubted)))
    return max(0.0, trial.repeated + gap - now)
