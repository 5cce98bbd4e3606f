"""Count what XLA really compiles; tracing counts do not see every recompilation.

A program that slices at a tensor is traced once and yet compiled for each new value.
"""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import tensorflow as tf
from tensorflow.tsl.profiler.protobuf import xplane_pb2


def count_compilations(function: Callable[[], Any]) -> tuple[Any, int]:
    """Return what `function` returns and how often XLA compiled meanwhile."""
    options = tf.profiler.experimental.ProfilerOptions(
        host_tracer_level=1, python_tracer_level=0, device_tracer_level=0
    )
    with TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder, options=options):
            outcome = function()
        (path,) = Path(folder).rglob("*.xplane.pb")
        space = xplane_pb2.XSpace.FromString(path.read_bytes())
    names = (
        plane.event_metadata[event.metadata_id].name
        for plane in space.planes
        for line in plane.lines
        for event in line.events
    )
    return outcome, sum(name.endswith("Compiler::RunBackend") for name in names)
