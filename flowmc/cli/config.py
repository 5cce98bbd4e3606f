"""The configuration of a run: one TOML file with [target], [sample] and [output].

```toml
[target]
posterior = "k2_24.py:graph_target"   # path from here, or "package.module:name"
arguments = { on_nan = "reject" }     # keywords for that function

[sample]                              # the keywords of `flowmc.sample`
num_draws = 1000                      # or, with sampler = "smc", of `sample_smc`

[output]
plots = true
```
"""

__all__ = ["Config", "OutputSection", "SampleSection", "TargetSection", "load_config"]

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    model_validator,
)

from flowmc.cli.config_errors import describe
from flowmc.cli.schedule import build_schedule
from flowmc.core.errors import ConfigurationError

PositiveInteger = Annotated[int, Field(ge=1)]
PositiveNumber = Annotated[float, Field(gt=0, allow_inf_nan=False)]
SMC_DEFAULTS = {"num_draws": 4000, "num_particles": 1024}
FOREIGN_KEYS = {"mcmc": ("num_particles",), "smc": ("num_chains", "initial")}


class _Section(BaseModel):
    # Strict: a quoted number is a mistake, not a number.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class TargetSection(_Section):
    """Where the posterior is defined.

    Attributes:
        posterior: `file.py:name` (seen from the configuration's folder) or
            `package.module:name`; the name is a function that returns a
            `flowmc.Target`, or a target.
        arguments: Keywords for that function.
    """

    posterior: Annotated[str, Field(pattern=r"^[^:]+(:[^:]+)*:[A-Za-z_]\w*$")]
    arguments: dict[str, Any] = {}


class SampleSection(_Section):
    """The keyword arguments that a file can hold, of the sampler it names.

    Attributes:
        sampler: "mcmc" for `flowmc.sample`, "smc" for `flowmc.sample_smc`.
        num_particles: Particles, of "smc" alone, where it is 1024 unless given.
        num_draws: Draws of each chain; of "smc" in all, 4000 unless given.
        num_chains: Chains, moved together; of "mcmc" alone.
        model: "auto", or a family of `flowmc list models`.
        kernel: "auto", or a local kernel of `flowmc list kernels`.
        initial: Starting positions, a row for each chain; of "mcmc" alone.
        schedule: Table of settings of warm-up and training.
        target_ess: Go on until the smallest bulk ESS is at least this.
        max_evaluations: Most evaluations of the log-density and its gradient in all.
        max_seconds: Most seconds; draws then depend on the machine.
        device: Where to compute; "auto" takes a GPU if there is one.
        seed: Same seed, same draws.
    """

    sampler: Literal["mcmc", "smc"] = "mcmc"
    num_particles: PositiveInteger | None = None
    num_draws: PositiveInteger = 1000
    num_chains: Annotated[int, Field(ge=2)] = 64
    model: str = "auto"
    kernel: str = "auto"
    initial: list[list[float]] | None = None
    schedule: dict[str, Any] | None = None
    target_ess: PositiveNumber | None = None
    max_evaluations: PositiveInteger | None = None
    max_seconds: PositiveNumber | None = None
    device: Literal["auto", "cpu", "gpu"] = "auto"
    seed: int = 0

    @model_validator(mode="before")
    @classmethod
    def _fill_defaults(cls, values: Any) -> Any:
        """Let the sampler's own defaults stand for keys that are left out."""
        if isinstance(values, Mapping) and values.get("sampler") == "smc":
            return {**SMC_DEFAULTS, **values}
        return values

    @property
    def arguments(self) -> dict[str, Any]:
        """The keyword arguments of the sampler."""
        foreign = FOREIGN_KEYS[self.sampler]
        return {
            key: value
            for key, value in self.model_dump().items()
            if key not in (*foreign, "sampler")
        }


class OutputSection(_Section):
    """Which files are written besides the posterior itself.

    Attributes:
        plots: corner.png, trace.png and training.png; ladder.png of sampler "smc".
        arviz: posterior.nc.
        report: report.html.
    """

    plots: bool = True
    arviz: bool = True
    report: bool = True


class Config(_Section):
    """A whole configuration; unknown keys are errors.

    Attributes:
        target: Where the posterior is defined.
        sample: How it is sampled.
        output: Which files are written besides posterior.h5.
    """

    target: TargetSection
    sample: SampleSection = SampleSection()
    output: OutputSection = OutputSection()
    _folder: Path = PrivateAttr(default_factory=Path.cwd)

    @property
    def folder(self) -> Path:
        """The folder of the configuration file; file targets are relative to it."""
        return self._folder

    def resolved(self, *, relative_to: Path | None = None) -> dict[str, Any]:
        """Return every setting, defaults included, as plain nested dicts.

        Args:
            relative_to: Folder in which the result will be stored: a target given as a
                file is rewritten as seen from there.
        """
        document = self.model_dump()
        # Settings of the schedule that are not given follow from the target, and do so
        # again when the run is repeated; the report tells them.
        document["sample"] = {
            "sampler": self.sample.sampler,
            **self.sample.arguments,
            "schedule": dict(self.sample.schedule or {}),
        }
        if not self.target.arguments:
            del document["target"]["arguments"]
        where, _, name = self.target.posterior.rpartition(":")
        if relative_to is not None and where.endswith(".py"):
            path = (self.folder / where).resolve()
            seen = os.path.relpath(path, Path(relative_to).resolve())
            document["target"]["posterior"] = f"{Path(seen).as_posix()}:{name}"
        return document

    def with_seed(self, seed: int | None) -> "Config":
        """Return the same configuration with another seed (None changes nothing)."""
        if seed is None:
            return self
        sample = self.sample.model_copy(update={"seed": seed})
        return self.model_copy(update={"sample": sample})


def load_config(path: str | Path) -> Config:
    """Read and check a configuration file.

    Raises:
        ConfigurationError: The file is missing, is not TOML, or has an unknown key or
            a wrong value; one line with the key's path, such as `sample.num_draws`.
    """
    path = Path(path)
    try:
        with path.open("rb") as stream:
            document = tomllib.load(stream)
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"The configuration file must exist; there is no {path}."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} must be a TOML file; {error}.") from error
    except OSError as error:
        reason = error.strerror or error
        raise ConfigurationError(
            f"The configuration file must be readable; {path}: {reason}."
        ) from error
    try:
        config = Config.model_validate(document)
    except ValidationError as error:
        sentence = describe(error.errors(include_url=False), model=Config)
        raise ConfigurationError(f"{path}: {sentence}") from error
    try:
        _check_keys(config.sample)
        build_schedule(config.sample.schedule or {})
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from error
    config._folder = path.resolve().parent
    return config


def _check_keys(sample: SampleSection) -> None:
    """Require that no key belongs to the other sampler."""
    for key in FOREIGN_KEYS[sample.sampler]:
        if key in sample.model_fields_set:
            raise ConfigurationError(
                f'`sample.{key}` does not go with sampler = "{sample.sampler}"; got '
                f"{getattr(sample, key)!r}. Leave it out, or choose the other sampler."
            )
