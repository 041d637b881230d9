"""An operation while it lives: its start, its status, and the list."""

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
