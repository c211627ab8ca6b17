"""One module per group, found by name: `measure(folder: Path) -> list[Row]`, with `folder` empty and on a disk."""
