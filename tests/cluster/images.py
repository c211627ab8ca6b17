"""Container images without a registry: a docker-archive is a tar of a configuration, one layer and a list of both."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

PAUSE = "irkit.test/pause:1"
BUSYBOX = "irkit.test/busybox:1"
SHELL = "irkit.test/shell:1"  # the same image under another name: the same digest
BUSYBOX_2 = "irkit.test/busybox:2"  # another image under the same name: another digest
TOOLS = "irkit.test/tools:1"  # irkit's own tools, as deploy/tools makes them
ARCHIVES: dict[str, tuple[str, ...]] = {  # file name to the names of the image in it
    "pause": (PAUSE,),
    "busybox": (BUSYBOX, SHELL),
    "busybox-2": (BUSYBOX_2,),
    "tools": (TOOLS,),
}
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def pack(target: Path, tags: Sequence[str], files: Mapping[str, bytes | str], entrypoint: Sequence[str] = ()) -> None:
    """Write an image of one layer. The same content gives the same digest, whenever and by whomever it is packed.

    Args:
        target: the archive to write.
        tags: its names.
        files: bytes for a program, text for a symbolic link, by absolute path; a path that ends in / is a folder.
        entrypoint: what runs by default.
    """
    layer = _tar({path.lstrip("/"): content for path, content in files.items()})
    config = {
        "architecture": ARCHITECTURES[platform.machine()],
        "os": "linux",
        "config": {"Entrypoint": list(entrypoint), "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    packed = json.dumps(config).encode()
    names = f"{hashlib.sha256(packed).hexdigest()}.json", "layer.tar"
    manifest = [{"Config": names[0], "RepoTags": list(tags), "Layers": [names[1]]}]
    archive = {names[0]: packed, names[1]: layer, "manifest.json": json.dumps(manifest).encode()}
    target.write_bytes(_tar(archive))


def _tar(files: Mapping[str, bytes | str]) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.mode = 0o755
            if path.endswith("/"):
                entry.type, entry.mode = tarfile.DIRTYPE, 0o1777
                archive.addfile(entry)
            elif isinstance(content, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, content
                archive.addfile(entry)
            else:
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    return whole.getvalue()
