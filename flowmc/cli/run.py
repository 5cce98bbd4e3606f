"""`flowmc run`: configuration in, sampled posterior and its files out.

Cheap checks come first (options, configuration, output folder), TensorFlow after them.
"""

__all__ = ["RunOptions", "execute"]

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowmc.cli.config import Config, load_config
from flowmc.cli.config_errors import nearest
from flowmc.cli.display import Display
from flowmc.cli.exits import EXIT_FAILED, exit_code, verdict_code
from flowmc.cli.folder import CHECKPOINT, POSTERIOR, RESOLVED, OutputFolder
from flowmc.cli.json_result import result_document, write_json
from flowmc.cli.products import write_products
from flowmc.cli.resolved import check_same_run, write_resolved
from flowmc.cli.schedule import build_schedule
from flowmc.cli.target_loader import load_target
from flowmc.core.errors import ConfigurationError
from flowmc.core.quiet import import_tensorflow
from flowmc.core.signals import stop_on_signals


@dataclass(frozen=True)
class RunOptions:
    """The options of `flowmc run`, as on the command line."""

    config: Path
    output: Path | None = None
    resume: bool = False
    force: bool = False
    seed: int | None = None
    test: bool = False
    quiet: bool = False
    as_json: bool = False
    debug: bool = False


def execute(options: RunOptions) -> int:
    """Do what `flowmc run` was asked for and return the exit code."""
    _check(options)
    config = load_config(options.config).with_seed(options.seed)
    display = Display(quiet=options.quiet)
    # With --json the result has stdout to itself, whatever the user's code prints.
    with redirect_stdout(sys.stderr) if options.as_json else nullcontext():
        if options.test:
            from flowmc.cli.trial import try_out

            _prepare_libraries(options, display)
            trial = try_out(load_target(config), config=config)
        else:
            posterior, folder, files = _run(config, options, display)
    if options.test:
        trial.show(as_json=options.as_json)
        return 0
    code = verdict_code(posterior.verdict)
    if options.as_json:
        document = result_document(posterior, path=folder.path, files=files, code=code)
        write_json(document)
    else:
        from flowmc.cli.show import show_result

        show_result(posterior, folder.path, files)
    return code


def _run(
    config: Config, options: RunOptions, display: Display
) -> tuple[Any, OutputFolder, list[Path]]:
    folder = OutputFolder(options.output or "")
    folder.create()
    with folder.locked():
        folder.prepare(resume=options.resume, force=options.force)
        finished = folder.is_finished
        if finished or folder.has_checkpoint:
            longer = check_same_run(config, folder)
            finished = finished and not (longer and folder.has_checkpoint)
        if finished:
            from flowmc.results.storage import load_posterior

            display.say(f"{folder.path} holds a finished run; nothing to resume")
            posterior = load_posterior(folder.file(POSTERIOR))
        else:
            with _failures_kept(folder):
                posterior = _sample(config, folder, options, display)
        with display.busy("Writing files") as announce:
            files = write_products(
                posterior,
                folder,
                output=config.output,
                announce=announce,
                only_missing=finished,
            )
    return posterior, folder, [folder.file(POSTERIOR), *files, folder.file(RESOLVED)]


def _sample(
    config: Config, folder: OutputFolder, options: RunOptions, display: Display
) -> Any:
    _prepare_libraries(options, display)
    import flowmc

    _check_model(config.sample.model)
    target = load_target(config)
    resume = options.resume and folder.has_checkpoint
    if options.resume and not resume:
        display.say(f"There is nothing to resume in {folder.path}; starting a new run")
    write_resolved(config, folder)
    with stop_on_signals(notice=not options.quiet) as should_stop:
        sampler = flowmc.sample_smc if _is_smc(config) else flowmc.sample
        posterior = sampler(
            target,
            **_sample_arguments(config, target),
            progress=display.progress,
            checkpoint=folder.file(CHECKPOINT),
            resume=resume,
            should_stop=should_stop,
        )
    posterior.save(folder.file(POSTERIOR))
    return posterior


def _sample_arguments(config: Config, target: Any) -> dict[str, Any]:
    from flowmc.sampling.settings import default_schedule, smc_schedule

    arguments = config.sample.arguments
    usual = (
        smc_schedule()
        if _is_smc(config)
        else default_schedule(config.sample.num_chains, event_size=target.event_size)
    )
    arguments["schedule"] = build_schedule(arguments["schedule"] or {}, defaults=usual)
    if arguments.get("initial") is not None:
        import numpy as np

        try:
            arguments["initial"] = np.array(arguments["initial"], dtype=np.float64)
        except ValueError as error:
            raise ConfigurationError(
                "`sample.initial` must be rows of equal length, one a chain; "
                f"{str(error).rstrip('.')}."
            ) from error
    return arguments


def _is_smc(config: Config) -> bool:
    return config.sample.sampler == "smc"


def _check_model(name: str) -> None:
    if name == "auto":
        return
    import flowmc.models  # noqa: F401  (its classes enter the table)
    from flowmc.core.registry import MODELS

    if name not in MODELS:
        known = ["auto", *MODELS.names()]
        raise ConfigurationError(
            f"`sample.model` must be one of {', '.join(known)}; got {name!r}"
            f"{nearest(name, known) or '.'}"
        )


def _prepare_libraries(options: RunOptions, display: Display) -> None:
    with display.busy("Loading TensorFlow"):
        import_tensorflow(quiet=not options.debug)


@contextmanager
def _failures_kept(folder: OutputFolder) -> Iterator[None]:
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        if exit_code(error) == EXIT_FAILED:
            path = folder.file("traceback.txt")
            path.write_text("".join(traceback.format_exception(error)))
            error.add_note(f"The traceback is in {path}.")
        if folder.has_checkpoint:
            error.add_note("`--resume` continues from the last checkpoint.")
        raise


def _check(options: RunOptions) -> None:
    if options.resume and options.force:
        raise ConfigurationError(
            "`--resume` continues a run and `--force` deletes it; give one of them."
        )
    if options.output is None and not options.test:
        raise ConfigurationError(
            "`-o OUT` is needed: the folder into which the results are written."
        )
