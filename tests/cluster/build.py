"""What a start needs: Debian packages, programs built from source, test images. Done once, then seen to be there."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.cluster import pins
from tests.cluster.images import ARCHITECTURES, ARCHIVES, pack
from tests.cluster.layout import HERE, Layout
from tests.cluster.processes import Failed

CONTAINERD_MODULE = "github.com/containerd/containerd/v2"
TOOLS = HERE.parent.parent / "deploy" / "tools"
CONTAINERD_COMMANDS = ("containerd", "containerd-shim-runc-v2", "ctr")
# The sandbox's first process: it waits, and reaps what a shared process namespace leaves behind.
PAUSE_SOURCE = """\
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
static void end(int number) { (void)number; _exit(0); }
static void reap(int number) { (void)number; while (waitpid(-1, 0, WNOHANG) > 0) {} }
int main(void) {
    signal(SIGTERM, end); signal(SIGINT, end); signal(SIGCHLD, reap);
    for (;;) pause();
}
"""


def say(text: str) -> None:
    sys.stdout.write(f"cluster: {text}\n")
    sys.stdout.flush()


def build(layout: Layout) -> None:
    """Make sure that everything is there.

    Raises:
        Failed: a package or a program cannot be had; the tools' own messages are on standard error.
    """
    _packages()
    layout.bin.mkdir(parents=True, exist_ok=True)
    _once(layout.cache / "hyper.stamp", _sources("hyper"), lambda: _hyper(layout))
    _once(layout.cache / "netpol.stamp", _sources("netpol"), lambda: _go_build(layout, "netpol", ""))
    _once(layout.cache / "containerd.stamp", pins.CONTAINERD, lambda: _containerd(layout))
    tools = _digest([*TOOLS.glob("*.go"), TOOLS / "go.mod", TOOLS / "go.sum"])
    _once(layout.cache / "tools.stamp", tools, lambda: _tools(layout))
    images = _digest([HERE / "images.py", HERE / "build.py"]) + tools
    _once(layout.cache / "images.stamp", images, lambda: _images(layout))


def _once(stamp: Path, wanted: str, make: object) -> None:
    """Make it unless it was made from the same; then no compiler is needed either."""
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    assert callable(make)
    make()
    stamp.write_text(wanted)


def _digest(files: list[Path]) -> str:
    whole = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(files)))
    return f"{whole.hexdigest()} {pins.KUBERNETES} {pins.GO}"


def _sources(program: str) -> str:
    return _digest([*(HERE / "go" / program).glob("*.go"), HERE / "go" / "go.mod", HERE / "go" / "go.sum"])


def _packages() -> None:
    query = ["dpkg-query", "--show", "--showformat", "${db:Status-Status} ${Package}\n", *pins.PACKAGES]
    try:
        said = subprocess.run(query, capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        msg = "this is no Debian: use a cluster of your own, with IRKIT_TEST_CONTEXT"
        raise Failed(msg) from None
    there = {line.removeprefix("installed ") for line in said.splitlines() if line.startswith("installed ")}
    if missing := [package for package in pins.PACKAGES if package not in there]:
        say(f"installing {' '.join(missing)}")
        _install(missing)


def _install(packages: list[str]) -> None:
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    _run(["apt-get", "update", "-qq"], quiet)
    _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages], quiet)


def _hyper(layout: Layout) -> None:
    say(f"building Kubernetes {pins.KUBERNETES} (about five minutes on two cores, once)")
    major, minor, _ = pins.KUBERNETES.split(".")
    said = {"gitVersion": f"v{pins.KUBERNETES}", "gitMajor": major, "gitMinor": minor}  # or nodes say v0.0.0-master
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    _go_build(layout, "hyper", " ".join(f"-X {package}.{k}={v}" for package in packages for k, v in said.items()))
    (layout.bin / "kubectl").unlink(missing_ok=True)
    (layout.bin / "kubectl").symlink_to("hyper")


def _go_build(layout: Layout, program: str, flags: str) -> None:
    if program != "hyper":
        say(f"building {program}")
    command = ["build", "-trimpath", "-mod=readonly", "-ldflags", f"-s -w {flags}", "-o", str(layout.bin / program)]
    _go(layout, [*command, f"./{program}"], cwd=HERE / "go")


def _tools(layout: Layout) -> None:
    say("building irkit's tools")
    output = str(layout.bin / "irkit-tools")
    _go(layout, ["build", "-trimpath", "-mod=readonly", "-ldflags", "-s -w", "-o", output, "."], cwd=TOOLS)


def _containerd(layout: Layout) -> None:
    say(f"building containerd {pins.CONTAINERD}")
    flags = f"-s -w -X {CONTAINERD_MODULE}/version.Version=v{pins.CONTAINERD}"
    for command in CONTAINERD_COMMANDS:
        module = f"{CONTAINERD_MODULE}/cmd/{command}@v{pins.CONTAINERD}"
        _go(layout, ["install", "-trimpath", "-ldflags", flags, module], cwd=layout.cache)


def _go(layout: Layout, command: list[str], cwd: Path) -> None:
    go, environment = _compiler(layout)
    _run(
        [go, *command], environment | {"CGO_ENABLED": "0", "GOBIN": str(layout.bin), "GOFLAGS": "-buildvcs=false"}, cwd
    )


def _compiler(layout: Layout) -> tuple[str, dict[str, str]]:
    """A Go that is new enough: the machine's own, or one that it fetches as a module."""
    environment = dict(os.environ)
    fetched = layout.cache / f"go{pins.GO}" / "bin" / "go"
    if fetched.exists():
        return str(fetched), environment | {"GOTOOLCHAIN": "local", "GOROOT": str(fetched.parents[1])}
    go = shutil.which("go", path=f"{os.environ['PATH']}:/usr/local/go/bin")
    if go is None:
        say("installing golang-go, to fetch a newer Go with")
        _install(["golang-go", "ca-certificates"])
        go = shutil.which("go") or "/usr/bin/go"
    said = subprocess.run([go, "version"], capture_output=True, text=True, check=True, cwd="/", env=environment).stdout
    found = re.search(r"go(\d+)\.(\d+)", said)
    version = (int(found[1]), int(found[2])) if found else (0, 0)
    if version >= pins.GO_LEAST:
        return go, environment | {"GOTOOLCHAIN": "local"}
    if version >= (1, 21):  # knows how to fetch another one itself
        return go, environment | {"GOTOOLCHAIN": f"go{pins.GO}"}
    return _fetch_compiler(layout, go)


def _fetch_compiler(layout: Layout, go: str) -> tuple[str, dict[str, str]]:
    """Download Go as the module that it is also published as, verified by the checksum database like any other.

    Source: Go documentation, "Go Toolchains": golang.org/toolchain at v0.0.1-goVERSION.GOOS-GOARCH.
    """
    say(f"fetching Go {pins.GO}")
    module = f"golang.org/toolchain@v0.0.1-go{pins.GO}.linux-{ARCHITECTURES[os.uname().machine]}"
    environment = os.environ | {"GOFLAGS": "-mod=mod"}
    command = [go, "mod", "download", "-json", module]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=layout.cache, env=environment)
    if done.returncode:
        msg = f"go mod download: {done.stdout}{done.stderr}"
        raise Failed(msg)
    target = layout.cache / f"go{pins.GO}"
    half = target.with_suffix(".new")
    shutil.rmtree(half, ignore_errors=True)
    shutil.copytree(json.loads(done.stdout)["Dir"], half, copy_function=shutil.copyfile)
    for path in (half, *half.rglob("*")):  # the module cache is read-only, and its files are not executable
        if path.is_dir():
            path.chmod(0o755)
    for path in [*(half / "bin").iterdir(), *(half / "pkg" / "tool").rglob("*")]:
        path.chmod(0o755)
    half.rename(target)
    return str(target / "bin" / "go"), dict(os.environ) | {"GOTOOLCHAIN": "local", "GOROOT": str(target)}


def _images(layout: Layout) -> None:
    source = layout.cache / "pause.c"
    source.write_text(PAUSE_SOURCE)
    program = layout.cache / "pause"
    _run(["gcc", "-Os", "-static", "-o", str(program), str(source)], dict(os.environ))
    listed = subprocess.run(["/usr/bin/busybox", "--list"], capture_output=True, text=True, check=True).stdout.split()
    shell: dict[str, bytes | str] = {"/bin/busybox": Path("/usr/bin/busybox").read_bytes(), "/tmp/": ""}
    shell |= {f"/bin/{applet}": "busybox" for applet in listed if applet != "busybox"}
    shell |= {"/etc/passwd": b"root:x:0:0:root:/:/bin/sh\n"}
    contents: dict[str, dict[str, bytes | str]] = {
        "pause": {"/pause": program.read_bytes()},
        "busybox": shell,
        "busybox-2": shell | {"/etc/second": b"the second\n"},
        "tools": {"/irkit/connect": (layout.bin / "irkit-tools").read_bytes(), "/irkit/cut": "connect"},
    }
    for name, files in contents.items():
        pack(layout.cache / f"{name}.tar", ARCHIVES[name], files, ["/pause"] if name == "pause" else [])


def _run(command: list[str], environment: dict[str, str], cwd: Path | None = None) -> None:
    """Run a tool with low priority; its output goes to standard error."""
    done = subprocess.run(["nice", "-n", "5", *command], env=environment, cwd=cwd, stdout=sys.stderr, check=False)
    if done.returncode:
        msg = f"{' '.join(command[:3])} ended with {done.returncode}"
        raise Failed(msg)
