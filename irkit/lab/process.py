"""The lab as a process of its own: started, found again and ended through a folder.

The folder holds `lab.json` (0600: addresses, pid and control token), `kubeconfig` (0600), `ca.crt`, `irkit.yaml`,
`world.json` (0600), `lab.log`, and `state/` for the cases made in the lab. The lab listens on 127.0.0.1 only.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import irkit
from irkit.errors import ConfigError, IrkitError, Refused
from irkit.lab.behaviour import TOOLS

if TYPE_CHECKING:
    from irkit.lab.remote import LabControl
    from irkit.lab.seed import Seed

CONTEXT: Final = "irkit-lab"
FIRST_LINE: Final = "# LAB"
"""By this line a configuration is known to be a lab's, and may be overwritten by one."""
READY: Final = 30.0
"""Seconds that a lab has to begin to answer."""
_ENDING: Final = 5.0
_STEP: Final = 0.01


@dataclass(frozen=True, slots=True)
class LabInfo:
    """A lab that runs, or ran. `started` is the process's start time as the system counts it."""

    folder: str
    url: str
    control_url: str
    control_token: str = field(repr=False)
    pid: int
    started: str
    cluster: str

    @property
    def context(self) -> str:
        """The context's name in the kubeconfig."""
        return CONTEXT

    @property
    def config(self) -> Path:
        """The irkit configuration that selects this lab."""
        return Path(self.folder, "irkit.yaml")

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig with the responder's token."""
        return Path(self.folder, "kubeconfig")

    @property
    def ca(self) -> Path:
        """The CA's certificate."""
        return Path(self.folder, "ca.crt")

    @property
    def state(self) -> Path:
        """Where cases of this lab live."""
        return Path(self.folder, "state")

    def control(self) -> LabControl:
        """The control plane; close it."""
        from irkit.lab.remote import LabControl  # noqa: PLC0415 -- all of the lab: most commands only ask if it lives

        return LabControl(self.control_url, self.control_token)


def up(folder: Path, seed: Seed) -> LabInfo:
    """Start a lab in a folder (made if missing), detached from this process.

    Raises:
        Refused: one runs there already, or the folder holds a configuration that is no lab's.
        ConfigError: the folder cannot be written.
        IrkitError: the process ended or did not answer in time; the message holds its last words.
    """
    folder = folder.resolve()
    _check_free(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(folder / "world.json", json.dumps(seed.to_json()))
        (folder / "lab.json").unlink(missing_ok=True)
        log = (folder / "lab.log").open("wb")
    except OSError as error:
        msg = f"{folder}: cannot be written: {error.strerror}"
        raise ConfigError(msg, did="no lab was started") from error
    here = str(Path(irkit.__file__).parent.parent)
    path = os.pathsep.join(part for part in (here, os.environ.get("PYTHONPATH", "")) if part)
    with log:
        ended = subprocess.run(
            [sys.executable, "-m", "irkit.lab.server", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": path},
            check=False,
        )
    if ended.returncode:
        raise _no_start(folder, f"it ended with status {ended.returncode}")
    limit = time.monotonic() + READY
    while time.monotonic() < limit:
        info = _read(folder)
        if info is not None:
            _write_configuration(info)
            return info
        if "Traceback" in _last_words(folder):
            raise _no_start(folder, "it failed")
        time.sleep(_STEP)
    raise _no_start(folder, f"it did not answer within {READY:.0f} s")


def status(folder: Path) -> LabInfo | None:
    """The lab that runs in this folder, or None."""
    info = _read(folder.resolve())
    return info if info is not None and _alive(info) else None


def down(folder: Path) -> bool:
    """End the lab of this folder; False where none runs. Its cases and configuration stay."""
    info = status(folder)
    (folder.resolve() / "lab.json").unlink(missing_ok=True)
    if info is None:
        return False
    _signal(info, signal.SIGTERM)
    limit = time.monotonic() + _ENDING
    while _alive(info):
        if time.monotonic() > limit:
            _signal(info, signal.SIGKILL)
            limit = time.monotonic() + _ENDING
        time.sleep(_STEP)
    return True


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    part.replace(path)


def birth(pid: int) -> str:
    """When a process started, as the system counts it; "" where there is none, or only its remains.

    A reused pid has another one. Source: proc(5), field 22 of /proc/PID/stat, behind the last parenthesis.
    """
    proc = Path("/proc")
    if not (proc / "self/stat").exists():  # no /proc: macOS
        found = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return found.stdout.strip()
    try:
        fields = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(") ")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in {"Z", "X"} else fields[19]


def _check_free(folder: Path) -> None:
    if status(folder) is not None:
        msg = f"a lab runs in {folder} already"
        raise Refused(msg, hint="irkit lab down")
    config = folder / "irkit.yaml"
    if config.exists() and not config.read_text(encoding="utf-8", errors="replace").startswith(FIRST_LINE):
        msg = f"{config} is not a lab's configuration, and would be overwritten"
        raise Refused(msg, hint="name another folder")


def _read(folder: Path) -> LabInfo | None:
    try:
        doc: dict[str, Any] = json.loads((folder / "lab.json").read_text(encoding="utf-8"))
        return LabInfo(**doc)
    except (OSError, ValueError, TypeError):
        return None


def _alive(info: LabInfo) -> bool:
    return birth(info.pid) == info.started != ""


def _signal(info: LabInfo, number: signal.Signals) -> None:
    if _alive(info):
        try:
            os.kill(info.pid, number)
        except ProcessLookupError:
            return


def _last_words(folder: Path) -> str:
    try:
        return (folder / "lab.log").read_text(encoding="utf-8", errors="replace")[-2000:]
    except OSError:
        return ""


def _no_start(folder: Path, why: str) -> IrkitError:
    words = _last_words(folder).strip().splitlines()
    last = f": {words[-1][:300]}" if words else ""
    return IrkitError(f"the lab in {folder} did not start: {why}{last}", hint=f"read {folder / 'lab.log'}")


def _write_configuration(info: LabInfo) -> None:
    quoted = {key: json.dumps(value) for key, value in {
        "cluster": info.cluster, "kubeconfig": str(info.kubeconfig), "context": CONTEXT, "state": str(info.state),
        "tools": TOOLS,
    }.items()}  # fmt: skip
    text = (
        f"{FIRST_LINE}\n"
        "# Selects a simulated cluster on this machine; made by `irkit lab up`.\n"
        "lab: true\n"
        "clusters:\n"
        f"  - id: {quoted['cluster']}\n"
        f"    kubeconfig: {quoted['kubeconfig']}\n"
        f"    context: {quoted['context']}\n"
        f"state: {quoted['state']}\n"
        f"inputs: {{tools_image: {quoted['tools']}}}\n"
    )
    info.config.write_text(text, encoding="utf-8")


def announce(info: LabInfo, ca: str, token: str) -> None:
    """Called in the lab's process once it listens: write what others find it by, `lab.json` last."""
    import base64  # noqa: PLC0415 -- in the lab's process only

    info.ca.write_text(ca, encoding="utf-8")
    cluster = {"server": info.url, "certificate-authority-data": base64.b64encode(ca.encode()).decode()}
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": CONTEXT, "cluster": cluster}],
        "users": [{"name": CONTEXT, "user": {"token": token}}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": CONTEXT}}],
        "current-context": CONTEXT,
    }
    write_private(info.kubeconfig, json.dumps(kubeconfig, indent=1))
    write_private(Path(info.folder, "lab.json"), json.dumps(asdict(info)))
