//! Constants of the generalised Gaussian distributions that amplitudes are fitted with.

use std::f64::consts::FRAC_1_SQRT_2;

/// A distribution of density proportional to `exp(-|z|^shape)`.
pub(super) struct Shape {
    /// Its exponent: 2 is a Gaussian.
    pub(super) shape: f64,
    /// Between which `z` the part from the 2.2 % to the 60 % quantile lies.
    pub(super) bounds: [f64; 2],
    /// Its standard deviation.
    pub(super) deviation: f64,
}

/// The quantiles that [`Shape::bounds`] are for.
pub(super) const QUANTILES: [f64; 2] = [0.022, 0.6];

/// Shapes 1.7 to 3.35 in steps of 0.15. Bounds are SciPy's `gammaincinv(1 / shape, |2 q - 1|)^(1 / shape)` with the sign
/// of `q - 1/2`, deviations `sqrt(gamma(3 / shape) / gamma(1 / shape))`.
pub(super) const SHAPES: [Shape; 12] = [
    Shape {
        shape: 1.7,
        bounds: [-1.608_624_584_559_653, 0.182_115_306_908_469_4],
        deviation: 0.779_855_733_822_341_6,
    },
    Shape {
        shape: 1.849_999_999_999_999_9,
        bounds: [-1.504_509_597_045_158_5, 0.180_266_821_894_672_58],
        deviation: 0.738_485_065_011_255_3,
    },
    Shape {
        shape: 1.999_999_999_999_999_8,
        bounds: [-1.424_177_271_103_546_3, 0.179_143_454_621_291_72],
        deviation: FRAC_1_SQRT_2,
    },
    Shape {
        shape: 2.149_999_999_999_999_5,
        bounds: [-1.360_635_580_149_062_2, 0.178_505_967_053_938_67],
        deviation: 0.682_732_699_811_622_8,
    },
    Shape {
        shape: 2.3,
        bounds: [-1.309_337_125_634_676_4, 0.178_199_325_699_605_73],
        deviation: 0.663_426_559_020_882_8,
    },
    Shape {
        shape: 2.449_999_999_999_999_3,
        bounds: [-1.267_209_136_588_223_4, 0.178_120_305_557_329_24],
        deviation: 0.647_884_972_284_139,
    },
    Shape {
        shape: 2.599_999_999_999_999_6,
        bounds: [-1.232_107_552_880_286_5, 0.178_198_673_402_093_08],
        deviation: 0.635_202_164_197_16,
    },
    Shape {
        shape: 2.749_999_999_999_999,
        bounds: [-1.202_494_925_454_939_5, 0.178_385_807_546_645_38],
        deviation: 0.624_731_448_300_013_9,
    },
    Shape {
        shape: 2.899_999_999_999_999_5,
        bounds: [-1.177_242_586_672_161_9, 0.178_647_578_848_538_66],
        deviation: 0.616_000_305_622_003,
    },
    Shape {
        shape: 3.049_999_999_999_999,
        bounds: [-1.155_504_875_234_999_7, 0.178_959_768_933_641_43],
        deviation: 0.608_656_487_017_705_6,
    },
    Shape {
        shape: 3.199_999_999_999_999_3,
        bounds: [-1.136_636_734_154_579_6, 0.179_305_049_360_544_34],
        deviation: 0.602_432_761_417_99,
    },
    Shape {
        shape: 3.349_999_999_999_998_8,
        bounds: [-1.120_138_284_246_097_6, 0.179_670_948_476_031_96],
        deviation: 0.597_123_244_665_46,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Of `z^power exp(-|z|^shape)` from `from` to `to`, by Simpson's rule.
    fn integral(shape: f64, power: i32, from: f64, to: f64) -> f64 {
        let n = 20_000;
        let step = (to - from) / f64::from(n);
        let value = |i: i32| {
            let z = from + step * f64::from(i);
            z.powi(power) * (-z.abs().powf(shape)).exp()
        };
        let inner: f64 = (1..n).map(|i| if i % 2 == 1 { 4.0 } else { 2.0 } * value(i)).sum();
        (value(0) + inner + value(n)) * step / 3.0
    }

    #[test]
    fn bounds_are_quantiles_and_deviations_deviations() {
        for Shape { shape, bounds, deviation } in &SHAPES {
            // Beyond 9 nothing is left of any of them.
            let whole = 2.0 * integral(*shape, 0, 0.0, 9.0);
            for (z, quantile) in bounds.iter().zip(QUANTILES) {
                let part = 0.5 + integral(*shape, 0, 0.0, *z) / whole;
                assert!((part - quantile).abs() < 1e-10, "shape {shape}: {z} is the {part} quantile");
            }
            let variance = 2.0 * integral(*shape, 2, 0.0, 9.0) / whole;
            assert!((deviation * deviation - variance).abs() < 1e-9, "shape {shape}: {deviation}");
        }
    }
}
