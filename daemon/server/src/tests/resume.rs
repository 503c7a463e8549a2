//! Subscribers that come back, and those that do not want to hear of everything.

use super::{Services, StreamState, Subscriber, intent, marker, pipeline, services, words};
use crate::history::REMEMBERED;
use bci_proto::v1;
use bci_proto::v1::intent_service_server::IntentService as _;
use bci_proto::v1::subscribe_response::Event as Wire;
use bci_types::{Intent, NoIntentReason, Outcome};
use tokio_stream::StreamExt as _;
use tonic::{Code, Request, Status};

async fn asked(services: &Services, request: v1::SubscribeRequest) -> Result<Subscriber, Status> {
    services.subscribe(Request::new(request)).await.map(|answer| Subscriber(answer.into_inner()))
}

async fn resumed(services: &Services, place: v1::Place) -> Result<Subscriber, Status> {
    asked(services, v1::SubscribeRequest { markers: true, resume: Some(place), ..Default::default() }).await
}

/// Everything that is there, or comes up to the end.
async fn all(subscriber: Subscriber) -> Vec<v1::SubscribeResponse> {
    subscriber.0.map(Result::unwrap).collect().await
}

fn told(responses: &[v1::SubscribeResponse]) -> Vec<String> {
    let events: Vec<Wire> = responses.iter().filter_map(|r| r.event.clone()).collect();
    words(&events)
}

#[tokio::test]
async fn who_comes_back_is_sent_what_it_missed_once_and_told_that_it_is_old() {
    let (services, _) = services();
    let mut before =
        asked(&services, v1::SubscribeRequest { markers: true, ..Default::default() }).await.unwrap();
    services.publisher.intent(intent("a", 0));
    services.publisher.marker(marker("T1"));
    let mut place = None;
    for _ in 0..3 {
        let response = before.0.next().await.unwrap().unwrap();
        assert!(!response.replayed);
        place = response.place;
    }
    drop(before);
    services.publisher.intent(intent("b", 0));
    services.publisher.stream(pipeline("a", StreamState::Lost).stream);
    services.publisher.intent(intent("a", 1));
    let again = resumed(&services, place.unwrap()).await.unwrap();
    services.publisher.intent(intent("a", 2));
    services.publisher.close();
    let found = all(again).await;
    assert_eq!(
        told(&found),
        ["a is Streaming", "b is Waiting", "T1", "b0", "a is Lost", "a1", "a2"],
        "a0 had been read"
    );
    assert_eq!(
        found.iter().map(|r| r.replayed).collect::<Vec<_>>(),
        [false, false, true, true, true, true, false]
    );
    let positions: Vec<u64> = found[2..].iter().map(|r| r.place.unwrap().position).collect();
    assert_eq!(positions, [2, 3, 4, 5, 6]);
    // How long a replay took says nothing of the path.
    let published = services.telemetry.summary("a");
    let published = published.iter().find(|s| s.step == "publish").map_or(0, |s| s.count);
    assert_eq!(published, 2, "a0 and a2, when they were made");
}

#[tokio::test]
async fn what_is_not_remembered_is_told_and_another_run_too() {
    let (services, _) = services();
    let begun = services.publisher.position();
    let run = services.publisher.run();
    let many = REMEMBERED as u64 + 100;
    for seq in 0..many {
        services.publisher.intent(intent("a", seq));
        services.history.catch_up();
    }
    let place = |run, position| v1::Place { run, position };
    let from = |subscriber| async {
        let mut found: Subscriber = subscriber;
        let mut responses = Vec::new();
        for _ in 0..REMEMBERED + 3 {
            responses.push(found.0.next().await.unwrap().unwrap());
        }
        responses
    };
    let found = from(resumed(&services, place(run, begun + 1)).await.unwrap()).await;
    assert_eq!(told(&found[2..4]), ["missed 99".to_owned(), "a100".to_owned()]);
    assert_eq!(told(&found).last().unwrap(), &format!("a{}", many - 1));
    assert_eq!(found[2].place.unwrap().position, found[3].place.unwrap().position - 1);
    // What is missed when nothing is wanted of it is missed all the same; of another run nobody knows how much.
    let other = resumed(&services, place(run.wrapping_add(1), 1 << 40)).await.unwrap();
    let found = from(other).await;
    let Some(Wire::Missed(missed)) = &found[2].event else { panic!("{:?}", found[2]) };
    assert_eq!((missed.events, missed.another_run), (0, true));
    assert_eq!(told(&found[3..5]), ["missed 100".to_owned(), "a100".to_owned()]);
    let refused = resumed(&services, place(run, many + 1)).await.err().unwrap();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("there have been"), "{}", refused.message());
}

/// Whoever resumes while events come has each of them once, in order.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_told_twice_between_the_past_and_now() {
    let (services, _) = services();
    let publisher = services.publisher.clone();
    services.publisher.intent(intent("a", 0));
    let place = v1::Place { run: services.publisher.run(), position: services.publisher.position() };
    let publishing = std::thread::spawn(move || {
        for seq in 1..3000 {
            publisher.intent(intent("a", seq));
            std::thread::sleep(std::time::Duration::from_micros(50));
        }
    });
    for _ in 0..20 {
        let mut subscriber = resumed(&services, place).await.unwrap();
        let mut expected = 1;
        while expected < 120 {
            if let Some(Wire::Intent(i)) = subscriber.0.next().await.unwrap().unwrap().event {
                assert_eq!(i.sequence, expected);
                expected += 1;
            }
        }
        services.history.catch_up();
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    publishing.join().unwrap();
}

#[tokio::test]
async fn a_filter_passes_what_is_wanted_and_what_ends_it() {
    let said =
        |seq, outcome, sure: f32| Intent { outcome, smoothed: vec![sure, 1.0 - sure], ..intent("a", seq) };
    let (left, right) = (Outcome::Class(0), Outcome::Class(1));
    let none = Outcome::NoIntent(NoIntentReason::BelowThreshold);
    let made = [
        said(0, none, 0.5),
        said(1, left, 0.8),
        said(2, left, 0.9),
        said(3, none, 0.5),
        said(4, none, 0.5),
        said(5, right, 0.3),
        said(6, right, 0.1),
        said(7, left, 0.8),
    ];
    let passed = |filter: v1::IntentFilter| {
        let made = &made;
        async move {
            let (services, _) = services();
            let request =
                v1::SubscribeRequest { pipeline: "a".into(), filter: Some(filter), ..Default::default() };
            let subscriber = asked(&services, request).await.unwrap();
            made.iter().for_each(|i| services.publisher.intent(i.clone()));
            services.publisher.close();
            told(&all(subscriber).await)[1..].to_vec()
        }
    };
    let filter = v1::IntentFilter::default;
    assert_eq!(passed(filter()).await, ["a0", "a1", "a2", "a3", "a5", "a6", "a7"]);
    assert_eq!(
        passed(v1::IntentFilter { changes_only: true, ..filter() }).await,
        ["a0", "a1", "a3", "a5", "a7"]
    );
    let lefts = v1::IntentFilter { classes: vec!["left".into()], ..filter() };
    assert_eq!(passed(lefts).await, ["a0", "a1", "a2", "a3", "a7"]);
    let sure = v1::IntentFilter { minimum_probability: 0.85, ..filter() };
    assert_eq!(passed(sure).await, ["a0", "a2", "a3", "a6", "a7"], "the last one, of 0.8, ends that of 0.9");
    // Who held on to a2 when it was cut off is told that it is over, though nothing that is wanted comes.
    let (services, _) = services();
    made[..3].iter().for_each(|i| services.publisher.intent(i.clone()));
    let place = v1::Place { run: services.publisher.run(), position: services.publisher.position() };
    made[3..5].iter().for_each(|i| services.publisher.intent(i.clone()));
    let request = v1::SubscribeRequest {
        pipeline: "a".into(),
        filter: Some(filter()),
        resume: Some(place),
        ..Default::default()
    };
    let back = asked(&services, request).await.unwrap();
    services.publisher.close();
    assert_eq!(told(&all(back).await)[1..], ["a3"]);
    let (services, _) = self::services();
    let wrong = v1::IntentFilter { minimum_probability: f32::NAN, ..filter() };
    let request = v1::SubscribeRequest { filter: Some(wrong), ..Default::default() };
    let refused = asked(&services, request).await.err().unwrap();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("0 to 1"), "{}", refused.message());
}
