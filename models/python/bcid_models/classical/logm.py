"""The logarithm of positive definite matrices with nothing but products, as no ONNX operator finds eigenvalues.

`A` is scaled by its Frobenius norm, so that its eigenvalues lie in (0, 1]. Then comes a coupled iteration for its
inverse `POWER`-th root (Guo and Higham, SIAM J. Matrix Anal. Appl. 28(3), 2006; Iannazzo, the same issue),

    R = (scale M + shift)^2 + offset,    X <- X R,    M <- M R^POWER,    from X = 1, M = A,

with the quadratic that brings the eigenvalues closest together in place of Newton's straight line, which would take
several times the steps. As `M = A X^POWER` throughout, whatever the quadratics are,

    log A = log M - POWER log X

is exact long before `M` is the unit matrix: three steps take six orders of magnitude to less than one, and leave the
largest eigenvalue of `X` 2.4 times the smallest, where polynomials do for both logarithms: 32 products of matrices in
all. An eigenvalue below `FLOOR` of the norm gets a finite logarithm that is too large.
"""

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial

from .net import Net
from .spd import TINY

FLOOR = 1e-6
POWER = 16
STEPS = ((1.5125, -0.86237, 0.57684), (1.2467, -0.74116, 0.74396), (0.86062, -0.5726, 0.91654))
"""Scale, shift and offset: minimax over what the step before leaves of `[FLOOR, 1]`, by linear programming, rounded."""
TOLERANCE = 1e-8
"""Of a logarithm, from either series."""


def matrix_log(net: Net, spd: str, batch: int, width: int) -> str:
    """The logarithms of `[batch, width, width]`."""
    unit = np.broadcast_to(np.eye(width), (batch, width, width))
    squares = net.add("ReduceSumSquare", spd, axes=[1, 2], keepdims=1)
    norm = net.add("Sqrt", net.add("Max", squares, net.constant(TINY**2, "least")))
    m, x = net.add("Div", spd, norm), None
    for scale, shift, offset in STEPS:
        shifted = net.add("Mul", m, net.constant(scale, "scale"))
        shifted = net.add("Add", shifted, net.constant(shift * unit, "shift"))
        r = net.add("Add", net.add("MatMul", shifted, shifted), net.constant(offset * unit, "offset"))
        x = r if x is None else net.add("MatMul", x, r)
        for _ in range(POWER.bit_length() - 1):
            r = net.add("MatMul", r, r)
        m = net.add("MatMul", m, r)
    of_m, of_x = _ranges()
    log_m = _polynomial(net, m, _series(*of_m, 1), unit)
    log_x = _polynomial(net, x, _series(*of_x, POWER), unit)
    scaled = net.add("Sub", log_m, net.add("Mul", log_x, net.constant(float(POWER), "power")))
    return net.add("Add", scaled, net.add("Mul", net.add("Log", norm), net.constant(unit, "unit")))


def _ranges() -> tuple[tuple[float, float], tuple[float, float]]:
    """Where the steps leave the eigenvalues of `M` and of `X`, of those from `FLOOR` to 1."""
    m = np.geomspace(FLOOR, 1, 20_001)
    x = np.ones_like(m)
    for scale, shift, offset in STEPS:
        r = (scale * m + shift) ** 2 + offset
        m, x = m * r**POWER, x * r
    return (m.min(), m.max()), (x.min(), x.max())


def _series(low: float, high: float, share: int) -> tuple[float, np.ndarray]:
    """The middle of a range, and the coefficients of the logarithm in powers of what lies beyond the middle."""
    middle, at = (low + high) / 2, np.linspace(low, high, 2001)
    for degree in range(1, 60):
        found = Chebyshev.interpolate(np.log, degree, domain=[low, high])
        if np.abs(found(at) - np.log(at)).max() < TOLERANCE / share:
            moved = Chebyshev(found.coef, domain=[low - middle, high - middle])
            return middle, moved.convert(kind=Polynomial).coef
    raise AssertionError("a range without zero has a series")


def _polynomial(net: Net, x: str, series: tuple[float, np.ndarray], unit: np.ndarray) -> str:
    """A polynomial of a matrix with few products (Paterson and Stockmeyer, SIAM J. Comput. 2(1), 1973).

    Powers below the `span`-th are weighed and added up for all parts at once, by one product with the coefficients.
    """
    (middle, coefficients), (batch, width, _) = series, unit.shape
    span = round(np.sqrt(len(coefficients)))
    parts = -(-len(coefficients) // span)
    table = np.zeros((parts, span))
    table.flat[: len(coefficients)] = coefficients
    y = net.add("Sub", x, net.constant(middle * unit, "middle"))
    powers = [net.constant(unit, "unit"), y]
    while len(powers) <= span:
        powers.append(net.add("MatMul", powers[-1], y))
    stacked = net.reshaped(net.add("Concat", *powers[:span], axis=0), span, -1)
    summed = net.reshaped(net.add("MatMul", net.constant(table, "series"), stacked), parts * batch, width, width)
    *lower, found = net.add("Split", summed, outputs=parts, axis=0)
    for part in reversed(lower):
        found = net.add("Add", net.add("MatMul", found, powers[span]), part)
    return found
