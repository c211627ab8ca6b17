"""The API's failures: Status objects with the reasons, messages and details of the real one.

Messages follow apimachinery's `pkg/api/errors/errors.go` and `util/validation/field/errors.go`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from irkit.model.effects import Resource

NOT_SERVED: Final = 501


class ApiError(Exception):
    """An answer that is a Status object with `status: Failure`. It never leaves this package."""

    def __init__(  # noqa: PLR0913 -- a Status has this many parts, all by keyword
        self,
        code: int,
        reason: str,
        message: str,
        *,
        details: dict[str, Any] | None = None,
        retry_after: int = 0,
        continue_: str = "",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.retry_after = retry_after
        self.continue_ = continue_

    def body(self) -> dict[str, Any]:
        """The Status object as it is sent."""
        doc: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {"continue": self.continue_} if self.continue_ else {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
        }
        if self.details is not None:
            doc["details"] = {key: value for key, value in self.details.items() if value not in ("", [])}
            if self.retry_after:
                doc["details"]["retryAfterSeconds"] = self.retry_after
        doc["code"] = self.code
        return doc


@dataclass(frozen=True, slots=True)
class Cause:
    """One field that is wrong: `type` is the API's cause, `detail` the text behind the field's path."""

    type: str
    field: str
    detail: str


def bad_value(field: str, value: object, detail: str) -> Cause:
    """A field's value that cannot be."""
    shown = json.dumps(value, ensure_ascii=False)
    return Cause("FieldValueInvalid", field, f"Invalid value: {shown}: {detail}")


def required(field: str, detail: str = "") -> Cause:
    """A field that must be there."""
    return Cause("FieldValueRequired", field, f"Required value: {detail}" if detail else "Required value")


def forbidden_field(field: str, detail: str) -> Cause:
    """A field that must not be there, or not be changed."""
    return Cause("FieldValueForbidden", field, f"Forbidden: {detail}")


def unsupported(field: str, value: str, supported: tuple[str, ...]) -> Cause:
    """A value outside its list."""
    names = ", ".join(json.dumps(name) for name in supported)
    return Cause("FieldValueNotSupported", field, f"Unsupported value: {json.dumps(value)}: supported values: {names}")


def too_long(field: str, limit: int) -> Cause:
    """More bytes than the field may hold."""
    return Cause("FieldValueTooLong", field, f"Too long: may not be more than {limit} bytes")


def kind_of(resource: Resource) -> str:
    """`Kind.group`, as messages about invalid objects name it."""
    return f"{resource.kind}.{resource.group}" if resource.group else resource.kind


def _details(resource: Resource, name: str) -> dict[str, Any]:
    return {"name": name, "group": resource.group, "kind": resource.plural}


def invalid(resource: Resource, name: str, causes: list[Cause]) -> ApiError:
    """422 with one cause per field."""
    texts = [f"{cause.field}: {cause.detail}" for cause in causes]
    listed = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    return ApiError(
        422,
        "Invalid",
        f'{kind_of(resource)} "{name}" is invalid: {listed}',
        details={
            "name": name,
            "group": resource.group,
            "kind": resource.kind,
            "causes": [{"reason": cause.type, "message": cause.detail, "field": cause.field} for cause in causes],
        },
    )


def invalid_patch(patched: str, error: str) -> ApiError:
    """422: the patched document is no object of its kind."""
    cause = bad_value("patch", patched, error)
    return ApiError(
        422,
        "Invalid",
        f' "" is invalid: {cause.field}: {cause.detail}',
        details={"causes": [{"reason": cause.type, "message": cause.detail, "field": cause.field}]},
    )


def patch_failed() -> ApiError:
    """422 of a JSON Patch that does not apply, a failed `test` included: the API does not say which operation."""
    return ApiError(422, "Invalid", "the server rejected our request due to an error in our request", details={})


def refuse(message: str) -> NoReturn:
    """400, raised here."""
    raise ApiError(400, "BadRequest", message)


def unauthorized() -> ApiError:
    """401 for a token that the API does not know."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def forbidden(resource: Resource | None, name: str, why: str) -> ApiError:
    """403."""
    if resource is None:
        return ApiError(403, "Forbidden", f"forbidden: {why}", details={})
    what = f'{resource} "{name}"' if name else f"{resource}"
    return ApiError(403, "Forbidden", f"{what} is forbidden: {why}", details=_details(resource, name))


def not_found(resource: Resource, name: str) -> ApiError:
    """404 about an object."""
    return ApiError(404, "NotFound", f'{resource} "{name}" not found', details=_details(resource, name))


def not_installed() -> ApiError:
    """404 about no object: what an API server says of a resource whose definition it does not have."""
    return ApiError(404, "NotFound", "the server could not find the requested resource")


def already_exists(resource: Resource, name: str) -> ApiError:
    """409 of a create."""
    return ApiError(409, "AlreadyExists", f'{resource} "{name}" already exists', details=_details(resource, name))


def conflict(resource: Resource, name: str, why: str) -> ApiError:
    """409 of a patch that names another resourceVersion."""
    return ApiError(
        409,
        "Conflict",
        f'Operation cannot be fulfilled on {resource} "{name}": {why}',
        details=_details(resource, name),
    )


def precondition_failed(resource: Resource, name: str, why: str) -> ApiError:
    """409 of a delete whose preconditions do not hold. The API names the kind here, not the plural."""
    return ApiError(
        409,
        "Conflict",
        f'Operation cannot be fulfilled on {kind_of(resource)} "{name}": {why}',
        details={"name": name, "group": resource.group, "kind": resource.kind},
    )


def expired(continue_: str) -> ApiError:
    """410 of a continue token from which no consistent list can be made; `continue_` goes on inconsistently."""
    return ApiError(
        410,
        "Expired",
        "The provided continue parameter is too old to display a consistent list result. You can start a new list "
        "without the continue parameter, or use the continue token in this response to retrieve the remainder of "
        "the results. Continuing with the provided token results in an inconsistent list - objects that were "
        "created, modified, or deleted between the time the first chunk was returned and now may show up in the "
        "list.",
        continue_=continue_,
    )


def too_many(message: str, retry_after: int, causes: list[dict[str, str]] | None = None) -> ApiError:
    """429."""
    return ApiError(429, "TooManyRequests", message, details={"causes": causes or []}, retry_after=retry_after)


def not_acceptable(
    message: str = "only the following media types are accepted: application/json, application/yaml, "
    "application/vnd.kubernetes.protobuf",
) -> ApiError:
    """406: no media type that the API serves was asked for, or not for this kind of answer."""
    return ApiError(406, "NotAcceptable", message)


def media_type(offered: str) -> ApiError:
    """415."""
    return ApiError(
        415,
        "UnsupportedMediaType",
        f"the body of the request was in an unknown format - accepted media types include: {offered}",
    )


def too_large(limit: int) -> ApiError:
    """413."""
    return ApiError(413, "RequestEntityTooLarge", f"Request entity too large: limit is {limit}")


def unserved(what: str) -> NoReturn:
    """501, raised here: the lab does not simulate this. No real API server says so; it fails the test that asked."""
    raise ApiError(NOT_SERVED, "NotImplemented", f"the lab does not implement {what}")
