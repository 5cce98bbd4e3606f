"""Protocols tell a density from a map and from a latent-variable model."""

from flowmc.core import types


class Density:
    """Scores and draws."""

    event_size = 1

    def log_prob(self, x):
        return x

    def sample_and_log_prob(self, n, *, seed):
        return n, seed


class Transport(Density):
    """A density that is a map too."""

    def forward_and_log_det(self, z):
        return z, 0.0

    def inverse_and_log_det(self, x):
        return x, 0.0


class Latent:
    """A VAE: no density of x alone."""

    event_size = latent_size = 1
    prior = None

    def encode(self, x):
        return x

    def decode(self, z):
        return z


def test_protocols_tell_models_apart():
    seen = {
        kind: [
            isinstance(kind(), protocol)
            for protocol in (
                types.DensityModel,
                types.TransportModel,
                types.LatentModel,
            )
        ]
        for kind in (Density, Transport, Latent)
    }
    assert seen == {
        Density: [True, False, False],
        Transport: [True, True, False],
        Latent: [False, False, True],
    }


def test_trainable_needs_variables_only():
    class Model:
        trainable_variables = ()

    assert isinstance(Model(), types.Trainable)
    assert not isinstance(object(), types.Trainable)


def test_request_and_batch_unpack_in_order():
    points, needs_gradient, carry, *rest = types.Request("x", False, ("c",))
    assert (points, needs_gradient, carry) == ("x", False, ("c",))
    assert types.Evaluation(1.0).gradient is None
    assert types.Batch("x", "w")._fields[:3] == ("x", "weight", "gradient")


def test_exported_names_exist():
    assert all(hasattr(types, name) for name in types.__all__)
