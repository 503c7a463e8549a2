//! Analogue low-pass filters of edge 1 rad/s, from which all others are made.

mod bessel;
mod butterworth;
mod chebyshev;
mod double_double;
mod elliptic;
mod jacobi;

use super::Family;
use super::zpk::Zpk;

/// The low-pass of `family`, whose settings are in their ranges, and `order`, 1 or more.
pub(super) fn prototype(family: Family, order: u32) -> Zpk {
    match family {
        Family::Butterworth => butterworth::prototype(order),
        Family::Chebyshev1 { ripple_db } => chebyshev::first_kind(order, ripple_db),
        Family::Chebyshev2 { attenuation_db } => chebyshev::second_kind(order, attenuation_db),
        Family::Elliptic { ripple_db, attenuation_db } => {
            elliptic::prototype(order, ripple_db, attenuation_db)
        }
        Family::Bessel { norm } => bessel::prototype(order, norm),
    }
}
