"""What came of an operation: cancelled, ended or retried."""

from typing import Any, NotRequired

from typing_extensions import TypedDict

from relay_sandbox.schema.responses.operations import Resources


class Partial(TypedDict):
    available: bool
    completedPhases: int
    downloadUrls: list[str]


class Released(TypedDict):
    cpuUnits: int | float
    memoryGB: int | float
    costSaved: str


class Cancelled(TypedDict):
    operationId: str
    status: str
    cancellationTime: str
    reason: str
    progressAtCancellation: int
    phaseAtCancellation: str
    partialResults: Partial
    resourcesReleased: Released
    cancelledBy: str


class PhaseResult(TypedDict):
    phaseName: str
    status: str
    results: dict[str, Any]
    startTime: NotRequired[str]
    endTime: NotRequired[str]
    duration: NotRequired[str]


class Artifact(TypedDict):
    name: str
    type: str
    format: str
    size: str
    downloadUrl: str
    description: str


class Utilization(TypedDict):
    averageCpuUsage: int
    peakMemoryUsage: str
    totalCpuHours: float
    totalCost: str


class Performance(TypedDict):
    totalExecutionTime: str
    resourceUtilization: Utilization
    throughput: str
    efficiency: float


class Recommendation(TypedDict):
    category: str
    priority: str
    recommendation: str
    expectedImprovement: str


class Results(TypedDict):
    operationId: str
    operationType: str
    operationName: str
    status: str
    completionTime: str
    totalDuration: str
    success: bool
    summary: dict[str, Any]
    phaseResults: list[PhaseResult]
    artifacts: list[Artifact]
    performance: Performance
    recommendations: list[Recommendation]
    parameters: NotRequired[dict[str, Any]]
    error: NotRequired[dict[str, Any]]


class Preserved(TypedDict):
    phasesPreserved: int
    recordsProcessed: int
    progressSaved: int


class Retried(TypedDict):
    originalOperationId: str
    newOperationId: str
    retryMode: str
    retryNumber: int
    resumeFromPhase: str
    status: str
    estimatedDuration: str
    estimatedCompletion: str
    preservedResults: Preserved
    resourcesAllocated: Resources
    retryAttemptDate: str
    trackingUrl: str
