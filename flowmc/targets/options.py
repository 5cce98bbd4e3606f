"""The arguments of `Target`, and which of them go together."""

__all__ = ["Options", "check_options"]

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flowmc.core.checks import check_choice, check_positive_integer
from flowmc.core.errors import TargetError


@dataclass(frozen=True)
class Options:
    """The arguments of `Target`, as given."""

    log_prob_fn: Callable[[Any], Any] | None
    log_likelihood_fn: Callable[[Any], Any] | None
    prior: Any
    names: Any
    bounds: Any
    periodic: Any
    vectorized: bool
    backend: str
    pool: Any
    chunk_size: int | None
    value_and_gradient_fn: Callable[[Any], Any] | None
    prior_transform: Callable[[Any], Any] | None
    derived: Any
    labels: Any
    on_nan: str
    on_crash: str
    timeout: float | None
    allow_noisy: bool
    event_size: int | None

    @property
    def function(self) -> Any:
        """The user's function."""
        return self.log_prob_fn or self.log_likelihood_fn

    @property
    def label(self) -> str:
        """The name it was given under."""
        return "log_likelihood_fn" if self.log_prob_fn is None else "log_prob_fn"


def check_options(options: Options) -> None:
    """Raise where arguments contradict one another.

    Raises:
        ConfigurationError: A choice is unknown.
        TargetError: Too many functions, too few, or the wrong ones together.
    """
    for name in ("on_nan", "on_crash"):
        check_choice(getattr(options, name), name=name, choices=["raise", "reject"])
    check_choice(
        options.backend, name="backend", choices=["auto", "tensorflow", "numpy"]
    )
    if options.chunk_size is not None:
        check_positive_integer(options.chunk_size, name="chunk_size")
    if (options.log_prob_fn is None) == (options.log_likelihood_fn is None):
        raise TargetError(
            "A target needs exactly one of `log_prob_fn` and `log_likelihood_fn`; got "
            f"{'neither' if options.log_prob_fn is None else 'both'}."
        )
    if not callable(options.function):
        raise TargetError(
            f"`{options.label}` must be a function; got "
            f"{type(options.function).__name__}."
        )
    if options.log_prob_fn is not None and options.prior is not None:
        raise TargetError(
            "`prior` goes with `log_likelihood_fn`; got `log_prob_fn`, which already "
            "holds a prior. Pass the likelihood alone as `log_likelihood_fn`."
        )
    if options.log_likelihood_fn is not None and options.prior is None:
        reason = "whose density is part of the posterior."
        if options.prior_transform is not None:
            reason = "since `prior_transform` draws from a prior but has no density."
        raise TargetError(
            f"`log_likelihood_fn` needs `prior`, {reason} Give `prior=` as well, or "
            "the whole posterior as `log_prob_fn`."
        )
