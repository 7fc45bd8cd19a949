"""The forms in which a read can be had beside JSON: how each is named, and which of them a request wants."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from litestar.exceptions import HTTPException
from litestar.openapi.spec.enums import OpenAPIType

from telemetra.entrypoints.asgi import ReadScope
from telemetra.entrypoints.http.exports.negotiation import MediaType, preferred
from telemetra.entrypoints.http.parameters import QueryParameter, texts_given

FORMAT: Final = "format"
JSON: Final = "json"
_JSON_TYPE: Final = MediaType("application/json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One form."""

    name: str
    """As `format` names it."""
    media_types: tuple[MediaType, ...]
    """What the answer is called: the first, or the one of them that was accepted."""
    is_negotiated: bool = True
    """Whether `Accept` can ask for it; else `format` alone."""


CSV: Final = Form(name="csv", media_types=(MediaType("text/csv; charset=utf-8; header=present"),))
NDJSON: Final = Form(
    name="ndjson",
    # What is registered nowhere is called by several names.
    media_types=(
        MediaType("application/x-ndjson"),
        MediaType("application/ndjson"),
        MediaType("application/jsonl"),
    ),
)
CHAPTERS: Final = Form(
    name="chapters",
    media_types=(MediaType("text/plain; charset=utf-8"),),
    is_negotiated=False,
)
EDL: Final = Form(name="edl", media_types=(MediaType("text/plain; charset=utf-8"),), is_negotiated=False)

_NEGOTIATED: Final = {
    offer: form for form in (CSV, NDJSON) if form.is_negotiated for offer in form.media_types
}
_OFFERS: Final = (_JSON_TYPE, *_NEGOTIATED)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request wants in place of JSON."""

    form: Form
    media_type: MediaType


def wanted_form(scope: ReadScope, forms: Sequence[Form]) -> Wanted | None:
    """
    Return which of these forms a request wants; None: JSON, or a `format` that JSON's own reading will refuse.

    `format` in the query goes before what is accepted.

    Raises:
        HTTPException: 406, nothing of what is accepted can be had.

    """
    named = texts_given(scope["query_string"], FORMAT)
    if named:
        return next((Wanted(form, form.media_types[0]) for form in forms if [form.name] == named), None)
    accept = [value for header, value in scope["headers"] if header.lower() == b"accept"]
    offer = preferred(accept, _OFFERS) if accept else _JSON_TYPE
    if offer is None:
        raise HTTPException(status_code=HTTPStatus.NOT_ACCEPTABLE)
    form = _NEGOTIATED.get(offer)
    return Wanted(form, offer) if form else None


def accepts_json_best(accept: Iterable[bytes]) -> bool:
    """Whether these values of `Accept` ask for nothing but JSON where it can be had, so that a kept answer will do."""
    return preferred(accept, _OFFERS) is _JSON_TYPE


def format_parameter(forms: Sequence[Form]) -> QueryParameter:
    """Return the parameter as it is documented: it names JSON, or one of these forms."""
    return _parameter([JSON, *(form.name for form in forms)], forms)


def json_format(forms: Sequence[Form]) -> QueryParameter:
    """Return the parameter where JSON is read: it says so, or is refused by the names of all there are."""
    return _parameter([JSON], forms)


def export_format(forms: Sequence[Form]) -> QueryParameter:
    """Return the parameter where one of these forms is read, which is known by then."""
    return _parameter([form.name for form in forms], forms)


def _parameter(read_here: Sequence[str], forms: Sequence[Form]) -> QueryParameter:
    def parse(text: str) -> str:
        if text not in read_here:
            raise ValueError(f"Expected one of {', '.join([JSON, *(form.name for form in forms)])}.")
        return text

    return QueryParameter(
        name=FORMAT,
        parse=parse,
        is_asked=False,
        description=(
            f"The form of the answer, whatever `Accept` says. `{JSON}` is a page; the others are exports: all that is asked "
            "for, without `limit` to the end, sent as it is read."
        ),
        schema={"type": OpenAPIType.STRING, "enum": list(read_here)},
    )
