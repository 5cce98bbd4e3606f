"""The wave of an inspiral in two gravitational-wave detectors, in NumPy or TensorFlow.

`xp` is `numpy` or `tensorflow.experimental.numpy`: one text for both.  The waveform is
TaylorF2 to second post-Newtonian order (Buonanno et al. 2009, arXiv:0907.0700), the
noise that of Advanced LIGO as designed (Sathyaprakash and Schutz 2009,
arXiv:0903.0338); antenna patterns as in Anderson et al. (2001),
doi:10.1103/PhysRevD.63.042003.
"""

from functools import cache
from typing import Any

import numpy as np
from scipy import special

SUN, GPC, LIGHT = 4.925490947e-6, 1.0292712503e17, 299792458.0  # s, s, m / s
FREQUENCY = np.arange(20.0, 120.0, 0.25)  # Hz, of four seconds of data
DETECTORS = np.array(  # vertex in m, directions of both arms, fixed to the Earth
    [
        [-2161414.92636, -3834695.17889, 4600350.22664],
        [-0.22389266154, 0.79983062746, 0.55690487831],
        [-0.91397818574, 0.02609403989, -0.40492342125],
        [-74276.0447238, -5496283.71971, 3224257.01744],
        [-0.95457412153, -0.14158077340, -0.26218911324],
        [0.29774156894, -0.48791033647, -0.82054461286],
    ]
).reshape(2, 3, 3)
# In solar masses, Gpc and s.  Zenith and azimuth belong to the line from Livingston
# to Hanford, time and phase to Hanford: what is measured there hardly depends on the
# other parameters (Roulet et al. 2022, arXiv:2207.03508).  Of polarizations a quarter
# turn is all there is: the next is the same wave, half an orbit's turn later.
MIDDLE = 120  # index of the frequency to which the phase belongs, 50 Hz
NAMES = ["chirp_mass", "mass_ratio", "distance", "cos_inclination", "cos_zenith"]
NAMES += ["azimuth", "polarization", "time", "phase"]
LOW = np.array([11.0, 0.4, 0.0, -1.0, -1.0, 0.0, 0.0, -0.02, 0.0])
HIGH = np.array([13.0, 1.0, 2.0, 1.0, 1.0, 2 * np.pi, np.pi / 2, 0.02, np.pi])
INJECTED = np.array([12.0, 0.7, 1.2, 0.6, 0.3, 2.0, 1.0, 0.004, 0.8])


def directions(theta: Any, xp: Any = np) -> tuple[Any, Any, Any]:
    """Return unit vectors `[n, 3]` to the source, and south and east of it."""
    zenith, azimuth = theta[:, 4:5], theta[:, 5:6]
    line, up = DETECTORS[1, 0] - DETECTORS[0, 0], np.array([0.0, 0.0, 1.0])
    line, side, up = np.linalg.qr(np.stack([line, up, [1.0, 0.0, 0.0]], axis=1))[0].T
    outward = xp.cos(azimuth) * side + xp.sin(azimuth) * up
    sine = xp.sqrt(1 - zenith**2)
    source, south = zenith * line + sine * outward, zenith * outward - sine * line
    return source, south, xp.cos(azimuth) * up - xp.sin(azimuth) * side


def waves(theta: Any, xp: Any = np) -> list[tuple[Any, Any, Any]]:
    """Return angle `[n, frequency]` and complex size `[n]` twice, of each detector.

    The wave there is `(real + i imaginary) frequency^(-7/6) exp(i angle)`.
    """
    mass, ratio, distance, tilt, _, _, turn, time = (
        theta[:, i : i + 1] for i in range(8)
    )
    nu = ratio / (1 + ratio) ** 2
    v = (np.pi * SUN * mass * nu**-0.6 * FREQUENCY) ** (1 / 3)
    series = 1 + (3715 / 756 + 55 / 9 * nu) * v**2 - 16 * np.pi * v**3
    second = 15293365 / 508032 + 27145 / 504 * nu + 3085 / 72 * nu**2
    inspiral = 3 / (128 * nu * v**5) * (series + second * v**4)
    source, south, east = directions(theta, xp)
    found = []
    for vertex, x, y in DETECTORS:
        tensor = (np.outer(x, x) - np.outer(y, y)) / 2
        pull = south @ tensor
        plus = xp.sum(pull * south - (east @ tensor) * east, axis=1, keepdims=True)
        cross = 2 * xp.sum(pull * east, axis=1, keepdims=True)
        cosine, sine = xp.cos(2 * turn), xp.sin(2 * turn)
        real = (1 + tilt**2) / 2 * (plus * cosine + cross * sine)
        imaginary = tilt * (cross * cosine - plus * sine)
        size = (5 / 24) ** 0.5 * np.pi ** (-2 / 3) * (SUN * mass) ** (5 / 6)
        size = size / (distance * GPC)
        delay = source @ ((DETECTORS[0, 0] - vertex) / LIGHT)[:, None]
        angle = inspiral + 2 * np.pi * FREQUENCY * (time + delay)
        found.append((angle, size[:, 0] * real[:, 0], size[:, 0] * imaginary[:, 0]))
    return found


def turns(theta: Any, found: list, xp: Any = np) -> Any:
    """Return twice the orbit's phase `[n]`: it turns half as fast as the wave."""
    angle, real, imaginary = found[0]
    return 2 * theta[:, 8] + xp.arctan2(imaginary, real) + angle[:, MIDDLE]


@cache
def data() -> tuple[np.ndarray, float]:
    """Return wave times weight, summed over by products `[2, frequency]`, and norm."""
    x, rng = FREQUENCY / 215.0, np.random.default_rng(1)
    flat = 111 * (1 - x**2 + x**4 / 2) / (1 + x**2 / 2)
    noise = 1e-49 * (x**-4.14 - 5 / x**2 + flat)  # power in 1 / Hz
    strain = rng.normal(size=(4, x.size)) @ np.diag((noise / 4 / 0.25) ** 0.5)
    strain = strain[:2] + 1j * strain[2:]
    found = waves(INJECTED[None])
    for i, (angle, real, imaginary) in enumerate(found):
        turned = np.exp(1j * (angle[0] - turns(INJECTED[None], found)))
        strain[i] += (real + 1j * imaginary) * FREQUENCY ** (-7 / 6) * turned
    weight = 4 * 0.25 * FREQUENCY ** (-7 / 6) / noise
    return strain * weight, float(weight @ FREQUENCY ** (-7 / 6))


def log_likelihood(theta: Any, xp: Any = np, bessel: Any = special.i0e) -> Any:
    """Log-likelihood over that of noise `[n, 9] -> [n]`; `[n, 8]`: of any phase."""
    strain, norm = data()
    cosine = sine = square = 0.0
    found = waves(theta, xp)
    for (angle, real, imaginary), own in zip(found, strain, strict=True):
        even, odd = xp.cos(angle), xp.sin(angle)
        first = xp.sum(even * own.real + odd * own.imag, axis=1)
        second = xp.sum(odd * own.real - even * own.imag, axis=1)
        cosine += real * first - imaginary * second
        sine += real * second + imaginary * first
        square += (real**2 + imaginary**2) * norm / 2
    if theta.shape[1] == 8:
        size = xp.sqrt(cosine**2 + sine**2)
        return size + xp.log(bessel(size)) - square
    turn = turns(theta, found, xp)
    return cosine * xp.cos(turn) + sine * xp.sin(turn) - square
