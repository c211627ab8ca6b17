"""`irkit permissions`: exactly what playbooks need."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from irkit.cli.context import Context

if TYPE_CHECKING:
    from irkit.views.permissions import Subject

_FORMATS = ("text", "rbac")
_KINDS = "user:NAME, group:NAME or serviceaccount:NAMESPACE/NAME"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(permissions)


def permissions(  # noqa: PLR0913, PLR0917 -- an option each
    context: typer.Context,
    playbooks: Annotated[list[str], typer.Argument(help="Names or files.", metavar="PLAYBOOK...")],
    form: Annotated[str, typer.Option("--format", help="text, or rbac: YAML for kubectl apply.")] = "text",
    namespace: Annotated[str, typer.Option(help="Narrow to targets in this namespace.")] = "",
    tools_namespace: Annotated[str, typer.Option(help="Where tool pods run, if not beside the target.")] = "",
    subject: Annotated[str, typer.Option(help=f"Who gets them: {_KINDS}.")] = "group:irkit-responders",
) -> int:
    """What these playbooks and their undo need of the Kubernetes API, no more. Asks no cluster."""
    from irkit.actions.catalog import Catalog  # noqa: PLC0415 -- start-up time of --help
    from irkit.engine.preflight import grants  # noqa: PLC0415 -- as above
    from irkit.errors import UsageError  # noqa: PLC0415 -- as above
    from irkit.playbook import load_playbook, shipped  # noqa: PLC0415 -- as above
    from irkit.views.permissions import (  # noqa: PLC0415 -- as above
        permission_lines,
        permissions_json,
        rbac_objects,
        rbac_yaml,
    )

    own: Context = context.obj
    if form not in _FORMATS:
        msg = f"--format {form[:40]!r} is not one of {', '.join(_FORMATS)}"
        raise UsageError(msg, did="nothing was written", hint="irkit permissions compromised-pod --format rbac")
    known = Catalog.builtin()
    books = [load_playbook(*shipped.load(one), known) for one in dict.fromkeys(playbooks)]
    found = grants(books, known, {"tools_namespace": tools} if (tools := _namespace(tools_namespace)) else None)
    names = ", ".join(book.name for book in books)
    whom = _subject(subject)
    if form == "rbac":
        single = f"irkit-{books[0].name}" if len(books) == 1 else "irkit-responder"
        objects = rbac_objects(found, single, whom, _namespace(namespace))
        if own.json:
            own.tell({"apiVersion": "v1", "kind": "List", "items": objects})
        else:
            sys.stdout.write(rbac_yaml(objects, found, f"Permissions of {names}"))
    elif own.json:
        own.tell(permissions_json(found))
    else:
        own.show(permission_lines(found, f"Permissions of {names}"), lab=False)
    return 0


def _namespace(text: str) -> str:
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 -- start-up time of --help

    from irkit.errors import UsageError  # noqa: PLC0415 -- as above
    from irkit.model.refs import Namespace  # noqa: PLC0415 -- as above

    if not text:
        return ""
    try:
        return TypeAdapter(Namespace).validate_python(text)
    except ValidationError as error:
        msg = f"{text[:80]!r} is no name of a namespace"
        raise UsageError(msg, did="nothing was written", hint="--namespace shop") from error


def _subject(text: str) -> Subject:
    """Who is named. Raises UsageError for another form."""
    import re  # noqa: PLC0415 -- start-up time of --help

    from irkit.errors import UsageError  # noqa: PLC0415 -- as above
    from irkit.views.permissions import Subject  # noqa: PLC0415 -- as above

    kind, _, name = text.partition(":")
    if kind == "serviceaccount" and re.fullmatch(r"[a-z0-9-]{1,63}/[a-z0-9.-]{1,253}", name):
        namespace, _, account = name.partition("/")
        return Subject("ServiceAccount", account, namespace)
    if kind in {"user", "group"} and re.fullmatch(r"[!-~]{1,253}", name):
        return Subject("User" if kind == "user" else "Group", name)
    msg = f"--subject {text[:80]!r} names nobody"
    raise UsageError(msg, did="nothing was written", hint=_KINDS)
