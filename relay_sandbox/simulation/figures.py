"""The numbers that a simulated operation finds out: varied, the same each time they are asked for. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Figures:
    records: int
    errors: int
    activities: int
    variants: int
    high: int
    medium: int
    low: int
    models: int
    quality: float
    confidence: float
    hours: float

    @property
    def valid(self) -> int:
        return self.records - self.errors

    @property
    def anomalies(self) -> int:
        return self.high + self.medium + self.low


def figures(seed: str, records: int | None = None) -> Figures:
    """Figures of one operation; `records` where they were asked for."""
    chance = Random(f"figures {seed}")  # noqa: S311 - it only has to vary
    count = records or chance.randrange(40_000, 250_000)
    return Figures(
        records=count,
        errors=min(count - 1, chance.randrange(1, 40)),
        activities=chance.randrange(18, 60),
        variants=chance.randrange(80, 400),
        high=chance.randrange(1, 8),
        medium=chance.randrange(4, 16),
        low=chance.randrange(2, 10),
        models=3,
        quality=round(chance.uniform(90, 99.9), 1),
        confidence=round(chance.uniform(85, 97), 1),
        hours=round(chance.uniform(1.5, 9), 1),
    )


def activity_of(phase: str, fraction: float) -> Facts:
    """Return the details of a running phase."""
    texts = ACTIVITIES.get(phase, ("Working",))
    facts: Facts = {"currentActivity": texts[min(int(fraction * len(texts)), len(texts) - 1)]}
    if phase == "Machine Learning Analysis":
        facts |= {"modelsTraining": 3, "modelsCompleted": min(int(fraction * 3), 3)}
    return facts


def status_facts(phase: str, number: Figures) -> Facts:
    """Return what a completed phase adds to the operation's status."""
    say = STATUS_FACTS.get(phase)
    return say(number) if say else {}


def result_facts(phase: str, number: Figures) -> Facts:
    """Return what a completed phase adds to the results."""
    say = RESULT_FACTS.get(phase)
    return say(number) if say else {"recordsProcessed": number.valid}


def _loading(n: Figures) -> Facts:
    errors = [{"type": "Missing Timestamp", "count": n.errors, "resolved": True}] if n.errors else []
    return {"recordsLoaded": n.records, "validRecords": n.valid, "dataQualityScore": n.quality,
            "validationErrors": errors}  # fmt: skip


def _discovery(n: Figures) -> Facts:
    return {
        "processModel": {
            "activities": n.activities, "transitions": n.activities * 3 + 22, "variants": n.variants,
            "complexity": "Medium-High" if n.variants > 200 else "Medium",
        },
        "performanceMetrics": {
            "averageCycleTime": f"{n.hours} hours", "medianCycleTime": f"{n.hours * 0.74:.1f} hours",
            "bottleneckActivities": ["Review Application", "Manager Approval"],
            "efficiency": round(n.confidence - 13, 1),
        },
    }  # fmt: skip


def _learning(n: Figures) -> Facts:
    return {
        "anomalies": {
            "detected": n.anomalies, "highSeverity": n.high, "mediumSeverity": n.medium, "lowSeverity": n.low,
            "falsePositiveRate": 0.03,
        },
        "predictions": {
            "cycleTimePrediction": {"accuracy": 0.89, "meanAbsoluteError": "0.3 hours"},
            "pathPrediction": {"accuracy": 0.92, "confidence": 0.87},
        },
        "patterns": {"frequentPatterns": 15, "rarePatterns": 8, "criticalPaths": 3},
    }  # fmt: skip


ACTIVITIES: Mapping[str, tuple[str, ...]] = {
    "Data Loading & Validation": ("Reading records", "Checking timestamps", "Checking references"),
    "Process Discovery": ("Mining variants", "Building the process model", "Measuring cycle times"),
    "Machine Learning Analysis": ("Preparing features", "Training cycle times", "Training anomaly detection models"),
    "Report Generation": ("Laying out pages", "Writing files"),
    "Data Cleaning": ("Removing duplicates", "Repairing timestamps"),
    "Enrichment": ("Joining reference data", "Deriving attributes"),
}  # fmt: skip
STATUS_FACTS: Mapping[str, Callable[[Figures], Facts]] = {
    "Data Loading & Validation": lambda n: {"validationResults": {
        "validRecords": n.valid, "errorRecords": n.errors, "dataQualityScore": n.quality}},
    "Process Discovery": lambda n: {"results": {
        "activitiesDiscovered": n.activities, "processVariants": n.variants, "uniquePaths": round(n.variants * 0.83)}},
    "Machine Learning Analysis": lambda n: {"results": {"anomaliesDetected": n.anomalies, "modelsGenerated": n.models}},
}  # fmt: skip
RESULT_FACTS: Mapping[str, Callable[[Figures], Facts]] = {
    "Data Loading & Validation": _loading, "Process Discovery": _discovery, "Machine Learning Analysis": _learning,
}  # fmt: skip
