//! Where streams are looked for.

use bci_tests::{Client, Daemon, Outlet, Source, Subscriber, World};
use std::time::Duration;

#[test]
fn the_configuration_overrides_where_streams_are_looked_for() {
    let (there, here) = (World::new("there"), World::new("here"));
    let stream = there.name("eeg");
    let _outlet = Outlet::looping(&there, &Source::one(&stream));
    // Another session: it is not seen, unless the configuration says so.
    let deaf = Daemon::with(&here, "deaf", &stream, "", &[]);
    let session = format!("[lsl]\nsession_id = {:?}\nresolve_scope = \"machine\"\n", there.session());
    let daemon = Daemon::with(&here, "daemon", &stream, &session, &[]);
    let mut subscriber = Subscriber::to(&here, &daemon);
    subscriber.until_state("STREAMING", Duration::from_secs(20));
    assert_eq!(Client::of(&here, &deaf).pipeline()["stream"]["state"], "STREAM_STATE_WAITING");
}
