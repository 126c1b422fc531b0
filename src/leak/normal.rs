//! The standard normal distribution: tail probability and quantile.
//!
//! Both are rational approximations good to about 15 digits, because `std` has no `erf`, and a dependency for two
//! functions would outweigh them. Every polynomial lists its coefficients from the highest power down.

/// Cody, erf for |x| <= 0.46875, in x².
const ERF_NUM: [f64; 5] = [
    0.185_777_706_184_603_15,
    3.161_123_743_870_565_5,
    113.864_154_151_050_16,
    377.485_237_685_302,
    3_209.377_589_138_469_4,
];
/// Denominator to [`ERF_NUM`].
const ERF_DEN: [f64; 5] = [
    1.0,
    23.601_290_952_344_122,
    244.024_637_934_444_17,
    1_282.616_526_077_372_3,
    2_844.236_833_439_171,
];
/// Cody, erfc for 0.46875 < x <= 4, in x.
const ERFC_MID_NUM: [f64; 9] = [
    2.153_115_354_744_038_3e-8,
    0.564_188_496_988_670_1,
    8.883_149_794_388_377,
    66.119_190_637_141_63,
    298.635_138_197_400_1,
    881.952_221_241_769,
    1_712.047_612_634_070_7,
    2_051.078_377_826_071_6,
    1_230.339_354_797_997_2,
];
/// Denominator to [`ERFC_MID_NUM`].
const ERFC_MID_DEN: [f64; 9] = [
    1.0,
    15.744_926_110_709_835,
    117.693_950_891_312_5,
    537.181_101_862_009_9,
    1_621.389_574_566_690_3,
    3_290.799_235_733_459_7,
    4_362.619_090_143_247,
    3_439.367_674_143_721_6,
    1_230.339_354_803_749_5,
];
/// Cody, erfc for x > 4, in 1/x².
const ERFC_FAR_NUM: [f64; 6] = [
    0.016_315_387_137_302_097,
    0.305_326_634_961_232_36,
    0.360_344_899_949_804_45,
    0.125_781_726_111_229_26,
    0.016_083_785_148_742_275,
    0.000_658_749_161_529_837_8,
];
/// Denominator to [`ERFC_FAR_NUM`].
const ERFC_FAR_DEN: [f64; 6] = [
    1.0,
    2.568_520_192_289_822,
    1.872_952_849_923_467_3,
    0.527_905_102_951_428_5,
    0.060_518_341_312_441_32,
    0.002_335_204_976_268_691_8,
];

/// Wichura, |p - 0.5| <= 0.425, in 0.425² - (p - 0.5)².
const CENTRE_NUM: [f64; 8] = [
    2_509.080_928_730_122_7,
    33_430.575_583_588_13,
    67_265.770_927_008_7,
    45_921.953_931_549_87,
    13_731.693_765_509_46,
    1_971.590_950_306_551_3,
    133.141_667_891_784_38,
    3.387_132_872_796_366_5,
];
/// Denominator to [`CENTRE_NUM`].
const CENTRE_DEN: [f64; 8] = [
    5_226.495_278_852_854,
    28_729.085_735_721_943,
    39_307.895_800_092_71,
    21_213.794_301_586_597,
    5_394.196_021_424_751,
    687.187_007_492_057_9,
    42.313_330_701_600_91,
    1.0,
];
/// Wichura, r <= 5 with r = sqrt(-ln p), in r - 1.6.
const TAIL_NUM: [f64; 8] = [
    0.000_774_545_014_278_341_4,
    0.022_723_844_989_269_184,
    0.241_780_725_177_450_6,
    1.270_458_252_452_368_4,
    3.647_848_324_763_204_5,
    5.769_497_221_460_691,
    4.630_337_846_156_546,
    1.423_437_110_749_683_5,
];
/// Denominator to [`TAIL_NUM`].
const TAIL_DEN: [f64; 8] = [
    1.050_750_071_644_416_9e-9,
    0.000_547_593_808_499_534_5,
    0.015_198_666_563_616_457,
    0.148_103_976_427_480_08,
    0.689_767_334_985_1,
    1.676_384_830_183_803_8,
    2.053_191_626_637_759,
    1.0,
];
/// Wichura, r > 5, in r - 5.
const FAR_NUM: [f64; 8] = [
    2.010_334_399_292_288_1e-7,
    2.711_555_568_743_487_6e-5,
    0.001_242_660_947_388_078_4,
    0.026_532_189_526_576_124,
    0.296_560_571_828_504_87,
    1.784_826_539_917_291_3,
    5.463_784_911_164_114,
    6.657_904_643_501_103,
];
/// Denominator to [`FAR_NUM`].
const FAR_DEN: [f64; 8] = [
    2.044_263_103_389_939_7e-15,
    1.421_511_758_316_446e-7,
    1.846_318_317_510_054_8e-5,
    0.000_786_869_131_145_613_3,
    0.014_875_361_290_850_615,
    0.136_929_880_922_735_8,
    0.599_832_206_555_888,
    1.0,
];

/// Probability that a standard normal variable exceeds `z`: 1 - Φ(z), range 0..=1.
///
/// Goes through erfc instead of 1 - Φ, so that a tail of 1e-20 keeps its digits. NaN in gives NaN out.
pub(super) fn upper_tail(z: f64) -> f64 {
    0.5 * erfc(z * std::f64::consts::FRAC_1_SQRT_2)
}

/// The `z` below which a standard normal variable falls with probability `p`: Φ⁻¹(p).
///
/// Range of `p` 0..=1; 0 and 1 give the infinities, anything outside NaN. Source: M. J. Wichura, "Algorithm AS 241: The
/// Percentage Points of the Normal Distribution", Applied Statistics 37 (1988), routine PPND16, relative error 1e-16.
pub(super) fn quantile(p: f64) -> f64 {
    let from_centre = p - 0.5;
    if from_centre.abs() <= 0.425 {
        let r = from_centre.mul_add(-from_centre, 0.425 * 0.425);
        return from_centre * ratio(&CENTRE_NUM, &CENTRE_DEN, r);
    }
    let r = (-p.min(1.0 - p).ln()).sqrt();
    let distance = if r.is_infinite() {
        f64::INFINITY
    } else if r <= 5.0 {
        ratio(&TAIL_NUM, &TAIL_DEN, r - 1.6)
    } else {
        ratio(&FAR_NUM, &FAR_DEN, r - 5.0)
    };
    distance.copysign(from_centre)
}

/// Complementary error function 2/√π ∫ₓ^∞ exp(-t²) dt, range 0..=2.
///
/// Source: W. J. Cody, "Rational Chebyshev approximations for the error function", Mathematics of Computation 23 (1969),
/// in the form of CALERF in his SPECFUN package.
fn erfc(x: f64) -> f64 {
    let y = x.abs();
    if y <= 0.468_75 {
        return x.mul_add(-ratio(&ERF_NUM, &ERF_DEN, y * y), 1.0);
    }
    let scaled = if y <= 4.0 {
        ratio(&ERFC_MID_NUM, &ERFC_MID_DEN, y)
    } else {
        let inverse_square = 1.0 / (y * y);
        let correction = inverse_square * ratio(&ERFC_FAR_NUM, &ERFC_FAR_DEN, inverse_square);
        (std::f64::consts::FRAC_2_SQRT_PI / 2.0 - correction) / y
    };
    // exp(-y²) in two factors: rounding y² first would cost y² units in the last place, some 700 in the far tail.
    let coarse = (y * 16.0).trunc() / 16.0;
    let fine = (y - coarse) * (y + coarse);
    let tail =
        if y.is_infinite() { 0.0 } else { (-coarse * coarse).exp() * (-fine).exp() * scaled };
    if x < 0.0 { 2.0 - tail } else { tail }
}

/// Quotient of two polynomials in `x` (Horner).
fn ratio(numerator: &[f64], denominator: &[f64], x: f64) -> f64 {
    let horner =
        |coefficients: &[f64]| coefficients.iter().fold(0.0_f64, |sum, &c| sum.mul_add(x, c));
    horner(numerator) / horner(denominator)
}
