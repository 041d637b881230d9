"""The certificates that relay serves with: loaded at the start, and again when they are renewed."""

import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import structlog

from relay import metrics
from relay.receiving.tls import MOMENT, Tls, context, ending, ends, faults, load

log = structlog.get_logger(__name__)

GOES_ON = "the one that was loaded before goes on"


class Certificates:
    """Those that relay serves with, by the section of the configuration that names them. ConfigError was before.

    New connections get what was last taken up; those that are open keep theirs.
    """

    def __init__(self, sections: Mapping[str, Tls | None], clock: Callable[[], float]) -> None:
        self._clock = clock
        self._tls = {section: tls for section, tls in sections.items() if tls}
        self._contexts = {section: context(tls) for section, tls in self._tls.items()}
        self._ends: dict[str, float] = {}
        for section in self._tls:
            self._note(section)

    def context(self, section: str) -> ssl.SSLContext | None:
        """None where no TLS is spoken."""
        return self._contexts.get(section)

    def renew(self) -> None:
        """Read the files again. Those that do not serve change nothing."""
        for section, tls in self._tls.items():
            try:
                # Into the live one last: with a new certificate and an old key it would have none at all.
                refused = next(faults(tls, self._clock()), None)
                if not refused:
                    load(self._contexts[section], tls)
                    self._note(section)
            except (OSError, ValueError) as error:
                refused = ("certificate", str(error))
            if refused:
                log.error("certificate.refused", key=f"{section}.tls.{refused[0]}", reason=refused[1], meaning=GOES_ON)
            else:
                log.info("certificate.loaded", key=f"{section}.tls.certificate", ends=self._until(section))

    def notices(self) -> dict[str, str]:
        """Those that end soon, for those who watch over relay."""
        now = self._clock()
        return {f"certificate:{section}": fault for section, end in self._ends.items() if (fault := ending(end, now))}

    def _note(self, section: str) -> None:
        self._ends[section] = ends(self._tls[section])
        metrics.certificate_ends.labels(section).set(self._ends[section])

    def _until(self, section: str) -> str:
        return datetime.fromtimestamp(self._ends[section], UTC).strftime(MOMENT)
