use super::hold::first_largest;
use super::*;
use proptest::prelude::*;

fn spec() -> PolicySpec {
    PolicySpec { smoothing_ms: 500.0, threshold: 0.7, max_age_ms: 500.0, ..PolicySpec::NOTHING }
}

const DOUBT: Outcome = Outcome::NoIntent(NoIntentReason::BelowThreshold);

#[test]
fn evidence_must_last_before_an_intent_fires() {
    let mut policy = Policy::new(spec(), 2, 62.5);
    let decisions: Vec<_> = (0..16).map(|_| policy.decide(&[0.0, 1.0], Validity::VALID, 1)).collect();
    // 1 - exp(-t / 500 ms) passes 0.4 (0.5 + 0.5 * 0.4 = 0.7) at 255 ms: the fifth window of 62.5 ms.
    assert_eq!(decisions[..4], [DOUBT; 4]);
    assert_eq!(decisions[4..], [Outcome::Class(1); 12]);
}

#[test]
fn one_untrusted_window_forgets_everything() {
    let mut policy = Policy::new(spec(), 2, 62.5);
    for _ in 0..50 {
        policy.decide(&[1.0, 0.0], Validity::VALID, 1);
    }
    let outcome = policy.decide(&[1.0, 0.0], Validity::GAP, 1);
    assert_eq!(outcome, Outcome::NoIntent(NoIntentReason::InvalidData));
    assert_eq!(policy.smoothed(), [0.5, 0.5]);
    assert_eq!(policy.decide(&[1.0, 0.0], Validity::VALID, 1), DOUBT);
}

#[test]
fn skipped_windows_make_old_evidence_older() {
    let mut whole = Policy::new(spec(), 2, 62.5);
    let mut skipping = Policy::new(spec(), 2, 62.5);
    for _ in 0..20 {
        whole.decide(&[1.0, 0.0], Validity::VALID, 1);
        skipping.decide(&[1.0, 0.0], Validity::VALID, 1);
    }
    for _ in 0..8 {
        whole.decide(&[0.0, 1.0], Validity::VALID, 1);
    }
    skipping.decide(&[0.0, 1.0], Validity::VALID, 8);
    assert!((whole.smoothed()[0] - skipping.smoothed()[0]).abs() < 1e-5);
}

#[test]
fn doubt_between_equals_is_the_first() {
    assert_eq!(first_largest(&[0.5, 0.5]), Some(0));
    assert_eq!(first_largest(&[0.2, 0.5, 0.3]), Some(1));
    assert_eq!(first_largest(&[]), None);
}

#[test]
fn without_smoothing_each_window_speaks_for_itself() {
    let mut policy = Policy::new(
        PolicySpec { smoothing_ms: 0.0, threshold: 0.7, max_age_ms: 500.0, ..PolicySpec::NOTHING },
        3,
        10.0,
    );
    assert_eq!(policy.decide(&[0.1, 0.8, 0.1], Validity::VALID, 1), Outcome::Class(1));
    assert_eq!(policy.decide(&[0.5, 0.4, 0.1], Validity::VALID, 1), DOUBT);
}

proptest! {
    #[test]
    fn what_is_smoothed_stays_a_distribution(ps in prop::collection::vec(0.0f32..=1.0, 1..300)) {
        let mut policy = Policy::new(spec(), 2, 10.0);
        for p in ps {
            policy.decide(&[p, 1.0 - p], Validity::VALID, 1);
            let sum: f32 = policy.smoothed().iter().sum();
            prop_assert!((sum - 1.0).abs() < 1e-4);
            prop_assert!(policy.smoothed().iter().all(|s| (0.0..=1.0001).contains(s)));
        }
    }
}

const REST: Outcome = Outcome::NoIntent(NoIntentReason::Rest);
const DWELLING: Outcome = Outcome::NoIntent(NoIntentReason::Dwelling);
const REFRACTORY: Outcome = Outcome::NoIntent(NoIntentReason::Refractory);
const ACCUMULATING: Outcome = Outcome::NoIntent(NoIntentReason::Accumulating);
const INVALID: Outcome = Outcome::NoIntent(NoIntentReason::InvalidData);

/// Each window by itself, of three classes: two that are meant, and rest; a hop of 100 ms.
fn holding(hold: HoldSpec) -> Policy {
    Policy::new(PolicySpec { smoothing_ms: 0.0, threshold: 0.7, hold, ..spec() }, 3, 100.0)
}

/// What is decided where the class so sure is sure by so much, and the others share what is left.
fn decided(policy: &mut Policy, windows: &[(usize, f32)]) -> Vec<Outcome> {
    let posterior = |(class, p): (usize, f32)| {
        let mut all = [(1.0 - p) / 2.0; 3];
        all[class] = p;
        all
    };
    windows.iter().map(|window| policy.decide(&posterior(*window), Validity::VALID, 1)).collect()
}

#[test]
fn an_intent_lasts_until_it_falls_below_the_release() {
    let mut policy = holding(HoldSpec { release: Some(0.5), ..HoldSpec::default() });
    let windows = [(0, 0.6), (0, 0.7), (0, 0.5), (0, 0.49), (0, 0.6), (0, 0.8), (1, 0.8), (1, 0.4)];
    let (left, right) = (Outcome::Class(0), Outcome::Class(1));
    assert_eq!(decided(&mut policy, &windows), [DOUBT, left, left, DOUBT, DOUBT, left, right, DOUBT]);
}

#[test]
fn a_class_dwells_before_it_is_an_intent_and_none_follows_too_soon() {
    let hold = HoldSpec { dwell_ms: 200.0, refractory_ms: 300.0, ..HoldSpec::default() };
    let mut policy = holding(hold);
    let left = Outcome::Class(0);
    // 200 ms of dwelling are the third window; an interruption begins it anew.
    let windows = [(0, 0.8), (0, 0.8), (1, 0.8), (0, 0.8), (0, 0.8), (0, 0.8), (0, 0.8)];
    assert_eq!(
        decided(&mut policy, &windows),
        [DWELLING, DWELLING, DWELLING, DWELLING, DWELLING, left, left]
    );
    assert_eq!(policy.held_ms(), Some(100.0));
    // It ends here; the window 300 ms later is the first that may dwell.
    let windows = [(0, 0.5), (0, 0.8), (0, 0.8), (0, 0.8), (0, 0.8), (0, 0.8)];
    assert_eq!(
        decided(&mut policy, &windows),
        [REFRACTORY, REFRACTORY, REFRACTORY, DWELLING, DWELLING, left]
    );
    assert_eq!(policy.held_ms(), Some(0.0));
    // A hole ends it too, and forgives nothing; hops that are not seen count.
    assert_eq!(policy.decide(&[0.8, 0.1, 0.1], Validity::GAP, 1), INVALID);
    assert_eq!(policy.held_ms(), None);
    assert_eq!(policy.decide(&[0.8, 0.1, 0.1], Validity::VALID, 2), REFRACTORY);
    assert_eq!(policy.decide(&[0.8, 0.1, 0.1], Validity::VALID, 1), DWELLING);
}

#[test]
fn rest_is_no_intent_and_ends_one() {
    let mut policy = holding(HoldSpec { release: Some(0.1), rest: vec![2], ..HoldSpec::default() });
    let left = Outcome::Class(0);
    let windows = [(2, 0.9), (0, 0.9), (0, 0.6), (2, 0.7), (2, 0.6), (0, 0.9)];
    assert_eq!(decided(&mut policy, &windows), [REST, left, left, REST, DOUBT, left]);
}

#[test]
fn evidence_adds_up_to_one_decision_and_begins_anew() {
    let accumulation = Accumulation { fresh: 0.5, leak_ms: None, give_up_ms: None };
    let gathering = PolicySpec { threshold: 0.9, accumulation: Some(accumulation), ..spec() };
    let mut policy = Policy::new(gathering.clone(), 2, 100.0);
    // Half of ln(0.8 / 0.2) = 1.386 a window; 0.9 is ln(0.9 / 0.1) = 2.197: the fourth of 0.693 each.
    let mut seen = Vec::new();
    for _ in 0..8 {
        seen.push(policy.decide(&[0.2, 0.8], Validity::VALID, 1));
    }
    let cycle = [ACCUMULATING, ACCUMULATING, ACCUMULATING, Outcome::Class(1)];
    assert_eq!(seen, [cycle, cycle].concat());
    let sure = 1.0 / (1.0 + (-4.0_f32 * 0.5 * 4.0_f32.ln()).exp());
    assert!((policy.smoothed()[1] - sure).abs() < 1e-5, "{:?}", policy.smoothed());
    // Contrary evidence takes back; a window that is not to be trusted, all of it.
    policy.decide(&[0.2, 0.8], Validity::VALID, 1);
    policy.decide(&[0.8, 0.2], Validity::VALID, 1);
    assert!((policy.smoothed()[0] - 0.5).abs() < 1e-6);
    policy.decide(&[0.2, 0.8], Validity::VALID, 1);
    assert_eq!(policy.decide(&[0.2, 0.8], Validity::FLAT, 1), INVALID);
    assert_eq!(policy.smoothed(), [0.5, 0.5]);
    // A window skipped is one that brought nothing; two hops bring as much that is new as a whole window holds.
    assert_eq!(policy.decide(&[0.2, 0.8], Validity::VALID, 2), ACCUMULATING);
    assert!((policy.smoothed()[1] - 0.8).abs() < 1e-6);
    // In the refractory period nothing is gathered.
    let hold = HoldSpec { refractory_ms: 250.0, ..HoldSpec::default() };
    let mut policy = Policy::new(PolicySpec { hold, ..gathering }, 2, 100.0);
    let seen: Vec<_> = (0..8).map(|_| policy.decide(&[0.01, 0.99], Validity::VALID, 1)).collect();
    let right = Outcome::Class(1);
    assert_eq!(
        seen,
        [right, REFRACTORY, REFRACTORY, right, REFRACTORY, REFRACTORY, right, REFRACTORY],
        "99 to 1, by half, is 9.9 to 1"
    );
}

#[test]
fn evidence_leaks_and_is_given_up() {
    let accumulation = Accumulation { fresh: 1.0, leak_ms: Some(100.0), give_up_ms: Some(300.0) };
    let spec = PolicySpec { threshold: 0.99, accumulation: Some(accumulation), ..spec() };
    let mut policy = Policy::new(spec, 2, 100.0);
    policy.decide(&[0.1, 0.9], Validity::VALID, 1);
    policy.decide(&[0.5, 0.5], Validity::VALID, 1);
    let left_over = (-1.0_f32).exp() * 9.0_f32.ln();
    let odds = (policy.smoothed()[1] / policy.smoothed()[0]).ln();
    assert!((odds - left_over).abs() < 1e-5, "{odds} is not {left_over}");
    policy.decide(&[0.5, 0.5], Validity::VALID, 1);
    // The fourth window is 400 ms after the beginning: what was gathered is given up, and it alone counts.
    assert_eq!(policy.decide(&[0.4, 0.6], Validity::VALID, 1), DOUBT);
    assert!((policy.smoothed()[1] - 0.6).abs() < 1e-6);
}

fn moving(decay_ms: f64) -> Policy {
    let motion = MotionSpec {
        axes: vec!["x".to_owned(), "y".to_owned()].into(),
        drives: vec![
            Drive::Classes { plus: Some(1), minus: Some(0) },
            Drive::Classes { plus: Some(2), minus: None },
        ],
        gain: 2.0,
        dead_zone: 0.2,
        decay_ms,
        unit: "1/s".into(),
    };
    Policy::new(PolicySpec { smoothing_ms: 0.0, motion: Some(Arc::new(motion)), ..spec() }, 3, 100.0)
}

#[test]
fn velocity_follows_what_is_believed_beyond_the_dead_zone() {
    let velocity = |policy: &Policy| policy.velocity().expect("configured").values;
    let mut policy = moving(0.0);
    let of = |policy: &mut Policy, posterior: [f32; 3]| {
        policy.decide(&posterior, Validity::VALID, 1);
        velocity(policy)
    };
    assert_eq!(of(&mut policy, [0.0, 1.0, 0.0]), [2.0, 0.0], "full drive is full speed");
    assert_eq!(of(&mut policy, [0.45, 0.55, 0.0]), [0.0, 0.0], "in the dead zone");
    let slow = of(&mut policy, [0.6, 0.0, 0.4]);
    assert!((slow[0] + 1.0).abs() < 1e-6 && (slow[1] - 0.5).abs() < 1e-6, "{slow:?}");
    // It stops at once where nothing can be trusted, and slowly where nothing is believed.
    let mut policy = moving(100.0);
    for _ in 0..100 {
        policy.decide(&[0.0, 1.0, 0.0], Validity::VALID, 1);
    }
    assert!((velocity(&policy)[0] - 2.0).abs() < 1e-5);
    policy.decide(&[0.5, 0.5, 0.0], Validity::VALID, 2);
    assert!((velocity(&policy)[0] - 2.0 * (-2.0_f32).exp()).abs() < 1e-5);
    policy.decide(&[0.0, 1.0, 0.0], Validity::GAP, 1);
    assert_eq!(velocity(&policy), [0.0, 0.0]);
}

#[test]
fn a_decoders_own_velocity_is_scaled_and_what_is_no_number_stops() {
    let motion = MotionSpec {
        axes: vec!["vx".to_owned()].into(),
        drives: vec![Drive::Number(0)],
        gain: 0.5,
        dead_zone: 1.0,
        decay_ms: 0.0,
        unit: "1/s".into(),
    };
    let spec = PolicySpec { motion: Some(Arc::new(motion)), ..spec() };
    let mut policy = Policy::new(spec, 0, 100.0);
    let mut of = |number: f32, validity| {
        policy.drive(&[number], validity, 1);
        policy.velocity().expect("configured").values[0]
    };
    assert_eq!(of(5.0, Validity::VALID), 2.0);
    assert_eq!(of(-5.0, Validity::VALID), -2.0);
    assert_eq!(of(0.9, Validity::VALID), 0.0);
    assert_eq!(of(5.0, Validity::STALE), 0.0);
    assert_eq!(of(f32::NAN, Validity::VALID), 0.0);
    assert_eq!(of(f32::INFINITY, Validity::VALID), 0.0);
}

/// What the rules say of a whole course of windows, looked at from its beginning for each of them: no state.
fn by_the_rules(course: &[Option<(usize, f32)>], hold: &HoldSpec, threshold: f32) -> Vec<Option<usize>> {
    let hops = |ms: f64| (ms / 100.0).round() as usize;
    let release = hold.release.map_or(threshold, |r| r as f32);
    let reaches =
        |window: usize, class: usize| course[window].is_some_and(|(c, p)| c == class && p >= threshold);
    let mut intents: Vec<Option<usize>> = Vec::new();
    for (k, window) in course.iter().enumerate() {
        let before = k.checked_sub(1).and_then(|j| intents[j]);
        let Some((class, p)) = *window else {
            intents.push(None);
            continue;
        };
        let overtaken = p >= threshold && before != Some(class);
        let lasts = before.filter(|b| !overtaken && share(*b, class, p) >= release);
        // The window in which the last one ended.
        let ended = if before.is_some() {
            Some(k)
        } else {
            (1..k).rev().find(|j| intents[j - 1].is_some() && intents[*j] != intents[j - 1])
        };
        let may = |j: usize| ended.is_none_or(|e| j >= e + hops(hold.refractory_ms));
        let stayed =
            (0..=k).rev().take_while(|j| reaches(*j, class) && may(*j) && (*j == k || intents[*j].is_none()));
        let begins = stayed.count() > hops(hold.dwell_ms) && !hold.rest.contains(&class);
        intents.push(lasts.or(begins.then_some(class)));
    }
    intents
}

/// The probability of a class where another is so sure, of three.
fn share(class: usize, sure: usize, p: f32) -> f32 {
    if class == sure { p } else { (1.0 - p) / 2.0 }
}

proptest! {
    #[test]
    fn whatever_comes_is_held_by_the_rules(
        course in prop::collection::vec(prop::option::weighted(0.93, (0usize..3, prop::sample::select(vec![0.4f32, 0.55, 0.75, 0.9]))), 1..60),
        release in prop::option::of(prop::sample::select(vec![0.45f64, 0.5, 0.7])),
        dwell in 0u8..4, refractory in 0u8..5, rest in any::<bool>(),
    ) {
        let hold = HoldSpec {
            release,
            dwell_ms: f64::from(dwell) * 100.0,
            refractory_ms: f64::from(refractory) * 100.0,
            rest: if rest { vec![2] } else { Vec::new() },
        };
        let mut policy = holding(hold.clone());
        let decided: Vec<Option<usize>> = course.iter().map(|window| {
            let (posterior, validity) = match window {
                Some((class, p)) => ([0, 1, 2].map(|c| share(c, *class, *p)), Validity::VALID),
                None => ([0.0; 3], Validity::GAP),
            };
            match policy.decide(&posterior, validity, 1) {
                Outcome::Class(class) => Some(class),
                _ => None,
            }
        }).collect();
        prop_assert_eq!(decided, by_the_rules(&course, &hold, 0.7));
    }
}
