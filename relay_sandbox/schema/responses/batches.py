"""Batches."""

from typing import NotRequired

from typing_extensions import TypedDict


class Member(TypedDict):
    operationKey: str
    operationId: str
    operationName: str
    operationType: str
    status: str
    dependencies: list[str]
    estimatedDuration: str
    estimatedStartTime: NotRequired[str]
    retryNumber: NotRequired[int]


class Batch(TypedDict):
    batchId: str
    batchName: str
    status: str
    operations: list[Member]
    totalOperations: int
    estimatedBatchDuration: str
    estimatedBatchCompletion: str
    batchStartTime: str
    trackingUrl: str
    batchDescription: NotRequired[str]
    completedOperations: int
    failedOperations: int
    failurePolicy: dict[str, bool]
    batchEndTime: NotRequired[str]
