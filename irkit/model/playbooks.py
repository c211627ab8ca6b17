"""A checked playbook. Only `playbook/` makes one from YAML; the engine takes it as it is."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from irkit.model.base import Json, Model

StepId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,40}$")]
InputType = Literal[
    "pod", "node", "namespace", "serviceaccount", "workload", "image", "podaddress", "text", "integer", "boolean"
]


class Input(Model):
    """A playbook's parameter."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
    type: InputType
    description: str = ""
    default: Json = None
    required: bool = True


class Expr(Model):
    """A `${...}`: it stands for a whole typed value.

    `expr` is ("inputs", NAME, field…), ("steps", ID, OUTPUT, field…) or ("item", field…). The loader refuses
    a literal object with the single key `expr`, so the two cannot be confused in the journal.
    """

    expr: tuple[str, ...]

    def __str__(self) -> str:
        return "${" + ".".join(self.expr) + "}"


class When(Model):
    """A condition: one CEL expression, and the values that it takes, as paths like those of `Expr`.

    The linter finds `names` where it checks the expression; ("steps", ID, "verdict") is among them.
    """

    text: str
    names: tuple[tuple[str, ...], ...] = ()

    def __str__(self) -> str:
        return self.text


class Step(Model):
    """One use of an action.

    `arguments` maps each parameter to a literal or an `Expr`. `timeout` and durations are in seconds.
    """

    id: StepId
    uses: str
    arguments: dict[str, Expr | Json]
    needs: tuple[StepId, ...] = ()
    for_each: Expr | None = None
    when: When | None = None
    timeout: int = Field(default=300, ge=1, le=86400)
    approval: Literal["default", "required", "never"] = "default"
    on_failure: Literal["stop", "continue"] = "stop"
    accept_loss: str = ""
    always: bool = False  # a step of `finally`
    line: int = 0


class Playbook(Model):
    """What a run executes. `steps` holds those of `finally` too, at the end, marked `always`."""

    name: StepId
    title: str
    description: str = ""
    inputs: tuple[Input, ...]
    steps: tuple[Step, ...]

    def step(self, step_id: str) -> Step:
        """The step of this id. Raises KeyError."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)
