"""The fully resolved configuration beside the results, and what it protects.

`config.resolved.toml` is itself a valid configuration: running it repeats the run.
Continuing a run under other settings is refused.
"""

__all__ = ["check_same_run", "write_resolved"]

from typing import Any

from flowmc.cli.config import Config, load_config
from flowmc.cli.folder import RESOLVED, OutputFolder
from flowmc.cli.toml_writer import to_toml
from flowmc.core.errors import CheckpointMismatchError

# How long a run goes on may change on the way: it is the same run.
LENGTHS = (
    "sample.max_seconds",
    "sample.num_draws",
    "sample.target_ess",
)


def write_resolved(config: Config, folder: OutputFolder) -> None:
    """Write every setting in force, with the versions as comments."""
    from flowmc.results.files import atomic_write
    from flowmc.results.versions import package_versions

    versions = ", ".join(f"{name} {text}" for name, text in package_versions().items())
    text = to_toml(
        config.resolved(relative_to=folder.path),
        header=f"Every setting of this run, defaults included.\n{versions}",
    )
    atomic_write(folder.file(RESOLVED), text.encode())


def check_same_run(config: Config, folder: OutputFolder) -> bool:
    """Require that `config` describes the run that the folder holds.

    Returns:
        Whether it asks for another length of that run.

    Raises:
        CheckpointMismatchError: Names the keys that differ, with both values.
    """
    if not folder.file(RESOLVED).exists():
        return False
    before = _flat(load_config(folder.file(RESOLVED)), folder)
    now = _flat(config, folder)
    keys = sorted(before.keys() | now.keys())
    changed = [key for key in keys if before.get(key) != now.get(key)]
    others = [
        f"`{key}` was {before.get(key)!r} and is now {now.get(key)!r}"
        for key in changed
        if key not in LENGTHS
    ]
    if others:
        raise CheckpointMismatchError(
            f"`--resume` continues the run in {folder.path} only with its own "
            f"settings; {'; '.join(others)}. Restore them, choose another folder, or "
            "start again with `--force`."
        )
    return bool(changed)


def _flat(config: Config, folder: OutputFolder) -> dict[str, Any]:
    document = config.resolved(relative_to=folder.path)
    return {
        f"{section}.{key}": value
        for section in ("target", "sample")
        for key, value in document[section].items()
    }
