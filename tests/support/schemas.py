"""Judges of documents by schemas. They are imported when called: that takes two seconds in every process."""

from collections.abc import Mapping
from typing import Any


def faults_by(schema: Mapping[str, Any], document: object) -> list[str]:
    """`path: what is wrong`, by a schema of the draft of 2020-12."""
    from jsonschema import Draft202012Validator

    errors = Draft202012Validator(schema).iter_errors(document)
    return [f"{'.'.join(map(str, fault.absolute_path))}: {fault.message}" for fault in errors]


def check_schema(schema: Mapping[str, Any]) -> None:
    """Raises where it is no schema of that draft."""
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(schema)


def check_openapi(document: Mapping[str, Any]) -> None:
    """Raises where it is no description by OpenAPI 3."""
    from openapi_spec_validator import validate

    validate(document)
