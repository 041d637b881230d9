"""Responses about operations, as types: the OpenAPI document is made of them."""

from typing import Any, NotRequired

from typing_extensions import TypedDict


class Resources(TypedDict):
    cpuUnits: int | float
    memoryGB: int | float
    estimatedCost: str


class Started(TypedDict):
    operationId: str
    operationType: str
    operationName: str
    status: str
    estimatedDuration: str
    estimatedCompletion: str
    trackingUrl: str
    webhooksRegistered: int
    priority: str
    dateCreated: str
    timeoutAt: str
    resourcesAllocated: Resources


class Progress(TypedDict):
    percentage: int
    currentPhase: str
    phasesCompleted: int
    totalPhases: int
    startTime: str | None
    elapsedTime: str
    estimatedRemaining: str
    estimatedCompletion: str


class Usage(TypedDict):
    cpuUsage: int
    memoryUsage: str
    diskUsage: NotRequired[str]
    networkIO: NotRequired[str]


class Execution(TypedDict):
    executionId: str
    workerNode: str
    resourceUsage: Usage
    processedRecords: int
    totalRecords: int
    processingRate: str
    attempt: int


class PhaseStatus(TypedDict):
    phaseName: str
    status: str
    startTime: NotRequired[str]
    endTime: NotRequired[str]
    duration: NotRequired[str]
    recordsProcessed: NotRequired[int]
    progress: NotRequired[int]
    currentActivity: NotRequired[str]
    estimatedStartTime: NotRequired[str]
    estimatedDuration: NotRequired[str]
    validationResults: NotRequired[dict[str, Any]]
    results: NotRequired[dict[str, Any]]
    modelsTraining: NotRequired[int]
    modelsCompleted: NotRequired[int]


class Calls(TypedDict):
    progressCallbacksSent: int
    lastProgressCallback: str | None
    callbacksSuccessful: int
    callbacksFailed: int


class Status(TypedDict):
    operationId: str
    operationType: str
    operationName: str
    status: str
    progress: Progress
    execution: Execution
    phases: list[PhaseStatus]
    callbacks: Calls
    dateCreated: str
    timeoutAt: str
    priority: str
    endTime: NotRequired[str]
    duration: NotRequired[str]
    operationDescription: NotRequired[str]
    notifications: NotRequired[dict[str, Any]]
    parameters: NotRequired[dict[str, Any]]
    batchId: NotRequired[str]
    originalOperationId: NotRequired[str]
    retryNumber: NotRequired[int]
    error: NotRequired[dict[str, Any]]
    cancellation: NotRequired[dict[str, Any]]


class Row(TypedDict):
    operationId: str
    operationType: str
    operationName: str
    status: str
    progress: int
    priority: str
    startTime: NotRequired[str]
    estimatedCompletion: NotRequired[str]
    currentPhase: NotRequired[str]
    resourceUsage: NotRequired[Usage]
    endTime: NotRequired[str]
    duration: NotRequired[str]
    recordsProcessed: NotRequired[int]
    execution: NotRequired[Execution]
    phases: NotRequired[list[PhaseStatus]]
    callbacks: NotRequired[Calls]


class Summary(TypedDict):
    totalOperations: int
    running: int
    completed: int
    failed: int
    cancelled: int


class Listing(TypedDict):
    operations: list[Row]
    summary: Summary
    page: int
    pageSize: int
    hasNextPage: bool


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
