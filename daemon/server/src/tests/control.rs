use super::{intent, marker, services, subscribe, words};
use bci_proto::v1;
use bci_proto::v1::control_service_server::ControlService as _;
use bci_proto::v1::subscribe_response::Event as Wire;
use bci_proto::v1::telemetry_service_server::TelemetryService as _;
use bci_types::{Action, HostNs, Outcome, Validity, Velocity, Withheld};
use tonic::{Code, Request};

#[tokio::test]
async fn what_is_paused_says_so_until_it_is_resumed() {
    let (services, _) = services();
    let pause = |pipeline: &str| v1::PauseRequest { pipeline: pipeline.into(), reason: "coffee".into() };
    let paused = services.pause(Request::new(pause("a"))).await.unwrap().into_inner().paused;
    assert_eq!(paused, ["a"]);
    let status = services.get_status(Request::new(v1::GetStatusRequest {})).await.unwrap().into_inner();
    let told = status.pipelines[0].pause.clone().unwrap();
    assert_eq!((told.reason.as_str(), told.since_ns), ("coffee", 9_000_000));
    assert!(status.pipelines[1].pause.is_none());
    assert_eq!(services.pause(Request::new(pause(""))).await.unwrap().into_inner().paused, ["a", "b"]);
    let resume = |pipeline: &str| v1::ResumeRequest { pipeline: pipeline.into() };
    assert_eq!(services.resume(Request::new(resume("a"))).await.unwrap().into_inner().paused, ["b"]);
    assert_eq!(services.resume(Request::new(resume(""))).await.unwrap().into_inner().paused, [""; 0]);
    let refused = services.pause(Request::new(pause("c"))).await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (Code::NotFound, "no pipeline \"c\"; there are: a, b"));
    let long = v1::PauseRequest { reason: "x".repeat(201), ..v1::PauseRequest::default() };
    assert_eq!(services.pause(Request::new(long)).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_clients_marker_goes_where_markers_go() {
    let (services, engine) = services();
    let mark = |text: &str, time_ns| v1::MarkRequest { text: text.into(), time_ns };
    let made = services.mark(Request::new(mark("begin", None))).await.unwrap().into_inner();
    assert_eq!(made.time_ns, 9_000_000);
    services.mark(Request::new(mark("earlier", Some(5)))).await.unwrap();
    let expected = bci_types::Marker {
        stream: "bcid".into(),
        time: HostNs(5),
        received: HostNs(9_000_000),
        ..marker("earlier")
    };
    assert_eq!(engine.2.lock().unwrap()[1], expected);
    for wrong in [mark("", None), mark(&"x".repeat(1001), None), mark("late", Some(61_000_000_000))] {
        assert_eq!(services.mark(Request::new(wrong)).await.unwrap_err().code(), Code::InvalidArgument);
    }
    assert_eq!(engine.2.lock().unwrap().len(), 2);
}

/// An intent that holds, with a velocity.
fn held(seq: u64, withheld: Option<Withheld>) -> bci_types::Intent {
    let motion = Velocity { axes: vec!["x".to_owned()].into(), values: vec![0.5], unit: "1/s".into() };
    let action = Action {
        activation: 3,
        held_ms: 62.5,
        motion: Some(motion),
        valid_until: Some(HostNs(77)),
        withheld,
    };
    bci_types::Intent { outcome: Outcome::Class(1), validity: Validity::VALID, action, ..intent("a", seq) }
}

#[tokio::test]
async fn a_withheld_intent_is_none_and_moves_nothing() {
    let (services, _) = services();
    let subscriber = subscribe(&services, "a", false).await;
    services.publisher.intent(held(0, None));
    services.publisher.intent(held(1, Some(Withheld::Paused)));
    services.publisher.intent(held(2, Some(Withheld::Overruled)));
    services.publisher.close();
    let told: Vec<_> = subscriber.rest().await.into_iter().skip(1).collect();
    assert_eq!(words(&told), ["a0", "a1", "a2"]);
    let seen: Vec<_> = told
        .into_iter()
        .map(|event| {
            let Wire::Intent(intent) = event else { panic!("an intent") };
            let moves = intent.motion.unwrap().axes[0].value;
            assert_eq!(intent.valid_until_ns, Some(77));
            match intent.outcome.unwrap() {
                v1::intent::Outcome::Discrete(d) => (d.label, d.activation, d.held_ms, moves),
                v1::intent::Outcome::None(none) => (none.reason().as_str_name().to_owned(), 0, 0.0, moves),
                other => panic!("{other:?}"),
            }
        })
        .collect();
    let of = |text: &str| (text.to_owned(), 0, 0.0, 0.0);
    assert_eq!(
        seen,
        [("right".to_owned(), 3, 62.5, 0.5), of("NO_INTENT_REASON_PAUSED"), of("NO_INTENT_REASON_OVERRULED")]
    );
}

#[tokio::test]
async fn who_is_behind_is_listed_with_what_it_lost() {
    let (services, _) = services();
    let quick = subscribe(&services, "", false).await;
    let slow = subscribe(&services, "b", false).await;
    let list = || async {
        let all = services.list_subscribers(Request::new(v1::ListSubscribersRequest {})).await;
        let all = all.unwrap().into_inner().subscribers.into_iter();
        all.map(|s| (s.number, s.pipeline, s.sent, s.behind, s.dropped)).collect::<Vec<_>>()
    };
    assert_eq!(list().await, [(1, String::new(), 2, 0, 0), (2, "b".to_owned(), 1, 0, 0)]);
    for seq in 0..1500 {
        services.publisher.intent(intent("a", seq));
    }
    assert_eq!(list().await, [(1, String::new(), 2, 1500, 0), (2, "b".to_owned(), 1, 1500, 0)]);
    services.publisher.close();
    let read = quick.rest().await;
    // Its end takes a place in the backlog too.
    let missed = 1501 - super::BACKLOG;
    assert_eq!(words(&read[2..4]), [format!("missed {missed}"), format!("a{missed}")]);
    drop(slow);
    assert_eq!(list().await, []);
    assert_eq!(services.publisher.dropped(), missed);
}
