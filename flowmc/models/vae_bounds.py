"""Lower bounds on log p(x), which a VAE cannot evaluate, and an estimate of it.

    log w_j = log p(z_j) + log p(x | z_j) - log r(z_j | x),    z_j ~ r(. | x)

The mean of log w is the evidence lower bound (ELBO); the logarithm of the mean of K
weights is a bound that tightens with K, its gap near Var(w) / (2 K) of normalized
weights.

Reference: Kingma and Welling (2014), arXiv:1312.6114; Burda, Grosse and Salakhutdinov
(2016), arXiv:1509.00519.
"""

__all__ = ["Elbo", "LogProbEstimate", "elbo", "iwae_bound", "log_prob_estimate"]

import math
from typing import Any, NamedTuple

import tensorflow as tf

from flowmc.core.checks import check_positive_integer
from flowmc.models.vae_primitives import CodePrimitives


class Elbo(NamedTuple):
    """The evidence lower bound `[n]` and its terms: bound = reconstruction - kl."""

    bound: tf.Tensor
    reconstruction: tf.Tensor
    kl: tf.Tensor


class LogProbEstimate(NamedTuple):
    """An estimate of log p(x) `[n]` and its standard error `[n]`."""

    estimate: tf.Tensor
    standard_error: tf.Tensor


def elbo(model: CodePrimitives, x: Any, *, num_codes: int, seed: Any) -> Elbo:
    """Return the bound at points `[n, D]`, averaged over `num_codes` codes a point.

    The divergence of a Gaussian encoder from a normal prior is exact, others are
    averages over the codes.
    """
    num = check_positive_integer(num_codes, name="num_codes")
    z, log_r = model.sample_encoder(x, seed=seed, num=num)
    reconstruction = tf.reduce_mean(model.log_decoder(x, z), axis=0)
    kl = model.closed_kl(x)
    if kl is None:
        kl = tf.reduce_mean(log_r - model.log_prior(z), axis=0)
    return Elbo(reconstruction - kl, reconstruction, kl)


def iwae_bound(
    model: CodePrimitives, x: Any, *, num_importance: int, seed: Any
) -> tf.Tensor:
    """Return the importance-weighted bound `[n]` at points `[n, D]`."""
    log_weights = _log_weights(model, x, num_importance, seed)
    return _log_mean(log_weights)


def log_prob_estimate(
    model: CodePrimitives, x: Any, *, num_importance: int, seed: Any
) -> LogProbEstimate:
    """Return the bound as an estimate of log p(x), with the error of its mean weight.

    The error is that of the logarithm to first order; it means little where it is not
    small, as where a few weights carry the mean.
    """
    check_positive_integer(num_importance, name="num_importance", minimum=2)
    log_weights = _log_weights(model, x, num_importance, seed)
    estimate = _log_mean(log_weights)
    relative = tf.exp(log_weights - estimate)
    variance = tf.reduce_sum(tf.square(relative - 1.0), axis=0) / (num_importance - 1)
    return LogProbEstimate(estimate, tf.sqrt(variance / num_importance))


def _log_weights(model: CodePrimitives, x: Any, num: Any, seed: Any) -> tf.Tensor:
    num = check_positive_integer(num, name="num_importance")
    z, log_r = model.sample_encoder(x, seed=seed, num=num)
    return model.log_prior(z) + model.log_decoder(x, z) - log_r


def _log_mean(log_weights: tf.Tensor) -> tf.Tensor:
    num = log_weights.shape[0]
    return tf.reduce_logsumexp(log_weights, axis=0) - math.log(num)
