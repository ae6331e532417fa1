"""Write the OpenAPI document from the endpoints."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from quarterdeck import __version__
from quarterdeck.web.api.endpoint import PREFIX, Endpoint, Parameter
from quarterdeck.web.api.shapes import Failure

REFUSALS = {
    "400": "the request has another shape, or cannot be done",
    "401": "nobody is signed in, or the token is not valid",
    "403": "this person, or this token, may not",
    "404": "there is no such thing",
    "405": "the path takes other methods",
    "409": "something else stands there already",
    "413": "the body is too long",
    "415": "the body has another type",
    "429": "too many requests; Retry-After says how long to wait",
    "500": "a fault of ours; the log says which",
    "503": "a part of the bot does not answer",
}
PRINTABLE = r"^[^\u0000-\u001f\u007f]*$"  # what is not text is refused besides
REF = "#/components/schemas/{model}"


def document(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """Return the document, version 3.1."""
    schemas: dict[str, Any] = {}
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(PREFIX + endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Quarterdeck", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "quarterdeck"},
            },
        },
        "security": [{"token": []}, {"session": []}],
    }


def _operation(endpoint: Endpoint, schemas: dict[str, Any]) -> dict[str, Any]:
    refused = _ref(Failure, schemas)
    done: dict[str, Any] = {"description": endpoint.summary}
    status = str(endpoint.status)
    if endpoint.answer is not None:
        done["content"] = {"application/json": {"schema": _ref(endpoint.answer, schemas)}}
    elif endpoint.media_type:
        done["content"] = {endpoint.media_type: {}}
    else:
        status = "204"
    failures = {
        code: {"description": text, "content": {"application/json": {"schema": refused}}}
        for code, text in REFUSALS.items()
    }
    names = re.findall(r"\{(\w+)\}", endpoint.path)
    described: dict[str, Any] = {
        "summary": endpoint.summary,
        "operationId": f"{endpoint.method.lower()}{re.sub(r'[^a-zA-Z]+', '_', endpoint.path)}",
        "parameters": [
            *({"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names),
            *map(_parameter, endpoint.parameters),
        ],
        "responses": {status: done, **failures},
    }
    if endpoint.body is not None:
        content = {"application/json": {"schema": _ref(endpoint.body, schemas)}}
        described["requestBody"] = {"required": True, "content": content}
    if endpoint.takes_file:
        described["requestBody"] = {"required": True, "content": {"multipart/form-data": _UPLOAD}}
    return described


_UPLOAD: Mapping[str, Any] = {
    "schema": {
        "type": "object",
        "required": ["file"],
        "additionalProperties": False,
        "properties": {"file": {"type": "string", "contentMediaType": "application/octet-stream"}},
    }
}


def _parameter(one: Parameter) -> dict[str, Any]:
    bounds = (
        {"minimum": one.minimum, "maximum": one.maximum}
        if one.kind == "integer"
        else {"maxLength": one.max_length, "pattern": PRINTABLE}
    )
    return {
        "name": one.name,
        "in": one.place,
        "required": one.required,
        "description": one.summary,
        "schema": {"type": one.kind, **bounds},
    }


def _ref(shape: type[BaseModel], schemas: dict[str, Any]) -> dict[str, str]:
    found = shape.model_json_schema(ref_template=REF)
    schemas.update(found.pop("$defs", {}))
    schemas[shape.__name__] = found
    return {"$ref": REF.format(model=shape.__name__)}
