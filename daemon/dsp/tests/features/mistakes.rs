//! What features refuse, all at once.

use super::support::hz;
use super::*;

fn told(step: &StepSpec) -> Vec<String> {
    let mistakes = Chain::design(std::slice::from_ref(step), &Signal::unlabelled(hz(160.0), 3), 16);
    mistakes.expect_err("wrong").iter().map(|(_, e)| e.to_string()).collect()
}

#[test]
fn every_mistake_is_told_with_what_is_permitted() {
    let bad = power(Some((vec![[12.0, 8.0], [8.0, 12.0], [8.0, 80.0]], 0)), 33.0, f64::NAN, false, false);
    assert_eq!(
        told(&bad),
        [
            "bands_hz = [12, 8] must have edges in order, above 0 and below 80 Hz, half of the rate there; \
             band 1 is [12, 8]",
            "bands_hz = [8, 80] must have edges in order, above 0 and below 80 Hz, half of the rate there; \
             band 3 is [8, 80]",
            "order = 0 must be 1 to 16",
            "window_ms = 33 must be a whole number of samples at 160 Hz, such as 31.25 or 37.5 ms",
            "hop_ms = NaN must be 6.25 to 600000 ms at 160 Hz",
        ]
    );
    assert_eq!(
        told(&filter_bank(&[], 17)),
        ["bands_hz = [] must name at least one band", "order = 17 must be 1 to 16"]
    );
    assert!(told(&filter_bank(&[[f64::NAN, 8.0]], 2))[0].contains("band 1 is [NaN, 8]"));
    assert_eq!(
        told(&covariance_step(0.0, 10.0, Shrinkage::Fixed(1.5), true)),
        [
            "window_ms = 0 must be 6.25 to 600000 ms at 160 Hz",
            "hop_ms = 10 must be a whole number of samples at 160 Hz, such as 6.25 or 12.5 ms",
            "shrinkage = 1.5 must be 0 to 1, \"ledoit_wolf\", \"oas\" or \"none\"",
        ]
    );
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let exponential = told(&z_score_step(ZScoreMemory::Exponential { time_constant_s: bad }));
        assert!(exponential[0].ends_with("must be 0.00625 to 86400 s at 160 Hz"), "{exponential:?}");
        let rolling = told(&z_score_step(ZScoreMemory::Rolling { window_s: bad }));
        assert!(rolling[0].ends_with("must be 0.0125 to 86400 s at 160 Hz"), "{rolling:?}");
    }
}

#[test]
fn envelopes_tell_which_rates_would_fit() {
    let base = envelope(12.0, 30.0, EnvelopeMethod::Hilbert);
    let with = |smooth_hz, rate_hz| told(&envelope_step(EnvelopeSpec { smooth_hz, rate_hz, ..base }));
    assert_eq!(
        with(Some(5.0), Some(50.0)),
        [
            "rate_hz = 50 must be a whole fraction of 160 Hz, the rate there, such as 53.333333333333336 or 40 Hz"
        ]
    );
    assert_eq!(
        with(None, Some(40.0)),
        ["rate_hz = 40 must be more than twice smooth_hz: what is faster would come out as something slower"]
    );
    assert_eq!(with(Some(20.0), Some(40.0)).len(), 1);
    assert_eq!(with(Some(f64::NAN), Some(-1.0)).len(), 2);
    let near = EnvelopeSpec { low_hz: 0.001, ..base };
    assert!(told(&envelope_step(near))[0].contains("must leave more room"));
    let both = EnvelopeSpec { low_hz: 40.0, order: 0, ..base };
    assert_eq!(told(&envelope_step(both)).len(), 2);
}

#[test]
fn quality_tells_everything_at_once() {
    let bad = QualitySpec {
        window_ms: Some(-1.0),
        hop_ms: Some(1.0),
        line_hz: Some(80.0),
        line_harmonics: 0,
        flat_eps_uv: -1.0,
        rail_uv: Some(f64::NAN),
    };
    let keys: Vec<String> =
        told(&quality_step(bad)).iter().map(|m| m.split(' ').next().expect("a key").to_owned()).collect();
    assert_eq!(keys, ["window_ms", "hop_ms", "line_hz", "line_harmonics", "flat_eps_uv", "rail_uv"]);
}

#[test]
fn what_follows_a_wrong_feature_is_checked_only_where_it_can_be() {
    let wrong = z_score_step(ZScoreMemory::Rolling { window_s: 0.0 });
    let after = support::low_pass(100.0, 2);
    let mistakes =
        Chain::design(&[wrong, after.clone()], &Signal::unlabelled(hz(160.0), 3), 16).expect_err("both");
    assert_eq!(mistakes.iter().map(|(i, _)| *i).collect::<Vec<_>>(), [0, 1]);
    let mistakes = Chain::design(&[filter_bank(&[], 2), after], &Signal::unlabelled(hz(160.0), 3), 16)
        .expect_err("the first");
    assert_eq!(mistakes.iter().map(|(i, _)| *i).collect::<Vec<_>>(), [0]);
}
