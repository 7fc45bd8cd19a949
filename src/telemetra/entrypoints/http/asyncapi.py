"""
The AsyncAPI document: the WebSockets, with the schemas of the very types that are encoded for them.

What OpenAPI leaves to words stands here for programs: channel, messages, who sends which, and how a conversation ends.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import msgspec

from telemetra.entrypoints.http.index import VERSION
from telemetra.entrypoints.http.operations import TOKEN_SCHEME
from telemetra.entrypoints.http.schemas import REFERENCE, schemas_of
from telemetra.entrypoints.http.sockets import SocketDocumentation, SocketMessage

_VERSION: Final = "3.0.0"
_WS_BINDING: Final = "0.1.0"
_JSON: Final = "application/json"
_TICKET_SCHEME: Final = "ticket"
_SECURITY_SCHEMES: Final = {
    TOKEN_SCHEME: {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of the operator's, with the handshake; where the service asks for one.",
    },
    _TICKET_SCHEME: {
        "type": "httpApiKey",
        "in": "query",
        "name": "ticket",
        "description": "For browsers, which can send no header with the handshake: from `POST /api/v1/live-tickets`, "
        "one for each connection.",
    },
}
_VARIABLES: Final = {
    "host": {"default": "localhost:8000", "description": "Where the service is, with its port."},
    "prefix": {"default": "", "description": "What a proxy has put before its paths, such as `/stats`."},
}
_SERVERS: Final = {
    "plain": ("ws", "Without encryption."),
    "encrypted": ("wss", "Behind a proxy that encrypts."),
}


def build_document(sockets: Sequence[SocketDocumentation], *, title: str) -> bytes:
    """Return the document as JSON, two spaces deep, always the same for the same sockets."""
    messages = [message for socket in sockets for message in (*socket.told, *socket.heard)]
    document = {
        "asyncapi": _VERSION,
        "info": {
            "title": title,
            "version": VERSION,
            "description": "Live updates over WebSocket, from the commit to the listener. Reads over HTTP are told "
            "in [openapi.json](openapi.json), with the same schemas.",
        },
        "defaultContentType": _JSON,
        "servers": {name: _server(*told) for name, told in _SERVERS.items()},
        "channels": {socket.name: _channel(socket) for socket in sockets},
        "operations": dict(operation for socket in sockets for operation in _operations(socket)),
        "components": {
            "messages": {message.name: _message(message) for message in messages},
            "schemas": _in_draft_07(schemas_of([message.kind for message in messages])),
            "securitySchemes": _SECURITY_SCHEMES,
        },
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2)


def _server(protocol: str, description: str) -> dict[str, Any]:
    return {
        "host": "{host}",
        "pathname": "{prefix}",
        "protocol": protocol,
        "description": description,
        "variables": _VARIABLES,
        "security": [_reference("components", "securitySchemes", name) for name in _SECURITY_SCHEMES],
    }


def _channel(socket: SocketDocumentation) -> dict[str, Any]:
    return {
        "address": socket.path,
        "title": socket.title,
        "description": socket.description,
        "parameters": socket.path_parameters,
        "messages": {
            message.name: _reference("components", "messages", message.name)
            for message in (*socket.told, *socket.heard)
        },
        "bindings": {
            "ws": {
                "method": "GET",
                "query": {"type": "object", "properties": socket.query},
                "bindingVersion": _WS_BINDING,
            }
        },
        "x-close-codes": [asdict(closing) for closing in socket.closings],
    }


def _operations(socket: SocketDocumentation) -> Iterable[tuple[str, dict[str, Any]]]:
    """Yield what the service does on a socket: it tells its listeners, and answers what each of them says."""
    channel = _reference("channels", socket.name)

    def of_channel(names: Iterable[str]) -> list[dict[str, str]]:
        return [_reference("channels", socket.name, "messages", name) for name in names]

    unasked = [message.name for message in socket.told if message.name not in socket.answers.values()]
    name = socket.name.capitalize()
    yield (
        f"send{name}Messages",
        {
            "action": "send",
            "channel": channel,
            "title": "What the server sends",
            "summary": "Everything that a listener is told without asking.",
            "messages": of_channel(unasked),
        },
    )
    for heard in socket.heard:
        yield (
            f"receive{name}{heard.name.capitalize()}",
            {
                "action": "receive",
                "channel": channel,
                "title": "What you may send",
                "summary": "Anything else is against the rules.",
                "messages": of_channel([heard.name]),
                "reply": {"channel": channel, "messages": of_channel([socket.answers[heard.name]])},
            },
        )


def _message(message: SocketMessage) -> dict[str, Any]:
    return {
        "name": message.name,
        "title": message.title,
        "summary": inspect.getdoc(message.kind),
        "contentType": _JSON,
        "payload": {"$ref": REFERENCE.format(name=message.kind.__name__)},
        "examples": [
            {"summary": told, "payload": msgspec.to_builtins(example)}
            for told, example in message.examples.items()
        ],
    }


def _reference(*path: str) -> dict[str, str]:
    return {"$ref": "/".join(("#", *path))}


def _in_draft_07(schema: Any) -> Any:
    """
    Return schemas as draft 07 of JSON Schema wants them, which AsyncAPI 3.0 is made of.

    There, what stands beside a reference does not count: a field's description would be lost.
    """
    match schema:
        case {"$ref": reference, **others} if others:
            return {"allOf": [{"$ref": reference}], **others}
        case Mapping():
            return {name: _in_draft_07(inner) for name, inner in schema.items()}
        case list():
            return [_in_draft_07(inner) for inner in schema]
    return schema
