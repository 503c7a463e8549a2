//! What several tests assert.

use bci_tests::Intent;

/// Windows come one by one, none left out.
pub(crate) fn assert_no_holes(intents: &[&Intent]) {
    for pair in intents.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence + 1, "windows are missing");
    }
}

/// Every step comes after the one before; where a sample is stamped as it is taken, it is received after that.
pub(crate) fn assert_path_in_order(intent: &Intent) {
    let path = intent.path_ns();
    assert!(path.is_sorted(), "window {}: {path:?}", intent.sequence);
}

/// Two posteriors are the same but for the last digits of single precision.
pub(crate) fn assert_same_posterior(intent: &Intent, expected: &[f64], within: f64) {
    assert_eq!(intent.window.len(), expected.len());
    for (got, wanted) in intent.window.iter().zip(expected) {
        let off = (got - wanted).abs();
        assert!(off <= within, "window {}: {:?} is not {expected:?}", intent.sequence, intent.window);
    }
}
